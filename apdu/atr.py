"""Answer to reset: ISO/IEC 7816-3:2006 8.2, as far as a card application needs it."""

from dataclasses import dataclass, field

from apdu.errors import MalformedData

MAX_ATR = 33


@dataclass(frozen=True, slots=True)
class ATR:
    """A parsed answer to reset (卡复位信息).

    Attributes:
        raw: all bytes.
        historical: the historical bytes; they carry the card's serial, so ``repr`` shows their count only.
        protocols: offered transmission protocols, (0,) when none is named.

    Example:
        >>> atr = ATR.parse(bytes.fromhex("3B6D000000814E43238660010203040506"))
        >>> atr.protocols, len(atr.historical)
        ((0,), 13)
    """

    raw: bytes = field(repr=False)
    historical: bytes = field(repr=False)
    protocols: tuple[int, ...]

    @classmethod
    def parse(cls, raw: bytes) -> "ATR":
        """Read an ATR.

        Raises:
            MalformedData: wrong first byte, cut short, too long, or a wrong check byte TCK.
        """
        raw = bytes(raw)
        if not 2 <= len(raw) <= MAX_ATR or raw[0] not in (0x3B, 0x3F):
            raise MalformedData("not an answer to reset", step="ATR.parse", term="卡复位信息")
        indicator, count, at = raw[1], raw[1] & 0x0F, 2
        protocols: list[int] = []
        while indicator & 0xF0:
            at += (indicator >> 4 & 0x07).bit_count()
            if not indicator & 0x80:
                break
            if at >= len(raw):
                raise MalformedData("interface bytes cut short", step="ATR.parse", term="卡复位信息")
            indicator = raw[at]
            at += 1
            if indicator & 0x0F not in protocols:
                protocols.append(indicator & 0x0F)
        has_check = any(number != 0 for number in protocols)
        if len(raw) != at + count + has_check:
            raise MalformedData("length does not fit the format byte", step="ATR.parse", term="卡复位信息")
        if has_check and _xor(raw[1:]) != 0:
            raise MalformedData("check byte TCK is wrong", step="ATR.parse", term="卡复位信息")
        return cls(raw, raw[at : at + count], tuple(protocols) or (0,))

    def __repr__(self) -> str:
        return f"ATR(historical={len(self.historical)} bytes, protocols={self.protocols})"


def historical_factor(atr: bytes) -> bytes:
    """The card-level diversification factor: the last 8 historical bytes T6-TD (public vendor code, three sources).

    Args:
        atr: the whole ATR of the contact interface, ``3B6D0000`` and 13 historical bytes on these cards.

    Returns:
        8 bytes: 2 of the card manufacturer and 6 of the serial.

    Raises:
        MalformedData: not an ATR, or fewer than 8 historical bytes.

    Example:
        >>> historical_factor(bytes.fromhex("3B6D000000814E43238660010203040506")).hex().upper()
        '8660010203040506'
    """
    historical = ATR.parse(atr).historical
    if len(historical) < 8:
        raise MalformedData("fewer than 8 historical bytes", step="historical_factor", term="分散因子")
    return historical[-8:]


def _xor(data: bytes) -> int:
    total = 0
    for byte in data:
        total ^= byte
    return total
