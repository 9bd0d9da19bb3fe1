"""Periods (所属期), and working days of the mainland (工作日): weekends, holidays and the make-up days worked for them.

The State Council General Office publishes each year's arrangement late in the year before, so
a year whose notice is not in the table is refused, never guessed. The table is the one of the
package ``chinesecalendar``. Banks' own clearing days differ and are not in it.
"""

import re
from calendar import monthrange
from datetime import date, datetime, timedelta
from functools import cache
from importlib.metadata import version
from typing import Self

from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message
from sbcard_core.values import mask_ids_in, plain

_DAY = timedelta(days=1)
_PERIOD = re.compile(
    "(?P<year>[12][0-9]{3})(?:年度?)?"
    "(?:[-./]?(?P<month>0[1-9]|1[0-2]|(?<=[-/年])[1-9])(?:月份?)?"  # not 2015.1: a sheet makes that of 2015.10
    "|-?(?:[Qq](?P<quarter>[1-4])|第?(?P<quarter_zh>[1-4一二三四])季度?)"
    "|-?(?:[Hh](?P<half>[12])|(?P<half_zh>[上下])半年))?"
)


_PARTS = ("H1", "H2", "Q1", "Q2", "Q3", "Q4", *(f"{month:02d}" for month in range(1, 13)))
"""Ends of the written forms of a year's parts, the longest first."""


class Period(str):
    """A month, quarter, half-year or year (费款所属期, 发放期), in its one written form; ordered by time.

    Equal to and stored as its written form (``2015-02``, ``2014-Q3``, ``2014-H1``, ``2014``). Of two periods the one
    that begins earlier is less; of two that begin on the same day, the shorter.

    Raises:
        InvalidValue: the text is no period.

    Example:
        >>> Period("2015年2月"), Period("201502"), Period("2014Q3"), Period("2014年上半年"), Period("2014")
        (Period('2015-02'), Period('2015-02'), Period('2014-Q3'), Period('2014-H1'), Period('2014'))
        >>> Period("2014-Q3") < Period("2014-12") < Period("2015"), Period("2014-Q3").end
        (True, datetime.date(2014, 9, 30))
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Parse a period in any accepted spelling."""
        if isinstance(text, cls):
            return text
        found = _PERIOD.fullmatch(plain(text)) if isinstance(text, str) else None
        if found is None:
            raise InvalidValue(
                message("calendar.period", found=repr(mask_ids_in(str(text))[:24])), step="calendar.period"
            )
        year, month = found["year"], found["month"]
        quarter, half = found["quarter"] or found["quarter_zh"], found["half"] or found["half_zh"]
        part = ""
        if month:
            part = f"-{int(month):02d}"
        elif quarter:
            part = f"-Q{'一二三四'.find(quarter) + 1 or quarter}"
        elif half:
            part = f"-H{'上下'.find(half) + 1 or half}"
        return super().__new__(cls, year + part)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The period that a text names.

        Raises:
            InvalidValue: the text is no period.

        Example:
            >>> Period.parse("2015-2")
            Period('2015-02')
        """
        return cls(text)

    @classmethod
    def is_valid(cls, text: str) -> bool:
        """Whether a text names a period, in any accepted spelling.

        Example:
            >>> Period.is_valid("2014Q3"), Period.is_valid("2015-13"), Period.is_valid("abc")
            (True, False, False)
        """
        return isinstance(text, str) and _PERIOD.fullmatch(plain(text)) is not None

    def __repr__(self) -> str:
        """The written form."""
        return f"Period({str(self)!r})"

    @property
    def begin(self) -> date:
        """The first day."""
        year, part = int(self[:4]), self[5:]
        if part[:1] in ("Q", "H"):
            return date(year, (int(part[1]) - 1) * (3 if part[0] == "Q" else 6) + 1, 1)
        return date(year, int(part or 1), 1)

    @property
    def months(self) -> int:
        """How many months it has: 1, 3, 6 or 12."""
        return {"Q": 3, "H": 6, "": 12}.get(self[5:6], 1)

    @property
    def end(self) -> date:
        """The last day."""
        begin = self.begin
        month = begin.month + self.months - 1
        return date(begin.year, month, monthrange(begin.year, month)[1])

    def contains(self, day: date) -> bool:
        """Whether a day lies in it.

        Example:
            >>> Period("2014-Q3").contains(date(2014, 9, 30)), Period("2014-Q3").contains(date(2014, 10, 1))
            (True, False)
        """
        return self.begin <= day <= self.end

    def begins_after(self, day: date) -> bool:
        """Whether all of it is later than a day.

        Example:
            >>> Period("2014-Q3").begins_after(date(2014, 6, 30)), Period("2014-Q3").begins_after(date(2014, 7, 1))
            (True, False)
        """
        return day < self.begin

    def overlapping(self) -> list["Period"]:
        """Every period that shares a day with it, itself too, the longest first.

        Example:
            >>> Period("2014-08").overlapping()
            [Period('2014'), Period('2014-H2'), Period('2014-Q3'), Period('2014-08')]
        """
        every = map(Period, (self[:4], *(f"{self[:4]}-{part}" for part in _PARTS)))
        return [one for one in every if one.begin <= self.end and self.begin <= one.end]

    def pay_day(self, day_of_month: int) -> date:
        """The given day of its last month (assumed for quarters and longer); of a shorter month, the last day.

        Example:
            >>> Period("2014-10").pay_day(15), Period("2014-Q3").pay_day(31)
            (datetime.date(2014, 10, 15), datetime.date(2014, 9, 30))
        """
        end = self.end
        return end.replace(day=min(day_of_month, end.day))

    def _order(self) -> tuple[date, int]:
        return self.begin, self.months

    def __lt__(self, other: str) -> bool:
        """By time; a text on the other side is parsed."""
        return self._order() < Period(other)._order()

    def __le__(self, other: str) -> bool:
        """By time."""
        return self._order() <= Period(other)._order()

    def __gt__(self, other: str) -> bool:
        """By time."""
        return self._order() > Period(other)._order()

    def __ge__(self, other: str) -> bool:
        """By time."""
        return self._order() >= Period(other)._order()


class UnknownYear(InvalidValue):
    """The holiday arrangement of a year that was asked for is not known (yet)."""

    def __init__(self, year: int) -> None:
        self.year = year
        years = known_years()
        super().__init__(
            f"the working days of {year} are not known; known are {years[0]} to {years[-1]}",
            step="calendar",
            term="工作日",
            advice="update the package chinesecalendar once the State Council's notice is out",
        )


@cache
def _table() -> tuple[frozenset[date], frozenset[date], range]:
    """(free days, worked weekend days, known years); imported late to keep this module light."""
    from chinese_calendar.constants import holidays, workdays  # noqa: PLC0415

    return frozenset(holidays), frozenset(workdays), range(min(holidays).year, max(holidays).year + 1)


def known_years() -> range:
    """The years whose arrangement is known.

    Example:
        >>> 2014 in known_years(), 2003 in known_years()
        (True, False)
    """
    return _table()[2]


def table_version() -> str:
    """Version of the package that holds the table, to be kept beside every date computed from it.

    Example:
        >>> int(table_version().split(".")[0]) >= 1
        True
    """
    return version("chinesecalendar")


def is_working_day(day: date) -> bool:
    """Whether people work on ``day``.

    Raises:
        UnknownYear: the arrangement of its year is not known.

    Source: the State Council General Office's yearly notice, by way of ``chinesecalendar``.

    Example:
        >>> is_working_day(date(2014, 9, 28)), is_working_day(date(2014, 10, 1))
        (True, False)
    """
    if isinstance(day, datetime):
        day = day.date()
    free, worked, years = _table()
    if day.year not in years:
        raise UnknownYear(day.year)
    return day in worked or (day.weekday() < 5 and day not in free)


def as_day(on: date) -> date:
    """A day; of a moment (``datetime`` is a ``date`` to Python), the day it lies on.

    Example:
        >>> as_day(datetime(2014, 7, 31, 9, 30)), as_day(date(2014, 7, 31))
        (datetime.date(2014, 7, 31), datetime.date(2014, 7, 31))
    """
    return on.date() if isinstance(on, datetime) else on


def add_working_days(day: date, n: int, *, count_first: bool = False) -> date:
    """The last of ``n`` working days that begin to run on the day after ``day``.

    Args:
        day: the day of receipt.
        n: working days, at least 0; 0 gives ``day`` itself.
        count_first: let the day of receipt count where it is a working day. The 2014 letter does not say;
            the convention of the civil code, that it does not, is the default (assumed).

    Raises:
        InvalidValue: ``n`` is negative.
        UnknownYear: the period reaches a year whose arrangement is not known.

    Example:
        >>> add_working_days(date(2014, 9, 19), 15)
        datetime.date(2014, 10, 15)
    """
    if n < 0:
        raise InvalidValue(message("calendar.working_days"), step="calendar.add_working_days", term="工作日")
    left = n - 1 if count_first and n and is_working_day(day) else n
    while left:
        day += _DAY
        left -= is_working_day(day)
    return day


def working_days_between(first: date, last: date) -> int:
    """Working days after ``first`` up to and including ``last``; 0 where ``last`` is not later.

    Raises:
        UnknownYear: the period touches a year whose arrangement is not known.

    Example:
        >>> working_days_between(date(2014, 9, 19), date(2014, 10, 15))
        15
    """
    count = 0
    while first < last:
        first += _DAY
        count += is_working_day(first)
    return count
