"""Arrow tables of any library as text, read in place by the C stream interface, without pyarrow."""

import ctypes as ct
import struct
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from sbcard_core import arrow
from sbcard_core.errors import InvalidValue

_GET = ct.CFUNCTYPE(ct.c_int, ct.c_void_p, ct.c_void_p)
_ERROR = ct.CFUNCTYPE(ct.c_char_p, ct.c_void_p)
_RELEASE = ct.CFUNCTYPE(None, ct.c_void_p)

_WHOLE = {"c": "b", "C": "B", "s": "h", "S": "H", "i": "i", "I": "I", "l": "q", "L": "Q"}
_VIEW = struct.Struct("<i4sii")
_EPOCH = date(1970, 1, 1)


def buffer(address: int | None, size: int) -> memoryview:
    """The bytes at an address; none where there is no address."""
    if not address or size <= 0:
        return memoryview(b"")
    return memoryview((ct.c_ubyte * size).from_address(address)).cast("B")


def _unsupported(kind: str) -> InvalidValue:
    what = f"an Arrow column of type {kind!r}"
    return InvalidValue(what, step="arrow", advice="cast it to text: no float may carry a number or an amount")


def _decode(raw: memoryview) -> str:
    """Text of a column; bytes that are no UTF-8 become U+FFFD, which no rule lets pass."""
    return str(raw, "utf-8", "replace")


def _strings(column: arrow.Array, wide: bool) -> list[str]:
    size, kind = (8, "q") if wide else (4, "i")
    count, start = column.length, column.offset
    if not count:
        return []
    places = _numbers(buffer(column.buffers[1], (start + count + 1) * size)[start * size :], kind)
    data = buffer(column.buffers[2], places[-1])
    whole = bytes(data[places[0] :])
    base = places[0]
    if whole.isascii():
        text = whole.decode("ascii")
        return [text[low - base : high - base] for low, high in pairwise(places)]
    return [whole[low - base : high - base].decode("utf-8", "replace") for low, high in pairwise(places)]


def _views(column: arrow.Array) -> list[str]:
    """String views: 16 bytes a value, up to 12 of text inside, else a place in one of the data buffers."""
    count, start, extra = column.length, column.offset, column.n_buffers - 3
    views = buffer(column.buffers[1], (start + count) * 16)[start * 16 :]
    sizes = buffer(column.buffers[column.n_buffers - 1], extra * 8).cast("q").tolist() if extra > 0 else []
    data = [buffer(column.buffers[2 + at], size) for at, size in enumerate(sizes)]
    out = []
    for at in range(count):
        length, _, which, place = _VIEW.unpack_from(views, at * 16)
        if length <= 12:
            out.append(_decode(views[at * 16 + 4 : at * 16 + 4 + length]))
        else:
            out.append(_decode(data[which][place : place + length]))
    return out


def _values(schema: arrow.Schema, column: arrow.Array) -> list[str]:
    kind = (schema.format or b"").decode("ascii", "replace")
    if schema.dictionary:
        words = column_text(arrow.Schema.from_address(schema.dictionary), arrow.Array.from_address(column.dictionary))
        valid = _valid(column)
        keys = _whole(column, _WHOLE[kind])
        return [words[key] if valid is None or valid[at] else "" for at, key in enumerate(keys)]
    if kind in {"u", "U"}:
        return _strings(column, kind == "U")
    if kind == "vu":
        return _views(column)
    if kind in _WHOLE:
        return [str(value) for value in _whole(column, _WHOLE[kind])]
    if kind == "tdD":
        return [_day(value) for value in _whole(column, "i")]
    if kind == "n":
        return [""] * column.length
    raise _unsupported(kind)


def _day(days: int) -> str:
    try:
        return f"{_EPOCH + timedelta(days=days):%Y%m%d}"
    except OverflowError:
        return str(days)  # no rule takes it for a day


def _numbers(raw: memoryview, kind: str) -> list[int]:
    numbers: list[int] = raw.cast(kind).tolist()  # type: ignore[call-overload]
    return numbers


def _whole(column: arrow.Array, kind: str) -> list[int]:
    size = struct.calcsize(kind)
    raw = buffer(column.buffers[1], (column.offset + column.length) * size)
    return _numbers(raw[column.offset * size :], kind)


def _valid(column: arrow.Array) -> list[bool] | None:
    """Whether each value is there; None = all are."""
    if column.null_count == 0 or not column.n_buffers or not column.buffers[0]:
        return None
    bits = buffer(column.buffers[0], (column.offset + column.length + 7) // 8)
    return [bool(bits[at >> 3] >> (at & 7) & 1) for at in range(column.offset, column.offset + column.length)]


def column_text(schema: arrow.Schema, column: arrow.Array) -> list[str]:
    """The values of one column as text; nulls are empty, whole numbers plain, days YYYYMMDD.

    Raises:
        InvalidValue: a type that carries no text, whole number or day.
    """
    valid = _valid(column)
    kind = (schema.format or b"").decode("ascii", "replace")
    values = _values(schema, column)
    if valid is None or kind == "n":
        return values
    return [value if there else "" for value, there in zip(values, valid, strict=True)]


class StreamFailed(InvalidValue):
    """Whoever gives the table failed in the middle of it (数据流中断)."""


class TextTable:
    """One pass over an object with ``__arrow_c_stream__`` (or a struct array): names and types, then arrays.

    Raises:
        InvalidValue: the object gives no table.
    """

    def __init__(self, source: Any) -> None:
        self._arrays: Any = None
        if hasattr(source, "__arrow_c_stream__"):
            self._capsule = source.__arrow_c_stream__()
            self._stream = arrow.Stream.from_address(arrow.pointer(self._capsule, b"arrow_array_stream"))
            self._schema = arrow.Schema()
            self._call("get_schema", self._schema)
        elif hasattr(source, "__arrow_c_array__"):
            self._arrays = source.__arrow_c_array__()
            self._schema = arrow.Schema.from_address(arrow.pointer(self._arrays[0], b"arrow_schema"))
        else:
            raise InvalidValue("no Arrow table", step="arrow", advice="pass an object with __arrow_c_stream__")
        if self._schema.format != b"+s":
            raise InvalidValue("an Arrow column, not a table", step="arrow", advice="pass a table or data frame")
        self.children = [arrow.Schema.from_address(self._schema.children[at]) for at in range(self._schema.n_children)]
        self.names = [(child.name or b"").decode("utf-8", "replace") for child in self.children]

    def _call(self, name: str, out: arrow.Schema | arrow.Array) -> None:
        place = ct.addressof(self._stream)
        if _GET(getattr(self._stream, name))(place, ct.addressof(out)):
            reason = (_ERROR(self._stream.get_last_error)(place) or b"no reason given").decode("utf-8", "replace")
            plain = reason.partition(" Detail: ")[0].partition("\n")[0]  # pyarrow puts its stack behind
            raise StreamFailed(f"the Arrow stream failed: {plain[:200]}", step="arrow")

    def arrays(self) -> Iterator[tuple[arrow.Array, Any]]:
        """Successive struct arrays, each with its owner, or None where the reader of the array must release it."""
        if self._arrays is not None:
            yield arrow.Array.from_address(arrow.pointer(self._arrays[1], b"arrow_array")), self._arrays
            return
        while True:
            batch = arrow.Array()
            self._call("get_next", batch)
            if not batch.release:
                return
            yield batch, None

    def batches(self, wanted: Sequence[int], rows: int = 65536) -> Iterator[list[list[str]]]:
        """Successive batches of at most ``rows`` rows: one list of cells per wanted column."""
        for batch, owner in self.arrays():
            try:
                for start in range(0, batch.length, rows):
                    count = min(rows, batch.length - start)
                    yield [self._part(batch, at, batch.offset + start, count) for at in wanted]
            finally:
                if owner is None:
                    _RELEASE(batch.release)(ct.addressof(batch))

    def _part(self, batch: arrow.Array, at: int, start: int, count: int) -> list[str]:
        """A slice of one column; the copied struct shares the buffers and is never released."""
        part = arrow.Array.from_buffer_copy(arrow.Array.from_address(batch.children[at]))
        part.offset, part.length, part.release = part.offset + start, count, None
        part.null_count = 0 if part.null_count == 0 else -1
        return column_text(self.children[at], part)

    def close(self) -> None:
        """Release what the producer holds; the capsule's own destructor does the rest."""
        if self._arrays is None and self._schema.release:
            _RELEASE(self._schema.release)(ct.addressof(self._schema))
