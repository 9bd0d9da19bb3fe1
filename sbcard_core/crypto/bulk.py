"""Batches: how many messages come in, how keys come beside them, how results go out, how threads share the work.

Three forms, and the result has the form of the messages:

* a sequence of ``bytes``: a list of ``bytes``;
* one buffer with int64 ``offsets`` (n + 1) or one ``message_length``, or a
  2-D ``uint8`` array: a numpy ``uint8`` array n × length;
* an Arrow array of binary values: an object Arrow libraries take.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

from sbcard_core.crypto import arrow
from sbcard_core.crypto.errors import KeyRefused
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey
from sbcard_core.errors import InvalidValue

KEPT = 4096
"""Up to this many messages the offsets of equal lengths are made once and kept."""

Rows = Any
"""list[bytes], numpy uint8 n × length or :class:`arrow.FixedBinary`: the form of the messages."""
Messages = Any
"""A sequence of bytes, a buffer, or an Arrow array."""
Keys = Any
"""One SecretKey for all, n × k bytes in one buffer, or a sequence of n bytes or SecretKeys."""


class Form(Enum):
    """How a batch came in, and so how its results go out."""

    LIST = "list"
    BUFFER = "buffer"
    ARROW = "arrow"


@dataclass(slots=True)
class Batch:
    """Messages side by side: ``data`` cut at ``offsets`` (n + 1 int64, the first one 0)."""

    data: Any = field(repr=False)
    offsets: Any = field(repr=False)
    count: int
    form: Form
    each: int = 0
    """The one length of all messages, where it is known without looking."""

    def all_are(self, length: int) -> bool:
        """Whether every message has this length."""
        if self.each:
            return self.each == length
        lengths = self.lengths()
        if isinstance(lengths, list):
            return all(one == length for one in lengths)
        return bool((lengths == length).all())

    def lengths(self) -> Any:
        """The n lengths, as an array or a list."""
        if isinstance(self.offsets, array):
            return [end - start for start, end in pairwise(self.offsets)]
        return self.offsets[1:] - self.offsets[:-1]

    def is_whole(self, block: int) -> bool:
        """Whether every message is a multiple of ``block`` bytes."""
        if isinstance(self.offsets, array):
            return not any(at % block for at in self.offsets)
        return not (self.offsets % block).any()

    def has_empty(self) -> bool:
        """Whether a message has no bytes."""
        lengths = self.lengths()
        return 0 in lengths if isinstance(lengths, list) else bool((lengths == 0).any())


def flat(value: Any, what: str, *, step: str) -> memoryview:
    """Any C-contiguous buffer as bytes.

    Raises:
        InvalidValue: no buffer, or not contiguous.
    """
    try:
        view = memoryview(value)
        return view if view.ndim == 1 and view.format == "B" and view.contiguous else view.cast("B")
    except (TypeError, ValueError):
        raise InvalidValue(f"{what}: not bytes side by side", step=step, advice="pass contiguous bytes") from None


def join(items: Sequence[Any], what: str, *, step: str) -> bytes:
    """Many short byte strings as one.

    Raises:
        InvalidValue: one of them is not bytes.
    """
    try:
        return b"".join(items)
    except TypeError:
        raise InvalidValue(f"{what}: one of them is not bytes", step=step) from None


def pack(messages: Messages, offsets: Any = None, message_length: int | None = None, *, step: str = "bulk") -> Batch:
    """Bring messages of any form into one buffer with offsets.

    Args:
        messages: see the module.
        offsets: for a buffer: n + 1 int64, ascending.
        message_length: for a buffer: the one length of all messages, in bytes.

    Raises:
        InvalidValue: ragged, or a buffer without the way to cut it.

    Example:
        >>> batch = pack([b"ab", b"", b"c"])
        >>> batch.count, bytes(batch.data), list(batch.offsets)
        (3, b'abc', [0, 2, 2, 3])
    """
    if type(messages) is bytes and offsets is None and message_length:
        count, rest = divmod(len(messages), message_length)
        if message_length > 0 and not rest:
            return Batch(messages, even(message_length, count), count, Form.BUFFER, message_length)
    if arrow.is_arrow(messages):
        column = arrow.Column(messages, step=step)
        return Batch(column.data, column.offsets, column.count, Form.ARROW, column.each)
    if not isinstance(messages, str | bytes | bytearray | memoryview) and isinstance(messages, Sequence):
        data = join(messages, "messages", step=step)
        return Batch(data, array("q", accumulate(map(len, messages), initial=0)), len(messages), Form.LIST)
    view = flat(messages, "messages", step=step)
    if offsets is not None:
        return _cut(view, offsets, step)
    source: Any = messages
    shape = memoryview(source).shape or (0,)
    length = shape[-1] if message_length is None and len(shape) == 2 else message_length
    if length is None or length < 1 or len(view) % length:
        raise InvalidValue(
            f"{len(view)} bytes can't be cut into messages", step=step, advice="pass offsets or message_length"
        )
    count = len(view) // length
    return Batch(view, even(length, count), count, Form.BUFFER, length)


@lru_cache(maxsize=16)
def _few_even(length: int, count: int) -> Any:
    import numpy as np  # noqa: PLC0415 - heavy, and only arrays need it

    made = np.arange(0, length * count + 1, length, dtype=np.int64)
    made.setflags(write=False)
    return made


def even(length: int, count: int) -> Any:
    """Offsets of ``count`` messages of one length; those of small batches are kept."""
    return _few_even(length, count) if count <= KEPT else _few_even.__wrapped__(length, count)


def _cut(view: memoryview, offsets: Any, step: str) -> Batch:
    import numpy as np  # noqa: PLC0415 - heavy, and only arrays need it

    at = np.ascontiguousarray(offsets)
    whole = at.ndim == 1 and len(at) > 0 and at.dtype.kind in "iu"
    if not whole or at[0] < 0 or at[-1] > len(view) or (np.diff(at.astype(np.int64)) < 0).any():
        raise InvalidValue("offsets are not n + 1 ascending places in the buffer", step=step)
    at = at.astype(np.int64, copy=False)
    first = int(at[0])
    return Batch(view[first : int(at[-1])], at - first if first else at, len(at) - 1, Form.BUFFER)


@dataclass(slots=True)
class PackedKeys:
    """Keys side by side; ``wipe`` clears a copy that :func:`pack_keys` made."""

    data: Any = field(repr=False)
    length: int
    copied: bool = False

    def part(self, start: int, end: int, count: int) -> Any:
        """The keys of some items of ``count``; one key serves them all."""
        if end - start == count or len(self.data) == self.length:
            return self.data
        return memoryview(self.data)[self.length * start : self.length * end]

    def wipe(self) -> None:
        """Zero what was copied out of key objects."""
        if self.copied:
            self.data[:] = bytes(len(self.data))


def opened(key: Any, cipher: Cipher | None, banned: frozenset[KeyUsage], step: str) -> tuple[Cipher, Any]:
    """Check one key against the cipher and the work; return both, the material not copied.

    Raises:
        KeyRefused: another cipher, a wrong length, or a usage that forbids this work.
    """
    if isinstance(key, SecretKey):
        if cipher is not None and cipher is not key.algorithm:
            raise KeyRefused(f"a {key.algorithm.value} key used as {cipher.value}", step=step)
        if key.usage in banned:
            raise KeyRefused(f"a {key.usage.value} key can't do this", step=step, term="密钥用途")
        return key.algorithm, key.buffer()
    cipher = Cipher.TDES if cipher is None else cipher
    if type(key) is not bytes and not isinstance(key, bytes | bytearray | memoryview):
        raise KeyRefused("a key is bytes or a SecretKey", step=step)
    if len(key) not in cipher.key_lengths:
        raise KeyRefused(f"a {cipher.value} key can't have {len(key)} bytes", step=step, term="密钥长度")
    return cipher, key


def pack_keys(
    keys: Keys,
    count: int,
    cipher: Cipher | None,
    banned: frozenset[KeyUsage] = frozenset(),
    *,
    lengths: tuple[int, ...] = (),
    step: str,
) -> tuple[Cipher, PackedKeys]:
    """Bring the keys of a batch side by side: one for all, or one each.

    ``lengths`` narrows what a DES or 3DES key may have. DES keys of different lengths are written at the longest
    one's (8 as K‖K, 16 as K1‖K2‖K1: the same function).

    Raises:
        KeyRefused: a wrong length, cipher or usage.
        InvalidValue: not one key for each of ``count`` messages.
    """
    if isinstance(keys, SecretKey):
        cipher, data = opened(keys, cipher, banned, step)
        _fits(cipher, len(data), lengths, step)
        return cipher, PackedKeys(data, len(data))
    if type(keys) is not bytes and arrow.is_arrow(keys):
        column = arrow.Column(keys, step=step)
        keys = column.data if column.each else [bytes(column.data[a:b]) for a, b in pairwise(column.offsets)]
    if not isinstance(keys, str | bytes | bytearray | memoryview) and isinstance(keys, Sequence):
        return _pack_each(keys, count, cipher, banned, lengths, step)
    cipher = Cipher.TDES if cipher is None else cipher
    data = keys if type(keys) is bytes else flat(keys, "keys", step=step)
    length = len(data) // count if count else (*lengths, 16)[0]
    if length * count != len(data):
        raise InvalidValue(f"{len(data)} bytes of keys for {count} messages", step=step)
    _fits(cipher, length, lengths, step)
    return cipher, PackedKeys(data, length)


def _fits(cipher: Cipher, length: int, lengths: tuple[int, ...], step: str) -> None:
    allowed = lengths if lengths and cipher is Cipher.TDES else cipher.key_lengths
    if length not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise KeyRefused(f"a {cipher.value} key has {wanted} bytes here, not {length}", step=step, term="密钥长度")


def _pack_each(
    keys: Sequence[Any],
    count: int,
    cipher: Cipher | None,
    banned: frozenset[KeyUsage],
    lengths: tuple[int, ...],
    step: str,
) -> tuple[Cipher, PackedKeys]:
    if len(keys) != count:
        raise InvalidValue(f"{len(keys)} keys for {count} messages", step=step)
    if set(map(type, keys)) == {bytes} and len(set(map(len, keys))) == 1:
        cipher = cipher or Cipher.TDES
        _fits(cipher, len(keys[0]), lengths, step)
        return cipher, PackedKeys(bytearray().join(keys), len(keys[0]), copied=True)
    parts: list[Any] = []
    for key in keys:
        cipher, material = opened(key, cipher, banned, step)
        parts.append(material)
    cipher = cipher or Cipher.TDES
    found = {len(part) for part in parts}
    for length in found:
        _fits(cipher, length, lengths, step)
    length = max(found, default=(*lengths, 16)[0])
    if len(found) > 1 and cipher is not Cipher.TDES:
        raise KeyRefused("keys of different lengths in one batch", step=step, term="密钥长度")
    wide = bytearray(length * count)
    for i, part in enumerate(parts):
        start, own = length * i, len(part)
        wide[start : start + own] = part
        for at in range(own, length, 8):
            wide[start + at : start + at + 8] = memoryview(part)[at % own : at % own + 8]
    return cipher, PackedKeys(wide, length, copied=True)


def pack_blocks(value: Any, width: int, count: int, what: str, *, step: str) -> Any:
    """One item of ``width`` bytes for all, or one each, as bytes side by side.

    Raises:
        InvalidValue: another number of bytes.
    """
    if arrow.is_arrow(value):
        value = bytes(arrow.Column(value, step=step).data)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview):
        if any(len(item) != width for item in value):
            raise InvalidValue(f"{what}: {width} bytes each", step=step)
        value = join(value, what, step=step)
    view = flat(value, what, step=step)
    if len(view) not in {width, width * count}:
        raise InvalidValue(f"{what}: {len(view)} bytes for {count} items of {width}", step=step)
    return view


def deliver(out: bytearray, width: int, length: int, form: Form) -> Rows:
    """Hand out the left ``length`` of every ``width`` bytes in the form the messages had."""
    if form is Form.LIST:
        raw = bytes(out)
        return [raw[at : at + length] for at in range(0, len(raw), width)]
    import numpy as np  # noqa: PLC0415 - heavy, and only arrays need it

    rows = np.frombuffer(out, np.uint8).reshape(-1, width)
    if length != width:
        rows = np.ascontiguousarray(rows[:, :length])
    return rows if form is Form.BUFFER else arrow.FixedBinary(rows.tobytes(), length)


def share(count: int, workers: int, lanes: int, work: Callable[[int, int], None]) -> None:
    """Call ``work(start, end)`` over 0 … ``count``, on ``workers`` threads when there is enough for each.

    The pieces are multiples of ``lanes``, so that no thread runs a part-filled pass but the last one.

    Example:
        >>> seen = []
        >>> share(700, 2, 256, lambda start, end: seen.append((start, end)))
        >>> sorted(seen)
        [(0, 512), (512, 700)]
    """
    if workers == 1:
        work(0, count)
        return
    if workers < 1:
        raise InvalidValue("workers is 1 or more", step="bulk")
    passes = -(-count // lanes)
    piece = -(-passes // workers) * lanes
    if piece >= count:
        work(0, count)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only for more than one thread

    starts = range(0, count, piece)
    with ThreadPoolExecutor(len(starts)) as pool:
        for done in [pool.submit(work, start, min(start + piece, count)) for start in starts]:
            done.result()


def cut(batch: Batch, start: int, end: int) -> tuple[Any, Any]:
    """Data and offsets of some messages of a batch, as a batch of their own."""
    if start == 0 and end == batch.count:
        return batch.data, batch.offsets
    first, last = batch.offsets[start], batch.offsets[end]
    data = memoryview(batch.data)[first:last]
    if isinstance(batch.offsets, array):
        return data, array("q", (at - first for at in batch.offsets[start : end + 1]))
    return data, batch.offsets[start : end + 1] - first


def sliced(value: Any, width: int, start: int, end: int, count: int) -> Any:
    """The items of some messages; one item serves them all."""
    if end - start == count or len(value) == width:
        return value
    return memoryview(value)[width * start : width * end]


def room(out: bytearray, width: int, start: int, end: int) -> Any:
    """The place of some items in ``out``."""
    return out if width * (end - start) == len(out) else memoryview(out)[width * start : width * end]
