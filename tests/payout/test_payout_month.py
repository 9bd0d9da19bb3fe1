"""A pension month through a bank that does everything wrong: everyone is paid once, and three books agree."""

import contextlib
import os
import resource
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

import pytest
import sqlalchemy as sa

from sbcard_core.hosts.bankfile import BankFileRefused
from sbcard_core.payout import LineState, PayoutResultRefused, RollState
from sbcard_core.store import Store, schema

PERIOD, ROUNDS = "2014-07", 60
START = perf_counter()


def month(town, bank, roll_no: str) -> Counter[str]:
    """Run a released roll to its close; what was refused, by code."""
    refused: Counter[str] = Counter()
    requests, asked = town.folder / "requests", town.folder / "inquiries"
    asked.mkdir(exist_ok=True)
    day = date(2014, 8, 15)
    for _ in range(ROUNDS):
        day += timedelta(days=1)
        with town.store.begin() as connection:
            batch = schema.payout_batch.c
            open_ = sa.select(batch.batch_no).where(batch.answer_sha256.is_(None))
            waiting = list(connection.execute(open_).scalars())
        for batch_no in waiting:
            bank.receive(town.engine.write_again(batch_no, requests))
        for path in bank.post():
            try:
                town.engine.read_result(path, on=day)
            except (PayoutResultRefused, BankFileRefused) as error:
                refused[error.code] += 1
        for path in town.engine.inquire("pension", PERIOD, on=day, out_dir=asked):
            bank.inquiry(path)
        town.engine.repay_returned("pension", PERIOD, on=day, out_dir=requests)
        status = town.engine.status(roll_no)
        assert status.is_conserved
        tell(f"{day}: paid {status.paid_fen}, outstanding {status.outstanding_fen} fen; refused {dict(refused)}")
        if not status.outstanding_fen:
            break
    town.engine.close(roll_no, on=day)
    return refused


def tell(what: str) -> None:
    """Progress, with the time and memory so far; seen with ``-s``."""
    print(f"{perf_counter() - START:7.1f} s {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10:5d} MB  {what}")


def everyone_is_paid_once(new_town, chaos_bank, store: Store, folder: Path, people: int, max_lines: int) -> None:
    town = new_town(store, folder, people, max_lines=max_lines)
    for name in ("requests", "answers"):
        (folder / name).mkdir()
    total = sum(1000 + n for n in range(1, people + 1))
    town.fund(total)
    bank = chaos_bank(7, folder / "answers")
    tell(f"{people} people, {total} fen")
    roll_no = town.ready(range(1, people + 1))
    tell("drafted and approved")
    made = town.engine.release(roll_no, on=date(2014, 8, 15), out_dir=folder / "requests")
    assert len(made) >= people // max_lines
    tell(f"released in {len(made)} batches")
    refused = month(town, bank, roll_no)

    assert len(bank.book) == people  # the bank's own book: each account its sum, once
    assert all(bank.book[town.account(n)] == 1000 + n for n in range(1, people + 1))
    assert town.net("BANK_CLEARING:103") + town.net("BANK_CLEARING:402") == total
    assert town.states()[LineState.PAID] == total
    status = town.engine.status(roll_no)
    assert (status.paid_fen, status.total_fen, status.lines) == (total, total, people)
    assert status.roll.state is RollState.CLOSED
    assert town.net("PENSION_FUND") == 0
    assert town.net("SUSPENSE") == 0
    assert town.engine.check(roll_no) == []
    assert town.ledger.recompute() == []
    assert {"totals", "answered", "batch"} <= refused.keys()  # the bank did try
    assert min(bank.did[what] for what in bank.did) > 0

    before = town.everything()  # the same inputs once more
    assert town.ready(range(1, people + 1)) == roll_no
    assert town.engine.release(roll_no, on=date(2014, 8, 15), out_dir=folder / "requests") == []
    for path in reversed(bank.delivered):
        with contextlib.suppress(PayoutResultRefused, BankFileRefused):
            assert town.engine.read_result(path, on=date(2014, 12, 1)).repeated
    assert town.engine.repay_returned("pension", PERIOD, on=date(2014, 12, 1), out_dir=folder) == []
    town.engine.close(roll_no, on=date(2014, 12, 1))
    assert town.everything() == before


def test_a_month_of_four_thousand(new_town, chaos_bank, tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/month.sqlite") as store:
        everyone_is_paid_once(new_town, chaos_bank, store, tmp_path, 4_000, 200)


def test_a_month_on_postgresql(new_town, chaos_bank, postgres_url: str, tmp_path: Path) -> None:
    with Store.open(postgres_url) as store:
        try:
            everyone_is_paid_once(new_town, chaos_bank, store, tmp_path, 600, 20)
        finally:
            schema.metadata.drop_all(store.engine)


@pytest.mark.soak
def test_a_month_of_a_million(new_town, chaos_bank, tmp_path: Path) -> None:
    """``SBCARD_SOAK=1 pytest -s tests/payout/test_payout_month.py -k million``; SBCARD_MONTH is another count."""
    people = int(os.environ.get("SBCARD_MONTH", "1000000"))
    with Store.open(f"sqlite:///{tmp_path}/month.sqlite") as store:
        everyone_is_paid_once(new_town, chaos_bank, store, tmp_path, people, 5000)
