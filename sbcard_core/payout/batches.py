"""Writing one payout batch: rows, money and file together, or none of them.

The file is staged under a name no bank looks at, on the disk before the batch is committed, and gets its own name
after. So a bank never sees half a file, nor one of a batch that was taken back; a staged file a crash left behind is
handed over, or thrown away, by the next step that writes into the same folder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from sbcard_core import files
from sbcard_core.errors import InvalidValue
from sbcard_core.hosts import bankfile
from sbcard_core.ledger import Transfer, timestamp
from sbcard_core.messages import message
from sbcard_core.payout.lines import Books, open_for_batch, payable_account, post
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.rolls import Roll, joined
from sbcard_core.payout.states import LineState, RollLineState
from sbcard_core.store import insert_many, schema

_BATCH_COLUMNS = (
    *("batch_no", "programme", "period", "bank", "round", "lines", "total_fen", "sent_on", "roll_id", "last_line"),
)
_LINE_COLUMNS = (
    *("batch_no", "seq", "person_id", "account_no", "amount_fen", "state", "repays_batch", "repays_seq"),
    *("roll_id", "roll_line"),
)


@dataclass(frozen=True, slots=True)
class NewLine:
    """One line to be sent again; ``repays`` names the returned line (batch, seq), ``of`` the roll line (roll, line)."""

    person_id: int
    account_no: str = field(repr=False)
    amount_fen: int
    repays: tuple[str, int]
    of: tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Heading:
    """What all batches of one step have in common, and where their files go."""

    programme: Programme
    period: str
    round: int
    on: date
    out_dir: Path


Block = Callable[[sa.Connection, str], None]
"""Moves the money of a batch into its payable account, inside the batch's transaction."""


def write_again(books: Books, heading: Heading, bank: str, lines: Sequence[NewLine], block: Block) -> str:
    """Store one batch of returned lines, block its money, write its file; returns the batch number."""
    total = sum(line.amount_fen for line in lines)
    with books.writing() as connection:
        batch_no = _new_batch(connection, heading, bank, len(lines), total)
        sent = int(LineState.SENT)
        rows = (
            (batch_no, n, line.person_id, line.account_no, line.amount_fen, sent, *line.repays, *line.of)
            for n, line in enumerate(lines, 1)
        )
        insert_many(connection, schema.payout_line, _LINE_COLUMNS, rows)
        open_for_batch(books.ledger, connection, batch_no, bank)
        block(connection, batch_no)
        staged = stage(connection, heading, bank, batch_no)
    hand_over(staged)
    return batch_no


_READY = f"FROM payout_roll_line WHERE roll_id = :roll AND bank = :bank AND state = {int(RollLineState.READY)}"
_NEXT = sa.text(
    "SELECT COUNT(*), COALESCE(SUM(fen), 0), MAX(line) FROM "  # noqa: S608 - ours
    f"(SELECT line, gross_fen - deducted_fen AS fen {_READY} AND line > :after ORDER BY line LIMIT :most) part"
)
_SEND = sa.text(
    "INSERT INTO payout_line (batch_no, seq, person_id, account_no, amount_fen, state, roll_id, roll_line) "
    "SELECT :batch, ROW_NUMBER() OVER (ORDER BY line), person_id, account_no, gross_fen - deducted_fen, "
    f"{int(LineState.SENT)}, roll_id, line {_READY} AND line > :after AND line <= :last ORDER BY line"
)


def write_next(books: Books, heading: Heading, roll: Roll, bank: str, max_lines: int) -> tuple[str, int] | None:
    """Send the next lines of a roll to one bank; returns batch number and lines, or None when all are sent.

    Where the roll stands is read inside the transaction, so a killed run, or a second one, goes on behind the
    last batch that is there whole.
    """
    batch = schema.payout_batch.c
    done = sa.select(sa.func.max(batch.last_line)).where(batch.roll_id == roll.roll_id, batch.bank == bank)
    with books.writing() as connection:
        after = connection.execute(done).scalar() or 0
        place = {"roll": roll.roll_id, "bank": bank, "after": after}
        count, total, last = connection.execute(_NEXT, {**place, "most": max_lines}).one()
        if not count:
            return None
        batch_no = _new_batch(connection, heading, bank, count, int(total), roll.roll_id, last)
        connection.execute(_SEND, {**place, "last": last, "batch": batch_no})
        open_for_batch(books.ledger, connection, batch_no, bank)
        source, target = payable_account(roll.roll_no), payable_account(batch_no)
        at = timestamp(heading.on)
        post(books.ledger, connection, [Transfer(f"payout:{batch_no}", source, target, int(total), "payout.batch", at)])
        staged = stage(connection, heading, bank, batch_no)
    hand_over(staged)
    return batch_no, count


def _new_batch(
    connection: sa.Connection,
    heading: Heading,
    bank: str,
    count: int,
    total: int,
    roll_id: int | None = None,
    last: int | None = None,
) -> str:
    programme = heading.programme
    stem = f"{programme.code}-{heading.period}-{bank}-"
    column = schema.payout_batch.c.batch_no
    taken = connection.execute(
        sa.select(sa.func.count()).select_from(schema.payout_batch).where(column.startswith(stem, autoescape=True))
    ).scalar_one()
    batch_no = f"{stem}{taken + 1:03d}"
    head = (batch_no, programme.code, heading.period, bank, heading.round, count, total, heading.on.isoformat())
    insert_many(connection, schema.payout_batch, _BATCH_COLUMNS, [(*head, roll_id, last)])
    return batch_no


STAGED = ".new"
"""Ends the name of a file whose batch may not be committed yet."""


def request_name(batch_no: str) -> str:
    """The name of a batch's request file.

    Example:
        >>> request_name("pension-2014-07-103-001")
        'PAYREQ_pension-2014-07-103-001.txt'
    """
    return f"PAYREQ_{batch_no}.txt"


def body(connection: sa.Connection, batch_no: str, tail: str, states: Sequence[int] | None = None) -> tuple[str, int]:
    """The data lines of a batch's file, put together by the database, and how many; ``tail`` ends each line."""
    text = (
        "'D|' || CAST(l.seq AS TEXT) || '|' || l.account_no || '|' || p.name || '|' || p.id_number || '|' "
        "|| CAST(l.amount_fen AS TEXT) || :tail"
    )
    only = f" AND l.state IN ({', '.join(str(int(state)) for state in states)})" if states else ""
    rows = (
        f"SELECT l.seq, {text} AS x FROM payout_line l JOIN person p ON p.person_id = l.person_id "  # noqa: S608 - ours
        f"WHERE l.batch_no = :batch{only} ORDER BY l.seq"
    )
    query = f"SELECT {joined(connection, 'x', 'seq')}, COUNT(*) FROM ({rows}) lines"  # noqa: S608
    block, count = connection.execute(sa.text(query), {"batch": batch_no, "tail": tail, "sep": "\n"}).one()
    return block or "", count


def stage(connection: sa.Connection, heading: Heading, bank: str, batch_no: str) -> Path:
    """Write a batch's request file from the database under its staged name: the same bytes whenever it is written."""
    batch, programme = schema.payout_batch.c, heading.programme
    sums = sa.select(batch.lines, batch.total_fen).where(batch.batch_no == batch_no)
    lines, total = connection.execute(sums).one()
    block, count = body(connection, batch_no, f"|{programme.name_zh}{heading.period}")
    day = bankfile.compact_date(heading.on)
    header = {"batch_no": batch_no, "programme": programme.code, "period": heading.period, "bank": bank, "date": day}
    sums_there = {"lines": lines, "total_fen": total}
    path = heading.out_dir / (request_name(batch_no) + STAGED)
    bankfile.write_block(path, bankfile.PAYOUT_REQUEST, {**header, **sums_there}, block, count, sums_there)
    return path


def hand_over(staged: Path) -> Path:
    """Give a staged file, whose batch is committed, the name under which it goes to the bank."""
    path = staged.with_name(staged.name.removesuffix(STAGED))
    batch_no = path.stem.removeprefix("PAYREQ_")
    files.hand_over(staged, path, own=bankfile.same_batch(f"H|{bankfile.PAYOUT_REQUEST.kind}|{batch_no}".encode()))
    return path


def take_up(connection: sa.Connection, out_dir: Path) -> None:
    """What a crash left in a folder, under the writer's lock: nobody else is between a file and its commit.

    Raises:
        InvalidValue: there is no such folder; nothing was done yet.
    """
    if not out_dir.is_dir():
        raise InvalidValue(message("payout.folder", folder=out_dir.name), step="payout", term="代发文件")
    for staged in sorted(out_dir.glob(f"PAYREQ_*{STAGED}")):
        batch_no = staged.name.removeprefix("PAYREQ_").removesuffix(f".txt{STAGED}")
        there = sa.select(schema.payout_batch.c.lines).where(schema.payout_batch.c.batch_no == batch_no)
        if connection.execute(there).first() is not None:
            hand_over(staged)
        else:
            staged.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Sent:
    """What is known of a batch that was sent."""

    programme: str
    period: str
    bank: str
    round: int
    sent_on: date


def find(connection: sa.Connection, batch_no: str) -> Sent:
    """A batch by its number.

    Raises:
        InvalidValue: there is none.
    """
    batch = schema.payout_batch.c
    query = sa.select(batch.programme, batch.period, batch.bank, batch.round, batch.sent_on)
    row = connection.execute(query.where(batch.batch_no == batch_no)).one_or_none()
    if row is None:
        raise InvalidValue(message("payout.batch", batch=batch_no[:64]), step="payout", term="代发批次")
    return Sent(*row[:4], date.fromisoformat(row[4]))
