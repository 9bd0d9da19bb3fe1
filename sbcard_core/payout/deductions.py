"""Keeping back a part of a roll line for an overpayment (抵扣): entries of a recovery, one per roll line."""

from collections.abc import Iterable
from datetime import date

import sqlalchemy as sa

from sbcard_core.payout import rolls
from sbcard_core.payout.states import RecoveryMode, RecoverySource, RollLineState, RollState
from sbcard_core.store import insert_many, schema, update_many

ENTRY_COLUMNS = ("recovery_id", "reference", "amount_fen", "on_date", "source")


def reference(roll_no: str, line: int) -> str:
    """What names a roll line as the source of a deduction."""
    return f"{roll_no}:{line}"


def counted_fen() -> "sa.ScalarSelect[int]":
    """What counts as come back of one row of payout_recovery, as a subquery correlated to it."""
    entry = schema.payout_recovery_entry.c
    mine = sa.and_(entry.recovery_id == schema.payout_recovery.c.recovery_id, entry.undone_on.is_(None))
    return sa.select(sa.func.coalesce(sa.func.sum(entry.amount_fen), 0)).where(mine).scalar_subquery()


def keep_back(connection: sa.Connection, programme: str, roll: rolls.Roll, on: date) -> None:
    """Cut the period's due of everyone who owes under a deduction plan; the rest of the line is sent."""
    recovery, line = schema.payout_recovery.c, schema.payout_roll_line.c
    open_fen = recovery.amount_fen - counted_fen()
    query = (
        sa.select(recovery.recovery_id, open_fen, recovery.monthly_fen, line.line, line.gross_fen)
        .join_from(schema.payout_recovery, schema.payout_roll_line, line.person_id == recovery.person_id)
        .where(recovery.programme == programme, recovery.mode == int(RecoveryMode.DEDUCTION))
        .where(recovery.withdrawn_on.is_(None))
        .where(line.run_id == roll.run_id, line.roll_id == roll.roll_id, line.item == "")
        .where(line.state < 50, line.state == int(RollLineState.READY))
        .order_by(line.line, recovery.opened_on, recovery.recovery_id)
    )
    entries: list[tuple[str, str, int, str, int]] = []
    cut: dict[int, int] = {}
    whole: dict[int, int] = {}
    for recovery_id, left_fen, monthly_fen, number, gross_fen in connection.execute(query).all():
        whole[number] = gross_fen
        part = min(int(left_fen), monthly_fen, gross_fen - cut.get(number, 0))
        if part > 0:
            cut[number] = cut.get(number, 0) + part
            kept = int(RecoverySource.DEDUCTION)
            entries.append((recovery_id, reference(roll.roll_no, number), part, on.isoformat(), kept))
    ready, gone = int(RollLineState.READY), int(RollLineState.DEDUCTED)
    rows = [(fen, gone if fen == whole[n] else ready, roll.roll_id, n) for n, fen in cut.items()]
    insert_many(connection, schema.payout_recovery_entry, ENTRY_COLUMNS, entries)
    update_many(connection, schema.payout_roll_line, ("deducted_fen", "state"), ("roll_id", "line"), rows)


def give_back(connection: sa.Connection, roll: rolls.Roll, lines: Iterable[int]) -> None:
    """Undo the deductions of lines that are not paid after all."""
    entry = schema.payout_recovery_entry
    rows = [{"name": reference(roll.roll_no, line)} for line in lines]
    kept = sa.and_(entry.c.reference == sa.bindparam("name"), entry.c.source == int(RecoverySource.DEDUCTION))
    if rows:
        connection.execute(sa.delete(entry).where(kept), rows)


def lift(connection: sa.Connection, recovery_id: str) -> set[str]:
    """Pay in full again what rolls not yet released keep back for one recovery; returns these rolls."""
    entry, line, roll = schema.payout_recovery_entry, schema.payout_roll_line, schema.payout_roll.c
    kept = sa.and_(entry.c.recovery_id == recovery_id, entry.c.source == int(RecoverySource.DEDUCTION))
    lifted = set()
    for name, fen in connection.execute(sa.select(entry.c.reference, entry.c.amount_fen).where(kept)).all():
        roll_no, _, number = name.rpartition(":")
        waits = sa.select(roll.roll_id).where(roll.roll_no == roll_no, roll.state < int(RollState.RELEASING))
        roll_id = connection.execute(waits).scalar()
        if roll_id is not None:
            mine = sa.and_(line.c.roll_id == roll_id, line.c.line == int(number))
            ready = {"state": int(RollLineState.READY), "deducted_fen": line.c.deducted_fen - fen}
            connection.execute(sa.update(line).where(mine).values(ready))
            connection.execute(sa.delete(entry).where(kept, entry.c.reference == name))
            lifted.add(roll_no)
    return lifted


def undo(connection: sa.Connection, roll_no: str, line: int, on: date) -> None:
    """What was kept back from a released line counts no more: the line was not due, so nothing was kept back."""
    entry = schema.payout_recovery_entry
    mine = sa.and_(entry.c.reference == reference(roll_no, line), entry.c.source == int(RecoverySource.DEDUCTION))
    open_ = sa.and_(mine, entry.c.undone_on.is_(None))
    connection.execute(sa.update(entry).where(open_).values(undone_on=on.isoformat()))


def undone_fen(connection: sa.Connection, roll: rolls.Roll) -> int:
    """What was kept back from lines of a roll and counts no more."""
    entry, line = schema.payout_recovery_entry.c, schema.payout_roll_line.c
    name = sa.literal(f"{roll.roll_no}:") + sa.cast(line.line, sa.String)
    query = (
        sa.select(sa.func.coalesce(sa.func.sum(entry.amount_fen), 0))
        .join_from(schema.payout_roll_line, schema.payout_recovery_entry, entry.reference == name)
        .where(line.roll_id == roll.roll_id, line.deducted_fen > 0)
        .where(entry.source == int(RecoverySource.DEDUCTION), entry.undone_on.is_not(None))
    )
    return int(connection.execute(query).scalar_one())
