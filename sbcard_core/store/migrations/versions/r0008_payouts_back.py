"""Deaths as events, recoveries withdrawn and paid by heirs, suspensions by day: schema version 8.

Revision ID: 0008
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_PERIOD = re.compile("([0-9]{4})(?:-(?:([0-9]{2})|[Qq]([1-4])|[Hh]([12])))?")


def upgrade() -> None:
    op.create_table(
        "payout_death",
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("died_on", sa.String(length=10), nullable=True),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("on_date", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"]),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("payout_death_by_person", "payout_death", ["person_id"], unique=False)
    op.execute(
        "INSERT INTO payout_death (person_id, died_on, decision, on_date) "
        "SELECT person_id, died_on, '', told_on FROM payout_standing WHERE living = 2 AND died_on IS NOT NULL "
        "ORDER BY person_id"
    )
    removed = sa.text("state = 51")
    op.create_index(
        *("payout_roll_line_removed", "payout_roll_line", ["person_id"]),
        unique=False,
        sqlite_where=removed,
        postgresql_where=removed,
    )
    op.add_column("payout_recovery", sa.Column("withdrawn_on", sa.String(length=10), nullable=True))
    op.add_column("payout_recovery", sa.Column("decision", sa.String(), nullable=True))
    _entries()
    _holds()


def _entries() -> None:
    with op.batch_alter_table("payout_recovery_entry") as batch:
        batch.add_column(sa.Column("source", sa.SmallInteger(), nullable=True))
        batch.add_column(sa.Column("decision", sa.String(), nullable=True))
        batch.add_column(sa.Column("undone_on", sa.String(length=10), nullable=True))
    deduction = "recovery_id IN (SELECT recovery_id FROM payout_recovery WHERE mode = 1)"
    op.execute(f"UPDATE payout_recovery_entry SET source = CASE WHEN {deduction} THEN 1 ELSE 2 END")  # noqa: S608
    with op.batch_alter_table("payout_recovery_entry") as batch:
        batch.alter_column("source", existing_type=sa.SmallInteger(), nullable=False)
    op.create_index("payout_recovery_entry_by_reference", "payout_recovery_entry", ["reference"], unique=False)


def _holds() -> None:
    """Suspensions named periods: now their first day, so that a quarter and a month are ordered by time."""
    hold = sa.table("payout_hold", *(sa.column(name) for name in ("hold_id", "since", "until")))
    connection = op.get_bind()
    for hold_id, since, until in connection.execute(sa.select(hold.c.hold_id, hold.c.since, hold.c.until)).all():
        values = {"since": _begin(since), "until": None if until is None else _begin(until)}
        connection.execute(sa.update(hold).where(hold.c.hold_id == hold_id).values(values))
    with op.batch_alter_table("payout_hold") as batch:
        batch.alter_column("since", existing_type=sa.String(), type_=sa.String(length=10), existing_nullable=False)
        batch.alter_column("until", existing_type=sa.String(), type_=sa.String(length=10), existing_nullable=True)


def _begin(period: str) -> str:
    """The first day of a period; of a part of a year with another name, that of the year."""
    found = _PERIOD.fullmatch(period)
    if found is None:
        return f"{period[:4]}-01-01"
    year, month, quarter, half = found.groups()
    if quarter or half:
        month = f"{(int(quarter or half) - 1) * (3 if quarter else 6) + 1:02d}"
    return f"{year}-{month or '01'}-01"
