"""Who takes part in the checks of numbers and records: ours and every peer that is installed, on one input.

Every entrant tells which rows it finds clean; they are compared before anything is timed, and again after it.
"""

import csv
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import collected, id_peers, numbers, record_peers
from benchmarks.id_peers import has
from benchmarks.numbers import ON
from sbcard_core import _kernels
from sbcard_core.fields import citizen_id
from sbcard_core.validation.check import check_files, check_sources
from sbcard_core.validation.columnar import ArrowTable
from sbcard_core.validation.context import Context
from sbcard_core.validation.duplicates import Duplicates
from sbcard_core.validation.pool import Plan
from sbcard_core.validation.spec import COLLECTION

Clean = NDArray[np.bool_]
OURS = "ours"
NUMBA, NUMPY, POLARS, DUCKDB = "numba loop", "numpy in blocks", "polars expressions", "duckdb SQL"
PANDERA, PYDANTIC, PYTHON, STDNUM = "pandera (polars)", "pydantic", "plain Python", "python-stdnum"
SCREEN = "ours, the screen alone"
"""It says only which records are clean, as the peers do: no digest, no findings."""
COPY, DIGEST = "copy of the bytes", "SHA-256 of the bytes"
"""The limits: less than reading all bytes once, and than the digest every source gets, no check can take."""
PARSE, CSV, SCAN = "pyarrow.csv parse alone", "csv module, parse alone", "polars scan_csv + rules"
ALONE = replace(COLLECTION, same=())
"""The layout without the search for repeated numbers, which has a benchmark of its own."""
BATCH = 1 << 16


@dataclass(frozen=True)
class Entrant:
    """One that does the work: a call, how many rows it does, and which of them its result calls clean.

    ``clean`` is None for one that judges nothing: a copy, a parser. One thread is timed by its processor time, so that
    other programs count little; several, and what reads files, by the wall clock.
    """

    run: Callable[[], Any] = field(repr=False)
    items: int
    clean: Callable[[Any], Clean] | None = field(default=None, repr=False)
    threads: int = 1
    wall: bool = False

    @property
    def clock(self) -> Callable[[], int]:
        """What its time is told by, in nanoseconds."""
        return perf_counter_ns if self.wall or self.threads > 1 else thread_time_ns


@dataclass(frozen=True)
class Check:
    """One case: its entrants, the goals (how many times as long as ours a peer must take), and what splits our time."""

    title: str
    entrants: dict[str, Entrant]
    at_least: dict[str, float] = field(default_factory=dict)
    at_most: dict[str, float] = field(default_factory=dict)
    """Ours may take so many times as long as these."""


def _zero(mask: Any) -> Clean:
    return np.asarray(np.frombuffer(mask, np.uint8) == 0)


def _placed(found: Any) -> Clean:
    clean = np.zeros(len(found["place"]), np.bool_)
    clean[found["place"]] = found["mask"] == 0
    return clean


def _asis(found: Any) -> Clean:
    return np.asarray(found)


def polars_threads() -> int:
    """How many threads polars uses; POLARS_MAX_THREADS sets it before it starts."""
    import polars as pl  # noqa: PLC0415 - a peer

    return int(pl.thread_pool_size())


def _duckdb(table: Any) -> tuple[Any, int]:
    import duckdb  # noqa: PLC0415 - a peer

    connection = duckdb.connect()
    connection.register("numbers", table.append_column("place", [np.arange(len(table), dtype=np.uint32)]))
    return connection, int(connection.execute("select current_setting('threads')").fetchnumpy().popitem()[1][0])


@cache
def _judgeable(count: int) -> numbers.Numbers:
    """Numbers of our input python-stdnum has a region for, faulty ones included."""
    from stdnum.cn import ric  # noqa: PLC0415 - a peer
    from stdnum.exceptions import ValidationError  # noqa: PLC0415 - a peer

    given = numbers.numbers(max(10 * count, 10_000))
    kept = []
    for at, (number, sex) in enumerate(given.texts()):
        try:
            ric.get_birth_place(number)
        except (ValidationError, KeyError):
            continue
        if sex == "9" or int(number[16]) % 2 == int(sex) % 2:  # it knows no sex
            kept.append(at)
    rows = np.frombuffer(given.rows, np.uint8).reshape(-1, 18)[kept[:count]]
    return numbers.Numbers(len(rows), rows.tobytes(), b"9" * len(rows))


def _our_masks(given: numbers.Numbers, level: str | None = None) -> bytearray:
    return citizen_id.check_many(given.rows, sex=given.sexes, on=ON, level=level)


def ids(count: int, *, slow: bool = True) -> Check:
    """The check of citizen numbers: characters, region, date, check character, sex."""
    given = numbers.numbers(count)
    found = {
        OURS: Entrant(partial(_our_masks, given), count, _zero),
        COPY: Entrant(partial(bytearray, given.rows), count),
    }
    if has("numba"):
        found[NUMBA] = Entrant(partial(id_peers.numba_masks, given), count, _zero)
    found[NUMPY] = Entrant(partial(id_peers.numpy_masks, given), count, _zero)
    if has("polars", "pyarrow"):
        import polars as pl  # noqa: PLC0415 - a peer

        frame = pl.from_arrow(given.table())
        found[POLARS] = Entrant(partial(id_peers.polars_masks, frame), count, _zero, polars_threads())
    if has("duckdb", "pyarrow"):
        connection, threads = _duckdb(given.table())
        found[DUCKDB] = Entrant(partial(id_peers.duckdb_masks, connection), count, _placed, threads)
    if slow:
        found |= _slow_ids(given)
    goals = {NUMBA: 10.0}
    return Check(f"check {count:,} citizen numbers", found, goals, {COPY: 2.5} if count >= 1_000_000 else {})


def _slow_ids(given: numbers.Numbers) -> dict[str, Entrant]:
    found = {}
    if has("pandera", "polars", "pyarrow"):
        import polars as pl  # noqa: PLC0415 - a peer

        some = given.head(20_000)
        frame = pl.from_arrow(some.table())
        found[PANDERA] = Entrant(partial(id_peers.pandera_clean, frame), some.count, _asis, polars_threads())
    few = given.head(3_000)
    if has("pydantic"):
        found[PYDANTIC] = Entrant(partial(id_peers.pydantic_clean, few.texts()), few.count, _asis)
    found[PYTHON] = Entrant(partial(id_peers.python_clean, few.texts()), few.count, _asis)
    return found


def stdnum(count: int = 3_000) -> Check:
    """python-stdnum on numbers it can judge, ours on the same ones."""
    given = _judgeable(count)
    return Check(
        f"check {given.count:,} numbers python-stdnum has a region for, without sex",
        {
            OURS: Entrant(partial(_our_masks, given), given.count, _zero),
            STDNUM: Entrant(partial(id_peers.stdnum_clean, given.texts()), given.count, _asis),
        },
    )


def _checked(sources: Any) -> list[tuple[int, list[int]]]:
    """Run a check to its end: per batch the number of records and the lines that have findings."""
    return [(batch.records, [mark.line for mark in batch.marks]) for batch in sources()]


def _lines(first: int, batches: list[tuple[int, list[int]]]) -> Clean:
    clean = np.ones(sum(count for count, _ in batches), np.bool_)
    clean[np.array([line for _, lines in batches for line in lines], np.int64) - first] = False
    return clean


def _from_arrow(table: Any) -> list[tuple[int, list[int]]]:
    return _checked(partial(check_sources, [ArrowTable("table", table)], ALONE, on=ON, batch_size=BATCH))


def _screened(table: Any) -> list[tuple[int, list[int]]]:
    """The screen's word alone, as the check asks for it: which records it would hand on to the judge."""
    screen, out = Plan(ALONE, Context.of(ON), Duplicates.none(), BATCH, {}).checker(0).screen, []
    for block in ArrowTable("table", table).blocks(ALONE):
        if block.layout is not None and block.line(0):
            found = screen.look(block, block.layout, 0, len(block))
            out.append((len(block), [block.line(index) for index in found.others]))
    return out


def _digest(parts: list[memoryview]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def _from_file(path: Path) -> list[tuple[int, list[int]]]:
    return _checked(partial(check_files, [path], ALONE, on=ON, batch_size=BATCH))


def records(count: int, *, slow: bool = True, faults: bool = True) -> Check:
    """Whole records of twelve fields, birth and sex against the number, from Arrow."""
    table = collected.table(count, faults=faults)
    found = {OURS: Entrant(partial(_from_arrow, table), count, partial(_lines, 1))}
    found[SCREEN] = Entrant(partial(_screened, table), count, partial(_lines, 1))
    cells = [memoryview(part) for column in table.columns for part in column.chunk(0).buffers()[1:]]
    found[COPY] = Entrant(partial(lambda parts: [bytearray(part) for part in parts], cells), count)
    found[DIGEST] = Entrant(partial(_digest, cells), count)
    if has("polars"):
        import polars as pl  # noqa: PLC0415 - a peer

        frame = pl.from_arrow(table)
        found[POLARS] = Entrant(partial(record_peers.polars_clean, frame), count, _asis, polars_threads())
        if slow and has("pandera"):
            some = frame.head(5_000)
            found[PANDERA] = Entrant(partial(record_peers.pandera_clean, some), len(some), _asis, polars_threads())
    if slow and has("pydantic"):
        rows = record_peers.as_rows(table.slice(0, 2_000))
        found[PYDANTIC] = Entrant(partial(record_peers.pydantic_clean, rows), len(rows), _asis)
    title = f"check {count:,} whole records from Arrow, {_share(faults)} faulty"
    return Check(title, found, {POLARS: 25.0})


def _share(faults: bool) -> str:
    return "2 of 100" if faults else "none"


@contextmanager
def file_of(count: int, **how: Any) -> Iterator[Path]:
    """A file of records that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sbcard-bench-") as folder:
        path = Path(folder, "430100.csv")
        collected.write(path, count, **how)
        yield path


def _arrow_parse(path: Path) -> Any:
    from pyarrow import csv as arrow_csv  # noqa: PLC0415 - a peer
    from pyarrow import string  # noqa: PLC0415 - a peer

    options = arrow_csv.ConvertOptions(column_types=dict.fromkeys(collected.HEADERS, string()))
    return arrow_csv.read_csv(path, arrow_csv.ReadOptions(use_threads=False), convert_options=options)


def _csv_parse(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file))


def delimited(path: Path, chinese: Path, count: int, *, faults: bool = True) -> Check:
    """A delimited file from its bytes to the verdicts: UTF-8 for all, GB18030 for ours too."""
    found = {
        OURS: Entrant(partial(_from_file, path), count, partial(_lines, 2)),
        f"{OURS}, GB18030": Entrant(partial(_from_file, chinese), count, partial(_lines, 2)),
    }
    found[DIGEST] = Entrant(lambda: _digest([memoryview(path.read_bytes())]), count)
    if has("pyarrow"):
        found[PARSE] = Entrant(partial(_arrow_parse, path), count)
    found[CSV] = Entrant(partial(_csv_parse, path), count)
    if has("polars"):
        found[SCAN] = Entrant(partial(record_peers.polars_scan, str(path)), count, _asis, polars_threads())
    found = {name: replace(one, wall=True) for name, one in found.items()}
    size = path.stat().st_size / 1e6
    title = f"parse and check a delimited file of {count:,} records, {size:.0f} MB, {_share(faults)} faulty"
    return Check(title, found, at_most={PARSE: 1.2})


def compare(check: Check, results: dict[str, Any]) -> dict[str, int]:
    """Stop unless all that judge call the same rows clean; how many each calls clean.

    Raises:
        AssertionError: one differs.
    """
    judges = {name: one for name, one in check.entrants.items() if one.clean is not None}
    clean = {name: one.clean(results[name]) for name, one in judges.items() if one.clean is not None}
    ours = clean[OURS]
    for name, found in clean.items():
        if len(found) != check.entrants[name].items or not np.array_equal(found, ours[: len(found)]):
            raise AssertionError(f"{check.title}: {name} judges otherwise than ours")
    return {name: int(found.sum()) for name, found in clean.items()}


def versions() -> dict[str, str]:
    """The peers' versions, with what they run on."""
    found = {
        name: version(name) for name in ("numba", "polars", "duckdb", "pandera", "pydantic", "pyarrow") if has(name)
    }
    if has("stdnum"):
        found["python-stdnum"] = version("python-stdnum")
    return found


def kernel_alone(given: numbers.Numbers) -> Callable[[], Any]:
    """The kernel on buffers made beforehand: what the public call adds is the rest."""
    kernel, level = _kernels.choose("idcheck", None)
    out, regions, today = bytearray(given.count), citizen_id.known_regions(), citizen_id.day_key(ON)
    return partial(kernel.check, given.rows, given.sexes, regions, today, out, level)
