"""Arrow columns in and out by the C data interface, without pyarrow: two structs and two capsules.

Taken are binary (``z``), large binary (``Z``) and fixed-size binary (``w:n``)
arrays without nulls; given back are fixed-size binary arrays.
Source: the Arrow C data interface and its PyCapsule protocol.
"""

import ctypes as ct
from typing import Any

from sbcard_core.errors import InvalidValue

_RELEASE = ct.CFUNCTYPE(None, ct.c_void_p)
_DESTRUCTOR = ct.PYFUNCTYPE(None, ct.c_void_p)
_new_capsule = ct.PYFUNCTYPE(ct.py_object, ct.c_void_p, ct.c_char_p, _DESTRUCTOR)(("PyCapsule_New", ct.pythonapi))
_pointer = ct.PYFUNCTYPE(ct.c_void_p, ct.py_object, ct.c_char_p)(("PyCapsule_GetPointer", ct.pythonapi))


class _Schema(ct.Structure):
    _fields_ = [
        ("format", ct.c_char_p),
        ("name", ct.c_char_p),
        ("metadata", ct.c_void_p),
        ("flags", ct.c_int64),
        ("n_children", ct.c_int64),
        ("children", ct.c_void_p),
        ("dictionary", ct.c_void_p),
        ("release", ct.c_void_p),
        ("private_data", ct.c_void_p),
    ]


class _Array(ct.Structure):
    _fields_ = [
        ("length", ct.c_int64),
        ("null_count", ct.c_int64),
        ("offset", ct.c_int64),
        ("n_buffers", ct.c_int64),
        ("n_children", ct.c_int64),
        ("buffers", ct.POINTER(ct.c_void_p)),
        ("children", ct.c_void_p),
        ("dictionary", ct.c_void_p),
        ("release", ct.c_void_p),
        ("private_data", ct.c_void_p),
    ]


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
        schema = _Schema.from_address(_pointer(self._capsules[0], b"arrow_schema"))
        column = _Array.from_address(_pointer(self._capsules[1], b"arrow_array"))
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

    def _fixed(self, column: _Array, width: int) -> None:
        import numpy as np  # noqa: PLC0415 - heavy, and only columns and arrays need it

        self.each = width
        self.data = _view(column.buffers[1], (column.offset + self.count) * width, self._capsules)
        self.data = self.data[column.offset * width :]
        self.offsets = np.arange(self.count + 1, dtype=np.int64) * width

    def _variable(self, column: _Array, size: int) -> None:
        import numpy as np  # noqa: PLC0415 - heavy, and only columns and arrays need it

        places = _view(column.buffers[1], (column.offset + self.count + 1) * size, self._capsules)
        raw = np.frombuffer(places[column.offset * size :], np.int32 if size == 4 else np.int64).astype(np.int64)
        if not len(raw):
            raw = np.zeros(1, np.int64)
        self.offsets = raw - raw[0]
        self.data = _view(column.buffers[2], int(raw[-1]), self._capsules)[int(raw[0]) :]

    @staticmethod
    def _nulls(column: _Array) -> bool:
        if column.null_count >= 0:
            return bool(column.null_count)
        if not column.buffers[0]:
            return False
        bits = _view(column.buffers[0], (column.offset + column.length + 7) // 8, None)
        return any(not bits[i >> 3] >> (i & 7) & 1 for i in range(column.offset, column.offset + column.length))


_alive: dict[int, Any] = {}  # what a consumer still reads, by the number in private_data
_structs: dict[int, Any] = {}  # the structs of capsules that still exist, by their address
_last = [0]


def _release(kind: type[_Schema] | type[_Array]) -> Any:
    def release(address: int) -> None:
        given = kind.from_address(address)
        _alive.pop(given.private_data or 0, None)
        given.release = None

    return _RELEASE(release)


_release_schema = _release(_Schema)
_release_array = _release(_Array)


def _destroy(name: bytes, kind: type[_Schema] | type[_Array]) -> Any:
    raw_pointer = ct.PYFUNCTYPE(ct.c_void_p, ct.c_void_p, ct.c_char_p)(("PyCapsule_GetPointer", ct.pythonapi))

    def destroy(capsule: int) -> None:
        address = raw_pointer(capsule, name)
        given = kind.from_address(address)
        if given.release:
            _RELEASE(given.release)(address)
        _structs.pop(address, None)

    return _DESTRUCTOR(destroy)


_destroy_schema = _destroy(b"arrow_schema", _Schema)
_destroy_array = _destroy(b"arrow_array", _Array)


def _hand_out(struct: _Schema | _Array, keep: object, name: bytes, destructor: Any) -> Any:
    _last[0] += 1
    struct.private_data = _last[0]
    _alive[_last[0]] = keep
    address = ct.addressof(struct)
    _structs[address] = struct
    return _new_capsule(address, name, destructor)


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
        struct = _Schema(format=kind, name=b"", release=ct.cast(_release_schema, ct.c_void_p).value)
        return _hand_out(struct, kind, b"arrow_schema", _destroy_schema)

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        """Type and values; another type that is asked for is not given, as the protocol allows."""
        buffers = (ct.c_void_p * 2)(None, ct.cast(ct.c_char_p(self.data), ct.c_void_p).value)
        struct = _Array(
            length=len(self),
            n_buffers=2,
            buffers=ct.cast(buffers, ct.POINTER(ct.c_void_p)),
            release=ct.cast(_release_array, ct.c_void_p).value,
        )
        capsule = _hand_out(struct, (self.data, buffers), b"arrow_array", _destroy_array)
        return self.__arrow_c_schema__(), capsule


class Statuses(FixedBinary):
    """n statuses as an Arrow column of unsigned bytes."""

    format = "C"

    def __init__(self, data: bytes) -> None:
        super().__init__(data, 1)
