"""Rules of agent banks and refunds with two of everything: banks, periods, batches, lines, bills."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from enum import IntEnum
from pathlib import Path

import pytest
import sqlalchemy as sa

from sbcard_core.hosts import bankfile
from sbcard_core.ledger import AccountKind, Bounds, Ledger
from sbcard_core.premiums import (
    BILLS,
    PAYMENTS,
    SAMPLE,
    BillState,
    CategoryChange,
    ChangeStatus,
    Channel,
    CollectionRefused,
    CollectionReport,
    Insured,
    IssueStatus,
    LineStatus,
    Payment,
    PaymentStatus,
    PremiumRefused,
    Premiums,
    Refund,
    RefundStatus,
    Tariff,
    agency,
    layout,
)
from sbcard_core.premiums import book as premium_book
from sbcard_core.premiums.layout import AskState
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import Disposition, PersonCategory
from tests.payout.conftest import REGISTERED, TWO
from tests.people import name, number

ON = date(2015, 2, 2)
AT = datetime.fromisoformat("2015-03-02T09:30:15")
FIRST, SECOND = "PREM-2015-402-0001", "PREM-2015-402-0002"


@pytest.fixture
def book() -> Iterator[Premiums]:
    with Store.open("sqlite://", sample=True) as store:
        yield Premiums(store, Ledger(store), SAMPLE, officers=REGISTERED)


def bill(book: Premiums, year: str, people: int, first: int = 0) -> list[str]:
    insured = [
        Insured(number(at), name(at), PersonCategory.RURAL, "resident-medical") for at in range(first, first + people)
    ]
    return book.issue(year, date(int(year), 1, 1), insured).bills


def sent(paths: list[Path]) -> dict[str, list[tuple[str, str]]]:
    """Line number and bill of each line, by batch."""
    files = [bankfile.read(path, BILLS) for path in paths]
    return {file.header["batch_no"]: [(row[0], row[1]) for row in file.rows] for file in files}


def answer(
    book: Premiums, folder: Path, batch_no: str, rows: list[tuple[str, str, int]], bank: str = "402"
) -> CollectionReport:
    """Take in an answer: number, bill and fen of each line, all collected."""
    fen = sum(row[2] for row in rows)
    head = {"batch_no": batch_no, "bank": bank, "date": "20150302", "lines": len(rows), "paid_fen": fen}
    lines = [(seq, bill_no, str(paid), "00", "20150301101500", "T", "") for seq, bill_no, paid in rows]
    path = folder / f"PREMRES_{batch_no}.txt"
    bankfile.write(path, PAYMENTS, head, lines, {"paid": len(rows), "paid_fen": fen, "unpaid": 0})
    return book.agency.read_payments(path, on=AT.date())


def states(book: Premiums) -> dict[tuple[str, int], int]:
    line = schema.premium_batch_line.c
    with book.store.begin() as connection:
        return {(row[0], row[1]): row[2] for row in connection.execute(sa.select(line.batch_no, line.seq, line.state))}


def test_lines_of_another_batch_stay_as_they_are(book: Premiums, tmp_path: Path) -> None:
    bill(book, "2015", 4)
    asked = sent(book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path, max_lines=2))
    assert list(asked) == [FIRST, SECOND]
    for batch_no in asked:  # each answered but for its second line
        answer(book, tmp_path, batch_no, [(*asked[batch_no][0], 12000)])
    before = states(book)
    assert (before[FIRST, 2], before[SECOND, 2]) == (12, 12)
    assert book.agency.confirm_unpaid(SECOND, [1, 2], at=AT, **TWO) == 1
    assert states(book) == {**before, (SECOND, 2): 21}
    again = sent(book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path))
    assert again == {"PREM-2015-402-0003": [("1", asked[SECOND][1][1])]}


def test_a_bill_of_another_batch_is_not_paid_by_this_one(book: Premiums, tmp_path: Path) -> None:
    bill(book, "2015", 4)
    asked = sent(book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path, max_lines=2))
    mine, others = asked[FIRST], asked[SECOND]
    report = answer(book, tmp_path, FIRST, [(*mine[0], 12000), (*others[1], 12000)])
    assert report.statuses == [LineStatus.PAID, LineStatus.NOT_ASKED]
    assert (report.paid_fen, report.suspended_fen, report.missing) == (12000, 12000, [2])
    assert book.totals("2015")[BillState.PAID] == (1, 12000)
    assert answer(book, tmp_path, SECOND, [(*line, 12000) for line in others]).paid_fen == 24000


def test_only_unanswered_batches_of_this_bank_and_period_are_written_again(book: Premiums, tmp_path: Path) -> None:
    bill(book, "2015", 4)
    bill(book, "2016", 2)
    first = book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path, max_lines=2)
    later = book.agency.dispatch("402", "2016", on=ON, out_dir=tmp_path)
    bill(book, "2015", 1, first=9)
    other = book.agency.dispatch("103", "2015", on=ON, out_dir=tmp_path)
    answer(book, tmp_path, FIRST, [(*line, 12000) for line in sent([first[0]])[FIRST]])
    for path in (*first, *later, *other):
        path.unlink()
    assert book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path) == [first[1]]
    assert book.agency.dispatch("103", "2016", on=ON, out_dir=tmp_path) == []
    assert book.agency.dispatch("402", "2016", on=ON, out_dir=tmp_path) == later


def test_suspense_the_books_take_only_in_part_takes_nothing(tmp_path: Path) -> None:
    with Store.open("sqlite://", sample=True) as store:
        book = Premiums(store, Ledger(store, bounds={AccountKind.BANK_CLEARING: Bounds(floor_fen=-20000)}), SAMPLE)
        bill(book, "2015", 2)
        ((batch_no, lines),) = sent(book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path)).items()
        before = states(book)
        with pytest.raises(CollectionRefused) as refused:  # the first of the two would fit
            answer(book, tmp_path, batch_no, [(*line, 11999) for line in lines])
        assert refused.value.code == "books"
        assert (states(book), book.ledger.totals(), book.agency.suspended()) == (before, (0, 0), [])


def test_money_given_back_frees_its_own_bill_alone(book: Premiums, tmp_path: Path) -> None:
    bill(book, "2015", 2)
    ((batch_no, lines),) = sent(book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path)).items()
    answer(book, tmp_path, batch_no, [(*lines[0], 11999), (*lines[1], 11998)])
    one, other = book.agency.suspended()
    assert book.agency.give_back(one.payment_id, at=AT, **TWO) == 11999
    assert states(book) == {(batch_no, 1): 21, (batch_no, 2): 13}
    assert [held.payment_id for held in book.agency.suspended()] == [other.payment_id]
    assert len(book.agency.suspended(everything=True)) == 2


def test_a_bill_is_freed_when_the_last_of_its_money_is_gone(book: Premiums, tmp_path: Path) -> None:
    bill(book, "2015", 2)
    ((batch_no, lines),) = sent(book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path)).items()
    report = answer(book, tmp_path, batch_no, [(*lines[0], 11999), (*lines[0], 1), (*lines[1], 12000)])
    assert report.suspended_fen == 12000
    first, second = book.agency.suspended()
    assert book.agency.give_back(first.payment_id, at=AT, **TWO) == 11999
    assert states(book)[batch_no, 1] == 13
    assert book.agency.give_back(second.payment_id, at=AT, **TWO) == 1
    assert states(book) == {(batch_no, 1): 21, (batch_no, 2): 20}


def paid(book: Premiums) -> tuple[str, str]:
    bills = bill(book, "2015", 2)
    payments = [Payment(f"P{at}", one, 12000, Channel.POS, "T1", AT) for at, one in enumerate(bills)]
    assert book.pay_many(payments) == [PaymentStatus.PAID] * 2
    return bills[0], bills[1]


def test_a_refund_in_a_closed_month_waits_and_the_others_go_on(book: Premiums) -> None:
    paid(book)
    book.ledger.close_period("2015-03", at="2015-04-01T00:00:00")
    april = datetime.fromisoformat("2015-04-02T08:00:00")
    refunds = [Refund("R0", "P0", 5000, AT), Refund("R1", "P1", 12000, april)]
    assert book.refund_many(refunds) == [RefundStatus.LEDGER_REFUSED, RefundStatus.REFUNDED]
    assert book.totals("2015") == {BillState.PAID: (1, 12000), BillState.REFUNDED: (1, 12000)}
    assert book.refund_many([replace(refunds[0], amount_fen=12000, at=april)]) == [RefundStatus.REFUNDED]
    assert book.ledger.balance("POOLED_FUND:resident").net_fen == 0
    assert book.ledger.recompute() == []


def test_a_payment_whose_movements_the_books_do_not_hold_is_not_given_back(book: Premiums) -> None:
    paid(book)
    (late,) = bill(book, "2016", 1)
    columns = ("payment_id", "bill_no", "amount_fen", "channel", "agent", "at", "card_no", "refunded")
    row = ("P9", late, 12000, "pos", "T1", "2015-03-02T09:30:15", None, "0")
    with book.store.begin() as connection:
        insert_many(connection, schema.premium_payment, columns, [row])
    before = book.ledger.totals()
    refunds = [Refund("R9", "P9", 12000, AT), Refund("R0", "P0", 1, AT)]
    assert book.refund_many(refunds) == [RefundStatus.NO_RATE, RefundStatus.REFUNDED]
    assert book.ledger.totals() == (before[0] + 1, before[1] + 1)


def test_each_change_takes_the_posting_lock_first(
    book: Premiums, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bills = bill(book, "2015", 3)
    ((batch_no, lines),) = sent(book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path)).items()
    seen: list[str] = []
    real = agency.lock_for_posting
    for module in (agency, premium_book):
        monkeypatch.setattr(module, "lock_for_posting", lambda connection: (seen.append("lock"), real(connection)))
    sa.event.listen(book.store.engine, "before_cursor_execute", lambda *_: seen.append("statement"))

    def first_of(call: object) -> str:
        seen.clear()
        call()  # type: ignore[operator]
        return seen[0]

    pos = Payment("P1", bills[2], 12000, Channel.POS, "T", AT)
    assert first_of(lambda: answer(book, tmp_path, batch_no, [(*lines[0], 11999)])) == "lock"
    (held,) = book.agency.suspended()
    for call in (
        lambda: book.agency.confirm_unpaid(batch_no, [2], at=AT, **TWO),
        lambda: book.agency.assign(held.payment_id, lines[0][1], at=AT, **TWO),
        lambda: book.agency.give_back(held.payment_id, at=AT, **TWO),
        lambda: bill(book, "2016", 1),
        lambda: book.pay(pos),
        lambda: book.refund(Refund("R1", "P1", 12000, AT)),
        lambda: book.change_category_many([CategoryChange(bills[2], PersonCategory.STUDENT, ON)]),
        lambda: book.cancel(bills[:1]),
        lambda: book.stop(number(1), after=ON, reason="转出"),
        lambda: book.death(number(1), ON),
    ):
        assert first_of(call) == "lock"


def test_a_file_written_again_has_its_lines_in_order(store: Store, tmp_path: Path) -> None:
    book = Premiums(store, Ledger(store), SAMPLE, officers=REGISTERED)
    bill(book, "2015", 5)
    (path,) = book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path)
    before = path.read_bytes()
    line = schema.premium_batch_line
    with store.begin() as connection:  # as a database may hand them out
        rows = connection.execute(sa.select(line)).mappings().all()
        connection.execute(sa.delete(line))
        for row in sorted(rows, key=lambda row: -row["seq"]):
            connection.execute(sa.insert(line).values(dict(row)))
    path.unlink()
    assert book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path) == [path]
    assert path.read_bytes() == before


def test_what_a_bank_says_without_money_or_reason(book: Premiums, tmp_path: Path) -> None:
    bill(book, "2015", 3)
    ((batch_no, lines),) = sent(book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path)).items()
    rows = [
        (*lines[0], "0", "00", "20150301101500", "T", ""),  # collected, and nothing
        (*lines[1], "12000", "51", "", "", ""),
        (*lines[2], "12000", "51", "", "", "余额不足(透支)"),
    ]
    head = {"batch_no": batch_no, "bank": "402", "date": "20150302", "lines": 3, "paid_fen": 0}
    bankfile.write(tmp_path / "a.txt", PAYMENTS, head, rows, {"paid": 0, "paid_fen": 0, "unpaid": 3})
    report = book.agency.read_payments(tmp_path / "a.txt", on=AT.date())
    assert report.statuses == [LineStatus.UNREADABLE, LineStatus.NOT_PAID, LineStatus.NOT_PAID]
    assert (report.paid_fen, report.suspended_fen, report.missing) == (0, 0, [1])
    line = schema.premium_batch_line.c
    with book.store.begin() as connection:
        reasons = list(connection.execute(sa.select(line.reason).order_by(line.seq)).scalars())
    assert reasons == ["银行没有应答", "余额不足", "余额不足(透支)"]


def test_one_payment_or_refund_that_is_refused_raises_with_its_status(book: Premiums) -> None:
    paid(book)
    with pytest.raises(PremiumRefused) as refused:
        book.refund(Refund("R1", "P0", 12001, AT))
    assert refused.value.status is RefundStatus.MORE_THAN_PAID
    assert book.refund(Refund("R1", "P0", 5, AT)) is RefundStatus.REFUNDED
    assert book.refund(Refund("R1", "P0", 5, AT)) is RefundStatus.EXISTS
    with pytest.raises(PremiumRefused) as refused:
        book.pay(Payment("P7", "2015.9", 12000, Channel.POS, "T1", AT))
    assert refused.value.status is PaymentStatus.UNKNOWN_BILL


@pytest.mark.parametrize("statuses", [IssueStatus, PaymentStatus, RefundStatus, ChangeStatus])
def test_statuses_are_numbered_by_precedence_and_the_first_two_are_settled(statuses: type[IntEnum]) -> None:
    assert [int(one) for one in statuses.__members__.values()] == list(range(len(statuses.__members__)))
    assert int(statuses["EXISTS"]) == 1


def test_no_repr_shows_a_person(book: Premiums, tmp_path: Path) -> None:
    bills = paid(book)
    (path,) = book.agency.dispatch("402", bill(book, "2016", 1)[0][:4], on=ON, out_dir=tmp_path)
    shown = [
        Insured(number(0), name(0), PersonCategory.RURAL, "x"),
        book.receipt("P0"),
        *book.bills(id_number=number(0)),
        *book.arrears(date(2017, 1, 1)),
        bankfile.read(path, BILLS),
    ]
    assert len(shown) == 6
    for one in shown:
        assert number(0) not in repr(one)
        assert name(0) not in repr(one)
    assert bills[0] in repr(shown[1])


def test_lines_of_a_bank_are_numbered_within_its_own_batches(book: Premiums, tmp_path: Path) -> None:
    bill(book, "2015", 4)
    mine = sent(book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path, max_lines=2))
    bill(book, "2015", 1, first=9)
    bill(book, "2016", 1)
    other = sent(book.agency.dispatch("103", "2015", on=ON, out_dir=tmp_path))
    later = sent(book.agency.dispatch("402", "2016", on=ON, out_dir=tmp_path))
    assert [*mine, *other, *later] == [FIRST, SECOND, "PREM-2015-103-0001", "PREM-2016-402-0001"]


def test_a_death_asks_back_only_what_was_paid_for_later_periods(book: Premiums) -> None:
    bills = {year: bill(book, year, 2)[0] for year in ("2014", "2015", "2016")}
    fen = {"2014": 9000, "2015": 12000, "2016": 12000}
    for year in ("2014", "2016"):
        book.pay(Payment(f"P{year}", bills[year], fen[year], Channel.POS, "T1", AT))
    done = book.stop(number(0), after=date(2015, 8, 20), reason="死亡")
    assert (done.cancelled, done.owed, done.paid) == ([], [bills["2015"]], ["P2016"])
    assert [one.state for one in book.bills(id_number=number(1))] == [BillState.OPEN] * 3


def test_a_receipt_names_the_insurance_also_where_the_tariff_has_lost_it(book: Premiums) -> None:
    paid(book)
    assert book.receipt("P0").insurance_zh == "城乡居民基本医疗保险费"
    assert Premiums(book.store, book.ledger, Tariff("none", ())).receipt("P0").insurance_zh == "resident-medical"


@pytest.mark.parametrize(("card_no", "status"), [("B00000019", "CARD_REFUSED"), ("B000000190", "MALFORMED")])
def test_a_card_number_has_at_most_nine_characters(book: Premiums, card_no: str, status: str) -> None:
    (one,) = bill(book, "2015", 1)
    assert book.pay_many([Payment("P", one, 12000, Channel.POS, "T1", AT, card_no)])[0].name == status


@pytest.mark.parametrize(("count", "is_one"), [(1, True), (18, True), (19, False)])
def test_a_number_of_a_bank_file_has_at_most_18_digits(count: int, is_one: bool) -> None:
    assert layout.number("9" * count) == (int("9" * count) if is_one else None)
    assert layout.number("９") is layout.number("") is layout.number("1.0") is None


def test_statuses_of_lines_tell_who_looks_at_them() -> None:
    assert {one.name: int(one) for one in LineStatus} == {
        "PAID": 0, "NOT_PAID": 1, "OVERPAID": 2, "CONTRADICTED": 10, "REPEATED": 11, "UNKNOWN_BILL": 12,
        "NOT_ASKED": 13, "UNDERPAID": 14, "CANCELLED": 15, "ALREADY_PAID": 16, "NO_RATE": 17,
        "LEDGER_REFUSED": 18, "UNCERTAIN": 19, "MISDATED": 20, "UNREADABLE": 30,
    }  # fmt: skip
    assert [one.is_settled for one in PaymentStatus] == [True, True, *[False] * 9]
    kinds = (BillState, IssueStatus, PaymentStatus, RefundStatus, ChangeStatus, AskState)
    codes = [[int(code) for code in kind.__members__.values()] for kind in kinds]
    assert codes == [
        [10, 20, 30, 40], list(range(7)), list(range(11)), list(range(8)), list(range(7)), [10, 12, 13, 20, 21],
    ]  # fmt: skip
    dispositions = [[one for one in LineStatus if one.disposition is kind] for kind in Disposition]
    assert dispositions[0] == [LineStatus.PAID, LineStatus.NOT_PAID, LineStatus.OVERPAID]
    assert dispositions[2] == [LineStatus.UNREADABLE]


def test_a_bill_stands_where_its_first_line_of_the_file_puts_it(book: Premiums, tmp_path: Path) -> None:
    bill(book, "2015", 2)
    ((batch_no, lines),) = sent(book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path)).items()
    report = answer(book, tmp_path, batch_no, [(*lines[0], 12000), (*lines[0], 12000), (*lines[1], 12000)])
    assert report.statuses == [LineStatus.PAID, LineStatus.REPEATED, LineStatus.PAID]
    assert states(book) == {(batch_no, 1): 20, (batch_no, 2): 20}
