"""Repeated numbers in a column: ours beside polars, duckdb, pandas and numpy, from 10⁴ to 10⁷ numbers.

Every peer marks the same rows (compared before the timing); ``python -m benchmarks.dedupe`` prints the ratios.
"""

from functools import partial
from typing import Any

import pytest

from benchmarks import dedupe
from sbcard_core.validation import known
from sbcard_core.validation.duplicates import repeated

WHO = (
    dedupe.OURS,
    dedupe.FROM_POLARS,
    dedupe.POLARS,
    dedupe.DUCKDB,
    dedupe.DISTINCT,
    dedupe.PANDAS,
    dedupe.NUMPY,
)


@pytest.fixture(scope="module", params=dedupe.SIZES)
def column(request: pytest.FixtureRequest) -> tuple[int, dict[str, dedupe.Entrant]]:
    """One size, with everybody's own column of it; compared once."""
    for part in ("polars", "duckdb", "pandas", "pyarrow"):
        pytest.importorskip(part)
    found = dedupe.entrants(request.param)
    dedupe.compare(found)
    return request.param, found


@pytest.mark.parametrize("who", WHO)
def test_first_of_each(benchmark: Any, column: tuple[int, dict[str, dedupe.Entrant]], who: str) -> None:
    count, found = column
    if who not in found:
        pytest.skip(f"{who} sorts {count:,} rows too long")
    benchmark.group = f"first of each of {count:,} numbers"
    benchmark.extra_info["rows"] = count
    benchmark.pedantic(found[who].run, rounds=5, iterations=max(1, 200_000 // count), warmup_rounds=1)


@pytest.mark.parametrize("count", dedupe.SIZES)
def test_all_repeated(benchmark: Any, count: int) -> None:
    benchmark.group = f"every repeated one of {count:,} numbers"
    marks = benchmark.pedantic(partial(repeated, dedupe.rows(count)), rounds=5, warmup_rounds=1)
    assert count // 50 < int(marks.sum()) < count // 10


@pytest.mark.parametrize("count", dedupe.SIZES)
def test_known(benchmark: Any, count: int) -> None:
    benchmark.group = f"{count:,} numbers against as many known ones"
    ours, theirs = dedupe.rows(count), dedupe.rows(count, 2)
    marks = benchmark.pedantic(partial(known.mark, ours, theirs), rounds=3, warmup_rounds=1)
    few = ours[: 18 * 2_000]
    texts = [few[at : at + 18].decode() for at in range(0, len(few), 18)]
    every = {theirs[at : at + 18].decode() for at in range(0, len(theirs), 18)} if count <= 1_000_000 else None
    if every is not None:
        assert list(marks[:2_000]) == [int(text in every) for text in texts]
