"""Lines above the header that are no records: titles, who fills in the table, and ``sep=`` for a spreadsheet program.

A clerk's table rarely begins with its header. Only what cannot be a record is passed over: few lines, less than half
of the header's cells filled, none of them a citizen or account number alone, and no number in front of others.
"""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from sbcard_core.values import WIDE

LayoutT = TypeVar("LayoutT")

MAX_TITLES = 10
"""Lines that are not blank above a header."""

PERSON = re.compile(r"[0-9]{15}(?:[0-9]{2}[0-9Xx])?|[0-9]{16}|[0-9]{19}")
"""A cell that stands for somebody: a citizen or account number."""


def is_title(cells: Sequence[str], columns: int) -> bool:
    """Whether a line above a header of so many columns can be no record.

    Example:
        >>> is_title(["附件1", "", "2014年7月"], 12), is_title(["1", "13800138000"], 12), is_title(["a"] * 6, 12)
        (True, False, False)
        >>> is_title(["联系电话:13800138000"], 12), is_title(["11010519491231002X"], 12)
        (True, False)
    """
    filled = [cell.translate(WIDE).strip() for cell in cells if cell and not cell.isspace()]
    if 2 * len(filled) >= columns or any(map(PERSON.fullmatch, filled)):
        return False
    return len(filled) < 2 or not filled[0].isdigit()


def are_titles(rows: Sequence[Sequence[str]], columns: int) -> bool:
    """Whether all lines above a header are titles, and few enough."""
    return len(rows) <= MAX_TITLES and all(is_title(row, columns) for row in rows)


def split_unreadable(text: str, delimiter: str) -> list[str]:
    """The cells of a line that can't be read as cells: every one is filled and none is a header's.

    Example:
        >>> is_title(split_unreadable("1,张\\0三,", ","), 6), is_title(split_unreadable("附\\0件", ","), 6)
        (False, True)
    """
    return ["\0" + cell for cell in text.split(delimiter)]


def header_row(
    rows: Sequence[Sequence[str]], layout_of: Callable[[list[str]], LayoutT | None]
) -> tuple[int, LayoutT | None]:
    """(index of the header among the first rows of a table, its layout).

    Where there is none: the first row that is not blank, and None; index -1 = all rows are blank.

    Example:
        >>> header_row([["", ""], ["title"], ["a", "b", "c"]], lambda row: "abc" if row[-1] == "c" else None)
        (2, 'abc')
        >>> header_row([["", ""], ["title"]], lambda row: None)
        (1, None)
    """
    above: list[int] = []
    for index, row in enumerate(rows):
        if not any(cell and not cell.isspace() for cell in row):
            continue
        layout = layout_of(list(row))
        if layout is not None:
            if are_titles([rows[at] for at in above], len(row)):
                return index, layout
            break
        above.append(index)
        if len(above) > MAX_TITLES:
            break
    return (above[0], None) if above else (-1, None)


_NO_LETTERS = re.compile(r"[\s\u200b-\u200f\u2028-\u202e\u2060\ufeff*＊]+")


_DEMAND = re.compile(r"\((?:必填|必录|选填)(?:项)?\)$")


def plain_header(cell: str) -> str:
    """A header in plain characters, without blanks, line ends, invisible ones and the marks of a required column.

    Example:
        >>> plain_header(" *社会保障\\n号码"), plain_header("姓　名（必填）"), plain_header("合计：３人")
        ('社会保障号码', '姓名', '合计:3人')
    """
    return _DEMAND.sub("", _NO_LETTERS.sub("", cell).translate(WIDE))
