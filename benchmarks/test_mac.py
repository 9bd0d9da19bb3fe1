"""Retail MAC and 3DES CBC-MAC in batches, a key for each message; lists and two workers apart."""

from typing import Any

import pytest

from benchmarks import contest


@pytest.mark.parametrize(("level", "who"), contest.entrants("retail"))
def test_retail_mac(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "retail", level, who)


@pytest.mark.parametrize(("level", "who"), contest.entrants("triple"))
def test_triple_des_cbc_mac(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "triple", level, who)


@pytest.mark.parametrize(("level", "who"), contest.entrants("lists"))
def test_retail_mac_of_lists(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "lists", level, who)


@pytest.mark.parametrize(("level", "who"), contest.entrants("workers"))
def test_retail_mac_with_two_workers(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "workers", level, who)
