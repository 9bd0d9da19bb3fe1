"""Twin of ``_fast.apdu``: ISO/IEC 7816-4:2013 5.1 over single commands and over batches, written to be read."""

from array import array
from collections.abc import Callable
from itertools import pairwise
from operator import index
from typing import Any, Self

LEVELS = ("reference",)

MAX_NC, MAX_NE = 65535, 65536
HEADER = "CLA INS P1 P2 are single bytes"
LENGTHS = "Nc is at most 65535 and Ne at most 65536"
TOO_SHORT = "a command has at least four bytes"
WRONG_LC = "Lc does not fit the command length"


def _bytes(data: Any) -> bytes:
    if isinstance(data, (str, int)):
        raise TypeError("data must be bytes")
    return bytes(memoryview(data))


def _wrong(header: tuple[int, ...], nc: int, ne: int) -> str:
    """What is wrong with the numbers of a command, or nothing."""
    if not all(0 <= number <= 255 for number in header):
        return HEADER
    return "" if nc <= MAX_NC and 0 <= ne <= MAX_NE else LENGTHS


def _wire(header: tuple[int, ...], data: bytes, ne: int, extended: bool) -> bytes:
    out = bytes(header)
    if not extended:
        return out + (bytes((len(data),)) + data if data else b"") + (bytes((ne & 0xFF,)) if ne else b"")
    if data or ne:
        out += b"\x00"
    if data:
        out += len(data).to_bytes(2, "big") + data
    return out + ((ne & 0xFFFF).to_bytes(2, "big") if ne else b"")


class Codec:
    """``encode`` and ``decode_response`` as bound calls that raise the owner's errors."""

    def __init__(self, refuse: Callable[[str], Exception], lost: Callable[[], Exception]) -> None:
        self._refuse = refuse
        self._lost = lost

    def encode(self, cla: int, ins: int, p1: int, p2: int, data: Any = b"", ne: int = 0) -> bytes:
        """The bytes of one command; lengths extended where short ones can't hold them."""
        header, ne, body = (index(cla), index(ins), index(p1), index(p2)), index(ne), _bytes(data)
        if what := _wrong(header, len(body), ne):
            raise self._refuse(what)
        return _wire(header, body, ne, len(body) > 255 or ne > 256)

    def decode_response(self, wire: Any) -> tuple[bytes, int]:
        """Data and status word of one answer."""
        answer = _bytes(wire)
        if len(answer) < 2:
            raise self._lost()
        return answer[:-2], int.from_bytes(answer[-2:], "big")


class Command:
    """One command, valid by construction; errors are made by the subclass's ``_refuse``."""

    __slots__ = ("cla", "data", "extended", "ins", "ne", "p1", "p2")
    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    ne: int
    extended: bool

    def __new__(
        cls,
        cla: int = 0,
        ins: int = 0,
        p1: int = 0,
        p2: int = 0,
        data: Any = b"",
        ne: int = 0,
        extended: bool = False,
    ) -> Self:
        """Check the numbers and set the fields once."""
        header, ne, body = (index(cla), index(ins), index(p1), index(p2)), index(ne), _bytes(data)
        if what := _wrong(header, len(body), ne):
            raise cls._refuse(what)
        # Case 1 has no length field, so an "extended" one would not survive encode and decode.
        long = len(body) > 255 or ne > 256 or bool(extended and (body or ne))
        made = object.__new__(cls)
        for name, value in zip(("cla", "ins", "p1", "p2"), header, strict=True):
            object.__setattr__(made, name, value)
        object.__setattr__(made, "data", body)
        object.__setattr__(made, "ne", ne)
        object.__setattr__(made, "extended", long)
        return made

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"attribute {name!r} of a command is not writable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"attribute {name!r} of a command is not writable")

    @classmethod
    def _refuse(cls, what: str) -> Exception:
        return ValueError(what)

    @property
    def nc(self) -> int:
        """Number of command data bytes."""
        return len(self.data)

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2."""
        return bytes((self.cla, self.ins, self.p1, self.p2))

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return _wire((self.cla, self.ins, self.p1, self.p2), self.data, self.ne, self.extended)

    @classmethod
    def decode(cls, wire: Any) -> Self:
        """Read a command back."""
        source = _bytes(wire)
        if len(source) < 4:
            raise cls._refuse(TOO_SHORT)
        (cla, ins, p1, p2), body = source[:4], source[4:]
        if len(body) == 0:
            return cls(cla, ins, p1, p2)
        if len(body) == 1:
            return cls(cla, ins, p1, p2, ne=body[0] or 256)
        if body[0]:
            data, rest, size, extended = body[1 : 1 + body[0]], body[1 + body[0] :], 1, False
            fits = len(data) == body[0]
        elif len(body) == 3:
            return cls(cla, ins, p1, p2, ne=int.from_bytes(body[1:], "big") or MAX_NE, extended=True)
        else:
            nc = int.from_bytes(body[1:3], "big")
            data, rest, size, extended = body[3 : 3 + nc], body[3 + nc :], 2, True
            fits = len(data) == nc > 0
        if not fits or len(rest) not in (0, size):
            raise cls._refuse(WRONG_LC)
        ne = (int.from_bytes(rest, "big") or 256**size) if rest else 0
        return cls(cla, ins, p1, p2, data, ne, extended)

    def _fields(self) -> tuple[int, int, int, int, bytes, int, bool]:
        return self.cla, self.ins, self.p1, self.p2, self.data, self.ne, self.extended

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not isinstance(other, Command):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), self._fields()


def _integers(source: Any, size: int, what: str) -> memoryview:
    view = memoryview(source)
    if view.itemsize != size or not view.c_contiguous or view.format[-1:] not in ("q", "l", "i"):
        raise ValueError(f"{what} must be contiguous signed integers of {8 * size} bits")
    return view.cast("B").cast("q" if size == 8 else "i") if view.nbytes else memoryview(array("q"))


def _places(offsets: Any, length: int, size: int) -> list[int]:
    """Where each item starts, and where the last one ends."""
    if offsets is None:
        if length <= 0 or size % length:
            raise ValueError("the buffer must hold items of the given length, which is positive")
        return list(range(0, size + 1, length))
    places: list[int] = list(_integers(offsets, 8, "offsets"))
    if not places:
        raise ValueError("n items have n + 1 offsets")
    if places[0] < 0 or places[-1] > size or any(a > b for a, b in pairwise(places)):
        raise ValueError("offsets must ascend within the buffer")
    return places


def _ne_of_each(ne: Any, n: int) -> list[int]:
    if isinstance(ne, int):
        if not 0 <= ne <= MAX_NE:
            raise ValueError(LENGTHS)
        return [ne] * n
    answers: list[int] = list(_integers(ne, 4, "ne"))
    if len(answers) != n:
        raise ValueError("ne must be one number, or one for each command")
    return answers


def encode_many(
    headers: Any, data: Any, offsets: Any, length: int, ne: Any, out: Any, _level: str
) -> tuple[bytes | memoryview, "array[int]"]:
    """Same call as the compiled kernel; the level has one value here."""
    heads, body = _bytes(headers), _bytes(data)
    if offsets is None and not length:
        if body:
            raise ValueError("give offsets or the length of the data of one command")
        places = [0] * (len(heads) // 4 + 1)
    else:
        places = _places(offsets, length, len(body))
    n = len(places) - 1
    if len(heads) != 4 and len(heads) != 4 * n:
        raise ValueError("headers must be 4 bytes, for all or for each command")
    if offsets is None and length > MAX_NC:
        raise ValueError(LENGTHS)
    step = 4 if len(heads) == 4 * n else 0
    made, ends = bytearray(), array("q", [0])
    for i, answer in enumerate(_ne_of_each(ne, n)):
        header, part = tuple(heads[step * i : step * i + 4]), body[places[i] : places[i + 1]]
        if not _wrong(header, len(part), answer):
            made += _wire(header, part, answer, len(part) > 255 or answer > 256)
        ends.append(len(made))
    if out is None:
        return bytes(made), ends
    view = memoryview(out).cast("B")
    if len(view) < len(made):
        raise ValueError(f"out must have room for {len(made)} bytes")
    view[: len(made)] = made
    return view[: len(made)], ends


def decode_many(buffer: Any, offsets: Any, length: int, _level: str) -> tuple["array[int]", "array[int]"]:
    """Same call as the compiled kernel."""
    source = _bytes(buffer)
    places = _places(offsets, length, len(source))
    ends, words = array("q"), array("H")
    for start, end in pairwise(places):
        is_answer = end - start >= 2
        ends.append(end - 2 if is_answer else start)
        words.append(int.from_bytes(source[end - 2 : end], "big") if is_answer else 0)
    return ends, words
