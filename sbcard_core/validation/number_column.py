"""Columns of numbers, however they come, as exact 64-bit keys beside the texts that are no such number.

A number of 17 digits and a check character is its own key (no digest), so equal keys are equal numbers. Every other
value (a 15-digit number, a permit, a blank, rubbish) is kept as its bytes and compared as such.
"""

import ctypes as ct
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from sbcard_core import _kernels, arrow
from sbcard_core.arrow_text import column_text
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id

Keys = npt.NDArray[np.uint64]
Marks = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Absent = npt.NDArray[np.bool_]

NONE = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""The key of what is no number."""
SEED = os.urandom(16)
"""Factors of this process's hash tables: they decide how keys are spread, never a result."""
PIECE = 65_536
"""Values of a stream taken at once."""

_GET = ct.CFUNCTYPE(ct.c_int, ct.c_void_p, ct.c_void_p)
_RELEASE = ct.CFUNCTYPE(None, ct.c_void_p)


def _wrong(what: str, advice: str = "pass n × 18 bytes, a list of text or an Arrow column of text") -> InvalidValue:
    return InvalidValue(what, step="validation.number_column", term="号码数组", advice=advice)


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """Some numbers.

    Args:
        keys: one for each value, :data:`NONE` for those that are no number.
        others: places of these, in order.
        text: their bytes, one after the other.
        ends: n + 1 offsets of each of them into ``text``.
    """

    keys: Keys = field(repr=False)
    others: Places = field(repr=False)
    text: bytes = field(default=b"", repr=False)
    ends: Places = field(default_factory=lambda: np.zeros(1, np.int64), repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def texts(self) -> Iterator[tuple[int, bytes]]:
        """(place, bytes) of each value that is no number."""
        ends = self.ends.tolist()
        for at, place in enumerate(self.others.tolist()):
            yield place, self.text[ends[at] : ends[at + 1]]


def pack_exact(rows: Any) -> Keys:
    """Keys of n rows of 18 bytes; two rows have one key only if they are equal, or both are no number.

    Example:
        >>> [int(key) for key in pack_exact(b"11010519491231002X")]
        [121115714403541032]
    """
    return _of_rows(memoryview(rows).cast("B")).keys


def _of_rows(rows: "memoryview[Any]") -> NumberColumn:
    count = len(rows) // citizen_id.LENGTH
    kernel, level = _kernels.choose("dedupe")
    keys, status = np.empty(count, np.uint64), np.empty(count, np.uint8)
    if not kernel.pack(rows, keys, status, level):
        return NumberColumn(keys, np.zeros(0, np.int64))
    others = np.flatnonzero(status)
    text = np.frombuffer(rows, np.uint8).reshape(-1, citizen_id.LENGTH)[others].tobytes()
    return NumberColumn(keys, others, text, np.arange(len(others) + 1, dtype=np.int64) * citizen_id.LENGTH)


def _of_texts(values: Sequence[str]) -> NumberColumn:
    try:
        data = "".join(values).encode("ascii")
        lengths = list(map(len, values))
    except UnicodeEncodeError:
        parts = [value.encode("utf-8", "surrogatepass") for value in values]
        data, lengths = b"".join(parts), list(map(len, parts))
    ends = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    return _of_offsets(memoryview(data), ends)


def _of_offsets(data: "memoryview[Any]", ends: npt.NDArray[Any], absent: Absent | None = None) -> NumberColumn:
    kernel, level = _kernels.choose("dedupe")
    keys, status = np.empty(len(ends) - 1, np.uint64), np.empty(len(ends) - 1, np.uint8)
    wide = ends.itemsize == 8
    others = kernel.pack_texts(data, ends, wide, keys, status, level)
    if absent is not None:
        keys[absent], status[absent] = NONE, 1
        others = int(status.sum())
    if not others:
        return NumberColumn(keys, np.zeros(0, np.int64))
    places = np.flatnonzero(status)
    low, high = ends[:-1][places].astype(np.int64), ends[1:][places].astype(np.int64)
    if absent is not None:
        high = np.where(absent[places], low, high)
    text = b"".join([bytes(data[a:b]) for a, b in zip(low.tolist(), high.tolist(), strict=True)])
    return NumberColumn(keys, places, text, np.concatenate([[0], np.cumsum(high - low)]).astype(np.int64))


def _memory(address: int | None, size: int) -> "memoryview[Any]":
    if not address or size <= 0:
        return memoryview(b"")
    return memoryview((ct.c_ubyte * size).from_address(address)).cast("B")


def _absent(column: arrow.Array) -> Absent | None:
    """Which values are null."""
    if column.null_count == 0 or not column.n_buffers or not column.buffers[0]:
        return None
    stop = column.offset + column.length
    bits = np.frombuffer(_memory(column.buffers[0], (stop + 7) // 8), np.uint8)
    absent: Absent = np.unpackbits(bits, bitorder="little")[column.offset : stop] == 0
    return absent


def _of_arrow(schema: arrow.Schema, column: arrow.Array) -> NumberColumn:
    """One Arrow array, read in place; a null counts as a blank."""
    kind, count, start = (schema.format or b"").decode("ascii", "replace"), column.length, column.offset
    if not count:
        return NumberColumn(np.zeros(0, np.uint64), np.zeros(0, np.int64))
    absent = _absent(column)
    if kind in {"u", "z", "U", "Z"}:
        size, form = (8, np.int64) if kind in {"U", "Z"} else (4, np.int32)
        ends = np.frombuffer(_memory(column.buffers[1], (start + count + 1) * size), form)[start:]
        return _of_offsets(_memory(column.buffers[2], int(ends[-1])), ends, absent)
    if kind == f"w:{citizen_id.LENGTH}" and absent is None:
        rows = _memory(column.buffers[1], (start + count) * citizen_id.LENGTH)
        return _of_rows(rows[start * citizen_id.LENGTH :])
    if kind in {"vu", "vz"} and absent is None:
        made = _of_views(column)
        if made is not None:
            return made
    if kind == "vz" or kind.startswith("w:"):
        raise _wrong(f"an Arrow column of type {kind!r} with nulls or other lengths")
    return _of_texts(column_text(schema, column))


def _of_views(column: arrow.Array) -> NumberColumn | None:
    """String views whose values are all numbers, read in place; None where one is not."""
    extra = column.n_buffers - 3
    sizes = np.frombuffer(_memory(column.buffers[column.n_buffers - 1], extra * 8), np.int64).tolist()
    blocks = [_memory(column.buffers[2 + at], size) for at, size in enumerate(sizes)]
    views = _memory(column.buffers[1], (column.offset + column.length) * 16)[column.offset * 16 :]
    keys, status = np.empty(column.length, np.uint64), np.empty(column.length, np.uint8)
    kernel, level = _kernels.choose("dedupe")
    others = kernel.pack_views(views, blocks, keys, status, level)
    return None if others else NumberColumn(keys, np.zeros(0, np.int64))


def _one_column(schema: arrow.Schema, column: arrow.Array) -> NumberColumn:
    if schema.format != b"+s":
        return _of_arrow(schema, column)
    if schema.n_children != 1:
        raise _wrong("a table with several columns", "pass the column of numbers alone")
    inner = arrow.Array.from_buffer_copy(arrow.Array.from_address(column.children[0]))
    inner.offset, inner.length, inner.release = inner.offset + column.offset, column.length, None
    if inner.length != arrow.Array.from_address(column.children[0]).length:
        inner.null_count = -1
    return _of_arrow(arrow.Schema.from_address(schema.children[0]), inner)


def _arrow_pieces(source: Any) -> Iterator[NumberColumn]:
    if not hasattr(source, "__arrow_c_stream__"):
        capsules = source.__arrow_c_array__()
        schema = arrow.Schema.from_address(arrow.pointer(capsules[0], b"arrow_schema"))
        yield _one_column(schema, arrow.Array.from_address(arrow.pointer(capsules[1], b"arrow_array")))
        return
    capsule = source.__arrow_c_stream__()
    place = arrow.pointer(capsule, b"arrow_array_stream")
    stream, schema = arrow.Stream.from_address(place), arrow.Schema()
    _call(stream.get_schema, place, schema)
    try:
        while True:
            batch = arrow.Array()
            _call(stream.get_next, place, batch)
            if not batch.release:
                return
            try:
                yield _one_column(schema, batch)
            finally:
                _RELEASE(batch.release)(ct.addressof(batch))
    finally:
        _RELEASE(schema.release)(ct.addressof(schema))


def _call(function: Any, place: int, out: arrow.Schema | arrow.Array) -> None:
    if _GET(function)(place, ct.addressof(out)):
        raise _wrong("the Arrow stream failed")


def _buffer(numbers: Any) -> "memoryview[Any] | None":
    """Rows of 18 bytes, or None where ``numbers`` is no buffer of bytes."""
    try:
        view = memoryview(numbers)
    except (TypeError, ValueError):
        return None
    if view.format.endswith("w") or view.format == "O":  # a numpy column of Python text is read as a stream
        return None
    if not view.c_contiguous:
        raise _wrong("the column is not contiguous")
    if view.nbytes % citizen_id.LENGTH:
        raise _wrong("a column of numbers is n × 18 bytes")
    return view.cast("B") if view.nbytes else memoryview(b"")


def pieces(numbers: Any) -> Iterator[NumberColumn]:
    """A column or stream of numbers piece by piece.

    Args:
        numbers: n × 18 contiguous bytes (``bytes``, numpy ``S18``, mmap), an Arrow column of text (PyCapsule), or any
            iterable of ``str``.

    Raises:
        InvalidValue: one text, or a column of another shape.

    Example:
        >>> [len(piece) for piece in pieces(["11010519491231002X", "H12345678"])]
        [2]
    """
    if isinstance(numbers, str):
        raise _wrong("one string is no column of numbers", "pass a list of numbers")
    if hasattr(numbers, "__arrow_c_stream__") or hasattr(numbers, "__arrow_c_array__"):
        yield from _arrow_pieces(numbers)
    elif (rows := _buffer(numbers)) is not None:
        for start in range(0, len(rows), PIECE * citizen_id.LENGTH):
            yield _of_rows(rows[start : start + PIECE * citizen_id.LENGTH])
    elif isinstance(numbers, Iterable):
        stream = map(str, numbers)
        while piece := list(islice(stream, PIECE)):
            yield _of_texts(piece)
    else:
        raise _wrong("no column of numbers")


def gather(numbers: Any) -> NumberColumn:
    """A whole column: 8 bytes a number, and the bytes of what is no number.

    Example:
        >>> column = gather(["11010519491231002X", "H12345678", ""])
        >>> len(column), list(column.texts())
        (3, [(1, b'H12345678'), (2, b'')])
    """
    if not isinstance(numbers, str) and not hasattr(numbers, "__arrow_c_stream__") and (rows := _buffer(numbers)):
        return _of_rows(rows)
    parts = list(pieces(numbers))
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *map(len, parts)])
    before = np.cumsum([0, *(len(part.text) for part in parts)])
    return NumberColumn(
        np.concatenate([np.zeros(0, np.uint64), *(part.keys for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(p.others + at for p, at in zip(parts, starts, strict=False))]),
        b"".join(part.text for part in parts),
        np.concatenate([[0], *(p.ends[1:] + at for p, at in zip(parts, before, strict=False))]).astype(np.int64),
    )
