"""Cells of tables that leave: a spreadsheet program never takes one for a formula, and no value is lost.

A text that could be one gets an apostrophe in front, as does a text that already has apostrophes before such a
beginning, so that :func:`read_cell` gives back exactly what was written.
"""

import csv
import re
from collections.abc import Iterable
from typing import Final, Protocol

_RISKY: Final = re.compile(r"'*[\s\ufeff\u200b-\u200f\u2060]*[=+\-@＝＋－＠\t\r\n]")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_SPARED: Final = re.compile(r"[-+]?")


class _Lines(Protocol):
    def write(self, text: str, /) -> object: ...


def write_cell(value: object) -> str:
    """A value as a cell: what a program could run becomes text; numbers stay numbers.

    Example:
        >>> write_cell("=1+1"), write_cell(-12), write_cell("张三"), write_cell("'=x")
        ("'=1+1", '-12', '张三', "''=x")
    """
    text = str(value)
    if not _RISKY.match(text) or _NUMBER.fullmatch(text) or _SPARED.fullmatch(text):
        return text
    return f"'{text}"


def read_cell(text: str) -> str:
    """The value of a cell that :func:`write_cell` wrote; other cells stay as they are.

    Example:
        >>> read_cell("'=1+1"), read_cell("'tis"), read_cell("''=x")
        ('=1+1', "'tis", "'=x")
    """
    return text[1:] if text.startswith("'") and _RISKY.match(text) else text


def write_rows(out: _Lines, rows: Iterable[Iterable[object]], *, end: str = "\r\n") -> int:
    """Write rows as CSV with safe cells; returns how many."""
    table, count = csv.writer(out, lineterminator=end), 0
    for row in rows:
        table.writerow([cell if type(cell) is str and cell[:1].isalnum() else write_cell(cell) for cell in row])
        count += 1
    return count
