"""Reading a bank's opening results (开户结果回盘): one wrong line costs one finding, never the file."""

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from sbcard_core.calendar import as_day
from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.fields import BankAccount
from sbcard_core.hosts import bankfile
from sbcard_core.messages import message
from sbcard_core.registry import findings
from sbcard_core.registry.findings import LineFinding
from sbcard_core.store import Store, insert_many, schema, update_many

STAGE = "openings"


class OpeningState(IntEnum):
    """批次明细状态: batch line states as one public card-management system numbers them (10, 20, 21); 22 is our own."""

    IN_BATCH = 10
    OPENED = 20
    FAILED = 21
    WITHDRAWN = 22
    """撤回: the bank had not answered; the person waits again."""


IN_BATCH, OPENED, FAILED, WITHDRAWN = (int(state) for state in OpeningState)  # as stored
LOOKUP = 900
"""Accounts one query names: below the smallest parameter limit of the databases used."""


class Answer(NamedTuple):
    """What a bank answers for one line."""

    state: int
    account_no: str | None
    reason: str | None
    answered_on: str


class _Line(NamedTuple):
    """One line of the batch, with the answer on file."""

    form_no: str
    person_id: int
    state: int
    account_no: str | None
    reason: str | None
    answered_on: str | None
    sent_again: int


class OpeningResultRefused(Refused):
    """A result file or a withdrawal that belongs to no batch here, contradicts itself, or is dated before the batch."""


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
    form number, unreadable status, date or account) or that answers otherwise than the answer on file is one finding
    and changes nothing; so are all lines that answer one number in different ways, and an account that two persons
    would have, be it in this file or already on file at this bank. "Opened" without an account number is a failed
    opening (rule of public vendor code). A line that was withdrawn is still answered, unless its person was sent again
    and is not yet refused: that is a finding.

    Raises:
        BankFileRefused: the file is wrong as a whole.
        OpeningResultRefused: no such batch, another bank's batch, totals that contradict the lines, or read before
            the bank had the batch.
    """
    read_on = as_day(read_on)
    file = bankfile.read(path, bankfile.OPENING_RESULT)
    batch_no = file.header["batch_no"]
    with store.writing(schema.opening_batch) as connection:
        seen = schema.opening_result
        if connection.execute(sa.select(seen.c.batch_no).where(seen.c.sha256 == file.sha256)).scalar() is not None:
            return ResultReport(batch_no, repeated=True)
        batch = _batch(connection, batch_no)
        if batch is None:
            raise _refused("no_batch", path.name, batch_no=batch_no[:40])
        if batch.bank != file.header["bank"]:
            raise _refused("other_bank", path.name, batch_no=batch_no, bank=batch.bank)
        if read_on.isoformat() < batch.received_on:
            raise _refused("early", path.name, read_on=read_on, received_on=batch.received_on)
        reader = _Reader(_lines(connection, batch_no), batch.received_on, read_on.isoformat())
        accounts = BankAccount.column([row[3] for row in file.rows])
        for number, row, account_no in zip(file.line_numbers, file.rows, accounts, strict=True):
            reader.take(number, row, account_no)
        _check_totals(file, reader, path)
        reader.settle(_holders(connection, batch.bank, accounts))
        unread = [LineFinding(bad.line, f"opening.{bad.code}", bad.reason.zh) for bad in file.bad_lines]
        found = unread + reader.findings
        changed = reader.changed
        rows = [(*answer, batch_no, seq) for seq, answer in changed.items()]
        update_many(connection, schema.opening_line, Answer._fields, ("batch_no", "seq"), rows)
        findings.record(connection, STAGE, path.name, found)
        values = [(file.sha256, batch_no, path.name, read_on.isoformat())]
        insert_many(connection, seen, ("sha256", "batch_no", "file", "read_on"), values)
    opened = sum(answer.state == OPENED for answer in changed.values())
    late = sum(answer.answered_on > batch.due_on for answer in changed.values())
    return ResultReport(
        *(batch_no, opened, len(changed) - opened, len(found)), already=reader.already, late=late, findings=found
    )


class _Reader:
    """Holds the lines of one file against one batch: first line by line, then all of them together."""

    def __init__(self, batch: dict[str, _Line], received_on: str, read_on: str) -> None:
        self._batch = batch
        self._received_on = received_on
        self._read_on = read_on
        self._dates: dict[str, str | None] = {}
        self._answers: dict[str, list[tuple[int, Answer | None]]] = {}  # by number: line, answer if readable
        self.changed: dict[int, Answer] = {}
        self.findings: list[LineFinding] = []
        self.already = 0
        self.opened_count = 0
        self.failed_count = 0

    def take(self, number: int, row: tuple[str, ...], account_no: str) -> None:
        """Read one line; ``account_no`` is the written form of the account in it, or empty."""
        seq, form_no, status, written_account, reason, answered = row
        line = self._batch.get(seq)
        answer = None
        if not (len(status) == 2 and status.isascii() and status.isdigit()):
            self._find(number, "opening.status", found=status[:8])
        else:
            opened = status == "00"
            self.opened_count += opened
            self.failed_count += not opened
            if line is None:
                self._find(number, "opening.seq", seq=seq[:12])
            elif line.form_no != form_no:
                self._find(number, "opening.form_no", seq=seq)
            elif (day := self._date(answered)) is None:
                self._find(number, "opening.answered_on", found=answered[:10])
            elif opened and written_account and not account_no:
                self._find(number, "opening.account_no", seq=seq)
            else:
                answer = _answer(opened, status, account_no, reason, day)
        if line is not None and line.form_no == form_no:
            self._answers.setdefault(seq, []).append((number, answer))

    def settle(self, holders: dict[str, set[int]]) -> None:
        """Take what no other line contradicts; ``holders`` are the persons an account belongs to on file."""
        holders = {account: set(persons) for account, persons in holders.items()}
        for seq, given in self._answers.items():
            for account_no in {answer.account_no for _, answer in given if answer is not None}:
                holders.setdefault(account_no or "", set()).add(self._batch[seq].person_id)
        holders.pop("", None)
        for seq, given in self._answers.items():
            if len({answer for _, answer in given}) > 1:
                for number in [number for number, answer in given if answer is not None]:
                    self._find(number, "opening.contradicted", seq=seq)
                continue
            (number, answer), *again = given
            if answer is not None and self._accept(number, seq, answer, holders):
                self.already += len(again)

    def _accept(self, number: int, seq: str, answer: Answer, holders: dict[str, set[int]]) -> bool:
        line = self._batch[seq]
        if line.state == WITHDRAWN and line.sent_again:
            self._find(number, "opening.sent_again", seq=seq)
            return False
        if line.state not in (IN_BATCH, WITHDRAWN):
            if line[2:-1] != answer:
                self._find(number, "opening.answered", seq=seq)
                return False
            self.already += 1
        elif len(holders.get(answer.account_no or "", ())) > 1:
            self._find(number, "opening.account_shared", seq=seq)
            return False
        else:
            self.changed[int(seq)] = answer
        return True

    def _date(self, text: str) -> str | None:
        try:
            return self._dates[text]
        except KeyError:
            day = bankfile.iso_date(text)
            good = day is not None and self._received_on <= day <= self._read_on
            self._dates[text] = day if good else None
            return self._dates[text]

    def _find(self, number: int, code: str, **parameters: object) -> None:
        self.findings.append(findings.on_line(number, code, **parameters))


def _answer(opened: bool, status: str, account_no: str, reason: str, day: str) -> Answer:
    if opened and account_no:
        return Answer(OPENED, account_no, None, day)
    if opened:
        return Answer(FAILED, None, message("registry.opening.no_account").zh, day)
    return Answer(FAILED, None, reason or message("registry.opening.return_code", status=status).zh, day)


def withdraw(store: Store, batch_no: str, *, on: date, reason: str) -> int:
    """Take back what a bank has not answered of a batch; see :meth:`Openings.withdraw`."""
    on = as_day(on)
    if not (reason.strip() and reason.isprintable()):
        raise InvalidValue(message("registry.withdrawal_reason"), step="openings.withdraw", term="撤回理由")
    line = schema.opening_line
    with store.writing(schema.opening_batch) as connection:
        batch = _batch(connection, batch_no)
        if batch is None or on.isoformat() < batch.received_on:
            what = message("registry.withdrawal", batch_no=batch_no[:40], on=on)
            raise OpeningResultRefused(what, step="openings.withdraw", term="撤回开户批次")
        mine = sa.and_(line.c.batch_no == batch_no, line.c.state == IN_BATCH)
        values = {"state": WITHDRAWN, "answered_on": on.isoformat(), "reason": reason.strip()}
        return connection.execute(sa.update(line).where(mine).values(values)).rowcount


def _batch(connection: sa.Connection, batch_no: str) -> Any:
    batch = schema.opening_batch.c
    query = sa.select(batch.bank, batch.received_on, batch.due_on).where(batch.batch_no == batch_no)
    return connection.execute(query).one_or_none()


def _lines(connection: sa.Connection, batch_no: str) -> dict[str, _Line]:
    line, person, other = schema.opening_line.c, schema.person.c, schema.opening_line.alias("other").c
    sent_again = sa.exists().where(
        *(other.person_id == line.person_id, other.batch_no != batch_no, other.state.in_((IN_BATCH, OPENED)))
    )
    query = (
        sa.select(
            *(line.seq, person.form_no, line.person_id, line.state, line.account_no, line.reason, line.answered_on),
            sent_again,
        )
        .join_from(schema.opening_line, schema.person, line.person_id == person.person_id)
        .where(line.batch_no == batch_no)
    )
    return {str(seq): _Line(*rest) for seq, *rest in connection.execute(query)}


def _holders(connection: sa.Connection, bank: str, accounts: list[str]) -> dict[str, set[int]]:
    """The persons each account of this bank belongs to already, by an opened line or a card."""
    line, batch, card = schema.opening_line.c, schema.opening_batch.c, schema.card.c
    opened = sa.select(line.account_no, line.person_id).join_from(schema.opening_line, schema.opening_batch)
    opened = opened.where(batch.bank == bank)  # only an opened line has an account
    carded = sa.select(card.account_no, card.person_id).where(card.bank == bank)
    found: dict[str, set[int]] = {}
    wanted = sorted({account for account in accounts if account})
    for start in range(0, len(wanted), LOOKUP):
        part = wanted[start : start + LOOKUP]
        for query in (opened.where(line.account_no.in_(part)), carded.where(card.account_no.in_(part))):
            for account, person_id in connection.execute(query):
                found.setdefault(account, set()).add(person_id)
    return found


def _check_totals(file: bankfile.BankFile, reader: _Reader, path: Path) -> None:
    """Totals count every line delivered; one whose status is unreadable may be on either side."""
    stated = [file.trailer[name] for name in ("opened", "failed")]
    counted = [reader.opened_count, reader.failed_count]
    good = all(text.isascii() and text.isdigit() for text in stated)
    if (
        not good
        or sum(map(int, stated)) != file.delivered
        or any(int(text) < count for text, count in zip(stated, counted, strict=True))
    ):
        parameters = {"opened": stated[0][:12], "failed": stated[1][:12], "lines": file.delivered}
        raise _refused("totals", path.name, **parameters, counted_opened=counted[0], counted_failed=counted[1])


def _refused(code: str, source: str, **parameters: object) -> OpeningResultRefused:
    what = message(f"registry.opening_file.{code}", file=source, **parameters)
    return OpeningResultRefused(what, step="openings.read_result", term="开户结果文件")
