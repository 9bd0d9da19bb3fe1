"""``python -m benchmarks.dedupe``: repeated citizen numbers in long columns, beside the libraries people use.

Prints ratios at one size (``--count``), growth from 10⁴ up, what each step costs, and what a whole duplicate search
takes in time and memory. The peers start from the string column each likes best and use all their threads; ours
starts from contiguous 18-byte rows, and once more from the very same polars column. Every peer's rows are compared
with ours before the timing. Wall clock, all in turn (A B A B …).
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache, partial
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine, saved
from sbcard_core.fields import region
from sbcard_core.validation import known
from sbcard_core.validation.blocks import RowBlock
from sbcard_core.validation.context import Context
from sbcard_core.validation.duplicates import Duplicates, is_first, pack, repeated
from sbcard_core.validation.number_column import pack_exact
from sbcard_core.validation.repeats import mark_first
from sbcard_core.validation.rules import RecordRules
from sbcard_core.validation.spec import COLLECTION, layout_of

Marks = NDArray[np.uint8]
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
OURS, FROM_POLARS = "ours", "ours, from the polars column"
POLARS, DUPLICATED = "polars is_first_distinct", "polars is_duplicated"
DUCKDB, DISTINCT = "duckdb min(row) per number", "duckdb count(distinct)"
PANDAS, NUMPY = "pandas duplicated", "numpy unique"
GOALS = {POLARS: 6.0, DUCKDB: 3.0, DISTINCT: 3.0}
SLOW = (NUMPY, 1_000_000)
"""numpy sorts the rows: it takes part up to this size only."""
WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int32)


@cache
def rows(count: int, seed: int = 1) -> bytes:
    """``count`` right numbers of Hunan's counties in contiguous rows, one of 50 a repeat of another."""
    rng = np.random.default_rng(seed)
    codes = np.array([[int(digit) for digit in code] for code in sorted(region.county_codes())], np.uint8)
    table = np.empty((count, 18), np.uint8)
    table[:, :6] = codes[rng.integers(0, len(codes), count)]
    for place, value in (
        (6, rng.integers(1930, 2000, count)),
        (10, rng.integers(1, 13, count)),
        (12, rng.integers(1, 29, count)),
    ):
        width = 4 if place == 6 else 2
        for at in range(width):
            table[:, place + at] = value // 10 ** (width - 1 - at) % 10
    table[:, 14:17] = rng.integers(0, 10, (count, 3), dtype=np.uint8)
    for start in range(0, count, 1 << 20):
        piece = table[start : start + (1 << 20)]
        check = (12 - piece[:, :17].astype(np.int32) @ WEIGHTS % 11) % 11
        piece[:, 17] = np.where(check == 10, ord("X") - 48, check)
    table += 48
    table[rng.integers(0, count, count // 50)] = table[rng.integers(0, count, count // 50)]
    return table.tobytes()


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who takes part: a call without arguments, and its result as our marks (None = it gives only a count)."""

    run: Callable[[], Any] = field(repr=False)
    marks: Callable[[Any], Marks] | None = field(repr=False)


def _arrow(data: bytes) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    count = len(data) // 18
    offsets = pa.py_buffer(np.arange(0, len(data) + 1, 18, dtype=np.int64))
    return pa.Array.from_buffers(pa.large_string(), count, [None, offsets, pa.py_buffer(data)])


def _at(count: int, places: Any) -> Marks:
    out = np.zeros(count, np.uint8)
    out[np.asarray(places, np.int64)] = 1
    return out


def entrants(count: int) -> dict[str, Entrant]:
    """Ours and every peer, over the same numbers."""
    import duckdb  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    import polars as pl  # noqa: PLC0415

    data = rows(count)
    column = _arrow(data)
    series, frame = pl.Series("n", column), pd.Series(column.to_pandas())
    fixed = np.frombuffer(data, "S18")
    connection = duckdb.connect()
    connection.execute("create table t (i bigint, n varchar)")
    given = pl.DataFrame({"i": np.arange(count), "n": series})  # noqa: F841 - duckdb finds it by name
    connection.execute("insert into t select i, n from given")
    as_bytes: Callable[[Any], Marks] = lambda found: np.asarray(found, np.uint8)  # noqa: E731
    found = {
        OURS: Entrant(partial(is_first, data), as_bytes),
        FROM_POLARS: Entrant(partial(is_first, series), as_bytes),
        POLARS: Entrant(series.is_first_distinct, lambda got: got.to_numpy().astype(np.uint8)),
        DUCKDB: Entrant(
            lambda: connection.execute("select min(i) from t group by n").fetchnumpy(),
            lambda got: _at(count, next(iter(got.values()))),
        ),
        DISTINCT: Entrant(lambda: connection.execute("select count(distinct n) from t").fetchone()[0], None),
        PANDAS: Entrant(frame.duplicated, lambda got: 1 - got.to_numpy().astype(np.uint8)),
    }
    if count <= SLOW[1]:
        found[NUMPY] = Entrant(lambda: np.unique(fixed, return_index=True)[1], lambda got: _at(count, got))
    return found


def compare(found: dict[str, Entrant]) -> None:
    """Every peer's rows are ours, or its count is.

    Raises:
        AssertionError: one differs.
    """
    ours = found[OURS].run()
    for name, entrant in found.items():
        got = entrant.run()
        same = got == int(ours.sum()) if entrant.marks is None else bool((entrant.marks(got) == ours).all())
        if not same:
            raise AssertionError(f"{name} marks other rows")


def in_turn(calls: dict[str, Callable[[], Any]], count: int, rounds: int) -> dict[str, list[float]]:
    """Nanoseconds per number of each call, round by round."""
    repeats = max(1, 200_000 // count)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            start = perf_counter_ns()
            for _ in range(repeats):
                call()
            if turn:
                times[name].append((perf_counter_ns() - start) / repeats / count)
    return times


def ratios(times: dict[str, list[float]], count: int) -> list[dict[str, Any]]:
    """One row a peer: its time over ours, round by round."""
    made = []
    for name, spent in times.items():
        against = sorted(theirs / own for theirs, own in zip(spent, times[OURS], strict=True))
        goal = GOALS.get(name) if count == SIZES[-1] else None
        made.append(
            {
                "case": f"first of each of {count:,} numbers", "at": name, "ns": median(spent),
                "low": min(spent), "high": max(spent), "ratio": median(against), "from": against[0],
                "to": against[-1], "goal": goal, "met": None if goal is None else median(against) >= goal,
            }
        )  # fmt: skip
    return made


def steps(count: int, rounds: int) -> list[dict[str, Any]]:
    """What the parts of ours cost, and the other calls."""
    import polars as pl  # noqa: PLC0415

    data, keys = rows(count), pack_exact(rows(count))
    other = rows(count, 2)
    series, others = pl.Series("n", _arrow(data)), pl.Series("n", _arrow(other)).implode()
    if bytes(known.mark(data, other)) != series.is_in(others).to_numpy().astype(np.uint8).tobytes():
        raise AssertionError("polars is_in marks other rows")
    times = in_turn(
        {
            "keys from rows": partial(pack_exact, data),
            "marks from keys": partial(mark_first, keys),
            "is_first": partial(is_first, data),
            "repeated": partial(repeated, data),
            "known.mark, as many known": partial(known.mark, data, other),
            "polars is_in, as many known": partial(series.is_in, others),
        },
        count,
        rounds,
    )
    return [
        {"case": f"steps, {count:,} numbers", "at": name, "ns": median(spent), "low": min(spent), "high": max(spent)}
        for name, spent in times.items()
    ]


def sweep(count: int, rounds: int) -> list[dict[str, Any]]:
    """Marks of ``count`` keys by number of parts: one table, then 2, 4, … parts, as far as it makes sense."""
    keys = pack_exact(rows(count))
    bits = [0, *(bits for bits in range(2, 13) if 4_000 <= count >> bits <= 400_000)]
    times = in_turn(
        {str(b): partial(mark_first, keys, b) for b in bits} | {"-1": partial(mark_first, keys)}, count, rounds
    )
    return [
        {
            "case": f"repeats.mark_first, {count:,} keys",
            "at": "as chosen" if name == "-1" else f"{1 << int(name)} parts",
            "ns": median(spent), "low": min(spent), "high": max(spent),
        }
        for name, spent in times.items()
    ]  # fmt: skip


class Numbers:
    """A source of records around given numbers; a record's text is made only where it is asked for."""

    name = "numbers"

    def __init__(self, count: int, block: int = 100_000) -> None:
        self._count, self._block = count, block

    def blocks(self, spec: Any, *, digest: Any = None) -> Iterator[Any]:  # noqa: ARG002
        """The header, then blocks that bring their keys along."""
        headers = [column.header for column in spec.fields]
        layout = layout_of(headers, spec)
        yield RowBlock(0, [headers], layout)
        for start in range(0, self._count, self._block):
            size = min(self._block, self._count - start)
            yield _Block(start, rows.__wrapped__(size, start // self._block), layout)


class _Block:
    refusal = ""

    def __init__(self, first: int, numbers: bytes, layout: Any) -> None:
        self.first, self._numbers, self.layout = first, numbers, layout

    def number_keys(self, column: int) -> NDArray[np.uint64]:  # noqa: ARG002
        return pack(self._numbers)

    def line(self, index: int) -> int:
        return self.first + index + 1

    def cells(self, index: int) -> list[str]:
        number = self._numbers[18 * index : 18 * index + 18].decode()
        sex = "1" if int(number[16]) % 2 else "2"
        return [
            "1", "F1", number, "张三", sex, "01", number[6:14], "13800138000", "4", number[:6], "103", "20140701",
        ]  # fmt: skip


def peak() -> str:
    """Most memory this process ever held, in MB; Linux tells it (a child's ``ru_maxrss`` starts at its parent's)."""
    status = Path("/proc/self/status")
    lines = status.read_text("ascii").splitlines() if status.exists() else []
    return next((str(int(line.split()[1]) >> 10) for line in lines if line.startswith("VmHWM")), "unknown")


def search(count: int, limit: int, folder: str | None) -> None:
    """A whole duplicate search in this process: prints seconds and peak memory."""
    rules = [RecordRules(COLLECTION, Context.of(date(2014, 7, 31)))]
    source: Any = Numbers(count)
    start = perf_counter_ns()
    for _ in source.blocks(COLLECTION):
        pass
    making = perf_counter_ns() - start
    start = perf_counter_ns()
    found = Duplicates.find(
        [source], COLLECTION, rules, memory_limit=limit << 20, spill_dir=Path(folder) if folder else None
    )
    spent = (perf_counter_ns() - start - 2 * making) / 1e9
    print(f"{count:,} records, limit {limit} MB: {len(found):,} numbers repeat; {spent:.1f} s, peak {peak()} MB")


def main(arguments: list[str]) -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dedupe", description=__doc__)
    parser.add_argument("--count", type=int, default=SIZES[-1], help="largest column")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--search", type=int, nargs=2, metavar=("RECORDS", "MB"), help="only one duplicate search")
    parser.add_argument("--spill-dir")
    parser.add_argument("--out", type=Path, default=saved.FOLDER, help="folder for the JSON")
    asked = parser.parse_args(arguments)
    if asked.search:
        search(*asked.search, asked.spill_dir)
        return
    described, found = machine.describe(), []
    print("\n".join(f"{what}: {value}" for what, value in described.items()))
    head = ("case", "who", "ns a number", "min-max", "times ours", "min-max", "goal")
    for count in [size for size in SIZES if size <= asked.count]:
        given = entrants(count)
        compare(given)
        made = ratios(in_turn({name: one.run for name, one in given.items()}, count, asked.rounds), count)
        lines = [
            (
                row["case"], row["at"], f"{row['ns']:.1f}", f"{row['low']:.1f}-{row['high']:.1f}",
                f"{row['ratio']:.1f}", f"{row['from']:.1f}-{row['to']:.1f}",
                "" if row["goal"] is None else f"{row['goal']:.0f}: {'met' if row['met'] else 'MISSED'}",
            )
            for row in made
        ]  # fmt: skip
        print("\n" + saved.table(head, lines), flush=True)
        found += made
        del given
    for more in (steps(asked.count, asked.rounds),):
        lines = [(row["case"], row["at"], f"{row['ns']:.1f}", f"{row['low']:.1f}-{row['high']:.1f}") for row in more]
        print("\n" + saved.table(head[:4], lines) + "\n", flush=True)
        found += more
    for limit in (64, 256):
        command = [sys.executable, "-m", "benchmarks.dedupe", "--search", str(2 * asked.count), str(limit)]
        subprocess.run(command, check=True)
    print(f"saved: {saved.save('dedupe', {'machine': described, 'rounds': asked.rounds, 'rows': found}, asked.out)}")


if __name__ == "__main__":
    main(sys.argv[1:])
