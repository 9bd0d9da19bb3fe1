"""Workbooks (.xlsx, .xls) as sources, by python-calamine (extra ``bulk``).

A workbook is unpacked whole in memory by whoever reads it, so its size is measured first: the archive is
inflated piece by piece and thrown away, counting bytes and cells. What its directory claims is not believed.
"""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sbcard_core.errors import MissingPart
from sbcard_core.validation.archives import ZIP_ERRORS, is_damage
from sbcard_core.validation.blocks import Digest, Records, RowBlock, SourceRefused
from sbcard_core.validation.columnar import digest_file
from sbcard_core.validation.spec import RecordSpec, layout_of
from sbcard_core.validation.titles import header_row

MAX_CELLS = 2_000_000
"""Cells of one workbook: about 210 MB while it is read."""

MAX_UNPACKED = 400 << 20
"""Bytes of one workbook, unpacked."""

ROWS = 8192
_EXACT = 10**15
"""A number cell keeps 15 digits; a longer one has lost the rest for good."""

_PIECE = 1 << 18


def _too_large(what: str) -> SourceRefused:
    return SourceRefused(what, code="file.too_large", advice="split it, or save it as CSV and send that")


def _damaged(what: str) -> SourceRefused:
    return SourceRefused(what, code="file.damaged", advice="open it, save it anew, or send CSV")


def measure(path: Path, *, max_cells: int = MAX_CELLS, max_unpacked: int = MAX_UNPACKED) -> tuple[int, int]:
    """(cells, unpacked bytes) of an .xlsx, measured in bounded memory.

    Raises:
        SourceRefused: over a limit, or no whole archive.
    """
    cells = size = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                is_sheet = member.filename.startswith("xl/worksheets/")
                with archive.open(member) as file:
                    tail = b""
                    while data := file.read(_PIECE):
                        size += len(data)
                        if is_sheet:
                            seen = tail + data
                            cells += seen.count(b"<c ") + seen.count(b"<c>") - tail.count(b"<c ") - tail.count(b"<c>")
                            tail = seen[-2:]
                        if size > max_unpacked:
                            raise _too_large(f"more than {max_unpacked >> 20} MB unpacked")
                        if cells > max_cells:
                            raise _too_large(f"more than {max_cells} cells")
    except ZIP_ERRORS as error:
        if not is_damage(error):
            raise
        raise _damaged("not a whole workbook") from error
    return cells, size


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
        sheet: its name; "" = the one sheet whose header fits (the first sheet, where none does).
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
        with self.path.open("rb") as file:
            is_zip = file.read(2) == b"PK"
        if is_zip:
            measure(self.path, max_cells=self.max_cells, max_unpacked=self.max_unpacked)
        elif self.path.stat().st_size > self.max_unpacked // 4:
            raise _too_large(f"more than {self.max_unpacked >> 22} MB")
        try:
            return python_calamine.CalamineWorkbook.from_path(str(self.path))
        except python_calamine.PasswordError as error:
            raise SourceRefused("a password", code="file.locked", advice="save it without a password") from error
        except (python_calamine.CalamineError, ValueError, OSError) as error:
            raise _damaged("not a whole workbook") from error

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
        yield RowBlock(at + 1, [rows[at]], layout)
        for start in range(at + 1, len(rows), ROWS):
            yield RowBlock(start + 1, rows[start : start + ROWS], layout)

    def _rows(self, book: Any, spec: RecordSpec) -> Sequence[Sequence[str]]:
        names = [self.sheet] if self.sheet else list(book.sheet_names)
        fitting: list[tuple[str, Sequence[Sequence[str]]]] = []
        first: Sequence[Sequence[str]] = []
        for at, name in enumerate(names):
            rows = _sheet(book, name)
            if at == 0:
                first = rows
            if header_row(rows, lambda cells: layout_of(cells, spec))[1] is not None:
                fitting.append((name, rows))
        if len(fitting) > 1:
            what = f"{len(fitting)} sheets have the header"
            raise SourceRefused(what, code="file.sheets", advice="keep one, or name it")
        return fitting[0][1] if fitting else first


def _sheet(book: Any, name: str) -> Sequence[Sequence[str]]:
    import python_calamine  # noqa: PLC0415

    try:
        table = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except (python_calamine.CalamineError, ValueError) as error:
        raise _damaged("a sheet cannot be read") from error
    return [[cell_text(cell) for cell in row] for row in table]
