"""Keys of cards from one master, and whole blocks under one key."""

from typing import Any

import pytest

from benchmarks import contest


@pytest.mark.parametrize(("level", "who"), contest.entrants("derive"))
def test_diversify(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "derive", level, who)


@pytest.mark.parametrize(("level", "who"), contest.entrants("sm4_derive"))
def test_diversify_with_sm4(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "sm4_derive", level, who)


@pytest.mark.parametrize(("level", "who"), contest.entrants("ecb"))
def test_triple_des_ecb_one_key(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "ecb", level, who)
