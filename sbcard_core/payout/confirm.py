"""What became of lines nobody knows: an inquiry to the bank, and its confirmation; only that ends UNKNOWN."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.hosts import bankfile
from sbcard_core.hosts.layouts import PAID_CODE
from sbcard_core.ledger import Transfer, timestamp
from sbcard_core.messages import message
from sbcard_core.payout.batches import body
from sbcard_core.payout.lines import SUSPENSE, Books, clearing_account, payable_account, post
from sbcard_core.payout.results import (
    PayoutResultRefused,
    PayoutResultReport,
    batch_of,
    note_answer,
    read_result,
    take,
    whole,
)
from sbcard_core.payout.states import LineState
from sbcard_core.store import schema, update_many

_NOT_PAID = (LineState.RETURNED, LineState.REPAID, LineState.CANCELLED, LineState.STOPPED)


@dataclass(frozen=True, slots=True)
class _Said:
    seq: int
    paid: bool
    amount_fen: int
    reason: str


def inquire(books: Books, programme: str, period: str, on: date, out_dir: Path) -> list[Path]:
    """Write one inquiry file per batch that has lines without a clear answer."""
    batch, line = schema.payout_batch.c, schema.payout_line.c
    open_ = (LineState.SENT, LineState.UNKNOWN)
    made = []
    with books.store.begin() as connection:
        query = (
            sa.select(batch.batch_no, batch.bank, sa.func.sum(line.amount_fen))
            .join_from(schema.payout_batch, schema.payout_line, line.batch_no == batch.batch_no)
            .where(batch.programme == programme, batch.period == period, line.state.in_([int(s) for s in open_]))
            .group_by(batch.batch_no, batch.bank)
            .order_by(batch.batch_no)
        )
        for batch_no, bank, total in connection.execute(query).all():
            block, count = body(connection, batch_no, "", open_)
            sums = {"lines": count, "total_fen": int(total)}
            header = {"batch_no": batch_no, "bank": bank, "date": bankfile.compact_date(on), **sums}
            path = out_dir / f"PAYINQ_{batch_no}.txt"
            bankfile.write_block(path, bankfile.PAYOUT_INQUIRY, header, block, count, sums)
            made.append(path)
    return made


def read_answer(books: Books, path: Path, *, on: date) -> PayoutResultReport:
    """Take in a result file or a confirmation, whichever it is by its first line.

    Raises:
        InvalidValue: no such file, or it cannot be read.
    """
    try:
        kind = bankfile.kind_of(path)
    except OSError as error:
        what = message("payout.result.file", file=path.name, error=error.strerror)
        raise InvalidValue(what, step="payout.read_result", term="代发结果文件") from error
    if kind == bankfile.PAYOUT_CONFIRMATION.kind:
        return read_confirmation(books, path, on=on)
    return read_result(books, path, on=on)


def read_confirmation(books: Books, path: Path, *, on: date) -> PayoutResultReport:
    """Take in what a bank confirms of an answered batch, in one transaction.

    Every line must be one of the batch's with its account and amount. An UNKNOWN one becomes paid or returned
    and its money leaves suspense; about others the bank may only say what it said before. Lines the file does not
    speak of stay UNKNOWN. Of a batch without a result file the confirmation of all its lines stands for it.

    Raises:
        BankFileRefused: the file is wrong as a whole.
        PayoutResultRefused: ``batch``, ``bank``, ``empty``, ``unanswered`` (the batch waits for its result file, this
            is only a part), ``line`` (wrong, or twice), ``contradiction`` or ``totals``; nothing changed.
    """
    file = bankfile.load(path, bankfile.PAYOUT_CONFIRMATION)
    batch_no = file.header["batch_no"]
    with books.writing() as connection:
        bank, answered_by = batch_of(connection, file, path)
        answer = schema.payout_answer.c
        if connection.execute(sa.select(answer.file).where(answer.sha256 == file.sha256)).first() is not None:
            return PayoutResultReport(batch_no, repeated=True)
        if answered_by is None:
            return _instead(books, connection, file, (path, bank, on))
        news = _news(connection, bankfile.split(file), path, books.return_codes)
        if not news:
            return PayoutResultReport(batch_no, repeated=True)  # all of it was known
        paid = [said for said in news if said.paid]
        back = [said for said in news if not said.paid]
        report = PayoutResultReport(batch_no, len(paid), _sum(paid), len(back), _sum(back))
        moves = []
        for code, target, part in (
            ("confirmed", clearing_account(bank), paid),
            ("returned", payable_account(batch_no), back),
        ):
            if part:
                name = f"payout:{batch_no}:{code}:{file.sha256[:16]}"
                moves.append(Transfer(name, SUSPENSE, target, _sum(part), f"payout.{code}", timestamp(on)))
        post(books.ledger, connection, moves)
        rows = [
            (int(LineState.PAID if said.paid else LineState.RETURNED), said.reason, batch_no, said.seq) for said in news
        ]
        update_many(connection, schema.payout_line, ("state", "reason"), ("batch_no", "seq"), rows)
        note_answer(connection, file, path, on)
    return report


def _instead(
    books: Books, connection: sa.Connection, file: bankfile.LoadedFile, place: tuple[Path, str, date]
) -> PayoutResultReport:
    """Of a batch without a result file, a confirmation that answers every line is the result."""
    path, bank, on = place
    report = take(books, connection, file, path, bank=bank, on=on)
    if report.unknown or report.findings:
        raise PayoutResultRefused(path, "unanswered", message("payout.result.unanswered", batch=report.batch_no))
    return report


def _sum(part: Iterable[_Said]) -> int:
    return sum(said.amount_fen for said in part)


def _news(connection: sa.Connection, file: bankfile.BankFile, path: Path, codes: Mapping[str, str]) -> list[_Said]:
    """What the file says about lines that were unknown; the rest of it must be true already."""
    line = schema.payout_line.c
    query = sa.select(line.seq, line.account_no, line.amount_fen, line.state)
    batch_no = file.header["batch_no"]
    there = {str(row[0]): row for row in connection.execute(query.where(line.batch_no == batch_no))}
    if file.bad_lines:
        raise _wrong(path, file.bad_lines[0].line)
    news, seen, sums = [], set(), {"paid": 0, "paid_fen": 0, "returned": 0, "returned_fen": 0}
    for number, (seq, account_no, amount, status, reason) in zip(file.line_numbers, file.rows, strict=True):
        row = there.get(seq)
        known = status == PAID_CODE or status in codes
        if row is None or seq in seen or not known or (account_no, amount) != (row[1], str(row[2])):
            raise _wrong(path, number)
        seen.add(seq)
        paid, state = status == PAID_CODE, LineState(row[3])
        word = "paid" if paid else "returned"
        sums[word] += 1
        sums[f"{word}_fen"] += row[2]
        if state is LineState.UNKNOWN:
            news.append(_Said(row[0], paid, row[2], reason or ("" if paid else codes[status])))
        elif (state is LineState.PAID) is not paid or (not paid and state not in _NOT_PAID):
            raise PayoutResultRefused(path, "contradiction", message("payout.result.contradiction", line=number))
    for name, value in sums.items():
        if whole(file.trailer[name]) != value:
            found = file.trailer[name][:20]
            what = message("payout.result.totals", field=name, found=found, lines=value)
            raise PayoutResultRefused(path, "totals", what)
    return news


def _wrong(path: Path, number: int) -> PayoutResultRefused:
    return PayoutResultRefused(path, "line", message("payout.result.line", line=number))
