"""Durable posting on a file: groups of 100 beside a bare loop and one commit each, by column from 10⁴ to 10⁶.

``python -m benchmarks.posting`` prints the ratios, PostgreSQL's one statement against two among them.
"""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from benchmarks import posting

_marks = count()


def _fresh(size: int) -> list[Any]:
    return posting.transfers(f"{next(_marks)}:", size)


@pytest.mark.parametrize("who", ["ledger", "bare loop", "ledger, one commit each"])
def test_groups_of_100(benchmark: Any, who: str) -> None:
    size = 500 if "each" in who else 5_000
    benchmark.group = "durable postings in groups of 100"
    benchmark.extra_info["transfers"] = size
    with posting.books() as (ledger, path):
        runs: dict[str, Callable[[list[Any]], None]] = {
            "ledger": lambda batch: posting.ours(ledger, batch, 100),
            "bare loop": lambda batch: posting.bare(path, batch, 100),
            "ledger, one commit each": lambda batch: posting.ours(ledger, batch, 1),
        }
        benchmark.pedantic(runs[who], setup=lambda: ((_fresh(size),), {}), rounds=5)
        assert ledger.recompute() == []


@pytest.mark.parametrize("size", [10_000, 100_000, 1_000_000])
def test_by_column(benchmark: Any, size: int) -> None:
    benchmark.group = "durable postings by column"
    benchmark.extra_info["transfers"] = size
    with posting.books() as (ledger, _):
        benchmark.pedantic(lambda run: run(), setup=lambda: ((posting.by_column(ledger, _fresh(size)),), {}), rounds=3)
        assert ledger.recompute() == []
