"""Clearing's suspense with every verdict, and look-ups by told account and by time of settlement: schema version 7.

Lines that clearing had put in suspense are taken from its findings and lie there still: until now nothing left it. A
line that did not hold its terminal's serial number is taken without its terminal; it is read again with its journal.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATUS = {
    "journal.malformed": 1,
    "journal.unsupported": 2,
    "journal.factor_mismatch": 3,
    "tac.mismatch": 4,
    "journal.duplicate": 5,
}


def upgrade() -> None:
    op.create_table(
        "clearing_suspense",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("terminal_no", sa.String(length=12), nullable=False),
        sa.Column("terminal_txn_no", sa.BigInteger(), nullable=False),
        sa.Column("card_no", sa.String(length=9), nullable=False),
        sa.Column("offline_no", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(length=19), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "line"),
    )
    _partial("clearing_suspense_held", "clearing_suspense", ["source", "line"], "state = 0")
    op.create_table(
        "clearing_verdict",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("decided_on", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("source", "line", "number"),
    )
    whens = " ".join(f"WHEN '{code}' THEN {status}" for code, status in _STATUS.items())
    found = f"FROM finding f WHERE f.stage = 'clearing' AND CASE f.code {whens} ELSE 0 END > 0"
    op.execute(
        "INSERT INTO clearing_suspense (source, line, terminal_no, terminal_txn_no, card_no, offline_no, amount_fen, "
        "at, status, state) SELECT f.source, f.line, COALESCE(p.terminal_no, ''), COALESCE(p.terminal_txn_no, 0), "
        "COALESCE(p.card_no, ''), COALESCE(p.offline_no, 0), f.amount_fen, COALESCE(p.at, ''), "
        f"CASE f.code {whens} ELSE 0 END, 0 "
        + found.replace(
            "finding f", "finding f LEFT JOIN offline_purchase p ON p.source = f.source AND p.line = f.line"
        )
    )
    op.execute(
        "INSERT INTO clearing_verdict (source, line, number, status, decided_on, reason) SELECT f.source, f.line, 1, "
        f"CASE f.code {whens} ELSE 0 END, '', '' " + found
    )
    op.create_index("settlement_by_time", "settlement", ["at"], unique=False)
    _partial("payout_standing_by_account", "payout_standing", ["account_no"], "account_no IS NOT NULL")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
