"""Writing one payout batch: rows, money and file together, or none of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from sbcard_core.hosts import bankfile
from sbcard_core.payout.lines import Books, LineState, open_for_batch
from sbcard_core.payout.programmes import Programme
from sbcard_core.store import insert_many, schema

_BATCH_COLUMNS = ("batch_no", "programme", "period", "bank", "round", "lines", "total_fen", "sent_on")
_LINE_COLUMNS = ("batch_no", "seq", "person_id", "account_no", "amount_fen", "state", "repays_batch", "repays_seq")


@dataclass(frozen=True, slots=True)
class NewLine:
    """One line to be sent; ``repays`` names the returned line (batch, seq) it pays again."""

    person_id: int
    account_no: str = field(repr=False)
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    amount_fen: int
    repays: tuple[str, int] | None = None


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


def write_batch(books: Books, heading: Heading, bank: str, lines: Sequence[NewLine], block: Block) -> str:
    """Store one batch, block its money, write its file; returns the batch number.

    The file is written before the commit: a crash leaves either all three, or a file that the next run writes
    again under the same number.
    """
    programme = heading.programme
    total = sum(line.amount_fen for line in lines)
    with books.store.begin() as connection:
        batch_no = _next_batch_no(connection, f"{programme.code}-{heading.period}-{bank}-")
        head = (batch_no, programme.code, heading.period, bank, heading.round, len(lines), total)
        insert_many(connection, schema.payout_batch, _BATCH_COLUMNS, [(*head, heading.on.isoformat())])
        sent = int(LineState.SENT)
        insert_many(
            connection,
            schema.payout_line,
            _LINE_COLUMNS,
            (
                (batch_no, n, line.person_id, line.account_no, line.amount_fen, sent, *(line.repays or (None, None)))
                for n, line in enumerate(lines, 1)
            ),
        )
        open_for_batch(books.ledger, connection, batch_no, bank)
        block(connection, batch_no)
        header = {
            "batch_no": batch_no,
            "programme": programme.code,
            "period": heading.period,
            "bank": bank,
            "date": bankfile.compact_date(heading.on),
            "lines": len(lines),
            "total_fen": total,
        }
        purpose = f"{programme.name_zh}{heading.period}"
        rows = (
            (str(n), line.account_no, line.name, line.id_number, str(line.amount_fen), purpose)
            for n, line in enumerate(lines, 1)
        )
        path = heading.out_dir / f"PAYREQ_{batch_no}.txt"
        bankfile.write(path, bankfile.PAYOUT_REQUEST, header, rows, {"total_fen": total})
    return batch_no


def _next_batch_no(connection: sa.Connection, stem: str) -> str:
    column = schema.payout_batch.c.batch_no
    taken = connection.execute(
        sa.select(sa.func.count()).select_from(schema.payout_batch).where(column.startswith(stem, autoescape=True))
    ).scalar_one()
    return f"{stem}{taken + 1:03d}"
