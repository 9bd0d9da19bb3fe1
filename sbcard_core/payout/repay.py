"""Paying returned lines again (退票重发): a new line for each, linked to it; the money outstanding stays the same."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sbcard_core.calendar import Period
from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.fields import BankAccount, BankCode
from sbcard_core.ledger import Transfer, timestamp
from sbcard_core.messages import message
from sbcard_core.officers import Act, Signer, require
from sbcard_core.payout import lookup
from sbcard_core.payout.batches import Heading, NewLine, take_up, write_again
from sbcard_core.payout.due import SUSPENDED, SUSPENDED_NOW, days, not_living
from sbcard_core.payout.lines import Books, payable_account, post
from sbcard_core.payout.people import number_of
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.rolls import RollRefused
from sbcard_core.payout.states import LineState
from sbcard_core.store import schema, update_many
from sbcard_core.values import CardState

REPAY_ACT = "payout.repay"
"""Kind of act: returned lines are paid to other accounts than before. Its subject is ``<programme>:<period>``."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account to be paid: its number, and its bank where that is another one than before."""

    account_no: str = field(repr=False)
    bank: str = ""


@dataclass(frozen=True, slots=True)
class Repayment:
    """Which returned lines to pay again.

    Attributes:
        programme: of which programme.
        period: of which period.
        on: the day of sending.
        out_dir: where the files are written.
        corrections: corrected account by social security number; others are paid to the account known of them now.
        only: social security numbers approved to be paid again; None approves all.
        approved_by: officers who verified the accounts that are not those of the approved roll: as many as the
            programme's rolls need, none of them drafted the roll (assumed). They approve the act :data:`REPAY_ACT`.
    """

    programme: Programme
    period: Period
    on: date
    out_dir: Path
    corrections: Mapping[str, Account | str] = field(repr=False)
    only: Collection[str] | None = field(default=None, repr=False)
    approved_by: tuple[Signer, ...] = ()


@dataclass(frozen=True, slots=True)
class _Again:
    """One returned line, and where it goes now."""

    row: Any = field(repr=False)
    bank: str
    account_no: str = field(repr=False)

    @property
    def is_changed(self) -> bool:
        return (self.bank, self.account_no) != (self.row.bank, self.row.account_no)


def repay(books: Books, order: Repayment, max_lines: int) -> list[str]:
    """Send every approved line in state RETURNED again and return the new batches.

    Each goes to the account its payee is paid to today: a corrected one, else one that was reported, else that of the
    registry's latest card. Who has no such account, is not known to live, or is suspended waits. Only confirmed
    returns are touched; a line is paid again at most once (it becomes REPAID), and a line that comes back again may be
    sent again in a later round.

    Raises:
        InvalidValue: a corrected account is none.
        RollRefused: ``person``: a correction names somebody who was sent no line of the period, or one person twice;
            ``account``: it names somebody else's account. Nothing changed.
        ApprovalRefused: accounts changed since the roll was approved, and not enough officers approve that. Nothing
            changed.
    """
    corrections = _corrections(order)
    only = None if order.only is None else {number_of(text) for text in order.only}
    with books.writing() as connection:
        take_up(connection, order.out_dir)
        rows = [row for row in connection.execute(_returned(order)) if only is None or row.id_number in only]
        if corrections and (strangers := _strangers(connection, order, corrections)):
            raise RollRefused("person", message("payout.repay.strangers", count=strangers, period=order.period))
        again = _directed(connection, books.payable(order.programme), rows, corrections)
        _verify(books, connection, order, [one for one in again if one.is_changed])
    made: list[str] = []
    again.sort(key=lambda one: (one.bank, one.row.round, one.row.batch_no, one.row.seq))
    for (bank, round_), group in groupby(again, key=lambda one: (one.bank, one.row.round)):
        heading = Heading(order.programme, order.period, round_ + 1, order.on, order.out_dir)
        of_bank = list(group)
        for start in range(0, len(of_bank), max_lines):
            made.append(_send_again(books, heading, bank, of_bank[start : start + max_lines]))
            books.tell("repay", start + len(of_bank[start : start + max_lines]), len(of_bank))
    return made


def _corrections(order: Repayment) -> dict[str, Account]:
    """The corrections by number, each valid: what a bank file cannot carry is refused before anything is sent."""
    found: dict[str, Account] = {}
    for text, given in order.corrections.items():
        new = given if isinstance(given, Account) else Account(given)
        if not BankAccount.is_valid(new.account_no):
            raise InvalidValue(message("payout.account"), step="payout.repay", term="账号")
        if new.bank and not BankCode.is_valid(new.bank):
            raise InvalidValue(message("payout.bank", found=new.bank[:16]), step="payout.repay", term="银行代码")
        number = number_of(text)
        account = Account(BankAccount(new.account_no), BankCode(new.bank) if new.bank else "")
        if found.setdefault(number, account) != account:
            raise RollRefused("person", message("payout.repay.twice"))
    return found


def _returned(order: Repayment) -> "sa.Select[Any]":
    line, batch, person, told = schema.payout_line.c, schema.payout_batch.c, schema.person.c, schema.payout_standing.c
    claim = schema.payout_roll_line.c
    programme, period = order.programme, order.period
    dead = sa.select(told.person_id).where(sa.text(not_living(programme, period)))
    held = sa.text(f"payout_line.person_id NOT IN ({SUSPENDED})")
    held_now = sa.text(f"payout_line.person_id NOT IN ({SUSPENDED_NOW})")
    is_item = sa.func.coalesce(claim.item, "") != ""
    return (
        sa.select(
            *(batch.bank, batch.round, line.batch_no, line.seq, person.person_id, person.id_number),
            *(line.account_no, line.amount_fen, line.roll_id, line.roll_line),
        )
        .join_from(schema.payout_line, schema.payout_batch, line.batch_no == batch.batch_no)
        .join(schema.person, person.person_id == line.person_id)
        .outerjoin(schema.payout_roll_line, sa.and_(claim.roll_id == line.roll_id, claim.line == line.roll_line))
        .where(batch.programme == programme.code, batch.period == period)
        .where(line.state == int(LineState.RETURNED))
        .where(line.person_id.not_in(dead), sa.or_(sa.and_(is_item, held_now), sa.and_(sa.not_(is_item), held)))
        .order_by(batch.bank, batch.round, line.batch_no, line.seq)
        .params(programme=programme.code, **days(period))
    )


def _strangers(connection: sa.Connection, order: Repayment, corrections: Mapping[str, Account]) -> int:
    """How many corrections are for people the period has no line of: a mistyped number must not go unseen."""
    batch, line, person = schema.payout_batch.c, schema.payout_line.c, schema.person.c
    query = (
        sa.select(person.id_number)
        .join_from(schema.person, schema.payout_line, line.person_id == person.person_id)
        .join(schema.payout_batch, batch.batch_no == line.batch_no)
        .where(batch.programme == order.programme.code, batch.period == order.period)
        .distinct()
    )
    wanted, there = sorted(corrections), 0
    for first in range(0, len(wanted), 500):
        there += len(connection.execute(query.where(person.id_number.in_(wanted[first : first + 500]))).all())
    return len(wanted) - there


def _directed(
    connection: sa.Connection,
    payable: Collection[CardState],
    rows: Sequence[Any],
    corrections: Mapping[str, Account],
) -> list[_Again]:
    """Where each line goes now; lines of payees without a payable account are left out."""
    known = lookup.accounts(connection, payable, sorted({row.person_id for row in rows}))
    found = []
    for row in rows:
        new = corrections.get(row.id_number)
        if new is not None:
            now = known.get(row.person_id, (row.bank, ""))
            found.append(_Again(row, new.bank or (now[0] if now[1] == new.account_no else row.bank), new.account_no))
        elif row.person_id in known:
            found.append(_Again(row, *known[row.person_id]))
    return found


def _verify(books: Books, connection: sa.Connection, order: Repayment, changed: Sequence[_Again]) -> None:
    """A returned line goes to another account only if it is nobody else's, and officers saw it."""
    if not changed:
        return
    owners: dict[str, set[str]] = {}
    for one in changed:
        owners.setdefault(one.account_no, set()).add(one.row.id_number)
    for account, who in _owned(connection, sorted(owners)):
        owners[account].add(who)
    if any(len(people) > 1 for people in owners.values()):
        raise RollRefused("account", message("payout.repay.other_account"))
    lines = sorted((one.row.id_number, one.bank, one.account_no) for one in changed)
    text = "\n".join("|".join(line) for line in dict.fromkeys(lines))
    digest = hashlib.sha256(f"repay|{order.period}\n{text}".encode()).hexdigest()
    roll = schema.payout_roll.c
    rolls_of = sorted({one.row.roll_id for one in changed if one.row.roll_id is not None})
    drafters = set(connection.execute(sa.select(roll.drafted_by).where(roll.roll_id.in_(rolls_of))).scalars())
    act = Act(REPAY_ACT, f"{order.programme.code}:{order.period}", digest, order.on)
    needed = order.programme.approvals
    require(connection, books.officers, act, order.approved_by, needed=needed, not_by=drafters)


def _owned(connection: sa.Connection, accounts: Sequence[str]) -> list[tuple[str, str]]:
    """Whose each of some accounts is: on cards, as reported, and as opened in bulk."""
    person = schema.person
    found: list[tuple[str, str]] = []
    for table in (schema.card, schema.payout_standing, schema.opening_line):
        query = sa.select(table.c.account_no, person.c.id_number).join_from(
            table, person, person.c.person_id == table.c.person_id
        )
        for first in range(0, len(accounts), 500):
            some = accounts[first : first + 500]
            found += [(row[0], row[1]) for row in connection.execute(query.where(table.c.account_no.in_(some)))]
    return found


def _send_again(books: Books, heading: Heading, bank: str, lines: Sequence[_Again]) -> str:
    new = [
        NewLine(
            *(one.row.person_id, one.account_no, one.row.amount_fen),
            repays=(one.row.batch_no, one.row.seq),
            of=(one.row.roll_id, one.row.roll_line),
        )
        for one in lines
    ]
    rows = [one.row for one in lines]

    def block(connection: sa.Connection, batch_no: str) -> None:
        sums: dict[str, int] = {}
        for row in rows:
            sums[row.batch_no] = sums.get(row.batch_no, 0) + row.amount_fen
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
            [(repaid, row.batch_no, row.seq) for row in rows],
        )

    return write_again(books, heading, bank, new, block)


def _still_returned(connection: sa.Connection, rows: Sequence[Any]) -> None:
    """Of two runs at once, the second stops here: under the writer's lock nothing changes any more."""
    line = schema.payout_line.c
    for batch_no, group in groupby(sorted(rows, key=lambda row: row.batch_no), key=lambda row: row.batch_no):
        query = sa.select(line.seq).where(line.batch_no == batch_no, line.state == int(LineState.RETURNED))
        if not {row.seq for row in group} <= set(connection.execute(query).scalars()):
            raise Refused(message("payout.repay.meanwhile"), step="payout.repay", term="退票重发")
