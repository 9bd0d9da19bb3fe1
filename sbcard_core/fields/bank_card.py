"""银行卡号 (AAE010): 12 to 19 digits of ISO/IEC 7812.

The Luhn digit is a warning only: some account numbers that banks return in this field are
no card numbers and carry no check. Whose card it is, is told by issuer ranges, which are data.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import _rows
from sbcard_core.messages import message
from sbcard_core.values import HYPHEN, plain

ISSUERS = "bank-card-issuers.txt"
"""The table of issuer ranges (发卡行标识代码): examples, assumed. An integrator loads the own bank's list instead."""

CHARACTERS, LENGTH, LUHN, ISSUER = 1, 2, 4, 8
"""Status bits of :func:`check_many`; LUHN and ISSUER (in no known range) are warnings."""

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


class InvalidBankCard(InvalidValue):
    """A card number that breaks a rule; the message does not repeat it."""


def check_digit(body: str) -> str:
    """The Luhn digit for all digits before it.

    Raises:
        InvalidBankCard: not ASCII digits.

    Source: ISO/IEC 7812-1 annex B.

    Example:
        >>> check_digit("7992739871")
        '3'
    """
    if not (body.isascii() and body.isdigit()):
        raise InvalidBankCard(message("fields.bank_card.digits"), step="bank_card.check_digit", term="银行卡号")
    total = sum(_DOUBLED[int(digit)] for digit in body[::-2]) + sum(int(digit) for digit in body[-2::-2])
    return str(-total % 10)


def compact(number: str) -> str:
    """The number as it is stored: plain digits.

    Example:
        >>> compact("6228 4800 0000 0000 017")
        '6228480000000000017'
    """
    return plain(HYPHEN.sub("", number))


def luhn_is_right(number: str) -> bool:
    """Whether the last digit is the Luhn digit of the others; a wrong one is a warning, no refusal.

    Example:
        >>> luhn_is_right("79927398713"), luhn_is_right("79927398710")
        (True, False)
    """
    return len(number) > 1 and number.isascii() and number.isdigit() and check_digit(number[:-1]) == number[-1]


def is_valid(number: str) -> bool:
    """Whether ``number``, exactly as written, is 12 to 19 digits, not all 0 (the Luhn digit does not decide).

    Example:
        >>> is_valid("6228480000000000017"), is_valid("6228-48"), is_valid("0" * 16)
        (True, False, False)
    """
    return 12 <= len(number) <= 19 and number.isascii() and number.isdigit() and number.strip("0") != ""


def validate(number: str, *, luhn: bool = False) -> str:
    """Return the stored form, or raise.

    Args:
        number: as written.
        luhn: also refuse a wrong Luhn digit.

    Raises:
        InvalidBankCard: wrong length or character, or with ``luhn`` a wrong check digit.

    Example:
        >>> validate("6228 4800 0000 0000 017")
        '6228480000000000017'
    """
    number = compact(number)
    if not is_valid(number):
        raise InvalidBankCard(message("fields.bank_card.length"), step="bank_card.validate", term="银行卡号")
    if luhn and not luhn_is_right(number):
        raise InvalidBankCard(message("fields.bank_card.luhn"), step="bank_card.validate", term="银行卡号校验位")
    return number


def format(number: str) -> str:
    """The number in groups of four, for reading aloud.

    Example:
        >>> format("6228480000000000017")
        '6228 4800 0000 0000 017'
    """
    number = compact(number)
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


@cache
def issuers() -> dict[str, str]:
    """The shipped issuer ranges: prefix of a card number to the bank's three-digit code (CNAPS).

    Source: pages of banks and customers, see the table's header: **assumed**, far from complete.

    Example:
        >>> issuers()["622848"]
        '103'
    """
    return load_issuers(files("sbcard_core.fields").joinpath("data", ISSUERS).read_text("utf-8"))


def load_issuers(text: str) -> dict[str, str]:
    """Read a table of issuer ranges: lines of ``<prefix> <bank code>``, # begins a comment.

    Raises:
        InvalidBankCard: a line that is no prefix of 4 to 10 digits and a bank code.

    Example:
        >>> load_issuers("# own list\\n62284801 103\\n")
        {'62284801': '103'}
    """
    found = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not (words[0].isascii() and words[0].isdigit() and 4 <= len(words[0]) <= 10):
            raise InvalidBankCard("a line is not '<prefix> <bank>'", step="bank_card.load_issuers", term="发卡行标识")
        found[words[0]] = words[1]
    return found


def issuer(number: str, ranges: Mapping[str, str] | None = None) -> str:
    """The bank's code by the longest range the number begins with, "" when there is none.

    Args:
        number: as stored.
        ranges: from :func:`load_issuers`; None takes the shipped, assumed ones.

    Example:
        >>> issuer("6228480000000000017"), issuer("9999990000000000017")
        ('103', '')
    """
    ranges = issuers() if ranges is None else ranges
    for length in range(10, 3, -1):
        if number[:length] in ranges:
            return ranges[number[:length]]
    return ""


def check_many(numbers: Any, *, ranges: Mapping[str, str] | None = None) -> bytearray:
    """Check a column of numbers.

    Args:
        numbers: a column of text.
        ranges: issuer ranges to look the numbers up in; None does not look.

    Returns:
        n bytes, each the OR of CHARACTERS (no digits, or zeros only; stands alone), LENGTH, and the warnings LUHN and
        ISSUER; 0 = clean.

    Example:
        >>> list(check_many(["6228480000000000018", "6228480000000000017", "12", "6228-48"], ranges=issuers()))
        [0, 4, 14, 1]
    """
    return bytearray(_bits(number, ranges) for number in _rows.texts(numbers))


def _bits(number: str, ranges: Mapping[str, str] | None) -> int:
    if not (number.isascii() and number.isdigit()) or not number.strip("0"):
        return CHARACTERS
    found = 0 if 12 <= len(number) <= 19 else LENGTH
    if not luhn_is_right(number):
        found |= LUHN
    return found | ISSUER if ranges is not None and not issuer(number, ranges) else found


def mask(number: str) -> str:
    """Hide all but the first six and last four digits, for logs and messages.

    Example:
        >>> mask("6228480000000000017")
        '622848*********0017'
    """
    return f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}" if len(number) >= 12 else "*" * len(number)
