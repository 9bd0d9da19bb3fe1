"""Premiums: agent banks, bills that replace others, the card that paid: schema version 3.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UNIQUE = "premium_bill_period_insurance_id_number_key"  # as PostgreSQL calls it; SQLite's has no name


def upgrade() -> None:
    _bills()
    op.add_column("premium_payment", sa.Column("card_no", sa.String(length=9), nullable=True))
    op.create_table(
        "premium_batch",
        sa.Column("batch_no", sa.String(length=64), nullable=False),
        sa.Column("bank", sa.String(length=3), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("sent_on", sa.String(length=10), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("answer_sha256", sa.String(length=64), nullable=True),
        sa.Column("answered_on", sa.String(length=10), nullable=True),
        sa.PrimaryKeyConstraint("batch_no"),
    )
    op.create_index("premium_batch_by_period", "premium_batch", ["bank", "period"], unique=False)
    op.create_table(
        "premium_batch_line",
        sa.Column("batch_no", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bill_no", sa.String(length=128), nullable=False),
        sa.Column("account_no", sa.String(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("trace_no", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["batch_no"], ["premium_batch.batch_no"]),
        sa.ForeignKeyConstraint(["bill_no"], ["premium_bill.bill_no"]),
        sa.PrimaryKeyConstraint("batch_no", "seq"),
    )
    op.create_index("premium_batch_line_by_bill", "premium_batch_line", ["bill_no"], unique=False)
    _partial("premium_batch_line_claim", "premium_batch_line", ["bill_no"], "state < 20", unique=True)
    op.create_table(
        "premium_suspended",
        sa.Column("payment_id", sa.String(length=128), nullable=False),
        sa.Column("batch_no", sa.String(length=64), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("bill_no", sa.String(), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("left_fen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["batch_no"], ["premium_batch.batch_no"]),
        sa.PrimaryKeyConstraint("payment_id"),
    )
    _partial("premium_suspended_left", "premium_suspended", ["batch_no"], "left_fen > 0", unique=False)


def _bills() -> None:
    """A cancelled bill, or one given back, may be followed by another for the same person and period."""
    if op.get_bind().dialect.name == "sqlite":  # which cannot drop a constraint: the table is made anew
        naming = {"uq": "%(table_name)s_%(column_0_N_name)s_key"}
        with op.batch_alter_table("premium_bill", recreate="always", naming_convention=naming) as batch:
            batch.drop_constraint(_UNIQUE, type_="unique")
            batch.add_column(sa.Column("replaces", sa.String(length=128), nullable=True))
            batch.add_column(sa.Column("reason", sa.String(), nullable=True))
    else:
        op.drop_constraint(_UNIQUE, "premium_bill", type_="unique")
        op.add_column("premium_bill", sa.Column("replaces", sa.String(length=128), nullable=True))
        op.add_column("premium_bill", sa.Column("reason", sa.String(), nullable=True))
    op.create_index("premium_bill_by_person", "premium_bill", ["id_number", "period"], unique=False)
    _partial("premium_bill_live", "premium_bill", ["period", "insurance", "id_number"], "state < 30", unique=True)


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
