"""One message at a time, and 16 of them as one batch against 16 calls."""

from typing import Any

import pytest

from benchmarks import contest


@pytest.mark.parametrize(("level", "who"), contest.entrants("single_retail"))
def test_one_retail_mac(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "single_retail", level, who)


@pytest.mark.parametrize(("level", "who"), contest.entrants("single_triple"))
def test_one_triple_des_cbc_mac(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "single_triple", level, who)


@pytest.mark.parametrize(("level", "who"), contest.entrants("single_derive"))
def test_one_diversification(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "single_derive", level, who)


@pytest.mark.parametrize(("level", "who"), contest.entrants("single_sm4"))
def test_one_sm4_cbc_mac(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "single_sm4", level, who)


@pytest.mark.parametrize(("level", "who"), contest.entrants("batch16"))
def test_batch_of_16(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "batch16", level, who)
