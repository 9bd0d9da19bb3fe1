"""Rewrite the history of region codes from the public list of administrative division codes.

Usage: python update_history.py <commit> result.csv <early commit> <folder of early lists> gbt2260-history.txt

``result.csv`` is the summary table of https://github.com/yescallop/areacodes (CC0 1.0), which
compares the yearly lists of the Ministry of Civil Affairs, each as of 31 December, after correcting
them by the editions of GB/T 2260 (its ``errata.md``). The early lists are ``data/<year>.txt`` of an
earlier commit of the same repository, before those corrections: offices numbered people by them too.
"""

import csv
import io
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

FIRST, LAST = 1981, 2024
HEADER = f"""\
# Codes of GB/T 2260, counties and above, with the years they were in force: {FIRST} to {LAST}.
# Source: https://github.com/yescallop/areacodes, licence CC0 1.0, made there from the yearly lists
#   (31 December) of the Ministry of Civil Affairs (民政部): result.csv (commit {{commit}}); for lines that end
#   in "~" data/<year>.txt (commit {{early}}). Written by update_history.py.
# A line: code, first year, last year, name, what the place became (codes with commas, or nothing).
#   first year: it stood in that year's list for the first time; {FIRST} also means "or before".
#   last year: the year in which it went out of force, or "-"; a change of name under one code ends a line too.
#   "~": a code the lists of those years had as first published, where editions of GB/T 2260 have another one.
# Collective headings (市辖区 xx01, 县, 省直辖县级行政单位) stand in no line of the source.
# Moves of a part of a county that kept its code are left out.
"""
_CODE, _NAME, _FIRST, _LAST, _NEXT = "代码", "名称", "启用时间", "变更/弃用时间", "新代码"

Line = tuple[str, int, str, str, str]
"""Code, first year, last year or "-", name, the rest."""


def corrected(source: str) -> list[Line]:
    """The lines of the summary table.

    Example:
        >>> corrected("代码,名称,启用时间,变更/弃用时间,新代码\\n430122,望城县,1981,2011,430104[1996];430112\\n")
        [('430122', 1981, '2011', '望城县', '430112')]
    """
    lines = []
    for row in csv.DictReader(io.StringIO(source)):
        became = ",".join(code for code in row[_NEXT].split(";") if "[" not in code)
        lines.append((row[_CODE], int(row[_FIRST]), row[_LAST] or "-", row[_NAME], became))
    return lines


def as_published(lines: Iterable[Line], lists: Mapping[int, str]) -> list[Line]:
    """The codes of the early lists in years for which the corrected table has none.

    Args:
        lines: the corrected table.
        lists: the text of each year's list.

    Example:
        >>> as_published([("339005", 1988, "1990", "萧山市", "")], {1990: "339005 萧山市", 1991: "339005 萧山市"})
        [('339005', 1991, '1992', '萧山市', '~')]
    """
    known = defaultdict(list)
    for code, first, last, *_ in lines:
        known[code].append((first, LAST if last == "-" else int(last)))
    found: dict[tuple[str, str], list[list[int]]] = defaultdict(list)
    for year, text in sorted(lists.items()):
        for line in text.splitlines():
            code, name = line.split()[:2]
            if any(first <= year <= last for first, last in known[code]):
                continue
            runs = found[code, name]
            if runs and runs[-1][-1] == year - 1:
                runs[-1].append(year)
            else:
                runs.append([year])
    return [(code, run[0], str(run[-1] + 1), name, "~") for (code, name), runs in found.items() for run in runs]


def table(lines: Iterable[Line], commit: str, early: str) -> str:
    """The text of the table file.

    Example:
        >>> table([("339005", 1991, "1995", "萧山市", "~")], "eed219a", "d96b311").splitlines()[-1]
        '339005 1991 1995 萧山市 ~'
    """
    rows = (" ".join(str(part) for part in line if part) for line in sorted(lines))
    return HEADER.format(commit=commit, early=early) + "".join(f"{row}\n" for row in rows)


def main(arguments: list[str]) -> int:
    """Run the script."""
    commit, summary, early, folder, target = arguments
    lines = corrected(Path(summary).read_text("utf-8-sig"))
    lists = {year: Path(folder, f"{year}.txt").read_text("utf-8-sig") for year in range(1983, LAST + 1)}
    Path(target).write_text(table(lines + as_published(lines, lists), commit, early), "utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
