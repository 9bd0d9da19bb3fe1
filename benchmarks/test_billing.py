"""Billing by the thousand: splits with the person's year in memory, and settled in the books, durable on SQLite.

Bills of 2 to 6 lines (甲, 乙, 丙, some with a price limit), one person each, the made-up sample tables. Results are
checked against the invariants before anything is timed. In memory means: shape checked, tables of the day and place
found, every line cut, every tier walked, every step of the trace kept, the person's year counted. Runs of both are
taken in turn; figures are medians of this process's own CPU seconds, with wall clock beside them.

    .venv/bin/python -m benchmarks.test_billing
"""

import collections
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sbcard_core.ledger import Ledger
from sbcard_core.medical import Bill, FeeLine, Grade, MedicalBilling, SettleStatus, VisitKind, Years, samples
from sbcard_core.medical.assess import Assessed, Assessor
from sbcard_core.medical.desk import settlement_of
from sbcard_core.medical.records import make_row
from sbcard_core.store import Store

BILLS, CHUNK, ROUNDS = 20_000, 2_000, 7
GOAL = 20_000
"""Bills a second and core, in memory."""
HOSPITAL = "H43010000001"


def line(rng: random.Random) -> FeeLine:
    """A charge of up to 500 yuan."""
    grade = rng.choice((Grade.A, Grade.A, Grade.B, Grade.C))
    fen = rng.randrange(100, 50_000)
    limit = Decimal(30_000) if rng.random() < 0.3 else None
    return FeeLine("收费项目", grade, fen, Decimal(fen), Decimal(1), limit, 1000 if grade is Grade.B else 0)


def bills(count: int, seed: int = 1) -> list[Bill]:
    """Bills of as many persons."""
    rng = random.Random(seed)
    out = []
    for number in range(count):
        msgid = f"{HOSPITAL}2014073110{number // 600_000:02d}{number // 10_000 % 60:02d}{number % 10_000:04d}"
        lines = tuple(line(rng) for _ in range(rng.randrange(2, 7)))
        groups = frozenset({"civil_servant"} if rng.random() < 0.2 else ())
        insutype, level = rng.choice(("employee", "resident")), rng.choice("123")
        at = "2014-07-31T10:00:00"
        out.append(Bill(msgid, f"P{number}", insutype, at, lines, VisitKind.INPATIENT, level, groups=groups))
    return out


def in_memory(assessor: Assessor, batch: list[Bill]) -> list[Assessed | SettleStatus]:
    """As ``settle_many`` does it, by the chunk; gives back the last one."""
    years, last = Years(), []
    for start in range(0, len(batch), CHUNK):
        last = assessor.assess_many(batch[start : start + CHUNK], years)
    return last


def check(assessor: Assessor, batch: list[Bill]) -> None:
    """Every bill is split, and every split adds up."""
    for one in assessor.assess_many(batch, Years()):
        assert isinstance(one, Assessed)
        s = one.split
        assert s.medfee_sumamt == s.fund_pay_sumamt + s.psn_part_amt + s.hosp_part_amt
        assert s.psn_part_amt == s.acct_pay + s.psn_cash_pay
        assert sum(step[3] for step in s.steps if step[0] == "hifp_pay") == s.hifp_pay


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def posted(batch: list[Bill]) -> tuple[float, float]:
    """Settle in the books of an empty database on disk."""
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/books.sqlite", sample=True) as store:
        ledger = Ledger(store)
        billing = MedicalBilling(store, ledger, samples())
        found: list[Any] = []
        times = timed(lambda: found.extend(billing.settle_many(batch)))
        assert {one.status for one in found} == {SettleStatus.SETTLED}
        debits, credits_ = ledger.totals()
        assert debits == credits_ > 0
    return times


def rows(few: list[Assessed], times: int) -> None:
    """What is stored of a bill, made and thrown away."""
    for _ in range(times):
        for one in few:
            make_row(settlement_of(one), "P")


def test_split_in_memory(benchmark: Any) -> None:
    """20,000 bills in chunks of 2,000."""
    assessor, batch = Assessor(samples()), bills(BILLS)
    check(assessor, batch)
    benchmark.group = "20,000 bills"
    benchmark.extra_info["bills"] = BILLS
    benchmark.pedantic(in_memory, (assessor, batch), rounds=ROUNDS, warmup_rounds=1)


def test_settle_in_the_books(benchmark: Any) -> None:
    """The same bills, posted and durable."""
    batch = bills(BILLS)
    benchmark.group = "20,000 bills"
    benchmark.extra_info["bills"] = BILLS
    benchmark.pedantic(posted, (batch,), rounds=3)


def main() -> None:
    """Print the figures, and where the time of a posted bill goes."""
    assessor, batch = Assessor(samples()), bills(BILLS)
    check(assessor, batch)
    few = [assessor.assess(assessor.prepare(bill), Years()) for bill in batch[:CHUNK]]
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in ("memory", "tables", "rows", "posted")}
    for _ in range(ROUNDS):
        runs["memory"].append(timed(lambda: in_memory(assessor, batch)))
        runs["tables"].append(timed(lambda: collections.deque(map(assessor.prepare, batch), maxlen=0)))
        runs["rows"].append(timed(lambda: rows(few, BILLS // CHUNK)))
        runs["posted"].append(posted(batch))
    cpu = {name: statistics.median(run[0] for run in found) / BILLS * 1e6 for name, found in runs.items()}
    wall = {name: statistics.median(run[1] for run in found) / BILLS * 1e6 for name, found in runs.items()}
    lines = sum(len(bill.lines) for bill in batch) / BILLS
    print(f"{BILLS} bills, {lines:.2f} lines each; median of {ROUNDS} runs")
    for name, what in (("memory", "in memory"), ("posted", "in the books, durable")):
        print(f"{what:22} {1e6 / cpu[name]:>8,.0f} bills/s of CPU ({1e6 / wall[name]:,.0f} by the wall clock)")
    print("one bill in the books, µs of CPU:")
    rest = cpu["posted"] - cpu["memory"] - cpu["rows"]
    print(f"  tables {cpu['tables']:.1f}, split, trace and year {cpu['memory'] - cpu['tables']:.1f}, ", end="")
    print(f"row as JSON {cpu['rows']:.1f}, ledger, database and answer {rest:.1f}")
    print(f"  waiting for the disk and for other processes {wall['posted'] - cpu['posted']:.1f}")
    best = min(run[0] for run in runs["memory"]) / BILLS * 1e6
    print(f"goal {GOAL:,} in memory: {'met' if 1e6 / cpu['memory'] >= GOAL else 'missed'}; best run {1e6 / best:,.0f}")


if __name__ == "__main__":
    main()
