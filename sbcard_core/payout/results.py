"""Reading a bank's payout results (代发回盘): paid, returned, or unknown; never guessed, never paid twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import zip_longest
from pathlib import Path

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.hosts import bankfile
from sbcard_core.hosts.layouts import PAID_CODE
from sbcard_core.ledger import Transfer, timestamp
from sbcard_core.messages import Message, message
from sbcard_core.payout import lines
from sbcard_core.payout.lines import SUSPENSE, Books, PayoutFinding
from sbcard_core.payout.states import LineState
from sbcard_core.store import insert_many, schema, update_many

_FOREIGN = ("payout.seq", "payout.account_no")
"""What a line of another batch looks like."""
_READ = ("payout.status", "payout.twice")
"""A line that was read, and says nothing for certain."""
Answer = tuple[LineState, str | None]  # state, reason


class PayoutResultRefused(Refused):
    """A file refused as a whole, nothing changed; ``code`` ``batch``, ``bank``, ``empty``, ``answered``,
    ``lines``, ``unreadable``, ``totals``."""

    def __init__(self, path: Path, code: str, what: Message) -> None:
        named = message(what.code, **what.parameters, file=path.name)
        super().__init__(named, step="payout.read_result", term="代发结果文件")
        self.code = code


@dataclass(frozen=True, slots=True)
class PayoutResultReport:
    """What one result file did; ``paid + returned + unknown`` = lines of the batch, the amounts likewise."""

    batch_no: str
    paid: int = 0
    paid_fen: int = 0
    returned: int = 0
    returned_fen: int = 0
    unknown: int = 0
    unknown_fen: int = 0
    repeated: bool = False
    findings: list[PayoutFinding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Stray:
    """A delivered line that could not be taken; ``seq`` is the sent line it seems to speak of."""

    line: int
    code: str
    detail: str
    seq: int | None = None


def read_result(books: Books, path: Path, *, on: date) -> PayoutResultReport:
    """Take in one result file, in one transaction; a batch is answered by one file.

    A line counts when number, account and amount are those sent and its status is known: ``00``, or one of the books'
    codes of return. Otherwise the sent
    line is UNKNOWN: its amount goes to suspense with exactly one finding, and it is not paid again. A sent line
    the file does not speak of is UNKNOWN too. A wrong line and the sent line it leaves unanswered are one finding.

    The trailer counts lines as delivered. Where every line can be read its totals must be exactly theirs;
    otherwise they must leave room for the lines that could not be read.

    Raises:
        BankFileRefused: the file is wrong as a whole, or the trailer counts other lines than it brought.
        PayoutResultRefused: no such batch, another bank, no line at all, answered by another file, lines of another
            batch, no line that can be read, or wrong totals.
    """
    file = bankfile.load(path, bankfile.PAYOUT_RESULT)
    batch_no = file.header["batch_no"]
    with books.writing() as connection:
        bank, answered_by = batch_of(connection, file, path)
        if answered_by == file.sha256:
            return PayoutResultReport(batch_no, repeated=True)
        if answered_by is not None:
            raise PayoutResultRefused(path, "answered", message("payout.result.answered", batch=batch_no))
        return take(books, connection, file, path, bank=bank, on=on)


def take(
    books: Books, connection: sa.Connection, file: bankfile.LoadedFile, path: Path, *, bank: str, on: date
) -> PayoutResultReport:
    """Take in the first answer of a batch, inside the caller's transaction."""
    batch_no = file.header["batch_no"]
    batch = _sent(connection, batch_no)
    sent = batch.sent
    answers, strays = _answers(file, batch, books.return_codes)
    if sum(stray.code in _FOREIGN for stray in strays) > len(answers):
        raise PayoutResultRefused(path, "lines", message("payout.result.foreign", batch=batch_no))
    if not answers and all(stray.code not in _READ for stray in strays):
        raise PayoutResultRefused(path, "unreadable", message("payout.result.unreadable", lines=len(strays)))
    report = _report(batch_no, sent, answers, strays)
    _check_totals(path, file, report, len(strays))
    post(books, connection, (batch_no, bank, on), sent, answers)
    _mark(connection, batch_no, sent, answers)
    note_answer(connection, file, path, on)
    batch_table = schema.payout_batch
    answered = sa.update(batch_table).where(batch_table.c.batch_no == batch_no)
    connection.execute(answered.values(answer_sha256=file.sha256))
    lines.record(connection, path.name, report.findings)
    return report


def _zh(code: str, seq: object = "", **parameters: object) -> str:
    """A sentence as findings and lines keep it: in Chinese, whoever reads the file."""
    return message(f"payout.answer.{code}", seq=seq, **parameters).zh


def _mark(
    connection: sa.Connection, batch_no: str, sent: Mapping[int, tuple[str, int]], answers: Mapping[int, Answer]
) -> None:
    """Nearly every line is paid: all at once, then the others by name."""
    line = schema.payout_line
    connection.execute(sa.update(line).where(line.c.batch_no == batch_no).values(state=int(LineState.PAID)))
    gone = (LineState.UNKNOWN, _zh("unknown"))
    rows = []
    if len(answers) < len(sent) or any(answer is not _PAID for answer in answers.values()):
        for seq in sent:
            state, reason = answers.get(seq, gone)
            if state is not LineState.PAID:
                rows.append((int(state), reason, batch_no, seq))
    update_many(connection, line, ("state", "reason"), ("batch_no", "seq"), rows)


def note_answer(connection: sa.Connection, file: bankfile.LoadedFile, path: Path, on: date) -> None:
    """Remember an answer that was taken."""
    batch_no = file.header["batch_no"]
    columns = ("sha256", "batch_no", "kind", "file", "read_on")
    row = (file.sha256, batch_no, file.header["kind"], path.name, on.isoformat())
    insert_many(connection, schema.payout_answer, columns, [row])


def batch_of(connection: sa.Connection, file: bankfile.LoadedFile, path: Path) -> tuple[str, str | None]:
    """Bank and answer so far of the batch a file speaks of.

    Raises:
        PayoutResultRefused: ``batch`` never sent, ``bank`` is another, or ``empty``: it answers no line.
    """
    batch = schema.payout_batch.c
    batch_no = file.header["batch_no"]
    row = connection.execute(sa.select(batch.bank, batch.answer_sha256).where(batch.batch_no == batch_no)).one_or_none()
    if row is None:
        raise PayoutResultRefused(path, "batch", message("payout.result.batch", batch=batch_no[:64]))
    if row[0] != file.header["bank"]:
        raise PayoutResultRefused(path, "bank", message("payout.result.bank", batch=batch_no, bank=row[0]))
    if not file.lines:  # a bank that knows nothing yet has not answered; every batch has lines
        raise PayoutResultRefused(path, "empty", message("payout.result.empty"))
    return row[0], row[1]


@dataclass(frozen=True, slots=True)
class _Batch:
    """The lines of a batch: account and amount by number, and the number by the line that says it is paid."""

    sent: dict[int, tuple[str, int]]
    paid: dict[str, int]


def _sent(connection: sa.Connection, batch_no: str) -> _Batch:
    query = sa.text(
        "SELECT seq, account_no, amount_fen, 'D|' || CAST(seq AS TEXT) || '|' || account_no || '|' "
        "|| CAST(amount_fen AS TEXT) || '|00|' FROM payout_line WHERE batch_no = :batch ORDER BY seq"
    )
    rows = connection.execute(query, {"batch": batch_no}).all()
    return _Batch({row[0]: (row[1], row[2]) for row in rows}, {row[3]: row[0] for row in rows})


def _answers(
    file: bankfile.LoadedFile, batch: _Batch, codes: Mapping[str, str]
) -> tuple[dict[int, Answer], list[_Stray]]:
    """The answer of every line: nearly all are paid, and told by comparing whole lines; the rest one by one."""
    delivered = set(file.lines)
    answers = {seq: _PAID for text, seq in batch.paid.items() if text in delivered}
    odd = [place for place, text in enumerate(file.lines) if text not in batch.paid]
    if len(delivered) == len(file.lines) == len(batch.sent):
        rest = bankfile.split(file, odd)
        open_ = sorted(str(seq) for seq in batch.sent.keys() - answers.keys())
        if not rest.bad_lines and sorted(row[0] for row in rest.rows) == open_:
            more, strays = _judge(rest, batch.sent, codes) if odd else ({}, [])
            return answers | more, strays
    return _judge(bankfile.split(file), batch.sent, codes)  # something is missing, twice, or not ours: line by line


def _judge(
    file: bankfile.BankFile, sent: Mapping[int, tuple[str, int]], codes: Mapping[str, str]
) -> tuple[dict[int, Answer], list[_Stray]]:
    by_text = {str(seq): (seq, account_no, str(amount)) for seq, (account_no, amount) in sent.items()}
    answers: dict[int, Answer] = {}
    strays = [_Stray(bad.line, f"payout.{bad.code}", bad.reason.zh) for bad in file.bad_lines]
    contradicted: set[int] = set()
    for number, (seq_text, account_no, amount, status, reason) in zip(file.line_numbers, file.rows, strict=True):
        line = by_text.get(seq_text)
        if line is None:
            strays.append(_Stray(number, "payout.seq", _zh("seq", repr(seq_text[:12]))))
            continue
        seq = line[0]
        if line[1] != account_no:
            strays.append(_Stray(number, "payout.account_no", _zh("account_no", seq), seq))
        elif line[2] != amount:
            strays.append(_Stray(number, "payout.amount_fen", _zh("amount_fen", seq), seq))
        elif status != PAID_CODE and status not in codes:
            strays.append(_Stray(number, "payout.status", _zh("status", seq, found=repr(status[:8])), seq))
        else:
            answer = _PAID if status == PAID_CODE else (LineState.RETURNED, reason or codes[status])
            before = answers.get(seq)
            if before is None:
                answers[seq] = answer
            else:
                strays.append(_Stray(number, "payout.twice", _zh("twice", seq), seq))
                if before != answer:
                    contradicted.add(seq)
    contradicted |= _said_otherwise(answers, strays)
    for seq in contradicted:
        del answers[seq]
    return answers, sorted(strays, key=lambda stray: stray.line)


def _said_otherwise(answers: Mapping[int, Answer], strays: Iterable[_Stray]) -> set[int]:
    """Lines with a clear answer of which another line says something that can't be read.

    One of another account may be misnumbered, and leaves a paid line paid. A returned line could be paid again: any
    other word makes it uncertain.
    """
    return {
        stray.seq
        for stray in strays
        if stray.seq is not None and stray.seq in answers and stray.code != "payout.twice"
        if answers[stray.seq][0] is LineState.RETURNED or stray.code != "payout.account_no"
    }


_PAID: Answer = (LineState.PAID, None)


def _findings(sent: Mapping[int, tuple[str, int]], open_: list[int], strays: list[_Stray]) -> list[PayoutFinding]:
    """One finding per unanswered line, joined with the wrong line that explains it; other wrong lines alone."""
    unanswered = set(open_)
    own: dict[int, _Stray] = {}
    loose: list[_Stray] = []
    for stray in strays:
        if stray.seq in unanswered and stray.seq not in own:
            own[stray.seq] = stray
        else:
            loose.append(stray)
    found = [PayoutFinding(stray.line, stray.code, stray.detail, sent[seq][1]) for seq, stray in own.items()]
    rest = [seq for seq in open_ if seq not in own]
    for seq, stray in zip_longest(rest, loose):
        if stray is None:
            found.append(PayoutFinding(0, "payout.missing", _zh("missing", seq), sent[seq][1]))
        elif seq is None:
            found.append(PayoutFinding(stray.line, stray.code, stray.detail))
        else:
            found.append(PayoutFinding(stray.line, stray.code, f"{stray.detail};{_zh('missing', seq)}", sent[seq][1]))
    return found


def _report(
    batch_no: str, sent: Mapping[int, tuple[str, int]], answers: Mapping[int, Answer], strays: list[_Stray]
) -> PayoutResultReport:
    counts = {LineState.PAID: [0, 0], LineState.RETURNED: [0, 0]}
    for seq, (state, _) in answers.items():
        tally = counts[state]
        tally[0] += 1
        tally[1] += sent[seq][1]
    open_ = [seq for seq in sent if seq not in answers]
    found = _findings(sent, open_, strays)
    unknown_fen = sum(sent[seq][1] for seq in open_)
    paid, returned = counts[LineState.PAID], counts[LineState.RETURNED]
    return PayoutResultReport(
        batch_no, paid[0], paid[1], returned[0], returned[1], len(open_), unknown_fen, findings=found
    )


def whole(text: str) -> int:
    """A count or sum of a trailer, which some banks fill up with zeros; -1 for what is none.

    Example:
        >>> whole("06"), whole(""), whole("9" * 20)
        (6, -1, -1)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1


def _check_totals(path: Path, file: bankfile.LoadedFile, report: PayoutResultReport, strays: int) -> None:
    read = {"paid": report.paid, "returned": report.returned}
    sums = {"paid_fen": report.paid_fen, "returned_fen": report.returned_fen}
    for name, value in (read | sums).items():
        text = file.trailer[name]
        said = whole(text)
        room = strays * 2 if name in read else None  # a line that stands twice takes two away
        if said != value and (strays == 0 or said < value or (room is not None and said > value + room)):
            what = message("payout.result.totals", field=name, found=text[:20], lines=value)
            raise PayoutResultRefused(path, "totals", what)


def post(
    books: Books,
    connection: sa.Connection,
    place: tuple[str, str, date],
    sent: Mapping[int, tuple[str, int]],
    answers: Mapping[int, Answer],
) -> None:
    """Move what was paid to the bank's clearing account and what is unknown to suspense.

    One transfer for all paid lines of the answer and one for all unknown ones; the lines of the batch are the
    ledger's detail. ``itemised`` books post each line on its own.
    """
    batch_no, bank, on = place
    payable, clearing, at = lines.payable_account(batch_no), lines.clearing_account(bank), timestamp(on)
    paid = [(seq, sent[seq][1]) for seq, (state, _) in answers.items() if state is LineState.PAID]
    unknown = [(seq, amount) for seq, (_, amount) in sent.items() if seq not in answers]
    moves = []
    for code, target, group in (("paid", clearing, paid), ("unknown", SUSPENSE, unknown)):
        if books.itemised:
            parts = [(str(seq), fen) for seq, fen in sorted(group)]
        else:
            parts = [(code, sum(fen for _, fen in group))] if group else []
        moves += [
            Transfer(f"payout:{batch_no}:{name}", payable, target, fen, f"payout.{code}", at) for name, fen in parts
        ]
    lines.post(books.ledger, connection, moves)
