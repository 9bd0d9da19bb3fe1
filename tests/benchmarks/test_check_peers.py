"""The peers of the checks keep our rules, the headline's file holds what it says, the tools run. Nothing is timed."""

import importlib
import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from benchmarks.headline import STAGES

ROOT = Path(__file__).resolve().parents[2]
RealPart = Callable[[str, bool, str], None]
NEEDS = {
    "numba loop": "numba",
    "polars expressions": "polars",
    "duckdb SQL": "duckdb",
    "pandera (polars)": "pandera",
    "pydantic": "pydantic",
    "polars scan_csv + rules": "polars",
    "pyarrow.csv parse alone": "pyarrow",
}


@pytest.fixture(scope="module")
def cases(real_part: RealPart) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        found = importlib.import_module("benchmarks.check_cases")
    real_part("pyarrow", found.has("pyarrow"), "pip install 'sbcard-core[bench]'")
    return found


@pytest.fixture(autouse=True)
def quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peers' own imports
        yield


def _compare(cases: ModuleType, check: Any) -> dict[str, int]:
    found: dict[str, int] = cases.compare(check, {name: one.run() for name, one in check.entrants.items()})
    return found


@pytest.mark.parametrize("peer", ["numba loop", "polars expressions", "duckdb SQL", "pandera (polars)", "pydantic"])
def test_peers_of_the_number_check_are_there(cases: ModuleType, real_part: RealPart, peer: str) -> None:
    real_part(NEEDS[peer], cases.has(NEEDS[peer]), "pip install 'sbcard-core[bench]'")
    assert peer in cases.ids(16).entrants


@pytest.mark.parametrize("count", [1, 17, 5_000])
def test_all_call_the_same_numbers_clean(cases: ModuleType, count: int) -> None:
    counts = _compare(cases, cases.ids(count))
    faulty = len(range(0, count, 50))
    assert counts["ours"] == counts["numpy in blocks"] == count - faulty


def test_peers_with_masks_give_ours(cases: ModuleType) -> None:
    check = cases.ids(5_000)
    ours = np.frombuffer(check.entrants["ours"].run(), np.uint8)
    assert np.bitwise_or.reduce(ours) == 31  # every rule is broken somewhere
    for name in ("numba loop", "numpy in blocks", "polars expressions"):
        if name in check.entrants:
            assert np.array_equal(np.asarray(check.entrants[name].run()), ours)
    if "duckdb SQL" in check.entrants:
        found = check.entrants["duckdb SQL"].run()
        assert np.array_equal(found["mask"][np.argsort(found["place"])], ours)


@pytest.mark.parametrize(("faults", "clean"), [(True, 980), (False, 1_000)])
def test_all_call_the_same_records_clean(cases: ModuleType, faults: bool, clean: int) -> None:
    counts = _compare(cases, cases.records(1_000, faults=faults))
    assert set(counts.values()) == {clean}
    with (
        cases.file_of(1_000, faults=faults) as path,
        cases.file_of(1_000, encoding="gb18030", faults=faults) as chinese,
    ):
        check = cases.delimited(path, chinese, 1_000)
        assert set(_compare(cases, check).values()) == {clean}
        assert check.entrants["csv module, parse alone"].run() == 1_001


def test_a_peer_that_judges_otherwise_stops_the_run(cases: ModuleType) -> None:
    check = cases.ids(1_000, slow=False)
    results = {name: one.run() for name, one in check.entrants.items()}
    wrong = bytearray(results["ours"])
    wrong[3] ^= 1
    with pytest.raises(AssertionError, match="judges otherwise"):
        cases.compare(check, results | {"numpy in blocks": wrong})


def test_python_stdnum_judges_what_it_can(cases: ModuleType, real_part: RealPart) -> None:
    real_part("stdnum", cases.has("stdnum"), "pip install 'sbcard-core[test]'")
    counts = _compare(cases, cases.stdnum(1_500))
    assert 1_000 < counts["ours"] == counts["python-stdnum"] < 1_500  # it finds the faults it can


def _run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_headline_counts_what_it_made(pa: Any, tmp_path: Path) -> None:
    out = _run("benchmarks.headline", "--records", "12000", "--folder", str(tmp_path), "--out", str(tmp_path))
    (saved,) = tmp_path.glob("headline-*.json")
    small, large = json.loads(saved.read_text("utf-8"))["rows"]
    assert (small["records"], large["records"]) == (10_000, 12_000)
    counts = large["counts"]
    assert counts["records"] == 12_000 == counts["accepted"] + counts["rejected"]
    assert counts["rejected"] == 240 + 30 + 60
    assert set(large["stages"]) == set(STAGES)
    assert min(large["stages"].values()) > 0  # every stage has its clock
    assert sum(large["stages"].values()) < large["wall"]  # and no moment has two
    assert large["peak_mb"] < 512
    assert "where the time goes" in out
    assert [path.name for path in tmp_path.iterdir()] == [saved.name]  # the file is gone


def test_the_report_and_the_sweep_run(pa: Any, tmp_path: Path) -> None:
    small = ("--count", "2000", "--rounds", "1", "--out", str(tmp_path))
    out = _run("benchmarks.checks", "--cases", "records", "--quick", *small)
    assert "2 of 100 faulty" in out
    assert "where our time goes: " in out
    out = _run("benchmarks.tune", "--calls", "check_files", "--workers", "1", *small)
    assert "as it comes" in out
