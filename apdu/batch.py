"""Commands and answers as plain bytes: one at the price of a call, many at the speed of memory.

For programs that send what they build at once and have no use for a :class:`~apdu.command.CommandAPDU`.
Bulk calls take contiguous buffers (bytes, array, numpy) and give ``bytes`` and ``array.array``; numpy reads those
without a copy (``numpy.frombuffer``), and none is needed here.
"""

from array import array
from typing import TYPE_CHECKING, NamedTuple, Protocol

from apdu.command import refused
from apdu.errors import CardLost
from sbcard_core import _kernels
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _Encode(Protocol):
    def __call__(self, cla: int, ins: int, p1: int, p2: int, data: "Buffer" = b"", ne: int = 0) -> bytes: ...


class _DecodeResponse(Protocol):
    def __call__(self, wire: "Buffer") -> tuple[bytes, int]: ...


def _refused(what: str) -> InvalidValue:
    return refused(what, "apdu.encode")


def _lost() -> CardLost:
    return CardLost(message("cards.answer.short"), step="apdu.decode_response", term="卡无应答")


_CODEC = _kernels.choose("apdu")[0].Codec(_refused, _lost)

encode: _Encode = _CODEC.encode
"""``encode(cla, ins, p1, p2, data=b"", ne=0)``: the bytes of one command, ISO/IEC 7816-4:2013 5.1.

Lengths are short where they fit, extended otherwise. Raises InvalidValue where no command can hold them.

Example:
    >>> encode(0x00, 0xD6, 0x81, 0x00, bytes.fromhex("1122"), 0).hex().upper()
    '00D68100021122'
"""

decode_response: _DecodeResponse = _CODEC.decode_response
"""``decode_response(wire)``: data and status word (an int) of one answer. Raises CardLost under two bytes.

Example:
    >>> decode_response(bytes.fromhex("0304322E30309000"))[1] == 0x9000
    True
"""


class Commands(NamedTuple):
    """``buffer[offsets[i]:offsets[i + 1]]`` is command i; an empty one was refused."""

    buffer: bytes | memoryview
    offsets: "array[int]"


class Responses(NamedTuple):
    """Data of answer i are ``buffer[start of i : ends[i]]``; ``sw[i]`` is its status word, 0 where it is no answer."""

    ends: "array[int]"
    sw: "array[int]"


def encode_many(
    headers: "Buffer",
    data: "Buffer" = b"",
    offsets: "Buffer | None" = None,
    *,
    length: int = 0,
    ne: "int | Buffer" = 0,
    out: "Buffer | None" = None,
    level: str | None = None,
) -> Commands:
    """Build n commands into one buffer.

    Args:
        headers: n x 4 bytes CLA INS P1 P2, or 4 bytes for all.
        data: the data fields one after the other.
        offsets: n + 1 ascending int64 into ``data``; or give ``length``, bytes of every data field.
        ne: one number for all, or n int32.
        out: a writable buffer to use again instead of new memory; must not overlap the others.
        level: kernel level, for tests.

    Returns:
        The bytes (a memoryview of the front of ``out`` where that is given) and n + 1 int64 offsets. An item that no
        command can hold (more than 65535 data bytes, Ne out of range) comes out empty; it stops nothing.

    Raises:
        InvalidValue: buffers that do not fit each other.

    Example:
        >>> made = encode_many(bytes.fromhex("00D68100"), bytes(range(6)), array("q", [0, 2, 6]))
        >>> [bytes(made.buffer[a:b]).hex() for a, b in zip(made.offsets, made.offsets[1:])]
        ['00d68100020001', '00d681000402030405']
    """
    module, used = _kernels.choose("apdu", level)
    try:
        return Commands(*module.encode_many(headers, data, offsets, length, ne, out, used))
    except (ValueError, OverflowError) as error:
        raise InvalidValue(str(error), step="apdu.encode_many") from None


def decode_many(
    buffer: "Buffer", offsets: "Buffer | None" = None, *, length: int = 0, level: str | None = None
) -> Responses:
    """Take n answers apart without copying their data.

    Args:
        buffer: the answers one after the other.
        offsets: n + 1 ascending int64 into ``buffer``; or give ``length``, bytes of every answer.
        level: kernel level, for tests.

    Returns:
        n int64 ends of the data, and n uint16 status words. An answer of fewer than two bytes is none: status word 0.

    Raises:
        InvalidValue: offsets that do not fit the buffer.

    Example:
        >>> decode_many(bytes.fromhex("AABB90006A83"), array("q", [0, 4, 6])).ends.tolist()
        [2, 4]
    """
    module, used = _kernels.choose("apdu", level)
    try:
        return Responses(*module.decode_many(buffer, offsets, length, used))
    except (ValueError, OverflowError) as error:
        raise InvalidValue(str(error), step="apdu.decode_many") from None
