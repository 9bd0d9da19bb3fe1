"""Arrow columns in and out by the C data interface, without pyarrow.

Taken are binary (``z``), large binary (``Z``) and fixed-size binary (``w:n``)
arrays without nulls; given back are fixed-size binary arrays.
Source: the Arrow C data interface and its PyCapsule protocol.
"""

import ctypes as ct
from typing import Any

from sbcard_core.arrow import Array, Schema, hand_out, pointer, release_array, release_schema
from sbcard_core.errors import InvalidValue


def is_arrow(value: object) -> bool:
    """Whether a value offers itself as one Arrow array."""
    return hasattr(value, "__arrow_c_array__")


def _view(address: int | None, size: int, owner: object) -> memoryview:
    """Foreign memory in place; the view keeps its owner alive."""
    if not address or not size:
        return memoryview(b"")
    block = (ct.c_ubyte * size).from_address(address)
    block.owner = owner  # type: ignore[attr-defined]
    return memoryview(block).cast("B")


class Column:
    """The bytes of an Arrow array, in place.

    Attributes:
        data: the values one after another.
        offsets: n + 1 int64 into ``data``, the first one 0.
        count: n.
        each: their one length, of fixed-size columns; else 0.
    """

    def __init__(self, source: Any, *, step: str) -> None:
        self._capsules = source.__arrow_c_array__()
        schema = Schema.from_address(pointer(self._capsules[0], b"arrow_schema"))
        column = Array.from_address(pointer(self._capsules[1], b"arrow_array"))
        kind = (schema.format or b"").decode("ascii", "replace")
        self.count, self.each = column.length, 0
        if self._nulls(column):
            raise InvalidValue("an Arrow column with nulls", step=step, advice="drop or fill the nulls first")
        if kind.startswith("w:"):
            self._fixed(column, int(kind[2:]))
        elif kind in {"z", "Z"}:
            self._variable(column, 4 if kind == "z" else 8)
        else:
            raise InvalidValue("an Arrow column that is not binary", step=step, advice="cast it to binary")

    def _fixed(self, column: Array, width: int) -> None:
        import numpy as np  # noqa: PLC0415 - heavy, and only columns and arrays need it

        self.each = width
        self.data = _view(column.buffers[1], (column.offset + self.count) * width, self._capsules)
        self.data = self.data[column.offset * width :]
        self.offsets = np.arange(self.count + 1, dtype=np.int64) * width

    def _variable(self, column: Array, size: int) -> None:
        import numpy as np  # noqa: PLC0415 - heavy, and only columns and arrays need it

        places = _view(column.buffers[1], (column.offset + self.count + 1) * size, self._capsules)
        raw = np.frombuffer(places[column.offset * size :], np.int32 if size == 4 else np.int64).astype(np.int64)
        if not len(raw):
            raw = np.zeros(1, np.int64)
        self.offsets = raw - raw[0]
        self.data = _view(column.buffers[2], int(raw[-1]), self._capsules)[int(raw[0]) :]

    @staticmethod
    def _nulls(column: Array) -> bool:
        if column.null_count >= 0:
            return bool(column.null_count)
        if not column.buffers[0]:
            return False
        bits = _view(column.buffers[0], (column.offset + column.length + 7) // 8, None)
        return any(not bits[i >> 3] >> (i & 7) & 1 for i in range(column.offset, column.offset + column.length))


class FixedBinary:
    """n values of one width that Arrow libraries take as they are: ``pyarrow.array(result)``.

    Example:
        >>> made = FixedBinary(b"abcdef", 3)
        >>> len(made), made[1], list(made)
        (2, b'def', [b'abc', b'def'])
    """

    format = ""

    def __init__(self, data: bytes, width: int) -> None:
        self.data, self.width = data, width

    def __len__(self) -> int:
        return len(self.data) // self.width

    def __getitem__(self, at: int) -> bytes:
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self.data[self.width * at : self.width * at + self.width]

    def __arrow_c_schema__(self) -> Any:
        """The type: fixed-size binary, or what ``format`` says."""
        kind = (self.format or f"w:{self.width}").encode()
        struct = Schema(format=kind, name=b"", release=ct.cast(release_schema, ct.c_void_p).value)
        return hand_out(struct, kind)

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        """Type and values; another type that is asked for is not given, as the protocol allows."""
        buffers = (ct.c_void_p * 2)(None, ct.cast(ct.c_char_p(self.data), ct.c_void_p).value)
        struct = Array(
            length=len(self),
            n_buffers=2,
            buffers=ct.cast(buffers, ct.POINTER(ct.c_void_p)),
            release=ct.cast(release_array, ct.c_void_p).value,
        )
        capsule = hand_out(struct, (self.data, buffers))
        return self.__arrow_c_schema__(), capsule


class Statuses(FixedBinary):
    """n statuses as an Arrow column of unsigned bytes."""

    format = "C"

    def __init__(self, data: bytes) -> None:
        super().__init__(data, 1)
