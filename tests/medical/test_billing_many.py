"""Bills by the thousand through the database: cancelled in any order, and settled by two hospitals at once."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sbcard_core.ledger import AccountKind, Ledger, Transfer
from sbcard_core.medical import (
    Accumulators,
    Bill,
    Cancellation,
    FeeLine,
    Grade,
    MedicalBilling,
    SettleStatus,
    Visit,
    VisitKind,
    sample_catalogue,
    samples,
    split,
)
from sbcard_core.medical.lines import half_up
from sbcard_core.store import Store
from tests.medical import test_billing_hostile as hostile
from tests.medical.generated import LEVELS, policy
from tests.medical.generated import line as any_line
from tests.medical.proof import assert_sound, moved, nets, years

AT = "2014-07-31T10:00:00"
TABLES = 12
TOP = 1_000_000
VISITS = {"sqlite": 3_000, "postgresql": 600}


def number(serial: int) -> str:
    """A message number; every tenth million is another hospital."""
    minute = f"{serial // 600_000 % 60:02d}{serial // 10_000 % 60:02d}"
    return f"H4301{serial // 10_000_000:07d}2014073110{minute}{serial % 10_000:04d}"


def fee(rng: Random) -> FeeLine:
    """A generated line whose charge is price times quantity."""
    made = any_line(rng, TOP)
    if not made.pric:
        return made
    return replace(made, det_item_fee_sumamt=half_up(Fraction(made.pric) * Fraction(made.cnt)))


def bill(rng: Random, serial: int, persons: int) -> Bill:
    who, level = rng.randrange(persons), rng.choice(LEVELS)
    remote = rng.random() < 0.2
    return Bill(
        number(serial),
        f"P{who}",
        f"t{rng.randrange(TABLES)}",
        AT,
        (FeeLine("诊查费", Grade.A, 1), *(fee(rng) for _ in range(rng.randrange(4)))),
        rng.choice(list(VisitKind)),
        level,
        insuplc_admdvs="430100",
        mdtrtarea_admvs="440100" if remote else "",
        remote="unfiled" if remote else "",
        groups=frozenset(name for name in "gh" if rng.random() < 0.5),
        personal_account=f"PERSONAL_MEDICAL:{who}" if rng.random() < 0.7 else "",
        family_account=f"PERSONAL_MEDICAL:{rng.randrange(persons)}" if rng.random() < 0.3 else "",
    )


def office(store: Store, rng: Random, persons: int) -> MedicalBilling:
    """Generated tables, and an account with some money for each person."""
    ledger = Ledger(store)
    accounts = [f"PERSONAL_MEDICAL:{who}" for who in range(persons)]
    ledger.open_accounts([("EXTERNAL", AccountKind.EXTERNAL)])
    ledger.open_accounts([(name, AccountKind.PERSONAL_MEDICAL) for name in accounts])
    ledger.post_many([Transfer(f"l{n}", "EXTERNAL", n, rng.randrange(1, TOP), "load", AT) for n in accounts])
    tables = [replace(policy(rng, f"t{n}", TOP), region="430100") for n in range(TABLES)]
    return MedicalBilling(store, ledger, tables)


def settle_and_cancel(store: Store, count: int, seed: int) -> None:
    rng = Random(seed)
    persons = max(50, count // 4)
    billing = office(store, rng, persons)
    first = billing.settle_many(bill(rng, serial, persons) for serial in range(count // 10))
    assert {one.status for one in first} == {SettleStatus.SETTLED}
    before = years(store), nets(store)
    serials = list(range(count // 10, count // 10 + count))
    assert Counter(one.status for one in billing.settle_each(bill(rng, n, persons) for n in serials)) == {0: count}
    assert (years(store), nets(store)) != before
    rng.shuffle(serials)
    for place, serial in enumerate(serials[: count // 100]):
        billing.refund(number(serial), {1: None}, msgid=number(10_000_000 + place), at=AT)
    rng.shuffle(serials)
    cancelled = [Cancellation(number(n), number(20_000_000 + n), AT) for n in serials]
    assert set(billing.cancel_many(cancelled)) == {SettleStatus.SETTLED}
    assert (years(store), nets(store)) == before
    assert set(billing.cancel_many(cancelled[:99])) == {SettleStatus.EXISTS}
    assert len(assert_sound(store)) == count // 10 + 2 * count + count // 100


def test_cancellations_in_any_order_restore_every_year_and_balance(store: Store) -> None:
    settle_and_cancel(store, VISITS[store.engine.dialect.name], 20140731)


def test_together_and_one_by_one_the_books_are_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows with their traces, postings, balances, years and answers; also of bills sent again, altered or refused."""
    monkeypatch.setattr("sbcard_core.medical.billing.CHUNK_BILLS", 64)
    rng = Random(20140803)
    bills = [bill(rng, serial, 30) for serial in range(240)]
    bills[100] = replace(bills[100], personal_account="PERSONAL_MEDICAL:none")
    bills[150] = replace(bills[150], insutype="none")
    bills[200] = replace(bills[200], medfee_sumamt=999_999_999)
    bills += [bills[3], replace(bills[4], mdtrt_id="x"), bills[238], replace(bills[5], msgid=number(900))]
    together = office(store, Random(1), 30).settle_many(bills)
    with Store.open("sqlite://", sample=True) as other:
        billing = office(other, Random(1), 30)
        alone = [billing.settle_many([one])[0] for one in bills]
        assert alone == together
        assert sorted(assert_sound(other)) == sorted(assert_sound(store))
        assert (moved(other), nets(other), years(other)) == (moved(store), nets(store), years(store))
    assert Counter(one.status.name for one in together) == {
        "SETTLED": 238, "EXISTS": 2, "EXISTS_DIFFERENT": 1, "UNKNOWN_ACCOUNT": 1, "NO_POLICY": 1, "TOTALS_DISAGREE": 1,
    }  # fmt: skip


@pytest.mark.soak
def test_a_hundred_thousand_visits_cancelled(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/books.sqlite", sample=True) as store:
        settle_and_cancel(store, 100_000, 20140801)


EACH = 25
HOSPITALS = """
import os, sys
from decimal import Decimal
from sbcard_core.ledger import Ledger
from sbcard_core.medical import Bill, FeeLine, Grade, MedicalBilling, VisitKind, samples
from sbcard_core.store import Store
url, count = sys.argv[1], int(sys.argv[2])
ready, go = os.pipe()
for hospital in (1, 2):
    if os.fork() == 0:
        os.close(go)
        os.read(ready, 1)  # both begin when the parent says so
        with Store.open(url, sample=True) as store:
            billing = MedicalBilling(store, Ledger(store), samples())
            for serial in range(count):
                for owner in (hospital, 0):  # one of its own, and one that both send
                    msgid = f"H{owner:011d}20140731100000{serial:04d}"
                    lines = (FeeLine("x", Grade.A, 40_000 + serial),)
                    bill = Bill(msgid, "P1", "employee", "2014-07-31T10:00:00", lines, VisitKind.INPATIENT,
                                groups=frozenset({"enterprise_supplement"}), personal_account="PERSONAL_MEDICAL:1")
                    os.write(1, f"{billing.settle(bill).status.name} {msgid}\\n".encode())
        os._exit(0)
os.close(ready)
os.close(go)
assert {os.wait()[1] for _ in (1, 2)} == {0}
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_hospitals_settle_the_same_person_at_the_same_moment(store_url: str, store: Store) -> None:
    """Every bill sees all before it: the years form one chain, the account pays once, a bill sent by both is one."""
    ledger = Ledger(store)
    ledger.open_accounts([("EXTERNAL", AccountKind.EXTERNAL), ("PERSONAL_MEDICAL:1", AccountKind.PERSONAL_MEDICAL)])
    ledger.post(Transfer("load", "EXTERNAL", "PERSONAL_MEDICAL:1", 200_000, "load", AT))
    command = [sys.executable, "-c", HOSPITALS, store_url, str(EACH)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    answers = Counter(zip(said[::2], (msgid[11] for msgid in said[1::2]), strict=True))
    assert answers == {("SETTLED", "1"): EACH, ("SETTLED", "2"): EACH, ("SETTLED", "0"): EACH, ("EXISTS", "0"): EACH}
    chain = sorted((json.loads(row.bill)["before"], row) for row in assert_sound(store))
    employee, _ = samples()
    year, held = Accumulators(), 200_000
    for before, row in chain:
        kept = row.split
        visit = Visit("3", frozenset({"enterprise_supplement"}), held)
        alone = split([FeeLine("x", Grade.A, kept.medfee_sumamt)], employee, year, visit)
        assert (Accumulators(*before), kept) == (year, alone)
        year, held = year.plus(kept.added), held - kept.acct_pay
    assert len(chain) == year.visits == 3 * EACH
    assert year.deductible_fen == 90_000
    assert ledger.balance("PERSONAL_MEDICAL:1").net_fen == held == 0


def test_bills_and_cancellations_in_bulk_have_a_status_each(store: Store) -> None:
    ledger = Ledger(store)
    ledger.open_accounts([(hostile.ME, AccountKind.PERSONAL_MEDICAL)])
    billing = MedicalBilling(store, ledger, samples(), catalogues=[sample_catalogue()])
    wrong = [hostile.bill(9, **changes) for changes in hostile.WRONG]
    found = billing.settle_many([*wrong, *(hostile.bill(n) for n in (1, 2, 3, 4, 5))])
    assert [one.status.name for one in found] == ["MALFORMED"] * len(wrong) + ["SETTLED"] * 5
    asked: list[Any] = [
        Cancellation(hostile.number(1), hostile.number(11), hostile.LATER),
        Cancellation(hostile.number(1), hostile.number(12), hostile.LATER),  # twice, under another number
        Cancellation(hostile.number(11), hostile.number(13), hostile.LATER),  # the cancellation itself
        Cancellation(hostile.number(2), hostile.number(11), hostile.LATER),  # a number that is taken
        Cancellation(hostile.number(2), hostile.number(3), hostile.LATER),  # that of a settlement
        Cancellation(hostile.number(2), hostile.number(14), "2014-07-31T09:59:59"),  # before it was settled
        Cancellation(hostile.number(2), hostile.number(14), hostile.LATER, "P2"),
        Cancellation(hostile.number(99), hostile.number(14), hostile.LATER),
        Cancellation(hostile.number(2), "short", hostile.LATER),
        Cancellation(hostile.number(2), hostile.number(14), None),  # type: ignore[arg-type]
        Cancellation([], hostile.number(14), hostile.LATER),  # type: ignore[arg-type]
        None,
        Cancellation(hostile.number(2), hostile.number(14), hostile.LATER, "P1"),
        Cancellation(hostile.number(5), hostile.number(15), hostile.LATER),
    ]
    names = [status.name for status in billing.cancel_many(asked)]
    assert names == [
        *("SETTLED", "EXISTS", "NOT_CANCELLABLE", "EXISTS_DIFFERENT", "EXISTS_DIFFERENT", "MALFORMED"),
        *("UNKNOWN_SETTLEMENT", "UNKNOWN_SETTLEMENT", "MALFORMED", "MALFORMED", "MALFORMED", "MALFORMED"),
        *("SETTLED", "SETTLED"),
    ]
    assert [status.name for status in billing.cancel_many(asked)][-2:] == ["EXISTS", "EXISTS"]
    assert "P1" not in repr(asked)
    assert {row.reverses for row in assert_sound(store)} == {
        None,
        hostile.number(1),
        hostile.number(2),
        hostile.number(5),
    }
