"""Every table, in the order a person's record travels. Money is int64 fen, dates are ``YYYY-MM-DD`` text."""

import sqlalchemy as sa

from sbcard_core.store import (
    book_tables,
    clearing_tables,
    medical_tables,
    officer_tables,
    payout_tables,
    premium_tables,
)
from sbcard_core.store import metadata as _metadata

metadata = _metadata.metadata
_table = _metadata.table

schema_version = _table("schema_version", sa.Column("version", sa.Integer, primary_key=True))
alembic_version = sa.Table(  # as Alembic itself makes it
    "alembic_version",
    metadata,
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

book = book_tables.book

# --- collection and findings -------------------------------------------------------------------------------

collection_file = _table(
    "collection_file",
    sa.Column("file", sa.String, primary_key=True),
    sa.Column("city", sa.String(6), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
    sa.Column("accepted", sa.Integer, nullable=False),
    sa.Column("rejected", sa.Integer, nullable=False),
    sa.Column("quarantined", sa.Integer, nullable=False),
)

finding = _table(
    "finding",
    sa.Column("finding_id", sa.Integer, primary_key=True),
    sa.Column("stage", sa.String, nullable=False),  # which stage found it
    sa.Column("code", sa.String, nullable=False),  # e.g. "id_number.check", "tac.mismatch", "recon.only_ours"
    sa.Column("source", sa.String, nullable=False),  # file, batch or account it was found in
    sa.Column("line", sa.Integer, nullable=False, default=0),  # 1-based line in the source, 0 = the whole
    sa.Column("field", sa.String, nullable=False, default=""),
    sa.Column("severity", sa.SmallInteger, nullable=False),  # values.Severity
    sa.Column("disposition", sa.SmallInteger),  # values.Disposition for collected records
    sa.Column("amount_fen", sa.BigInteger, nullable=False, default=0),  # what it put in suspense
    sa.Column("detail", sa.String, nullable=False, default=""),  # Chinese, for a clerk; no full citizen number
    sa.Index("finding_by_stage", "stage", "source"),
)

person = _table(
    "person",
    sa.Column("person_id", sa.Integer, primary_key=True),
    sa.Column("id_number", sa.String(18), nullable=False, unique=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("sex", sa.String(1), nullable=False),
    sa.Column("ethnicity", sa.String(2), nullable=False),
    sa.Column("birth", sa.String(10), nullable=False),
    sa.Column("phone", sa.String(20), nullable=False),
    sa.Column("category", sa.SmallInteger, nullable=False),  # values.PersonCategory
    sa.Column("city", sa.String(6), nullable=False),
    sa.Column("county", sa.String(6), nullable=False),
    sa.Column("bank", sa.String(3), nullable=False),  # fields.BankCode
    sa.Column("form_no", sa.String, nullable=False),  # 申领表编码
    sa.Column("submitted_on", sa.String(10), nullable=False),
    sa.Column("source_file", sa.String, nullable=False),
    sa.Column("source_line", sa.Integer, nullable=False),
    sa.Index("person_by_bank", "bank", "city", "submitted_on"),
)

# --- bank account opening ----------------------------------------------------------------------------------

opening_batch = _table(
    "opening_batch",
    sa.Column("batch_no", sa.String, primary_key=True),
    sa.Column("bank", sa.String(3), nullable=False),
    sa.Column("city", sa.String(6), nullable=False),
    sa.Column("received_on", sa.String(10), nullable=False),  # the bank's day of receipt
    sa.Column("due_on", sa.String(10), nullable=False),  # 15 working days later
    sa.Column("lines", sa.Integer, nullable=False),
)

opening_result = _table(
    "opening_result",  # every result file that was read, so that a second delivery is recognised
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("batch_no", sa.String, sa.ForeignKey("opening_batch.batch_no"), nullable=False),
    sa.Column("file", sa.String, nullable=False),
    sa.Column("read_on", sa.String(10), nullable=False),
)

opening_line = _table(
    "opening_line",
    sa.Column("batch_no", sa.String, sa.ForeignKey("opening_batch.batch_no"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("person_id", sa.Integer, sa.ForeignKey("person.person_id"), nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),  # 10 in batch, 20 account opened, 21 failed, 22 withdrawn
    sa.Column("account_no", sa.String),
    sa.Column("answered_on", sa.String(10)),
    sa.Column("reason", sa.String),
    sa.Index("opening_line_by_person", "person_id"),
    sa.Index(
        "opening_line_by_account",  # whose an account is
        "account_no",
        sqlite_where=sa.text("account_no IS NOT NULL"),
        postgresql_where=sa.text("account_no IS NOT NULL"),
    ),
)

# --- production, issuing, the card's life ------------------------------------------------------------------

production_order = _table(
    "production_order",
    sa.Column("order_no", sa.String, primary_key=True),
    sa.Column("city", sa.String(6), nullable=False),
    sa.Column("ordered_on", sa.String(10), nullable=False),
    sa.Column("returned_on", sa.String(10)),  # when its first back-file was read, or it was withdrawn
    sa.Column("cards", sa.Integer, nullable=False),
    sa.Column("made", sa.Integer, nullable=False, default=0),
)

production_result = _table(
    "production_result",  # every back-file that was read, so that a second delivery is recognised
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("order_no", sa.String, sa.ForeignKey("production_order.order_no"), nullable=False),
    sa.Column("file", sa.String, nullable=False),  # empty: read by an earlier version
    sa.Column("read_on", sa.String(10), nullable=False),
)

card = _table(
    "card",
    sa.Column("card_no", sa.String(9), primary_key=True),  # 卡号
    sa.Column("identification_code", sa.String(32), nullable=False, unique=True),  # 卡识别码, hex
    sa.Column("person_id", sa.Integer, sa.ForeignKey("person.person_id"), nullable=False),
    sa.Column("order_no", sa.String, sa.ForeignKey("production_order.order_no"), nullable=False),
    sa.Column("order_line", sa.Integer, nullable=False),  # 1-based line in the order file
    sa.Column("factor", sa.String(16), nullable=False),  # last 8 ATR bytes, hex: the diversification factor
    sa.Column("bank", sa.String(3), nullable=False),
    sa.Column("account_no", sa.String, nullable=False),
    sa.Column("made_on", sa.String(10)),  # null: ordered, not back from the factory
    sa.Column("issued_on", sa.String(10)),
    sa.Column("app_state", sa.SmallInteger, nullable=False),  # values.CardState, social-security half
    sa.Column("account_state", sa.SmallInteger, nullable=False),  # values.CardState, financial half
    sa.Column("replaces", sa.String(9)),  # the card it was made for
    sa.Index("card_by_person", "person_id"),
    sa.Index("card_by_account", "account_no"),
    sa.Index("card_by_order", "order_no", "order_line"),
    *(
        sa.Index(name, column, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
        for name, column, where in (
            ("card_unmade", "person_id", "made_on IS NULL"),
            ("card_app_lost", "card_no", "app_state = 4"),  # for a time
            ("card_account_lost", "card_no", "account_state = 4"),
        )
    ),
    sa.Index(
        "card_by_replaced",
        "replaces",
        sqlite_where=sa.text("replaces IS NOT NULL"),
        postgresql_where=sa.text("replaces IS NOT NULL"),
    ),
)

card_event = _table(
    "card_event",
    sa.Column("event_id", sa.Integer, primary_key=True),
    sa.Column("card_no", sa.String(9), sa.ForeignKey("card.card_no"), nullable=False),
    sa.Column("on_date", sa.String(10), nullable=False),
    sa.Column("operation", sa.String, nullable=False),  # registry.lifecycle.Operation
    sa.Column("half", sa.String, nullable=False),  # "app" 社保功能 or "account" 金融功能
    sa.Column("from_state", sa.SmallInteger, nullable=False),
    sa.Column("to_state", sa.SmallInteger, nullable=False),
    sa.Index("card_event_by_card", "card_no"),
    sa.Index("card_event_by_operation", "operation", "card_no"),
)

# --- ledger ------------------------------------------------------------------------------------------------

account = _table(
    "account",
    sa.Column("account_id", sa.String, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),  # ledger.AccountKind
    sa.Column("debits_fen", sa.BigInteger, nullable=False, default=0),
    sa.Column("credits_fen", sa.BigInteger, nullable=False, default=0),
    sa.Column("debits_pending_fen", sa.BigInteger, nullable=False, server_default="0"),  # held for going out
    sa.Column("credits_pending_fen", sa.BigInteger, nullable=False, server_default="0"),  # held for coming in
)

transfer = _table(
    "transfer",
    sa.Column("seq", sa.Integer, primary_key=True),  # order of posting
    sa.Column("transfer_id", sa.String, nullable=False, unique=True),  # the caller's id
    sa.Column("debit_account", sa.String, sa.ForeignKey("account.account_id"), nullable=False),
    sa.Column("credit_account", sa.String, sa.ForeignKey("account.account_id"), nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("code", sa.String, nullable=False),  # what kind of movement, e.g. "purse.purchase"
    sa.Column("at", sa.String(19), nullable=False),  # YYYY-MM-DDTHH:MM:SS, the business time given by the caller
    sa.Column("memo", sa.String, nullable=False, default=""),
    sa.Column("flags", sa.SmallInteger, nullable=False, server_default="0"),  # ledger.TransferFlag
    sa.Column("pending_id", sa.String, nullable=False, server_default=""),  # the pending transfer this one closes
    sa.Column("timeout_s", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index(  # a hold is posted or voided once, whatever else goes wrong
        "transfer_by_pending",
        "pending_id",
        unique=True,
        sqlite_where=sa.text("pending_id <> ''"),
        postgresql_where=sa.text("pending_id <> ''"),
    ),
)

hold = _table(
    "hold",  # every pending transfer and what became of it
    sa.Column("transfer_id", sa.String, sa.ForeignKey("transfer.transfer_id"), primary_key=True),
    sa.Column("state", sa.SmallInteger, nullable=False),  # ledger.HoldState
    sa.Column("expires_at", sa.String(19), nullable=False),  # empty: never
    sa.Column("closed_at", sa.String(19), nullable=False, server_default=""),
    sa.Index("hold_by_state", "state", "expires_at"),
)

period_close = _table(
    "period_close",  # no posting whose time begins with a closed period
    sa.Column("period", sa.String(10), primary_key=True),  # YYYY, YYYY-MM or YYYY-MM-DD
    sa.Column("closed_at", sa.String(19), nullable=False),
    sa.Column("transfers", sa.BigInteger, nullable=False),
    sa.Column("amount_fen", sa.String, nullable=False),  # may pass int64
)

account_entry = _table(
    "account_entry",  # transfers by account and time, brought up to date when asked; the rest is read from the end
    sa.Column("account_id", sa.String, primary_key=True),
    sa.Column("at", sa.String(19), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# --- use: settlements, offline purchases, payouts ----------------------------------------------------------

settlement = medical_tables.settlement
medical_year = medical_tables.medical_year
medical_reversal = medical_tables.medical_reversal

offline_purchase = clearing_tables.offline_purchase
clearing_suspense = clearing_tables.clearing_suspense
clearing_verdict = clearing_tables.clearing_verdict

# --- approvals ---------------------------------------------------------------------------------------------------

approval = officer_tables.approval

# --- payouts ---------------------------------------------------------------------------------------------------

payout_roll = payout_tables.payout_roll
payout_roll_line = payout_tables.payout_roll_line
payout_objection = payout_tables.payout_objection
payout_standing = payout_tables.payout_standing
payout_death = payout_tables.payout_death
payout_hold = payout_tables.payout_hold
payout_batch = payout_tables.payout_batch
payout_line = payout_tables.payout_line
payout_answer = payout_tables.payout_answer
payout_recovery = payout_tables.payout_recovery
payout_recovery_entry = payout_tables.payout_recovery_entry

# --- premiums ------------------------------------------------------------------------------------------------

premium_bill = premium_tables.premium_bill
premium_payment = premium_tables.premium_payment
premium_refund = premium_tables.premium_refund
premium_batch = premium_tables.premium_batch
premium_batch_line = premium_tables.premium_batch_line
premium_suspended = premium_tables.premium_suspended

# --- a transfer is a fact, and so is the mark of a book: the database refuses to change or to remove one ---------


def _immutable(table: sa.Table, what: str) -> None:
    name = table.name
    for verb in ("UPDATE", "DELETE"):
        ddl = sa.DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER {name}_refuses_{verb.lower()} BEFORE {verb} ON {name} "
            f"BEGIN SELECT RAISE(ABORT, '{what}'); END"
        )
        sa.event.listen(table, "after_create", ddl.execute_if(dialect="sqlite"))
    for statement in (
        f"CREATE OR REPLACE FUNCTION {name}_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{what}'; END $$",
        f"CREATE TRIGGER {name}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_refuses()",
    ):
        ddl = sa.DDL(statement)  # type: ignore[no-untyped-call]
        sa.event.listen(table, "after_create", ddl.execute_if(dialect="postgresql"))


_immutable(transfer, "transfers are immutable")
_immutable(book, "the mark of a book is immutable")
