"""Approvals of any act, with their proof: schema version 4.

What was approved by a typed name stays on record and counts no more: such a roll that is not released yet waits for its
officers again.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approval",
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("on_date", sa.String(length=10), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("proof", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", "digest", "officer"),
    )
    op.execute(
        "INSERT INTO approval (kind, subject, digest, officer, on_date, method, proof) "
        "SELECT 'payout.roll', r.roll_no, a.digest, a.officer, a.on_date, 'typed', '' "
        "FROM payout_approval a JOIN payout_roll r ON r.roll_id = a.roll_id"
    )
    waiting = "roll_id IN (SELECT roll_id FROM payout_approval)"
    op.execute(f"UPDATE payout_roll SET state = 10 WHERE state IN (20, 30) AND {waiting}")  # noqa: S608
    op.drop_table("payout_approval")
