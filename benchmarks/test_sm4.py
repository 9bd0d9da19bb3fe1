"""SM4: CBC-MAC with a key for each message, and bulk encryption under one key."""

from typing import Any

import pytest

from benchmarks import contest


@pytest.mark.parametrize(("level", "who"), contest.entrants("sm4_mac"))
def test_cbc_mac(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "sm4_mac", level, who)


@pytest.mark.parametrize(("level", "who"), contest.entrants("sm4_ecb"))
def test_ecb_one_key(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "sm4_ecb", level, who)
