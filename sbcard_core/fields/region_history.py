"""The region code inside a number: in force when the number was *given*, known by year since 1981.

Numbers are given since 1984 (the first resident identity cards; 15 digits, 18 since 1999), to people of
any age, and keep the county of that day for ever. So a code is possible when it was in force in any year
from the later of 1984 and the birth on. Only an unknown province refuses a number; an unknown county, or
one that ended before the birth, is a warning that says why.
"""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import _rows, gbt2260
from sbcard_core.messages import Message, message
from sbcard_core.values import Severity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROVINCES = {
    "11": "北京市", "12": "天津市", "13": "河北省", "14": "山西省", "15": "内蒙古自治区",
    "21": "辽宁省", "22": "吉林省", "23": "黑龙江省",
    "31": "上海市", "32": "江苏省", "33": "浙江省", "34": "安徽省", "35": "福建省", "36": "江西省", "37": "山东省",
    "41": "河南省", "42": "湖北省", "43": "湖南省", "44": "广东省", "45": "广西壮族自治区", "46": "海南省",
    "50": "重庆市", "51": "四川省", "52": "贵州省", "53": "云南省", "54": "西藏自治区",
    "61": "陕西省", "62": "甘肃省", "63": "青海省", "64": "宁夏回族自治区", "65": "新疆维吾尔自治区",
    "71": "台湾省", "81": "香港特别行政区", "82": "澳门特别行政区",
}  # fmt: skip
"""Provinces by their first two digits (GB/T 2260)."""


ISSUED_FROM = 1984
"""The year in which the first resident identity cards, and with them the first numbers, were given out."""

PERMITS = {"710000": "台湾省", "810000": "香港居民居住证", "820000": "澳门居民居住证", "830000": "台湾居民居住证"}
"""Codes of a whole province that numbers carry: residence permits of 2018 on (and 71, which no county table covers)."""

CHARACTERS, PROVINCE, COUNTY, TIME = 1, 2, 4, 8
"""Status bits of :func:`check_many`: COUNTY and TIME are warnings; a row with CHARACTERS or PROVINCE has no other."""

_CLEAN = str.maketrans("０１２３４５６７８９", "0123456789", " \u3000\t-")


class RegionOutcome(IntEnum):
    """What the code of a number turns out to be, the worst last."""

    KNOWN = 0
    """In force in a year in which the number can have been given."""
    NOT_IN_FORCE = 1
    """A code that had ended before the number can have been given, or began later."""
    UNKNOWN_COUNTY = 2
    """No county code of that province since 1981, or the code of a city that has counties."""
    UNKNOWN_PROVINCE = 3
    """No province has these digits."""

    @property
    def severity(self) -> Severity:
        """ERROR only for an unknown province: tables have gaps, people do not.

        Example:
            >>> RegionOutcome.UNKNOWN_COUNTY.severity.name, RegionOutcome.UNKNOWN_PROVINCE.severity.name
            ('WARNING', 'ERROR')
        """
        return (Severity.NOTE, Severity.WARNING, Severity.WARNING, Severity.ERROR)[self.value]


@dataclass(frozen=True, slots=True)
class RegionStatus:
    """The judgement on one code, with its reason.

    Args:
        code: six digits, as asked.
        outcome: what it is.
        divisions: what the code has meant since 1981, oldest first.
        reason: why it is not known, None when it is.
        story: the part of the reason that tells nothing about the birth, for lists that hide it.
    """

    code: str
    outcome: RegionOutcome
    divisions: tuple[gbt2260.Division, ...] = ()
    reason: Message | None = None
    story: Message | None = None

    @property
    def severity(self) -> Severity:
        """How much it weighs."""
        return self.outcome.severity


def status(
    code: str, birth: date | None = None, issued_from: int = ISSUED_FROM, *, on: date | None = None
) -> RegionStatus:
    """Judge the region code of a number by the years in which the number can have been given.

    Args:
        code: the first six digits of the number (with 9…, a foreigner's card: 9, province, nationality).
        birth: the holder's birth date; None judges by ``issued_from`` alone.
        issued_from: no number is older than this year.
        on: the day of the check; a code that began after that year is not in force. None: the table's last year.

    Source: GB/T 2260 by the yearly lists of the Ministry of Civil Affairs (:mod:`sbcard_core.fields.gbt2260`);
    1984 as the first year: 《居民身份证试行条例》 of that April.

    Example:
        >>> status("430122", date(1990, 1, 1)).outcome.name
        'KNOWN'
        >>> print(status("430122", date(2013, 5, 1)).reason.zh)
        430122在1981-2011年为望城县，后为430112望城区；2013年起不再编号
        >>> status("430199", date(1990, 1, 1)).outcome.name, status("990101", None).outcome.name
        ('UNKNOWN_COUNTY', 'UNKNOWN_PROVINCE')
    """
    if not is_valid(code):
        return _unknown_province(code)
    if code in PERMITS or code[0] == "9":
        return RegionStatus(code, RegionOutcome.KNOWN)
    divisions = gbt2260.divisions(code)
    last = gbt2260.last_year(code)
    earliest = max(issued_from, birth.year if birth else issued_from)
    if not last or (last < earliest and code.endswith("00")):
        return _unknown_county(code, divisions)
    if last < earliest:
        return _ended(code, divisions, last, earliest)
    if on is not None and gbt2260.first_year(code) > on.year:
        return _not_yet(code, divisions, on.year)
    return RegionStatus(code, RegionOutcome.KNOWN, divisions)


def _unknown_province(code: str) -> RegionStatus:
    shown = code[:3] if code.startswith("9") else code[:2]
    return RegionStatus(code, RegionOutcome.UNKNOWN_PROVINCE, (), message("fields.region.no_province", found=shown))


def _unknown_county(code: str, divisions: tuple[gbt2260.Division, ...]) -> RegionStatus:
    if divisions:
        story = message("fields.region.of_city", code=code, name=divisions[-1].name)
    else:
        province = PROVINCES.get(code[:2], "台湾居民居住证")
        years = {"first": gbt2260.FIRST_YEAR, "last": gbt2260.LAST_YEAR}
        story = message("fields.region.no_county", code=code, province=province, **years)
    return RegionStatus(code, RegionOutcome.UNKNOWN_COUNTY, divisions, story, story)


def _ended(code: str, divisions: tuple[gbt2260.Division, ...], last: int, earliest: int) -> RegionStatus:
    known = divisions or gbt2260.divisions(code[:4] + "00")
    place = max(known, key=lambda division: division.last)
    after = max((division for division in known if division.became), key=lambda division: division.last, default=place)
    became = [f"{new}{gbt2260.name_in(new, last) or _last_name(new)}" for new in after.became if new != code]
    name = place.name if divisions else f"{place.name}市辖区"
    was = {"code": code, "first": known[0].first, "last": last, "name": name}
    story = message("fields.region.was", **was)
    if became:
        story = message("fields.region.became", **was, became="、".join(became))
    reason = message("fields.region.ended", story=story, year=earliest)
    return RegionStatus(code, RegionOutcome.NOT_IN_FORCE, divisions, reason, story)


def _not_yet(code: str, divisions: tuple[gbt2260.Division, ...], year: int) -> RegionStatus:
    story = message("fields.region.not_yet", code=code, first=gbt2260.first_year(code), year=year)
    return RegionStatus(code, RegionOutcome.NOT_IN_FORCE, divisions, story, story)


def _last_name(code: str) -> str:
    known = gbt2260.divisions(code)
    return known[-1].name if known else ""


def compact(code: str) -> str:
    """The code as it is stored: six plain digits.

    Example:
        >>> compact(" ４３ 01-02")
        '430102'
    """
    return code.translate(_CLEAN)


def is_valid(code: str) -> bool:
    """Whether ``code``, exactly as written, is six digits with a province, or the head of a foreigner's number.

    Example:
        >>> is_valid("430199"), is_valid("990101"), is_valid("4301"), is_valid("911398")
        (True, False, False, True)
    """
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        return False
    return (code[1:3] if code[0] == "9" else code[:2]) in PROVINCES or code[:2] == "83"


def validate(code: str) -> str:
    """Return the stored form, or raise; a county no list has is let through (see :func:`status`).

    Raises:
        InvalidValue: not six digits, or no province.

    Example:
        >>> validate("４３０１２２")
        '430122'
    """
    code = compact(code)
    if not is_valid(code):
        raise InvalidValue(message("fields.county.form"), step="region.validate", term="行政区划代码")
    return code


def format(code: str) -> str:
    """The code in its three parts: province, city, county.

    Example:
        >>> format("430122")
        '43 01 22'
    """
    code = compact(code)
    return f"{code[:2]} {code[2:4]} {code[4:]}" if len(code) == 6 else code


@cache
def _years() -> "tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.bool_]]":
    """By six-digit code: the first and the last year a number could be given, and whether the province exists."""
    import numpy as np  # noqa: PLC0415 - heavy, and only arrays need it

    first, last = np.zeros(1_000_000, np.uint16), np.zeros(1_000_000, np.uint16)
    province = np.zeros(1_000_000, np.bool_)
    for digits in (*PROVINCES, "83"):
        province[int(digits) * 10_000 : (int(digits) + 1) * 10_000] = True
        heads = slice(900_000 + int(digits) * 1_000, 900_000 + (int(digits) + 1) * 1_000)
        province[heads] = True
        last[heads] = gbt2260.STILL
    for code in PERMITS:
        last[int(code)] = gbt2260.STILL
    for code in gbt2260.codes():
        first[int(code)], last[int(code)] = gbt2260.first_year(code), gbt2260.last_year(code)
    for part in (first, last, province):
        part.setflags(write=False)
    return first, last, province


def check_many(
    codes: Any, *, birth_years: Any | None = None, issued_from: int = ISSUED_FROM, on: date | None = None
) -> bytearray:
    """Judge many codes by the same rules as :func:`status`.

    Args:
        codes: n × 6 contiguous bytes, or a column of text.
        birth_years: n integers, or None.
        issued_from: no number is older than this year.
        on: the day of the check, as in :func:`status`.

    Returns:
        n bytes, each the OR of CHARACTERS, PROVINCE, COUNTY (unknown), TIME (ended too early, or not yet begun);
        0 = known.

    Raises:
        InvalidValue: a buffer is not contiguous or the lengths differ.

    Example:
        >>> list(check_many(b"430122430199990101", birth_years=[2013, 1990, 1990]))
        [8, 4, 2]
    """
    import numpy as np  # noqa: PLC0415 - heavy, and only arrays need it

    values = _rows.digits(codes, 6, "0123456789")
    if birth_years is not None and len(birth_years) != len(values):
        raise InvalidValue("as many birth years as codes are wanted", step="region.check_many", term="出生年份")
    strange = np.any(values > 9, axis=1)
    index = np.where(strange, 0, values @ np.array(_PLACES))
    first, last, province = _years()
    earliest = np.maximum(issued_from, np.asarray(0 if birth_years is None else birth_years))
    foreign: NDArray[np.bool_] = ~strange & ~province[index]
    late: NDArray[np.bool_] = np.less(last[index], earliest)
    unknown: NDArray[np.bool_] = ~strange & ~foreign & ((last[index] == 0) | (late & (index % 100 == 0)))
    if on is not None:
        late |= first[index] > on.year
    ended: NDArray[np.bool_] = ~strange & ~foreign & ~unknown & late
    return _rows.mask((CHARACTERS, strange), (PROVINCE, foreign), (COUNTY, unknown), (TIME, ended))


@cache
def county_bits(issued_from: int = ISSUED_FROM) -> bytes:
    """1,000,000 bits, bit r set where code r was a county's in ``issued_from`` or later (or is a permit's).

    For ``citizen_id.check_many(regions=…)`` where a caller wants the region bit to mean the county: treat it as
    a warning then.

    Example:
        >>> bits = county_bits()
        >>> [bits[code >> 3] >> (code & 7) & 1 for code in (430122, 430199, 810000, 911398)]
        [1, 0, 1, 1]
    """
    import numpy as np  # noqa: PLC0415 - heavy, and only arrays need it

    return np.packbits(_years()[1] >= issued_from, bitorder="little").tobytes()


@lru_cache(maxsize=4)
def settled_bits(on: date, issued_from: int = ISSUED_FROM) -> bytes:
    """1,000,000 bits, bit r set where :func:`status` finds code r KNOWN on that day whatever the birth date.

    For ``citizen_id.check_many(regions=…)``: a number whose REGION bit stays 0 needs no further look; the others
    hold codes that ended before the day of the check, many of them right (see :func:`forgive`).

    Example:
        >>> bits = settled_bits(date(2014, 7, 31))
        >>> [bits[code >> 3] >> (code & 7) & 1 for code in (430112, 430122, 430199, 810000, 911398)]
        [1, 0, 0, 1, 1]
    """
    import numpy as np  # noqa: PLC0415 - heavy, and only arrays need it

    first, last, _ = _years()
    return np.packbits((last >= max(on.year, issued_from)) & (first <= on.year), bitorder="little").tobytes()


@lru_cache(maxsize=16)
def counties_in(year: int, provinces: frozenset[str] = frozenset(PROVINCES)) -> frozenset[str]:
    """The codes a county column may hold in one year: counties, and cities that have none.

    In the year of a change both the old and the new code count, as the lists do not tell the day.

    Args:
        year: the year; after the table's last one nothing is known to have changed.
        provinces: the first two digits of the provinces wanted.

    Source: GB/T 2260 by year (:mod:`sbcard_core.fields.gbt2260`).

    Example:
        >>> hunan = frozenset({"43"})
        >>> len(counties_in(2014, hunan)), "430122" in counties_in(2010, hunan), "430122" in counties_in(2014, hunan)
        (122, True, False)
    """
    found = set()
    for digits in provinces:
        for code, divisions in gbt2260.province(digits).items():
            if code.endswith("00"):
                if any(known.first <= year for known in divisions) and year <= gbt2260.last_year(code):
                    found.add(code)
            elif any(known.first <= year <= known.last for known in divisions):
                found.add(code)
    return frozenset(found)


def forgive(rows: bytes, masks: bytearray, *, on: date, bit: int) -> None:
    """Take a bit from the masks of those numbers whose region code was possible for their birth year.

    Args:
        rows: n × 18 bytes of numbers.
        masks: n bytes of ``citizen_id.check_many`` with :func:`settled_bits`; changed in place.
        on: the day of the check.
        bit: ``citizen_id.REGION``.

    Example:
        >>> masks = bytearray([2, 2])
        >>> forgive(b"430122198001010017" b"430122201301010017", masks, on=date(2014, 7, 31), bit=2)
        >>> list(masks)
        [0, 2]
    """
    import numpy as np  # noqa: PLC0415 - heavy, and only arrays need it

    held = np.frombuffer(masks, np.uint8)
    at = np.flatnonzero(held & bit)
    if not len(at):
        return
    chars = np.frombuffer(rows, np.uint8).reshape(-1, 18)[at]
    years = (chars[:, 6:10].astype(np.int64) - 48) @ np.array(_PLACES[2:])
    found = np.frombuffer(check_many(np.ascontiguousarray(chars[:, :6]).tobytes(), birth_years=years, on=on), np.uint8)
    held[at[found == 0]] &= 0xFF ^ bit


_PLACES = (100_000, 10_000, 1_000, 100, 10, 1)
