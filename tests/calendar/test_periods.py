"""Periods: one written form for each spelling, ordered by time."""

import pickle
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.calendar import Period
from sbcard_core.errors import InvalidValue

YEARS = st.integers(1950, 2099)
MONTHS = st.builds(lambda year, month: Period(f"{year}-{month:02d}"), YEARS, st.integers(1, 12))
QUARTERS = st.builds(lambda year, part: Period(f"{year}-Q{part}"), YEARS, st.integers(1, 4))
HALVES = st.builds(lambda year, part: Period(f"{year}-H{part}"), YEARS, st.integers(1, 2))
PERIODS = st.one_of(MONTHS, QUARTERS, HALVES, st.builds(lambda year: Period(str(year)), YEARS))
WIDE = str.maketrans("0123456789-QH", "０１２３４５６７８９－ＱＨ")


def spellings(period: Period) -> list[str]:
    """Ways in which people and programs write a period."""
    year, part = period[:4], period[5:]
    if not part:
        found = [year, f"{year}年", f"{year}年度"]
    elif part[0] == "Q":
        number = int(part[1])
        found = [
            f"{year}Q{number}",
            f"{year}-q{number}",
            f"{year}年{number}季度",
            f"{year}年第{'一二三四'[number - 1]}季度",
        ]
    elif part[0] == "H":
        found = [f"{year}{part}", f"{year}-{part.lower()}", f"{year}年{'上下'[int(part[1]) - 1]}半年"]
    else:
        number = int(part)
        found = [
            f"{year}-{number}",
            f"{year}{part}",
            f"{year}年{number}月",
            f"{year}年{part}月",
            f"{year}/{number}",
            f"{year}年{number}月份",
        ]
        found += [f"{year}.{part}", f"{year}年{number} 月"]
    return [str(period), *found, f" {period}\u3000", f"\ufeff{period}\n", period.translate(WIDE)]


@given(PERIODS)
def test_every_spelling_is_one_period(period: Period) -> None:
    assert {Period(text) for text in spellings(period)} == {period}
    assert {str(Period.parse(text)) for text in spellings(period)} == {str(period)}


@pytest.mark.parametrize(
    "text",
    ["abc", "", "2015-13", "2015-00", "201500", "20152", "2015.1", "2015-02-01", "15-02", "2014-Q5", "2014-Q0",
     "2014-H3", "2014-W31", "2014-夏", "0000", "2014-", "2014--02", "2014-02-", "02-2014", "2014'; --", "二〇一四年"],
)  # fmt: skip
def test_what_is_no_period_is_refused(text: str) -> None:
    assert not Period.is_valid(text)
    with pytest.raises(InvalidValue, match="no period"):
        Period(text)


@pytest.mark.parametrize("value", [None, 2014, date(2014, 1, 1)])
def test_only_text_is_a_period(value: object) -> None:
    assert not Period.is_valid(value)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        Period(value)  # type: ignore[arg-type]


def test_periods_of_unlike_form_are_ordered_by_time() -> None:
    in_order = [
        "2014",
        "2014-H1",
        "2014-Q1",
        "2014-01",
        "2014-02",
        "2014-Q3",
        "2014-07",
        "2014-12",
        "2015-Q2",
        "2015-10",
    ]
    by_time = [
        "2014-01",
        "2014-Q1",
        "2014-H1",
        "2014",
        "2014-02",
        "2014-07",
        "2014-Q3",
        "2014-12",
        "2015-Q2",
        "2015-10",
    ]
    assert sorted(map(Period, in_order)) == by_time
    assert Period("2015-Q2") < Period("2015-10")  # as text "2015-1" comes before "2015-Q"
    assert not Period("2014-Q3") > "2014-12"


@given(PERIODS, PERIODS)
def test_the_order_is_total_and_agrees_with_equality(one: Period, other: Period) -> None:
    assert (one < other) + (one == other) + (one > other) == 1
    assert (one <= other) == (one < other or one == other)
    assert (one >= other) == (one > other or one == other)
    assert (one == other) == ((one.begin, one.end) == (other.begin, other.end))
    if one.end < other.begin:
        assert one < other


@given(PERIODS)
def test_days_of_a_period(period: Period) -> None:
    first, last = period.begin, period.end
    assert first.day == 1
    assert (last + timedelta(1)).day == 1
    assert (last.year - first.year) * 12 + last.month - first.month + 1 == period.months
    assert period.contains(first)
    assert period.contains(last)
    assert not period.contains(first - timedelta(1))
    assert not period.contains(last + timedelta(1))
    assert period.begins_after(first - timedelta(1))
    assert not period.begins_after(first)
    assert period.contains(period.pay_day(31))
    assert period.pay_day(15).day == 15
    assert period.pay_day(15).month == last.month


def test_the_pay_day_is_that_of_the_period_not_of_the_drafting() -> None:
    assert Period("2014-10").pay_day(15) == date(2014, 10, 15)
    assert Period("2015-02").pay_day(31) == date(2015, 2, 28)


@given(PERIODS)
def test_a_period_is_its_written_form_for_everyone_else(period: Period) -> None:
    assert pickle.loads(pickle.dumps(period)) == period
    assert type(pickle.loads(pickle.dumps(period))) is Period
    assert hash(period) == hash(str(period))
    assert Period(period) is period
    assert repr(period) == f"Period('{period}')"


def test_periods_that_overlap_are_those_that_share_a_day() -> None:
    every = [Period(f"2014{part}") for part in ("", "-H1", "-H2", *(f"-Q{n}" for n in range(1, 5)))]
    every += [Period(f"2014-{month:02d}") for month in range(1, 13)]
    for one in every:
        shared = [other for other in every if max(one.begin, other.begin) <= min(one.end, other.end)]
        assert sorted(one.overlapping()) == sorted(shared)
        assert one in one.overlapping()
