"""Cells of a workbook that goes out as text and comes back as whatever the clerk's program made of it."""

import hashlib
import re
from collections.abc import Iterator
from datetime import date, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sbcard_core.errors import MissingPart
from sbcard_core.validation.blocks import SourceRefused

MAX_CELL = 32_767
"""Characters a cell of the workbook format holds."""

_EXACT = 10**15
"""A number cell keeps 15 digits; a longer one has lost the rest for good."""

_LINE_END = re.compile("\r\n?")
_ESCAPED = re.compile("_x005F_(?=x[0-9A-Fa-f]{4}_)")  # how the format writes a literal "_x0041_"; one reader keeps it
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class BadCell:
    """A cell no text can be taken from: a formula, an error, a truth value, a number that has lost digits."""

    def __repr__(self) -> str:
        return "BAD"


BAD = BadCell()
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


def text_of(value: Any) -> str | BadCell:
    """The text of a cell's value.

    Example:
        >>> text_of(None), text_of(430102.0), text_of(datetime(1949, 12, 31)), text_of(4.3010219491231e17)
        ('', '430102', '19491231', BAD)
    """
    if value is None or isinstance(value, str):
        return cell_text(_ESCAPED.sub("_", value or ""))
    if isinstance(value, date):  # a datetime is one too
        plain = not isinstance(value, datetime) or (value.hour, value.minute, value.second) == (0, 0, 0)
        return f"{value:%Y%m%d}" if plain else BAD
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= _EXACT or value != int(value):
        return BAD
    return str(int(value))


def _by_openpyxl(path: Path) -> Iterator[tuple[str, list[Row]]]:
    """Formulas are seen as such."""
    with path.open("rb") as file:  # openpyxl leaves a damaged one open
        for sheet in import_module("openpyxl").load_workbook(file, read_only=True).worksheets:
            rows = []
            for at, row in enumerate(sheet.iter_rows(), 1):
                rows.append((at, tuple(BAD if cell.data_type in ("f", "e") else text_of(cell.value) for cell in row)))
            yield sheet.title, rows


def _by_calamine(path: Path) -> Iterator[tuple[str, list[Row]]]:
    """A formula is seen as the value it last had; an error as an empty cell."""
    book = import_module("python_calamine").CalamineWorkbook.from_path(str(path))
    for name in book.sheet_names:
        table = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        yield name, [(at, tuple(map(text_of, row))) for at, row in enumerate(table, 1)]


def rows_of(path: Path) -> dict[str, list[Row]]:
    """Every sheet of an .xlsx file, hidden ones too; by openpyxl, or by python-calamine where that is absent.

    Raises:
        MissingPart: neither is installed.
        SourceRefused: damaged.
        OSError: the file cannot be read.
    """
    if find_spec("openpyxl") is not None:
        read = _by_openpyxl
    elif find_spec("python_calamine") is not None:
        read = _by_calamine
    else:
        raise MissingPart(
            "no reader of workbooks is installed", step="kickback.read_back", advice="pip install 'sbcard-core[bulk]'"
        )
    try:
        return dict(read(path))
    except OSError:
        raise
    except Exception as error:  # each reader has its own kinds, and a damaged archive raises yet others
        raise SourceRefused(
            f"not a readable workbook ({type(error).__name__})",
            code="file.damaged",
            advice="open it, save it anew as .xlsx",
        ) from error
