"""What a corrected workbook gives: records ready for the check, and notices of whatever else happened to it."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from sbcard_core.errors import Refused
from sbcard_core.files import new_text, write_rows
from sbcard_core.messages import Message, message
from sbcard_core.validation.spec import COLLECTION, RecordSpec


class NoticeKind(StrEnum):
    """What happened to a workbook besides corrections."""

    MOVED = "moved"
    """A row stands elsewhere than it was; it is still taken, its hidden cells moved with it."""
    DELETED = "deleted"
    """A record is no longer in the workbook."""
    UNREAD = "unread"
    """A record stands on no sheet that was read, and one of them was not: perhaps it is there."""
    REPEATED = "repeated"
    """Several rows name one record: none is taken."""
    SHIFTED = "shifted"
    """A row holds the cells of another record: not taken."""
    REPLACED = "replaced"
    """A row was overwritten with another person: not taken."""
    FOREIGN = "foreign"
    """A row names no record of this workbook: not taken."""
    CELL = "cell"
    """A cell is a formula, an error or a number that has lost digits: the row is not taken."""
    SHEET = "sheet"
    """A sheet has other columns than it was given: not read."""

    @property
    def message(self) -> Message:
        """What the clerk is told."""
        return message(f"corrections.notice.{self}")


class NotOurWorkbook(Refused):
    """No kick-back workbook, or one whose hidden sheet is gone."""


class WrongDigest(Refused):
    """The workbook was made for another file than the one it is handed in for."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing noticed.

    Args:
        kind: what.
        sheet: name of the sheet, "" where a record is no longer in any.
        row: 1-based row, 0 where there is none.
        file: the collected file, "" if unknown.
        line: the record's line in it, 0 if unknown.
    """

    kind: NoticeKind
    sheet: str = ""
    row: int = 0
    file: str = ""
    line: int = 0


class CorrectedRow(NamedTuple):
    """One record as its submitter corrected it; ready for the check, which judges it like any other.

    ``values`` stand in spec order, ``changed`` names the fields that differ from what was sent.
    """

    file: str
    line: int
    values: tuple[str, ...]
    changed: tuple[str, ...]

    def __repr__(self) -> str:
        return f"CorrectedRow(file={self.file!r}, line={self.line}, changed={self.changed})"


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What a corrected workbook holds.

    ``listed`` = corrected + unchanged + deleted or unread + records whose rows were not taken.

    Args:
        rows: the corrected records, in the order of the collected files.
        notices: everything else that was noticed.
        listed: records the workbook was made of.
        unchanged: records handed back as they were; they stay rejected.
    """

    rows: list[CorrectedRow]
    notices: list[Notice]
    listed: int
    unchanged: int

    def save(self, path: Path, *, spec: RecordSpec = COLLECTION) -> int:
        """Write the corrected records as a file for :func:`~sbcard_core.validation.check.check_files`.

        GB 18030, CR LF, header first, then the records in the order of ``rows``. Line ends around a cell's text go;
        those in it stay, for two names in one cell are not one.

        Returns:
            How many records were written.

        Raises:
            FileRefused: there is such a file already.
            OSError: the file cannot be written.
        """
        with new_text(path, encoding="gb18030", errors="replace") as file:
            write_rows(file, [[one.header for one in spec.fields]])
            write_rows(file, ([value.strip("\r\n") for value in row.values] for row in self.rows))
        return len(self.rows)
