"""The kickback list (退回清单): findings as a workbook a county clerk can open and work through.

Every cell is text, whatever it looks like: a value that begins with "=" must never run as a formula.
Values are masked; the row number leads the clerk to the record in the file that was sent. To their own
submitter the records may be given in full, to be corrected in place and read back.
"""

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sbcard_core.files import lend, new_file
from sbcard_core.validation import kickback_full, messages
from sbcard_core.validation.corrections import CorrectedRow, Notice, NoticeKind, NotOurWorkbook, ReadBack, WrongDigest
from sbcard_core.validation.kickback_read import read_back
from sbcard_core.validation.records import Finding, masked
from sbcard_core.validation.spec import COLLECTION, RecordSpec, Sensitivity
from sbcard_core.values import Disposition

__all__ = [
    "COLUMNS",
    "MAX_ROWS",
    "CorrectedRow",
    "NotOurWorkbook",
    "Notice",
    "NoticeKind",
    "ReadBack",
    "WrongDigest",
    "read_back",
    "write",
]

COLUMNS = (
    *(("行号", 8), ("处理", 8), ("字段", 14), ("值(遮盖)", 24), ("原因", 52), ("建议", 48)),
    ("错误代码", 26),
)
"""Header and width in characters."""
_LONG = (4, 5)
"""Columns whose text may take several lines."""

MAX_ROWS = 1_048_576
"""Rows of one sheet in the workbook format; more findings go on to another sheet."""

_CREATED = datetime(2000, 1, 1)  # noqa: DTZ001  (a fixed stamp: the same findings give the same workbook)
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_SHOWN = 3
"""Proposals of one finding."""

_OUTCOMES = {Disposition.ACCEPTED: "提示", Disposition.REJECTED: "退回", Disposition.QUARANTINED: "隔离"}
_NOT_IN_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\'", "_"))


def _text(value: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in value)


def _cells(finding: Finding, spec: RecordSpec) -> tuple[str, ...]:
    todo = messages.advice(finding.code, finding.repair)
    sensitivity = next((field.sensitivity for field in spec.fields if field.field == finding.field), Sensitivity.NONE)
    if finding.repair and finding.code != "id_number.length15":
        todo += f"(改为:{masked(finding.repair, sensitivity)})"
    for proposal in () if finding.repair else finding.proposals[:_SHOWN]:
        todo += f";可能是:{masked(proposal.value, sensitivity)}({proposal.reason_zh()})"
    field = spec.header_of(finding.field) or "整行"
    is_mended = finding.disposition is Disposition.ACCEPTED and finding.repair
    outcome = "已修正" if is_mended else _OUTCOMES[finding.disposition]
    return (str(finding.line), outcome, field, finding.value_masked, finding.message_zh, todo, finding.code)


class _Sheets:
    """One sheet per file, a new one when it is full; rows only ever go downwards."""

    def __init__(self, book: Any, title: str, max_rows: int) -> None:
        self.book, self.title, self.max_rows = book, title, max_rows
        self.bold = book.add_format({"bold": True, "bg_color": "#D9E1F2", "num_format": "@"})
        self.plain = book.add_format({"num_format": "@", "valign": "top"})
        self.wrapped = book.add_format({"num_format": "@", "valign": "top", "text_wrap": True})
        self.open: dict[str, tuple[Any, int]] = {}
        self.count = 0

    def _new(self, file: str) -> tuple[Any, int]:
        self.count += 1
        name = f"{self.count} {_text(file).translate(_NOT_IN_NAMES)}"[:31].strip()
        sheet = self.book.add_worksheet(name)
        for column, (header, width) in enumerate(COLUMNS):
            sheet.set_column(column, column, width, self.plain)
            sheet.write_string(0, column, header, self.bold)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_header("&C" + _text(self.title).replace("&", "&&")[:200])
        return sheet, 1

    def add(self, file: str, row: tuple[str, ...]) -> None:
        sheet, at = self.open.get(file) or self._new(file)
        if at == self.max_rows:
            sheet, at = self._new(file)
        for column, value in enumerate(row):
            sheet.write_string(at, column, _text(value), self.wrapped if column in _LONG else self.plain)
        self.open[file] = sheet, at + 1


def write(
    path: Path,
    findings: Iterable[Finding],
    *,
    title: str,
    spec: RecordSpec = COLLECTION,
    created: datetime = _CREATED,
    max_rows: int = MAX_ROWS,
    in_full: bool = False,
    collected: Iterable[Path] = (),
    on: date | None = None,
) -> int:
    """Write findings to a workbook, one sheet per collected file, in constant memory.

    With ``in_full`` the workbook shows the records that go back, unmasked, one row each with comments on the
    faulty cells: only for the submitter who sent them (see :mod:`~sbcard_core.validation.kickback_full`). It is
    corrected in place and read by :func:`read_back`. Its findings and records are held in memory; records
    that were accepted are not in it.

    Args:
        path: the .xlsx file, made with mode 600; one that is there is refused.
        findings: in any order of files; each sheet keeps their order, so put first what must be done first.
        title: stands in the document properties and in the head of each printed page.
        spec: the layout, for the Chinese headers.
        created: stamp of the document.
        max_rows: rows per sheet, the header included.
        in_full: show the records in full instead of a masked list.
        collected: with ``in_full``, the collected files, whose records are read again.
        on: with ``in_full``, the day of the check: proposals are then sought for findings that carry none (from a
            check with ``proposals=0``).

    Returns:
        How many findings (``in_full``: records) were written.

    Raises:
        OSError: a file cannot be written or read.
        FileRefused: there is such a file already.
        InvalidValue: ``in_full`` without a collected file that has findings.

    Example:
        >>> import tempfile
        >>> from sbcard_core.validation.check import check_files
        >>> header = ",".join(field.header for field in COLLECTION.fields)
        >>> record = "1,A1,11010519491231003X,张三,2,01,19491231,13800138000,4,430102,103,20140701"
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file, book = Path(folder, "430100.csv"), Path(folder, "430100.xlsx")
        ...     _ = file.write_bytes(f"{header}\\r\\n{record}\\r\\n".encode("gb18030"))
        ...     (batch,) = check_files([file], on=date(2014, 7, 31))
        ...     written = write(book, batch.findings, title="退回更正表", in_full=True, collected=[file])
        ...     answer = read_back(book, {"430100.csv": batch.summary.sha256})
        >>> written, answer.unchanged, answer.rows
        (1, 1, [])
    """
    if in_full:
        return kickback_full.write(
            path,
            findings,
            collected,
            title=title,
            spec=spec,
            created=created,
            max_rows=max_rows,
            on=on,
            options=_OPTIONS,
        )
    import xlsxwriter  # noqa: PLC0415  (only those who write a list pay for it)

    written = 0
    options = _OPTIONS | {"tmpdir": str(path.parent)}
    with new_file(path) as file, lend(file) as lent, xlsxwriter.Workbook(lent, options) as book:
        book.set_properties({"title": title, "created": created})
        sheets = _Sheets(book, title, max_rows)
        for finding in findings:
            sheets.add(finding.file, _cells(finding, spec))
            written += 1
        if not written:
            sheets.open[""] = sheets._new("")
    return written
