"""The first schema: schema version 1.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("debits_fen", sa.BigInteger(), nullable=False),
        sa.Column("credits_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "collection_file",
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("city", sa.String(length=6), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("file"),
    )
    op.create_table(
        "finding",
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("disposition", sa.SmallInteger(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("finding_id"),
    )
    op.create_index("finding_by_stage", "finding", ["stage", "source"], unique=False)
    op.create_table(
        "offline_purchase",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("terminal_no", sa.String(length=12), nullable=False),
        sa.Column("terminal_txn_no", sa.BigInteger(), nullable=False),
        sa.Column("card_no", sa.String(length=9), nullable=False),
        sa.Column("offline_no", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(length=19), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "line"),
        sa.UniqueConstraint("terminal_no", "terminal_txn_no"),
    )
    op.create_table(
        "opening_batch",
        sa.Column("batch_no", sa.String(), nullable=False),
        sa.Column("bank", sa.String(length=3), nullable=False),
        sa.Column("city", sa.String(length=6), nullable=False),
        sa.Column("received_on", sa.String(length=10), nullable=False),
        sa.Column("due_on", sa.String(length=10), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("batch_no"),
    )
    op.create_table(
        "payout_batch",
        sa.Column("batch_no", sa.String(), nullable=False),
        sa.Column("programme", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("bank", sa.String(length=3), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("sent_on", sa.String(length=10), nullable=False),
        sa.Column("answer_sha256", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("batch_no"),
    )
    op.create_table(
        "person",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("id_number", sa.String(length=18), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sex", sa.String(length=1), nullable=False),
        sa.Column("ethnicity", sa.String(length=2), nullable=False),
        sa.Column("birth", sa.String(length=10), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=False),
        sa.Column("category", sa.SmallInteger(), nullable=False),
        sa.Column("city", sa.String(length=6), nullable=False),
        sa.Column("county", sa.String(length=6), nullable=False),
        sa.Column("bank", sa.String(length=3), nullable=False),
        sa.Column("form_no", sa.String(), nullable=False),
        sa.Column("submitted_on", sa.String(length=10), nullable=False),
        sa.Column("source_file", sa.String(), nullable=False),
        sa.Column("source_line", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("person_id"),
        sa.UniqueConstraint("id_number"),
    )
    op.create_index("person_by_bank", "person", ["bank", "city", "submitted_on"], unique=False)
    op.create_table(
        "production_order",
        sa.Column("order_no", sa.String(), nullable=False),
        sa.Column("city", sa.String(length=6), nullable=False),
        sa.Column("ordered_on", sa.String(length=10), nullable=False),
        sa.Column("returned_on", sa.String(length=10), nullable=True),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("back_sha256", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("order_no"),
    )
    op.create_table(
        "schema_version", sa.Column("version", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("version")
    )
    op.create_table(
        "settlement",
        sa.Column("setl_id", sa.String(), nullable=False),
        sa.Column("card_no", sa.String(length=9), nullable=False),
        sa.Column("hospital", sa.String(), nullable=False),
        sa.Column("at", sa.String(length=19), nullable=False),
        sa.Column("medfee_sumamt", sa.BigInteger(), nullable=False),
        sa.Column("fund_pay_sumamt", sa.BigInteger(), nullable=False),
        sa.Column("acct_pay", sa.BigInteger(), nullable=False),
        sa.Column("psn_cash_pay", sa.BigInteger(), nullable=False),
        sa.Column("trace", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("setl_id"),
    )
    op.create_index("settlement_by_card", "settlement", ["card_no", "at"], unique=False)
    op.create_table(
        "card",
        sa.Column("card_no", sa.String(length=9), nullable=False),
        sa.Column("identification_code", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("order_no", sa.String(), nullable=False),
        sa.Column("order_line", sa.Integer(), nullable=False),
        sa.Column("factor", sa.String(length=16), nullable=False),
        sa.Column("bank", sa.String(length=3), nullable=False),
        sa.Column("account_no", sa.String(), nullable=False),
        sa.Column("made_on", sa.String(length=10), nullable=True),
        sa.Column("issued_on", sa.String(length=10), nullable=True),
        sa.Column("app_state", sa.SmallInteger(), nullable=False),
        sa.Column("account_state", sa.SmallInteger(), nullable=False),
        sa.Column("replaces", sa.String(length=9), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_no"],
            ["production_order.order_no"],
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.person_id"],
        ),
        sa.PrimaryKeyConstraint("card_no"),
        sa.UniqueConstraint("identification_code"),
    )
    op.create_index("card_by_order", "card", ["order_no", "order_line"], unique=False)
    op.create_index("card_by_person", "card", ["person_id"], unique=False)
    op.create_index(
        "card_by_replaced",
        "card",
        ["replaces"],
        unique=False,
        sqlite_where=sa.text("replaces IS NOT NULL"),
        postgresql_where=sa.text("replaces IS NOT NULL"),
    )
    op.create_table(
        "opening_line",
        sa.Column("batch_no", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("account_no", sa.String(), nullable=True),
        sa.Column("answered_on", sa.String(length=10), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_no"],
            ["opening_batch.batch_no"],
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.person_id"],
        ),
        sa.PrimaryKeyConstraint("batch_no", "seq"),
    )
    op.create_index("opening_line_by_person", "opening_line", ["person_id"], unique=False)
    op.create_table(
        "opening_result",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("batch_no", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("read_on", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_no"],
            ["opening_batch.batch_no"],
        ),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "payout_line",
        sa.Column("batch_no", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("account_no", sa.String(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("repays_batch", sa.String(), nullable=True),
        sa.Column("repays_seq", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_no"],
            ["payout_batch.batch_no"],
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.person_id"],
        ),
        sa.PrimaryKeyConstraint("batch_no", "seq"),
    )
    op.create_index("payout_line_by_person", "payout_line", ["person_id"], unique=False)
    op.create_table(
        "transfer",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("transfer_id", sa.String(), nullable=False),
        sa.Column("debit_account", sa.String(), nullable=False),
        sa.Column("credit_account", sa.String(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("at", sa.String(length=19), nullable=False),
        sa.Column("memo", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credit_account"],
            ["account.account_id"],
        ),
        sa.ForeignKeyConstraint(
            ["debit_account"],
            ["account.account_id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("transfer_id"),
    )
    op.create_table(
        "card_event",
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("card_no", sa.String(length=9), nullable=False),
        sa.Column("on_date", sa.String(length=10), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("half", sa.String(), nullable=False),
        sa.Column("from_state", sa.SmallInteger(), nullable=False),
        sa.Column("to_state", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_no"],
            ["card.card_no"],
        ),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("card_event_by_card", "card_event", ["card_no"], unique=False)
    op.create_index("card_event_by_operation", "card_event", ["operation", "card_no"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER transfer_refuses_{verb.lower()} BEFORE {verb} ON transfer "
                "BEGIN SELECT RAISE(ABORT, 'transfers are immutable'); END"
            )
    else:
        op.execute(
            "CREATE OR REPLACE FUNCTION transfer_refuses() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'transfers are immutable'; END $$"
        )
        op.execute(
            "CREATE TRIGGER transfer_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer "
            "FOR EACH STATEMENT EXECUTE FUNCTION transfer_refuses()"
        )
