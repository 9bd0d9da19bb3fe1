"""2601 takes back every trade of the national list: settlements, their cancellations, an admission."""

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.errors import Refused
from sbcard_core.ledger import AccountKind, Ledger, Transfer
from sbcard_core.medical import (
    Bill,
    FeeLine,
    Grade,
    MedicalBilling,
    SettlementRefused,
    SettleStatus,
    VisitKind,
    samples,
)
from sbcard_core.store import Store
from tests.medical.proof import assert_sound, nets, years

AT, LATER = "2014-07-31T10:00:00", "2014-07-31T11:00:00"
ME = "PERSONAL_MEDICAL:1"


def number(serial: int) -> str:
    return f"H4301000000120140731100000{serial:04d}"


def bill(serial: int = 1) -> Bill:
    lines = (FeeLine("CT", Grade.B, 200_000, selfpay_prop_bp=1000), FeeLine("药", Grade.A, 30_000, cnt=Decimal(10)))
    return Bill(number(serial), "P1", "employee", AT, lines, VisitKind.INPATIENT, personal_account=ME)


def opened(store: Store) -> MedicalBilling:
    books = Ledger(store)
    books.open_accounts([("EXTERNAL", AccountKind.EXTERNAL), (ME, AccountKind.PERSONAL_MEDICAL)])
    books.post(Transfer("load", "EXTERNAL", ME, 10_000, "load", AT))
    return MedicalBilling(store, books, samples())


@pytest.fixture
def billing(store: Store) -> Iterator[MedicalBilling]:
    yield opened(store)
    assert_sound(store)


def reverse(billing: MedicalBilling, omsgid: str, oinfno: str, serial: int, **changes: Any) -> Any:
    return billing.reverse(omsgid, oinfno=oinfno, **({"psn_no": "P1", "msgid": number(serial), "at": LATER} | changes))


def refusal(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(SettlementRefused) as refused:
        call(*args, **kwargs)
    return refused.value.status.name


@pytest.mark.parametrize("oinfno", ["2102", "2103", "2207", "2208", "2304", "2305", "2401"])
def test_what_never_arrived_is_refused_when_it_comes(billing: MedicalBilling, oinfno: str) -> None:
    billing.settle(bill(2))
    for _ in range(2):
        assert not reverse(billing, number(1), oinfno, 9).cancelled
    assert refusal(billing.settle, bill(1)) == "REVERSED"
    assert refusal(billing.cancel, number(2), msgid=number(1), at=LATER) == "REVERSED"
    assert billing.cancel(number(2), msgid=number(3), at=LATER) is SettleStatus.SETTLED


@pytest.mark.parametrize("oinfno", ["2102", "2207", "2304"])
def test_a_settlement_that_arrived_is_cancelled(billing: MedicalBilling, store: Store, oinfno: str) -> None:
    before = nets(store)
    billing.settle(bill(1))
    assert reverse(billing, number(1), oinfno, 9).cancelled
    assert (nets(store), years(store)) == (before, {})


@pytest.mark.parametrize("oinfno", ["2103", "2208", "2305"])
def test_a_cancellation_that_arrived_is_undone(billing: MedicalBilling, store: Store, oinfno: str) -> None:
    """The settlement stands again with what refunds had left of it, and can be refunded and cancelled anew."""
    empty = nets(store)
    billing.settle_many([bill(1), bill(2)])
    billing.refund(number(1), {2: Decimal(3)}, msgid=number(3), at=LATER)
    before, year = nets(store), years(store)
    billing.cancel(number(1), msgid=number(4), at=LATER)
    assert nets(store) != before
    first = reverse(billing, number(4), oinfno, 5)
    assert (first.cancelled, reverse(billing, number(4), oinfno, 5).status) == (True, SettleStatus.EXISTS)
    assert (nets(store), years(store)) == (before, year)
    assert billing.settle(bill(1)).status is SettleStatus.EXISTS
    assert refusal(billing.cancel, number(1), msgid=number(4), at=LATER) == "REVERSED"
    left = billing.refund(number(1), {2: Decimal(7)}, msgid=number(6), at=LATER).remaining
    assert left.medfee_sumamt == 200_000
    assert billing.cancel(number(1), msgid=number(7), at=LATER) is SettleStatus.SETTLED
    assert billing.cancel(number(1), msgid=number(8), at=LATER) is SettleStatus.EXISTS
    billing.cancel(number(2), msgid=number(9), at=LATER)
    assert (nets(store), years(store)) == (empty, {})


def test_a_number_of_another_kind_or_person_is_not_taken_back(billing: MedicalBilling, store: Store) -> None:
    billing.settle_many([bill(1), bill(2)])
    billing.cancel(number(1), msgid=number(3), at=LATER)
    billing.refund(number(2), {2: Decimal(1)}, msgid=number(4), at=LATER)
    before = nets(store)
    for omsgid, oinfno in ((1, "2208"), (3, "2207"), (4, "2207"), (4, "2208"), (2, "2401"), (3, "2401")):
        assert refusal(reverse, billing, number(omsgid), oinfno, 9) == "NOT_CANCELLABLE"
    assert refusal(reverse, billing, number(3), "2208", 9, psn_no="P2") == "UNKNOWN_SETTLEMENT"
    assert refusal(reverse, billing, number(3), "2208", 9, at=AT) == "MALFORMED"
    assert refusal(reverse, billing, number(3), "2208", 2) == "EXISTS_DIFFERENT"
    for oinfno in ("2206", "2207A", "", None):
        assert refusal(reverse, billing, number(2), oinfno, 9) == "MALFORMED"
    assert nets(store) == before


@pytest.mark.parametrize("by_reversal", [True, False])
def test_a_settlement_that_was_taken_back_never_stands_again(
    billing: MedicalBilling, store: Store, by_reversal: bool
) -> None:
    """Whatever cancelled it: whoever took it back was answered that it is gone, and gets that answer for good."""
    empty = nets(store)
    billing.settle(bill(1))
    if not by_reversal:
        billing.cancel(number(1), msgid=number(3), at=LATER)
    assert reverse(billing, number(1), "2304", 4).cancelled
    for oinfno in ("2103", "2208", "2305"):
        assert refusal(reverse, billing, number(4 if by_reversal else 3), oinfno, 5) == "NOT_CANCELLABLE"
    assert reverse(billing, number(1), "2304", 6) == reverse(billing, number(1), "2304", 7)
    assert refusal(billing.settle, bill(1)) == "CANCELLED"
    assert (nets(store), years(store)) == (empty, {})


STEPS = st.lists(
    st.tuples(st.sampled_from(["settle", "cancel", "undo", "refund", "reverse"]), st.integers(1, 2)), max_size=14
)


@settings(max_examples=40)
@given(STEPS)
def test_whatever_is_taken_back_and_done_again_the_books_are_those_of_what_stands(steps: list[tuple[str, int]]) -> None:
    with Store.open("sqlite://", sample=True) as store:
        billing, serial = opened(store), 10
        cancelled: dict[int, list[str]] = {1: [], 2: []}
        for step, which in steps:
            serial += 1
            try:
                if step == "settle":
                    billing.settle(bill(which))
                elif step == "cancel" and billing.cancel(number(which), msgid=number(serial), at=LATER) == 0:
                    cancelled[which].append(number(serial))
                elif step == "undo" and cancelled[which]:
                    reverse(billing, cancelled[which][-1], "2305", serial)
                elif step == "refund":
                    billing.refund(number(which), {2: Decimal(1)}, msgid=number(serial), at=LATER)
                elif step == "reverse":
                    reverse(billing, number(which), "2304", serial)
            except Refused:  # the account may no longer hold what an undone cancellation gave back
                pass
            assert_sound(store)
        for which in (1, 2):
            with suppress(SettlementRefused):  # never settled
                billing.cancel(number(which), msgid=number(90 + which), at=LATER)
        assert years(store) == {}
        assert nets(store) == {"EXTERNAL": -10_000, ME: 10_000}
