"""``python -m benchmarks.report``: ours beside the peers, at every level of this machine, against the goals.

Several processes, each with its own warm-up; in each, ours and the peers run in turn; the ratio is the median over
the processes. Results are compared before and after they are timed. Saves JSON under out/bench/.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine, peers, process, saved
from benchmarks.cases import CASES, Case
from sbcard_core import _kernels

FLAT = 1.5
"""Growth: no batch size may take more than this many times the quickest one, per message."""
NO_LIMIT = "kernel alone {bare:.0f} ns ({kernel:.1f}x); packing, results and memory {rest:.0f} ns"


def levels(kernel: str) -> list[str]:
    """The compiled levels of a kernel on this machine, weakest first."""
    return [level for level in _kernels.kernel_levels(kernel) if level != "reference"]


def run_one(names: list[str], level: str, count: int, rounds: int) -> dict[str, Any]:
    """One process at one level."""
    command = [sys.executable, "-m", "benchmarks.process", *names, "--count", str(count), "--rounds", str(rounds)]
    env = {**os.environ, "SBCARD_CPU": level}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{level}: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def collect(names: list[str], processes: int, count: int, rounds: int) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Results of every process by case and level; the levels take turns too."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    codes = set()
    kernels = {name: CASES[name].kernel if name in CASES else "des" for name in names}
    for turn in range(processes):
        for level in _kernels.machine_levels():
            here = [name for name in names if level in levels(kernels[name])]
            if not here:
                continue
            print(f"process {turn + 1} of {processes}, {level}: {', '.join(here)}", file=sys.stderr)
            one = run_one(here, level, count, rounds)
            codes.add(one["code"])
            for name, result in one["cases"].items():
                found.setdefault(name, {}).setdefault(level, []).append(result)
    if len(codes) > 1:
        raise SystemExit("the library was changed or rebuilt during the run: its figures don't belong together")
    return found


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": median(values), "low": min(values), "high": max(values)}


def _goal(case: Case, level: str) -> float | None:
    if level == levels(case.kernel)[-1]:
        return case.goal
    return case.portable_goal if level == "portable" else None


def row_of(case: Case, level: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """One line of the table. The peer is the fastest of those that count."""
    ours = [run["ours"] for run in runs]
    names = [name for name in case.against if name in runs[0]["peers"]]
    row = {"case": case.title, "at": level, "ns": median(ours), "low": min(ours), "high": max(ours), "name": case.name}
    row["bare"] = median([run["bare"] for run in runs]) if runs[0]["bare"] is not None else None
    row["all_peers"] = {
        name: _spread([run["peers"][name] / run["ours"] for run in runs])
        | {"ns": median([run["peers"][name] for run in runs])}
        for name in runs[0]["peers"]
    }
    goal = _goal(case, level)
    if names:
        best = min(names, key=lambda name: row["all_peers"][name]["ns"])
        ratio = _spread([min(run["peers"][name] for name in names) / run["ours"] for run in runs])
        row |= {"peer": best, "peer_ns": row["all_peers"][best]["ns"], "ratio": ratio, "goal": goal}
        row |= {
            "reach": case.reach if goal == case.goal else None,
            "met": None if goal is None else ratio["median"] >= goal,
        }
    return row


def growth_row(level: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Batch sizes against one another."""
    by_size = {size: median([run[size] for run in runs]) for size in runs[0]}
    ratio = _spread([max(run.values()) / min(run.values()) for run in runs])
    all_ns = list(by_size.values())
    least = min(by_size, key=int)
    row = {"case": "growth of one batch", "at": level, "name": "growth", "sizes": by_size, "ratio": ratio}
    row["call_ns"] = int(least) * (by_size[least] - min(all_ns))
    return row | {"ns": median(all_ns), "low": min(all_ns), "high": max(all_ns), "met": ratio["median"] <= FLAT}


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    ratio = row.get("ratio")
    shown = f"{ratio['median']:.2f} ({ratio['low']:.2f}-{ratio['high']:.2f})" if ratio else "no peer here"
    goal = row.get("goal")
    wanted = "-" if goal is None else f"{goal:g}" + (f" (reach {row['reach']:g})" if row.get("reach") else "")
    met = {None: "-", True: "met", False: "MISSED"}[row.get("met")]
    peer = row.get("peer", "")
    return (
        row["case"],
        row["at"],
        f"{row['ns']:.1f}",
        peer,
        f"{row['peer_ns']:.0f}" if peer else "",
        shown,
        wanted,
        met,
    )


def breakdown(row: dict[str, Any]) -> str:
    """Where the time of a missed goal goes."""
    if row["name"] == "growth":
        return (
            f"{row['case']} at {row['at']}: {row['ratio']['median']:.2f} times the quickest, at most {FLAT} wanted: "
            f"a call costs about {row['call_ns'] / 1e3:.1f} us besides its messages"
        )
    head = f"{row['case']} at {row['at']}: {row['ratio']['median']:.2f}x of {row['goal']:g}x; "
    need = f"needs {row['peer_ns'] / row['goal']:.0f} ns, takes {row['ns']:.0f} ns"
    if row["bare"] is None:
        return head + need
    kernel = row["peer_ns"] / row["bare"]
    return head + need + ": " + NO_LIMIT.format(bare=row["bare"], kernel=kernel, rest=row["ns"] - row["bare"])


def show(run: dict[str, Any]) -> str:
    """The whole report as text."""
    rows = [row for row in run["rows"] if row["name"] != "growth"]
    out = [f"{what}: {value}" for what, value in run["machine"].items()]
    out.append(
        f"{run['processes']} processes of {run['rounds']} rounds; {run['count']} messages of 48 bytes a bulk call"
    )
    out += [*run["absent"], ""]
    head = ("case", "level", "ours ns/msg", "peer", "peer ns/msg", "ratio median (min-max)", "goal", "")
    out += [saved.table(head, map(_line, rows)), ""]
    out += _growth([row for row in run["rows"] if row["name"] == "growth"])
    out += _information(rows)
    missed = [row for row in run["rows"] if row.get("met") is False]
    out += ["Missed goals:" if missed else "No goal missed.", *(breakdown(row) for row in missed)]
    return "\n".join(out)


def _growth(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    ratio = f"slowest/quickest, at most {FLAT}"
    head = ("retail MAC, ns/msg by batch size", "level", *rows[0]["sizes"], ratio, "us a call", "")
    lines = [
        (
            row["case"], row["at"], *(f"{ns:.0f}" for ns in row["sizes"].values()),
            f"{row['ratio']['median']:.2f} ({row['ratio']['low']:.2f}-{row['ratio']['high']:.2f})",
            f"{row['call_ns'] / 1e3:.1f}", "flat" if row["met"] else "NOT FLAT",
        )
        for row in rows
    ]  # fmt: skip
    return [saved.table(head, lines), ""]


def _information(rows: list[dict[str, Any]]) -> list[str]:
    """The other peers, at the best level, for information."""
    lines = [
        (row["case"], name, f"{peer['ns']:.0f}", f"{peer['median']:.2f} ({peer['low']:.2f}-{peer['high']:.2f})")
        for row in rows
        if row["at"] == levels(CASES[row["name"]].kernel)[-1]
        for name, peer in row["all_peers"].items()
        if name != row.get("peer")
    ]
    head = ("case, best level, for information", "peer", "peer ns/msg", "ratio median (min-max)")
    return [saved.table(head, lines), ""] if lines else []


def main(arguments: list[str]) -> None:
    """Measure, print, save; or show a saved run again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=[*CASES, "growth"], default=[*CASES, "growth"])
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=process.ROUNDS)
    parser.add_argument("--count", type=int, default=100_000, help="messages of a bulk case")
    parser.add_argument("--out", type=Path, default=saved.FOLDER, help="folder for the JSON")
    parser.add_argument("--show", type=Path, help="print a saved run and measure nothing")
    parser.add_argument("--compare", type=Path, nargs=2, help="compare two saved runs and measure nothing")
    asked = parser.parse_args(arguments)
    if asked.compare:
        print(saved.compare(*asked.compare))
        return
    if asked.show:
        print(show(json.loads(asked.show.read_text("utf-8"))))
        return
    absent, before = list(peers.load().missing()), machine.describe()
    found = collect(asked.cases, asked.processes, asked.count, asked.rounds)
    rows = [
        growth_row(level, runs) if name == "growth" else row_of(CASES[name], level, runs)
        for name, by_level in found.items()
        for level, runs in by_level.items()
    ]
    rows.sort(key=lambda row: [*CASES, "growth"].index(row["name"]))
    run = {"machine": before, "absent": absent, "processes": asked.processes, "rounds": asked.rounds}
    run |= {"count": asked.count, "rows": rows}
    print(show(run))
    print(f"saved: {saved.save('report', run, asked.out)}")


if __name__ == "__main__":
    main(sys.argv[1:])
