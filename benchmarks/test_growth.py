"""Retail MACs per batch size, 256 to 10⁶: the time for each message must not grow."""

from typing import Any

import pytest

from benchmarks import cases
from benchmarks.process import SIZES


@pytest.mark.parametrize("count", SIZES)
def test_retail_mac_of_a_batch(benchmark: Any, count: int) -> None:
    trial = cases.CASES["retail"].make(count)
    peer = next(iter(trial.peers))
    benchmark.group = "retail MAC by batch size (whole batch)"
    benchmark.extra_info["messages"] = count
    result = benchmark.pedantic(trial.ours.run, rounds=5, iterations=max(1, 16_384 // count))
    cases.compare("retail", result, trial, peer, trial.peers[peer].run())
