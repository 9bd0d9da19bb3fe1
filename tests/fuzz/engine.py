"""The engine for machines without atheris: seeded mutations of a corpus made by code, kept when an outcome is new.

Everything follows from the seed, so a run can be repeated. A harness gives back what came of its input (the codes
found, the error raised …); an input with a new outcome joins the corpus, as new coverage would in a guided run.
"""

import random
import resource
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

MAX_INPUT = 1 << 16
SECONDS_EACH = 10
"""One execution may take this long, on a loaded machine."""
MEMORY = 1536 << 20
"""Resident bytes the process may ever have."""

CORPUS = Path(__file__).parent / "corpus"
"""``corpus/<harness>/*``: inputs that once failed."""


class TooSlow(Exception):
    """One execution took longer than ``SECONDS_EACH``."""


class TooLarge(Exception):
    """The process grew beyond ``MEMORY``."""


@dataclass(frozen=True)
class Harness:
    """One parser under its laws.

    Args:
        name: on the command line, and of its folder of past failures.
        run: takes any bytes; gives what came of them, raises where a law is broken.
        seeds: whole inputs to begin with.
        words: pieces worth inserting.
        needs: a module that must be installed.
    """

    name: str
    run: Callable[[bytes], Hashable]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()
    needs: str = ""


@dataclass
class Result:
    """What a run of one harness gave."""

    executions: int = 0
    outcomes: set[Hashable] = field(default_factory=set)
    failures: list[tuple[bytes, BaseException]] = field(default_factory=list)


def saved(name: str) -> list[bytes]:
    """The inputs of past failures."""
    folder = CORPUS / name
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


_WORDS = (b"\0", b"\r", b"\n", b"\r\n", b'"', b'""', b",", b"\t", b"|", b"\xff", b"\x81", b"\x1a", b" ", b"=",
          b"\xff\xfe", b"\xef\xbb\xbf", b"9" * 20, b"-1", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff",
          b"43010219491231002X")  # fmt: skip


def words(harness: Harness) -> tuple[bytes, ...]:
    """What is worth inserting, for every harness and for this one."""
    return (*_WORDS, *harness.words)


def seeded_folder(harness: Harness) -> Path:
    """Seeds and past failures as files, for an engine that reads a folder."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-seeds-")) / "corpus"
    folder.mkdir()
    for at, data in enumerate([b"", *saved(harness.name), *harness.seeds()]):
        (folder / f"{at:04}").write_bytes(data)
    return folder


class Mutator:
    """Changes inputs at random; the same seed gives the same changes."""

    def __init__(self, chance: random.Random, words: tuple[bytes, ...]) -> None:
        self._chance, self._words = chance, (*_WORDS, *words)

    def mutate(self, data: bytes, other: bytes) -> bytes:
        """Some changes to an input; ``other`` may lend a piece."""
        for _ in range(1 << self._chance.randrange(4)):
            data = self._change(data, other)
        return data[:MAX_INPUT]

    def _span(self, data: bytes) -> tuple[int, int]:
        start = self._chance.randrange(len(data) + 1)
        return start, min(len(data), start + (1 << self._chance.randrange(8)))

    def _change(self, data: bytes, other: bytes) -> bytes:  # noqa: PLR0911 - one line a kind of change
        chance = self._chance
        start, end = self._span(data)
        match chance.randrange(9):
            case 0:
                return data[:start] + bytes([chance.randrange(256)]) + data[start + 1 :]
            case 1:
                bit = bytes([data[start] ^ 1 << chance.randrange(8)]) if start < len(data) else b""
                return data[:start] + bit + data[start + 1 :]
            case 2:
                return data[:start] + data[end:]
            case 3:
                return data[:end] + data[start:end] * chance.choice((1, 1, 2, 40)) + data[end:]
            case 4 | 5:
                return data[:start] + chance.choice(self._words) + data[start if chance.random() < 0.5 else end :]
            case 6:
                low, high = self._span(other)
                return data[:start] + other[low:high] + data[end:]
            case 7:
                return data[: max(1, start)]
        return data[:start] + chance.randbytes(end - start) + data[end:]


def _late(number: int, frame: FrameType | None) -> None:
    raise TooSlow(f"more than {SECONDS_EACH} s")


def execute(harness: Harness, data: bytes) -> Hashable:
    """One execution under its limits of time and memory.

    Raises:
        BaseException: a law is broken, or a limit.
    """
    before = signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_EACH)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow and openpyxl, about damage
            outcome = harness.run(data)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 > MEMORY:
        raise TooLarge(f"more than {MEMORY >> 20} MB")
    return outcome


def inputs(harness: Harness, seed: int, pool: list[bytes]) -> Iterator[bytes]:
    """The pool, then mutations of it without end; the caller may add to the pool."""
    chance = random.Random(seed)
    mutator = Mutator(chance, harness.words)
    yield from list(pool)
    while True:
        newest = chance.random() < 0.3 and len(pool) > 8
        parent = pool[-1 - chance.randrange(8)] if newest else chance.choice(pool)
        yield mutator.mutate(parent, chance.choice(pool))


def drive(harness: Harness, *, seed: int, count: int = 0, seconds: float = 0, stop_at: int = 10) -> Result:
    """Run a harness for a number of executions, or for a time."""
    result, pool = Result(), [b"", *saved(harness.name), *harness.seeds()]
    end = time.monotonic() + seconds
    for data in inputs(harness, seed, pool):
        if (count and result.executions >= count) or (not count and time.monotonic() >= end):
            break
        result.executions += 1
        try:
            outcome = execute(harness, data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a panic of a Rust extension is no Exception
            result.failures.append((data, error))
            if len(result.failures) >= stop_at:
                break
            continue
        if outcome not in result.outcomes:
            result.outcomes.add(outcome)
            pool.append(data)
    return result
