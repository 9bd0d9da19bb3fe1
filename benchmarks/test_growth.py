"""Retail MACs per batch size, 256 to 10⁶: the time for each message must not grow."""

from typing import Any

import pytest

from benchmarks import data
from benchmarks.process import SIZES
from sbcard_core.crypto import mac


@pytest.mark.parametrize("count", SIZES)
def test_retail_mac_of_a_batch(benchmark: Any, count: int) -> None:
    rows = data.rows(count)
    benchmark.group = "retail MAC by batch size (whole batch)"
    benchmark.extra_info["messages"] = count
    repeats = max(1, 16_384 // count)
    out = benchmark.pedantic(
        mac.retail_mac_many, (rows.keys, rows.messages), {"message_length": data.LENGTH}, rounds=5, iterations=repeats
    )
    last = mac.retail_mac(rows.keys[-16:], rows.messages[-data.LENGTH :])
    assert out[-1].tobytes() == last
