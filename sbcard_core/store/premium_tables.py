"""Tables of premiums: bills, what was paid and given back, what agent banks were asked. See :mod:`.schema`."""

import sqlalchemy as sa

from sbcard_core.store.metadata import table

premium_bill = table(
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
    sa.Column("replaces", sa.String(128)),  # the bill it was made for when the person's category changed
    sa.Column("reason", sa.String),  # why it was cancelled
    sa.Column("death_on", sa.String(10)),  # day of the death that cancelled it; null: nothing did, or something else
    sa.Index("premium_bill_by_state", "state", "period", "due_on"),
    sa.Index("premium_bill_by_person", "id_number", "period"),
    sa.Index(
        "premium_bill_live",  # one bill per person and period, not counting those given back or cancelled
        "period",
        "insurance",
        "id_number",
        unique=True,
        sqlite_where=sa.text("state < 30"),
        postgresql_where=sa.text("state < 30"),
    ),
)

premium_payment = table(
    "premium_payment",
    sa.Column("payment_id", sa.String(128), primary_key=True),
    sa.Column("bill_no", sa.String(128), sa.ForeignKey("premium_bill.bill_no"), nullable=False, unique=True),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("agent", sa.String, nullable=False),
    sa.Column("at", sa.String(19), nullable=False),
    sa.Column("refunded", sa.String, nullable=False),  # fen given back so far, one figure per share
    sa.Column("card_no", sa.String(9)),  # null: paid without a card
)

premium_refund = table(
    "premium_refund",
    sa.Column("refund_id", sa.String(128), primary_key=True),
    sa.Column("payment_id", sa.String(128), sa.ForeignKey("premium_payment.payment_id"), nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("at", sa.String(19), nullable=False),
    sa.Column("reason", sa.String, nullable=False, default=""),
)

premium_batch = table(
    "premium_batch",
    sa.Column("batch_no", sa.String(64), primary_key=True),
    sa.Column("bank", sa.String(3), nullable=False),  # fields.BankCode
    sa.Column("period", sa.String(10), nullable=False),
    sa.Column("sent_on", sa.String(10), nullable=False),
    sa.Column("lines", sa.Integer, nullable=False),
    sa.Column("total_fen", sa.BigInteger, nullable=False),
    sa.Column("answer_sha256", sa.String(64)),  # of the payment file that was taken
    sa.Column("answered_on", sa.String(10)),
    sa.Index("premium_batch_by_period", "bank", "period"),
)

premium_batch_line = table(
    "premium_batch_line",
    sa.Column("batch_no", sa.String(64), sa.ForeignKey("premium_batch.batch_no"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("bill_no", sa.String(128), sa.ForeignKey("premium_bill.bill_no"), nullable=False),
    sa.Column("account_no", sa.String, nullable=False),  # of the person's card at this bank, or empty
    sa.Column("state", sa.SmallInteger, nullable=False),  # premiums.AskState
    sa.Column("trace_no", sa.String),  # the bank's own number of the payment
    sa.Column("reason", sa.String),
    sa.Index("premium_batch_line_by_bill", "bill_no"),
    sa.Index(
        "premium_batch_line_claim",  # a bill is asked for at one bank at a time
        "bill_no",
        unique=True,
        sqlite_where=sa.text("state < 20"),
        postgresql_where=sa.text("state < 20"),
    ),
)

premium_suspended = table(
    "premium_suspended",  # money an agent bank brought that no open bill explains
    sa.Column("payment_id", sa.String(128), primary_key=True),
    sa.Column("batch_no", sa.String(64), sa.ForeignKey("premium_batch.batch_no"), nullable=False),
    sa.Column("line", sa.Integer, nullable=False),  # 1-based line of the payment file, 0 = the lines nobody can read
    sa.Column("bill_no", sa.String),  # as the bank wrote it
    sa.Column("status", sa.SmallInteger, nullable=False),  # premiums.LineStatus
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("left_fen", sa.BigInteger, nullable=False),  # not yet given back nor put to a bill
    sa.Index(
        "premium_suspended_left",
        "batch_no",
        sqlite_where=sa.text("left_fen > 0"),
        postgresql_where=sa.text("left_fen > 0"),
    ),
)
