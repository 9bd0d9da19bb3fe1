"""The kick-back workbook in full (退回更正表): the records sent back, for their own submitter to correct in place.

This is the one named exception to masking: the values stand as the submitter wrote them. One row per
record that was rejected or quarantined; faulty cells are coloured and say in a comment what is wrong and what
is proposed. Two hidden columns carry the digest of the collected file and the record's line in it, and a
deeply hidden sheet a short hash of every cell, so that :mod:`sbcard_core.validation.kickback_read` knows
afterwards what was corrected, moved, deleted or brought in from elsewhere.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sbcard_core.errors import InvalidValue
from sbcard_core.files import lend, new_file
from sbcard_core.messages import message
from sbcard_core.validation import messages
from sbcard_core.validation.blocks import Records
from sbcard_core.validation.detect import open_source
from sbcard_core.validation.kickback_cells import cell_hash, cell_text
from sbcard_core.validation.proposals import Proposal, propose_many
from sbcard_core.validation.records import Finding
from sbcard_core.validation.repair import Kind, repair_form
from sbcard_core.validation.slips import Slip
from sbcard_core.validation.spec import RecordSpec, Sensitivity
from sbcard_core.values import Disposition, Severity

DIGEST, RECORD, REASON, ORIGINAL = "文件摘要", "记录号", "退回原因", "原文(整行)"
"""Headers besides those of the record: two hidden ones before it, two after it."""

SEALS = "_sbcard"
"""Name of the hidden sheet."""

SEAL_COLUMNS = ("file", "sha256", "line", "cells")
VERSION, END = "sbcard-kickback-2", "end"

_PROPOSED = frozenset(f"id_number.{code}" for code in ("characters", "length15", "region", "date", "check"))
_SHOWN = 3
"""Proposals in one comment."""

_NOT_IN_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\'", "_"))
_NOTES = (
    "本表列出退回的记录,内容未遮盖,仅供原报送单位更正,不得转发。",
    "请直接在标色的单元格内改正;把鼠标移到单元格上可看到原因和建议。",
    "不要移动、复制行,不要增删列;隐藏的列用来核对,请勿改动。不再上报的记录可以删除整行。",
    "改好后把本文件原样交回;只有改动过的行才会重新校验。",
)


@dataclass(slots=True)
class Sent:
    """The records of one collected file that go back.

    Args:
        file: its name.
        sha256: digest of its bytes.
        rows: by line: its cells in spec order (all empty for what is no record), and the whole line if it is none.
    """

    file: str
    sha256: str
    rows: dict[int, tuple[tuple[str, ...], str]] = field(default_factory=dict, repr=False)


def sent(path: Path, lines: Iterable[int], spec: RecordSpec) -> Sent:
    """Read the records on some lines of a collected file, as they were written.

    Raises:
        SourceRefused: the file as a whole cannot be read.
        OSError: the file cannot be read.
    """
    wanted, digest = set(lines), hashlib.sha256()
    found = Sent(path.name, "")
    for block in open_source(path).blocks(spec, digest=digest):
        for index in range(len(block)):
            if (line := block.line(index)) in wanted:
                found.rows[line] = _as_written(block, index, len(spec.fields))
    found.sha256 = digest.hexdigest()
    return found


def _as_written(block: Records, index: int, fields: int) -> tuple[tuple[str, ...], str]:
    """The cells of a record in spec order; of what is none, empty cells and the whole line."""
    row = None if block.layout is None else block.cells(index)
    if row is not None and block.layout is not None and len(row) == block.layout.columns:
        return tuple(cell_text(row[column]) if column >= 0 else "" for column in block.layout.order), ""
    raw = block.raw_line(index).rstrip(b"\r\n")
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError:
        whole = raw.decode("gb18030", "replace")
    return ("",) * fields, cell_text(whole)


def _proposals(
    records: Sent, findings: Mapping[int, list[Finding]], spec: RecordSpec, on: date | None
) -> dict[int, str]:
    """For the comment of each wrong citizen number: the numbers it may be, best first."""
    keys = [one.field for one in spec.fields]
    told = {
        line: _listed(slips)
        for line in records.rows
        if (slips := next((found for one in findings[line] if (found := _slips(one))), []))
    }
    lines = [
        line
        for line in records.rows
        if on and line not in told and any(one.code in _PROPOSED and not one.repair for one in findings[line])
    ]
    if not lines or not on or "id_number" not in keys:
        return told

    def column(key: str) -> list[str]:
        if key not in keys:
            return [""] * len(lines)
        at = keys.index(key)
        return [repair_form(records.rows[line][0][at], Kind.PLAIN).value for line in lines]

    sought = propose_many(
        column("id_number"),
        on=on,
        birth=column("birth"),
        sex=column("sex"),
        county=column("county"),
        at_most=_SHOWN,
    )
    return told | {line: text for line, row in zip(lines, sought, strict=True) if (text := _listed(row))}


def _slips(finding: Finding) -> list[Proposal]:
    return [each for each in finding.proposals if each.slip is not Slip.FORM]


def _listed(proposals: Sequence[Proposal]) -> str:
    return "".join(f"\n可能是:{each.value}({each.reason_zh()})" for each in proposals[:_SHOWN])


def _advice(finding: Finding) -> str:
    """What the comment says: reason, advice and the proposed value, in full."""
    todo = messages.advice(finding.code, finding.repair)
    form = next((each.value for each in finding.proposals if each.slip is Slip.FORM), finding.repair)
    proposal = f"\n建议改为:{form}" if form else ""
    return f"{finding.message_zh}\n{todo}{proposal}"


_HAN_IN_REASONS = 26
"""Chinese characters that fit into one line of the column of reasons."""


class _Book:
    """The workbook in the making."""

    def __init__(self, book: Any, spec: RecordSpec, title: str, max_rows: int) -> None:
        self.book, self.spec, self.title, self.max_rows = book, spec, title, max_rows
        text = {"num_format": "@"}
        self.plain = book.add_format(text)
        self.wrapped = book.add_format(text | {"text_wrap": True})  # or one long line would make the page unreadable
        self.bold = book.add_format(text | {"bold": True, "bg_color": "#D9E1F2"})
        self.faulty = book.add_format(text | {"bg_color": "#F8CBAD"})
        self.doubtful = book.add_format(text | {"bg_color": "#FFF2CC"})
        self.headers = (DIGEST, RECORD, *(one.header for one in spec.fields), REASON, ORIGINAL)
        self.notes = book.add_worksheet("说明")
        self.seals = book.add_worksheet(SEALS)
        self.seals.very_hidden()
        self.sealed = self.noted = self.sheets = 0
        self._seal((VERSION, *SEAL_COLUMNS))
        self.notes.set_column(0, 0, 110, self.plain)
        for note in (title, *_NOTES):
            self.note(note)

    def note(self, text: str) -> None:
        self.notes.write_string(self.noted, 0, cell_text(text), self.plain)
        self.noted += 1

    def _seal(self, cells: Sequence[str]) -> None:
        for column, value in enumerate(cells):
            self.seals.write_string(self.sealed, column, value)
        self.sealed += 1

    def seal_all(self) -> None:
        """End the hidden sheet with the number of its records, so that a part of it is not taken for the whole."""
        self._seal((END, str(self.sealed - 1)))

    def _sheet(self, file: str) -> Any:
        self.sheets += 1
        name = f"{self.sheets} {cell_text(file).translate(_NOT_IN_NAMES)}"[:31].strip()
        sheet = self.book.add_worksheet(name)
        last = len(self.headers) - 1
        sheet.set_column(0, 1, 10, self.plain, {"hidden": True})
        for column, one in enumerate(self.spec.fields, 2):
            sheet.set_column(column, column, 21 if one.sensitivity is Sensitivity.NUMBER else 13, self.plain)
        sheet.set_column(last - 1, last, 48, self.wrapped)
        for column, header in enumerate(self.headers):
            sheet.write_string(0, column, header, self.bold)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_header("&C" + cell_text(self.title).replace("&", "&&")[:200])
        return sheet

    def add(self, records: Sent, findings: dict[int, list[Finding]], proposed: Mapping[int, str]) -> None:
        """One sheet for the records of one file, more where it is full."""
        sheet, at = self._sheet(records.file), 1
        for line in sorted(records.rows):
            if at == self.max_rows:
                sheet, at = self._sheet(records.file), 1
            cells, whole = records.rows[line]
            self._row(sheet, at, (records.sha256, str(line), *cells), whole, findings[line], proposed.get(line, ""))
            self._seal((cell_text(records.file), records.sha256, str(line), " ".join(map(cell_hash, cells))))
            at += 1

    def _row(
        self, sheet: Any, at: int, cells: tuple[str, ...], whole: str, findings: list[Finding], proposed: str
    ) -> None:
        by_field: defaultdict[str, list[Finding]] = defaultdict(list)
        for finding in findings:
            by_field[finding.field].append(finding)
        keys = ("", "", *(one.field for one in self.spec.fields))
        for column, (key, value) in enumerate(zip(keys, cells, strict=True)):
            wrong = by_field.get(key, []) if key else []
            sheet.write_string(at, column, value, self._format(wrong))
            if wrong:
                text = "\n".join(map(_advice, wrong)) + (proposed if key == "id_number" else "")
                sheet.write_comment(at, column, text, {"author": "", "x_scale": 3, "y_scale": 1 + text.count("\n") / 4})
        reasons = ";".join(self._reason(finding) for finding in findings)
        if (lines := -(-max(len(reasons), len(whole) // 2) // _HAN_IN_REASONS)) > 1:
            sheet.set_row(at, 15 * lines)
        sheet.write_string(at, len(cells), cell_text(reasons), self.wrapped)
        sheet.write_string(at, len(cells) + 1, whole, self.faulty if whole else self.wrapped)

    def _format(self, wrong: list[Finding]) -> Any:
        if not wrong:
            return self.plain
        return self.faulty if any(finding.severity is Severity.ERROR for finding in wrong) else self.doubtful

    def _reason(self, finding: Finding) -> str:
        return f"{self.spec.header_of(finding.field) or '整行'}:{finding.message_zh}"


def _by_file(findings: Iterable[Finding]) -> Iterator[tuple[str, dict[int, list[Finding]], list[Finding]]]:
    """(file, findings of the records that go back by line, findings about the whole file)."""
    files: dict[str, tuple[dict[int, list[Finding]], list[Finding]]] = {}
    for finding in findings:
        records, whole = files.setdefault(finding.file, ({}, []))
        if finding.code.startswith("file."):
            whole.append(finding)
        elif finding.disposition is not Disposition.ACCEPTED:
            records.setdefault(finding.line, []).append(finding)
    for file, (records, whole) in files.items():
        yield file, records, whole


def write(
    path: Path,
    findings: Iterable[Finding],
    collected: Iterable[Path],
    *,
    title: str,
    spec: RecordSpec,
    created: datetime,
    max_rows: int,
    on: date | None,
    options: dict[str, Any],
) -> int:
    """Write the workbook in full; called by :func:`sbcard_core.validation.kickback.write`.

    Returns:
        How many records were written.
    """
    import xlsxwriter  # noqa: PLC0415  (only those who write a list pay for it)

    paths, written = {file.name: file for file in collected}, 0
    grouped = [*_by_file(findings)]
    if absent := [file for file, _, _ in grouped if file not in paths]:
        needed = message("corrections.files_needed", count=len(absent))
        raise InvalidValue(needed, step="kickback.write", term="退回更正表")
    options = options | {"tmpdir": str(path.parent)}
    with new_file(path) as target, lend(target) as lent, xlsxwriter.Workbook(lent, options) as book:
        book.set_properties({"title": title, "created": created})
        out = _Book(book, spec, title, max_rows)
        for file, records, whole in grouped:
            for finding in whole:
                out.note(f"{file}:{finding.message_zh};{messages.advice(finding.code, '')}")
            if records:
                batch = sent(paths[file], records, spec)
                out.add(batch, records, _proposals(batch, records, spec, on))
                written += len(batch.rows)
        out.seal_all()
    return written
