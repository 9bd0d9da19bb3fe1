"""Releasing a roll: its funds checked and blocked, then one transaction and one file per batch."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from sbcard_core.fields import BankCode
from sbcard_core.ledger import AccountKind, Transfer, timestamp
from sbcard_core.messages import message
from sbcard_core.payout import rolls, rules
from sbcard_core.payout.approval import counted, last_act
from sbcard_core.payout.batches import Heading, take_up, write_next
from sbcard_core.payout.checks import yuan
from sbcard_core.payout.lines import Books, FundsShort, payable_account, post
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.rolls import Roll, RollRefused
from sbcard_core.payout.states import RollLineState, RollState
from sbcard_core.store import schema


@dataclass(frozen=True, slots=True)
class Release:
    """How a roll is released. The fund must have the whole sum available, however low its account may fall."""

    programme: Programme
    roll_no: str
    on: date
    out_dir: Path
    max_lines: int
    notice_over: bool = False


def release(books: Books, order: Release) -> list[str]:
    """Block the roll's money, then send it batch by batch; returns the batches made by this call.

    Called again after a crash, with the same folder, it goes on behind the last whole batch; a roll that is out stays
    as it is.

    Raises:
        RollRefused: ``state``, ``approval``, ``notice``, ``order``, ``stale`` (see ``PayoutEngine.stale``),
            ``digest``, or ``unusable``: a bank or account no file can carry; nothing changed.
        FundsShort: the fund does not hold the sum, what is held back in it not counted; nothing changed.
    """
    with books.writing() as connection:
        take_up(connection, order.out_dir)
        roll = rolls.load(connection, order.roll_no)
        if roll.state in (RollState.RELEASED, RollState.CLOSED):
            return []
        if roll.state is not RollState.RELEASING:
            _check(books, connection, order, roll)
            roll = _block(books, connection, order, roll)
        line = schema.payout_roll_line.c
        ready = sa.and_(line.roll_id == roll.roll_id, line.state == int(RollLineState.READY))
        query = sa.select(line.bank, sa.func.count()).where(ready).group_by(line.bank).order_by(line.bank)
        banks: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    day = max(order.on, date.fromisoformat(roll.pay_on))
    heading = Heading(order.programme, roll.period, 1, day, order.out_dir)
    made, done = [], 0
    for bank in banks:
        while (batch := write_next(books, heading, roll, bank, order.max_lines)) is not None:
            made.append(batch[0])
            done += batch[1]
            books.tell("release", done, sum(banks.values()))
    with books.writing() as connection:
        left = books.ledger.balances([payable_account(roll.roll_no)], connection)
        if any(balance.net_fen for balance in left.values()):
            raise RollRefused("blocked", message("payout.release.blocked", roll=roll.roll_no))
        if rolls.load(connection, roll.roll_no).state is RollState.RELEASING:  # else it was withdrawn meanwhile
            rolls.save(connection, roll, state=int(RollState.RELEASED))
    return made


def _check(books: Books, connection: sa.Connection, order: Release, roll: Roll) -> None:
    if roll.state is RollState.WITHDRAWN:
        raise RollRefused("state", message("payout.release.withdrawn", roll=roll.roll_no))
    needed = order.programme.approvals
    if len(counted(books, connection, roll)) < needed:
        raise RollRefused("approval", message("payout.release.approvals", roll=roll.roll_no, needed=needed))
    shown = roll.notice_until is not None and order.on.isoformat() > roll.notice_until
    if order.programme.notice_days and not order.notice_over and not shown:
        raise RollRefused("notice", message("payout.release.notice", roll=roll.roll_no))
    if order.on.isoformat() < (last := last_act(books, connection, roll)):
        raise RollRefused("order", message("payout.release.too_early", roll=roll.roll_no, on=order.on, last=last))
    if stale := rules.stale(connection, order.programme, books.payable(order.programme), roll):
        raise RollRefused("stale", message("payout.release.stale", roll=roll.roll_no, count=len(stale)))
    if rolls.digest(connection, roll) != roll.digest:
        raise RollRefused("digest", message("payout.release.digest", roll=roll.roll_no))


def _block(books: Books, connection: sa.Connection, order: Release, roll: Roll) -> Roll:
    line = schema.payout_roll_line.c
    ready = sa.and_(line.roll_id == roll.roll_id, line.state == int(RollLineState.READY))
    fen, part = line.gross_fen - line.deducted_fen, 1_000_000_000  # summed in two parts: no database overflows
    due = sa.select(sa.func.sum(fen // part), sa.func.sum(fen % part)).where(ready)
    high, low = connection.execute(due).one()
    total = int(high or 0) * part + int(low or 0)
    _check_banks(connection, roll, ready)
    programme, ledger = order.programme, books.ledger
    fund, payable = programme.fund_account, payable_account(roll.roll_no)
    ledger.open_accounts([(fund, programme.kind), (payable, AccountKind.PAYOUT_PAYABLE)], connection=connection)
    if ledger.balance(fund, connection).available_fen < total:
        what = message("payout.funds_short", account=fund, amount=yuan(total))
        raise FundsShort(what, step="payout.release", term="资金不足")
    if total:
        at = timestamp(order.on)
        move = Transfer(f"payout:{roll.roll_no}:block", fund, payable, total, "payout.block", at)
        post(ledger, connection, [move])
    return rolls.save(connection, roll, state=int(RollState.RELEASING), released_on=order.on.isoformat())


def _check_banks(connection: sa.Connection, roll: Roll, ready: sa.ColumnElement[bool]) -> None:
    """Every bank and account can stand in a bank file: found before the money is blocked, of older rolls too."""
    line = schema.payout_roll_line.c
    banks = connection.execute(sa.select(line.bank).where(ready).distinct()).scalars()
    bad = [bank for bank in banks if not BankCode.is_valid(bank)]
    odd = sa.or_(line.account_no.contains("|"), line.account_no == "", line.account_no.contains("\n"))
    numbers = sa.select(line.line).where(ready, sa.or_(line.bank.in_(bad), odd)).order_by(line.line).limit(20)
    if found := connection.execute(numbers).scalars().all():
        lines = ", ".join(str(number) for number in found)
        raise RollRefused("unusable", message("payout.release.unusable", roll=roll.roll_no, lines=lines))
