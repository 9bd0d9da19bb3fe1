"""The sweep over the size of a commit: single posts of many threads through one committer."""

from statistics import median
from typing import Any

from benchmarks import posting

CASE = "ledger.batching"
"""The sweep's name."""
SIZES = (1, 10, 100, 1_000)
THREADS = (1, 8, 32)


def sweep(rounds: int) -> list[dict[str, Any]]:
    """Every setting in turn, on one growing book."""
    times: dict[tuple[int, int], list[float]] = {(threads, most): [] for threads in THREADS for most in SIZES}
    with posting.books() as (ledger, _):
        for turn in range(rounds):
            for (threads, most), found in times.items():
                rate, _ = posting.threads_rate(ledger, f"{turn}.{threads}.{most}:", threads, most, 50)
                found.append(1e9 / rate)
    return [
        {
            "case": CASE, "at": f"{threads} threads, at most {most} a commit", "workers": threads, "size": most,
            "ns": median(found), "low": min(found), "high": max(found),
        }
        for (threads, most), found in times.items()
    ]  # fmt: skip


def told(rows: list[dict[str, Any]]) -> list[str]:
    """The smallest commit that is as quick as the quickest, for each number of threads.

    Example:
        >>> told([{"workers": 8, "size": 1, "ns": 9.0}, {"workers": 8, "size": 10, "ns": 3.0}])
        ['  ledger.batching, 8 threads: max_transfers=10 (3 ns each)']
    """
    out = []
    for threads in dict.fromkeys(row["workers"] for row in rows):
        some = [row for row in rows if row["workers"] == threads]
        best = min(row["ns"] for row in some)
        row = min((row for row in some if row["ns"] <= best * 1.05), key=lambda row: int(row["size"]))
        out.append(f"  {CASE}, {threads} threads: max_transfers={row['size']} ({row['ns']:.0f} ns each)")
    return out
