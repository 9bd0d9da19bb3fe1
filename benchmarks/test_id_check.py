"""Citizen-number check: ours at every level beside its peers and a plain copy of the bytes, on the same rows.

Results are compared before anything is timed. ``python -m benchmarks.checks --cases ids stdnum`` gives the ratios.
"""

from functools import partial
from typing import Any

import pytest

from benchmarks import check_cases, numbers
from benchmarks.check_cases import OURS
from benchmarks.numbers import ON
from sbcard_core import _kernels
from sbcard_core.fields import citizen_id

LEVELS = [level for level in _kernels.kernel_levels("idcheck") if level != "reference"]
SLOW = {check_cases.NUMPY, check_cases.POLARS, check_cases.DUCKDB}
"""They take part up to 10⁶ numbers here."""


@pytest.mark.parametrize("count", numbers.SIZES)
@pytest.mark.parametrize("level", LEVELS)
def test_ours(benchmark: Any, level: str, count: int) -> None:
    given = numbers.numbers(count)
    few = given.head(20_000)
    check = check_cases.ids(few.count, slow=False)
    results = {name: one.run() for name, one in check.entrants.items()}
    results[OURS] = citizen_id.check_many(few.rows, sex=few.sexes, on=ON, level=level)
    check_cases.compare(check, results)
    benchmark.extra_info["rows"] = count
    benchmark.group = f"check {count:,} citizen numbers"
    benchmark(partial(citizen_id.check_many, given.rows, sex=given.sexes, on=ON, level=level))


@pytest.mark.parametrize("count", numbers.SIZES)
@pytest.mark.parametrize("who", [name for name in check_cases.ids(16).entrants if name != OURS])
def test_peers(benchmark: Any, who: str, count: int) -> None:
    if count > 1_000_000 and who in SLOW:
        pytest.skip("slow, and flat beyond 10⁶")
    check = check_cases.ids(count)
    one = check.entrants[who]
    if one.items < count and count > numbers.SIZES[0]:
        pytest.skip("a loop over one number at a time: timed at the smallest size")
    check_cases.compare(check, {name: entrant.run() for name, entrant in check.entrants.items()})
    benchmark.extra_info["rows"] = one.items
    benchmark.group = f"check {one.items:,} citizen numbers"
    benchmark.pedantic(one.run, rounds=3, iterations=1)


def test_stdnum(benchmark: Any) -> None:
    pytest.importorskip("stdnum")
    check = check_cases.stdnum()
    one = check.entrants[check_cases.STDNUM]
    check_cases.compare(check, {name: entrant.run() for name, entrant in check.entrants.items()})
    benchmark.group = f"check {one.items:,} citizen numbers"
    benchmark.pedantic(one.run, rounds=3, iterations=1)
