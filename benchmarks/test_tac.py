"""TACs of a journal: each card's key derived, its TAC computed and compared."""

from typing import Any

import pytest

from benchmarks import contest


@pytest.mark.parametrize(("level", "who"), contest.entrants("tac"))
def test_verify_with_derivation(benchmark: Any, level: str, who: str) -> None:
    contest.run(benchmark, "tac", level, who)
