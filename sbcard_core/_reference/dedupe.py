"""Twin of ``_fast.dedupe``: the same keys, marks, splits and sets, written to be read."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

LEVELS = ("reference",)
LENGTH = 18
NONE = (1 << 64) - 1
_WORD = NONE


def _words(buffer: Any, kind: str = "Q") -> "memoryview[Any]":
    view = memoryview(buffer).cast("B")
    return view.cast(kind)  # type: ignore[call-overload, no-any-return]


def _require(good: bool, what: str) -> None:
    if not good:
        raise ValueError(what)


def key_of(row: bytes) -> int:
    """A number's key, :data:`NONE` for anything but 17 digits and a digit or X."""
    body, last = row[:-1], row[-1:]
    if len(row) != LENGTH or not body.isdigit() or not (last.isdigit() or last == b"X"):
        return NONE
    return int(body) * 11 + (10 if last == b"X" else int(last))


def _fill(texts: list[bytes], keys: Any, status: Any) -> int:
    into, told = _words(keys), memoryview(status).cast("B")
    for at, text in enumerate(texts):
        into[at] = key_of(text)
        told[at] = into[at] == NONE
    return sum(told)


def _count(keys: Any, out: Any, width: int) -> int:
    size = memoryview(keys).nbytes
    good = size % 8 == 0 and memoryview(out).nbytes == size // 8 * width
    _require(good, f"keys are 8 bytes and results {width} bytes each")
    return size // 8


def pack(rows: Any, keys: Any, status: Any, _level: str) -> int:
    """Keys of n rows of 18 bytes."""
    data, n = bytes(memoryview(rows).cast("B")), _count(keys, status, 1)
    _require(len(data) == LENGTH * n, "rows must be 18 bytes each")
    return _fill([data[LENGTH * at : LENGTH * at + LENGTH] for at in range(n)], keys, status)


def pack_texts(data: Any, offsets: Any, wide: bool, keys: Any, status: Any, _level: str) -> int:
    """Keys of texts in one buffer."""
    whole, n = bytes(memoryview(data).cast("B")), _count(keys, status, 1)
    _require(memoryview(offsets).nbytes == (n + 1) * (8 if wide else 4), "there is one offset more than texts")
    places = _words(offsets, "q" if wide else "i").tolist()
    good = places == sorted(places) and places[0] >= 0 and (not n or places[-1] <= len(whole))
    _require(good, "an offset lies outside the text")
    return _fill([whole[low:high] for low, high in pairwise(places)], keys, status)


def pack_views(views: Any, blocks: Sequence[Any], keys: Any, status: Any, _level: str) -> int:
    """Keys of string views and the buffers they point into."""
    raw, n = bytes(memoryview(views).cast("B")), _count(keys, status, 1)
    _require(len(raw) == 16 * n, "views are 16 bytes each")
    texts = []
    for at in range(0, len(raw), 16):
        length, block, place = (int.from_bytes(raw[at + part : at + part + 4], "little") for part in (0, 8, 12))
        if length <= 12:
            texts.append(raw[at + 4 : at + 4 + length])
            continue
        good = block < len(blocks) and place + length <= memoryview(blocks[block]).nbytes
        _require(good, "a string view lies outside its buffer")
        texts.append(bytes(memoryview(blocks[block]).cast("B")[place : place + length]))
    return _fill(texts, keys, status)


def mark_first(keys: Any, seed: bytes, bits: int, out: Any, _level: str) -> None:
    """1 = first of its key."""
    _require(len(seed) == 16, "a seed is 16 bytes")
    _require(-1 <= bits <= 16, "2^0 to 2^16 parts")
    marks, seen = memoryview(out).cast("B"), {NONE}
    _count(keys, out, 1)
    for at, key in enumerate(_words(keys)):
        marks[at] = key not in seen
        seen.add(key)


def mark_repeated(keys: Any, seed: bytes, bits: int, out: Any, _level: str) -> None:
    """1 = its key occurs more than once."""
    _require(len(seed) == 16, "a seed is 16 bytes")
    _require(-1 <= bits <= 16, "2^0 to 2^16 parts")
    marks, counts = memoryview(out).cast("B"), Counter(_words(keys))
    _count(keys, out, 1)
    for at, key in enumerate(_words(keys)):
        marks[at] = key != NONE and counts[key] > 1


def _mix(key: int, seed: bytes) -> int:
    """One to one over 64 bits; NONE becomes 0."""
    _require(len(seed) == 16, "a seed is 16 bytes")
    first, second = (int.from_bytes(seed[at : at + 8], "little") | 1 for at in (0, 8))
    mixed = (key + 1) * first & _WORD
    return (mixed ^ mixed >> 32) * second & _WORD


def split(keys: Any, seed: bytes, bits: int, out: Any, starts: Any, _level: str) -> None:
    """The keys in parts by the top bits of their mixtures, in order within each."""
    good = 1 <= bits <= 16 and memoryview(starts).nbytes == ((1 << bits) + 1) * 8
    _require(good, "2^1 to 2^16 parts and one start more")
    _count(keys, out, 8)
    parts: list[list[int]] = [[] for _ in range(1 << bits)]
    for key in _words(keys):
        parts[_mix(key, seed) >> 64 - bits].append(key)
    into, places, at = _words(out), _words(starts), 0
    places[0] = 0
    for part, members in enumerate(parts):
        for key in members:
            into[at] = key
            at += 1
        places[part + 1] = at


def _bits(slots: "memoryview[Any]") -> int:
    bits = len(slots).bit_length() - 1
    _require(bits >= 6 and len(slots) == 1 << bits, "a set has 2^6 or more slots of 8 bytes, a power of two")
    return bits


def _seek(slots: "memoryview[Any]", mixed: int) -> int:
    at = mixed >> 64 - _bits(slots)
    while slots[at] and slots[at] != mixed:
        at = (at + 1) % len(slots)
    return at


def insert(slots: Any, used: int, keys: Any, seed: bytes, out: Any, _level: str) -> tuple[int, int]:
    """Put keys into a set until it is three quarters full."""
    table, marks, taken = _words(slots), memoryview(out).cast("B"), 0
    most = 3 * (1 << _bits(table)) // 4
    _count(keys, out, 1)
    for taken, key in enumerate(_words(keys)):
        if used >= most:
            return taken, used
        mixed = _mix(key, seed)
        at = _seek(table, mixed)
        marks[taken] = mixed != 0 and table[at] == 0
        if marks[taken]:
            table[at] = mixed
            used += 1
    return len(marks), used


def move(slots: Any, larger: Any, _level: str) -> None:
    """Move a set into a larger empty one."""
    table, other = _words(slots), _words(larger)
    _require(_bits(other) > _bits(table), "the other set must be larger")
    for mixed in table:
        if mixed:
            other[_seek(other, mixed)] = mixed


def find(slots: Any, keys: Any, seed: bytes, out: Any, _level: str) -> None:
    """The slot of each key or -1."""
    table = _words(slots)
    _bits(table)
    _count(keys, out, 8)
    places = _words(out, "q")
    for at, key in enumerate(_words(keys)):
        mixed = _mix(key, seed)
        slot = _seek(table, mixed)
        places[at] = slot if mixed and table[slot] else -1
