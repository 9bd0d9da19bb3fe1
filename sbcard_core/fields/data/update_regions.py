"""Rewrite the Hunan region table from one year of the public list of administrative division codes.

Usage: python update_regions.py 2014 <commit> path/to/2014.txt gbt2260-hunan-2014.txt

The year files are ``data/<year>.txt`` of https://github.com/yescallop/areacodes (CC0 1.0), which
collects the yearly lists of the Ministry of Civil Affairs; each line is ``<code> <name>`` and
shows the codes in force on 31 December of that year.
"""

import sys
from pathlib import Path

HEADER = """\
# GB/T 2260 codes of Hunan province (湖南省), counties and above, in force on {year}-12-31.
# Source: https://github.com/yescallop/areacodes, data/{year}.txt (commit {commit}), licence CC0 1.0,
#   collected there from the yearly lists of the Ministry of Civil Affairs (民政部).
# Written by update_regions.py; the collective codes 市辖区 (xx01) stand in no line of the source.
"""
PROVINCE = "43"


def table(year: str, commit: str, source: str) -> str:
    """The text of the table file for one year file of one commit.

    Example:
        >>> table("2014", "eed219a", "420000 湖北省\\n430100 长沙市\\n").splitlines()[-1]
        '430100 长沙市'
    """
    lines = [line for line in source.splitlines() if line.startswith(PROVINCE)]
    return HEADER.format(year=year, commit=commit) + "".join(f"{line}\n" for line in lines)


def main(arguments: list[str]) -> int:
    """Run the script."""
    year, commit, source, target = arguments
    Path(target).write_text(table(year, commit, Path(source).read_text("utf-8")), "utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
