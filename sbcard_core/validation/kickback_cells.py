"""Cells of a workbook that goes out as text and comes back as whatever the clerk's program made of it."""

import hashlib
import re
from pathlib import Path

from sbcard_core.validation import xlsx
from sbcard_core.validation.xlsx import BadCell

MAX_CELL = 32_767
"""Characters a cell of the workbook format holds."""

_LINE_END = re.compile("\r\n?")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


Row = tuple[int, tuple[str | BadCell, ...]]
"""1-based row and its cells."""


def cell_text(value: str) -> str:
    """The value as a cell can hold it: no control characters, not too long.

    Blanks of every width and private-use characters stay: they may be the very fault.

    Example:
        >>> cell_text("张\\u3000三\\x07") == "张\\u3000三\\ufffd"
        True
    """
    return _ILLEGAL.sub("\ufffd", _LINE_END.sub("\n", value))[:MAX_CELL]


def cell_hash(value: str) -> str:
    """12 hex digits that change with the value; "-" for an empty cell.

    Example:
        >>> cell_hash("430102"), cell_hash("")
        ('7aa98c099a4e', '-')
    """
    return hashlib.sha256(value.encode("utf-8")).hexdigest()[:12] if value else "-"


def rows_of(path: Path) -> dict[str, list[Row]]:
    """Every sheet of an .xlsx file, hidden ones too, its cells as text.

    Raises:
        SourceRefused: damaged, or too large.
        OSError: the file cannot be read.
    """
    return {name: [(at, tuple(map(_text, cells))) for at, cells in rows] for name, rows in xlsx.read(path).items()}


def _text(value: xlsx.Value) -> str | BadCell:
    text = xlsx.plain(value)
    return cell_text(text) if isinstance(text, str) else text
