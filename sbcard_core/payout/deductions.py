"""Keeping back a part of a roll line for an overpayment (抵扣): entries of a recovery, one per roll line."""

from collections.abc import Iterable
from datetime import date

import sqlalchemy as sa

from sbcard_core.payout import rolls
from sbcard_core.payout.states import RecoveryMode, RollLineState
from sbcard_core.store import insert_many, schema, update_many

ENTRY_COLUMNS = ("recovery_id", "reference", "amount_fen", "on_date")


def reference(roll_no: str, line: int) -> str:
    """What names a roll line as the source of a deduction."""
    return f"{roll_no}:{line}"


def keep_back(connection: sa.Connection, programme: str, roll: rolls.Roll, on: date) -> None:
    """Cut the period's due of everyone who owes under a deduction plan; the rest of the line is sent."""
    recovery, entry, line = schema.payout_recovery.c, schema.payout_recovery_entry.c, schema.payout_roll_line.c
    back = (
        sa.select(sa.func.coalesce(sa.func.sum(entry.amount_fen), 0))
        .where(entry.recovery_id == recovery.recovery_id)
        .scalar_subquery()
    )
    query = (
        sa.select(recovery.recovery_id, recovery.amount_fen - back, recovery.monthly_fen, line.line, line.gross_fen)
        .join_from(schema.payout_recovery, schema.payout_roll_line, line.person_id == recovery.person_id)
        .where(recovery.programme == programme, recovery.mode == int(RecoveryMode.DEDUCTION))
        .where(line.run_id == roll.run_id, line.roll_id == roll.roll_id, line.item == "")
        .where(line.state < 50, line.state == int(RollLineState.READY))
        .order_by(line.line, recovery.opened_on, recovery.recovery_id)
    )
    entries: list[tuple[str, str, int, str]] = []
    cut: dict[int, int] = {}
    whole: dict[int, int] = {}
    for recovery_id, open_fen, monthly_fen, number, gross_fen in connection.execute(query).all():
        whole[number] = gross_fen
        part = min(int(open_fen), monthly_fen, gross_fen - cut.get(number, 0))
        if part > 0:
            cut[number] = cut.get(number, 0) + part
            entries.append((recovery_id, reference(roll.roll_no, number), part, on.isoformat()))
    ready, gone = int(RollLineState.READY), int(RollLineState.DEDUCTED)
    rows = [(fen, gone if fen == whole[n] else ready, roll.roll_id, n) for n, fen in cut.items()]
    insert_many(connection, schema.payout_recovery_entry, ENTRY_COLUMNS, entries)
    update_many(connection, schema.payout_roll_line, ("deducted_fen", "state"), ("roll_id", "line"), rows)


def give_back(connection: sa.Connection, roll: rolls.Roll, lines: Iterable[int]) -> None:
    """Undo the deductions of lines that are not paid after all."""
    entry = schema.payout_recovery_entry
    rows = [{"name": reference(roll.roll_no, line)} for line in lines]
    if rows:
        connection.execute(sa.delete(entry).where(entry.c.reference == sa.bindparam("name")), rows)
