"""Every table, in the order a person's record travels. Money is int64 fen, dates are ``YYYY-MM-DD`` text."""

import sqlalchemy as sa

metadata = sa.MetaData()


def _table(name: str, *columns: sa.Column[object] | sa.Index | sa.UniqueConstraint) -> sa.Table:
    return sa.Table(name, metadata, *columns)


schema_version = _table("schema_version", sa.Column("version", sa.Integer, primary_key=True))

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
    sa.Column("bank", sa.String(3), nullable=False),  # values.Bank
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
    sa.Column("state", sa.SmallInteger, nullable=False),  # 10 in batch, 20 account opened, 21 failed
    sa.Column("account_no", sa.String),
    sa.Column("answered_on", sa.String(10)),
    sa.Column("reason", sa.String),
    sa.Index("opening_line_by_person", "person_id"),
)

# --- production, issuing, the card's life ------------------------------------------------------------------

production_order = _table(
    "production_order",
    sa.Column("order_no", sa.String, primary_key=True),
    sa.Column("city", sa.String(6), nullable=False),
    sa.Column("ordered_on", sa.String(10), nullable=False),
    sa.Column("returned_on", sa.String(10)),
    sa.Column("cards", sa.Integer, nullable=False),
    sa.Column("made", sa.Integer, nullable=False, default=0),
    sa.Column("back_sha256", sa.String(64)),  # the back-file that was read, so that a second delivery is recognised
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
    sa.Index("card_by_order", "order_no", "order_line"),
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
)

# --- use: settlements, offline purchases, payouts ----------------------------------------------------------

settlement = _table(
    "settlement",
    sa.Column("setl_id", sa.String, primary_key=True),
    sa.Column("card_no", sa.String(9), nullable=False),
    sa.Column("hospital", sa.String, nullable=False),
    sa.Column("at", sa.String(19), nullable=False),
    sa.Column("medfee_sumamt", sa.BigInteger, nullable=False),
    sa.Column("fund_pay_sumamt", sa.BigInteger, nullable=False),
    sa.Column("acct_pay", sa.BigInteger, nullable=False),
    sa.Column("psn_cash_pay", sa.BigInteger, nullable=False),
    sa.Column("trace", sa.String, nullable=False),  # JSON: how each fen came about
    sa.Index("settlement_by_card", "card_no", "at"),
)

offline_purchase = _table(
    "offline_purchase",
    sa.Column("source", sa.String, primary_key=True),  # journal file
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("terminal_no", sa.String(12), nullable=False),
    sa.Column("terminal_txn_no", sa.BigInteger, nullable=False),
    sa.Column("card_no", sa.String(9), nullable=False),
    sa.Column("offline_no", sa.Integer, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("at", sa.String(19), nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),  # crypto.tac.TacStatus
    sa.UniqueConstraint("terminal_no", "terminal_txn_no"),
)

# --- payouts: rolls, who approved them, what was sent and what came back ---------------------------------------

payout_roll = _table(
    "payout_roll",
    sa.Column("roll_id", sa.Integer, primary_key=True),
    sa.Column("roll_no", sa.String, nullable=False, unique=True),
    sa.Column("run_id", sa.Integer, nullable=False),  # the first roll of the same programme and period
    sa.Column("programme", sa.String, nullable=False),
    sa.Column("period", sa.String, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),  # payout.RollState
    sa.Column("source_sha256", sa.String(64), nullable=False),  # of the lines handed in
    sa.Column("digest", sa.String(64), nullable=False),  # of the lines to be paid: what officers approve
    sa.Column("drafted_by", sa.String, nullable=False),
    sa.Column("drafted_on", sa.String(10), nullable=False),
    sa.Column("pay_on", sa.String(10), nullable=False),
    sa.Column("notice_from", sa.String(10)),
    sa.Column("notice_until", sa.String(10)),
    sa.Column("released_on", sa.String(10)),
    sa.Column("closed_on", sa.String(10)),
    sa.Index("payout_roll_by_run", "programme", "period"),
)

payout_roll_line = _table(
    "payout_roll_line",
    sa.Column("roll_id", sa.Integer, sa.ForeignKey("payout_roll.roll_id"), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),  # 1-based line of the roll as handed in
    sa.Column("run_id", sa.Integer, nullable=False),
    sa.Column("person_id", sa.Integer, sa.ForeignKey("person.person_id")),  # null: nobody of that number
    sa.Column("household", sa.String, nullable=False),
    sa.Column("item", sa.String, nullable=False),  # "" = the period's due, else what it is for
    sa.Column("area", sa.String, nullable=False),
    sa.Column("gross_fen", sa.BigInteger, nullable=False),
    sa.Column("deducted_fen", sa.BigInteger, nullable=False),  # kept back for a recovery; gross - deducted is sent
    sa.Column("bank", sa.String(3), nullable=False),
    sa.Column("account_no", sa.String, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),  # payout.RollLineState; below 50 it is a claim
    sa.Column("reason", sa.String),
    # The database itself refuses a second claim of one person, or household, in one run.
    sa.Index(
        *("payout_roll_line_claim", "run_id", "person_id", "item"),
        unique=True,
        sqlite_where=sa.text("state < 50"),
        postgresql_where=sa.text("state < 50"),
    ),
    sa.Index(
        *("payout_roll_line_household", "run_id", "household", "item"),
        unique=True,
        sqlite_where=sa.text("state < 50 AND household <> ''"),
        postgresql_where=sa.text("state < 50 AND household <> ''"),
    ),
    sa.Index(
        *("payout_roll_line_item", "person_id", "item"),
        sqlite_where=sa.text("item <> ''"),
        postgresql_where=sa.text("item <> ''"),
    ),
)

payout_approval = _table(
    "payout_approval",
    sa.Column("roll_id", sa.Integer, sa.ForeignKey("payout_roll.roll_id"), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("officer", sa.String, primary_key=True),
    sa.Column("on_date", sa.String(10), nullable=False),
)

payout_objection = _table(
    "payout_objection",
    sa.Column("roll_id", sa.Integer, primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("raised_by", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("on_date", sa.String(10), nullable=False),
    sa.ForeignKeyConstraint(("roll_id", "line"), ("payout_roll_line.roll_id", "payout_roll_line.line")),
)

payout_standing = _table(
    "payout_standing",  # what the caller told of a person, where the registry does not know it
    sa.Column("person_id", sa.Integer, sa.ForeignKey("person.person_id"), primary_key=True),
    sa.Column("living", sa.SmallInteger, nullable=False),  # payout.Living, AAC060
    sa.Column("died_on", sa.String(10)),
    sa.Column("bank", sa.String(3)),  # with account_no and account_state: instead of the registry's cards
    sa.Column("account_no", sa.String),
    sa.Column("account_state", sa.SmallInteger),  # values.CardState
    sa.Column("told_on", sa.String(10), nullable=False),
)

payout_hold = _table(
    "payout_hold",
    sa.Column("hold_id", sa.Integer, primary_key=True),
    sa.Column("person_id", sa.Integer, sa.ForeignKey("person.person_id"), nullable=False),
    sa.Column("programme", sa.String, nullable=False),
    sa.Column("since", sa.String, nullable=False),  # first period not paid
    sa.Column("until", sa.String),  # first period paid again; null: still suspended
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("on_date", sa.String(10), nullable=False),
    sa.Index("payout_hold_by_programme", "programme", "person_id"),
)

payout_batch = _table(
    "payout_batch",
    sa.Column("batch_no", sa.String, primary_key=True),
    sa.Column("programme", sa.String, nullable=False),
    sa.Column("period", sa.String, nullable=False),  # e.g. "2014-07"
    sa.Column("bank", sa.String(3), nullable=False),
    sa.Column("round", sa.Integer, nullable=False),  # 1 = first payment, 2 = returned lines re-paid
    sa.Column("lines", sa.Integer, nullable=False),
    sa.Column("total_fen", sa.BigInteger, nullable=False),
    sa.Column("sent_on", sa.String(10), nullable=False),
    sa.Column("answer_sha256", sa.String(64)),
    sa.Column("roll_id", sa.Integer, sa.ForeignKey("payout_roll.roll_id")),  # of a first payment
    sa.Column("last_line", sa.Integer),  # the roll is sent up to here, for this bank
    sa.Index("payout_batch_by_roll", "roll_id", "bank"),
    sa.Index("payout_batch_by_run", "programme", "period"),
)

payout_line = _table(
    "payout_line",
    sa.Column("batch_no", sa.String, sa.ForeignKey("payout_batch.batch_no"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("person_id", sa.Integer, sa.ForeignKey("person.person_id"), nullable=False),
    sa.Column("account_no", sa.String, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),  # payout.LineState
    sa.Column("reason", sa.String),
    sa.Column("repays_batch", sa.String),  # the failed line this one re-pays
    sa.Column("repays_seq", sa.Integer),
    sa.Column("roll_id", sa.Integer),  # the roll line it pays
    sa.Column("roll_line", sa.Integer),
    sa.Index("payout_line_by_person", "person_id"),
    # What still asks for work: few lines, whatever the table's size.
    sa.Index(
        *("payout_line_open", "state", "batch_no"),
        sqlite_where=sa.text("state IN (21, 30)"),
        postgresql_where=sa.text("state IN (21, 30)"),
    ),
)

payout_answer = _table(
    "payout_answer",  # every answer of a bank that was taken, so that a second delivery is recognised
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("batch_no", sa.String, sa.ForeignKey("payout_batch.batch_no"), nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("file", sa.String, nullable=False),
    sa.Column("read_on", sa.String(10), nullable=False),
)

payout_recovery = _table(
    "payout_recovery",
    sa.Column("recovery_id", sa.String, primary_key=True),  # the caller's id
    sa.Column("person_id", sa.Integer, sa.ForeignKey("person.person_id"), nullable=False),
    sa.Column("programme", sa.String, nullable=False),
    sa.Column("batch_no", sa.String, nullable=False),  # the payment that was too much
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("mode", sa.SmallInteger, nullable=False),  # payout.RecoveryMode
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("monthly_fen", sa.BigInteger, nullable=False),  # most one roll line is cut by; 0 for a return
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("opened_on", sa.String(10), nullable=False),
    sa.ForeignKeyConstraint(("batch_no", "seq"), ("payout_line.batch_no", "payout_line.seq")),
    sa.Index("payout_recovery_by_programme", "programme", "mode"),
    sa.Index("payout_recovery_by_line", "batch_no", "seq"),
)

payout_recovery_entry = _table(
    "payout_recovery_entry",
    sa.Column("recovery_id", sa.String, sa.ForeignKey("payout_recovery.recovery_id"), primary_key=True),
    sa.Column("reference", sa.String, primary_key=True),  # the roll line it was kept back from, or the bank's own
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("on_date", sa.String(10), nullable=False),
)

# --- premiums ------------------------------------------------------------------------------------------------

premium_bill = _table(
    "premium_bill",
    sa.Column("bill_no", sa.String(128), primary_key=True),
    sa.Column("period", sa.String(10), nullable=False),
    sa.Column("insurance", sa.String, nullable=False),
    sa.Column("id_number", sa.String(18), nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("category", sa.SmallInteger, nullable=False),  # values.PersonCategory
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("rate_since", sa.String(10), nullable=False),  # which of the tariff's rates
    sa.Column("due_on", sa.String(10), nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),  # premiums.BillState
    sa.Column("issued_on", sa.String(10), nullable=False),
    sa.Index("premium_bill_by_state", "state", "period", "due_on"),
    sa.UniqueConstraint("period", "insurance", "id_number"),  # one bill per person and period
)

premium_payment = _table(
    "premium_payment",
    sa.Column("payment_id", sa.String(128), primary_key=True),
    sa.Column("bill_no", sa.String(128), sa.ForeignKey("premium_bill.bill_no"), nullable=False, unique=True),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("agent", sa.String, nullable=False),
    sa.Column("at", sa.String(19), nullable=False),
    sa.Column("refunded", sa.String, nullable=False),  # fen given back so far, one figure per share
)

premium_refund = _table(
    "premium_refund",
    sa.Column("refund_id", sa.String(128), primary_key=True),
    sa.Column("payment_id", sa.String(128), sa.ForeignKey("premium_payment.payment_id"), nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("at", sa.String(19), nullable=False),
    sa.Column("reason", sa.String, nullable=False, default=""),
)

# --- a transfer is a fact: the database itself refuses to change or to remove one ----------------------------

for _verb in ("UPDATE", "DELETE"):
    sa.event.listen(
        transfer,
        "after_create",
        sa.DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER transfer_refuses_{_verb.lower()} BEFORE {_verb} ON transfer "
            "BEGIN SELECT RAISE(ABORT, 'transfers are immutable'); END"
        ).execute_if(dialect="sqlite"),
    )
for _statement in (
    "CREATE OR REPLACE FUNCTION transfer_refuses() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'transfers are immutable'; END $$",
    "CREATE TRIGGER transfer_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer "
    "FOR EACH STATEMENT EXECUTE FUNCTION transfer_refuses()",
):
    _ddl = sa.DDL(_statement)  # type: ignore[no-untyped-call]
    sa.event.listen(transfer, "after_create", _ddl.execute_if(dialect="postgresql"))
