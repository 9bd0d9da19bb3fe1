"""What is known of a payee beside the registry: life, account, suspension (暂停发放) and death."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.payout import approval, checks, recovery, rolls
from sbcard_core.payout.lines import Books, RollLine
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.states import HELD_ITEM, LineState, RecoveryMode, RollLineState, RollState
from sbcard_core.store import schema
from sbcard_core.values import CardState, LifeStatus

_DATED = re.compile("[0-9]{4}(-[0-9]{2})?")


@dataclass(frozen=True, slots=True)
class Standing:
    """What the caller hands in about one person; it holds until told otherwise.

    Attributes:
        id_number: social security number.
        living: AAC060.
        died_on: day of death, where it is known.
        bank, account_no, account_state: an account to be paid instead of the registry's cards; all or none.
    """

    id_number: str = field(repr=False)
    living: LifeStatus = LifeStatus.NORMAL
    died_on: date | None = None
    bank: str | None = None
    account_no: str | None = field(default=None, repr=False)
    account_state: CardState | None = None


def find(connection: sa.Connection, id_number: str) -> int:
    """The registry's number of a person.

    Raises:
        InvalidValue: nobody has this social security number.
    """
    person = schema.person.c
    found = connection.execute(sa.select(person.person_id).where(person.id_number == id_number)).scalar()
    if found is None:
        raise InvalidValue("nobody has this social security number", step="payout", term="查无此人")
    return int(found)


def tell(books: Books, standings: Iterable[Standing], on: date) -> int:
    """Store what is told and return how many; all or none.

    Raises:
        InvalidValue: unknown person, half an account, or a death after ``on``.
    """
    table, count = schema.payout_standing, 0
    with books.writing() as connection:
        for one in standings:
            if one.died_on is not None and checks.day(one.died_on, "died_on") > on:
                what = f"the death on {one.died_on} is after the day it is told on, {on}"
                raise InvalidValue(what, step="payout.tell", term="死亡日期", advice="check both days")
            account = (one.bank, one.account_no, one.account_state)
            if any(part is None for part in account) and any(part is not None for part in account):
                raise InvalidValue("an account has bank, number and state", step="payout.tell", term="账户状态")
            if one.account_no is not None and (not one.account_no or set(one.account_no) & set("|\r\n\0")):
                raise InvalidValue("an account number is unusable", step="payout.tell", term="账号")
            person_id = find(connection, one.id_number)
            connection.execute(sa.delete(table).where(table.c.person_id == person_id))
            values = {
                "person_id": person_id,
                "living": int(one.living),
                "died_on": None if one.died_on is None else one.died_on.isoformat(),
                "bank": one.bank,
                "account_no": one.account_no,
                "account_state": None if one.account_state is None else int(one.account_state),
                "told_on": on.isoformat(),
            }
            connection.execute(sa.insert(table).values(values))
            count += 1
    return count


def _account_told(connection: sa.Connection, id_number: str) -> tuple[str | None, str | None, CardState | None]:
    told = schema.payout_standing.c
    query = sa.select(told.bank, told.account_no, told.account_state)
    row = connection.execute(query.where(told.person_id == find(connection, id_number))).one_or_none()
    if row is None or row[2] is None:
        return None, None, None
    return row[0], row[1], CardState(row[2])


def suspend(books: Books, programme: Programme, id_number: str, since: str, reason: str, on: date) -> None:
    """Hold the period's due from ``since`` on, in rolls drafted from now; a running suspension stays as it is."""
    hold = schema.payout_hold
    with books.writing() as connection:
        person_id = find(connection, id_number)
        mine = sa.and_(hold.c.person_id == person_id, hold.c.programme == programme.code, hold.c.until.is_(None))
        if connection.execute(sa.select(hold.c.hold_id).where(mine)).first() is None:
            row = {"person_id": person_id, "programme": programme.code, "since": since, "reason": reason}
            connection.execute(sa.insert(hold).values({**row, "on_date": on.isoformat()}))


def resume(books: Books, programme: Programme, id_number: str, since: str) -> int:
    """Pay again from period ``since`` on; returns how many suspensions ended."""
    hold = schema.payout_hold
    with books.writing() as connection:
        person_id = find(connection, id_number)
        mine = sa.and_(hold.c.person_id == person_id, hold.c.programme == programme.code, hold.c.until.is_(None))
        return int(connection.execute(sa.update(hold).where(mine).values(until=since)).rowcount)


def held(books: Books, programme: Programme, id_number: str | None = None) -> Iterator[RollLine]:
    """Back payments (补发) due for suspended periods of people no longer suspended; put them on a later roll.

    A line for an item (back pay that came while they were suspended) is due again under its own item. What is on a
    roll already is left out, and a roll refuses it a second time.
    """
    line, roll = schema.payout_roll_line.c, schema.payout_roll.c
    person, hold = schema.person.c, schema.payout_hold.c
    running = sa.exists().where(
        hold.person_id == line.person_id, hold.programme == programme.code, hold.until.is_(None)
    )
    later, roll_alias = schema.payout_roll_line.alias("later"), schema.payout_roll.alias("later_roll")
    item = sa.case((line.item == "", sa.literal(HELD_ITEM) + roll.period), else_=line.item)
    paid = sa.exists().where(
        later.c.person_id == line.person_id,
        later.c.item == item,
        later.c.item != "",
        later.c.state < 50,
        later.c.state != int(RollLineState.HELD),
        later.c.roll_id.in_(sa.select(roll_alias.c.roll_id).where(roll_alias.c.programme == programme.code)),
    )
    query = (
        sa.select(person.id_number, person.name, line.gross_fen, line.household, item, line.area)
        .join_from(schema.payout_roll_line, schema.payout_roll, roll.roll_id == line.roll_id)
        .join(schema.person, person.person_id == line.person_id)
        .where(roll.programme == programme.code, line.state == int(RollLineState.HELD), ~running, ~paid)
        .order_by(roll.period, line.roll_id, line.line)
    )
    if id_number is not None:
        query = query.where(person.id_number == id_number)
    with books.store.begin() as connection:
        rows = connection.execute(query).all()
    told = set()  # who was suspended twice may have waited with the same item on two rolls
    for number, name, gross_fen, household, what, area in rows:
        if (number, what) not in told:
            told.add((number, what))
            yield RollLine(number, name, gross_fen, "", household, what, area)


@dataclass(frozen=True, slots=True)
class DeathReport:
    """What a death did: lines taken off rolls, returned lines given up, recoveries opened, lines still at a bank."""

    removed: int = 0
    cancelled: int = 0
    recoveries: tuple[str, ...] = ()
    at_bank: int = 0


def death(books: Books, known: dict[str, Programme], id_number: str, died_on: date, on: date) -> DeathReport:
    """Stop and recover what a person is not due after death.

    Lines of later periods leave rolls not yet released; returned ones are given up, their money goes back to the
    fund; paid ones become recoveries through the bank (id ``death:<batch>:<seq>``), but for back pay of a period
    that was due: its item ends with the period, ``held:2014-05``. Lines a bank has not answered can't be stopped
    here: call it again when the answer has come.

    Raises:
        InvalidValue: unknown person, or a death after ``on``.
    """
    checks.day(died_on, "died_on")
    with books.store.begin() as connection:
        account = _account_told(connection, id_number)  # what is still due, the month of death, goes there
    tell(books, [Standing(id_number, LifeStatus.DEAD, died_on, *account)], on)
    removed = 0
    with books.writing() as connection:
        person_id = find(connection, id_number)
        for roll_no, code, period, number in connection.execute(_waiting(person_id)).all():
            programme = known.get(code)
            if programme is not None and _is_after(programme, period, died_on):
                approval.take_out(books, connection, programme, rolls.load(connection, roll_no), [number], "death")
                removed += 1
        rows_sent = connection.execute(_sent(person_id)).all()
        rows = [
            (known[row[0]], *row[2:5], recovery.claimable(connection, row[2], row[3], row[5]))
            for row in rows_sent
            if row[0] in known and _is_after(known[row[0]], _paid_for(row[6], row[1], row[4]), died_on)
        ]
    cancelled, opened, at_bank = 0, [], 0
    for programme, batch_no, seq, state, claim_fen in rows:
        if state == LineState.RETURNED:
            cancelled += recovery.cancel(books, programme, [(batch_no, seq)], on)
        elif state in (LineState.SENT, LineState.UNKNOWN):
            at_bank += 1
        elif state == LineState.PAID and claim_fen:
            order = recovery.Recovery(
                *(f"death:{batch_no}:{seq}", batch_no, seq, claim_fen, RecoveryMode.RETURN, 0, "death", on),
            )
            opened.append(recovery.recover(books, order))
    return DeathReport(removed, cancelled, tuple(opened), at_bank)


def _waiting(person_id: int) -> sa.Select[Any]:
    line, roll = schema.payout_roll_line.c, schema.payout_roll.c
    return (
        sa.select(roll.roll_no, roll.programme, roll.period, line.line)
        .join_from(schema.payout_roll, schema.payout_roll_line, line.roll_id == roll.roll_id)
        .where(line.run_id == roll.run_id, line.person_id == person_id, line.state < 50)
        .where(roll.state < int(RollState.RELEASING))
    )


def _sent(person_id: int) -> sa.Select[Any]:
    """Every sent line of a person, found by the claims: a few index look-ups per run."""
    claim, roll = schema.payout_roll_line.c, schema.payout_roll.c
    line, batch = schema.payout_line.c, schema.payout_batch.c
    return (
        sa.select(batch.programme, batch.period, line.batch_no, line.seq, line.state, line.amount_fen, claim.item)
        .join_from(schema.payout_roll, schema.payout_roll_line, claim.run_id == roll.run_id)
        .join(schema.payout_line, sa.and_(line.roll_id == claim.roll_id, line.roll_line == claim.line))
        .join(schema.payout_batch, batch.batch_no == line.batch_no)
        .where(claim.roll_id == roll.roll_id, claim.person_id == person_id, claim.state < 50)
        .order_by(line.batch_no, line.seq)
    )


@dataclass(frozen=True, slots=True)
class Payment:
    """One line sent to a bank for a person; ``claimable_fen`` of a paid one is not under recovery yet."""

    programme: str
    period: str
    batch_no: str
    seq: int
    state: LineState
    amount_fen: int
    claimable_fen: int


def payments(books: Books, id_number: str) -> list[Payment]:
    """Every line sent for a person, in the order of programme and period.

    Raises:
        InvalidValue: nobody has this social security number.
    """
    with books.store.begin() as connection:
        found = []
        for code, period, batch_no, seq, state, fen, _ in connection.execute(_sent(find(connection, id_number))).all():
            open_fen = recovery.claimable(connection, batch_no, seq, fen) if state == LineState.PAID else 0
            found.append(Payment(code, period, batch_no, seq, LineState(state), fen, open_fen))
    return sorted(found, key=lambda one: (one.programme, one.period, one.batch_no, one.seq))


def _paid_for(item: str, period: str, state: int) -> str:
    """The period a line is for: back pay that has reached the person is for the one its item names."""
    named = item.rpartition(":")[2]
    return named if state != LineState.RETURNED and _DATED.fullmatch(named) else period


def _is_after(programme: Programme, period: str, died_on: date) -> bool:
    """Whether a period begins after the death; of periods not written YYYY or YYYY-MM every one does."""
    day = died_on.isoformat()
    if _DATED.fullmatch(period) is None:
        return True
    return period > day[: len(period)] or (period == day[: len(period)] and not programme.pays_month_of_death)
