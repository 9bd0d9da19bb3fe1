"""``python -m benchmarks.tune``: how many workers and how large calls serve *this* machine best.

Sweeps both for the bulk calls, prints the table and a recommended setting for each call, and saves JSON under
out/bench/. ``--compare a.json b.json`` sets two saved runs side by side: before and after a change of machine,
compiler or release. Wall-clock times, as threads are what is tuned: run it on a machine that does nothing else.

``repeats.mark_first`` is swept over the number of parts its keys are split into, for several numbers of keys: where
"as chosen" is not among the quickest, SBC_DEDUPE_OPEN and SBC_DEDUPE_PART in csrc/dedupe.h suit another machine.

``check_files`` and ``check_sources, Arrow`` are swept over what is read at once, records a batch and threads.

``ledger.batching`` is swept over the transfers of one commit, for several numbers of threads.
"""

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any

from benchmarks import data, dedupe, machine, process, saved, tune_checks, tune_posting
from sbcard_core.crypto import diversify, mac, tac
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey

SIZES = (256, 1_024, 4_096, 16_384, 65_536, 262_144)
LANES = 256
"""Below this many messages for each worker a call does not share its work."""
CLOSE = 1.05
"""A setting this near the quickest is as good: then fewer workers and smaller calls win."""
BUSY = 1.3
"""A range wider than this tells of other programs."""

PARTS = "repeats.mark_first"
"""The sweep over parts."""
KEYS = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)

Step = Callable[[int, int, int], Any]
"""Do the messages from one place to another with so many workers."""


def calls(count: int) -> dict[str, Step]:
    """The bulk calls that take ``workers``, over the same ``count`` messages."""
    rows = data.rows(count)
    keys, factors, messages = memoryview(rows.keys), memoryview(rows.factors), memoryview(rows.messages)
    city = SecretKey(data.MASTER, KeyUsage.DTK)
    tacs = memoryview(tac.compute_many(city, factors, messages, message_length=data.LENGTH).tobytes())

    def at(view: memoryview, width: int, start: int, end: int) -> memoryview:
        return view[width * start : width * end]

    def macs(many: Callable[..., Any], start: int, end: int, workers: int) -> Any:
        own, some = at(keys, 16, start, end), at(messages, data.LENGTH, start, end)
        return many(own, some, message_length=data.LENGTH, workers=workers)

    def verify(start: int, end: int, workers: int) -> Any:
        return tac.verify_many(
            city, at(factors, 8, start, end), at(messages, data.LENGTH, start, end), at(tacs, 4, start, end),
            message_length=data.LENGTH, workers=workers,
        )  # fmt: skip

    def derive(start: int, end: int, workers: int) -> Any:
        return diversify.diversify_many(city, at(factors, 8, start, end), workers=workers)

    return {
        "mac.retail_mac_many": partial(macs, mac.retail_mac_many),
        "mac.cbc_mac_many, 3DES": partial(macs, mac.cbc_mac_many),
        "mac.cbc_mac_many, SM4": partial(macs, partial(mac.cbc_mac_many, cipher=Cipher.SM4)),
        "tac.verify_many": verify,
        "diversify.diversify_many": derive,
    }


def pieces(step: Step, count: int, size: int, workers: int) -> None:
    """All messages, ``size`` a call."""
    for start in range(0, count, size):
        step(start, min(start + size, count), workers)


def sweep(name: str, step: Step, count: int, most_workers: int, rounds: int) -> list[dict[str, Any]]:
    """Every setting of one call, all settings in turn, ``rounds`` times."""
    settings = [
        (workers, size)
        for workers in range(1, most_workers + 1)
        for size in sorted({min(size, count) for size in SIZES})
        if workers == 1 or size >= workers * LANES
    ]
    times: dict[tuple[int, int], list[float]] = {setting: [] for setting in settings}
    for turn in range(rounds + 1):
        for workers, size in settings:
            spent, _ = process.sample(partial(pieces, step, count, size, workers), 1, perf_counter_ns)
            if turn:
                times[workers, size].append(spent / count)
    return [
        {
            "case": name, "at": f"{workers} worker{'s' if workers > 1 else ''}, {size} a call", "workers": workers,
            "size": size, "ns": median(found), "low": min(found), "high": max(found),
        }
        for (workers, size), found in times.items()
    ]  # fmt: skip


def recommend(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The fewest workers, then the smallest calls, among the settings that are as quick as the quickest.

    Example:
        >>> rows = [{"workers": 1, "size": 256, "ns": 90.0}, {"workers": 1, "size": 1024, "ns": 71.0},
        ...         {"workers": 2, "size": 1024, "ns": 70.0}]
        >>> recommend(rows)
        {'workers': 1, 'size': 1024, 'ns': 71.0}
    """
    best = min(row["ns"] for row in rows)
    return min((row for row in rows if row["ns"] <= best * CLOSE), key=lambda row: (row["workers"], row["size"]))


def parts(most: int, rounds: int) -> list[dict[str, Any]]:
    """The sweep over parts, up to so many keys."""
    return [row for count in KEYS if count <= most for row in dedupe.sweep(count, rounds)]


def told(rows: list[dict[str, Any]]) -> list[str]:
    """For each number of keys, what the library chooses against the quickest setting.

    Example:
        >>> rows = [{"case": "10 keys", "at": "1 parts", "ns": 9.0}, {"case": "10 keys", "at": "as chosen", "ns": 9.9}]
        >>> told(rows)
        ['  10 keys: 1 parts (9.0 ns each); as chosen 1.10 times that']
    """
    out = []
    for case in dict.fromkeys(row["case"] for row in rows):
        of_case = [row for row in rows if row["case"] == case]
        best = min((row for row in of_case if row["at"] != "as chosen"), key=lambda row: row["ns"])
        chosen = next(row for row in of_case if row["at"] == "as chosen")["ns"] / best["ns"]
        out.append(f"  {case}: {best['at']} ({best['ns']:.1f} ns each); as chosen {chosen:.2f} times that")
    return out


def show(run: dict[str, Any]) -> str:
    """The sweep and the recommendations as text."""
    out = [f"{what}: {value}" for what, value in run["machine"].items()]
    out.append(f"{run['count']} messages of 48 bytes, {run['rounds']} rounds, wall clock")
    lines = [
        (row["case"], row["at"], f"{row['ns']:.1f}", f"{row['low']:.1f}-{row['high']:.1f}", f"{1e3 / row['ns']:.1f}")
        for row in run["rows"]
    ]
    out += ["", saved.table(("call", "setting", "ns/msg, median", "min-max", "million/s"), lines), "", "Recommended:"]
    for name, best in run["recommended"].items():
        out.append(f"  {name}: workers={best['workers']}, {best['size']} messages a call ({best['ns']:.0f} ns each)")
    out += told([row for row in run["rows"] if row["case"].startswith(PARTS)])
    out += tune_checks.told([row for row in run["rows"] if row["case"] in tune_checks.CASES])
    out += tune_posting.told([row for row in run["rows"] if row["case"] == tune_posting.CASE])
    if any(best["high"] > BUSY * best["low"] for best in run["recommended"].values()):
        out.append(
            "The times of one setting differ much: the machine was busy. Repeat on an idle one, or with more --rounds."
        )
    return "\n".join(out)


def main(arguments: list[str]) -> None:
    """Sweep, print, save; or compare two saved runs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tune", description=__doc__)
    parser.add_argument("--count", type=int, default=262_144, help="messages of one sweep")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="most workers to try")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", nargs="+", help="only these calls")
    parser.add_argument("--keys", type=int, default=KEYS[-1], help="most keys of the sweep over parts")
    parser.add_argument("--out", type=Path, default=saved.FOLDER, help="folder for the JSON")
    parser.add_argument("--compare", type=Path, nargs=2, metavar="JSON", help="compare two saved runs, measure nothing")
    asked = parser.parse_args(arguments)
    if asked.compare:
        print(saved.compare(*asked.compare))
        return
    before, known = machine.describe(), calls(asked.count)
    there = [*known, PARTS, *tune_checks.CASES, tune_posting.CASE]
    unknown = set(asked.calls or ()) - set(there)
    if unknown:
        parser.error(f"no such call: {', '.join(sorted(unknown))}; there are {'; '.join(there)}")
    found = {
        name: sweep(name, step, asked.count, asked.workers, asked.rounds)
        for name, step in known.items()
        if asked.calls is None or name in asked.calls
    }
    run = {"machine": before, "count": asked.count, "rounds": asked.rounds}
    run |= {"recommended": {name: recommend(rows) for name, rows in found.items()}}
    run |= {"rows": [row for rows in found.values() for row in rows]}
    if asked.calls is None or PARTS in asked.calls:
        run["rows"] += parts(asked.keys, asked.rounds)
    for case in tune_checks.CASES:
        if asked.calls is None or case in asked.calls:
            run["rows"] += tune_checks.sweep(case, asked.count, asked.workers, asked.rounds)
    if asked.calls is None or tune_posting.CASE in asked.calls:
        run["rows"] += tune_posting.sweep(asked.rounds)
    print(show(run))
    print(f"saved: {saved.save('tune', run, asked.out)}")


if __name__ == "__main__":
    main(sys.argv[1:])
