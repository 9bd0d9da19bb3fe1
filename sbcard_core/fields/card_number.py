"""社会保障卡卡号 (AAZ500): 8 characters and a check character.

The check is the one of the organisation code (GB 11714), found in public vendor code and
confirmed by the sample number of the interface documents. Cards of older local schemes carry
9 to 19 digits without a check: they are let through on request, and said to be unchecked.
"""

from typing import Any

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import _rows
from sbcard_core.messages import message

LENGTH = 9
CHARACTERS, CHECK, LEGACY = 1, 2, 4
"""Status bits of :func:`check_many`; LEGACY (digits of an older local scheme, unchecked) is a warning."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "0X987654321"  # by the weighted sum modulo 11: 11 - rest, where 10 is X and 11 is 0
_CLEAN = str.maketrans(
    "０１２３４５６７８９" + "ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ",
    _ALPHABET,
    " \u3000\t-",
)


class InvalidCardNumber(InvalidValue):
    """A card number that breaks a rule; the message does not repeat it."""


def check_character(body8: str) -> str:
    """The check character for the first 8 characters.

    Raises:
        InvalidCardNumber: not 8 characters of 0-9 and A-Z.

    Source: GB 11714 scheme, weights 3 7 9 10 5 8 4 2, as public vendor code applies it.

    Example:
        >>> check_character("B0000001"), check_character("X0000001")
        ('9', '9')
    """
    if len(body8) != LENGTH - 1:
        raise InvalidCardNumber(message("fields.card_number.body"), step="card_number.check_character", term="卡号")
    try:
        total = sum([weight * _VALUES[character] for weight, character in zip(_WEIGHTS, body8, strict=True)])
    except KeyError:
        raise InvalidCardNumber(
            message("fields.card_number.characters"), step="card_number.check_character", term="卡号"
        ) from None
    return _CHECKS[total % 11]


def compact(number: str) -> str:
    """The number as it is stored: blanks and hyphens gone, full-width made plain, upper-case.

    Example:
        >>> compact("ｂ0000001-9 ")
        'B00000019'
    """
    return number.upper().translate(_CLEAN)


def is_legacy(number: str) -> bool:
    """Whether ``number`` can only be of an older local scheme: 9 to 19 digits that carry no check.

    Example:
        >>> is_legacy("4301020123456789"), is_legacy("B00000019")
        (True, False)
    """
    digits = number.isascii() and number.isdigit() and number.strip("0") != ""
    return digits and LENGTH <= len(number) <= 19 and not is_valid(number)


def validate(number: str, *, legacy: bool = False) -> str:
    """Return the stored form, or raise.

    Args:
        number: as written.
        legacy: also accept numbers of older local schemes, unchecked.

    Raises:
        InvalidCardNumber: wrong length, character or check character.

    Example:
        >>> validate("b00000019")
        'B00000019'
    """
    number = compact(number)
    if legacy and is_legacy(number):
        return number
    if len(number) != LENGTH:
        raise InvalidCardNumber(message("fields.card_number.length"), step="card_number.validate", term="卡号")
    if check_character(number[:-1]) != number[-1]:
        raise InvalidCardNumber(message("fields.card_number.check"), step="card_number.validate", term="卡号校验位")
    return number


def is_valid(number: str) -> bool:
    """Whether ``number``, exactly as written, is a checked card number.

    Example:
        >>> is_valid("X00000019"), is_valid("X00000018"), is_valid("000000000")
        (True, False, False)
    """
    try:
        return len(number) == LENGTH and number != "0" * LENGTH and check_character(number[:-1]) == number[-1]
    except InvalidCardNumber:
        return False


def check_many(numbers: Any) -> bytearray:
    """Check n numbers at once.

    Args:
        numbers: n × 9 contiguous bytes, or a column of text (only there numbers of 10 to 19 digits are seen).

    Returns:
        n bytes, 0 = clean: CHARACTERS alone (not 9 characters of 0-9 and A-Z, or zeros only), LEGACY alone (10 to 19
        digits), CHECK (another check character), with LEGACY where all 9 are digits, so that it may be an older number.

    Raises:
        InvalidValue: a buffer is not contiguous or not a whole number of rows.

    Source: as :func:`check_character`; the 9 to 19 digits of older cards from local pages.

    Example:
        >>> list(check_many(["B00000019", "B00000018", "430102000", "4301020123456789", "b00000019"]))
        [0, 2, 6, 4, 1]
    """
    import numpy as np  # noqa: PLC0415 - heavy, and only arrays need it

    column = numbers if _rows.is_buffer(numbers) else _rows.texts(numbers)
    values = _rows.digits(column, LENGTH, _ALPHABET)
    strange = (values == _rows.NO_VALUE).any(axis=1) | (values == 0).all(axis=1)
    total = values[:, :-1] @ np.array(_WEIGHTS, dtype=np.int64)
    right = np.array([_VALUES[character] for character in _CHECKS], dtype=np.uint8)[total % 11]
    wrong = ~strange & (right != values[:, -1])
    out = _rows.mask((CHARACTERS, strange), (CHECK, wrong), (LEGACY, wrong & (values <= 9).all(axis=1)))
    if isinstance(column, list):
        for at in np.flatnonzero(strange):
            if is_legacy(column[at]):
                out[at] = LEGACY
    return out


def format(number: str) -> str:
    """The number with its check character set apart, for reading aloud.

    Example:
        >>> format("b00000019")
        'B0000001-9'
    """
    number = compact(number)
    return f"{number[:-1]}-{number[-1]}" if len(number) == LENGTH else number


def make(serial: int, prefix: str) -> str:
    """The card number of one serial under a city's prefix.

    Args:
        serial: from 0; must fit beside the prefix in 8 characters.
        prefix: 1 to 7 characters of 0-9 and A-Z; the first letter is a city's (its list is not public).

    Raises:
        InvalidCardNumber: the serial does not fit, or the prefix has other characters.

    Example:
        >>> make(1, "B")
        'B00000019'
    """
    width = LENGTH - 1 - len(prefix)
    body = prefix + str(serial).zfill(width)
    if not prefix or width < 1 or serial < 0 or len(body) != LENGTH - 1:
        raise InvalidCardNumber(message("fields.card_number.range"), step="card_number.make", term="卡号段")
    return body + check_character(body)
