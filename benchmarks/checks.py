"""``python -m benchmarks.checks``: the checks of numbers, records and files beside their peers, against the goals.

All take turns in one process (A B A B …); every result is compared before and after it is timed; medians. One thread
is timed by its processor time; several threads, and files, by the wall clock. Ours is one thread. Saves JSON under
out/bench/. ``--cases`` picks; every case ends with a line that splits our time.
"""

import argparse
import sys
import warnings
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import check_cases, machine, numbers, process, saved
from benchmarks.cases import Call
from benchmarks.check_cases import OURS, Check, Entrant
from benchmarks.stages import Stages, clocks

CASES = ("ids", "stdnum", "records", "clean-records", "files", "clean-files", "growth")
GROWTH = (10_000, 100_000, 1_000_000, 10_000_000)
LONGEST_NS = 2_000_000_000
"""An entrant slower than this per turn is timed three times only."""


def measure(check: Check, rounds: int) -> dict[str, Any]:
    """Compare, time all in turn, compare again; nanoseconds a row: median, least and greatest."""
    check_cases.compare(check, {name: one.run() for name, one in check.entrants.items()})
    times: dict[str, list[float]] = {name: [] for name in check.entrants}
    results: dict[str, Any] = {}
    for turn in range(rounds):
        for name, one in check.entrants.items():
            if turn >= 3 and times[name][0] * one.items > LONGEST_NS:
                continue
            repeats = 1 if not times[name] else max(1, int(process.SHORTEST_NS / (times[name][0] * one.items + 1)))
            spent, results[name] = process.sample(one.run, repeats, one.clock)
            times[name].append(spent / (repeats * one.items))
    clean = check_cases.compare(check, results)
    rows = [_row(check, name, one, times, clean) for name, one in check.entrants.items()]
    return {"title": check.title, "rows": rows, "goals": _goals(check, times)}


def _row(check: Check, name: str, one: Entrant, times: dict[str, list[float]], clean: dict[str, int]) -> dict[str, Any]:
    found = times[name]
    return {
        "case": check.title,
        "at": name,
        "ns": median(found),
        "low": min(found),
        "high": max(found),
        "rows": one.items,
        "threads": one.threads,
        "clean": clean.get(name),
        "ratio": median(_ratios(times, name, OURS)),
    }


def _ratios(times: dict[str, list[float]], one: str, other: str) -> list[float]:
    """Turn by turn, as both saw the same neighbours on the machine."""
    return [a / b for a, b in zip(times[one], times[other], strict=False)]


def _goals(check: Check, times: dict[str, list[float]]) -> list[dict[str, Any]]:
    out = []
    for name, least in check.at_least.items():
        if name in times:
            ratio = median(_ratios(times, name, OURS))
            out.append({"goal": f"{least:g} times as fast as {name}", "is": ratio, "met": ratio >= least})
    for name, most in check.at_most.items():
        if name in times:
            ratio = median(_ratios(times, OURS, name))
            out.append({"goal": f"at most {most:g} times as long as {name}", "is": ratio, "met": ratio <= most})
    return out


def show(run: dict[str, Any]) -> str:
    """A case as text."""
    lines = [
        (
            row["at"],
            f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}",
            f"{row['rows']:,}",
            "-" if row["clean"] is None else f"{row['clean']:,}",
            f"{row['ns']:,.2f}",
            f"{row['low']:,.2f}-{row['high']:,.2f}",
            f"{row['ratio']:,.2f}",
        )
        for row in run["rows"]
    ]
    out = ["", run["title"], saved.table(("who", "on", "rows", "clean", "ns/row", "min-max", "ratio"), lines)]
    for goal in run["goals"]:
        out.append(f"goal: {goal['goal']}: {goal['is']:.2f}, {'met' if goal['met'] else 'MISSED'}")
    out += [f"  where our time goes: {split}" for split in run.get("split", [])]
    return "\n".join(out)


def split_ids(count: int) -> str:
    """The kernel alone, and the rest."""
    given = numbers.numbers(count)
    bare, whole = check_cases.kernel_alone(given), check_cases.ids(count, slow=False).entrants[OURS].run
    found, _ = process.in_turn({"bare": Call(bare, count), "whole": Call(whole, count)}, 7)
    return (
        f"kernel alone {found['bare']:.2f} ns, the result's memory and the call {found['whole'] - found['bare']:.2f} ns"
    )


def split_check(one: Entrant) -> str:
    """Our stages, once more, with clocks."""
    stages = Stages()
    with clocks(stages), stages.stage("the rest"):
        one.run()
    parts = [f"{name} {spent / one.items:.1f} ns" for name, spent in sorted(stages.spent.items(), key=lambda x: -x[1])]
    return ", ".join(parts)


def growth(rounds: int, most: int) -> dict[str, Any]:
    """Our own checks at growing sizes, nanoseconds a row."""
    rows = []
    for count in [size for size in GROWTH if size <= most]:
        for name, check in (
            ("numbers", check_cases.ids(count, slow=False)),
            ("records from Arrow", check_cases.records(count, slow=False)),
        ):
            only = Check(f"growth, {name}", {OURS: check.entrants[OURS]})
            row = measure(only, min(rounds, 3 if count > 1_000_000 else rounds))["rows"][0]
            rows.append({**row, "case": name, "at": f"{count:,}"})
    return {"title": "growth of ours", "rows": rows, "goals": []}


def show_growth(run: dict[str, Any]) -> str:
    """The growth as text."""
    lines = [(row["case"], row["at"], f"{row['ns']:.2f}", f"{row['low']:.2f}-{row['high']:.2f}") for row in run["rows"]]
    return "\n".join(["", run["title"], saved.table(("case", "rows", "ns/row", "min-max"), lines)])


def run_files(count: int, rounds: int, faults: bool) -> dict[str, Any]:
    """The delimited file, in UTF-8 and in GB18030."""
    with ExitStack() as stack:
        path = stack.enter_context(check_cases.file_of(count, faults=faults))
        chinese = stack.enter_context(check_cases.file_of(count, encoding="gb18030", faults=faults))
        check = check_cases.delimited(path, chinese, count, faults=faults)
        found = measure(check, rounds)
        found["split"] = [split_check(check.entrants[OURS])]
        return found


def run_case(name: str, count: int, rounds: int, slow: bool) -> dict[str, Any]:
    """One case by name."""
    faults = not name.startswith("clean-")
    if name in {"files", "clean-files"}:
        return run_files(count, rounds, faults)
    if name == "growth":
        return growth(rounds, max(count, GROWTH[0]) if count < 1_000_000 else GROWTH[-1])
    if name == "stdnum":
        return measure(check_cases.stdnum(), rounds)
    check = check_cases.ids(count, slow=slow) if name == "ids" else check_cases.records(count, slow=slow, faults=faults)
    found = measure(check, rounds)
    found["split"] = [split_ids(count) if name == "ids" else split_check(check.entrants[OURS])]
    return found


def main(arguments: list[str]) -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checks", description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--count", type=int, default=1_000_000, help="rows of a bulk case")
    parser.add_argument("--rounds", type=int, default=process.ROUNDS)
    parser.add_argument("--quick", action="store_true", help="without the peers that take one row at a time")
    parser.add_argument("--out", type=Path, default=saved.FOLDER, help="folder for the JSON")
    asked = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # of the peers
    about = machine.describe() | check_cases.versions()
    for what, value in about.items():
        print(f"{what}: {value}")
    runs = []
    for name in asked.cases:
        runs.append(run_case(name, asked.count, asked.rounds, not asked.quick))
        print(show_growth(runs[-1]) if name == "growth" else show(runs[-1]), flush=True)
    run = {"machine": about, "count": asked.count, "rounds": asked.rounds, "runs": runs}
    run["rows"] = [row for one in runs for row in one["rows"]]
    print(f"saved: {saved.save('checks', run, asked.out)}")


if __name__ == "__main__":
    main(sys.argv[1:])
