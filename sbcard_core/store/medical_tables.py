"""Tables of medical billing: settlements, the person's year, reversals. See :mod:`.schema` for the rest."""

import sqlalchemy as sa

from sbcard_core.store.metadata import table

settlement = table(
    "settlement",  # settlements, cancellations and refunds; never changed, only added to
    sa.Column("setl_id", sa.String, primary_key=True),
    sa.Column("card_no", sa.String(9), nullable=False),
    sa.Column("hospital", sa.String, nullable=False),
    sa.Column("at", sa.String(19), nullable=False),
    sa.Column("medfee_sumamt", sa.BigInteger, nullable=False),
    sa.Column("fund_pay_sumamt", sa.BigInteger, nullable=False),
    sa.Column("acct_pay", sa.BigInteger, nullable=False),
    sa.Column("psn_cash_pay", sa.BigInteger, nullable=False),
    sa.Column("trace", sa.String, nullable=False),  # JSON: every amount, and how each fen came about
    sa.Column("psn_no", sa.String, nullable=False),
    sa.Column("insutype", sa.String, nullable=False),
    sa.Column("year", sa.Integer, nullable=False),  # which year it counts in
    sa.Column("bucket", sa.String, nullable=False),  # medical.policy.Benefit.bucket
    sa.Column("clr_type", sa.String(2), nullable=False),
    sa.Column("setl_optins", sa.String, nullable=False),
    sa.Column("reverses", sa.String),  # the settlement a cancellation or refund takes from
    sa.Column("bill", sa.String, nullable=False),  # JSON: what it was made of, so that it can be made again
    sa.Index("settlement_by_card", "card_no", "at"),
    sa.Index("settlement_by_hospital", "hospital", "at"),
    sa.Index("settlement_by_time", "at"),
    sa.Index(
        "settlement_by_reversed",
        "reverses",
        sqlite_where=sa.text("reverses IS NOT NULL"),
        postgresql_where=sa.text("reverses IS NOT NULL"),
    ),
)

medical_year = table(
    "medical_year",  # what a person's year has come to; bucket "" holds what all buckets share
    sa.Column("psn_no", sa.String, primary_key=True),
    sa.Column("insutype", sa.String, primary_key=True),
    sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("bucket", sa.String, primary_key=True),
    *(
        sa.Column(name, sa.BigInteger, nullable=False, default=0)
        for name in (
            "visits",
            "deductible_fen",
            "pool_base_fen",
            "pool_paid_fen",
            "catastrophic_base_fen",
            "cvlserv_fen",
            "hifes_fen",
            "maf_fen",
            "oth_fen",
        )
    ),
)

medical_reversal = table(
    "medical_reversal",  # messages taken back (2601), whether they had arrived or not
    sa.Column("omsgid", sa.String, primary_key=True),
    sa.Column("oinfno", sa.String(4), nullable=False),
    sa.Column("msgid", sa.String, nullable=False),
    sa.Column("psn_no", sa.String, nullable=False),
    sa.Column("at", sa.String(19), nullable=False),
    sa.Column("cancelled", sa.Boolean, nullable=False),  # whether there was a settlement to cancel
)
