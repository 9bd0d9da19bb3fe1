"""Reading a bank's opening results (开户结果回盘): one wrong line costs one finding, never the file."""

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from pathlib import Path

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.hosts import bankfile
from sbcard_core.registry import findings
from sbcard_core.registry.findings import LineFinding
from sbcard_core.store import Store, insert_many, schema, update_many

STAGE = "openings"
NO_ACCOUNT_REASON = "银行应答开户成功,但未返回账号"


class OpeningState(IntEnum):
    """批次明细状态: batch line states as one public card-management system numbers them (10, 20, 21)."""

    IN_BATCH = 10
    OPENED = 20
    FAILED = 21


IN_BATCH, OPENED, FAILED = (int(state) for state in OpeningState)  # as stored

Answer = tuple[int, str | None, str | None, str]  # state, account number, reason, answered on
Open = tuple[str, int, str | None, str | None, str | None]  # form number, then the answer on file


class OpeningResultRefused(Refused):
    """A result file that belongs to no batch here, or whose totals contradict its lines."""


@dataclass(frozen=True, slots=True)
class ResultReport:
    """What one result file did.

    Attributes:
        batch_no: the batch it answers.
        opened: lines that became opened by this file.
        failed: lines that became failed by this file.
        unmatched: lines that could not be taken; each has one finding.
        repeated: the very same file was read before; nothing was done.
        already: lines that repeat the answer on file.
        late: lines answered after the due day.
        findings: one per line that could not be taken.
    """

    batch_no: str
    opened: int = 0
    failed: int = 0
    unmatched: int = 0
    repeated: bool = False
    already: int = 0
    late: int = 0
    findings: list[LineFinding] = field(default_factory=list)


def read_result(store: Store, path: Path, *, read_on: date) -> ResultReport:
    """Take in one result file, in one transaction.

    The same file again (by sha256) has no effect. A line that does not match its batch (unknown number, another
    form number, unreadable status or date) or that answers otherwise than the answer on file is one finding and
    changes nothing. "Opened" without an account number is a failed opening (rule of public vendor code).

    Raises:
        BankFileRefused: the file is wrong as a whole.
        OpeningResultRefused: no such batch, another bank's batch, or totals that contradict the lines.
    """
    file = bankfile.read(path, bankfile.OPENING_RESULT)
    batch_no = file.header["batch_no"]
    with store.begin() as connection:
        seen = schema.opening_result
        if connection.execute(sa.select(seen.c.batch_no).where(seen.c.sha256 == file.sha256)).scalar() is not None:
            return ResultReport(batch_no, repeated=True)
        received_on, due_on = _batch(connection, file, path)
        on_file = _lines(connection, batch_no)
        reader = _Reader(on_file, received_on, read_on.isoformat())
        for number, row in zip(file.line_numbers, file.rows, strict=True):
            reader.take(number, row)
        _check_totals(file, reader, path)
        found = [LineFinding(bad.line, f"opening.{bad.code}", bad.detail) for bad in file.bad_lines] + reader.findings
        changed = reader.changed
        rows = [(*answer, batch_no, seq) for seq, answer in changed.items()]
        columns = ("state", "account_no", "reason", "answered_on")
        update_many(connection, schema.opening_line, columns, ("batch_no", "seq"), rows)
        findings.record(connection, STAGE, path.name, found)
        values = [(file.sha256, batch_no, path.name, read_on.isoformat())]
        insert_many(connection, seen, ("sha256", "batch_no", "file", "read_on"), values)
    opened = sum(answer[0] == OPENED for answer in changed.values())
    late = sum(answer[3] > due_on for answer in changed.values())
    return ResultReport(
        *(batch_no, opened, len(changed) - opened, len(found)), already=reader.already, late=late, findings=found
    )


class _Reader:
    """Judges the lines of one file against one batch."""

    def __init__(self, on_file: dict[str, Open], received_on: str, read_on: str) -> None:
        self._on_file = on_file
        self._received_on = received_on
        self._read_on = read_on
        self._dates: dict[str, str | None] = {}
        self.changed: dict[int, Answer] = {}
        self.findings: list[LineFinding] = []
        self.already = 0
        self.said_opened = 0
        self.said_failed = 0

    def take(self, number: int, row: tuple[str, ...]) -> None:
        seq, form_no, status, account_no, reason, answered = row
        if not (len(status) == 2 and status.isascii() and status.isdigit()):
            self._find(number, "opening.status", f"开户状态无法识别: {status[:8]!r}")
            return
        opened = status == "00"
        if opened:
            self.said_opened += 1
        else:
            self.said_failed += 1
        line = self._on_file.get(seq)
        if line is None:
            self._find(number, "opening.seq", f"批次中没有序号 {seq[:12]!r}")
        elif line[0] != form_no:
            self._find(number, "opening.form_no", f"序号 {seq} 的申领表编码与批次不符")
        elif (day := self._date(answered)) is None:
            self._find(number, "opening.answered_on", f"应答日期无效: {answered[:10]!r}")
        elif opened and account_no and not (account_no.isascii() and account_no.isdigit()):
            self._find(number, "opening.account_no", "账号含有数字以外的字符")
        else:
            self._answer(number, int(seq), line, _answer(opened, status, account_no, reason, day))

    def _answer(self, number: int, seq: int, line: Open, answer: Answer) -> None:
        before = self.changed.get(seq)
        if before is None:
            if line[1] == IN_BATCH:
                self.changed[seq] = answer
                return
            before = (line[1], line[2], line[3], line[4] or "")
        if before == answer:
            self.already += 1
        else:
            self._find(number, "opening.answered", f"序号 {seq} 已有不同的应答,未作更改")

    def _date(self, text: str) -> str | None:
        try:
            return self._dates[text]
        except KeyError:
            day = bankfile.iso_date(text)
            good = day is not None and self._received_on <= day <= self._read_on
            self._dates[text] = day if good else None
            return self._dates[text]

    def _find(self, number: int, code: str, detail: str) -> None:
        self.findings.append(LineFinding(number, code, detail))


def _answer(opened: bool, status: str, account_no: str, reason: str, day: str) -> Answer:
    if opened and account_no:
        return OPENED, account_no, None, day
    if opened:
        return FAILED, None, NO_ACCOUNT_REASON, day
    return FAILED, None, reason or f"银行返回码 {status}", day


def _batch(connection: sa.Connection, file: bankfile.BankFile, path: Path) -> tuple[str, str]:
    batch = schema.opening_batch.c
    batch_no = file.header["batch_no"]
    row = connection.execute(
        sa.select(batch.bank, batch.received_on, batch.due_on).where(batch.batch_no == batch_no)
    ).one_or_none()
    if row is None:
        raise _refused(path, f"no batch {batch_no[:40]!r} was sent", "check the batch number with the bank")
    if row[0] != file.header["bank"]:
        raise _refused(path, f"batch {batch_no} was sent to bank {row[0]}", "check which bank answered")
    return row[1], row[2]


def _lines(connection: sa.Connection, batch_no: str) -> dict[str, Open]:
    line, person = schema.opening_line.c, schema.person.c
    query = (
        sa.select(line.seq, person.form_no, line.state, line.account_no, line.reason, line.answered_on)
        .join_from(schema.opening_line, schema.person, line.person_id == person.person_id)
        .where(line.batch_no == batch_no)
    )
    return {str(row[0]): (row[1], row[2], row[3], row[4], row[5]) for row in connection.execute(query)}


def _check_totals(file: bankfile.BankFile, reader: _Reader, path: Path) -> None:
    """Totals count the status column as delivered; lines whose status is unreadable may belong to either side."""
    unread = file.delivered - reader.said_opened - reader.said_failed
    for name, said in (("opened", reader.said_opened), ("failed", reader.said_failed)):
        text = file.trailer[name]
        if not (text.isascii() and text.isdigit() and said <= int(text) <= said + unread):
            what = f"trailer says {text[:12]} {name}, the lines say {said}"
            raise _refused(path, what, "ask the bank for a corrected file")


def _refused(path: Path, what: str, advice: str) -> OpeningResultRefused:
    return OpeningResultRefused(f"{path.name}: {what}", step="openings.read_result", term="开户结果文件", advice=advice)
