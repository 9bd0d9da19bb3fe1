"""A bill is settled only for a person and a card that may be used on the last day of the visit."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from sbcard_core.backend import Backend, Rules
from sbcard_core.eligibility import DEFAULT_RULES, Answer, Eligibility, Facts, Purpose, Use
from sbcard_core.ledger import Ledger
from sbcard_core.medical import Bill, FeeLine, Grade, MedicalBilling, SettlementRefused, VisitKind, samples
from sbcard_core.store import Store
from tests.people import die, enrol, move, number

ALIVE, DEAD, STRANGER = number(1), number(2), number(9)
CARD, OTHER = "A00000014", "A00000022"


def number(serial: int) -> str:
    return f"H4301000000120140731100000{serial:04d}"


def bill(serial: int, psn_no: str, card_no: str = "", day: str = "2014-08-20", **changes: Any) -> Bill:
    line = FeeLine("药", Grade.A, 30_000, cnt=Decimal(10))
    made = Bill(number(serial), psn_no, "employee", f"{day}T10:00:00", (line,), VisitKind.INPATIENT, card_no=card_no)
    return replace(made, **changes)


@pytest.fixture
def backend(store: Store) -> Backend:
    enrol(store, CARD, "00" * 8, 1)
    enrol(store, OTHER, "11" * 8, 2)
    die(store, 2, "2014-08-20", "2014-09-01")
    return Backend(store)


def became(backend: Backend, *bills: Bill) -> list[str]:
    return [one.status.name for one in backend.medical.settle_many(bills)]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (0, "the card is not activated"),
        (2, "the card was reported lost"),
        (3, "the card is locked"),
        (4, "the card was reported lost"),
        (9, "the card is cancelled"),
    ],
)
def test_the_state_of_the_card_on_the_day_decides(backend: Backend, state: int, reason: str) -> None:
    move(backend.store, CARD, "2014-08-22", state)
    assert became(backend, bill(1, ALIVE, CARD, "2014-08-21"), bill(2, ALIVE, CARD, "2014-08-23")) == [
        "SETTLED",
        "NOT_ELIGIBLE",
    ]
    (after,) = backend.medical.settle_many([bill(3, ALIVE, CARD, "2014-08-23")])
    assert after.detail == f"card_no (卡号) may not be used on 2014-08-23: {reason}"
    assert became(backend, bill(4, ALIVE, "", "2014-08-23")) == ["SETTLED"]  # the person still may
    assert became(backend, bill(5, ALIVE, CARD, "2014-08-22")) == ["REFERRED"]  # nobody knows which came first


def test_a_card_is_used_by_its_holder_once_it_is_issued(backend: Backend) -> None:
    assert became(backend, bill(1, ALIVE), bill(2, ALIVE, CARD)) == ["SETTLED", "SETTLED"]
    assert became(backend, bill(3, ALIVE, CARD, "2014-01-01"), bill(4, ALIVE, CARD, "2014-01-03")) == [
        "NOT_ELIGIBLE",  # issued on the 2nd
        "SETTLED",
    ]
    assert became(backend, bill(5, ALIVE, "X00000001"), bill(6, ALIVE, OTHER)) == ["NOT_ELIGIBLE", "NOT_ELIGIBLE"]


def test_bills_up_to_the_day_of_death_settle_and_later_ones_do_not(backend: Backend) -> None:
    stay = bill(1, DEAD, day="2014-08-30", begins="2014-08-10", ends="2014-08-20")  # settled after the death
    beyond = replace(stay, msgid=number(4), ends="2014-08-21")
    assert became(backend, stay, bill(2, DEAD, day="2014-08-21"), bill(3, STRANGER), beyond) == [
        "SETTLED",
        *["NOT_ELIGIBLE"] * 3,
    ]
    with pytest.raises(
        SettlementRefused, match=r"psn_no \(人员编号\) may not be used on 2014-08-21: the person is dead"
    ):
        backend.medical.presettle(bill(2, DEAD, day="2014-08-21"))
    assert backend.medical.settlement(number(2)) is None


def test_what_was_settled_is_answered_cancelled_and_refunded_whatever_became_of_the_person(backend: Backend) -> None:
    first = bill(1, ALIVE, CARD)
    backend.medical.settle(first)
    move(backend.store, CARD, "2014-08-20", 9)
    die(backend.store, 1, "2014-08-01", "2014-09-01")
    assert became(backend, first) == ["EXISTS"]
    at = "2014-09-02T10:00:00"
    assert backend.medical.refund(number(1), {1: Decimal(1)}, msgid=number(2), at=at).status.name == "SETTLED"
    assert backend.medical.cancel(number(1), msgid=number(3), at=at).name == "SETTLED"


def test_a_number_that_is_no_citizens_goes_by_the_card_that_was_shown(backend: Backend) -> None:
    holder, dead, nobody = bill(1, "P1", CARD), bill(2, "P2", OTHER, "2014-08-21"), bill(3, "P3")
    assert became(backend, holder, dead, nobody) == ["SETTLED", "NOT_ELIGIBLE", "SETTLED"]


def test_where_nobody_is_registered_the_rule_decides_too(store: Store) -> None:
    bills = [bill(1, STRANGER), bill(2, "P1"), bill(3, "P2", CARD)]
    assert became(Backend(store), *bills) == ["SETTLED"] * 3
    strict = {**DEFAULT_RULES, Purpose.MEDICAL: replace(DEFAULT_RULES[Purpose.MEDICAL], unlisted=Answer.REFER)}
    again = [replace(one, msgid=number(n)) for n, one in enumerate(bills, 4)]
    assert became(Backend(store, rules=Rules(eligibility=strict)), *again) == ["REFERRED"] * 3


@pytest.fixture
def memory() -> Iterator[Store]:
    with Store.open("sqlite://", sample=True) as opened:
        yield opened


def test_a_place_may_hand_in_what_it_knows(memory: Store) -> None:
    asked: list[Use] = []

    def facts(_connection: sa.Connection, uses: Sequence[Use]) -> list[Facts]:
        asked.extend(uses)
        return [Facts(is_known=use.id_number == "P1") for use in uses]

    billing = MedicalBilling(memory, Ledger(memory), samples(), eligibility=Eligibility(source=facts))
    found = billing.settle_many([bill(1, "P1"), bill(2, "P2"), bill(1, "P1")])
    assert [one.status.name for one in found] == ["SETTLED", "NOT_ELIGIBLE", "EXISTS"]
    assert [(use.id_number, use.on.isoformat()) for use in asked] == [("P1", "2014-08-20"), ("P2", "2014-08-20")]
