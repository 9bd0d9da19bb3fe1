"""港澳居民来往内地通行证号码: the travel permit of Hong Kong and Macao residents.

H (Hong Kong) or M (Macao), 8 digits that stay with the holder for life and, on the cards of 1999 to 2012,
2 digits that count renewals (Ministry of Public Security, number rule published on 2010-03-10). An older form
of a letter more and 6 or 7 digits is in public code: let through, and said to be old (assumed).
There is no check digit.
"""

import re
from typing import Any

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import _rows
from sbcard_core.messages import message
from sbcard_core.values import HYPHEN, plain

FORM, OLD = 1, 2
"""Status bits of :func:`check_many`; OLD is a warning."""

_NEW = re.compile(r"[HM][0-9]{8}(?:[0-9]{2})?")
_OLD = re.compile(r"[HM][A-Z][0-9]{6,7}")


class InvalidTravelPermit(InvalidValue):
    """A number of another form; the message does not repeat it."""


def compact(number: str) -> str:
    """The number as it is stored: blanks, hyphens and brackets gone, full-width made plain, upper-case.

    Example:
        >>> compact("h 12345678(01)")
        'H1234567801'
    """
    return plain(HYPHEN.sub("", number)).translate({ord(bracket): None for bracket in "()"}).upper()


def _bits(number: str) -> int:
    if _NEW.fullmatch(number):
        return 0
    return OLD if _OLD.fullmatch(number) else FORM


def check_many(numbers: Any) -> bytearray:
    """Check a column of numbers.

    Args:
        numbers: a column of text.

    Returns:
        n bytes: 0, FORM (no form of the permit) or OLD (the form before 1999, a warning).

    Example:
        >>> list(check_many(["H12345678", "M1234567801", "HA123456", "T12345678", None]))
        [0, 0, 2, 1, 1]
    """
    return bytearray(map(_bits, _rows.texts(numbers)))


def is_valid(number: str) -> bool:
    """Whether ``number``, exactly as written, has one of the forms.

    Example:
        >>> is_valid("H12345678"), is_valid("H123456789"), is_valid("h12345678")
        (True, False, False)
    """
    return _bits(number) != FORM


def validate(number: str) -> str:
    """Return the stored form, or raise.

    Raises:
        InvalidTravelPermit: no form of the permit.

    Example:
        >>> validate("h1234567801")
        'H1234567801'
    """
    number = compact(number)
    if not is_valid(number):
        raise InvalidTravelPermit(
            message("fields.travel_permit"), step="travel_permit.validate", term="港澳居民来往内地通行证号码"
        )
    return number


def holder(number: str) -> str:
    """The part that stays with the holder through renewals, by which two permits of one person are matched.

    Example:
        >>> holder("H1234567800") == holder("H12345678")
        True
    """
    number = validate(number)
    return number[:9] if number[1].isdigit() else number


def format(number: str) -> str:
    """The number with its renewal count set apart, for reading aloud.

    Example:
        >>> format("H1234567801"), format("M12345678")
        ('H 12345678 01', 'M 12345678')
    """
    number = compact(number)
    return f"{number[:1]} {number[1:9]} {number[9:]}".rstrip() if _NEW.fullmatch(number) else number
