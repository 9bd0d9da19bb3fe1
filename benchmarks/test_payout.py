"""A pension month of ten thousand lines, end to end; ``python -m benchmarks.payout_month`` grows it to a million."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.payout_month import OURS, Month

LINES = 10_000


@pytest.mark.parametrize("itemised", [False, True], ids=["one transfer an answer", "one transfer a line"])
def test_payout_month(benchmark: Any, tmp_path: Path, itemised: bool) -> None:
    made: list[Month] = []

    def ready() -> tuple[tuple[Month], dict[str, Any]]:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Month(f"sqlite:///{folder}/month.sqlite", folder, LINES, 5000, itemised))
        return (made[-1],), {}

    found = benchmark.pedantic(Month.run, setup=ready, rounds=3)
    benchmark.extra_info["lines_per_second"] = {
        stage: round(LINES / max(found["stages"][stage], 1e-9)) for stage in OURS
    }
