"""Saved runs: where they go, and how two of them compare."""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path("out") / "bench"


def save(kind: str, run: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Write a run as JSON; it is found again by kind and time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps({"kind": kind, **run}, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that reads the same in a terminal and in Markdown; the first two columns are words."""
    body = [list(head), *map(list, rows)]
    widths = [max(len(row[column]) for row in body) for column in range(len(head))]
    words = 2
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in body
    ]
    rule = "|" + "|".join("-" * (width + 1) + ("-" if column < words else ":") for column, width in enumerate(widths))
    return "\n".join([lines[0], rule + "|", *lines[1:]])


def _entries(path: Path) -> dict[str, dict[str, float]]:
    run = json.loads(path.read_text("utf-8"))
    return {f"{row['case']}, {row['at']}": row for row in run["rows"]}


def compare(one: Path, other: Path) -> str:
    """A table of what both runs measured; a change counts only where their ranges do not meet."""
    first, second = _entries(one), _entries(other)
    rows = []
    for name in first:
        if name not in second:
            continue
        a, b = first[name], second[name]
        apart = a["high"] < b["low"] or b["high"] < a["low"]
        verdict = "same within noise" if not apart else "faster" if b["ns"] < a["ns"] else "slower"
        rows.append((name, verdict, f"{a['ns']:.1f}", f"{b['ns']:.1f}", f"{a['ns'] / b['ns']:.2f}"))
    return table(("case", "second run is", f"{one.stem} ns", f"{other.stem} ns", "times as fast"), rows)
