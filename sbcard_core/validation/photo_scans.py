"""Damage inside the compressed data of a JPEG that decoders pass over: zeroed blocks, and scans that are missing.

A decoder fills what it cannot read with grey or with what the bits happen to say, and warns nobody. Whatever a picture
shows, some data are impossible in it. A run of zero bits is the shortest code of each table over and over: where that
code is not "end of block", as in the tables most programs use, full blocks of equal waves; where it is, one even block
for each few bits, and then the blocks are counted (:mod:`~sbcard_core.validation.photo_huffman`). A progressive picture
counts its ends of blocks instead of repeating them, and must bring every coefficient to its last bit.

Source: ITU-T T.81, B.2 (markers), C (Huffman codes), F and G (sequential and progressive coding).
"""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sbcard_core.validation.photo_huffman import Component, is_whole

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FRAMES = {0xC0, 0xC1, 0xC2}
_HUFFMAN, _INTERVAL, _SCAN, _END, _PROGRESSIVE = 0xC4, 0xDD, 0xDA, 0xD9, 0xC2
_ALONE = {0x01, *range(0xD0, 0xD9)}
_SHORTEST = 64
"""Zero bytes that no picture's blocks hold by themselves."""
_CORRECTIONS = 256
"""Zero bytes that no scan holds which only adds bits: encoders write at most some 1,000 of these bits together."""


@dataclass(slots=True)
class _Picture:
    """What the headers said so far."""

    progressive: bool = False
    units: int = 0
    """Groups of blocks of all components (MCU)."""
    interval: int = 0
    """Units between restart markers."""
    parts: dict[int, int] = field(default_factory=dict)
    """By component: its blocks in each unit."""
    alone: dict[int, int] = field(default_factory=dict)
    """By component: its blocks in a scan of its own."""
    tables: dict[int, bytes] = field(default_factory=dict)
    """Huffman tables by class and number."""
    left: dict[tuple[int, int], int] = field(default_factory=dict)
    """Bits still to come of each coefficient of each component; only those sent are in it."""


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(marker, body, entropy-coded data behind it) of each segment."""
    at = 2
    while found := _MARKER.search(data, at):
        kind, at = data[found.end() - 1], found.end()
        if kind == _END:
            return
        if kind in _ALONE:
            continue
        size = int.from_bytes(data[at : at + 2], "big")
        body, at = data[at + 2 : at + size], at + max(size, 2)
        following = _MARKER.search(data, at) if kind == _SCAN else None
        yield kind, body, data[at : following.start() if following else len(data)] if kind == _SCAN else b""


def _frame(picture: _Picture, kind: int, body: bytes) -> None:
    _, height, width, count = struct.unpack_from(">BHHB", body)
    parts = {body[6 + 3 * at]: (body[7 + 3 * at] >> 4, body[7 + 3 * at] & 15) for at in range(count)}
    across, down = (max(factor[side] for factor in parts.values()) for side in (0, 1))
    picture.progressive = kind == _PROGRESSIVE
    picture.units = -(-width // (8 * across)) * -(-height // (8 * down))
    picture.parts = {part: mine * under for part, (mine, under) in parts.items()}
    picture.alone = {
        part: -(-width * mine // (8 * across)) * -(-height * under // (8 * down))
        for part, (mine, under) in parts.items()
    }


def _tables(body: bytes) -> Iterator[tuple[int, bytes]]:
    """(class and number, counts of codes by length and their symbols) of each Huffman table."""
    at = 0
    while at + 17 < len(body):
        size = 17 + sum(body[at + 1 : at + 17])
        yield body[at], body[at + 1 : at + size]
        at += size


def _zero(table: bytes | None) -> tuple[int, int]:
    """(symbol whose code is all zeros, bits of that code)."""
    if table is None:
        return 0, 1
    return table[16], next(bits for bits, count in enumerate(table[:16], 1) if count)


def _has_impossible_zeros(picture: _Picture, body: bytes, coded: bytes) -> bool:
    if bytes(_SHORTEST) not in coded:
        return False
    count = body[0]
    names, tables = body[1 : 1 + 2 * count : 2], body[2 : 2 + 2 * count : 2]
    if picture.progressive:
        most = _most_zeros(picture, names, tables, *body[2 + 2 * count : 4 + 2 * count])
        return bytes(most) in coded
    levels = [picture.tables.get(table >> 4) for table in tables]
    waves = [picture.tables.get(0x10 | table & 15) for table in tables]
    if any(_zero(table)[0] for table in waves):
        return True
    if None in levels or None in waves:
        return True
    alone = count == 1
    parts = [
        Component(1 if alone else picture.parts[name], level or b"", wave or b"")
        for name, level, wave in zip(names, levels, waves, strict=True)
    ]
    return not is_whole(coded, parts, picture.alone[names[0]] if alone else picture.units, picture.interval)


def _most_zeros(picture: _Picture, names: bytes, tables: bytes, end: int, bits: int) -> int:
    """Bytes of zeros that no scan of a progressive picture holds: one more than it may."""
    adds_bits = bool(bits >> 4)
    if end and adds_bits:
        return _CORRECTIONS
    table = picture.tables.get(0x10 | tables[0] & 15 if end else tables[0] >> 4)
    symbol, width = (0, 1) if adds_bits else _zero(table)
    counts_ends = end and table is not None and any(one & 15 == 0 < one >> 4 < 15 for one in table[16:])
    if symbol or counts_ends:
        return _SHORTEST
    blocks = picture.alone[names[0]] if len(names) == 1 else picture.units * sum(picture.parts[name] for name in names)
    return max(_SHORTEST, blocks * width // 8 + 1)


def _note_scan(left: dict[tuple[int, int], int], body: bytes) -> None:
    count = body[0]
    start, end, bits = body[1 + 2 * count : 4 + 2 * count]
    for part in body[1 : 1 + 2 * count : 2]:
        left.update({(part, at): bits & 15 for at in range(start, min(end, 63) + 1)})


def _has_every_bit(parts: Iterable[int], left: Mapping[tuple[int, int], int]) -> bool:
    return all(left.get((part, at), 1) == 0 for part in parts for at in range(64))


def is_damaged(data: bytes) -> bool:
    """Whether the data of a JPEG are impossible or incomplete; what can't be told is left to the decoder.

    Args:
        data: a file that begins as a JPEG.
    """
    picture = _Picture()
    try:
        for kind, body, coded in _segments(data):
            if kind in _FRAMES:
                _frame(picture, kind, body)
            elif kind == _HUFFMAN:
                picture.tables.update(_tables(body))
            elif kind == _INTERVAL:
                picture.interval = int.from_bytes(body[:2], "big")
            elif kind == _SCAN:
                if _has_impossible_zeros(picture, body, coded):
                    return True
                _note_scan(picture.left, body)
    except (IndexError, KeyError, ValueError, StopIteration, struct.error):  # a segment that is cut short
        return True
    return picture.progressive and not _has_every_bit(picture.parts, picture.left)
