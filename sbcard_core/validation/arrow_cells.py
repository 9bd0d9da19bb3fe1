"""Columns of an Arrow batch as cells of text: described for a kernel where they lie, read one by one where needed."""

import ctypes as ct
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sbcard_core import _kernels, arrow
from sbcard_core.arrow_text import TextTable, buffer, column_text

_DESCRIBED = struct.Struct("=8Q")
_RELEASE = ct.CFUNCTYPE(None, ct.c_void_p)
_VIEW = struct.Struct("=i4sii")
_OFFSETS = {b"u": 4, b"U": 8}
_VIEWS = 16
_OUTSIDE = b"\xff"
"""No UTF-8, so no rule lets it pass."""


def describe(
    kind: int, offset: int, places: int, data: int, size: int, *, validity: int = 0, parts: int = 0, sizes: int = 0
) -> bytes:
    """A column of cells for the kernel (csrc/screen.h); of views, ``data`` is how many parts there are."""
    return _DESCRIBED.pack(kind, offset, validity, places, data, size, parts, sizes)


class Held:
    """An Arrow array that is released when nobody reads it any more."""

    def __init__(self, array: arrow.Array, owner: Any = None) -> None:
        self.array, self._owner = array, owner

    def __del__(self) -> None:
        if self._owner is None and self.array.release:
            _RELEASE(self.array.release)(ct.addressof(self.array))


class Cells:
    """One column of some rows.

    Args:
        schema: its type.
        column: the array; its own offset counts.
        start: first row, counted from the array's offset.
        count: rows.

    Raises:
        InvalidValue: a type that carries no text, whole number or day.
    """

    def __init__(self, schema: arrow.Schema, column: arrow.Array, start: int, count: int) -> None:
        self._first, self._count = column.offset + start, count
        self._places: memoryview | None = None
        self._column: arrow.Array | None = column
        validity = (column.buffers[0] or 0) if column.null_count and column.n_buffers else 0
        self._valid = buffer(validity, (column.offset + column.length + 7) // 8)
        plain = not schema.dictionary and count > 0
        if plain and schema.format in _OFFSETS:
            self._kind = _OFFSETS[schema.format]
            places, end = column.buffers[1], column.offset + column.length
            size = int.from_bytes(buffer(places + end * self._kind, self._kind), "little")
            self._fill(self._first, places, column.buffers[2] or 0, size, validity=validity)
        elif plain and schema.format == b"vu":
            self._kind = _VIEWS
            parts = ct.addressof(column.buffers.contents) + 16
            sizes = column.buffers[column.n_buffers - 1] or 0
            size = (self._first + count) * 16
            self._part_count = column.n_buffers - 3
            self._part_sizes = buffer(sizes, 8 * self._part_count).cast("q")
            self._address = column.buffers[1]
            self.described = describe(
                _VIEWS, self._first, self._address, self._part_count, size, validity=validity, parts=parts, sizes=sizes
            )
        else:
            self._keep(schema, column)

    def _fill(self, offset: int, places: int, data: int, size: int, **more: int) -> None:
        self._data = buffer(data, size)
        self._address = places
        self.described = describe(self._kind, offset, places, data, size, **more)

    def _keep(self, schema: arrow.Schema, column: arrow.Array) -> None:
        """A column of another type as text of its own."""
        part = arrow.Array.from_buffer_copy(column)
        part.offset, part.length, part.release = self._first, self._count, None
        part.null_count = 0 if column.null_count == 0 else -1
        texts = [text.encode("utf-8", "replace") for text in column_text(schema, part)]
        self._kind, self._first, self._column, self._valid = 8, 0, None, memoryview(b"")
        self._ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        self._text = b"".join(texts) + b"\0"
        data = ct.cast(ct.c_char_p(self._text), ct.c_void_p).value or 0
        self._fill(0, self._ends.ctypes.data, data, int(self._ends[-1]))

    def raw(self, row: int) -> bytes:
        """The bytes of one cell; a null is empty, what lies outside of its buffer no text at all."""
        at = self._first + row
        if len(self._valid) and not self._valid[at >> 3] >> (at & 7) & 1:
            return b""
        if self._kind == _VIEWS:
            return self._view(at)
        places = self._places
        if places is None:
            given = buffer(self._address + self._first * self._kind, (self._count + 1) * self._kind)
            places = self._places = given.cast("i" if self._kind == 4 else "q")
        low, high = places[row], places[row + 1]
        return bytes(self._data[low:high]) if 0 <= low <= high <= len(self._data) else _OUTSIDE

    def _view(self, at: int) -> bytes:
        view = buffer(self._address + 16 * at, 16)
        length, _, which, place = _VIEW.unpack(view)
        if 0 <= length <= 12:
            return bytes(view[4 : 4 + length])
        inside = length >= 0 and 0 <= which < self._part_count and place >= 0
        if not inside or place + length > self._part_sizes[which]:
            return _OUTSIDE
        assert self._column is not None
        return bytes(buffer(self._column.buffers[2 + which] + place, length))


class CellTable:
    """Some rows of a batch: their columns, kept alive.

    Args:
        held: the batch.
        columns: its columns, for these rows.
        count: rows.
    """

    def __init__(self, held: Held, columns: Sequence[Cells], count: int) -> None:
        self._held, self.columns, self.count = held, columns, count
        self.described = b"".join(column.described for column in columns)

    def row(self, at: int) -> list[str]:
        """The cells of one row; bytes that are no UTF-8 become U+FFFD, which no rule lets pass."""
        return [column.raw(at).decode("utf-8", "replace") for column in self.columns]

    def joined(self, cell_end: int, row_end: int) -> bytearray:
        """All cells one after the other, with a byte between cells and another one between rows."""
        kernel, level = _kernels.choose("screen")
        made: bytearray = kernel.join(self.described, self.count, None, cell_end, row_end, None, level)
        return made


def tables(table: TextTable, rows: int) -> Iterator[CellTable]:
    """Successive parts of a table, of at most so many rows."""
    for batch, owner in table.arrays():
        held = Held(batch, owner)
        for start in range(0, batch.length, rows):
            count = min(rows, batch.length - start)
            children = [arrow.Array.from_address(batch.children[at]) for at in range(batch.n_children)]
            columns = [
                Cells(schema, child, batch.offset + start, count)
                for schema, child in zip(table.children, children, strict=True)
            ]
            yield CellTable(held, columns, count)
