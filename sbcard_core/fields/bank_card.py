"""银行卡号 (AAE010): 12 to 19 digits of ISO/IEC 7812.

The Luhn digit is a warning only: some account numbers that banks return in this field are
no card numbers and carry no check.
"""

from sbcard_core.errors import InvalidValue

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_CLEAN = str.maketrans("０１２３４５６７８９", "0123456789", " \u3000\t-")


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
        raise InvalidBankCard("only digits", step="bank_card.check_digit", term="银行卡号")
    total = sum(_DOUBLED[int(digit)] for digit in body[::-2]) + sum(int(digit) for digit in body[-2::-2])
    return str(-total % 10)


def compact(number: str) -> str:
    """The number as it is stored: plain digits.

    Example:
        >>> compact("6228 4800 0000 0000 017")
        '6228480000000000017'
    """
    return number.translate(_CLEAN)


def luhn_is_right(number: str) -> bool:
    """Whether the last digit is the Luhn digit of the others; a wrong one is a warning, no refusal.

    Example:
        >>> luhn_is_right("79927398713"), luhn_is_right("79927398710")
        (True, False)
    """
    return len(number) > 1 and number.isascii() and number.isdigit() and check_digit(number[:-1]) == number[-1]


def is_valid(number: str) -> bool:
    """Whether ``number``, exactly as written, is 12 to 19 digits (the Luhn digit does not decide).

    Example:
        >>> is_valid("6228480000000000017"), is_valid("6228-48")
        (True, False)
    """
    return 12 <= len(number) <= 19 and number.isascii() and number.isdigit()


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
        raise InvalidBankCard("not 12 to 19 digits", step="bank_card.validate", term="银行卡号")
    if luhn and not luhn_is_right(number):
        raise InvalidBankCard("the Luhn digit is another one", step="bank_card.validate", term="银行卡号校验位")
    return number


def format(number: str) -> str:
    """The number in groups of four, for reading aloud.

    Example:
        >>> format("6228480000000000017")
        '6228 4800 0000 0000 017'
    """
    number = compact(number)
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def mask(number: str) -> str:
    """Hide all but the first six and last four digits, for logs and messages.

    Example:
        >>> mask("6228480000000000017")
        '622848*********0017'
    """
    return f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}" if len(number) >= 12 else "*" * len(number)
