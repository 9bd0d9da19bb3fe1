"""Workbooks (.xlsx, .xls) as sources, by python-calamine (extra ``bulk``).

A workbook is unpacked whole in memory by whoever reads it, so it is measured first.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sbcard_core.errors import MissingPart
from sbcard_core.files import open_input
from sbcard_core.messages import message
from sbcard_core.validation.blocks import Digest, Records, RowBlock, SourceRefused
from sbcard_core.validation.columnar import digest_file
from sbcard_core.validation.measuring import MAX_CELLS, MAX_UNPACKED, damaged, measure
from sbcard_core.validation.spec import NO_FAULT, RecordSpec, header_fault, layout_of
from sbcard_core.validation.titles import MAX_TITLES, PERSON, header_row

Rows = Sequence[Sequence[str]]

ROWS = 8192
_EXACT = 10**15
"""A number cell keeps 15 digits; a longer one has lost the rest for good."""


def cell_text(value: Any) -> str:
    """A cell as a clerk reads it; a number that has lost digits is written so that no rule takes it.

    Example:
        >>> cell_text(43.0), cell_text("=1+1"), cell_text(date(2014, 7, 1)), cell_text(430102194912310020.0)
        ('43', '=1+1', '20140701', '4.3010219491231E+17')
    """
    match value:
        case str():
            return value
        case bool():
            return "TRUE" if value else "FALSE"
        case float() | int():
            if abs(value) >= _EXACT:
                return f"{value:.15G}"
            return str(int(value)) if value == int(value) else repr(value)
        case datetime() | date():
            return f"{value:%Y%m%d}"
    return "" if value is None else str(value)


@dataclass(frozen=True)
class Workbook:
    """The sheet of a workbook that has the header of the layout; rows are counted as the program shows them.

    Args:
        path: the file.
        sheet: its name; "" = the one sheet whose header fits and that holds records (the first
            sheet, where none fits).
        max_cells: limit for the whole workbook.
        max_unpacked: limit in bytes, for .xls of the file itself.
    """

    path: Path
    sheet: str = ""
    max_cells: int = MAX_CELLS
    max_unpacked: int = MAX_UNPACKED

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def _book(self) -> Any:
        try:
            import python_calamine  # noqa: PLC0415
        except ImportError as error:
            raise MissingPart(message("parts.calamine"), step="validation.workbook", term="依赖组件") from error
        extent = measure(self.path, max_cells=self.max_cells, max_unpacked=self.max_unpacked)
        if not extent.in_order:
            raise damaged("order")
        with _typed(), open_input(self.path) as file:  # by its bytes: from a path, the suffix would choose the reader
            return python_calamine.CalamineWorkbook.from_filelike(file)

    def blocks(self, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Records]:
        """See :class:`~sbcard_core.validation.blocks.Source`.

        Raises:
            MissingPart: python-calamine is not installed.
            SourceRefused: over a limit, damaged, locked, or several sheets have the header.
        """
        digest_file(self.path, digest)
        book = self._book()
        rows, passed_over = self._rows(book, spec)
        at, layout = header_row(rows, lambda cells: layout_of(cells, spec))
        if at < 0:
            return
        fault = header_fault(rows[: 2 * MAX_TITLES], spec) if layout is None else NO_FAULT
        yield RowBlock(at + 1, [rows[at]], layout, fault=fault._replace(passed_over=passed_over))
        for start in range(at + 1, len(rows), ROWS):
            yield RowBlock(start + 1, rows[start : start + ROWS], layout)

    def _rows(self, book: Any, spec: RecordSpec) -> tuple[Rows, tuple[str, ...]]:
        """The one sheet with records under the header, and the names of others that hold people.

        A sheet nobody sees counts only where no other one has records.
        """
        if self.sheet:
            return _sheet(book, self.sheet), ()
        sheets = {one.name: one for one in book.sheets_metadata if str(one.typ).rpartition(".")[2] == "WorkSheet"}
        rows = {name: _sheet(book, name) for name in sheets}
        seen = [name for name, one in sheets.items() if str(one.visible).rpartition(".")[2] == "Visible"]
        filled, empty = _with_header(rows, spec)
        chosen = [name for name in filled if name in seen] or filled
        if len(chosen) > 1:
            raise SourceRefused("file.sheets", "named", sheets="、".join(chosen))
        empty.sort(key=lambda name: name not in seen)
        read = next((name for name in (*chosen, *empty, *seen, *rows) if rows[name]), "")
        others = (name for name, cells in rows.items() if name != read and _holds_people(cells))
        return rows.get(read, []), tuple(others)


def _with_header(rows: Mapping[str, Rows], spec: RecordSpec) -> tuple[list[str], list[str]]:
    """Sheets whose header fits: those with something below it, and those without."""
    filled: list[str] = []
    empty: list[str] = []
    for name, cells in rows.items():
        at, layout = header_row(cells, lambda row: layout_of(row, spec))
        if layout is not None:
            (filled if any(any(map(str.strip, row)) for row in cells[at + 1 :]) else empty).append(name)
    return filled, empty


def _holds_people(rows: Rows) -> bool:
    return any(PERSON.fullmatch(cell.strip()) for row in rows for cell in row)


@contextmanager
def _typed() -> Iterator[None]:
    """What python-calamine raises, a panic of its Rust code included, as the refusal of the source."""
    import python_calamine  # noqa: PLC0415

    try:
        yield
    except python_calamine.PasswordError as error:
        raise SourceRefused("file.locked") from error
    except (python_calamine.CalamineError, ValueError, OSError) as error:
        raise damaged() from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise damaged() from error


def _sheet(book: Any, name: str) -> Rows:
    with _typed():
        table = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    return [[cell_text(cell) for cell in row] for row in table]
