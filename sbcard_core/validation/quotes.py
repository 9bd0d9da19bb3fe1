"""Records that a quoted cell spreads over several lines of a delimited file.

A cell is quoted where its first character is a quote and the quote that ends it stands before a delimiter or at the
end of the record (RFC 4180). Everything else is a stray quote: a ditto mark, an inch mark, a cell that was cut. Two
stray quotes look like one quoted cell around all the lines between them, so lines are joined only where none of
those swallowed has the shape of a record of its own.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

MAX_LINES = 16
"""A record spans at most this many lines."""

WIDEST = 16_384
"""Columns of a sheet in any spreadsheet program; a record with more is none."""

MORE = 0
"""Lines that follow are needed to decide."""

_OPEN = re.compile(r'"[^"]*(?:""[^"]*)*')
_LONG_NUMBER = re.compile(r"[0-9]{14}[0-9Xx]")


@lru_cache(maxsize=16)
def _cell(delimiter: str) -> re.Pattern[str]:
    """One cell with what ends it: a delimiter, or nothing at the end of the text."""
    mark = re.escape(delimiter)
    return re.compile(rf'(?:"(?P<quoted>[^"]*(?:""[^"]*)*)"|(?P<plain>(?!")[^{mark}]*))(?P<end>{mark}|\Z)')


@lru_cache(maxsize=16)
def _ended_cells(delimiter: str) -> re.Pattern[str]:
    """All cells of a text that a delimiter ends."""
    mark = re.escape(delimiter)
    return re.compile(rf'(?:(?:"[^"]*(?:""[^"]*)*"|(?!")[^{mark}]*){mark})*')


def is_open(text: str, delimiter: str) -> bool:
    """Whether a quoted cell is still open at the end of a text that begins with a cell.

    Example:
        >>> is_open('1,"a', ","), is_open('1,"a"', ","), is_open('1,12"', ","), is_open('1,"a"b', ",")
        (True, False, False, False)
    """
    return _open_part(text, delimiter) != ""


def _open_part(text: str, delimiter: str) -> str:
    """The part of a text that is in a quoted cell still open at its end, with its quote."""
    if '"' not in text:
        return ""
    ended = _ended_cells(delimiter).match(text)
    found = _OPEN.fullmatch(text, ended.end() if ended else 0)
    return "" if found is None else found[0]


def cells(text: str, delimiter: str = ",") -> list[str] | None:
    """The cells of one record; None where its quotes do not close, or it has more than ``WIDEST`` of them.

    A quoted cell may hold delimiters, doubled quotes and line ends.

    Example:
        >>> cells('1,"张三,李四",2'), cells('1,"张三')
        (['1', '张三,李四', '2'], None)
    """
    if text.count(delimiter) >= WIDEST:
        return None
    if '"' not in text:
        return text.split(delimiter)
    found, at = [], 0
    cell = _cell(delimiter)
    while (match := cell.match(text, at)) is not None:
        quoted = match["quoted"]
        found.append(match["plain"] if quoted is None else quoted.replace('""', '"'))
        at = match.end()
        if not match["end"]:
            return found
    return None


def fitted(row: list[str], columns: int) -> list[str]:
    """The row without the empty cells it has beyond the header's columns.

    Example:
        >>> fitted(["1", "2", "", " "], 2), fitted(["1", "2", "x"], 2), fitted(["1"], 2)
        (['1', '2'], ['1', '2', 'x'], ['1'])
    """
    return row[:columns] if len(row) > columns and not any(map(str.strip, row[columns:])) else row


def span(texts: Sequence[str | None], at: int, delimiter: str, columns: int, *, final: bool) -> int:
    """How many lines the record at a line takes, :data:`MORE` where that depends on lines to come.

    Args:
        texts: lines without their ends; None = undecodable.
        at: where the record begins.
        delimiter: what stands between cells.
        columns: cells of a record.
        final: whether no more lines come.

    Example:
        >>> span(['1,"a', 'b",2'], 0, ",", 3, final=True), span(['1,2,"', '3,4,"'], 0, ",", 3, final=True)
        (2, 1)
        >>> span(['1,"a'], 0, ",", 3, final=False)
        0
    """
    first = texts[at]
    if first is None or not is_open(first, delimiter):
        return 1
    joined = first
    for end in range(at + 1, min(at + MAX_LINES, len(texts))):
        text = texts[end]
        if text is None:
            return 1
        joined = f"{joined}\n{text}"
        opened = _open_part(joined, delimiter)
        if _is_record(text, delimiter, columns, inside=_inside(text, delimiter, opened)):
            return 1
        if not opened:
            row = cells(joined, delimiter)
            return end + 1 - at if row is not None and len(fitted(row, columns)) == columns else 1
    return 1 if final or len(texts) >= at + MAX_LINES else MORE


def _is_record(text: str, delimiter: str, columns: int, *, inside: str) -> bool:
    """Whether a swallowed line has the shape of a record: all its cells, or a citizen or account number in the cell."""
    return text.count(delimiter) >= columns - 1 or _LONG_NUMBER.search(inside) is not None


def _inside(text: str, delimiter: str, opened: str) -> str:
    """The parts of a swallowed line in quoted cells: in one that ends in it, and in ``opened`` at its end."""
    if len(opened) > len(text):
        return text
    found = re.match(rf'[^"]*(?:""[^"]*)*(?="(?:{re.escape(delimiter)}|$))', text)
    return (text if found is None else found[0]) + opened


def lengths(texts: Sequence[str | None], delimiter: str, columns: int, *, final: bool) -> list[int]:
    """How many lines each record of some lines takes; the last lines are left out where more must come to decide.

    Example:
        >>> lengths(['1,"a', 'b",2', "3,4,5", '6,"'], ",", 3, final=False)
        [2, 1]
    """
    found: list[int] = []
    at = 0
    while at < len(texts) and (length := span(texts, at, delimiter, columns, final=final)) != MORE:
        found.append(length)
        at += length
    return found
