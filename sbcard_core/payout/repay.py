"""Paying returned lines again (退票重发): a new line for each, linked to it; the money outstanding stays the same."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.ledger import Transfer, timestamp
from sbcard_core.payout.batches import Heading, NewLine, write_again
from sbcard_core.payout.lines import Books, payable_account, post
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.states import LineState, Living
from sbcard_core.store import schema, update_many


@dataclass(frozen=True, slots=True)
class Repayment:
    """Which returned lines to pay again.

    Attributes:
        programme: of which programme.
        period: of which period.
        on: the day of sending.
        out_dir: where the files are written.
        corrections: corrected account number by social security number; others keep the account they had.
        only: social security numbers approved to be paid again; None approves all.
    """

    programme: Programme
    period: str
    on: date
    out_dir: Path
    corrections: Mapping[str, str] = field(repr=False)
    only: Collection[str] | None = field(default=None, repr=False)


def repay(books: Books, order: Repayment, max_lines: int) -> list[str]:
    """Send every approved line in state RETURNED again and return the new batches.

    Only confirmed returns are touched; a line is paid again at most once (it becomes REPAID), and a line that
    comes back again may be sent again in a later round. Nobody who is told not to live is paid again.
    """
    if any(not account or set(account) & set("|\r\n\0") for account in order.corrections.values()):
        raise InvalidValue("a corrected account number is unusable", step="payout.repay", term="账号")
    with books.store.begin() as connection:
        rows = [row for row in connection.execute(_returned(order)) if order.only is None or row[5] in order.only]
    made: list[str] = []
    for (bank, round_), group in groupby(rows, key=lambda row: (row[0], row[1])):
        heading = Heading(order.programme, order.period, round_ + 1, order.on, order.out_dir)
        of_bank = list(group)
        for start in range(0, len(of_bank), max_lines):
            made.append(_send_again(books, heading, bank, of_bank[start : start + max_lines], order.corrections))
            books.tell("repay", start + len(of_bank[start : start + max_lines]), len(of_bank))
    return made


def _returned(order: Repayment) -> sa.Select[Any]:
    line, batch, person, told = schema.payout_line.c, schema.payout_batch.c, schema.person.c, schema.payout_standing.c
    return (
        sa.select(
            *(batch.bank, batch.round, line.batch_no, line.seq, person.person_id, person.id_number),
            *(line.account_no, line.amount_fen, line.roll_id, line.roll_line),
        )
        .join_from(schema.payout_line, schema.payout_batch, line.batch_no == batch.batch_no)
        .join(schema.person, person.person_id == line.person_id)
        .join(schema.payout_standing, told.person_id == line.person_id, isouter=True)
        .where(batch.programme == order.programme.code, batch.period == order.period)
        .where(line.state == int(LineState.RETURNED), sa.func.coalesce(told.living, 1) == int(Living.NORMAL))
        .order_by(batch.bank, batch.round, line.batch_no, line.seq)
    )


def _send_again(books: Books, heading: Heading, bank: str, rows: Sequence[Any], corrections: Mapping[str, str]) -> str:
    new = [
        NewLine(row[4], corrections.get(row[5], row[6]), row[7], repays=(row[2], row[3]), of=(row[8], row[9]))
        for row in rows
    ]

    def block(connection: sa.Connection, batch_no: str) -> None:
        sums: dict[str, int] = {}
        for row in rows:
            sums[row[2]] = sums.get(row[2], 0) + row[7]
        target, at = payable_account(batch_no), timestamp(heading.on)
        moves = [
            Transfer(f"payout:{batch_no}:from:{old}", payable_account(old), target, amount, "payout.repay", at)
            for old, amount in sums.items()
        ]
        _still_returned(connection, rows)
        post(books.ledger, connection, moves)
        repaid = int(LineState.REPAID)
        update_many(
            *(connection, schema.payout_line, ("state",), ("batch_no", "seq")),
            [(repaid, row[2], row[3]) for row in rows],
        )

    return write_again(books, heading, bank, new, block)


def _still_returned(connection: sa.Connection, rows: Sequence[Any]) -> None:
    """Of two runs at once, the second stops here: under the writer's lock nothing changes any more."""
    line = schema.payout_line.c
    for batch_no, group in groupby(rows, key=lambda row: row[2]):
        query = sa.select(line.seq).where(line.batch_no == batch_no, line.state == int(LineState.RETURNED))
        if not {row[3] for row in group} <= set(connection.execute(query).scalars()):
            what = "a returned line was sent again meanwhile"
            raise Refused(what, step="payout.repay", term="退票重发", advice="run it again: only what is left is sent")
