"""A short slice of every harness, the same each time, over the seeds and every input that once failed."""

import importlib.util
from collections.abc import Callable

import pytest

from tests.fuzz import engine, harnesses

SLICE = 60
"""Executions beyond seeds and past failures."""


@pytest.mark.parametrize("name", harnesses.ALL)
def test_a_slice_breaks_no_law(name: str, real_part: Callable[[str, bool, str], None]) -> None:
    harness = harnesses.ALL[name]
    if harness.needs:
        found = importlib.util.find_spec(harness.needs) is not None
        real_part(harness.needs, found, "pip install 'sbcard-core[bulk,photo]'")
    count = 1 + len(engine.saved(name)) + len(harness.seeds()) + SLICE
    result = engine.drive(harness, seed=20140731, count=count, stop_at=1)
    if result.failures:
        raise result.failures[0][1]
    assert result.executions == count
    assert len(result.outcomes) >= 2  # the harness sees differences
