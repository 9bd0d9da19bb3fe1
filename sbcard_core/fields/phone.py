"""联系手机: 11 digits; where a person has no mobile, a land line with area code and no hyphen."""

import re
from typing import Any

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import _rows
from sbcard_core.messages import message

CHARACTERS, FORM, LAND_LINE = 1, 2, 4
"""Status bits of :func:`check_many`; LAND_LINE only tells that no short message will arrive."""

_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_LAND_LINE = re.compile(r"0(?:10|2\d|[3-9]\d{2})[2-9]\d{6,7}", re.ASCII)
_CLEAN = str.maketrans("０１２３４５６７８９", "0123456789", " \u3000\t-－—()（）")


class InvalidPhone(InvalidValue):
    """A telephone number that breaks a rule; the message does not repeat it."""


def compact(number: str) -> str:
    """The number as it is stored: plain digits, without the country code of China.

    Example:
        >>> compact("+86 138-0013-8000"), compact("（0731）８４９００００１")
        ('13800138000', '073184900001')
    """
    number = number.translate(_CLEAN).removeprefix("+86")
    return number[2:] if number.startswith("861") and len(number) == 13 else number


def is_mobile(number: str) -> bool:
    """Whether it is a mainland mobile number (the operator's prefix is not looked up).

    Example:
        >>> is_mobile("13800138000"), is_mobile("073184900001")
        (True, False)
    """
    return _MOBILE.fullmatch(number) is not None


def is_valid(number: str) -> bool:
    """Whether ``number``, exactly as written, is a mobile or a land line with area code.

    Example:
        >>> is_valid("073184900001"), is_valid("84900001")
        (True, False)
    """
    return is_mobile(number) or _LAND_LINE.fullmatch(number) is not None


def validate(number: str) -> str:
    """Return the stored form, or raise.

    Raises:
        InvalidPhone: neither a mobile nor a land line with area code.

    Example:
        >>> validate("138 0013 8000")
        '13800138000'
    """
    number = compact(number)
    if not is_valid(number):
        raise InvalidPhone(message("fields.phone"), step="phone.validate", term="联系手机")
    return number


def check_many(numbers: Any) -> bytearray:
    """Check a column of numbers.

    Args:
        numbers: a column of text.

    Returns:
        n bytes: 0 for a mobile, LAND_LINE (a note, no fault), CHARACTERS (not only digits), FORM (neither of the two).

    Example:
        >>> list(check_many(["13800138000", "073184900001", "12800138000", "138-0013-8000"]))
        [0, 4, 2, 1]
    """
    return bytearray(map(_bits, _rows.texts(numbers)))


def _bits(number: str) -> int:
    if _MOBILE.fullmatch(number):
        return 0
    if not (number.isascii() and number.isdigit()):
        return CHARACTERS
    return LAND_LINE if _LAND_LINE.fullmatch(number) else FORM


def format(number: str) -> str:
    """A mobile number in its three groups, for reading aloud; a land line unchanged.

    Example:
        >>> format("13800138000")
        '138 0013 8000'
    """
    number = compact(number)
    return f"{number[:3]} {number[3:7]} {number[7:]}" if is_mobile(number) else number


def mask(number: str) -> str:
    """Hide the middle, for logs and messages.

    Example:
        >>> mask("13800138000")
        '138****8000'
    """
    return f"{number[:3]}****{number[-4:]}" if len(number) >= 11 else "*" * len(number)
