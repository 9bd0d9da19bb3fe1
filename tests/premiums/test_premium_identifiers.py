"""Any accepted spelling of a person, period, bank or card is one; what is none is refused at the edge."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.backend import Backend
from sbcard_core.eligibility import Eligibility, Facts, Use
from sbcard_core.errors import InvalidValue
from sbcard_core.hosts import bankfile
from sbcard_core.ledger import Ledger
from sbcard_core.payout import LifeStatus, Standing
from sbcard_core.premiums import (
    BILLS,
    PAYMENTS,
    SAMPLE,
    BillState,
    Channel,
    Insured,
    IssueStatus,
    Payment,
    PaymentStatus,
    Premiums,
)
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import CardState, PersonCategory
from tests.payout.conftest import REGISTERED, TWO
from tests.people import number

AT, BEGINS = datetime.fromisoformat("2015-03-02T09:30:15"), date(2015, 2, 1)
PERSON = Insured("610104196209276908", "买买提·阿不都", PersonCategory.RURAL, "resident-medical")
WIDE = str.maketrans("0123456789X-", "０１２３４５６７８９Ｘ－")
NUMBERS = [
    "610104196209276908",
    "610104620927690",
    " 610104 19620927 6908",
    "６１０１０４６２０９２７６９０",
    "610104196209276908\u200b\n",
]
NAMES = ["买买提·阿不都", "买买提•阿不都 ", "买买提．阿不都", "买买提 · 阿不都\u200b"]
PERIODS = ["2015-02", "2015-2", "201502", "2015年2月", "２０１５－０２", "2015/2", " 2015-02 "]


@pytest.fixture
def book() -> Iterator[Premiums]:
    with Store.open("sqlite://", sample=True) as store:
        yield Premiums(store, Ledger(store), SAMPLE)


@given(st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NAMES), st.sampled_from(PERIODS)), min_size=1))
@settings(max_examples=25)
def test_any_spelling_gives_one_person_and_one_bill(spelled: list[tuple[str, str, str]]) -> None:
    with Store.open("sqlite://", sample=True) as store:
        book = Premiums(store, Ledger(store), SAMPLE)
        became = [
            book.issue(period, BEGINS, [replace(PERSON, id_number=written, name=name)]).statuses[0]
            for written, name, period in spelled
        ]
        assert became == [IssueStatus.ISSUED, *[IssueStatus.EXISTS] * (len(spelled) - 1)]
        for written in NUMBERS:
            (bill,) = book.bills(id_number=written)
            assert (bill.id_number, bill.name, bill.period) == (PERSON.id_number, PERSON.name, "2015-02")
        for period in PERIODS:
            assert book.totals(period) == {BillState.OPEN: (1, 12000)}
            assert len(list(book.arrears(BEGINS, period=period))) == 1
        assert book.stop(spelled[0][0], after=date(2015, 1, 31), reason="死亡").cancelled == [bill.bill_no]


def test_spellings_within_one_list_are_one_bill(book: Premiums) -> None:
    people = [replace(PERSON, id_number=written) for written in NUMBERS]
    made = book.issue("2015-2", BEGINS, people)
    assert (made.statuses, made.bills) == ([IssueStatus.ISSUED, *[IssueStatus.EXISTS] * 4], ["2015-02.000000001"])


@pytest.mark.parametrize("period", ["abc", "2015-13", "20152", "2015.2", ""])
def test_what_is_no_period_is_refused_everywhere(book: Premiums, tmp_path: Path, period: str) -> None:
    for call in (
        lambda: book.issue(period, BEGINS, [PERSON]),
        lambda: book.totals(period),
        lambda: list(book.arrears(BEGINS, period=period)),
        lambda: book.agency.dispatch("402", period, on=BEGINS, out_dir=tmp_path),
    ):
        with pytest.raises(InvalidValue, match="no period"):
            call()


@pytest.mark.parametrize("begins", [date(2015, 1, 31), date(2015, 3, 1)])
def test_a_bill_is_due_within_its_period(book: Premiums, begins: date) -> None:
    with pytest.raises(InvalidValue, match="is not a day of the period 2015-02"):
        book.issue("2015-2", begins, [PERSON])
    assert book.totals("2015-02") == {}


def test_bills_of_unlike_periods_come_latest_first(book: Premiums) -> None:
    for period, begins in (("2015-Q2", date(2015, 4, 1)), ("2015-10", date(2015, 10, 1)), ("2014", date(2014, 1, 1))):
        book.issue(period, begins, [PERSON])
    assert [bill.period for bill in book.bills(id_number=PERSON.id_number)] == ["2015-10", "2015-Q2", "2014"]


def test_an_agent_bank_in_any_spelling_is_one_and_a_made_up_one_none(book: Premiums) -> None:
    bills = book.issue("2015", BEGINS, [replace(PERSON, id_number=number(at)) for at in range(5)]).bills
    written = ["402", "402 ", "４０２", "402551080008", "信用社"]
    paid = [Payment(f"P{at}", bill, 12000, Channel.AGENT_BANK, agent, AT)
            for at, (bill, agent) in enumerate(zip(bills, written, strict=True))]  # fmt: skip
    assert book.pay_many(paid) == [PaymentStatus.PAID] * 4 + [PaymentStatus.MALFORMED]
    assert book.pay_many([replace(paid[0], agent="４０２")]) == [PaymentStatus.EXISTS]
    assert book.ledger.balance("BANK_CLEARING:402").net_fen == -48000


def test_a_sixth_bank_collects_as_any_other(book: Premiums, tmp_path: Path) -> None:
    bills = book.issue("2015", BEGINS, [PERSON]).bills
    (sent,) = book.agency.dispatch(" 783", "2015", on=BEGINS, out_dir=tmp_path)
    assert bankfile.read(sent, BILLS).header["bank"] == "783"
    head = {"batch_no": "PREM-2015-783-0001", "bank": "783", "date": "20150302", "lines": 1, "paid_fen": 12000}
    row = ("1", bills[0], "12000", "00", "20150301101500", "T1", "")
    bankfile.write(tmp_path / "answer.txt", PAYMENTS, head, [row], {"paid": 1, "paid_fen": 12000, "unpaid": 0})
    assert book.agency.read_payments(tmp_path / "answer.txt", on=date(2015, 3, 2)).paid_fen == 12000
    with pytest.raises(InvalidValue, match="three digits"):
        book.agency.dispatch("77", "2015", on=BEGINS, out_dir=tmp_path)


def register(store: Store, cards: list[tuple[int, str, str, CardState, CardState]]) -> None:
    """Person ``number(at)`` with a card: bank, account, state of the card and of the account."""
    person = ("person_id", "id_number", "name", "sex", "ethnicity", "birth", "phone", "category", "city", "county",
              "bank", "form_no", "submitted_on", "source_file", "source_line")  # fmt: skip
    card = ("card_no", "identification_code", "person_id", "order_no", "order_line", "factor", "bank", "account_no",
            "app_state", "account_state", "issued_on")  # fmt: skip
    order = ("order_no", "city", "ordered_on", "cards", "made")
    rest = ("1", "01", "1980-01-01", "", 4, "430100", "430102", "402", "F", "2014-01-01", "f")
    with store.begin() as connection:
        insert_many(connection, schema.production_order, order, [("O", "430100", "2014-01-01", 9, 9)])
        rows = [(at + 1, number(at), "张三", *rest, at + 1) for at in range(len(cards))]
        insert_many(connection, schema.person, person, rows)
        made = [
            (f"B0000000{at}", f"{at:032d}", at + 1, "O", at + 1, "", bank, account, int(state), int(half), "2014-08-01")
            for at, bank, account, state, half in cards
        ]
        insert_many(connection, schema.card, card, made)


N, LOST, SEALED = CardState.NORMAL, CardState.LOST, CardState.SEALED


def test_a_card_pays_only_where_it_may_on_the_day(store: Store) -> None:
    register(
        store,
        [(0, "402", "621", N, N), (1, "402", "622", LOST, N), (2, "402", "623", N, N), (3, "402", "624", N, LOST)],
    )
    backend = Backend(store, officers=REGISTERED)
    book = backend.premiums
    bills = book.issue("2015", BEGINS, [replace(PERSON, id_number=number(at)) for at in range(4)]).bills
    backend.payout.tell([Standing(number(2), LifeStatus.DEAD, date(2015, 3, 1))], on=date(2015, 3, 9), **TWO)
    paid = [
        Payment(f"P{at}", bill, 12000, Channel.POS, "T1", AT, card_no=f"b0000000{at}") for at, bill in enumerate(bills)
    ]
    early = replace(paid[2], at=datetime.fromisoformat("2015-03-01T23:59:59"))  # the day of death
    unissued = replace(paid[0], at=datetime.fromisoformat("2014-07-31T08:00:00"))
    assert book.pay_many([unissued, *paid, early]) == [
        PaymentStatus.CARD_REFUSED, PaymentStatus.PAID, PaymentStatus.CARD_REFUSED, PaymentStatus.CARD_REFUSED,
        PaymentStatus.PAID, PaymentStatus.PAID,
    ]  # fmt: skip
    assert {bill.bill_no for bill in book.bills(card_no="B0000000-1 ")} == {bills[1]}


def test_only_accounts_that_may_be_debited_are_named_to_a_bank(store: Store, tmp_path: Path) -> None:
    register(
        store,
        [(0, "402", "621", LOST, N), (1, "402", "622", N, SEALED), (2, "402", "623", N, N), (3, "103", "624", N, N)],
    )
    backend = Backend(store, officers=REGISTERED)
    bills = backend.premiums.issue("2015", BEGINS, [replace(PERSON, id_number=number(at)) for at in range(4)]).bills
    backend.payout.tell([Standing(number(2), LifeStatus.DEAD, date(2015, 3, 1))], on=date(2015, 3, 9), **TWO)
    (path,) = backend.premiums.agency.dispatch("402", "2015", on=date(2015, 3, 10), out_dir=tmp_path)
    asked = {row[1]: row[4] for row in bankfile.read(path, BILLS).rows}
    assert asked == {bills[0]: "621", bills[1]: "", bills[2]: ""}  # lost card, account alive; not activated; dead
    (path,) = backend.premiums.agency.dispatch("103", "2015", on=date(2015, 3, 10), out_dir=tmp_path)
    assert [(row[1], row[4]) for row in bankfile.read(path, BILLS).rows] == [(bills[3], "624")]


def test_a_place_may_bill_by_facts_of_its_own() -> None:
    def facts(_: object, uses: list[Use]) -> list[Facts]:
        return [Facts(life=LifeStatus.IMPRISONED if use.id_number == number(1) else LifeStatus.NORMAL) for use in uses]

    from sbcard_core.eligibility import DEFAULT_RULES, Answer, Purpose

    rule = DEFAULT_RULES[Purpose.PREMIUM_BILL]
    strict = {**DEFAULT_RULES, Purpose.PREMIUM_BILL: replace(rule, life={LifeStatus.NORMAL: Answer.ALLOW})}
    with Store.open("sqlite://", sample=True) as store:
        book = Premiums(store, Ledger(store), SAMPLE, eligibility=Eligibility(strict, source=facts))  # type: ignore[arg-type]
        people = [replace(PERSON, id_number=number(at)) for at in range(3)]
        assert book.issue("2015", BEGINS, people).statuses == [
            IssueStatus.ISSUED, IssueStatus.INELIGIBLE, IssueStatus.ISSUED,
        ]  # fmt: skip
