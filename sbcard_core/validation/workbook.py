"""Workbooks (.xlsx, .xls) as sources, by python-calamine (extra ``bulk``).

A workbook is unpacked whole in memory by whoever reads it, so it is measured first.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sbcard_core.errors import MissingPart
from sbcard_core.files import open_input
from sbcard_core.validation.blocks import Digest, Records, RowBlock, SourceRefused
from sbcard_core.validation.columnar import digest_file
from sbcard_core.validation.measuring import MAX_CELLS, MAX_UNPACKED, damaged, measure
from sbcard_core.validation.spec import NO_FAULT, RecordSpec, header_fault, layout_of
from sbcard_core.validation.titles import MAX_TITLES, header_row

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
            what = "workbooks need python-calamine"
            raise MissingPart(what, step="validation.workbook", advice="pip install 'sbcard-core[bulk]'") from error
        extent = measure(self.path, max_cells=self.max_cells, max_unpacked=self.max_unpacked)
        if not extent.in_order:
            raise damaged("cells out of order, or two at one place")
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
        rows = self._rows(book, spec)
        at, layout = header_row(rows, lambda cells: layout_of(cells, spec))
        if at < 0:
            return
        fault = header_fault(rows[: 2 * MAX_TITLES], spec) if layout is None else NO_FAULT
        yield RowBlock(at + 1, [rows[at]], layout, fault=fault)
        for start in range(at + 1, len(rows), ROWS):
            yield RowBlock(start + 1, rows[start : start + ROWS], layout)

    def _rows(self, book: Any, spec: RecordSpec) -> Sequence[Sequence[str]]:
        """The one sheet with records under the header; a sheet nobody sees counts only where no other one has any."""
        seen = [self.sheet] if self.sheet else [one.name for one in book.sheets_metadata if _is_seen(one)]
        hidden = [] if self.sheet else [name for name in book.sheet_names if name not in seen]
        first: Sequence[Sequence[str]] = []
        empty: list[Sequence[Sequence[str]]] = []
        for names in (seen, hidden):
            filled: list[Sequence[Sequence[str]]] = []
            for name in names:
                rows = _sheet(book, name)
                first = first or rows
                at, layout = header_row(rows, lambda cells: layout_of(cells, spec))
                if layout is not None:
                    is_filled = any(any(map(str.strip, row)) for row in rows[at + 1 :])
                    (filled if is_filled else empty).append(rows)
            if len(filled) > 1:
                what = f"{len(filled)} sheets have the header and records"
                raise SourceRefused(what, code="file.sheets", advice="keep one, or name it")
            if filled:
                return filled[0]
        return empty[0] if empty else first


def _is_seen(sheet: Any) -> bool:
    return str(sheet.visible).rpartition(".")[2] == "Visible" and str(sheet.typ).rpartition(".")[2] == "WorkSheet"


@contextmanager
def _typed() -> Iterator[None]:
    """What python-calamine raises, a panic of its Rust code included, as the refusal of the source."""
    import python_calamine  # noqa: PLC0415

    try:
        yield
    except python_calamine.PasswordError as error:
        raise SourceRefused("a password", code="file.locked", advice="save it without a password") from error
    except (python_calamine.CalamineError, ValueError, OSError) as error:
        raise damaged("not a whole workbook") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise damaged("not a whole workbook") from error


def _sheet(book: Any, name: str) -> Sequence[Sequence[str]]:
    with _typed():
        table = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    return [[cell_text(cell) for cell in row] for row in table]
