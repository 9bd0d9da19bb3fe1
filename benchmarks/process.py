"""One process of the report: warm up, compare with the peers, then run ours and theirs in turn.

``python -m benchmarks.process retail tac --count 100000`` prints one JSON object; the report starts several.
"""

import argparse
import gc
import json
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter_ns, thread_time_ns
from typing import Any

from benchmarks import cases, machine
from benchmarks.cases import CASES, Call, Case, Trial

SIZES = (256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_000_000)
"""Batch sizes of the growth case."""
SHORTEST_NS = 5_000_000
"""A sample lasts at least this long: short calls are repeated."""
ROUNDS = 7


def sample(run: Callable[[], Any], repeats: int, clock: Callable[[], int] = thread_time_ns) -> tuple[int, Any]:
    """Nanoseconds of ``repeats`` calls and the last result.

    One thread is timed by its processor time, so that other programs do not count; several by the wall clock.
    """
    result: Any = None
    start = clock()
    for _ in range(repeats):
        result = run()
    return clock() - start, result


def in_turn(
    calls: dict[str, Call], rounds: int, clock: Callable[[], int] = thread_time_ns
) -> tuple[dict[str, float], dict[str, Any]]:
    """Median nanoseconds per message of each call, run A B A B …, and the last timed results."""
    repeats = {}
    for name, call in calls.items():
        call.run()
        spent, _ = sample(call.run, 1, clock)
        repeats[name] = max(1, SHORTEST_NS // max(spent, 1))
    times: dict[str, list[float]] = {name: [] for name in calls}
    results: dict[str, Any] = {}
    gc.disable()
    for _ in range(rounds):
        for name, call in calls.items():
            spent, results[name] = sample(call.run, repeats[name], clock)
            times[name].append(spent / (repeats[name] * call.items))
    gc.enable()
    return {name: median(found) for name, found in times.items()}, results


def check(case: Case, trial: Trial, ours: Any, theirs: dict[str, Any]) -> None:
    """Compare the kernel alone and every peer with our public call."""
    for name in trial.peers:
        cases.compare(case.name, ours, trial, name, theirs[name])
    if trial.bare is not None and cases.as_bytes(theirs["bare"])[: len(cases.as_bytes(ours))] != cases.as_bytes(ours):
        raise AssertionError(f"{case.name}: the kernel alone gives another result")


def measure(case: Case, count: int, rounds: int) -> dict[str, Any]:
    """Nanoseconds per message of ours, of the kernel alone and of every peer; results compared before and after."""
    trial = case.make(count)
    calls = {"ours": trial.ours, **({"bare": trial.bare} if trial.bare else {}), **trial.peers}
    check(case, trial, trial.ours.run(), {name: call.run() for name, call in calls.items()})
    found, results = in_turn(calls, rounds, perf_counter_ns if case.threads > 1 else thread_time_ns)
    check(case, trial, results["ours"], results)
    return {"ours": found.pop("ours"), "bare": found.pop("bare", None), "peers": found}


def growth(most: int, rounds: int) -> dict[str, float]:
    """Nanoseconds per retail MAC for each batch size up to ``most``; the results compared with the first C peer."""
    case = CASES["retail"]
    trials = {str(size): case.make(size) for size in SIZES if size <= most}
    found, results = in_turn({size: trial.ours for size, trial in trials.items()}, rounds)
    for size, trial in trials.items():
        peer = next(iter(trial.peers))
        cases.compare(f"{case.name} of {size}", results[size], trial, peer, trial.peers[peer].run())
    return found


def main(arguments: list[str]) -> None:
    """Print the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.process", description=__doc__)
    parser.add_argument("cases", nargs="+", choices=[*CASES, "growth"])
    parser.add_argument("--count", type=int, default=100_000, help="messages of a bulk case")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args(arguments)
    out: dict[str, Any] = {}
    code = machine.fingerprint()
    for name in asked.cases:
        if name == "growth":
            most = SIZES[-1] if asked.count >= 100_000 else max(asked.count, SIZES[0])
            out[name] = growth(most, min(asked.rounds, 5))
        else:
            out[name] = measure(CASES[name], asked.count, asked.rounds)
    print(json.dumps({"code": code, "cases": out}))


if __name__ == "__main__":
    main(sys.argv[1:])
