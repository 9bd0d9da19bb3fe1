"""Paying returned lines again (退票重发): a new line for each, linked to it; the money outstanding stays the same."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.ledger import Transfer, timestamp
from sbcard_core.messages import message
from sbcard_core.officers import Act, Signer, require
from sbcard_core.payout.batches import Heading, NewLine, take_up, write_again
from sbcard_core.payout.lines import Books, payable_account, post
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.rolls import RollRefused
from sbcard_core.payout.rules import not_living
from sbcard_core.payout.states import LineState
from sbcard_core.store import schema, update_many

REPAY_ACT = "payout.repay"
"""Kind of act: returned lines are paid to corrected accounts. Its subject is ``<programme>:<period>``."""


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
        approved_by: officers who verified the corrections: as many as the programme's rolls need, none of them
            drafted the roll (assumed). They approve the act :data:`REPAY_ACT`.
    """

    programme: Programme
    period: str
    on: date
    out_dir: Path
    corrections: Mapping[str, str] = field(repr=False)
    only: Collection[str] | None = field(default=None, repr=False)
    approved_by: tuple[Signer, ...] = ()


def repay(books: Books, order: Repayment, max_lines: int) -> list[str]:
    """Send every approved line in state RETURNED again and return the new batches.

    Only confirmed returns are touched; a line is paid again at most once (it becomes REPAID), and a line that
    comes back again may be sent again in a later round. Nobody who is told not to live, or is suspended, is paid
    again: the money waits.

    Raises:
        RollRefused: ``person``: a correction names somebody who was sent no line of the period; ``account``: it names
            somebody else's account. Nothing changed.
        ApprovalRefused: the corrections are not approved by enough officers. Nothing changed.
    """
    if any(not account or set(account) & set("|\r\n\0") for account in order.corrections.values()):
        raise InvalidValue(message("payout.repay.account"), step="payout.repay", term="账号")
    with books.writing() as connection:
        take_up(connection, order.out_dir)
        rows = [row for row in connection.execute(_returned(order)) if order.only is None or row[5] in order.only]
        _verify(books, connection, order, rows)
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
    hold = schema.payout_hold.c
    dead = sa.select(told.person_id).where(sa.text(not_living(order.programme, order.period)))
    held = sa.select(hold.person_id).where(hold.programme == order.programme.code, hold.since <= order.period)
    held = held.where(sa.or_(hold.until.is_(None), hold.until > order.period))
    return (
        sa.select(
            *(batch.bank, batch.round, line.batch_no, line.seq, person.person_id, person.id_number),
            *(line.account_no, line.amount_fen, line.roll_id, line.roll_line),
        )
        .join_from(schema.payout_line, schema.payout_batch, line.batch_no == batch.batch_no)
        .join(schema.person, person.person_id == line.person_id)
        .where(batch.programme == order.programme.code, batch.period == order.period)
        .where(line.state == int(LineState.RETURNED))
        .where(line.person_id.not_in(dead), line.person_id.not_in(held))
        .order_by(batch.bank, batch.round, line.batch_no, line.seq)
    )


def _strangers(connection: sa.Connection, order: Repayment) -> int:
    """How many corrections are for people the period has no line of: a mistyped number must not go unseen."""
    batch, line, person = schema.payout_batch.c, schema.payout_line.c, schema.person.c
    query = (
        sa.select(person.id_number)
        .join_from(schema.person, schema.payout_line, line.person_id == person.person_id)
        .join(schema.payout_batch, batch.batch_no == line.batch_no)
        .where(batch.programme == order.programme.code, batch.period == order.period)
        .distinct()
    )
    wanted, there = sorted(order.corrections), 0
    for first in range(0, len(wanted), 500):
        there += len(connection.execute(query.where(person.id_number.in_(wanted[first : first + 500]))).all())
    return len(wanted) - there


def _verify(books: Books, connection: sa.Connection, order: Repayment, rows: Sequence[Any]) -> None:
    """A returned line goes to another account only if it is nobody else's, and officers saw it."""
    if order.corrections and (strangers := _strangers(connection, order)):
        raise RollRefused("person", message("payout.repay.strangers", count=strangers, period=order.period))
    new = {row[5]: order.corrections[row[5]] for row in rows if order.corrections.get(row[5], row[6]) != row[6]}
    if not new:
        return
    card, person, told = schema.card.c, schema.person.c, schema.payout_standing.c
    accounts = sorted(set(new.values()))
    owned = set()
    for table, number in ((schema.card, card.account_no), (schema.payout_standing, told.account_no)):
        query = sa.select(number, person.id_number).join_from(
            table, schema.person, person.person_id == table.c.person_id
        )
        for first in range(0, len(accounts), 500):
            owned |= {tuple(row) for row in connection.execute(query.where(number.in_(accounts[first : first + 500])))}
    if len(accounts) < len(new) or any(account in new.values() and new.get(who) != account for account, who in owned):
        raise RollRefused("account", message("payout.repay.other_account"))
    text = "\n".join(f"{who}|{account}" for who, account in sorted(new.items()))
    digest = hashlib.sha256(f"repay|{order.period}\n{text}".encode()).hexdigest()
    roll = schema.payout_roll.c
    rolls_of = sorted({row[8] for row in rows if row[5] in new and row[8] is not None})
    drafters = set(connection.execute(sa.select(roll.drafted_by).where(roll.roll_id.in_(rolls_of))).scalars())
    act = Act(REPAY_ACT, f"{order.programme.code}:{order.period}", digest, order.on)
    needed = order.programme.approvals
    require(connection, books.officers, act, order.approved_by, needed=needed, not_by=drafters)


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
            raise Refused(message("payout.repay.meanwhile"), step="payout.repay", term="退票重发")
