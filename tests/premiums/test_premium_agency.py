"""Agent banks: every line has one status, every fen the bank brought is on a bill or in suspense."""

import random
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.hosts import bankfile
from sbcard_core.ledger import AccountKind, Bounds, Ledger
from sbcard_core.officers import ApprovalRefused
from sbcard_core.premiums import (
    ASSIGN_ACT,
    BILLS,
    GIVE_BACK_ACT,
    SAMPLE,
    UNPAID_ACT,
    BillState,
    Channel,
    CollectionRefused,
    CollectionReport,
    Insured,
    LineStatus,
    Payment,
    PaymentStatus,
    Premiums,
    Refund,
)
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import CardState, Disposition, PersonCategory
from tests.payout.conftest import REGISTERED, TWO
from tests.people import enrol, name, number

ON, BEGINS = date(2015, 2, 2), date(2015, 1, 1)
AT = datetime.fromisoformat("2015-03-02T09:30:15")
PAID_AT = "20150301101500"


class Bank:
    """One agent bank, its folder, and the bills of a period."""

    def __init__(self, book: Premiums, folder: Path, people: int = 6, bank: str = "402") -> None:
        self.book, self.folder, self.bank = book, folder, bank
        persons = [Insured(number(n), name(n), PersonCategory.RURAL, "resident-medical") for n in range(people)]
        self.bills = book.issue("2015", BEGINS, persons).bills
        self.sent = book.agency.dispatch(bank, "2015", on=ON, out_dir=folder)
        self.batch_no = bankfile.read(self.sent[0], BILLS).header["batch_no"]

    def lines(self, **changes: tuple[str, ...]) -> list[list[str]]:
        """All paid; ``line3=("2", value)`` changes field 2 of line 3."""
        rows = [[str(n), bill, "12000", "00", PAID_AT, f"T{n}", ""] for n, bill in enumerate(self.bills, 1)]
        for line, (at, value) in changes.items():
            rows[int(line.removeprefix("line")) - 1][int(at)] = value
        return rows

    def answer(self, rows: list[list[str]], name: str = "answer.txt", **edges: object) -> Path:
        """A file of these rows; the sums are what the bank itself counted, garbage or not."""
        money = [row for row in rows if row[3:4] == ["00"]]
        fen = sum(int(row[2]) for row in money)
        sums = {"lines": len(rows), "paid": len(money), "paid_fen": fen, "unpaid": len(rows) - len(money)} | edges
        head = ["H", "PREMRES", edges.get("batch_no", self.batch_no), edges.get("bank", self.bank), "20150302",
                edges.get("head_lines", sums["lines"]), edges.get("head_fen", sums["paid_fen"])]  # fmt: skip
        tail = ["T", sums["lines"], sums["paid"], sums["paid_fen"], sums["unpaid"]]
        text = "\n".join("|".join(map(str, line)) for line in [head, *(["D", *row] for row in rows), tail]) + "\n"
        path = self.folder / name
        path.write_bytes(text.encode("gb18030"))
        return path

    def take(self, rows: list[list[str]], **edges: object) -> CollectionReport:
        return self.book.agency.read_payments(self.answer(rows, **edges), on=AT.date())  # type: ignore[arg-type]

    def net(self, account: str) -> int:
        found = self.book.ledger.balances([account])
        return found[account].net_fen if account in found else 0

    def agree(self, brought: int) -> None:
        """The bank's money is on funds or in suspense, and what is in suspense is listed."""
        funds = self.net("POOLED_FUND:resident") + self.net("CATASTROPHIC_FUND:resident")
        assert (self.net(f"BANK_CLEARING:{self.bank}"), funds + self.net("SUSPENSE")) == (-brought, brought)
        assert sum(one.left_fen for one in self.book.agency.suspended()) == self.net("SUSPENSE")
        paid = self.book.totals("2015").get(BillState.PAID, (0, 0))[1]
        assert funds == paid
        assert self.book.ledger.recompute() == []


@pytest.fixture
def book(store: Store) -> Premiums:
    return Premiums(store, Ledger(store), SAMPLE, officers=REGISTERED)


@pytest.fixture
def bank(book: Premiums, tmp_path: Path) -> Bank:
    return Bank(book, tmp_path)


@pytest.fixture
def light(tmp_path: Path) -> Iterator[Bank]:
    """A bank over a database in memory, for what says the same on every database."""
    with Store.open("sqlite://", sample=True) as store:
        yield Bank(Premiums(store, Ledger(store), SAMPLE, officers=REGISTERED), tmp_path)


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.begin() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in schema.metadata.sorted_tables
        }


def test_bills_out_payments_back(bank: Bank) -> None:
    file = bankfile.read(bank.sent[0], BILLS)
    assert (file.header["lines"], file.header["total_fen"]) == ("6", "72000")
    assert file.rows[0][:4] == ("1", bank.bills[0], name(0), number(0))
    report = bank.take(bank.lines(line2=("3", "51")))
    names = [status.name for status in report.statuses]
    assert names == ["PAID", "NOT_PAID", "PAID", "PAID", "PAID", "PAID"]
    assert (report.paid_fen, report.suspended_fen, report.missing) == (60000, 0, [])
    receipt = bank.book.receipt(f"{bank.batch_no}:2")
    assert "缴费方式 代收银行(402)" in receipt.text
    bank.agree(60000)
    (again,) = bank.book.agency.dispatch("402", "2015", on=ON, out_dir=bank.folder)  # only the one not collected
    assert [row[1] for row in bankfile.read(again, BILLS).rows] == [bank.bills[1]]


@pytest.mark.parametrize(
    ("change", "status", "suspended"),
    [
        ({"line1": ("2", "12001")}, LineStatus.OVERPAID, 1),
        ({"line1": ("2", "11999")}, LineStatus.UNDERPAID, 11999),
        ({"line1": ("1", "2015.000099999")}, LineStatus.UNKNOWN_BILL, 12000),
        ({"line1": ("0", "6")}, LineStatus.NOT_ASKED, 12000),
        ({"line1": ("1", "2015.000000002")}, LineStatus.NOT_ASKED, 24000),  # and the true line of that bill is a repeat
        ({"line1": ("4", "20150230101500")}, LineStatus.UNREADABLE, 12000),
        ({"line1": ("4", "")}, LineStatus.UNREADABLE, 12000),
        ({"line1": ("4", "20150201235959")}, LineStatus.MISDATED, 12000),  # the day before the bills were sent
        ({"line1": ("4", "20150303000000")}, LineStatus.MISDATED, 12000),  # the day after the file is read
        ({"line1": ("0", "a")}, LineStatus.UNREADABLE, 12000),
        ({"line1": ("5", "T|1")}, LineStatus.UNREADABLE, 12000),
    ],
)
def test_money_that_does_not_fit_waits_in_suspense(
    light: Bank, change: dict[str, tuple[str, ...]], status: LineStatus, suspended: int
) -> None:
    bank = light
    rows = bank.lines(**change)
    report = bank.take(rows)
    assert (report.statuses[0], report.suspended_fen) == (status, suspended)
    brought = sum(int(row[2]) for row in rows)
    assert report.paid_fen + report.suspended_fen == brought
    bank.agree(brought)
    with bank.book.store.begin() as connection:
        found = connection.execute(sa.select(schema.finding.c.code, schema.finding.c.amount_fen)).all()
    assert sum(row.amount_fen for row in found) == suspended
    assert f"premium.{status.name.lower()}" in {row.code for row in found}


@pytest.mark.parametrize("at", ["20150202000000", "20150302235959"])
def test_money_of_the_first_and_the_last_day_pays_its_bill(light: Bank, at: str) -> None:
    assert light.take(light.lines(line1=("4", at))).statuses[0] is LineStatus.PAID


def test_a_code_nobody_agreed_on_says_nothing_and_the_bill_is_not_asked_for_again(light: Bank) -> None:
    """As while the bank still works on it: asked for once more, a person could be debited twice."""
    rows = light.lines(line1=("3", "99"), line2=("3", "51"), line3=("3", "77"))
    rows[0][5:] = ["T" * 70, "处理中"]
    book = Premiums(light.book.store, light.book.ledger, SAMPLE, officers=REGISTERED, unpaid_codes={"77": "户名不符"})
    report = book.agency.read_payments(light.answer(rows), on=AT.date())
    assert [one.name for one in report.statuses[:4]] == ["UNCERTAIN", "UNCERTAIN", "NOT_PAID", "PAID"]
    assert (report.paid_fen, report.suspended_fen, report.missing) == (36000, 0, [])
    with book.store.begin() as connection:
        line = schema.premium_batch_line.c
        kept = connection.execute(sa.select(line.state, line.reason, line.trace_no).order_by(line.seq)).all()[:3]
    assert [tuple(one) for one in kept] == [
        (12, "处理中", "T" * 64), (12, "返回码 51", "T2"), (21, "户名不符", "T3"),
    ]  # fmt: skip
    (again,) = book.agency.dispatch("103", "2015", on=AT.date(), out_dir=light.folder)
    assert [row[1] for row in bankfile.read(again, BILLS).rows] == [light.bills[2]]
    assert book.agency.confirm_unpaid(light.batch_no, [1, 2, 3], at=AT, **TWO) == 2


def test_an_answer_read_on_a_day_before_its_bills_were_sent_is_refused(light: Bank) -> None:
    with pytest.raises(CollectionRefused) as refused:
        light.book.agency.read_payments(light.answer(light.lines()), on=date(2015, 2, 1))
    assert (refused.value.code, light.net("SUSPENSE")) == ("order", 0)


def test_what_was_paid_or_cancelled_meanwhile(bank: Bank) -> None:
    counter = Payment("C1", bank.bills[0], 12000, Channel.COUNTER, "4301-2", AT)
    assert bank.book.pay(counter) is PaymentStatus.PAID
    bank.book.cancel([bank.bills[1]], reason="死亡")
    report = bank.take(bank.lines())
    assert [status.name for status in report.statuses[:3]] == ["ALREADY_PAID", "CANCELLED", "PAID"]
    assert bank.net("SUSPENSE") == 24000
    first, second = bank.book.agency.suspended()
    assert bank.book.agency.give_back(first.payment_id, at=AT, **TWO) == 12000
    assert bank.book.agency.give_back(first.payment_id, at=AT, **TWO) == 0
    assert bank.book.agency.give_back(second.payment_id, at=AT, **TWO) == 12000
    assert (bank.net("SUSPENSE"), bank.net("BANK_CLEARING:402"), bank.net("CASH:4301-2")) == (0, -48000, -12000)
    assert bank.book.ledger.recompute() == []


def test_a_bill_twice_in_a_file(bank: Bank) -> None:
    rows = bank.lines()
    rows += [list(rows[0]), [*rows[1][:3], "51", "", "", "余额不足"]]
    report = bank.take(rows)
    assert [status.name for status in report.statuses] == [
        "PAID", "CONTRADICTED", "PAID", "PAID", "PAID", "PAID", "REPEATED", "CONTRADICTED",
    ]  # fmt: skip
    assert (report.paid_fen, report.suspended_fen) == (60000, 24000)
    bank.agree(84000)
    assert bank.book.agency.dispatch("402", "2015", on=ON, out_dir=bank.folder) == []  # money of the second is here


def test_the_same_file_and_another(bank: Bank) -> None:
    path = bank.answer(bank.lines(line1=("2", "5")))
    first = bank.book.agency.read_payments(path, on=ON)
    before = everything(bank.book.store)
    path.rename(bank.folder / "renamed.txt")
    again = bank.book.agency.read_payments(bank.folder / "renamed.txt", on=ON)
    assert (first.repeated, again.repeated) == (False, True)
    with pytest.raises(CollectionRefused) as refused:
        bank.take(bank.lines())
    assert refused.value.code == "answered"
    assert everything(bank.book.store) == before


WRONG: list[tuple[dict[str, object], str]] = [
    ({"batch_no": "PREM-2015-402-0009"}, "batch"),
    ({"batch_no": "X\0"}, "batch"),
    ({"bank": "103"}, "bank"),
    ({"paid_fen": 71999}, "totals"),
    ({"paid_fen": 72001}, "totals"),
    ({"paid": 5, "unpaid": 1}, "totals"),
    ({"unpaid": 1}, "totals"),
    ({"head_lines": 5}, "totals"),
    ({"head_fen": 0}, "totals"),
    ({"head_fen": "７２０００"}, "totals"),
    ({"lines": 7}, "count"),
]


def test_a_file_that_is_wrong_as_a_whole_moves_nothing(bank: Bank) -> None:
    before = everything(bank.book.store)
    for edges, code in WRONG:
        with pytest.raises((CollectionRefused, bankfile.BankFileRefused)) as refused:
            bank.take(bank.lines(), **edges)
        assert refused.value.code == code, edges
    assert everything(bank.book.store) == before


def test_a_line_that_is_missing_is_not_sent_again_until_the_bank_confirms(bank: Bank) -> None:
    report = bank.take(bank.lines()[:4])
    assert report.missing == [5, 6]
    agency = bank.book.agency
    assert agency.dispatch("402", "2015", on=ON, out_dir=bank.folder) == []
    assert agency.dispatch("103", "2015", on=ON, out_dir=bank.folder) == []
    assert agency.confirm_unpaid(bank.batch_no, [1, 5, 99], at=AT, **TWO) == 1
    (path,) = agency.dispatch("103", "2015", on=ON, out_dir=bank.folder)
    assert [row[1] for row in bankfile.read(path, BILLS).rows] == [bank.bills[4]]


def test_what_leaves_suspense_or_is_asked_for_once_more_takes_two_officers(bank: Bank) -> None:
    bank.take(bank.lines(line1=("0", "x"), line2=("2", "11999"))[:5])
    unread, short = sorted(bank.book.agency.suspended(), key=lambda one: one.line)
    agency, before = bank.book.agency, everything(bank.book.store)
    acts = {
        ASSIGN_ACT: (unread.payment_id, lambda by: agency.assign(unread.payment_id, bank.bills[0], at=AT, **by)),
        GIVE_BACK_ACT: (short.payment_id, lambda by: agency.give_back(short.payment_id, at=AT, **by)),
        UNPAID_ACT: (bank.batch_no, lambda by: agency.confirm_unpaid(bank.batch_no, [6], at=AT, **by)),
    }
    li, wang = TWO["approved_by"]
    for kind, (subject, act) in acts.items():
        for signers in ((), (wang,), (li, li)):
            with pytest.raises(ApprovalRefused) as refused:
                act({"approved_by": signers})
            assert (refused.value.code, f"{kind} {subject} " in refused.value.what) == ("count", True)
        assert everything(bank.book.store) == before
        act(TWO)
        before = everything(bank.book.store)
    assert agency.confirm_unpaid(bank.batch_no, [6], at=AT) == 0  # done already: nobody is asked


def test_money_leaves_suspense_on_no_day_before_it_came(light: Bank) -> None:
    light.take(light.lines(line1=("2", "11999"), line2=("0", "x")))
    agency, early = light.book.agency, datetime.fromisoformat("2015-03-01T23:59:59")
    short, unread = sorted(agency.suspended(), key=lambda one: one.amount_fen)
    before = everything(light.book.store)
    for act in (
        lambda: agency.give_back(short.payment_id, at=early, **TWO),
        lambda: agency.assign(unread.payment_id, light.bills[1], at=early, **TWO),
    ):
        with pytest.raises(InvalidValue, match="2015-03-02"):
            act()
    assert everything(light.book.store) == before
    assert agency.give_back(short.payment_id, at=datetime.fromisoformat("2015-03-02T00:00:00"), **TWO) == 11999


def test_money_in_suspense_is_put_to_its_bill(bank: Bank) -> None:
    bank.take(bank.lines(line1=("0", "x"), line2=("2", "11999"), line3=("0", "y")))
    agency = bank.book.agency
    unread, short = agency.suspended()
    assert (unread.line, unread.amount_fen, short.amount_fen) == (0, 24000, 11999)
    assert agency.assign(short.payment_id, bank.bills[1], at=AT, **TWO) is PaymentStatus.AMOUNT_DIFFERS
    assert agency.assign(unread.payment_id, "2015.9", at=AT, **TWO) is PaymentStatus.UNKNOWN_BILL
    assert agency.assign(unread.payment_id, bank.bills[3], at=AT, **TWO) is PaymentStatus.ALREADY_PAID
    for bill in (bank.bills[0], bank.bills[2]):
        assert agency.assign(unread.payment_id, bill, at=AT, **TWO) is PaymentStatus.PAID
        assert agency.assign(unread.payment_id, bill, at=AT, **TWO) is PaymentStatus.EXISTS
    bank.agree(24000 + 11999 + 36000)
    assert bank.book.refund(Refund("R1", f"{unread.payment_id}/{bank.bills[0]}", 12000, AT)) == 0
    assert bank.net("BANK_CLEARING:402") == -(24000 + 11999 + 36000) + 12000
    assert agency.give_back(short.payment_id, at=AT, **TWO) == 11999
    assert bank.net("SUSPENSE") == 0
    (path,) = agency.dispatch("402", "2015", on=ON, out_dir=bank.folder)  # now it may be asked for again
    assert [row[1] for row in bankfile.read(path, BILLS).rows] == [bank.bills[1]]
    with pytest.raises(InvalidValue):
        agency.give_back("nothing", at=AT, **TWO)


def test_a_bank_asks_for_its_own_card_holders(store: Store, book: Premiums, tmp_path: Path) -> None:
    person = ("person_id", "id_number", "name", "sex", "ethnicity", "birth", "phone", "category", "city", "county",
              "bank", "form_no", "submitted_on", "source_file", "source_line")  # fmt: skip
    card = ("card_no", "identification_code", "person_id", "order_no", "order_line", "factor", "bank", "account_no",
            "app_state", "account_state", "issued_on")  # fmt: skip
    with store.begin() as connection:
        insert_many(connection, schema.production_order, ("order_no", "city", "ordered_on", "cards", "made"),
                    [("O", "430100", "2014-01-01", 2, 2)])  # fmt: skip
        for n, of_bank in ((1, "402"), (2, "103")):
            insert_many(connection, schema.person, person, [(
                n, number(n), name(n), "1", "01", "1980-01-01", "", 4, "430100", "430102", of_bank, "F",
                "2014-01-01", "f", n)])  # fmt: skip
            insert_many(connection, schema.card, card, [(f"B0000000{n}", f"{n:032d}", n, "O", n, "", of_bank,
                                                         f"62{n}", 1, 1, "2014-08-01")])  # fmt: skip
    bank = Bank(book, tmp_path, people=3)
    assert [(row[1], row[4]) for row in bankfile.read(bank.sent[0], BILLS).rows] == [
        (bank.bills[0], ""), (bank.bills[1], "621"),
    ]  # fmt: skip
    (bill,) = book.bills(card_no="B00000002")
    assert (bill.bill_no, bill.state) == (bank.bills[2], BillState.OPEN)
    assert book.bills(card_no="B00000009") == book.bills(id_number="") == []
    (other,) = book.agency.dispatch("105", "2015", on=ON, out_dir=tmp_path, everyone=True)
    assert [(row[1], row[4]) for row in bankfile.read(other, BILLS).rows] == [(bank.bills[2], "")]
    by_card = Payment("P1", bank.bills[2], 12000, Channel.POS, "T1", AT, card_no="B00000002")
    assert book.pay_many([Payment("P0", bank.bills[2], 12000, Channel.POS, "T1", AT, card_no="B00000003")]) == [
        PaymentStatus.CARD_REFUSED
    ]
    assert book.pay_many([by_card, by_card]) == [PaymentStatus.PAID, PaymentStatus.EXISTS]
    assert "社会保障卡号 B00000002" in book.receipt("P1").text


@pytest.mark.parametrize(
    ("state", "issued_on"),
    [(CardState.NORMAL, "2014-09-01"), (CardState.SEALED, "2014-09-01"), (CardState.NORMAL, "2014-01-02")],
)
def test_the_account_of_the_latest_card_is_debited(
    store: Store, book: Premiums, tmp_path: Path, state: CardState, issued_on: str
) -> None:
    """Not that of the highest card number, unless both are of one day; the earlier, where the latest may not be."""
    late, early = ("A00000011", "6228480000000000026"), ("B00000022", "6228480000000000018")
    enrol(store, early[0], "00" * 8, 1, account_no=early[1])
    columns = [column for column in schema.card.c if column.name in ("person_id", "order_no", "made_on", "app_state")]
    with store.begin() as connection:
        there = connection.execute(sa.select(*columns)).mappings().one()
        card = {"card_no": late[0], "identification_code": "9" * 32, "order_line": 2, "factor": "11" * 8, "bank": "402"}
        card |= {"account_no": late[1], "issued_on": issued_on, "account_state": int(state), **there}
        connection.execute(sa.insert(schema.card).values(card))
        connection.execute(sa.update(schema.card).values(bank="402"))
    book.issue("2015", BEGINS, [Insured(number(1), "测试", PersonCategory.RURAL, "resident-medical")])
    (path,) = book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path)
    is_late = state is CardState.NORMAL and issued_on == "2014-09-01"
    assert [row[4] for row in bankfile.read(path, BILLS).rows] == [late[1] if is_late else early[1]]


def test_files_are_cut_and_written_again_after_a_break(book: Premiums, tmp_path: Path, monkeypatch) -> None:
    real, calls = bankfile.write, []

    def breaks(path: Path, *rest: object) -> int:
        calls.append(path)
        if len(calls) == 2:
            raise OSError("disk full")
        return real(path, *rest)  # type: ignore[arg-type]

    persons = [Insured(number(n), "张三", PersonCategory.RURAL, "resident-medical") for n in range(7)]
    bills = book.issue("2015", BEGINS, persons).bills
    with monkeypatch.context() as patch:
        patch.setattr(bankfile, "write", breaks)
        with pytest.raises(OSError, match="disk full"):
            book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path, max_lines=3)
    assert len(book.agency.dispatch("402", "2015", on=ON, out_dir=tmp_path, max_lines=3)) == 2
    files = [bankfile.read(path, BILLS) for path in sorted(tmp_path.glob("PREMREQ_*.txt"))]
    assert [row[1] for file in files for row in file.rows] == bills
    assert [file.header["lines"] for file in files] == ["3", "3", "1"]


def test_books_that_refuse_leave_the_file_untaken(store: Store, tmp_path: Path) -> None:
    book = Premiums(store, Ledger(store, bounds={AccountKind.BANK_CLEARING: Bounds(floor_fen=-30000)}), SAMPLE)
    bank = Bank(book, tmp_path)
    before = everything(store)
    with pytest.raises(CollectionRefused) as refused:  # neither the funds nor suspense can take the third
        bank.take(bank.lines())
    assert refused.value.code == "books"
    assert everything(store) == before


GARBAGE: list[Callable[[list[str], random.Random], list[str]]] = [
    lambda row, rng: [*row[:2], str(rng.randrange(1, 20000)), *row[3:]],
    lambda row, rng: [str(rng.randrange(1, 50)), *row[1:]],
    lambda row, rng: [row[0], rng.choice(["2015.000000003", "2014.000000001", "", "乱"]), *row[2:]],
    lambda row, rng: [*row[:3], "51", *row[4:]],
    lambda row, rng: [*row[:4], "2015", *row[5:]],
    lambda row, rng: row[: rng.randrange(4, 7)],
    lambda row, rng: [*row, "more"],
]


@pytest.mark.parametrize("seed", range(2))
def test_a_bank_of_chaos(book: Premiums, tmp_path: Path, seed: int) -> None:
    """Lines dropped, doubled, reordered, garbled; the sums are what it truly brought: nothing is lost or doubled."""
    rng = random.Random(seed)
    bank = Bank(book, tmp_path, people=60)
    for bill in rng.sample(bank.bills, 8):
        book.pay_many([Payment(f"C{bill}", bill, 12000, Channel.ATM, "A", AT)])
    atm = -bank.net("BANK_CLEARING:atm:A")
    rows = [row for row in bank.lines() if rng.random() > 0.1]
    rows += rng.sample(rows, 5)
    rng.shuffle(rows)
    rows = [rng.choice(GARBAGE)(row, rng) if rng.random() < 0.3 else row for row in rows]
    report = bank.take(rows)
    counts = [report.count(one) for one in Disposition]
    assert sum(counts) == len(rows) == len(report.statuses)
    brought = sum(int(row[2]) for row in rows if row[3] == "00")
    assert report.paid_fen + report.suspended_fen == brought
    assert (bank.net("BANK_CLEARING:402"), bank.net("SUSPENSE")) == (-brought, report.suspended_fen)
    paid = book.totals("2015")[BillState.PAID][1]
    assert bank.net("POOLED_FUND:resident") + bank.net("CATASTROPHIC_FUND:resident") == paid == report.paid_fen + atm
    before = everything(book.store)
    assert book.agency.read_payments(tmp_path / "answer.txt", on=ON).repeated
    assert everything(book.store) == before
    for one in book.agency.suspended():
        book.agency.give_back(one.payment_id, at=AT, **TWO)
    assert (bank.net("SUSPENSE"), bank.net("BANK_CLEARING:402")) == (0, -report.paid_fen)
    assert book.ledger.recompute() == []
