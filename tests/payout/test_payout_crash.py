"""One small run broken off at every database write, every commit and every file write, then run again: exactly once."""

import contextlib
import os
import shutil
from collections import Counter
from datetime import date
from enum import Enum
from pathlib import Path

import pytest
import sqlalchemy as sa

from sbcard_core.payout import LineState, RollState
from sbcard_core.store import Store

DAY = date(2014, 8, 15)
WRITES = ("insert", "update", "delete", "create", "drop", "pragma")


class Crash(Exception):
    """The machine stops here."""


def do_not_wait_for_the_disk(store: Store) -> None:
    """A crash is an exception here: what was written is there without a flush. Real kills are in another file."""
    sa.event.listen(store.engine, "connect", lambda driver, _: driver.execute("PRAGMA synchronous=OFF"))
    store.engine.dispose()


class Run:
    """The whole of a small month; every step may be asked for again after a crash."""

    def __init__(self, new_town, folder: Path, ready: Path) -> None:
        self.folder, self.bank = folder, folder / "bank"
        self.bank.mkdir(parents=True)
        shutil.copy(ready, folder / "run.sqlite")
        self.store = Store.open(f"sqlite:///{folder}/run.sqlite")
        do_not_wait_for_the_disk(self.store)
        self.town = new_town(self.store, folder, 0, max_lines=4)
        self.executed: dict[str, list[tuple[str, ...]]] = {}

    def go(self) -> None:
        """From the draft to the close."""
        engine = self.town.engine
        roll_no = self.town.ready(range(1, 9))
        engine.release(roll_no, on=DAY, out_dir=self.folder)
        self._bank(returned={"2"})
        engine.repay_returned("pension", "2014-07", on=DAY, out_dir=self.folder)
        self._bank(returned=set())
        assert engine.close(roll_no, on=DAY).state is RollState.CLOSED

    def _bank(self, returned: set[str]) -> None:
        """Fetches what is there, executes each batch once, and delivers all its answers from the beginning."""
        with self.store.begin() as connection:
            there = set(connection.execute(sa.text("SELECT batch_no FROM payout_batch")).scalars())
        for batch_no in sorted(there - self.executed.keys()):
            asked = self.town.request(batch_no)
            rows = [
                (row[0], row[1], row[4], *(("21", "户名不符") if row[0] in returned else ("00", "")))
                for row in asked.rows
            ]
            self.executed[batch_no] = rows
        for batch_no, rows in sorted(self.executed.items()):
            path = self.bank / f"{batch_no}.txt"
            if not path.exists():
                paid = [int(row[2]) for row in rows if row[3] == "00"]
                back = [int(row[2]) for row in rows if row[3] != "00"]
                sums = {"paid": len(paid), "paid_fen": sum(paid), "returned": len(back), "returned_fen": sum(back)}
                header = {"batch_no": batch_no, "bank": batch_no.split("-")[-2], "date": "20140816"}
                path.write_bytes(self._file(header, rows, sums))
            self.town.engine.read_result(path, on=DAY)

    def _file(self, header: dict, rows: list, sums: dict) -> bytes:
        head = ["H", "PAYRES", header["batch_no"], header["bank"], header["date"]]
        tail = ["T", str(len(rows)), *(str(sums[name]) for name in ("paid", "paid_fen", "returned", "returned_fen"))]
        return "\n".join("|".join(line) for line in [head, *(["D", *row] for row in rows), tail]).encode("gb18030")

    def prove(self) -> None:
        """Everyone once: the bank's book, the ledger and the tables."""
        book: Counter[str] = Counter()
        for rows in self.executed.values():
            for _, account, amount, status, _ in rows:
                book[account] += int(amount) if status == "00" else 0
        assert book == {self.town.account(n): 1000 + n for n in range(1, 9)}
        assert self.town.states()[LineState.PAID] == sum(book.values())
        assert self.town.net("PENSION_FUND") == 100_000 - sum(book.values())
        assert len(self.executed) == len(list(self.folder.glob("PAYREQ_*.txt")))
        assert not list(self.folder.glob(".*part"))
        self.town.check_books()


class Where(Enum):
    """Where a run is broken off."""

    AT_COMMITS = "before each commit and each file"
    AT_WRITES = "before each database write, commit and file"
    BEHIND_FILES = "behind each file"


class Breaker:
    """Counts commits and files, on demand database writes too, and stops before one; or files, and stops behind one."""

    def __init__(self, run: Run, at: int, patch: pytest.MonkeyPatch, where: Where) -> None:
        self.seen, self.at, self.after = 0, at, where is Where.BEHIND_FILES
        engine = run.store.engine
        if where is Where.AT_WRITES:
            sa.event.listen(engine, "before_cursor_execute", self._statement)
        if not self.after:
            sa.event.listen(engine, "commit", self._commit)
        replace = os.replace

        def file(source: object, target: object) -> None:
            if not self.after:
                self._count()
            replace(source, target)  # type: ignore[arg-type]
            if self.after:
                self._count()

        patch.setattr(os, "replace", file)

    def _count(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise Crash

    def _statement(self, connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.lstrip().lower().startswith(WRITES):
            self._count()

    def _commit(self, connection: object) -> None:
        self._count()


@pytest.mark.parametrize(("where", "least"), [
    (Where.AT_COMMITS, 20),
    (Where.BEHIND_FILES, 5),
    pytest.param(Where.AT_WRITES, 60, marks=pytest.mark.soak),
])  # fmt: skip
def test_a_run_broken_off_anywhere_goes_on(new_town, tmp_path: Path, monkeypatch, where: Where, least: int) -> None:
    ready, at = tmp_path / "ready.sqlite", 0
    with Store.open(f"sqlite:///{ready}") as store:
        new_town(store, tmp_path, 8).fund(100_000)
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    while True:
        at += 1
        run = Run(new_town, tmp_path / str(at), ready)
        with monkeypatch.context() as patch:
            breaker = Breaker(run, at, patch, where)
            with contextlib.suppress(Crash):
                run.go()
            crashed, breaker.at = breaker.seen >= at, 0
            run.go()
        run.prove()
        before = run.town.everything()
        run.go()
        assert run.town.everything() == before
        run.store.close()
        if not crashed:
            break
    assert at > least  # it was broken off in all these places
