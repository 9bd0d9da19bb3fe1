"""公民身份号码: the citizen number of GB 11643-1999 (ISO 7064 MOD 11-2 check character).

The same 18 characters also carry the residence permits of Hong Kong, Macao and
Taiwan residents (81/82/83) and, since 2023, the foreign permanent resident card
(9…); both are accepted, :func:`kind` tells them apart. Only the province is checked:
a number keeps the county code of the day it was issued; what its county was, says
:func:`sbcard_core.fields.region.status`. The 15 digits of before 1999 were only ever
citizens' (the permits are younger).
"""

from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any

from sbcard_core import _kernels
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import _rows
from sbcard_core.messages import message
from sbcard_core.values import HYPHEN, Sex, plain

LENGTH = 18
LAST_DAY = date(2075, 12, 31)
"""The last birth date that the kernels can count."""
CHARACTERS, REGION, DATE, CHECK, SEX = 1, 2, 4, 8, 16
"""Status bits of :func:`check_many`; 0 is a clean row, CHARACTERS stands alone."""

PROVINCES = frozenset(
    (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83)
)
"""GB/T 2260 province codes, with 83 as the Taiwan residence permits write it."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_REASONS = {
    CHARACTERS: ("characters", "号码字符"),
    REGION: ("region", "地区码"),
    DATE: ("date", "出生日期码"),
    CHECK: ("check", "校验码"),
}
"""The part of the code of each rule's sentence, and the term for what breaks it."""


class InvalidCitizenID(InvalidValue):
    """A citizen number that breaks a rule; ``bits`` says which, the number itself is not told."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        reasons = tuple(message(f"fields.citizen_number.{code}") for bit, (code, _) in _REASONS.items() if bits & bit)
        terms = "、".join(term for bit, (_, term) in _REASONS.items() if bits & bit)
        super().__init__(message("fields.citizen_number", reasons=reasons), step="citizen_id.validate", term=terms)


@cache
def known_regions() -> bytes:
    """1,000,000 bits, bit r set where six-digit code r lies in a known province (or is a 9… card of one)."""
    bits = bytearray(125_000)
    for province in PROVINCES:
        for first in (province * 10_000, 900_000 + province * 1_000):
            for code in range(first, first + (10_000 if first < 900_000 else 1_000)):
                bits[code >> 3] |= 1 << (code & 7)
    return bytes(bits)


def day_key(on: date) -> int:
    """A day as the kernels count: 31 to a month, 12 months to a year from 1900; past 2075 the largest there is.

    Example:
        >>> day_key(date(1900, 1, 1)), day_key(date(1900, 2, 1)), day_key(date(2080, 1, 1))
        (0, 31, 65471)
    """
    return (min(on.year, 2075) - 1900) * 372 + (on.month - 1) * 31 + on.day - 1 if on.year <= 2075 else 65471


def check_many(
    rows: Any, *, sex: Any | None = None, on: date, regions: bytes | None = None, level: str | None = None
) -> bytearray:
    """Check n numbers at once.

    Args:
        rows: n × 18 contiguous bytes (any buffer: ``bytes``, numpy ``S18`` or ``uint8[n,18]``, an Arrow buffer),
            or a column of text, where a legacy number of 15 digits is judged as its 18 characters.
        sex: n bytes of GB/T 2261.1 codes, a column of text, or None; only '1' and '2' are compared with digit 17.
        on: the day the numbers must exist by; a later birth date is impossible.
        regions: 125,000 bytes, bit r for the six-digit code r; None = every code of a known province
            (``region.county_bits()`` makes REGION mean the county: a warning then, no refusal).
        level: a kernel level, only for tests and benchmarks.

    Returns:
        n bytes, each the OR of CHARACTERS, REGION, DATE, CHECK, SEX; 0 = clean.

    Raises:
        InvalidValue: a buffer is not contiguous or the lengths differ.

    Source: GB 11643-1999.

    Example:
        >>> list(check_many(b"11010519491231002X110105194912310021", on=date(2014, 7, 31)))
        [0, 8]
        >>> list(check_many(["11010519491231002X", "610104620927690", None], on=date(2014, 7, 31)))
        [0, 0, 1]
    """
    kernel, level = _kernels.choose("idcheck", level)
    if not _rows.is_buffer(rows):
        column = _rows.texts(rows)
        if 15 in set(map(len, column)):
            column = [_widened(text) if len(text) == 15 else text for text in column]
        rows = _rows.rows(column, LENGTH)
    if sex is not None and not _rows.is_buffer(sex):
        sex = _rows.rows(sex, 1)
    out = bytearray(memoryview(rows).nbytes // LENGTH)
    try:
        kernel.check(rows, sex, known_regions() if regions is None else regions, day_key(on), out, level)
    except (ValueError, BufferError) as error:
        raise InvalidValue(str(error), step="citizen_id.check_many", term="号码数组") from error
    return out


def _widened(number: str) -> str:
    """A legacy number as 18 characters; under a permit's region, which never had 15 digits, province 00 stands."""
    if not (number.isascii() and number.isdigit()):
        return ""
    if is_permit(number):
        number = "00" + number[2:]
    return upgrade(number)


def is_permit(number: str) -> bool:
    """Whether the first digits are those of a residence permit (81, 82, 83) or of a foreigner's card (9).

    Example:
        >>> is_permit("810000199408230021"), is_permit("911398199012310021"), is_permit("11010519491231002X")
        (True, True, False)
    """
    return number[:1] == "9" or number[:2] in _PERMIT_KINDS


def compact(number: str) -> str:
    """The number as it is stored: blanks, hyphens, unseen characters, apostrophe or ="…" gone, half-width, capital X.

    Example:
        >>> compact("１１０１０５ 19491231 002x")
        '11010519491231002X'
        >>> compact("'110105-19491231-002x")
        '11010519491231002X'
    """
    return plain(HYPHEN.sub("", number)).replace("x", "X")


def check_digit(body: str) -> str:
    """The check character for 17 body digits.

    Raises:
        InvalidValue: ``body`` is not 17 ASCII digits.

    Example:
        >>> check_digit("11010519491231002")
        'X'
    """
    if len(body) != 17 or not (body.isascii() and body.isdigit()):
        raise InvalidValue(message("fields.citizen_number.body"), step="citizen_id.check_digit", term="本体码")
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True))
    return "10X98765432"[total % 11]


def upgrade(number: str) -> str:
    """Make the 18 characters of a legacy 15-digit number: insert 19, append the check character.

    Raises:
        InvalidValue: ``number`` is not 15 ASCII digits.

    Example:
        >>> upgrade("610104620927690")
        '610104196209276908'
    """
    if len(number) != 15 or not (number.isascii() and number.isdigit()):
        raise InvalidValue(message("fields.citizen_number.legacy"), step="citizen_id.upgrade", term="15位号码")
    body = number[:6] + "19" + number[6:]
    return body + check_digit(body)


def _bits(number: str, on: date) -> int:
    if len(number) == LENGTH and number.isascii():
        return check_many(number.encode("ascii"), on=on)[0]
    return check_many([number], on=on)[0]


def validate(number: str, *, on: date = LAST_DAY) -> str:
    """Return the stored form of ``number``, or raise with every rule it breaks.

    Raises:
        InvalidCitizenID: with ``bits`` as in :func:`check_many`.

    Example:
        >>> validate("11010519491231002x")
        '11010519491231002X'
    """
    number = compact(number)
    if bits := _bits(number, on):
        raise InvalidCitizenID(bits)
    return number


def is_valid(number: str, *, on: date = LAST_DAY) -> bool:
    """Whether ``number``, exactly as written, is an 18- or legacy 15-character number: ASCII, capital X.

    Residence permits (81/82/83) and foreigners' cards (9…) included; their older forms have rooms of their own
    (:mod:`~sbcard_core.fields.travel_permit`, :mod:`~sbcard_core.fields.foreign_resident`).

    Example:
        >>> is_valid("11010519491231002X"), is_valid("11010519491231002x")
        (True, False)
        >>> is_valid("810000199408230021"), is_valid("911398199012310021"), is_valid("610104620927690")
        (True, True, True)
    """
    return _bits(number, on) == 0


def format(number: str) -> str:
    """The number in its three groups, for reading aloud.

    Example:
        >>> format("11010519491231002X")
        '110105 19491231 002X'
    """
    number = compact(number)
    return f"{number[:6]} {number[6:14]} {number[14:]}" if len(number) == LENGTH else number


def _full(number: str) -> str:
    number = validate(number)
    return upgrade(number) if len(number) == 15 else number


def is_day(text: str) -> bool:
    """Whether eight digits, YYYYMMDD, name a day of the calendar.

    Example:
        >>> is_day("19840229"), is_day("19830229")
        (True, False)
    """
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def birth_date(number: str) -> date:
    """The birth date the number carries.

    Example:
        >>> birth_date("11010519491231002X")
        datetime.date(1949, 12, 31)
    """
    number = _full(number)
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def sex(number: str) -> Sex:
    """The sex the number carries: digit 17 odd = male.

    Example:
        >>> sex("11010519491231002X")
        <Sex.FEMALE: '2'>
    """
    return Sex.MALE if int(_full(number)[16]) % 2 else Sex.FEMALE


class Kind(StrEnum):
    """Whose number it is."""

    CITIZEN = "citizen"
    CITIZEN_15 = "citizen_15"
    """A citizen's of before 1999."""
    HONG_KONG = "hong_kong"
    MACAO = "macao"
    TAIWAN = "taiwan"
    FOREIGNER = "foreigner"


_PERMIT_KINDS = {"81": Kind.HONG_KONG, "82": Kind.MACAO, "83": Kind.TAIWAN}


def kind(number: str) -> Kind:
    """Whose number it is, by its first digits.

    Raises:
        InvalidCitizenID: the number breaks a rule.

    Example:
        >>> kind("830000199201300022").value, kind("911398199012310021").value, kind("610104620927690").value
        ('taiwan', 'foreigner', 'citizen_15')
    """
    number = validate(number)
    if len(number) == 15:
        return Kind.CITIZEN_15
    return Kind.FOREIGNER if number[0] == "9" else _PERMIT_KINDS.get(number[:2], Kind.CITIZEN)
