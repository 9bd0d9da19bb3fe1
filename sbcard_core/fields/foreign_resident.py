"""外国人永久居留身份证号码: 18 characters since December 2023, 15 before; both are in use.

* 18: 9, province of issue (2 digits), nationality (3 digits, ISO 3166-1), birth date, sequence, MOD 11-2 check.
* 15: nationality (3 letters, ISO 3166-1), issuing area (4 digits), birth date YYMMDD, a digit, a check digit.

Sources: the rule text of the National Immigration Administration for the 2023 edition; the parts of the older form
from public vendor code, its check digit by ICAO 9303 part 3 (weights 7 3 1). The nationality is not looked up.
"""

from datetime import date
from typing import Any

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import _rows, citizen_id
from sbcard_core.messages import message
from sbcard_core.values import HYPHEN, plain

CHARACTERS, AREA, DATE, CHECK = 1, 2, 4, 8
"""Status bits of :func:`check_many`; the same values as in :mod:`~sbcard_core.fields.citizen_id`."""

OLD_LENGTH = 15
_VALUES = {character: value for value, character in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
_WEIGHTS = (7, 3, 1)
_REASONS = {
    CHARACTERS: ("characters", "号码字符"),
    AREA: ("area", "受理地区"),
    DATE: ("date", "出生日期码"),
    CHECK: ("check", "校验码"),
}


class InvalidForeignResident(InvalidValue):
    """A number that breaks a rule; ``bits`` says which, the number itself is not told."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        broken = [reason for bit, reason in _REASONS.items() if bits & bit]
        reasons = tuple(message(f"fields.foreign_resident.{name}") for name, _ in broken)
        what, terms = message("fields.foreign_resident", reasons=reasons), "、".join(term for _, term in broken)
        super().__init__(what, step="foreign_resident.validate", term=terms)


def check_digit(body: str) -> str:
    """The check digit of the 15-character form for its first 14 characters.

    Raises:
        InvalidValue: not 14 characters of 0-9 and A-Z.

    Source: ICAO 9303 part 3, 4.9.

    Example:
        >>> check_digit("KAZ11009012310")
        '5'
    """
    if len(body) != OLD_LENGTH - 1 or not all(character in _VALUES for character in body):
        raise InvalidValue("14 characters of 0-9 and A-Z", step="foreign_resident.check_digit", term="本体码")
    return str(sum(_WEIGHTS[at % 3] * _VALUES[character] for at, character in enumerate(body)) % 10)


def compact(number: str) -> str:
    """The number as it is stored: blanks gone, full-width made plain, letters upper-case.

    Example:
        >>> compact("kaz 1100 901231 05")
        'KAZ110090123105'
    """
    return plain(HYPHEN.sub("", number)).upper()


def _old_bits(number: str) -> int:
    if not (number[:3].isalpha() and number[3:].isdigit()):
        return CHARACTERS
    found = 0 if int(number[3:5]) in citizen_id.PROVINCES else AREA
    if not any(citizen_id.is_day(century + number[7:13]) for century in ("19", "20")):
        found |= DATE
    return found if check_digit(number[:-1]) == number[-1] else found | CHECK


def _bits(number: str, on: date) -> int:
    if not number.isascii() or number != number.upper():
        return CHARACTERS
    if len(number) == OLD_LENGTH:
        return _old_bits(number)
    if len(number) != citizen_id.LENGTH or number[0] != "9":
        return CHARACTERS
    return citizen_id.check_many(number.encode("ascii"), on=on)[0]


def check_many(numbers: Any, *, on: date) -> bytearray:
    """Check a column of numbers of either form.

    Args:
        numbers: a column of text.
        on: the day the 18-character numbers must exist by; the older form has no century.

    Returns:
        n bytes, each the OR of CHARACTERS, AREA, DATE, CHECK; 0 = clean, CHARACTERS stands alone.

    Example:
        >>> list(check_many(["KAZ110090123105", "KAZ990090023107", "911398199012310021"], on=date(2024, 1, 1)))
        [0, 14, 0]
    """
    return bytearray(_bits(number, on) for number in _rows.texts(numbers))


def is_valid(number: str, *, on: date = date(2075, 12, 31)) -> bool:
    """Whether ``number``, exactly as written, is of one of the two forms.

    Example:
        >>> is_valid("KAZ110090123105"), is_valid("kaz110090123105"), is_valid("11010519491231002X")
        (True, False, False)
    """
    return _bits(number, on) == 0


def validate(number: str, *, on: date = date(2075, 12, 31)) -> str:
    """Return the stored form, or raise with every rule it breaks.

    Raises:
        InvalidForeignResident: with ``bits`` as in :func:`check_many`.

    Example:
        >>> validate("kaz110090123105")
        'KAZ110090123105'
    """
    number = compact(number)
    if bits := _bits(number, on):
        raise InvalidForeignResident(bits)
    return number


def format(number: str) -> str:
    """The number in its groups, for reading aloud.

    Example:
        >>> format("KAZ110090123105"), format("911398199012310021")
        ('KAZ 1100 901231 05', '911398 19901231 0021')
    """
    number = compact(number)
    if len(number) == OLD_LENGTH:
        return f"{number[:3]} {number[3:7]} {number[7:13]} {number[13:]}"
    return citizen_id.format(number)
