"""Posting processes killed at every write and at random moments; every write failed once."""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import pytest
import sqlalchemy as sa

from sbcard_core.ledger import AccountKind, Balance, Ledger
from sbcard_core.store import Store
from tests.faults import Children, faulty_children, needs_linux, sampled

SCRIPT = Path(__file__).with_name("crash_child.py")
SIZE = 7
BATCH = Balance(debits_fen=1 + 2 + 3 + 4 + 5 + 60, credits_fen=0)
pytestmark = needs_linux


@pytest.fixture
def faulty(tmp_path: Path, real_part: Callable[[str, bool, str], None]) -> Iterator[Children]:
    with faulty_children(SCRIPT, tmp_path, real_part) as found:
        yield found


def open_books(store: Store) -> None:
    Ledger(store).open_accounts([("out", AccountKind.EXTERNAL), ("in", AccountKind.PERSONAL_MEDICAL)])


def there(store: Store, name: str) -> set[int]:
    """The batches of a run that are in the books, each whole."""
    with store.begin() as connection:
        found = connection.execute(
            sa.text("SELECT transfer_id FROM transfer WHERE transfer_id >= :first AND transfer_id < :after"),
            {"first": f"{name}/", "after": f"{name}0"},
        ).scalars()
        ids = [transfer_id.split("/") for transfer_id in found]
    numbers = {int(number) for _, number, _ in ids}
    assert sorted((int(n), int(i)) for _, n, i in ids) == [(n, i) for n in sorted(numbers) for i in range(SIZE)]
    return numbers


def assert_sound(store: Store, batches: int) -> None:
    ledger = Ledger(store)
    assert ledger.balance("out") == Balance(batches * BATCH.debits_fen, 0)
    assert ledger.balance("in") == Balance(0, batches * BATCH.debits_fen)
    assert ledger.recompute() == []
    with store.begin() as connection:
        assert connection.execute(sa.text("SELECT COUNT(*) FROM hold WHERE state = 0")).scalar() == 0


def assert_kept(acknowledged: set[int], found: set[int], count: int) -> None:
    """All that was acknowledged, in order, and at most the one in flight."""
    assert acknowledged == set(range(len(acknowledged)))
    assert found in (acknowledged, acknowledged | {len(acknowledged)})
    assert len(found) <= count


COUNT = 3


def books_of(folder: Path) -> Path:
    """A database whose next commits also fold the log into the file."""
    path = folder / "books.sqlite"
    with Store.open(f"sqlite:///{path}") as store:
        open_books(store)
    return path


def copy(template: Path, folder: Path, name: str) -> str:
    path = folder / f"{name}.sqlite"
    shutil.copy(template, path)
    return f"sqlite:///{path}"


def calls_of(faulty: Children, template: Path, folder: Path) -> int:
    acknowledged, refused, status = faulty.run(copy(template, folder, "counted"), "r", COUNT, "0:count")
    assert (acknowledged, refused, status) == (set(range(COUNT)), 0, 0)
    calls = int((folder / "calls").read_text())
    assert calls > 12 * COUNT  # frames, fsyncs, the folding of the log
    return calls


@pytest.mark.parametrize("deed", ["kill", "torn", "after"])
def test_killed_at_every_write_and_fsync(faulty: Children, tmp_path: Path, deed: str) -> None:
    template = books_of(tmp_path)
    kept = set()
    for at in range(1, calls_of(faulty, template, tmp_path) + 1):
        url = copy(template, tmp_path, f"{deed}{at}")
        acknowledged, _, status = faulty.run(url, "r", COUNT, f"{at}:{deed}")
        assert status == -9
        with Store.open(url) as store:
            found = there(store, "r")
            assert_kept(acknowledged, found, COUNT)
            assert_sound(store, len(found))
        kept.add((len(acknowledged), len(found)))
    assert {acknowledged for acknowledged, _ in kept} == set(range(COUNT + 1))


@pytest.mark.parametrize("deed", ["enospc", "eio"])
def test_every_write_failed_once(faulty: Children, tmp_path: Path, deed: str) -> None:
    """A typed refusal, and the same process goes on: what it was refused is posted when it is posted again."""
    template = books_of(tmp_path)
    refusals = 0
    for at in range(1, calls_of(faulty, template, tmp_path) + 1):
        url = copy(template, tmp_path, f"{deed}{at}")
        acknowledged, refused, status = faulty.run(url, "r", COUNT, f"{at}:{deed}")
        assert status in (0, 3)
        assert status == 0 or refused
        refusals += bool(refused)
        with Store.open(url) as store:
            found = there(store, "r")
            assert found >= acknowledged
            assert status == 3 or found == set(range(COUNT))
            assert_sound(store, len(found))
    assert refusals > COUNT


def kill_at_random(several: list[Children], store: Store, url: str, kills: int, told: Callable[[str], None]) -> None:
    """Several processes post at once on one database; each is killed at random and followed by the next."""
    open_books(store)
    start = perf_counter()
    done: list[tuple[int, int]] = []  # acknowledged and found, for each that was killed

    def kill_some(place: int) -> None:
        pause = sampled(20140804 + place)
        for kill in range(place, kills, len(several)):
            opening = pause.random() < 0.1
            acks, longest_ms = (-1, 40.0) if opening else (pause.randint(0, 2), 6.0)
            moment = f"{acks}+{pause.uniform(0, longest_ms)}"
            acknowledged, _, status = several[place].run(url, f"k{kill}", 100_000, "-", moment)
            assert status == -9
            found = there(store, f"k{kill}")
            assert_kept(acknowledged, found, 100_000)
            done.append((len(acknowledged), len(found)))
            if len(done) % 100 == 0:
                assert Ledger(store).recompute() == []
            if len(done) % 1000 == 0:
                told(f"{len(done):,} killed, {perf_counter() - start:.0f} s")

    with ThreadPoolExecutor(len(several)) as pool:
        for call in [pool.submit(kill_some, place) for place in range(len(several))]:
            call.result()
    assert len(done) == kills
    assert_sound(store, sum(found for _, found in done))
    acknowledged, found = (sum(column) for column in zip(*done, strict=True))
    told(f"{kills:,} killed: {acknowledged:,} batches acknowledged, {found:,} present, 0 lost, 0 half, 0 doubled")
    assert acknowledged > kills // 2  # most were killed while they posted


KILLS = {"sqlite": 100, "postgresql": 25}
SEVERAL = 4


@pytest.fixture
def several() -> Iterator[list[Children]]:
    found = [Children(SCRIPT) for _ in range(SEVERAL)]
    yield found
    for one in found:
        one.close()


def test_killed_at_random(several: list[Children], store_url: str, store: Store) -> None:
    kill_at_random(several, store, store_url, KILLS[store.engine.dialect.name], print)


@pytest.mark.soak
def test_killed_at_random_ten_thousand_times(
    several: list[Children], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", end="", flush=True)

    url = f"sqlite:///{tmp_path}/books.sqlite"
    with Store.open(url) as store:
        kill_at_random(several, store, url, int(os.environ.get("SBCARD_SOAK_KILLS", "10000")), told)
