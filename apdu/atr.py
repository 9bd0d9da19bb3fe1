"""Answer to reset: ISO/IEC 7816-3:2006 8.2 in full, and the historical bytes of social-security cards."""

from dataclasses import dataclass, field

from apdu.errors import MalformedData
from sbcard_core.messages import message

MAX_ATR = 33
_TERM = "卡复位信息"

# ISO/IEC 7816-3:2006 tables 7 and 8; None is reserved.
_FI = (372, 372, 558, 744, 1116, 1488, 1860, None, None, 512, 768, 1024, 1536, 2048, None, None)
_DI = (None, 1, 2, 4, 8, 16, 32, 64, 12, 20, None, None, None, None, None, None)

CHIP_VENDORS = {0x0081: "华大", 0x0085: "华虹", 0x0087: "大唐", 0x0090: "复旦微"}
"""Chip vendor registrations, T1-T2 (one public page, samples); 008C and 0096 have been seen too, unnamed."""


@dataclass(frozen=True, slots=True)
class ATR:
    """A parsed answer to reset (卡复位信息).

    Attributes:
        raw: all bytes.
        historical: the historical bytes; they carry the card's serial, so ``repr`` shows their count only.
        protocols: offered transmission protocols, (0,) when none is named.
        interface: interface bytes by name: ("TB1", 0), ("TD1", 0x81) and so on, in their order.
        inverse: inverse convention (TS = 3F).
        has_check: a check byte TCK was there, and right.
        trailing: bytes behind a right TCK, which some readers leave in their buffer; they mean nothing.

    Example:
        >>> atr = ATR.parse(bytes.fromhex("3B6D000000814E43238660010203040506"))
        >>> atr.protocols, len(atr.historical), atr.interface
        ((0,), 13, (('TB1', 0), ('TC1', 0)))
    """

    raw: bytes
    historical: bytes
    protocols: tuple[int, ...]
    interface: tuple[tuple[str, int], ...] = ()
    inverse: bool = False
    has_check: bool = False
    trailing: bytes = b""

    @classmethod
    def parse(cls, raw: bytes) -> "ATR":
        """Read an ATR.

        Raises:
            MalformedData: wrong first byte, cut short, too long, or the check byte TCK is wrong or missing. It belongs
                to every card that offers more than T=0 (8.2.5); without it nobody could tell a card that left it out
                from a reader that lost a byte of the serial, and the card's keys would be wrong ones.
        """
        raw = bytes(raw)
        if not 2 <= len(raw) <= MAX_ATR or raw[0] not in (0x3B, 0x3F):
            raise MalformedData(message("cards.atr.none"), step="ATR.parse", term=_TERM)
        interface, named, at = _interface(raw)
        has_check = any(number != 0 for number in named)
        count = raw[1] & 0x0F
        end = at + count + has_check
        if has_check and len(raw) == end - 1:
            raise MalformedData(message("cards.atr.no_check"), step="ATR.parse", term=_TERM)
        if len(raw) < end or (len(raw) > end and not has_check):
            raise MalformedData(message("cards.atr.length"), step="ATR.parse", term=_TERM)
        if has_check and _xor(raw[1:end]) != 0:
            raise MalformedData(message("cards.atr.check"), step="ATR.parse", term=_TERM)
        # T = 15 names no protocol: it says that global interface bytes follow.
        protocols = tuple(dict.fromkeys(number for number in named if number != 15)) or (0,)
        return cls(raw, raw[at : at + count], protocols, interface, raw[0] == 0x3F, has_check, raw[end:])

    def byte(self, name: str) -> int | None:
        """An interface byte by its name, e.g. ``"TA1"``; None where it is absent."""
        return dict(self.interface).get(name)

    @property
    def clock_rate(self) -> int | None:
        """Fi of TA1, 372 without it; None for a reserved code."""
        return _FI[(0x11 if (found := self.byte("TA1")) is None else found) >> 4]

    @property
    def baud_rate(self) -> int | None:
        """Di of TA1, 1 without it; None for a reserved code."""
        return _DI[(0x11 if (found := self.byte("TA1")) is None else found) & 0x0F]

    @property
    def guard_time(self) -> int:
        """N of TC1: extra guard time."""
        return self.byte("TC1") or 0

    @property
    def specific_protocol(self) -> int | None:
        """The one protocol of a card in specific mode (TA2); None when it can negotiate."""
        found = self.byte("TA2")
        return None if found is None else found & 0x0F

    def compact_tlv(self) -> "CompactTLV":
        """The historical bytes as ISO/IEC 7816-4:2013 12.1.1 has them.

        These cards do not follow it: for them see :class:`CardHistorical`.

        Raises:
            MalformedData: another category than 00 or 80, or objects that do not fit.
        """
        return CompactTLV.parse(self.historical)

    def __repr__(self) -> str:
        return f"ATR(historical={len(self.historical)} bytes, protocols={self.protocols})"


def _interface(raw: bytes) -> tuple[tuple[tuple[str, int], ...], list[int], int]:
    """Interface bytes by name, the T numbers in their order, and where the historical bytes begin."""
    found: list[tuple[str, int]] = []
    named: list[int] = []
    indicator, at, group = raw[1], 2, 1
    while True:
        following = None
        for bit, letter in enumerate("ABCD"):
            if not indicator & 0x10 << bit:
                continue
            if at >= len(raw):
                raise MalformedData(message("cards.atr.interface"), step="ATR.parse", term=_TERM)
            found.append((f"T{letter}{group}", raw[at]))
            if letter == "D":
                following = raw[at]
            at += 1
        if following is None:
            return tuple(found), named, at
        named.append(following & 0x0F)
        indicator, group = following, group + 1


@dataclass(frozen=True, slots=True)
class CompactTLV:
    """Historical bytes in COMPACT-TLV: objects of tag 1..15, and the status indicator (life cycle, SW1, SW2).

    Example:
        >>> CompactTLV.parse(bytes.fromhex("8031C0730011228105")).objects[0]
        (3, b'\\xc0')
    """

    objects: tuple[tuple[int, bytes], ...] = field(repr=False)
    status: bytes

    @classmethod
    def parse(cls, historical: bytes) -> "CompactTLV":
        """Read category 00 (objects and three bytes of status) or 80 (objects, the status in one of them).

        Raises:
            MalformedData: another category, or objects that do not fit.
        """
        if not historical or historical[0] not in (0x00, 0x80):
            raise MalformedData(message("cards.atr.tlv"), step="CompactTLV.parse", term=_TERM)
        body, status = historical[1:], b""
        if historical[0] == 0x00:
            if len(body) < 3:
                raise MalformedData(message("cards.atr.status"), step="CompactTLV.parse", term=_TERM)
            body, status = body[:-3], body[-3:]
        objects: list[tuple[int, bytes]] = []
        at = 0
        while at < len(body):
            tag, size = body[at] >> 4, body[at] & 0x0F
            value = body[at + 1 : at + 1 + size]
            if len(value) != size or tag == 0:
                raise MalformedData(message("cards.atr.object"), step="CompactTLV.parse", term=_TERM)
            objects.append((tag, value))
            if tag == 8:
                status = value
            at += 1 + size
        return cls(tuple(objects), status)


@dataclass(frozen=True, slots=True)
class CardHistorical:
    """The 13 historical bytes of a social-security card, T1 to TD (two sources).

    Attributes:
        chip: T1-T2, chip vendor registration; named by :data:`CHIP_VENDORS`.
        cos: T3-T5, name, version and capacity of the operating system, vendor defined.
        manufacturer: T6-T7, card manufacturer; the first byte is 86.
        serial: T8-TD, never shown.

    Example:
        >>> found = CardHistorical.parse(bytes.fromhex("00814E43238660010203040506"))
        >>> f"{found.chip:04X} {found.chip_vendor} {found.manufacturer:04X}", len(found.serial)
        ('0081 华大 8660', 6)
    """

    chip: int
    cos: bytes
    manufacturer: int
    serial: bytes = field(repr=False)

    @classmethod
    def parse(cls, historical: bytes) -> "CardHistorical":
        """Read the 13 bytes.

        Raises:
            MalformedData: another length.
        """
        if len(historical) != 13:
            raise MalformedData(message("cards.atr.thirteen"), step="CardHistorical", term=_TERM)
        number = int.from_bytes
        return cls(number(historical[:2], "big"), historical[2:5], number(historical[5:7], "big"), historical[7:])

    @property
    def chip_vendor(self) -> str:
        """Name of the chip vendor, empty when it is not known."""
        return CHIP_VENDORS.get(self.chip, "")


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
        raise MalformedData(message("cards.atr.factor"), step="historical_factor", term="分散因子")
    return historical[-8:]


def _xor(data: bytes) -> int:
    total = 0
    for byte in data:
        total ^= byte
    return total
