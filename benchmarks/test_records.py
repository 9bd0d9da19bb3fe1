"""Whole records from Arrow and from a delimited file, beside polars, pandera, pydantic and parsers that judge nothing.

Results are compared before anything is timed. ``python -m benchmarks.checks --cases records files`` gives the ratios.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import check_cases
from benchmarks.check_cases import OURS, Check

pytest.importorskip("pyarrow")
COUNT = 200_000
IN_FILES = [OURS, f"{OURS}, GB18030", check_cases.PARSE, check_cases.CSV, check_cases.SCAN]


@pytest.fixture(scope="module")
def from_arrow() -> Check:
    check = check_cases.records(COUNT)
    check_cases.compare(check, {name: one.run() for name, one in check.entrants.items()})
    return check


@pytest.fixture(scope="module")
def from_files() -> Iterator[Check]:
    with check_cases.file_of(COUNT) as path, check_cases.file_of(COUNT, encoding="gb18030") as chinese:
        check = check_cases.delimited(path, chinese, COUNT)
        check_cases.compare(check, {name: one.run() for name, one in check.entrants.items()})
        yield check


def _time(benchmark: Any, check: Check, who: str) -> None:
    if who not in check.entrants:
        pytest.skip(f"{who} is not installed")
    one = check.entrants[who]
    benchmark.group = f"{check.title} (times of {one.items:,})" if one.items < COUNT else check.title
    benchmark.extra_info["rows"] = one.items
    benchmark.pedantic(one.run, rounds=3, iterations=1)


@pytest.mark.parametrize(
    "who", [OURS, check_cases.SCREEN, check_cases.COPY, check_cases.POLARS, check_cases.PANDERA, check_cases.PYDANTIC]
)
def test_whole_records(benchmark: Any, from_arrow: Check, who: str) -> None:
    _time(benchmark, from_arrow, who)


@pytest.mark.parametrize("who", IN_FILES)
def test_delimited_files(benchmark: Any, from_files: Check, who: str) -> None:
    _time(benchmark, from_files, who)
