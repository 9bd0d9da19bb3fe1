"""Premiums at their corners: a tariff that was changed, deaths, chains of categories, odd arguments, GB18030 names."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from sbcard_core.backend import Backend
from sbcard_core.calendar import Period
from sbcard_core.eligibility import Eligibility, Facts, Use
from sbcard_core.eligibility.registered import registered
from sbcard_core.errors import InvalidValue
from sbcard_core.hosts import bankfile
from sbcard_core.ledger import AccountKind, Ledger
from sbcard_core.payout import LifeStatus, Standing
from sbcard_core.premiums import (
    BILLS,
    SAMPLE,
    BillState,
    CategoryChange,
    ChangeStatus,
    Channel,
    Insured,
    IssueStatus,
    Payment,
    PaymentStatus,
    Premiums,
    Refund,
    RefundStatus,
    Share,
    Stopped,
    Tariff,
)
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import PersonCategory
from tests.payout.conftest import REGISTERED, TWO
from tests.people import number

AT, BEGINS = datetime.fromisoformat("2015-03-02T09:30:15"), date(2015, 1, 1)
PERSON = Insured("43010219800101002X", "张三", PersonCategory.RURAL, "resident-medical")
PAID = Payment("P1", "", 12000, Channel.POS, "T1", AT)


@pytest.fixture
def book() -> Iterator[Premiums]:
    """Where the database makes no difference."""
    with Store.open("sqlite://", sample=True) as store:
        yield Premiums(store, Ledger(store), SAMPLE)


def changed(*shares: tuple[str, AccountKind, int]) -> Tariff:
    """The sample with other shares in the rate of 2015: somebody has edited the file."""
    new = tuple(Share(*share) for share in shares)
    return Tariff("edited", tuple(
        replace(rate, shares=new) if PersonCategory.RURAL is rate.category and rate.since == BEGINS else rate
        for rate in SAMPLE.rates
    ))  # fmt: skip


def test_a_bill_is_paid_by_its_own_amount_whatever_the_tariff_says_today(book: Premiums) -> None:
    (bill,) = book.issue("2015", BEGINS, [PERSON]).bills
    dearer = Premiums(book.store, book.ledger, changed(("POOLED_FUND:resident", AccountKind.POOLED_FUND, 13000)))
    assert dearer.pay_many([replace(PAID, bill_no=bill)]) == [PaymentStatus.NO_RATE]
    assert book.ledger.totals() == (0, 0)
    assert book.pay(replace(PAID, bill_no=bill)) is PaymentStatus.PAID


def test_money_goes_back_from_the_funds_it_went_to(book: Premiums) -> None:
    (bill,) = book.issue("2015", BEGINS, [PERSON]).bills
    book.pay(replace(PAID, bill_no=bill))
    other = changed(("SUSPENSE:other", AccountKind.SUSPENSE, 12000))
    book.ledger.open_accounts([("SUSPENSE:other", AccountKind.SUSPENSE)])
    for tariff, name in ((other, "R1"), (Tariff("none", ()), "R2")):
        edited = Premiums(book.store, book.ledger, tariff)
        assert edited.refund(Refund(name, "P1", 6000, AT)) is RefundStatus.REFUNDED
    held = book.ledger.balances(["POOLED_FUND:resident", "CATASTROPHIC_FUND:resident", "SUSPENSE:other"])
    assert {one.net_fen for one in held.values()} == {0}
    assert book.ledger.recompute() == []


def test_a_rate_of_many_funds_comes_back_to_the_fen(book: Premiums) -> None:
    funds = [(f"POOLED_FUND:{at}", AccountKind.POOLED_FUND, 1499 + at) for at in range(8)]
    book = Premiums(book.store, book.ledger, changed(*funds))
    (bill,) = book.issue("2015", BEGINS, [PERSON]).bills
    whole = sum(fen for *_, fen in funds)
    book.pay(replace(PAID, bill_no=bill, amount_fen=whole))
    parts = [1, 7, 4999, whole - 5007]
    found = book.refund_many([Refund(f"R{at}", "P1", fen, AT) for at, fen in enumerate(parts)])
    assert found == [RefundStatus.REFUNDED] * 4
    assert book.refund_many([Refund("R9", "P1", 1, AT)]) == [RefundStatus.MORE_THAN_PAID]
    assert {one.net_fen for one in book.ledger.balances([name for name, *_ in funds]).values()} == {0}
    again = book.pay_many([replace(PAID, payment_id="P2", bill_no=bill, amount_fen=whole)])
    assert again == [PaymentStatus.ALREADY_PAID]  # given back in full: owed only by a new bill


def test_a_bill_of_another_category_is_paid_to_funds_of_its_own(book: Premiums) -> None:
    """They are opened with the bill; a tariff that is no sample bills in a book of real money."""
    own = (Share("POOLED_FUND:students", AccountKind.POOLED_FUND, 6000),)
    rates = [replace(rate, shares=own) if rate.category is PersonCategory.STUDENT else rate for rate in SAMPLE.rates]
    with Store.open("sqlite://") as store:
        real = Premiums(store, Ledger(store), Tariff("of a place", tuple(rates)))
        (bill,) = real.issue("2015", BEGINS, [PERSON]).bills
        (changed_to,) = real.change_category_many([CategoryChange(bill, PersonCategory.STUDENT, BEGINS)])
        assert real.pay(replace(PAID, bill_no=changed_to.bill_no, amount_fen=6000)) is PaymentStatus.PAID
        assert real.ledger.balance("POOLED_FUND:students").net_fen == 6000


def test_nobody_is_shown_in_full() -> None:
    shown = repr([PERSON, replace(PAID, bill_no="2015.000000001")])
    assert PERSON.id_number not in shown
    assert PERSON.name not in shown


def test_of_nobody_and_no_card_nothing_is_asked(book: Premiums) -> None:
    """Where a place answers for its own people and cards, each question costs it a call."""
    asked: list[int] = []

    def source(connection: sa.Connection, uses: Sequence[Use]) -> list[Facts]:
        asked.append(len(uses))
        return registered(connection, uses)

    there = Premiums(book.store, book.ledger, SAMPLE, eligibility=Eligibility(source=source))
    (bill,) = there.issue("2015", BEGINS, [PERSON]).bills
    assert there.issue("2015", BEGINS, [replace(PERSON, name="")]).statuses == [IssueStatus.MALFORMED]
    assert there.pay(replace(PAID, bill_no=bill)) is PaymentStatus.PAID
    assert asked == [1]


def test_a_time_of_a_time_zone_stops_no_other(book: Premiums) -> None:
    first, second = book.issue("2015", BEGINS, [PERSON, replace(PERSON, id_number="430102198001010011")]).bills
    zoned = AT.replace(tzinfo=UTC)
    found = book.pay_many([replace(PAID, payment_id="Z", bill_no=second, at=zoned), replace(PAID, bill_no=first)])
    assert found == [PaymentStatus.MALFORMED, PaymentStatus.PAID]
    back = Refund("R1", "P1", 5, AT)
    assert book.refund_many([replace(back, at=zoned), back]) == [RefundStatus.MALFORMED, RefundStatus.REFUNDED]


def test_one_person_however_the_last_letter_is_written(book: Premiums) -> None:
    small = replace(PERSON, id_number=PERSON.id_number.lower())
    assert book.issue("2015", BEGINS, [PERSON, small]).statuses == [IssueStatus.ISSUED, IssueStatus.EXISTS]
    assert book.issue("2015", BEGINS, [small]).statuses == [IssueStatus.EXISTS]
    (bill,) = book.bills(id_number=small.id_number)
    assert bill.id_number == PERSON.id_number


def test_a_chain_of_categories_ends_at_the_bill_that_is_owed(book: Premiums) -> None:
    (first,) = book.issue("2015", BEGINS, [PERSON]).bills
    student = CategoryChange(first, PersonCategory.STUDENT, date(2015, 9, 1))
    (same,) = book.change_category_many([replace(student, category=PersonCategory.RURAL)])
    assert (same.status, same.bill_no) == (ChangeStatus.EXISTS, first)  # it is of that category
    (second,) = book.change_category_many([student])
    (third,) = book.change_category_many([CategoryChange(second.bill_no, PersonCategory.URBAN_RESIDENT, BEGINS)])
    again, other = book.change_category_many([student, replace(student, category=PersonCategory.RURAL)])
    assert (again.status, again.bill_no) == (ChangeStatus.EXISTS, third.bill_no)
    assert (other.status, other.bill_no) == (ChangeStatus.CANCELLED, third.bill_no)
    assert [one.bill_no for one in book.arrears(BEGINS)] == [third.bill_no]


def test_odd_arguments_are_refused_or_find_nothing(store: Store) -> None:
    book = Premiums(store, Ledger(store), SAMPLE)
    (bill,) = book.issue("2015", BEGINS, [PERSON]).bills
    with pytest.raises(InvalidValue, match="list of bills"):
        book.cancel(bill)
    with pytest.raises(InvalidValue, match="a reason is text"):
        book.cancel([bill], reason="\0")
    with pytest.raises(InvalidValue, match="a reason is text"):
        book.stop(PERSON.id_number, after=BEGINS, reason="\ud800")
    assert book.cancel(["\0", "\ud800", "2015.9"]) == 0
    for call in (lambda: book.stop("\0", after=BEGINS, reason="死亡"), lambda: book.bills(id_number="4301")):
        with pytest.raises(InvalidValue, match="a character is neither digit"):
            call()
    assert book.bills(card_no="\0") == []
    with pytest.raises(InvalidValue, match="no such payment"):
        book.receipt("\0")
    assert [one.state for one in book.bills(id_number=PERSON.id_number)] == [BillState.OPEN]


def register(store: Store, *people: Insured) -> None:
    columns = ("person_id", "id_number", "name", "sex", "ethnicity", "birth", "phone", "category", "city", "county",
               "bank", "form_no", "submitted_on", "source_file", "source_line")  # fmt: skip
    rest = ("1", "01", "1980-01-01", "", 3, "430100", "430102", "103", "F", "2014-08-01", "f", 1)
    with store.begin() as connection:
        rows = [(at, one.id_number, one.name, *rest) for at, one in enumerate(people, 1)]
        insert_many(connection, schema.person, columns, rows)


def test_a_death_told_to_payouts_is_seen_in_arrears_and_ends_later_bills(store: Store) -> None:
    lived = replace(PERSON, id_number="430102198001010038")
    register(store, PERSON, lived)
    backend = Backend(store, officers=REGISTERED)
    book = backend.premiums
    bills = {year: book.issue(str(year), date(year, 1, 1), [PERSON, lived]).bills for year in (2014, 2015, 2016, 2017)}
    book.pay(replace(PAID, bill_no=bills[2017][0]))
    assert not any(one.dead for one in book.arrears(date(2017, 1, 1)))
    died = date(2015, 8, 20)
    with pytest.raises(InvalidValue):
        backend.death(PERSON.id_number, died, on=date(2015, 8, 19))
    assert book.totals("2016")[BillState.OPEN][0] == 2
    backend.payout.tell([Standing(PERSON.id_number, LifeStatus.DEAD)], on=date(2015, 9, 1), **TWO)
    seen = {(one.bill_no, one.died_on) for one in book.arrears(date(2017, 1, 1)) if one.dead}
    assert seen == {(bills[year][0], None) for year in (2014, 2015, 2016)}
    for cancelled in ([bills[2016][0]], []):  # and the same again
        done = backend.death(PERSON.id_number, died, on=date(2015, 9, 1), **TWO)
        assert done.premiums == Stopped(cancelled, [bills[2014][0], bills[2015][0]], ["P1"])
    found = {one.bill_no: (one.dead, one.died_on) for one in book.arrears(date(2017, 1, 1))}
    assert found == {
        **{bills[year][0]: (True, died) for year in (2014, 2015)},
        **{bills[year][1]: (False, None) for year in (2014, 2015, 2016, 2017)},
    }
    assert book.refund(Refund("R1", "P1", 12000, AT)) is RefundStatus.REFUNDED
    pension = {"insurance": "flexible-pension", "category": PersonCategory.FLEXIBLE}
    both = [replace(one, **pension) for one in (PERSON, lived)]
    again = {year: book.issue(f"{year}-Q1", date(year, 1, 1), both).statuses for year in (2015, 2018)}
    assert again == {2015: [IssueStatus.ISSUED] * 2, 2018: [IssueStatus.DEAD, IssueStatus.ISSUED]}
    assert backend.ledger.recompute() == []


def test_premiums_that_a_death_cancelled_are_owed_again_when_it_is_corrected_or_withdrawn(store: Store) -> None:
    """Of two people and two insurances: what another reason cancelled, or another bill replaced, stays cancelled."""
    lived = replace(PERSON, id_number="430102198001010038")
    register(store, PERSON, lived)
    backend = Backend(store, officers=REGISTERED)
    book = backend.premiums
    pension = {"insurance": "flexible-pension", "category": PersonCategory.FLEXIBLE}
    bills = {}
    for period in ("2015-01", "2015-02", "2015-03", "2015-04"):
        begins = Period(period).begin
        bills[period] = book.issue(period, begins, [PERSON, replace(PERSON, **pension), lived]).bills
    book.cancel([bills["2015-04"][0]], reason="2015-01-10 死亡")  # a text is no death
    book.cancel([bills["2015-03"][2]], reason="2015-01-10 死亡")
    first = backend.death(PERSON.id_number, date(2015, 1, 10), on=date(2015, 5, 4), **TWO)
    later = [*bills["2015-02"][:2], *bills["2015-03"][:2], bills["2015-04"][1]]
    assert (first.premiums.cancelled, first.premiums.reopened) == (later, [])
    second = backend.death(PERSON.id_number, date(2015, 2, 1), on=date(2015, 5, 5), decision="更正1号", **TWO)
    assert (second.premiums.cancelled, second.premiums.reopened) == ([], bills["2015-02"][:2])
    assert book.issue("2015-Q2", date(2015, 4, 1), [lived]).statuses == [IssueStatus.OVERLAPS]
    with store.begin() as connection:  # billed for the quarter while the month was cancelled
        quarter = {"bill_no": "2015-Q2.000000001", "period": "2015-Q2", "id_number": PERSON.id_number, "state": 10}
        row = connection.execute(sa.select(schema.premium_bill).where(schema.premium_bill.c.bill_no == later[-1])).one()
        connection.execute(
            sa.insert(schema.premium_bill).values({**row._asdict(), **quarter, "reason": None, "death_on": None})
        )
    third = backend.withdraw_death(PERSON.id_number, decision="撤销2号", on=date(2015, 5, 6), **TWO)
    assert third.premiums == Stopped(reopened=bills["2015-03"][:2])
    owed = {one.bill_no for one in book.bills(id_number=PERSON.id_number) if one.state is BillState.OPEN}
    assert owed == {*bills["2015-01"][:2], *bills["2015-02"][:2], *bills["2015-03"][:2], "2015-Q2.000000001"}
    assert {one.reason for one in book.bills(id_number=PERSON.id_number) if one.bill_no in owed} == {""}
    assert book.bills(id_number=lived.id_number)[1].state is BillState.CANCELLED


def test_a_bill_given_back_is_not_put_again_beside_one_that_shares_a_day(book: Premiums) -> None:
    """Of two people: only who was billed for the quarter meanwhile would be billed twice."""
    other = replace(PERSON, id_number="430102198001010038")
    bills = book.issue("2015", BEGINS, [PERSON, other]).bills
    for name, bill in zip("AB", bills, strict=True):
        book.pay(Payment(name, bill, 12000, Channel.POS, "T", AT))
        book.refund(Refund(f"R{name}", name, 12000, AT))
    (quarter,) = book.issue("2015-Q1", BEGINS, [PERSON]).bills
    changes = [CategoryChange(bill, PersonCategory.STUDENT, BEGINS) for bill in bills]
    found = book.change_category_many(changes)
    assert [one.status for one in found] == [ChangeStatus.OVERLAPS, ChangeStatus.REPLACED]
    open_ = [one.bill_no for one in book.bills(id_number=PERSON.id_number) if one.state is BillState.OPEN]
    assert (found[0].bill_no, open_) == (bills[0], [quarter])
    book.cancel([quarter])
    assert book.change_category_many(changes[:1])[0].status is ChangeStatus.REPLACED


def test_a_bank_file_carries_every_name(book: Premiums, tmp_path: Path) -> None:
    names = ["张三", "𠮷田", "\ue000某", "买买提·阿不都", "José Núñez", "བསོད་ནམས", "㐀䶵", "\U0002a6d6"]
    people = [Insured(number(at), name, PersonCategory.RURAL, "resident-medical") for at, name in enumerate(names)]
    assert set(book.issue("2015", BEGINS, people).statuses) == {IssueStatus.ISSUED}
    (path,) = book.agency.dispatch("402", "2015", on=BEGINS, out_dir=tmp_path)
    assert [row[2] for row in bankfile.read(path, BILLS).rows] == names
    assert path.read_bytes().count(b"\n") == len(names) + 2
