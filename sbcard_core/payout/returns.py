"""Returned lines (退票) that are not paid again: given up, stopped by a death, taken up again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from sbcard_core.ledger import Transfer, timestamp
from sbcard_core.messages import message
from sbcard_core.payout.acts import GIVE_UP_ACT, REINSTATE_ACT, Approved
from sbcard_core.payout.checks import yuan
from sbcard_core.payout.lines import Books, FundsShort, payable_account, post
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.recovery import RecoveryRefused
from sbcard_core.payout.states import LineState, RollState
from sbcard_core.store import schema
from sbcard_core.values import mask_id


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """One returned line that waits: to be paid again, or given up by its batch and number."""

    batch_no: str
    seq: int
    id_number: str
    amount_fen: int
    reason: str


def returned(books: Books, programme: Programme, period: str) -> list[ReturnedLine]:
    """The returned lines of one programme and period; numbers of people are masked."""
    line, batch, person = schema.payout_line.c, schema.payout_batch.c, schema.person.c
    query = (
        sa.select(line.batch_no, line.seq, person.id_number, line.amount_fen, line.reason)
        .join_from(schema.payout_line, schema.payout_batch, batch.batch_no == line.batch_no)
        .join(schema.person, person.person_id == line.person_id)
        .where(batch.programme == programme.code, batch.period == period, line.state == int(LineState.RETURNED))
        .order_by(line.batch_no, line.seq)
    )
    with books.store.begin() as connection:
        rows = connection.execute(query).all()
    return [ReturnedLine(batch_no, seq, mask_id(who), fen, reason or "") for batch_no, seq, who, fen, reason in rows]


_ACTS = {LineState.CANCELLED: GIVE_UP_ACT, LineState.RETURNED: REINSTATE_ACT}
_ELSE = {LineState.CANCELLED: "payout.returned.not_returned", LineState.RETURNED: "payout.returned.not_given_up"}


def change(
    books: Books, programme: Programme, lines: Iterable[tuple[str, int]], new: LineState, approved: Approved
) -> int:
    """Give returned lines (batch, number) up, or make given-up ones payable again; how many were not so yet.

    Args:
        books: database and ledger.
        programme: of the lines.
        lines: each counts once.
        new: CANCELLED, their money goes back to the fund, or RETURNED, it is blocked anew.
        approved: by whom.

    Raises:
        RecoveryRefused: ``line``: one is in neither of these states; ``programme``: one is of another.
        ApprovalRefused: the act :data:`GIVE_UP_ACT`, or :data:`REINSTATE_ACT`, is not approved by as many officers as
            a roll.
        FundsShort: the fund does not hold their sum. Nothing changed.
    """
    found = []
    with books.writing() as connection:
        for batch_no, seq in dict.fromkeys(lines):
            state = _load(connection, programme, batch_no, seq).state
            if state not in _ACTS:
                raise RecoveryRefused("line", message(_ELSE[new], batch=batch_no[:64], line=seq))
            if state != new:
                found.append((batch_no, seq))
        if found:
            content = [programme.code, *(_next_id(connection, which, new) for which in sorted(found))]
            approved.ask(books, connection, _ACTS[new], programme.code, content, needed=programme.approvals)
        for which in found:
            if new is LineState.RETURNED:
                from_fund(books, connection, programme, which, approved.on)
            else:
                to_fund(books, connection, programme, which, approved.on, new)
    return len(found)


def _load(connection: sa.Connection, programme: Programme, batch_no: str, seq: int) -> Any:
    line, batch = schema.payout_line.c, schema.payout_batch.c
    query = sa.select(line.state, batch.programme).join_from(
        schema.payout_line, schema.payout_batch, batch.batch_no == line.batch_no
    )
    row = connection.execute(query.where(line.batch_no == batch_no, line.seq == seq)).one_or_none()
    if row is None:
        raise RecoveryRefused("line", message("payout.returned.no_line", batch=batch_no[:64], line=seq))
    if row.programme != programme.code:
        raise RecoveryRefused("programme", message("payout.returned.programme", programme=row.programme))
    return row


def to_fund(
    books: Books, connection: sa.Connection, programme: Programme, which: tuple[str, int], on: date, state: LineState
) -> None:
    """A returned line's money goes back to the fund; ``state`` is CANCELLED or STOPPED."""
    _move(books, connection, programme, which, on, state)


def from_fund(books: Books, connection: sa.Connection, programme: Programme, which: tuple[str, int], on: date) -> None:
    """A line whose money went back to the fund is payable again; its roll, if closed, is open again.

    Raises:
        FundsShort: the fund does not hold the sum.
    """
    _move(books, connection, programme, which, on, LineState.RETURNED)
    line, roll = schema.payout_line.c, schema.payout_roll
    of_line = sa.select(line.roll_id).where(line.batch_no == which[0], line.seq == which[1]).scalar_subquery()
    closed = sa.and_(roll.c.roll_id == of_line, roll.c.state == int(RollState.CLOSED))
    connection.execute(sa.update(roll).where(closed).values(state=int(RollState.RELEASED), closed_on=None))


def _move(
    books: Books, connection: sa.Connection, programme: Programme, which: tuple[str, int], on: date, state: LineState
) -> None:
    batch_no, seq = which
    line = schema.payout_line
    mine = sa.and_(line.c.batch_no == batch_no, line.c.seq == seq)
    fen = int(connection.execute(sa.select(line.c.amount_fen).where(mine)).scalar_one())
    payable, fund = payable_account(batch_no), programme.fund_account
    back = state is LineState.RETURNED
    debit, credit = (fund, payable) if back else (payable, fund)
    code = "payout.taken_up" if back else "payout.cancelled"
    name = _next_id(connection, which, state)
    if back and books.ledger.balance(fund, connection).available_fen < fen:
        raise FundsShort(message("payout.funds_short", account=fund, amount=yuan(fen)), step="payout", term="资金不足")
    post(books.ledger, connection, [Transfer(name, debit, credit, fen, code, timestamp(on))])
    connection.execute(sa.update(line).where(mine).values(state=int(state)))


def _next_id(connection: sa.Connection, which: tuple[str, int], new: LineState) -> str:
    """A transfer id not used yet: a line may be given up and taken up more than once."""
    stem = f"payout:{which[0]}:{which[1]}:{'taken_up' if new is LineState.RETURNED else 'cancel'}"
    transfer, n = schema.transfer.c, 1
    while connection.execute(sa.select(transfer.transfer_id).where(transfer.transfer_id == f"{stem}:{n}")).first():
        n += 1
    return f"{stem}:{n}"
