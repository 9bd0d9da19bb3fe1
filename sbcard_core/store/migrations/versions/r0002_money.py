"""Holds, linked transfers, periods; payout rolls; billing by visit; premiums: schema version 2.

Revision ID: 0002
"""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_entry",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("at", sa.String(length=19), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "at", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "medical_reversal",
        sa.Column("omsgid", sa.String(), nullable=False),
        sa.Column("oinfno", sa.String(length=4), nullable=False),
        sa.Column("msgid", sa.String(), nullable=False),
        sa.Column("psn_no", sa.String(), nullable=False),
        sa.Column("at", sa.String(length=19), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("omsgid"),
    )
    op.create_table(
        "medical_year",
        sa.Column("psn_no", sa.String(), nullable=False),
        sa.Column("insutype", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("visits", sa.BigInteger(), nullable=False),
        sa.Column("deductible_fen", sa.BigInteger(), nullable=False),
        sa.Column("pool_base_fen", sa.BigInteger(), nullable=False),
        sa.Column("pool_paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("catastrophic_base_fen", sa.BigInteger(), nullable=False),
        sa.Column("cvlserv_fen", sa.BigInteger(), nullable=False),
        sa.Column("hifes_fen", sa.BigInteger(), nullable=False),
        sa.Column("maf_fen", sa.BigInteger(), nullable=False),
        sa.Column("oth_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("psn_no", "insutype", "year", "bucket"),
    )
    op.create_table(
        "payout_roll",
        sa.Column("roll_id", sa.Integer(), nullable=False),
        sa.Column("roll_no", sa.String(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("programme", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("source_sha256", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("drafted_by", sa.String(), nullable=False),
        sa.Column("drafted_on", sa.String(length=10), nullable=False),
        sa.Column("pay_on", sa.String(length=10), nullable=False),
        sa.Column("notice_from", sa.String(length=10), nullable=True),
        sa.Column("notice_until", sa.String(length=10), nullable=True),
        sa.Column("released_on", sa.String(length=10), nullable=True),
        sa.Column("closed_on", sa.String(length=10), nullable=True),
        sa.PrimaryKeyConstraint("roll_id"),
        sa.UniqueConstraint("roll_no"),
    )
    op.create_index("payout_roll_by_run", "payout_roll", ["programme", "period"], unique=False)
    op.create_table(
        "period_close",
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("closed_at", sa.String(length=19), nullable=False),
        sa.Column("transfers", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("period"),
    )
    op.create_table(
        "premium_bill",
        sa.Column("bill_no", sa.String(length=128), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("insurance", sa.String(), nullable=False),
        sa.Column("id_number", sa.String(length=18), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("category", sa.SmallInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("rate_since", sa.String(length=10), nullable=False),
        sa.Column("due_on", sa.String(length=10), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("issued_on", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("bill_no"),
        sa.UniqueConstraint("period", "insurance", "id_number"),
    )
    op.create_index("premium_bill_by_state", "premium_bill", ["state", "period", "due_on"], unique=False)
    op.create_table(
        "payout_approval",
        sa.Column("roll_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("on_date", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["roll_id"],
            ["payout_roll.roll_id"],
        ),
        sa.PrimaryKeyConstraint("roll_id", "digest", "officer"),
    )
    op.create_table(
        "payout_hold",
        sa.Column("hold_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("programme", sa.String(), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.Column("until", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("on_date", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.person_id"],
        ),
        sa.PrimaryKeyConstraint("hold_id"),
    )
    op.create_index("payout_hold_by_programme", "payout_hold", ["programme", "person_id"], unique=False)
    op.create_table(
        "payout_roll_line",
        sa.Column("roll_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("household", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("gross_fen", sa.BigInteger(), nullable=False),
        sa.Column("deducted_fen", sa.BigInteger(), nullable=False),
        sa.Column("bank", sa.String(length=3), nullable=False),
        sa.Column("account_no", sa.String(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.person_id"],
        ),
        sa.ForeignKeyConstraint(
            ["roll_id"],
            ["payout_roll.roll_id"],
        ),
        sa.PrimaryKeyConstraint("roll_id", "line"),
    )
    op.create_index(
        "payout_roll_line_claim",
        "payout_roll_line",
        ["run_id", "person_id", "item"],
        unique=True,
        sqlite_where=sa.text("state < 50"),
        postgresql_where=sa.text("state < 50"),
    )
    op.create_index(
        "payout_roll_line_held",
        "payout_roll_line",
        ["person_id"],
        unique=False,
        sqlite_where=sa.text("state = 12"),
        postgresql_where=sa.text("state = 12"),
    )
    op.create_index(
        "payout_roll_line_household",
        "payout_roll_line",
        ["run_id", "household", "item"],
        unique=True,
        sqlite_where=sa.text("state < 50 AND household <> ''"),
        postgresql_where=sa.text("state < 50 AND household <> ''"),
    )
    op.create_index(
        "payout_roll_line_item",
        "payout_roll_line",
        ["person_id", "item"],
        unique=False,
        sqlite_where=sa.text("item <> ''"),
        postgresql_where=sa.text("item <> ''"),
    )
    op.create_table(
        "payout_standing",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("living", sa.SmallInteger(), nullable=False),
        sa.Column("died_on", sa.String(length=10), nullable=True),
        sa.Column("bank", sa.String(length=3), nullable=True),
        sa.Column("account_no", sa.String(), nullable=True),
        sa.Column("account_state", sa.SmallInteger(), nullable=True),
        sa.Column("told_on", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.person_id"],
        ),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_table(
        "premium_payment",
        sa.Column("payment_id", sa.String(length=128), nullable=False),
        sa.Column("bill_no", sa.String(length=128), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("at", sa.String(length=19), nullable=False),
        sa.Column("refunded", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_no"],
            ["premium_bill.bill_no"],
        ),
        sa.PrimaryKeyConstraint("payment_id"),
        sa.UniqueConstraint("bill_no"),
    )
    op.create_table(
        "hold",
        sa.Column("transfer_id", sa.String(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("expires_at", sa.String(length=19), nullable=False),
        sa.Column("closed_at", sa.String(length=19), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["transfer_id"],
            ["transfer.transfer_id"],
        ),
        sa.PrimaryKeyConstraint("transfer_id"),
    )
    op.create_index("hold_by_state", "hold", ["state", "expires_at"], unique=False)
    op.create_table(
        "payout_answer",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("batch_no", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("read_on", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_no"],
            ["payout_batch.batch_no"],
        ),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "payout_objection",
        sa.Column("roll_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("raised_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("on_date", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["roll_id", "line"],
            ["payout_roll_line.roll_id", "payout_roll_line.line"],
        ),
        sa.PrimaryKeyConstraint("roll_id", "line"),
    )
    op.create_table(
        "premium_refund",
        sa.Column("refund_id", sa.String(length=128), nullable=False),
        sa.Column("payment_id", sa.String(length=128), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(length=19), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["premium_payment.payment_id"],
        ),
        sa.PrimaryKeyConstraint("refund_id"),
    )
    op.create_table(
        "payout_recovery",
        sa.Column("recovery_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("programme", sa.String(), nullable=False),
        sa.Column("batch_no", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("mode", sa.SmallInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("monthly_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("opened_on", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_no", "seq"],
            ["payout_line.batch_no", "payout_line.seq"],
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.person_id"],
        ),
        sa.PrimaryKeyConstraint("recovery_id"),
    )
    op.create_index("payout_recovery_by_line", "payout_recovery", ["batch_no", "seq"], unique=False)
    op.create_index("payout_recovery_by_programme", "payout_recovery", ["programme", "mode"], unique=False)
    op.create_table(
        "payout_recovery_entry",
        sa.Column("recovery_id", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("on_date", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["recovery_id"],
            ["payout_recovery.recovery_id"],
        ),
        sa.PrimaryKeyConstraint("recovery_id", "reference"),
    )
    _changed_tables()


def _changed_tables() -> None:
    op.add_column("account", sa.Column("debits_pending_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("account", sa.Column("credits_pending_fen", sa.BigInteger(), server_default="0", nullable=False))
    _payout_batch_and_settlement()
    op.create_index("payout_batch_by_roll", "payout_batch", ["roll_id", "bank"], unique=False)
    op.create_index("payout_batch_by_run", "payout_batch", ["programme", "period"], unique=False)
    op.add_column("payout_line", sa.Column("roll_id", sa.Integer(), nullable=True))
    op.add_column("payout_line", sa.Column("roll_line", sa.Integer(), nullable=True))
    op.drop_index(op.f("payout_line_by_person"), table_name="payout_line")
    op.create_index("payout_line_by_roll", "payout_line", ["roll_id", "roll_line"], unique=False)
    op.create_index(
        "payout_line_open",
        "payout_line",
        ["state", "batch_no"],
        unique=False,
        sqlite_where=sa.text("state IN (21, 30)"),
        postgresql_where=sa.text("state IN (21, 30)"),
    )
    op.create_index("settlement_by_hospital", "settlement", ["hospital", "at"], unique=False)
    op.create_index(
        "settlement_by_reversed",
        "settlement",
        ["reverses"],
        unique=False,
        sqlite_where=sa.text("reverses IS NOT NULL"),
        postgresql_where=sa.text("reverses IS NOT NULL"),
    )
    op.add_column("transfer", sa.Column("flags", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("transfer", sa.Column("pending_id", sa.String(), server_default="", nullable=False))
    op.add_column("transfer", sa.Column("timeout_s", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index(
        "transfer_by_pending",
        "transfer",
        ["pending_id"],
        unique=True,
        sqlite_where=sa.text("pending_id <> ''"),
        postgresql_where=sa.text("pending_id <> ''"),
    )


def _payout_batch_and_settlement() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"  # which cannot change a column: the table is made anew
    recreate: Literal["always", "never"] = "always" if is_sqlite else "never"
    with op.batch_alter_table("payout_batch", recreate=recreate) as batch:
        batch.add_column(sa.Column("roll_id", sa.Integer(), nullable=True))
        batch.create_foreign_key("payout_batch_roll_id_fkey", "payout_roll", ["roll_id"], ["roll_id"])
        batch.add_column(sa.Column("last_line", sa.Integer(), nullable=True))
    # Settlements of before know nothing of these: empty is "not recorded"; the year is that of the visit's end.
    unknown = {"psn_no": "", "insutype": "", "bucket": "", "clr_type": "", "setl_optins": "", "bill": ""}
    with op.batch_alter_table("settlement", recreate=recreate) as batch:
        for name in ("psn_no", "insutype", "year", "bucket", "clr_type", "setl_optins", "reverses", "bill"):
            kind = sa.Integer() if name == "year" else sa.String(2 if name == "clr_type" else None)
            batch.add_column(sa.Column(name, kind, nullable=True))
    settlement = sa.table("settlement", sa.column("at"), sa.column("year"), *map(sa.column, unknown))
    op.execute(settlement.update().values(year=sa.cast(sa.func.substr(settlement.c.at, 1, 4), sa.Integer), **unknown))
    with op.batch_alter_table("settlement", recreate=recreate) as batch:
        for name in (*unknown, "year"):
            batch.alter_column(name, nullable=False)
