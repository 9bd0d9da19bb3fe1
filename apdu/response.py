"""Response APDUs: data and status word."""

from dataclasses import dataclass
from functools import cache

from apdu.batch import decode_response
from apdu.errors import UnexpectedStatus
from apdu.status import StatusWord
from sbcard_core.messages import Message


@cache
def _word(value: int) -> StatusWord:
    """Status words are values: one object for each of at most 65536 serves all answers."""
    return StatusWord(value)


@dataclass(frozen=True, slots=True)
class ResponseAPDU:
    """One answer of a card (响应APDU): ``data`` is never shown by ``repr``.

    Example:
        >>> answer = ResponseAPDU.decode(bytes.fromhex("0304322E30309000"))
        >>> answer
        ResponseAPDU(nr=6, sw=9000)
        >>> answer.require("read version")[2:].decode()
        '2.00'
    """

    data: bytes
    sw: StatusWord

    @classmethod
    def decode(cls, wire: bytes) -> "ResponseAPDU":
        """Split data and status word.

        Raises:
            CardLost: fewer than two bytes: not an answer of a card.
        """
        data, sw = decode_response(wire)
        return cls(data, _word(sw))

    def encode(self) -> bytes:
        """Data and status word as sent."""
        return self.data + self.sw.value.to_bytes(2, "big")

    def require(self, step: str, *accepted: int, advice: str | Message = "") -> bytes:
        """Return the data if the status word is 9000 or one of ``accepted``.

        Raises:
            UnexpectedStatus: any other status word; carries it and ``step``.
        """
        if self.sw.value != 0x9000 and self.sw.value not in accepted:
            raise UnexpectedStatus(self.sw, step=step, advice=advice)
        return self.data

    def __repr__(self) -> str:
        return f"ResponseAPDU(nr={len(self.data)}, sw={self.sw.value:04X})"
