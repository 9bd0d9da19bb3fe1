"""Giving each card its number, identification code and diversification factor."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.messages import message
from sbcard_core.store import schema

CITY_LETTERS: Mapping[str, str] = MappingProxyType(
    {
        "430100": "A",
        "430200": "B",
        "430300": "C",
        "430400": "D",
        "430500": "E",
        "430600": "F",
        "430700": "G",
        "430800": "H",
        "430900": "J",
        "431000": "K",
        "431100": "L",
        "431200": "M",
        "431300": "N",
        "433100": "U",
    }
)
"""First letter of the card number by city: assumed (like number plates); the real table is not public."""

MANUFACTURER = bytes.fromhex("8660")
"""Bytes T6–T7 of the ATR, the card manufacturer: a value seen on real cards."""
SERIAL_MAX = 9_999_999


class NumbersExhausted(Refused):
    """A city has used all its seven-digit serials."""


@dataclass(frozen=True, slots=True)
class NumberRange:
    """The next free serials of one city."""

    city: str
    letter: str
    first: int

    def factor(self, serial: int) -> bytes:
        """The 8-byte factor, last bytes of the ATR: manufacturer, city code in BCD, counter.

        Region digits with a counter are one of the layouts vendors use; which one is assumed.
        """
        return MANUFACTURER + bytes.fromhex(self.city) + serial.to_bytes(3, "big")


def next_range(connection: sa.Connection, city: str, count: int, letters: Mapping[str, str]) -> NumberRange:
    """The first of ``count`` free serials of ``city``, read inside the transaction that uses them.

    Raises:
        NumbersExhausted: fewer than ``count`` serials are left, or the city has no letter.
    """
    letter = letters.get(city)
    if letter is None:
        raise NumbersExhausted(message("registry.no_letter", city=city), step="production.order", term="卡号")
    column = schema.card.c.card_no
    last = connection.execute(
        sa.select(sa.func.max(column)).where(column >= f"{letter}0000000", column <= f"{letter}9999999Z")
    ).scalar()
    first = int(last[1:8]) + 1 if last else 1
    if first + count - 1 > SERIAL_MAX:
        what = message("registry.no_serials", city=city, count=count)
        raise NumbersExhausted(what, step="production.order", term="卡号")
    return NumberRange(city, letter, first)
