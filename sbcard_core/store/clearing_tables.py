"""Tables of clearing: offline purchases, what lies in suspense, every verdict. See :mod:`.schema` for the rest."""

import sqlalchemy as sa

from sbcard_core.store.metadata import table

offline_purchase = table(
    "offline_purchase",
    sa.Column("source", sa.String, primary_key=True),  # journal file
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("terminal_no", sa.String(12), nullable=False),
    sa.Column("terminal_txn_no", sa.BigInteger, nullable=False),
    sa.Column("card_no", sa.String(9), nullable=False),
    sa.Column("offline_no", sa.Integer, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("at", sa.String(19), nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),  # crypto.tac.TacStatus; VERIFIED: paid to the merchant
    sa.UniqueConstraint("terminal_no", "terminal_txn_no"),
)

clearing_suspense = table(
    "clearing_suspense",  # lines of journals that were not cleared at once
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("terminal_no", sa.String(12), nullable=False),  # empty: the line cannot be read
    sa.Column("terminal_txn_no", sa.BigInteger, nullable=False),
    sa.Column("card_no", sa.String(9), nullable=False),
    sa.Column("offline_no", sa.Integer, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),  # what lies in the account SUSPENSE
    sa.Column("at", sa.String(19), nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),  # clearing.ClearingStatus: the newest verdict
    sa.Column("state", sa.SmallInteger, nullable=False),  # clearing.SuspenseState
    sa.Index(
        *("clearing_suspense_held", "source", "line"),
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    ),
)

clearing_verdict = table(
    "clearing_verdict",  # every verdict on a line in suspense; never changed, only added to
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),  # 1-based
    sa.Column("status", sa.SmallInteger, nullable=False),  # clearing.ClearingStatus
    sa.Column("decided_on", sa.String(10), nullable=False),
    sa.Column("reason", sa.String, nullable=False),  # why it was made again; empty: the first
)
