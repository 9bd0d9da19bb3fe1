"""``python -m benchmarks.payout_month``: a pension month end to end, from the roll to the ledger, by stage.

Fills a registry with people and cards, then runs one month in a process of its own: the roll drafted (every line
matched with person, card and account), approved by two, released (money blocked, bank files written), answered by a
bank that returns 1 line of 100, the answers read, returned lines paid again and answered, the roll closed. Then the
proof: the bank's own sum, the ledger and the tables agree. Everything is removed.

    python -m benchmarks.payout_month                              # 10⁴ to 10⁶ lines
    python -m benchmarks.payout_month --lines 50000 --no-growth    # one size
    python -m benchmarks.payout_month --itemised                   # every paid line a transfer of its own
    python -m benchmarks.payout_month --url postgresql+psycopg://… # an empty database

The bank's work is timed too and is in no other stage.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import machine, saved

LINES = 1_000_000
GROWTH = (10_000, 100_000)
BANKS = ("103", "402", "403", "102", "105")
PERIOD, DAY = "2014-07", date(2014, 8, 1)
RETURNED = 100
"""One line of so many comes back the first time."""
DRAFT, APPROVE, RELEASE, BANK, RESULTS, REPAY, CLOSE, PROOF = (
    *("draft", "approve", "release", "bank", "results", "repay", "close", "proof"),
)
STAGES = (DRAFT, APPROVE, RELEASE, RESULTS, REPAY, CLOSE, BANK, PROOF)
OURS = (DRAFT, APPROVE, RELEASE, RESULTS, REPAY, CLOSE)
CHUNK = 20_000


def id_number(n: int) -> str:
    """A number as long as a real one; people stand in the roll in another order than in the registry."""
    return f"430102195{n * 7919 % 100_000_000:09d}"


def due_fen(n: int) -> int:
    """A month's due."""
    return 6_000 + n % 300_000


class Sessions:
    """Sessions of a benchmark: always true."""

    def confirms(self, *_: object) -> bool:
        """Yes."""
        return True


def officers() -> Any:
    """Who drafts and approves."""
    from sbcard_core.officers import Officer, Officers  # noqa: PLC0415

    return Officers([Officer(one, one) for one in "abc"], sessions=Sessions())


def session(officer: str) -> Any:
    """An officer who approves."""
    from sbcard_core.officers import InSession  # noqa: PLC0415

    return InSession(officer, b"")


def fill(store: Any, people: int) -> None:
    """People with one live card each."""
    from sbcard_core.store import insert_many, schema  # noqa: PLC0415

    day = "2014-06-30"
    person = [column.name for column in schema.person.columns]
    card = [column.name for column in schema.card.columns]
    with store.begin() as connection:
        order = ("order_no", "city", "ordered_on", "cards", "made")
        insert_many(connection, schema.production_order, order, [("O1", "430100", day, people, people)])
        for first in range(1, people + 1, CHUNK):
            some = range(first, min(first + CHUNK, people + 1))
            who = (
                (n, id_number(n), f"甲{n}", "1", "01", "1950-01-01", "", 4, "430100", "430102", BANKS[n % 5])
                for n in some
            )
            insert_many(connection, schema.person, person, ((*p, f"F{p[0]}", day, "c.csv", p[0]) for p in who))
            made = (
                (f"A{n:08d}", f"{n:032d}", n, "O1", n, "00" * 8, BANKS[n % 5], f"6228480{n:012d}", day, day, 1, 1, None)
                for n in some
            )
            insert_many(connection, schema.card, card, made)


def roll(people: int) -> Iterator[Any]:
    """The roll as an agency hands it in: another order than the registry's."""
    from sbcard_core.payout import RollLine  # noqa: PLC0415

    for k in range(people):
        n = k * 7919 % people + 1
        yield RollLine(id_number(n), f"甲{n}", due_fen(n))


class Bank:
    """Credits what it is asked to, returns every hundredth line the first time, and counts."""

    def __init__(self) -> None:
        self.credited_fen, self.credits = 0, 0

    def answer(self, request: Path, results: Path, *, again: bool) -> Path:
        """Pay one file and answer it."""
        from sbcard_core.hosts import bankfile  # noqa: PLC0415

        asked = bankfile.read(request, bankfile.PAYOUT_REQUEST)
        rows, paid, back = [], [], []
        for number, (seq, account, _, _, amount, _) in enumerate(asked.rows):
            good = again or number % RETURNED != 7
            (paid if good else back).append(int(amount))
            rows.append((seq, account, amount, "00" if good else "21", "" if good else "户名不符"))
        self.credited_fen += sum(paid)
        self.credits += len(paid)
        totals = {"paid": len(paid), "paid_fen": sum(paid), "returned": len(back), "returned_fen": sum(back)}
        header = {name: asked.header[name] for name in ("batch_no", "bank", "date")}
        path = results / request.name.replace("PAYREQ", "PAYRES")
        bankfile.write(path, bankfile.PAYOUT_RESULT, header, rows, totals)
        return path


class Month:
    """One month run and timed by stage."""

    def __init__(self, url: str, folder: Path, people: int, max_lines: int, itemised: bool) -> None:
        from sbcard_core.ledger import AccountKind, Ledger, Transfer  # noqa: PLC0415
        from sbcard_core.payout import PayoutEngine  # noqa: PLC0415
        from sbcard_core.store import Store  # noqa: PLC0415

        self.store, self.people, self.bank = Store.open(url), people, Bank()
        self.ledger = Ledger(self.store)
        self.engine = PayoutEngine(self.store, self.ledger, max_lines=max_lines, itemised=itemised, officers=officers())
        self.requests, self.results = folder / "requests", folder / "results"
        self.requests.mkdir()
        self.results.mkdir()
        self.spent: dict[str, float] = {}
        fill(self.store, people)
        self.total = sum(due_fen(n) for n in range(1, people + 1))
        self.ledger.open_accounts([("EXTERNAL", AccountKind.EXTERNAL), ("PENSION_FUND", AccountKind.PENSION_FUND)])
        self.ledger.post(Transfer("fund", "EXTERNAL", "PENSION_FUND", self.total, "fund", "2014-08-01T00:00:00"))

    def timed(self, stage: str, work: Any, *arguments: Any, **named: Any) -> Any:
        """Do it and add its time to the stage."""
        start = perf_counter()
        found = work(*arguments, **named)
        self.spent[stage] = self.spent.get(stage, 0.0) + perf_counter() - start
        return found

    def run(self) -> dict[str, Any]:
        """The whole month; times in seconds."""
        engine = self.engine
        drafted = self.timed(DRAFT, engine.draft, "pension", PERIOD, roll(self.people), on=DAY, by="a")
        number = drafted.roll_no
        for officer in ("b", "c"):
            self.timed(APPROVE, engine.approve, number, session(officer), drafted.digest, on=DAY)
        made = self.timed(RELEASE, engine.release, number, on=DAY, out_dir=self.requests)
        self.answers(made, again=False)
        made = self.timed(REPAY, engine.repay_returned, "pension", PERIOD, on=DAY, out_dir=self.requests)
        self.answers(made, again=True)
        self.timed(CLOSE, engine.close, number, on=DAY)
        self.timed(PROOF, self.prove, number)
        return {"stages": self.spent, "wall": sum(self.spent[stage] for stage in OURS), "batches": len(made)}

    def answers(self, made: list[str], *, again: bool) -> None:
        """The bank answers, the bureau reads."""
        for batch_no in made:
            path = self.timed(
                BANK, self.bank.answer, self.requests / f"PAYREQ_{batch_no}.txt", self.results, again=again
            )
            self.timed(RESULTS, self.engine.read_result, path, on=DAY)

    def prove(self, number: str) -> None:
        """Bank, ledger and tables agree, or the run is void."""
        status = self.engine.status(number)
        names = [f"BANK_CLEARING:{bank}" for bank in BANKS]
        clearing = sum(balance.net_fen for balance in self.ledger.balances(names).values())
        sums = {self.total, self.bank.credited_fen, clearing, status.paid_fen, status.total_fen}
        if len(sums) != 1 or self.bank.credits != self.people or self.ledger.recompute() or self.engine.check(number):
            raise SystemExit(f"the books disagree: {sums}")


def child(url: str, folder: Path, people: int, max_lines: int, itemised: bool) -> dict[str, Any]:
    """One month in this process."""
    from benchmarks.headline import _peak  # noqa: PLC0415

    found = Month(url, folder, people, max_lines, itemised).run()
    return {**found, "peak_mb": _peak()}


def run(people: int, asked: argparse.Namespace) -> dict[str, Any]:
    """One size in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="sbcard-payout-", dir=asked.folder) as place:
        url = asked.url or f"sqlite:///{place}/month.sqlite"
        command = [sys.executable, "-m", "benchmarks.payout_month", "--child", place, "--url", url]
        command += ["--lines", str(people), "--max-lines", str(asked.max_lines)]
        done = subprocess.run(
            [*command, *(["--itemised"] if asked.itemised else [])], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(done.stderr.strip())
        found: dict[str, Any] = json.loads(done.stdout)
    print(f"{people:,} lines: {found['wall']:.1f} s", file=sys.stderr, flush=True)
    return {**found, "case": "payout month", "at": f"{people:,}", "lines": people}


def show(runs: list[dict[str, Any]]) -> str:
    """Lines a second by stage; all: the stages of ours, without the bank and the proof."""
    rows = []
    for one in runs:
        rates = (f"{one['lines'] / max(one['stages'][stage], 1e-9):,.0f}" for stage in STAGES)
        rows.append(
            (
                *(one["at"], f"{one['wall']:.2f}", f"{one['lines'] / one['wall']:,.0f}", f"{one['peak_mb']:.0f}"),
                *rates,
            )
        )
    return saved.table(("lines", "s", "all", "peak MB", *STAGES), rows)


def main(arguments: list[str]) -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.payout_month", description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--no-growth", action="store_true", help="this size only")
    parser.add_argument("--max-lines", type=int, default=5000, help="lines a bank file")
    parser.add_argument("--itemised", action="store_true", help="a transfer for every paid line")
    parser.add_argument("--url", help="an empty database; by default a SQLite file; one size only")
    parser.add_argument("--folder", type=Path, help="where the files are made")
    parser.add_argument("--out", type=Path, default=saved.FOLDER, help="folder for the JSON")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.child:
        print(json.dumps(child(asked.url, asked.child, asked.lines, asked.max_lines, asked.itemised)))
        return
    about = machine.describe()
    sizes = [] if asked.no_growth or asked.url else [size for size in GROWTH if size < asked.lines]
    runs = [run(size, asked) for size in (*sizes, asked.lines)]
    for what, value in about.items():
        print(f"{what}: {value}")
    print("lines a second; 'all' is our own stages, without the bank and the proof")
    print(show(runs))
    for one in runs:
        one["ns"] = one["low"] = one["high"] = one["wall"] * 1e9 / one["lines"]
    print(f"saved: {saved.save('payout_month', {'machine': about, 'rows': runs}, asked.out)}")


if __name__ == "__main__":
    main(sys.argv[1:])
