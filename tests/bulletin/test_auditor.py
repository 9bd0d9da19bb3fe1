"""The rules find what is wrong in the letter, and other things when other figures are wrong."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.bulletin import AuditFinding, Letter, audit, derived, load
from sbcard_core.bulletin.figures import half_up, percent
from sbcard_core.values import Severity

LETTER = load()


def by_code(letter: Letter) -> dict[str, AuditFinding]:
    found = audit(letter)
    codes = {finding.code: finding for finding in found}
    assert len(codes) == len(found)
    return codes


def test_the_letter_as_printed() -> None:
    found = by_code(LETTER)
    assert list(found) == [
        "rate.of_another_row",
        "shortfall.netted",
        "month.wrong",
        "date.impossible",
        "month.netted",
        "total.gap",
        "order.unsorted",
        "subject.unmentioned",
    ]
    rate = found["rate.of_another_row"]
    assert (rate.printed, rate.recomputed, rate.computation) == ("84.8%", "85.3%", "697 ÷ 817")
    assert "1,442 ÷ 1,701" in rate.message_zh
    assert "1,442 ÷ 1,701" in rate.message_en
    assert rate.keys[0] == "402.open_rate"
    assert (found["shortfall.netted"].printed, found["shortfall.netted"].recomputed) == ("269万人", "≈490万人")
    assert "221" in found["shortfall.netted"].message_zh
    assert "4个市州" in found["shortfall.netted"].message_zh
    assert found["month.wrong"].keys == ("430800.added",)
    assert found["date.impossible"].keys == ("date.edited", "date.issued")
    assert "154" in found["total.gap"].message_zh
    assert found["order.unsorted"].recomputed == "145、101、97、30"
    assert found["subject.unmentioned"].keys == ("430600.submitted",)
    assert all(f.message_zh and f.message_en.isascii() is ("÷" not in f.message_en) for f in found.values())


@pytest.mark.parametrize(
    ("key", "value", "appears", "disappears"),
    [
        ("402.open_rate", "85.3", None, "rate.of_another_row"),
        ("402.open_rate", "81.8", "rate.of_another_row", None),  # now the rate of 邮储
        ("402.open_rate", "85.4", "rate.rounding", "rate.of_another_row"),  # 696.5 of 816.5 and 697.5 of 816.5 exist
        ("402.open_rate", "70.0", "rate.wrong", "rate.of_another_row"),
        ("402.opened", "693", None, "rate.of_another_row"),  # 693 of 817 is 84.8 %
        ("province.annual_rate", "90.0", "rate.wrong", None),
        ("province.monthly_rate", "99.5", None, "month.netted"),
        ("431100.submitted", "335", "total.differs", None),
        ("430100.submitted", "96", "total.differs", None),  # the imposed split no longer adds up
        ("402.received", "971", None, "total.gap"),
        ("430500.added", "99", None, "order.unsorted"),
        ("430500.added", "212", "added.too_large", None),
        ("letter.finished_cities", "11", "count.differs", None),
        ("430300.annual_rate", "99", "list.claim", None),
        ("430900.monthly_rate", "100", "list.claim", None),
    ],
)
def test_changing_one_figure_changes_the_findings(
    key: str, value: str, appears: str | None, disappears: str | None
) -> None:
    before = {finding.code for finding in audit(LETTER)}
    number: int | Decimal = Decimal(value) if "." in value else int(value)
    after = {finding.code for finding in audit(LETTER.with_value(key, number))}
    assert appears is None or appears in after
    assert disappears is None or disappears in before - after


def test_the_wrong_row_is_found_wherever_it_is() -> None:
    """The rule knows no row: 农业银行 with the rate of the total is found the same way."""
    letter = LETTER.with_value("402.open_rate", Decimal("85.3")).with_value("103.open_rate", Decimal("84.8"))
    finding = by_code(letter)["rate.of_another_row"]
    assert finding.keys[0] == "103.open_rate"
    assert "511 ÷ 598" in finding.computation
    assert "1,442 ÷ 1,701" in finding.message_zh


def test_no_surplus_no_netting() -> None:
    letter = LETTER
    for city in LETTER.members("cities"):
        if f"{city}.annual_rate" in letter:
            letter = letter.with_value(f"{city}.annual_rate", 100)
    assert "shortfall.netted" not in {finding.code for finding in audit(letter)}


def test_the_surplus_lies_in_its_interval() -> None:
    gap = derived.shortfall(LETTER)
    assert gap is not None
    low, high = gap.gross_bounds
    assert 480 < low < gap.gross < high < 500
    assert half_up(gap.gross, 0) - half_up(gap.surplus, 0) == 269
    assert len(gap.finished) == 10


def test_dates_in_order_give_no_finding() -> None:
    edited = replace(LETTER.dates["edited"], value=date(2014, 8, 5))
    letter = replace(LETTER, dates=MappingProxyType({**LETTER.dates, "edited": edited}))
    assert "date.impossible" not in {finding.code for finding in audit(letter)}
    ancient = replace(LETTER.dates["archived"], value=date(2014, 7, 1))
    letter = replace(LETTER, dates=MappingProxyType({**LETTER.dates, "edited": edited, "archived": ancient}))
    keys = [finding.keys for finding in audit(letter) if finding.code == "date.impossible"]
    assert keys == [("date.archived", "date.edited"), ("date.archived", "date.issued")]


def test_january_is_compared_with_december() -> None:
    letter = replace(LETTER, month="2015-01", compared_with=MappingProxyType({"430500.added": "2014-12"}))
    assert "month.wrong" not in {finding.code for finding in audit(letter)}
    letter = replace(letter, compared_with=MappingProxyType({"430500.added": "2015-12"}))
    assert "month.wrong" in {finding.code for finding in audit(letter)}


@given(received=st.integers(100, 2000), share=st.fractions(0, 1))
def test_a_rate_printed_from_its_own_counts_is_never_found(received: int, share: Fraction) -> None:
    opened = int(received * share)
    rate = percent(opened, received)
    assert rate is not None
    letter = LETTER.with_value("402.received", received).with_value("402.opened", opened)
    letter = letter.with_value("402.open_rate", rate)
    assert not [f for f in audit(letter) if f.code.startswith("rate.")]


@given(rate=st.integers(0, 2000).map(lambda n: Decimal(n).scaleb(-1)))
def test_a_rate_outside_the_rounding_of_its_counts_is_always_an_error(rate: Decimal) -> None:
    """697 ± 0.5 of 817 ± 0.5 lies between 85.20 and 85.43; 85.2 to 85.4 may be printed, anything else may not."""
    found = [f for f in audit(LETTER.with_value("402.open_rate", rate)) if f.code.startswith("rate.")]
    if rate == Decimal("85.3"):
        assert found == []
    elif Decimal("85.2") <= rate <= Decimal("85.4"):
        assert [f.code for f in found] == ["rate.rounding"]
    else:
        assert [f.severity for f in found] == [Severity.ERROR]


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**4))
def test_half_up_is_exact(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    rounded = Fraction(half_up(exact))
    assert abs(rounded - exact) <= Fraction(1, 20)
    assert abs(rounded - exact) < Fraction(1, 20) or abs(rounded) > abs(exact)
