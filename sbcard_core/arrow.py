"""The Arrow C data interface without pyarrow: its structs, its capsules, and tables of text, numbers and lists.

Source: the Arrow C data interface, the C stream interface and their PyCapsule protocol.
"""

import ctypes as ct
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

_RELEASE = ct.CFUNCTYPE(None, ct.c_void_p)
_DESTRUCTOR = ct.PYFUNCTYPE(None, ct.c_void_p)
_new_capsule = ct.PYFUNCTYPE(ct.py_object, ct.c_void_p, ct.c_char_p, _DESTRUCTOR)(("PyCapsule_New", ct.pythonapi))
_raw_pointer = ct.PYFUNCTYPE(ct.c_void_p, ct.c_void_p, ct.c_char_p)(("PyCapsule_GetPointer", ct.pythonapi))
pointer = ct.PYFUNCTYPE(ct.c_void_p, ct.py_object, ct.c_char_p)(("PyCapsule_GetPointer", ct.pythonapi))
"""The struct's address in a capsule of a given name."""


class Schema(ct.Structure):
    """``struct ArrowSchema``."""

    _fields_ = [
        ("format", ct.c_char_p),
        ("name", ct.c_char_p),
        ("metadata", ct.c_void_p),
        ("flags", ct.c_int64),
        ("n_children", ct.c_int64),
        ("children", ct.POINTER(ct.c_void_p)),
        ("dictionary", ct.c_void_p),
        ("release", ct.c_void_p),
        ("private_data", ct.c_void_p),
    ]


class Array(ct.Structure):
    """``struct ArrowArray``."""

    _fields_ = [
        ("length", ct.c_int64),
        ("null_count", ct.c_int64),
        ("offset", ct.c_int64),
        ("n_buffers", ct.c_int64),
        ("n_children", ct.c_int64),
        ("buffers", ct.POINTER(ct.c_void_p)),
        ("children", ct.POINTER(ct.c_void_p)),
        ("dictionary", ct.c_void_p),
        ("release", ct.c_void_p),
        ("private_data", ct.c_void_p),
    ]


_GET = ct.CFUNCTYPE(ct.c_int, ct.c_void_p, ct.c_void_p)
_ERROR = ct.CFUNCTYPE(ct.c_void_p, ct.c_void_p)


class Stream(ct.Structure):
    """``struct ArrowArrayStream``."""

    _fields_ = [
        ("get_schema", ct.c_void_p),
        ("get_next", ct.c_void_p),
        ("get_last_error", ct.c_void_p),
        ("release", ct.c_void_p),
        ("private_data", ct.c_void_p),
    ]


Struct = Schema | Array | Stream

_alive: dict[int, Any] = {}  # what a consumer still reads, by the number in private_data
_structs: dict[int, Any] = {}  # the structs of capsules that still exist, by their address
_last = [0]


def keep(struct: Struct, what: object) -> None:
    """Keep ``what`` alive until the struct, or where it was moved to, is released."""
    _last[0] += 1
    struct.private_data = _last[0]
    _alive[_last[0]] = what


def _release(kind: type[Schema] | type[Array] | type[Stream]) -> Any:
    def release(address: int) -> None:
        given = kind.from_address(address)
        for at in range(getattr(given, "n_children", 0)):
            child = kind.from_address(given.children[at])
            if child.release:
                _RELEASE(child.release)(given.children[at])
        _alive.pop(given.private_data or 0, None)
        given.release = None

    return _RELEASE(release)


release_schema, release_array, _release_stream = _release(Schema), _release(Array), _release(Stream)


def _destroy(name: bytes, kind: type[Schema] | type[Array] | type[Stream]) -> Any:
    def destroy(capsule: int) -> None:
        address = _raw_pointer(capsule, name)
        given = kind.from_address(address)
        if given.release:
            _RELEASE(given.release)(address)
        _structs.pop(address, None)

    return _DESTRUCTOR(destroy)


_KINDS: dict[type, tuple[bytes, Any]] = {
    kind: (name, _destroy(name, kind))
    for kind, name in ((Schema, b"arrow_schema"), (Array, b"arrow_array"), (Stream, b"arrow_array_stream"))
}


def hand_out(struct: Struct, what: object) -> Any:
    """A capsule for a struct; ``what`` is kept until the consumer releases it."""
    name, destructor = _KINDS[type(struct)]
    keep(struct, what)
    address = ct.addressof(struct)
    _structs[address] = struct
    return _new_capsule(address, name, destructor)


@dataclass(frozen=True, slots=True)
class Column:
    """One column, or one level of it: its type, its buffers, its children.

    Args:
        name: the column's name.
        format: Arrow format string, e.g. ``"u"``.
        length: rows.
        buffers: the first one is the validity bitmap, always None here: no column has nulls.
        children: of a struct or a list.
    """

    name: str
    format: str
    length: int = 0
    buffers: tuple[Any, ...] = field(default=(None,), repr=False)
    children: tuple["Column", ...] = field(default=(), repr=False)


def _offsets(lengths: Iterable[int]) -> "array[int]":
    out, total = array("i", [0]), 0
    for length in lengths:
        total += length
        out.append(total)
    return out


def text(name: str, values: Sequence[str]) -> Column:
    """A column of UTF-8 text (less than 2 GB); what UTF-8 cannot hold becomes a question mark."""
    parts = [value.encode("utf-8", "replace") for value in values]
    return Column(name, "u", len(parts), (None, _offsets(map(len, parts)), b"".join(parts)))


def numbers(name: str, values: Iterable[int], kind: str = "l") -> Column:
    """A column of whole numbers: ``l`` int64, ``i`` int32, ``L`` uint64, ``C`` uint8."""
    data = array({"l": "q", "i": "i", "L": "Q", "C": "B"}[kind], values)
    return Column(name, kind, len(data), (None, data))


def lists(name: str, values: Sequence[Sequence[str]]) -> Column:
    """A column of lists of text."""
    items = text("item", [item for value in values for item in value])
    return Column(name, "+l", len(values), (None, _offsets(map(len, values))), (items,))


def record(columns: Sequence[Column]) -> Column:
    """The columns of a table as one struct."""
    return Column("", "+s", columns[0].length if columns else 0, (None,), tuple(columns))


def _fill_schema(struct: Schema, column: Column) -> Any:
    children = [Schema() for _ in column.children]
    inner = [_fill_schema(child, given) for child, given in zip(children, column.children, strict=True)]
    for child, kept in zip(children, inner, strict=True):
        keep(child, kept)
    places = (ct.c_void_p * max(1, len(children)))(*map(ct.addressof, children))
    name, kind = column.name.encode(), column.format.encode()
    struct.format, struct.name, struct.n_children = kind, name, len(children)
    struct.children = ct.cast(places, ct.POINTER(ct.c_void_p))
    struct.release = ct.cast(release_schema, ct.c_void_p).value
    return name, kind, children, places


def _fill_array(struct: Array, column: Column) -> Any:
    children = [Array() for _ in column.children]
    inner = [_fill_array(child, given) for child, given in zip(children, column.children, strict=True)]
    for child, kept in zip(children, inner, strict=True):
        keep(child, kept)
    places = (ct.c_void_p * max(1, len(children)))(*map(ct.addressof, children))
    buffers = (ct.c_void_p * len(column.buffers))(*map(_address, column.buffers))
    struct.length, struct.n_buffers, struct.n_children = column.length, len(buffers), len(children)
    struct.buffers = ct.cast(buffers, ct.POINTER(ct.c_void_p))
    struct.children = ct.cast(places, ct.POINTER(ct.c_void_p))
    struct.release = ct.cast(release_array, ct.c_void_p).value
    return column.buffers, buffers, children, places


def _address(buffer: Any) -> int | None:
    if buffer is None:
        return None
    if isinstance(buffer, bytes):
        return ct.cast(ct.c_char_p(buffer), ct.c_void_p).value
    return int(buffer.buffer_info()[0])


def schema_capsule(column: Column) -> Any:
    """An ``arrow_schema`` capsule."""
    struct = Schema()
    return hand_out(struct, _fill_schema(struct, column))


def array_capsule(column: Column) -> Any:
    """An ``arrow_array`` capsule."""
    struct = Array()
    return hand_out(struct, _fill_array(struct, column))


_EIO = 5


def _stream_calls(like: Column, batches: Iterator[Column]) -> tuple[Callable[..., int], Callable[..., int], list[Any]]:
    message: list[Any] = [None]

    def get_schema(_: int, out: int) -> int:
        struct = Schema()
        keep(struct, _fill_schema(struct, like))
        ct.memmove(out, ct.addressof(struct), ct.sizeof(Schema))
        return 0

    def get_next(_: int, out: int) -> int:
        struct = Array()
        try:
            column = next(batches, None)
            if column is not None:
                keep(struct, _fill_array(struct, column))
        except Exception as error:  # a C caller takes no exception
            message[0] = ct.create_string_buffer(f"{type(error).__name__}: {error}".encode())
            return _EIO
        ct.memmove(out, ct.addressof(struct), ct.sizeof(Array))
        return 0

    return get_schema, get_next, message


def stream_capsule(like: Column, batches: Iterator[Column]) -> Any:
    """An ``arrow_array_stream`` capsule of successive batches, each made when it is asked for.

    Args:
        like: an empty batch: names and types.
        batches: struct columns as :func:`record` makes them.
    """
    get_schema, get_next, message = _stream_calls(like, batches)
    calls = _GET(get_schema), _GET(get_next), _ERROR(lambda _: message[0] and ct.addressof(message[0]))
    places = [ct.cast(call, ct.c_void_p).value for call in calls]
    struct = Stream(*places, ct.cast(_release_stream, ct.c_void_p).value)
    return hand_out(struct, (calls, message))


class Table:
    """A table that Arrow libraries take as it is: ``pyarrow.table(x)``, ``polars.DataFrame(x)``.

    Args:
        like: an empty batch: names and types.
        batches: called anew for every reader.

    Example:
        >>> table = Table(record([text("a", [])]), lambda: iter([record([text("a", ["x", "y"])])]))
        >>> table.names
        ['a']
    """

    def __init__(self, like: Column, batches: Callable[[], Iterator[Column]]) -> None:
        self._like, self._batches = like, batches

    @property
    def names(self) -> list[str]:
        """The columns."""
        return [column.name for column in self._like.children]

    def __arrow_c_schema__(self) -> Any:
        """The types."""
        return schema_capsule(self._like)

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        """The batches; other types that are asked for are not given, as the protocol allows."""
        return stream_capsule(self._like, self._batches())
