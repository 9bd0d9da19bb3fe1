"""A programme's month in processes killed at random moments and at every write: everyone is paid once all the same."""

import itertools
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sbcard_core.hosts import bankfile
from sbcard_core.payout import LineState, RollState
from sbcard_core.store import Store
from tests.faults import Children, faulty_children, needs_linux, sampled

SCRIPT = Path(__file__).with_name("month_child.py")
PEOPLE = 8
DUE = sum(1000 + n for n in range(1, PEOPLE + 1))
ROLL_STATES = {RollState.DRAFTED, RollState.APPROVED, RollState.RELEASING, RollState.RELEASED}
LINE_STATES = {LineState.SENT, LineState.PAID, LineState.RETURNED, LineState.REPAID, LineState.UNKNOWN}
pytestmark = needs_linux


@pytest.fixture
def children() -> Iterator[Children]:
    with Children(SCRIPT) as found:
        yield found


@pytest.fixture
def faulty(tmp_path: Path, real_part: Callable[[str, bool, str], None]) -> Iterator[Children]:
    with faulty_children(SCRIPT, tmp_path, real_part) as found:
        yield found


def live(children: Children, bureau: "Bureau", fault: str = "-", delay: str = "-") -> tuple[bool, int]:
    """One process: whether the roll was closed, and the exit status."""
    acknowledged, _, status = children.run(bureau.url, bureau.folder, PEOPLE, fault, delay)
    return bool(acknowledged), status


class Counterpart:
    """The bank: it takes whatever stands in the folder under a request's name, at once and for good."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store = folder, store
        self.taken: dict[str, bytes] = {}
        self.fates: dict[str, dict[str, tuple[str, ...]]] = {}
        self.book: Counter[str] = Counter()
        for name in ("requests", "answers", "inquiries"):
            (folder / name).mkdir(parents=True)

    def work(self) -> None:
        for path in sorted((self.folder / "requests").glob("PAYREQ_*.txt")):
            content = path.read_bytes()
            if path.name not in self.taken:
                self.execute(path)
            assert self.taken.setdefault(path.name, content) == content
        for path in (self.folder / "inquiries").glob("*.txt"):
            asked = bankfile.read(path, bankfile.PAYOUT_INQUIRY)
            batch_no = asked.header["batch_no"]
            if len(asked.rows) < len(self.fates[batch_no]):  # answered, but for these
                self.answer(
                    batch_no, [self.fates[batch_no][row[0]] for row in asked.rows], bankfile.PAYOUT_CONFIRMATION
                )
            path.unlink()

    def execute(self, path: Path) -> None:
        """Whole, of a batch that is in the bureau's books, and paid once."""
        request = bankfile.read(path, bankfile.PAYOUT_REQUEST)
        assert not request.bad_lines
        total = sum(int(row[4]) for row in request.rows)
        edges = {(edge["lines"], edge["total_fen"]) for edge in (request.header, request.trailer)}
        assert edges == {(str(len(request.rows)), str(total))}
        batch_no = request.header["batch_no"]
        with self.store.begin() as connection:
            query = sa.text("SELECT lines, total_fen, round FROM payout_batch WHERE batch_no = :batch")
            lines, fen, round_ = connection.execute(query, {"batch": batch_no}).one()
        assert (lines, fen) == (len(request.rows), total)
        fates: dict[str, tuple[str, ...]] = {}
        for seq, account, _, _, amount, _ in request.rows:
            good = round_ > 1 or int(amount) % 3 > 0
            self.book[account] += int(amount) if good else 0
            fates[seq] = (seq, account, amount, *(("00", "") if good else ("14", "户名不符")))
        self.fates[batch_no] = fates
        silent = round_ == 1 and lines > 1 and total % 2  # the second line of some is forgotten
        self.answer(batch_no, list(fates.values())[: 1 if silent else None], bankfile.PAYOUT_RESULT)

    def answer(self, batch_no: str, rows: list[Any], spec: bankfile.FileSpec) -> None:
        paid = [int(row[2]) for row in rows if row[3] == "00"]
        back = [int(row[2]) for row in rows if row[3] != "00"]
        sums = {"paid": len(paid), "paid_fen": sum(paid), "returned": len(back), "returned_fen": sum(back)}
        header = {"batch_no": batch_no, "bank": batch_no.split("-")[-2], "date": "20140816"}
        bankfile.write(self.folder / "answers" / f"{spec.kind}_{batch_no}.txt", spec, header, rows, sums)


class Bureau:
    """One month of one town, from processes that may die to the proof."""

    def __init__(self, new_town: Any, folder: Path, url: str) -> None:
        self.url, self.folder = url, folder
        self.store = Store.open(url)
        self.bank = Counterpart(folder, self.store)
        self.town = new_town(self.store, folder, 0)

    def go(self, children: Children, pause: random.Random | None = None, longest_ms: float = 0) -> int:
        """Until the roll is closed; how often a process was killed. On a busy machine they are let live longer."""
        kills = 0
        for run in range(1000):
            delay = "-" if pause is None else f"{pause.uniform(2, longest_ms * (1 + run / 20)):.1f}"
            closed, status = live(children, self, delay=delay)
            assert status in (0, -9)
            kills += status == -9
            self.bank.work()
            if closed and status == 0:
                return kills
        raise AssertionError("it does not end")

    def roll_state(self) -> RollState | None:
        with self.store.begin() as connection:
            state = connection.execute(sa.text("SELECT state FROM payout_roll")).scalar()
        return None if state is None else RollState(state)

    def prove(self, children: Children) -> None:
        """The bank's book, the files, the ledger and the tables; then the same once more."""
        assert self.bank.book == {self.town.account(n): 1000 + n for n in range(1, PEOPLE + 1)}
        status = self.town.engine.status("pension-2014-07-R001")
        assert (status.paid_fen, status.total_fen, status.roll.state) == (DUE, DUE, RollState.CLOSED)
        assert self.town.engine.check(status.roll.roll_no) == []
        assert self.town.states()[LineState.PAID] == DUE
        assert self.town.net("PENSION_FUND") == 100_000 - DUE
        with self.store.begin() as connection:
            batches = set(connection.execute(sa.text("SELECT batch_no FROM payout_batch")).scalars())
        assert {path.name for path in (self.folder / "requests").iterdir()} == {f"PAYREQ_{no}.txt" for no in batches}
        self.town.check_books()
        before = self.town.everything()
        assert live(children, self) == (True, 0)
        assert self.town.everything() == before


@pytest.fixture
def ready(new_town: Any, tmp_path: Path) -> Path:
    """A town with its money, and nothing done."""
    path = tmp_path / "ready.sqlite"
    with Store.open(f"sqlite:///{path}") as store:
        new_town(store, tmp_path, PEOPLE).fund(100_000)
    return path


def months(new_town: Any, children: Children, ready: Path, folder: Path, kills: int) -> None:
    pause, done, number = sampled(20140815), 0, 0
    while done < kills:
        number += 1
        place = folder / f"{number}"
        place.mkdir()
        shutil.copy(ready, place / "books.sqlite")
        bureau = Bureau(new_town, place, f"sqlite:///{place}/books.sqlite")
        done += bureau.go(children, pause, 160)
        bureau.prove(children)
        bureau.store.close()
        shutil.rmtree(place)


def test_killed_at_random(new_town, children: Children, ready: Path, tmp_path: Path) -> None:
    months(new_town, children, ready, tmp_path, 25)


@pytest.mark.soak
def test_killed_at_random_a_thousand_times(new_town, children: Children, ready: Path, tmp_path: Path) -> None:
    months(new_town, children, ready, tmp_path, 1_000)


def test_killed_at_random_on_postgresql(new_town, children: Children, postgres_url: str, tmp_path: Path) -> None:
    from sbcard_core.store import schema

    pause = sampled(20140815)
    with Store.open(postgres_url) as store:
        try:
            new_town(store, tmp_path, PEOPLE).fund(100_000)
            bureau = Bureau(new_town, tmp_path, postgres_url)
            assert bureau.go(children, pause, 150) > 0
            bureau.prove(children)
            bureau.store.close()
        finally:
            schema.metadata.drop_all(store.engine)


def at_every_write(
    new_town: Any, faulty: Children, ready: Path, folder: Path, step: int
) -> set[RollState | LineState | None]:
    """Each process of the month killed before, amid or behind every ``step``-th write and fsync of books and files.

    Returns:
        The states of the roll and of lines that were in the books after a kill; None before the roll is there.
    """
    deeds, met = itertools.cycle(["kill", "torn", "after"]), set[RollState | LineState | None]()

    def start(name: str) -> Bureau:
        place = folder / f"{name}.sqlite.d"  # so that the bank files are counted too
        place.mkdir()
        shutil.copy(ready, place / "books.sqlite")
        return Bureau(new_town, place, f"sqlite:///{place}/books.sqlite")

    bureau, calls = start("counted"), []
    while True:
        closed, status = live(faulty, bureau, "0:count")
        assert status == 0
        calls.append(int((folder / "calls").read_text()))
        bureau.bank.work()
        if closed:
            break
    bureau.store.close()
    assert len(calls) >= 3
    assert calls[0] > 50  # the draft and the release
    for which, count in enumerate(calls):
        for at in range(1 + which, count + 1, step):
            bureau = start(f"{which}-{at}")
            for _ in range(which):
                live(faulty, bureau)
                bureau.bank.work()
            assert live(faulty, bureau, f"{at}:{next(deeds)}")[1] == -9
            met |= {*bureau.town.states(), bureau.roll_state()}
            bureau.bank.work()
            bureau.go(faulty)
            bureau.prove(faulty)
            bureau.store.close()
            shutil.rmtree(bureau.folder)
    return met


def test_killed_at_some_writes(new_town, faulty: Children, ready: Path, tmp_path: Path) -> None:
    """Some thirty, in every state of the roll and of its lines."""
    met = at_every_write(new_town, faulty, ready, tmp_path, 67)
    assert met >= {None, *ROLL_STATES, *LINE_STATES}


@pytest.mark.soak
def test_killed_at_every_write(new_town, faulty: Children, ready: Path, tmp_path: Path) -> None:
    at_every_write(new_town, faulty, ready, tmp_path, 1)
