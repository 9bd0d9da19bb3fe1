"""Premiums as an integrator would try to break them: odd people, changed categories, deaths, two processes at once."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from sbcard_core.backend import Backend
from sbcard_core.ledger import Ledger
from sbcard_core.premiums import (
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
)
from sbcard_core.store import Store, schema
from sbcard_core.values import PersonCategory
from tests.people import number

ROOT = Path(__file__).parents[2]
AT, BEGINS = datetime.fromisoformat("2015-03-02T09:30:15"), date(2015, 1, 1)
PERSON = Insured("430102198001010011", "张三", PersonCategory.RURAL, "resident-medical")


@pytest.fixture
def book(store: Store) -> Premiums:
    return Premiums(store, Ledger(store), SAMPLE)


def everything(store: Store) -> dict[str, list[str]]:
    with store.begin() as connection:
        tables = schema.metadata.sorted_tables
        return {table.name: sorted(map(str, connection.execute(sa.select(table)))) for table in tables}


def test_one_bad_item_never_stops_the_others(book: Premiums) -> None:
    """What one database would refuse is a status on both."""
    odd = [
        replace(PERSON, id_number="4" * 19),
        replace(PERSON, id_number="43\0"),
        replace(PERSON, id_number="４３０１０２"),
        replace(PERSON, name="张\0三"),
        replace(PERSON, name="张|三"),
        replace(PERSON, name="张\n三"),
        replace(PERSON, name="\ud800"),
        replace(PERSON, insurance="\0"),
    ]
    rare = replace(PERSON, id_number="43010219800101002X", name="\ue000𠮷·三")
    made = book.issue("2015", BEGINS, [*odd, PERSON, rare])
    assert made.statuses == [IssueStatus.MALFORMED] * len(odd) + [IssueStatus.ISSUED] * 2
    good = Payment("P1", made.bills[0], 12000, Channel.POS, "T1", AT)
    bad = [
        replace(good, payment_id="P\ud800"),
        replace(good, bill_no="\0"),
        replace(good, agent="a" * 101),
        replace(good, card_no="B000000019"),
        replace(good, card_no="\0"),
        replace(good, channel="cheque"),  # type: ignore[arg-type]
        replace(good, at="2015-03-02"),  # type: ignore[arg-type]
        replace(good, amount_fen=True),
    ]
    became = book.pay_many([*bad, replace(good, payment_id="P0", amount_fen=1 << 70), good])
    assert became == [PaymentStatus.MALFORMED] * len(bad) + [PaymentStatus.AMOUNT_DIFFERS, PaymentStatus.PAID]
    back = Refund("R1", "P1", 5, AT)
    wrong = [
        replace(back, reason="\0"),
        replace(back, refund_id="\ud800"),
        replace(back, refund_id="R" * 101),
        replace(back, amount_fen=5.0),  # type: ignore[arg-type]
    ]
    given = book.refund_many([*wrong, replace(back, amount_fen=1 << 70), back])
    assert given == [RefundStatus.MALFORMED] * len(wrong) + [RefundStatus.MORE_THAN_PAID, RefundStatus.REFUNDED]
    assert book.ledger.recompute() == []


def test_a_category_that_changes_within_the_year(book: Premiums) -> None:
    (first,) = book.issue("2015", BEGINS, [PERSON]).bills
    to_student = CategoryChange(first, PersonCategory.STUDENT, date(2015, 9, 1))
    made, again, other, unknown = book.change_category_many([
        to_student,
        to_student,
        replace(to_student, category=PersonCategory.URBAN_RESIDENT),
        replace(to_student, bill_no="2015.9"),
    ])  # fmt: skip
    assert (made.status, again.status) == (ChangeStatus.REPLACED, ChangeStatus.EXISTS)
    assert (other.status, unknown.status) == (ChangeStatus.CANCELLED, ChangeStatus.UNKNOWN_BILL)
    new, old = sorted(book.bills(id_number=PERSON.id_number), key=lambda bill: bill.state)
    assert (new.bill_no, new.amount_fen, new.due_on, new.replaces) == (made.bill_no, 6000, date(2015, 10, 31), first)
    assert (old.state, old.reason) == (BillState.CANCELLED, "人员类别变更为参保学生")
    assert book.pay_many([Payment("P1", first, 12000, Channel.POS, "T", AT)]) == [PaymentStatus.CANCELLED]
    assert book.pay(Payment("P2", new.bill_no, 6000, Channel.POS, "T", AT)) is PaymentStatus.PAID
    back = CategoryChange(new.bill_no, PersonCategory.RURAL, date(2015, 10, 1))
    assert book.change_category_many([back])[0].status is ChangeStatus.PAID  # give it back first
    book.refund(Refund("R1", "P2", 6000, AT))
    third = book.change_category_many([replace(back, category=PersonCategory.FLEXIBLE), back])
    assert [one.status for one in third] == [ChangeStatus.NO_RATE, ChangeStatus.REPLACED]
    assert book.pay(Payment("P3", third[1].bill_no, 12000, Channel.COUNTER, "1", AT)) is PaymentStatus.PAID
    assert book.issue("2015", BEGINS, [PERSON]).statuses == [IssueStatus.EXISTS]
    assert book.totals("2015") == {
        BillState.CANCELLED: (1, 12000), BillState.REFUNDED: (1, 6000), BillState.PAID: (1, 12000),
    }  # fmt: skip


def test_the_dead_owe_nothing_and_get_no_second_bill(book: Premiums) -> None:
    (bill,) = book.issue("2015", BEGINS, [PERSON]).bills
    assert (book.cancel([bill], reason="死亡"), book.cancel([bill], reason="死亡")) == (1, 0)
    assert list(book.arrears(date(2016, 1, 1))) == []
    assert book.issue("2015", BEGINS, [PERSON]).statuses == [IssueStatus.EXISTS]
    assert [(one.state, one.reason) for one in book.bills(id_number=PERSON.id_number)] == [
        (BillState.CANCELLED, "死亡")
    ]


def test_a_closed_month_takes_no_payment(book: Premiums) -> None:
    (bill,) = book.issue("2015", BEGINS, [PERSON]).bills
    book.ledger.close_period("2015-03", at="2015-04-01T00:00:00")
    assert book.pay_many([Payment("P1", bill, 12000, Channel.POS, "T", AT)]) == [PaymentStatus.LEDGER_REFUSED]
    later = datetime.fromisoformat("2015-04-01T08:00:00")
    assert book.pay(Payment("P1", bill, 12000, Channel.POS, "T", later)) is PaymentStatus.PAID


CHILD = """
import sys
from datetime import datetime
from sbcard_core.backend import Backend
from sbcard_core.premiums import Channel, Payment
url, who, channel = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
at = datetime(2015, 3, 2)
with Backend.open(url, sample=True) as backend:
    for n in range(1, 31):
        one = Payment(f"{who}{n}", f"2015.{n:09d}", 12000, Channel(channel), "A", at)
        same = Payment(f"same{n}", f"2015.{n + 30:09d}", 12000, Channel.POS, "A", at)
        print(*(status.name for status in backend.premiums.pay_many([one, same])))
"""


def test_two_processes_and_one_bill(store_url: str) -> None:
    """Each bill is taken once, by either; the same payment sent by both is one payment."""
    with Backend.open(store_url, sample=True) as backend:
        people = [replace(PERSON, id_number=number(n)) for n in range(60)]
        backend.premiums.issue("2015", BEGINS, people)
        command = [sys.executable, "-c", CHILD, store_url]
        both = [
            subprocess.Popen([*command, *which], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for which in (("X", "atm"), ("Y", "phone"))
        ]
        for child in both:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in both:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        said = [child.communicate()[0].split("\n") for child in both]
        assert [child.returncode for child in both] == [0, 0]
        pairs = [tuple(sorted(one.split()[at] for one in line)) for line in zip(*said, strict=True) if line[0]
                 for at in (0, 1)]  # fmt: skip
        assert Counter(pairs) == {("ALREADY_PAID", "PAID"): 30, ("EXISTS", "PAID"): 30}
        assert backend.premiums.totals("2015") == {BillState.PAID: (60, 720000)}
        assert backend.ledger.recompute() == []
        if not store_url.startswith("sqlite"):
            schema.metadata.drop_all(backend.store.engine)


def _breaks_off(backend: Backend, paid: Payment) -> None:
    with backend.rehearsal() as trial:
        trial.premiums.pay(paid)
        raise ZeroDivisionError


def test_a_rehearsal_leaves_every_row_as_it_was(store: Store, tmp_path: Path) -> None:
    with Backend(store).rehearsal() as empty:
        empty.premiums.issue("2015", BEGINS, [PERSON])
    backend = Backend(store)
    (bill,) = backend.premiums.issue("2015", BEGINS, [PERSON]).bills
    before = everything(store)
    assert len(before["premium_bill"]) == 1
    kept, scratch = tmp_path / "kept", tmp_path / "scratch"
    kept.mkdir()
    scratch.mkdir()
    with backend.rehearsal() as trial:
        paid = Payment("P1", bill, 12000, Channel.POS, "T", AT)
        trial.premiums.agency.dispatch("402", "2015", on=BEGINS, out_dir=scratch)
        assert trial.premiums.pay_many([paid, replace(paid, payment_id="P2")])[0] is PaymentStatus.PAID
        trial.premiums.refund(Refund("R1", "P1", 12000, AT))
        trial.premiums.change_category_many([CategoryChange(bill, PersonCategory.STUDENT, BEGINS)])
        trial.ledger.close_period("2015-01", at="2015-02-01T00:00:00")
        assert everything(trial.store) != before
    assert everything(store) == before
    with pytest.raises(ZeroDivisionError):
        _breaks_off(backend, paid)
    assert everything(store) == before
    assert list(kept.iterdir()) == []
    assert backend.premiums.pay(paid) is PaymentStatus.PAID  # the store works on as if nothing had been
    assert backend.ledger.recompute() == []
