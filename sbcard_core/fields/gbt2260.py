"""行政区划代码的历史: every six-digit code of GB/T 2260 since 1981, with the years it was in force.

The table is read one province at a time, when a code of that province is first asked for.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

TABLE = "gbt2260-history.txt"
"""The dated table; its header names source and licence, ``update_history.py`` beside it rewrites it."""

FIRST_YEAR, LAST_YEAR = 1981, 2024
"""The lists the table covers; a code in force in LAST_YEAR is taken to be in force still."""

STILL = 9999
"""``last`` of a code that is in force."""


@dataclass(frozen=True, slots=True)
class Division:
    """One code under one name.

    Args:
        code: six digits.
        name: the name of those years.
        first: the first year whose list (31 December) has it; FIRST_YEAR also means "or before".
        last: the year in which it went out of force, or :data:`STILL`; that year still counts as in force.
        became: the codes its area went to; the same code when only the name changed.
        as_published: it stood in the Ministry's lists of those years, where editions of GB/T 2260 have
            another code (339005 萧山市, 1991 to 1994): offices numbered people by those lists too.
    """

    code: str
    name: str
    first: int
    last: int
    became: tuple[str, ...] = ()
    as_published: bool = False

    @property
    def years(self) -> str:
        """The years as text.

        Example:
            >>> Division("430122", "望城县", 1981, 2011).years, Division("430112", "望城区", 2011, STILL).years
            ('1981-2011', '2011-')
        """
        return f"{self.first}-{self.last if self.last != STILL else ''}"


@cache
def _table() -> list[str]:
    """The table's lines, sorted by code."""
    text = files("sbcard_core.fields").joinpath("data", TABLE).read_text("utf-8")
    return text[text.index("\n1") + 1 :].splitlines()


def _lines(province: str) -> list[str]:
    """The table's lines of one province."""
    lines = _table()
    return lines[bisect_left(lines, province) : bisect_left(lines, province + ":")]  # ":" comes after the digits


@lru_cache(maxsize=100)
def province(digits: str) -> dict[str, tuple[Division, ...]]:
    """Every code a province ever had, oldest name first; empty for an unknown province.

    Args:
        digits: the first two digits.

    Source: the table's header.

    Example:
        >>> [division.name for division in province("43")["430102"]]
        ['东区', '芙蓉区']
        >>> province("99")
        {}
    """
    if len(digits) != 2 or not (digits.isascii() and digits.isdigit()):
        return {}
    found: dict[str, list[Division]] = {}
    for line in _lines(digits):
        division = _division(*line.split(" "))
        found.setdefault(division.code, []).append(division)
    return {code: tuple(divisions) for code, divisions in found.items()}


def _division(code: str, first: str, last: str, name: str, rest: str = "") -> Division:
    became = tuple(rest.split(",")) if rest and rest != "~" else ()
    return Division(code, name, int(first), STILL if last == "-" else int(last), became, rest == "~")


@cache
def provinces() -> tuple[str, ...]:
    """The first two digits of every province, sorted.

    Example:
        >>> len(provinces()), provinces()[0], provinces()[-1]
        (34, '11', '82')
    """
    return tuple(line[:2] for line in _table() if line[2:6] == "0000")


def divisions(code: str) -> tuple[Division, ...]:
    """What a code has meant, oldest first; empty for one that was never in a list.

    Example:
        >>> [(division.name, division.years, division.became) for division in divisions("430122")]
        [('望城县', '1981-2011', ('430112',))]
    """
    return province(code[:2]).get(code, ())


def name_in(code: str, year: int) -> str:
    """The name of a code in one year's list (31 December), "" when it stood in none.

    Example:
        >>> name_in("430102", 1990), name_in("430102", 1996), name_in("430122", 2011)
        ('东区', '芙蓉区', '')
    """
    for division in divisions(code):
        if division.first <= year < division.last:
            return division.name
    return ""


@cache
def _counties(province_digits: str) -> dict[str, list[Division]]:
    """The counties of a province by the first four digits."""
    found: dict[str, list[Division]] = {}
    for code, divisions in province(province_digits).items():
        if not code.endswith("00"):
            found.setdefault(code[:4], []).extend(divisions)
    return found


@lru_cache(maxsize=10_000)
def last_year(code: str) -> int:
    """The last year in which a citizen's number could be given under a code; 0 for a code that never could.

    Counties count; a city's own code counts in the years in which it had no counties (东莞 441900), and the
    heading 市辖区 (xx01) counts while its city is there: police use it where no district is told (深圳 440301).

    Example:
        >>> last_year("430122"), last_year("430112"), last_year("430199")
        (2011, 9999, 0)
        >>> last_year("441900"), last_year("440301"), last_year("430100"), last_year("430000")
        (9999, 9999, 1981, 0)
    """
    if code.endswith("0000"):
        return 0
    if code.endswith("00"):
        return max((_last_alone(division) for division in divisions(code)), default=0)
    own = max((division.last for division in divisions(code)), default=0)
    return max(own, max((division.last for division in _heading(code)), default=0))


def _heading(code: str) -> tuple[Division, ...]:
    """The city whose 市辖区 a code xx01 is the heading of; empty for every other code."""
    is_heading = code.endswith("01") and not code.endswith("0001")
    return divisions(code[:4] + "00") if is_heading else ()


def _last_alone(city: Division) -> int:
    """The last year in which a city had no county the whole year through, so that numbers carry its own code."""
    counties = _counties(city.code[:2]).get(city.code[:4], [])
    year = min(city.last, LAST_YEAR)
    while year >= city.first:
        through = [county.first for county in counties if county.first < year < county.last]
        if not through:
            return STILL if year == LAST_YEAR else year
        year = min(through)
    return 0


@lru_cache(maxsize=10_000)
def first_year(code: str) -> int:
    """The first year in which a number could be given under a code; 0 for a code that never could.

    Example:
        >>> first_year("430112"), first_year("430122"), first_year("430199")
        (2011, 1981, 0)
    """
    known = divisions(code) or _heading(code)
    return min((division.first for division in known), default=0)


def codes() -> list[str]:
    """Every code a number can carry since the first list: counties, cities without counties, headings xx01.

    Example:
        >>> len(codes()) > 6000, "430101" in codes(), "430000" in codes()
        (True, True, False)
    """
    found: set[str] = set()
    for digits in provinces():
        for code in province(digits):
            found |= {code, code[:4] + "01"} if code.endswith("00") else {code}
    return sorted(code for code in found if last_year(code))
