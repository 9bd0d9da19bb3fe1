"""Back payments (补发): what is due once more, as lines for the next roll.

Two things are: lines held while a person was suspended, or taken out for a death that was withdrawn; and what a
recovery took that it should not have taken.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from sbcard_core.payout.checks import stored_period
from sbcard_core.payout.due import death_of, is_due, period_of
from sbcard_core.payout.lines import Books, RollLine
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.states import BACK_ITEM, HELD_ITEM, RecoverySource, RollLineState, RollState
from sbcard_core.store import schema


def held(books: Books, programme: Programme, id_number: str | None = None) -> Iterator[RollLine]:
    """Back payments due to people who are not suspended; put them on a later roll.

    A line for an item (back pay that came while they were suspended) is due again under its own item. What is on a
    roll already is left out, and a roll refuses it a second time. Periods after a death are not due.
    """
    with books.store.begin() as connection:
        rows = _held_lines(connection, programme, id_number) + _taken_back(connection, programme, id_number)
        found, seen = [], set()  # who was suspended twice may have waited with the same item on two rolls
        for person_id, number, name, fen, household, item, area, period in rows:
            is_dead, died_on = death_of(connection, person_id)
            due = not is_dead or (died_on is not None and is_due(programme, period_of(item, period), died_on))
            if due and (number, item) not in seen:
                seen.add((number, item))
                found.append(RollLine(number, name, fen, "", household, item, area))
    yield from found


def _held_lines(connection: sa.Connection, programme: Programme, id_number: str | None) -> list[Any]:
    line, roll, person = schema.payout_roll_line.c, schema.payout_roll.c, schema.person.c
    item = sa.case((line.item == "", sa.literal(HELD_ITEM) + roll.period), else_=line.item)
    query = (
        sa.select(
            *(line.person_id, person.id_number, person.name, line.gross_fen, line.household, item, line.area),
            roll.period,
        )
        .join_from(schema.payout_roll_line, schema.payout_roll, roll.roll_id == line.roll_id)
        .join(schema.person, person.person_id == line.person_id)
        .where(roll.programme == programme.code, line.state == int(RollLineState.HELD))
        .where(~_running(programme, line.person_id), ~_on_a_roll(programme, line.person_id, item))
        .order_by(roll.period, line.roll_id, line.line)
    )
    if id_number is not None:
        query = query.where(person.id_number == id_number)
    return list(connection.execute(query).all())


def _taken_back(connection: sa.Connection, programme: Programme, id_number: str | None) -> list[Any]:
    """Parts of recoveries that count no more: each for the period of the line it was taken from."""
    recovery, entry, person = schema.payout_recovery.c, schema.payout_recovery_entry.c, schema.person.c
    query = (
        sa.select(
            *(recovery.person_id, person.id_number, person.name, recovery.recovery_id, entry.reference),
            *(entry.amount_fen, entry.source, recovery.batch_no, recovery.seq),
        )
        .join_from(schema.payout_recovery_entry, schema.payout_recovery, entry.recovery_id == recovery.recovery_id)
        .join(schema.person, person.person_id == recovery.person_id)
        .where(recovery.programme == programme.code, entry.undone_on.is_not(None))
        .where(~_running(programme, recovery.person_id))
        .order_by(entry.on_date, recovery.recovery_id, entry.reference)
    )
    if id_number is not None:
        query = query.where(person.id_number == id_number)
    rows = []
    for row in connection.execute(query).all():
        household, area, period, state = _origin(connection, row)
        if row.source == RecoverySource.DEDUCTION and state == RollState.RELEASING:
            continue  # its line may still be withdrawn, and is then due whole on another roll
        mark = sha256(f"{len(row.recovery_id)}:{row.recovery_id}:{row.reference}".encode()).hexdigest()[:16]
        item = f"{BACK_ITEM}{mark}:{period}"
        there = sa.select(sa.literal(1)).where(_on_a_roll(programme, sa.literal(row.person_id), sa.literal(item)))
        if connection.execute(there).first() is None:
            rows.append((row.person_id, row.id_number, row.name, row.amount_fen, household, item, area, str(period)))
    return rows


def _origin(connection: sa.Connection, row: Any) -> tuple[str, str, str, int]:
    """Household, area and period of the roll line from which a part of a recovery was taken; state of its roll."""
    line, roll, sent = schema.payout_roll_line.c, schema.payout_roll.c, schema.payout_line.c
    query = sa.select(line.household, line.area, line.item, roll.period, roll.state).join_from(
        schema.payout_roll_line, schema.payout_roll, roll.roll_id == line.roll_id
    )
    if row.source == RecoverySource.DEDUCTION:
        roll_no, _, number = row.reference.rpartition(":")
        query = query.where(roll.roll_no == roll_no, line.line == int(number))
    else:
        query = query.join(schema.payout_line, sa.and_(sent.roll_id == line.roll_id, sent.roll_line == line.line))
        query = query.where(sent.batch_no == row.batch_no, sent.seq == row.seq)
    found = connection.execute(query).one_or_none()
    if found is None:  # a line of the first version, which knew no rolls
        batch = schema.payout_batch.c
        of_batch = sa.select(batch.period).where(batch.batch_no == row.batch_no)
        return "", "", stored_period(connection.execute(of_batch).scalar_one()), int(RollState.RELEASED)
    household, area, item, period, state = found
    return household, area, period_of(item, period), state


def _running(programme: Programme, person_id: Any) -> Any:
    hold = schema.payout_hold.c
    return sa.exists().where(hold.person_id == person_id, hold.programme == programme.code, hold.until.is_(None))


def _on_a_roll(programme: Programme, person_id: Any, item: Any) -> Any:
    later, roll = schema.payout_roll_line.alias("later"), schema.payout_roll.alias("later_roll")
    return sa.exists().where(
        later.c.person_id == person_id,
        later.c.item == item,
        later.c.item != "",
        later.c.state < 50,
        later.c.state != int(RollLineState.HELD),
        later.c.roll_id.in_(sa.select(roll.c.roll_id).where(roll.c.programme == programme.code)),
    )
