"""The sweep over the check of records: how much is read at once, records a batch, and threads that judge."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import product
from statistics import median
from time import perf_counter_ns
from typing import Any
from unittest import mock

from benchmarks import check_cases, collected, process
from benchmarks.numbers import ON
from sbcard_core.validation import columnar, sources
from sbcard_core.validation.check import check_sources
from sbcard_core.validation.columnar import ArrowTable

FILES, TABLES = "check_files", "check_sources, Arrow"
CASES = (FILES, TABLES)
BYTES = (1 << 18, 1 << 20, 1 << 22, 1 << 24)
"""Of a file, read at once: ``sources.BLOCK``."""
ROWS = (2_048, 8_192, 32_768, 131_072)
"""Of a table, looked at at once: ``columnar.ROWS``."""
BATCHES = (1_024, 5_000, 65_536)


def _run(make: Callable[[], Any], batch_size: int, workers: int) -> int:
    found = check_sources([make()], check_cases.ALONE, on=ON, batch_size=batch_size, workers=workers)
    return sum(batch.rejected for batch in found)


def _sweep(
    case: str, make: Callable[[], Any], count: int, workers: int, rounds: int, owner: Any, name: str, sizes: Any
) -> list[dict[str, Any]]:
    usual = getattr(owner, name)
    settings = list(product(range(1, workers + 1), sorted({*sizes, usual}), BATCHES))
    times: dict[tuple[int, int, int], list[float]] = {setting: [] for setting in settings}
    for turn in range(rounds + 1):
        for setting in settings:
            threads, size, batch = setting
            with mock.patch.object(owner, name, size):
                spent, refused = process.sample(partial(_run, make, batch, threads), 1, perf_counter_ns)
            if refused != collected.faulty(count):
                raise AssertionError(f"{case}: {refused} records refused at {setting}")
            if turn:
                times[setting].append(spent / count)
    return [
        {
            "case": case,
            "at": f"{threads} worker{'s' if threads > 1 else ''}, {_unit(owner, size)} at once, {batch} a batch",
            "workers": threads,
            "size": size,
            "batch": batch,
            "usual": size == usual and batch == 5_000 and threads == 1,
            "ns": median(found),
            "low": min(found),
            "high": max(found),
        }
        for (threads, size, batch), found in times.items()
    ]


def _unit(owner: Any, size: int) -> str:
    return f"{size >> 10} KiB" if owner is sources else f"{size} rows"


def sweep(case: str, count: int, workers: int, rounds: int) -> list[dict[str, Any]]:
    """Every setting in turn, ``rounds`` times, over the same dirty records; nanoseconds a record."""
    if case == TABLES:
        table = collected.table(count)
        return _sweep(case, lambda: ArrowTable("t", table), count, workers, rounds, columnar, "ROWS", ROWS)
    with ExitStack() as stack:
        path = stack.enter_context(check_cases.file_of(count, encoding="gb18030"))
        return _sweep(case, lambda: sources.Delimited(path), count, workers, rounds, sources, "BLOCK", BYTES)


def told(rows: list[dict[str, Any]]) -> list[str]:
    """The quickest setting of each case, and what the library does unasked against it.

    Example:
        >>> rows = [{"case": "c", "at": "a", "ns": 90.0, "usual": True}, {"case": "c", "at": "b", "ns": 60.0}]
        >>> told(rows)
        ['  c: b (60 ns a record); as it comes 1.50 times that']
    """
    out = []
    for case in dict.fromkeys(row["case"] for row in rows):
        best = min((row for row in rows if row["case"] == case), key=lambda row: float(row["ns"]))
        usual = next(row["ns"] for row in rows if row["case"] == case and row.get("usual"))
        out.append(
            f"  {case}: {best['at']} ({best['ns']:.0f} ns a record); as it comes {usual / best['ns']:.2f} times that"
        )
    return out
