"""Billing processes killed at every write and at random moments; every write failed once."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sbcard_core.ledger import AccountKind, Ledger, Transfer
from sbcard_core.medical import MedicalBilling, samples
from sbcard_core.store import Store
from tests.faults import Children, faulty_children, needs_linux, sampled
from tests.medical.billing_child import AT, BILLS, cancellations, do, number
from tests.medical.proof import assert_sound, moved, nets, years

SCRIPT = Path(__file__).with_name("billing_child.py")
STEPS = 2
pytestmark = needs_linux


@pytest.fixture
def children() -> Iterator[Children]:
    with Children(SCRIPT) as found:
        yield found


@pytest.fixture
def faulty(tmp_path: Path, real_part: Callable[[str, bool, str], None]) -> Iterator[Children]:
    with faulty_children(SCRIPT, tmp_path, real_part) as found:
        yield found


def open_books(store: Store) -> None:
    ledger = Ledger(store)
    ledger.open_accounts([("EXTERNAL", AccountKind.EXTERNAL), ("PERSONAL_MEDICAL:1", AccountKind.PERSONAL_MEDICAL)])
    ledger.post(Transfer("load", "EXTERNAL", "PERSONAL_MEDICAL:1", 10**9, "load", AT))


def there(store: Store) -> dict[str, set[int]]:
    """The steps that are in the books, by run, each whole."""
    steps: dict[str, set[int]] = {}
    ids = {row.setl_id for row in assert_sound(store)}
    for name, batch in {(str(int(setl_id[1:12])), int(setl_id[22:24]) * 60 + int(setl_id[24:26])) for setl_id in ids}:
        wanted = {number(name, batch, serial) for serial in range(BILLS)}
        taken = {one.msgid for one in cancellations(name, batch)}
        assert wanted <= ids
        assert taken <= ids or not taken & ids
        steps.setdefault(name, set()).update({2 * batch} | ({2 * batch + 1} if taken <= ids else set()))
    return steps


def assert_kept(acknowledged: set[int], found: set[int]) -> None:
    """All that was acknowledged, in order, and at most the one in flight."""
    assert acknowledged == set(range(len(acknowledged)))
    assert found in (acknowledged, acknowledged | {len(acknowledged)})


def finish(store: Store, name: str, found: set[int]) -> None:
    """The same run again from its start: what is there answers so, the rest is done, and all is there once."""
    billing = MedicalBilling(store, Ledger(store), samples())
    for step in range(STEPS):
        again = {"EXISTS", "CANCELLED"} if step % 2 == 0 and step + 1 in found else {"EXISTS"}
        assert set(do(billing, name, step)) == (again if step in found else {"SETTLED"})
    assert there(store)[name] == set(range(STEPS))


def copy(template: Path, folder: Path, name: str) -> str:
    path = folder / f"{name}.sqlite"
    shutil.copy(template, path)
    return f"sqlite:///{path}"


def every_write(faulty: Children, tmp_path: Path, deeds: tuple[str, ...], stride: int) -> None:
    """Each ``stride``-th write dies or fails; then the run is done again, and the books are those of a quiet run."""
    template = tmp_path / "books.sqlite"
    with Store.open(f"sqlite:///{template}", sample=True) as store:
        open_books(store)
    quiet = copy(template, tmp_path, "quiet")
    acknowledged, refused, status = faulty.run(quiet, "1", STEPS, "0:count")
    assert (acknowledged, refused, status) == (set(range(STEPS)), 0, 0)
    calls = int((tmp_path / "calls").read_text())
    assert calls > 12 * STEPS
    with Store.open(quiet, sample=True) as store:
        wanted = moved(store), nets(store), years(store)
    seen, refusals = set(), 0
    for turn, at in enumerate(range(1, calls + 1, stride)):
        deed = deeds[turn % len(deeds)]
        url = copy(template, tmp_path, f"{deed}{at}")
        acknowledged, refused, status = faulty.run(url, "1", STEPS, f"{at}:{deed}")
        assert status == -9 if deed in ("kill", "torn", "after") else status in (0, 3), (deed, at)
        with Store.open(url, sample=True) as store:
            found = there(store).get("1", set())
            if status == -9:
                assert_kept(acknowledged, found)
            assert found >= acknowledged
            seen.add(len(found))
            refusals += refused
            finish(store, "1", found)
            assert (moved(store), nets(store), years(store)) == wanted
        Path(url.removeprefix("sqlite:///")).unlink()
    assert seen >= {0, STEPS} if deeds[0] not in ("enospc", "eio") else refusals


def test_killed_at_writes_and_fsyncs(faulty: Children, tmp_path: Path) -> None:
    every_write(faulty, tmp_path, ("kill", "torn", "after"), 2)


def test_writes_that_failed(faulty: Children, tmp_path: Path) -> None:
    every_write(faulty, tmp_path, ("enospc", "eio"), 7)


@pytest.mark.soak
@pytest.mark.parametrize("deed", ["kill", "torn", "after", "enospc", "eio"])
def test_every_single_write(faulty: Children, tmp_path: Path, deed: str) -> None:
    every_write(faulty, tmp_path, (deed,), 1)


def kill_at_random(children: Children, store: Store, url: str, kills: int, longest_ms: float) -> None:
    open_books(store)
    pause = sampled(20140804)
    acknowledged, in_all = {}, 0
    while len(acknowledged) < kills or in_all <= kills:  # most are killed while they bill, also on a slow machine
        kill = len(acknowledged) + 1
        life_ms = pause.uniform(0, longest_ms * (1 + kill // kills))
        done, _, status = children.run(url, str(kill), 7_000, "-", str(life_ms))
        assert status == -9
        acknowledged[str(kill)] = done
        in_all += len(done)
        if kill % 100 == 0 or kill >= kills:
            found = there(store)
            for name, steps in acknowledged.items():
                assert_kept(steps, found.get(name, set()))


KILLS = {"sqlite": (10, 60), "postgresql": (4, 200)}
"""How many, and the longest life in milliseconds after the books are open."""
MANY = {"sqlite": (1_000, 60), "postgresql": (500, 200)}


def test_killed_at_random(children: Children, store_url: str, store: Store) -> None:
    kill_at_random(children, store, store_url, *KILLS[store.engine.dialect.name])


@pytest.mark.soak
def test_killed_at_random_many_times(children: Children, store_url: str, store: Store) -> None:
    kill_at_random(children, store, store_url, *MANY[store.engine.dialect.name])
