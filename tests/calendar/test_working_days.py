"""Working days: published vectors, another library as oracle, refusal of years nobody knows yet."""

from datetime import date, datetime, timedelta

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core import calendar

FIFTEEN = [
    ("2014-07-28", "2014-08-18"),
    ("2014-08-04", "2014-08-25"),
    ("2014-09-19", "2014-10-15"),
    ("2014-09-26", "2014-10-22"),
    ("2014-01-15", "2014-02-10"),
    ("2015-09-01", "2015-09-23"),
    ("2025-01-20", "2025-02-14"),
    ("2026-02-09", "2026-03-06"),
]
WORKED_WEEKENDS_2014 = ["2014-01-26", "2014-02-08", "2014-05-04", "2014-09-28", "2014-10-11"]
FREE_WEEKDAYS_2014 = [
    "2014-01-01", "2014-01-31", "2014-02-03", "2014-02-04", "2014-02-05", "2014-02-06", "2014-04-07", "2014-05-01",
    "2014-05-02", "2014-06-02", "2014-09-08", "2014-10-01", "2014-10-02", "2014-10-03", "2014-10-06", "2014-10-07",
]  # fmt: skip

DAYS = st.dates(date(2004, 1, 1), date(2026, 10, 31))


@pytest.mark.parametrize(("received", "due"), FIFTEEN)
def test_fifteen_working_days(received: str, due: str) -> None:
    assert calendar.add_working_days(date.fromisoformat(received), 15) == date.fromisoformat(due)


def test_the_year_2014_day_by_day() -> None:
    year = [date(2014, 1, 1) + timedelta(days=n) for n in range(365)]
    worked = [str(day) for day in year if day.weekday() > 4 and calendar.is_working_day(day)]
    free = [str(day) for day in year if day.weekday() < 5 and not calendar.is_working_day(day)]
    assert worked == WORKED_WEEKENDS_2014
    assert free == FREE_WEEKDAYS_2014


def test_every_day_equals_the_other_library_but_one() -> None:
    other = holidays.country_holidays("CN", years=range(2004, 2027))
    days = (date(2004, 1, 1) + timedelta(days=n) for n in range((date(2027, 1, 1) - date(2004, 1, 1)).days))
    differing = [day for day in days if calendar.is_working_day(day) != other.is_working_day(day)]
    assert differing == [date(2005, 12, 31)]  # a Saturday the other library counts as worked


@pytest.mark.parametrize("day", [date(2003, 12, 31), date(calendar.known_years()[-1] + 1, 1, 1), date(2050, 5, 1)])
def test_unknown_years_are_refused(day: date) -> None:
    with pytest.raises(calendar.UnknownYear) as caught:
        calendar.is_working_day(day)
    assert caught.value.year == day.year
    with pytest.raises(calendar.UnknownYear):
        calendar.add_working_days(day - timedelta(days=1), 15, count_first=True)


def test_a_period_that_runs_into_an_unknown_year_is_refused() -> None:
    last = calendar.known_years()[-1]
    with pytest.raises(calendar.UnknownYear):
        calendar.add_working_days(date(last, 12, 25), 15)


def test_the_day_of_receipt_counts_only_on_request() -> None:
    monday, saturday = date(2014, 7, 28), date(2014, 7, 26)
    assert calendar.add_working_days(monday, 15, count_first=True) == date(2014, 8, 15)
    assert calendar.add_working_days(saturday, 15, count_first=True) == calendar.add_working_days(saturday, 15)
    assert calendar.add_working_days(monday, 0, count_first=True) == monday


def test_a_negative_period_is_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        calendar.add_working_days(date(2014, 7, 28), -1)


def test_a_moment_counts_as_its_day() -> None:
    assert not calendar.is_working_day(datetime(2014, 10, 1, 12))  # noqa: DTZ001


@given(DAYS, st.integers(1, 30))
def test_the_due_day_is_worked_and_counts_back(day: date, n: int) -> None:
    due = calendar.add_working_days(day, n)
    assert calendar.is_working_day(due)
    assert calendar.working_days_between(day, due) == n
