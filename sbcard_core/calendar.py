"""Working days of the mainland (工作日): weekends, holidays and the make-up days worked for them.

The State Council General Office publishes each year's arrangement late in the year before, so
a year whose notice is not in the table is refused, never guessed. The table is the one of the
package ``chinesecalendar``. Banks' own clearing days differ and are not in it.
"""

from datetime import date, datetime, timedelta
from functools import cache
from importlib.metadata import version

from sbcard_core.errors import InvalidValue

_DAY = timedelta(days=1)


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
        raise InvalidValue("a period of working days is not negative", step="calendar.add_working_days", term="工作日")
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
