"""What the test files share: who takes part in a case, and how one of them is timed and compared first."""

import os
from typing import Any

from benchmarks import cases
from benchmarks.cases import CASES
from sbcard_core import _kernels
from sbcard_core.crypto import engine

COUNT = 100_000
"""Messages of a bulk case."""


def entrants(name: str) -> list[tuple[str, str]]:
    """Ours at every level, then every peer that is there: (level, who).

    Python loops run against bulk calls in the report alone: they take fewer messages, and here times are of a call.
    """
    case = CASES[name]
    levels = [level for level in _kernels.kernel_levels(case.kernel) if level != "reference"]
    loops = () if case.per_call else (cases.CRYPTOGRAPHY, cases.PYCRYPTODOME)
    others = [peer for peer in case.make(16).peers if peer not in loops]
    return [*((level, "ours") for level in levels), *((levels[-1], peer) for peer in others)]


def run(benchmark: Any, name: str, level: str, who: str, count: int = COUNT) -> None:
    """Compare with every peer, then time one entrant; its last result is compared too."""
    before = os.environ.get("SBCARD_CPU")
    os.environ["SBCARD_CPU"] = level
    engine.forget()
    try:
        case = CASES[name]
        trial = case.make(count)
        ours = trial.ours.run()
        for peer, call in trial.peers.items():
            cases.compare(name, ours, trial, peer, call.run())
        call = trial.ours if who == "ours" else trial.peers[who]
        benchmark.group = case.title if case.per_call else f"{case.title}: {count:,} messages"
        benchmark.extra_info["messages"] = call.items
        if case.per_call:
            result = benchmark(call.run)
        else:
            result = benchmark.pedantic(call.run, rounds=5, iterations=1, warmup_rounds=1)
        if who == "ours":
            assert cases.as_bytes(result) == cases.as_bytes(ours)
        else:
            cases.compare(name, ours, trial, who, result)
    finally:
        engine.forget()
        if before is None:
            del os.environ["SBCARD_CPU"]
        else:
            os.environ["SBCARD_CPU"] = before
