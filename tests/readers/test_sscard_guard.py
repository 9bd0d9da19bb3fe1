"""A vendor's library in its guarded process: whatever it does wrong, the caller lives."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest

from apdu.errors import CardLost
from readers import sscard_child
from readers.errors import (
    Busy,
    DriverCrashed,
    DriverOverrun,
    NotSupported,
    ReaderNotFound,
    Timeout,
)
from readers.sscard_guard import Guard, Out
from readers.sscard_text import decode
from sbcard_core.errors import InvalidValue, SBCardError

LIMIT = 0.15
"""Seconds a call that hangs gets."""
LONG = 60
"""Seconds any other call gets: one that a busy machine holds up has not hung."""

# What iType makes the library do, and what must come of it: an error, or a code.
HOSTILE: dict[int, type[SBCardError] | int] = {
    100: -2,
    101: 0,
    102: DriverOverrun,
    103: DriverOverrun,
    104: DriverOverrun,
    105: Timeout,
    106: Timeout,
    107: Timeout,
    108: DriverCrashed,
    109: DriverCrashed,
    110: DriverCrashed,
    111: DriverCrashed,
    112: DriverCrashed,
    113: 0,
    114: DriverCrashed,
    115: 0,
    116: DriverCrashed,
    117: DriverCrashed,
    118: 0,
    119: DriverCrashed,
    120: DriverCrashed,
    121: Timeout,
    122: -2,
    123: 0,
    124: 0,
}
LEAK = 124
"""Takes every descriptor of its process: the answer counts, the process does not."""
DEADLY = [what for what, outcome in HOSTILE.items() if not isinstance(outcome, int)]


@pytest.fixture
def guard(library: Path) -> Iterator[Guard]:
    with Guard(library) as guard:
        yield guard


def hostile(guard: Guard, what: int) -> object:
    """The class of the error, or the code."""
    try:
        limit = LIMIT if HOSTILE[what] is Timeout else LONG
        return guard.call("iReadCardBas", [what, Out()], limit=limit)[0]
    except (Timeout, DriverCrashed) as error:
        assert error.step == "iReadCardBas"  # noqa: PT017 - the class is the result
        assert isinstance(error, CardLost)  # noqa: PT017
        return type(error)


def is_well(guard: Guard, limit: float = LONG) -> bool:
    code, (out,) = guard.call("iReadCardBas", [1, Out()], limit=limit)
    return code == 0 and decode(out, "").startswith("639900|")


@pytest.mark.parametrize("what", HOSTILE)
def test_whatever_the_library_does_the_caller_lives(guard: Guard, what: int, capfd: pytest.CaptureFixture[str]) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGINT)}
    assert is_well(guard)
    assert hostile(guard, what) == HOSTILE[what]
    assert is_well(guard)
    spent = what == LEAK or not isinstance(HOSTILE[what], int)
    assert guard.starts == 1 + spent
    assert capfd.readouterr() == ("", "")
    assert {number: signal.getsignal(number) for number in before} == before


Rampage = tuple[Counter[str], list[float], list[float]]
"""What came of it; seconds of each recovery; seconds by which each limit was overstayed."""


def rampage(library: Path, count: int, seed: int) -> Rampage:
    """Kill, hang and overrun at random."""
    rng = random.Random(seed)
    outcomes: Counter[str] = Counter()
    recoveries: list[float] = []
    overstays: list[float] = []
    # Hangs cost their limit each, so they are the rarer part.
    quick = [what for what in DEADLY if HOSTILE[what] is not Timeout]
    hangs = [what for what in DEADLY if HOSTILE[what] is Timeout]
    with Guard(library) as guard:
        assert is_well(guard)
        for _ in range(count):
            kind = rng.random()
            begun = time.monotonic()
            if kind < 0.25:
                assert guard.process_id is not None
                os.kill(guard.process_id, rng.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM]))
                outcome = hostile(guard, 100)
                assert outcome in (DriverCrashed, -2)  # the signal may come after the answer
            else:
                what = rng.choice(hangs if kind < 0.4 else quick)
                outcome = hostile(guard, what)
                assert outcome == HOSTILE[what]
            ended = time.monotonic()
            if outcome is Timeout:
                overstays.append(ended - begun - LIMIT)
            while True:
                try:
                    assert is_well(guard)
                    break
                except DriverCrashed:  # that late signal
                    assert outcome == -2
            recoveries.append(time.monotonic() - ended)
            outcomes[outcome.__name__ if isinstance(outcome, type) else str(outcome)] += 1
    return outcomes, recoveries, overstays


def rampages(library: Path, count: int, seed: int) -> Rampage:
    """Three callers at once, each with a process of its own: much of a rampage is waiting for a hang's limit."""
    descriptors = Path("/proc/self/fd")
    open_before = len(os.listdir(descriptors)) if descriptors.exists() else 0
    with ThreadPoolExecutor(3) as pool:
        shares = [count // 3, count // 3, count - count // 3 * 2]
        each = list(pool.map(lambda own, share: rampage(library, share, own), range(seed, seed + 3), shares))
    if open_before:
        assert len(os.listdir(descriptors)) <= open_before + 4
    outcomes, recoveries, overstays = zip(*each, strict=True)
    return sum(outcomes, Counter()), sorted(chain(*recoveries)), sorted(chain(*overstays))


def test_a_hundred_kills_hangs_and_overruns(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes, recoveries, overstays = rampages(library, 100, seed=2026)
    with capsys.disabled():
        print(f"\n100 kills, hangs and overruns: {dict(outcomes)}; recovered within {recoveries[-1]:.3f} s", end=" ")
    assert sum(outcomes.values()) == len(recoveries) == 100
    assert min(outcomes["Timeout"], outcomes["DriverCrashed"], outcomes["DriverOverrun"]) >= 8
    # The other tests run beside: a machine that stands still for a moment is no fault of the guard.
    assert max(recoveries[len(recoveries) // 2], overstays[len(overstays) // 2]) <= 1


@pytest.mark.soak
def test_ten_thousand_kills_hangs_and_overruns(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes, recoveries, overstays = rampages(library, 10_000, seed=1)
    with capsys.disabled():
        print(f"\n10,000 kills, hangs and overruns: {dict(outcomes)}; recovered within {recoveries[-1]:.3f} s", end=" ")
    assert sum(outcomes.values()) == len(recoveries) == 10_000
    assert max(recoveries[-1], overstays[-1]) <= 1


def test_nothing_of_a_person_stays_in_the_shared_buffers(guard: Guard) -> None:
    assert is_well(guard)
    process = guard._process
    assert process is not None
    held = process._area[:]
    for text in ("李珅".encode("gb18030"), b"111111198101011110"):
        assert text not in held


def test_a_caller_that_dies_takes_the_library_with_it(library: Path) -> None:
    import subprocess
    import sys

    code = (
        "import os, sys; from readers.sscard_guard import Guard, Out\n"
        f"guard = Guard({str(library)!r}); guard.call('iReadCardBas', [1, Out()], limit=9)\n"
        "import threading; threading.Timer(0.3, lambda: os._exit(9)).start()\n"
        "print(guard.process_id, flush=True); guard.call('iReadCardBas', [106, Out()], limit=60)\n"
    )
    root = Path(sscard_child.__file__).parent.parent
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 9, run.stderr
    end = time.monotonic() + LONG
    while Path(f"/proc/{int(run.stdout)}").exists() and time.monotonic() < end:
        if Path(f"/proc/{int(run.stdout)}/stat").read_text().split()[2] == "Z":
            break  # dead; whoever inherited it has not looked yet
        time.sleep(0.02)
    else:
        assert not Path(f"/proc/{int(run.stdout)}").exists()


def test_a_second_thread_is_told_at_once(guard: Guard) -> None:
    import threading

    assert is_well(guard)
    refused: list[Busy] = []

    def ask() -> None:
        with pytest.raises(Busy) as busy:
            guard.call("iReadCardBas", [1, Out()], limit=LONG)
        refused.append(busy.value)

    with guard._lock:  # as a call holds it
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join(LONG)
    assert len(refused) == 1
    assert is_well(guard)


def test_no_library_no_function_no_room(library: Path, tmp_path: Path) -> None:
    with pytest.raises(ReaderNotFound, match="nosuch"):
        Guard(tmp_path / "nosuch.so")
    (tmp_path / "text.so").write_text("no library")
    with Guard(tmp_path / "text.so") as guard, pytest.raises(ReaderNotFound, match="cannot be loaded"):
        guard.call("iReadCardBas", [1, Out()], limit=1)
    with Guard(library) as guard:
        with pytest.raises(NotSupported, match="iWriteCard"):
            guard.call("iWriteCard", [1, b"", b"", b"", Out()], limit=1)
        with pytest.raises(InvalidValue):
            guard.call("iReadCardBas", [1, Out(1 << 20)], limit=1)
        assert is_well(guard)
        assert guard.starts == 1
        guard.close()
        guard.close()
        assert is_well(guard)
