"""One table of rules decides what a bill may be; what breaks it is MALFORMED, and an error of the program is raised."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core import messages
from sbcard_core.ledger import Ledger
from sbcard_core.medical import (
    Bill,
    Charge,
    FeeLine,
    Grade,
    MedicalBilling,
    PursePayment,
    VisitKind,
    assess,
    desk,
    samples,
)
from sbcard_core.medical.faults import BILL_RULES
from sbcard_core.store import Store

AT = "2014-07-31T10:00:00"


def number(serial: int) -> str:
    return f"H4301000000120140731100000{serial:04d}"


def bill(serial: int = 1, **changes: Any) -> Bill:
    line = FeeLine("药", Grade.A, 30_000, cnt=Decimal(10))
    return replace(Bill(number(serial), "P1", "employee", AT, (line,), VisitKind.INPATIENT), **changes)


@pytest.fixture
def billing() -> Iterator[MedicalBilling]:
    with Store.open("sqlite://", sample=True) as store:
        yield MedicalBilling(store, Ledger(store), samples())


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.binary(max_size=3),
    st.text(max_size=80),
    st.dates(),
    st.datetimes(),
    st.decimals(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.frozensets(st.none() | st.integers() | st.text(max_size=3), max_size=2),
    st.sampled_from([object(), "a\0", "\ud800", VisitKind.PHARMACY, Grade.A, type, "2014-07-31", "civil_servant"]),
)
CHARGES = st.builds(Charge, ODD, ODD, ODD, ODD, ODD)
PURSES = st.builds(PursePayment, ODD, ODD, ODD, ODD)
LINES = st.lists(ODD | CHARGES, max_size=3).map(tuple)
FIELDS = [field.name for field in fields(Bill)]


@given(st.dictionaries(st.sampled_from(FIELDS), ODD | LINES | PURSES, min_size=1, max_size=4))
def test_whatever_a_field_holds_gets_a_status_and_stops_no_other_bill(changes: dict[str, Any]) -> None:
    odd = bill(1, **changes)
    with Store.open("sqlite://", sample=True) as store:
        billing = MedicalBilling(store, Ledger(store), samples())
        first, second = billing.settle_many([odd, bill(2)])
        assert second.status.is_settled
        assert first.status.is_settled or first.detail
        broken = BILL_RULES[0](odd) is not None
        assert first.status.name == "MALFORMED" or not broken
        (again,) = billing.settle_many([odd])
        assert again.status.is_settled == first.status.is_settled


@pytest.mark.parametrize("other", [None, 7, "bill", object(), {"msgid": number(1)}])
def test_what_is_no_bill_at_all_stops_no_other(billing: MedicalBilling, other: Any) -> None:
    first, second = billing.settle_many([other, bill(2)])
    assert (first.status.name, second.status.name) == ("MALFORMED", "SETTLED")
    assert first.detail.startswith("a Bill is wanted, not ")


@pytest.mark.parametrize("bug", [TypeError("bug"), AttributeError("bug"), KeyError("bug"), ZeroDivisionError("bug")])
@pytest.mark.parametrize(("module", "name"), [(assess, "split"), (desk, "settlement_of")])
def test_an_error_of_the_program_is_raised_and_nothing_has_moved(
    billing: MedicalBilling, monkeypatch: pytest.MonkeyPatch, bug: Exception, module: Any, name: str
) -> None:
    def fails(*_args: Any, **_kwargs: Any) -> None:
        raise bug

    with monkeypatch.context() as patched:
        patched.setattr(module, name, fails)
        with pytest.raises(type(bug)):
            billing.settle_many([bill()])
    assert billing.settlement(number(1)) is None
    assert billing.settle(bill()).status.name == "SETTLED"


@pytest.mark.parametrize("field", ["mdtrt_id", "insuplc_admdvs", "setl_optins"])
def test_a_text_has_at_most_64_characters(billing: MedicalBilling, field: str) -> None:
    (most, more) = billing.settle_many([bill(1, **{field: "x" * 64}), bill(2, **{field: "x" * 65})])
    assert (most.status.name, more.status.name) == ("SETTLED", "MALFORMED")
    assert field in more.detail
    assert "has more than 64 characters" in more.detail


@pytest.mark.parametrize(
    ("on", "status"),
    [(date(2014, 7, 31), "SETTLED"), (date(2014, 7, 30), "MALFORMED"), (datetime(2014, 7, 31), "MALFORMED")],  # noqa: DTZ001
)
def test_a_charge_is_of_a_day_of_the_visit(on: date, status: str) -> None:
    from sbcard_core.medical import sample_catalogue

    with Store.open("sqlite://", sample=True) as store:
        billing = MedicalBilling(store, Ledger(store), samples(), catalogues=[sample_catalogue()])
        charge = Charge("S-VISIT", 100, Decimal(100), on=on)
        assert billing.settle_many([bill(lines=(charge,))])[0].status.name == status


def test_a_group_that_no_table_names_is_refused(billing: MedicalBilling) -> None:
    """A slip in the name of a group would take a supplement from the person without a word."""
    known, unknown = billing.settle_many(
        [bill(1, groups=frozenset({"civil_servant"})), bill(2, groups=frozenset({"civil_servent"}))]
    )
    assert (known.status.name, unknown.status.name) == ("SETTLED", "NOT_COVERED")
    assert "groups (人员身份) civil_servent stands in no policy table; there are: civil_servant" in unknown.detail


def test_a_refusal_reads_in_the_language_in_use(billing: MedicalBilling) -> None:
    try:
        messages.use("zh")
        assert billing.settle_many([bill(at="2014-02-30T10:00:00")])[0].detail == (
            "结算时间（at）不是存在的时刻 YYYY-MM-DDTHH:MM:SS：'2014-02-30T10:00:00'"
        )
    finally:
        messages.use(None)
