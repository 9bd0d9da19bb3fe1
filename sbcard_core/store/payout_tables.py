"""Tables of payouts: rolls, who approved them, what was sent and what came back. See :mod:`.schema` for the rest."""

import sqlalchemy as sa

from sbcard_core.store.metadata import table

payout_roll = table(
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

payout_roll_line = table(
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
        *("payout_roll_line_held", "person_id"),
        sqlite_where=sa.text("state = 12"),
        postgresql_where=sa.text("state = 12"),
    ),
    sa.Index(
        *("payout_roll_line_died", "person_id"),
        sqlite_where=sa.text("state = 52"),
        postgresql_where=sa.text("state = 52"),
    ),
    sa.Index(
        *("payout_roll_line_item", "person_id", "item"),
        sqlite_where=sa.text("item <> ''"),
        postgresql_where=sa.text("item <> ''"),
    ),
)

payout_objection = table(
    "payout_objection",
    sa.Column("roll_id", sa.Integer, primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("raised_by", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("on_date", sa.String(10), nullable=False),
    sa.ForeignKeyConstraint(("roll_id", "line"), ("payout_roll_line.roll_id", "payout_roll_line.line")),
)

payout_standing = table(
    "payout_standing",  # what the caller told of a person, where the registry does not know it
    sa.Column("person_id", sa.Integer, sa.ForeignKey("person.person_id"), primary_key=True),
    sa.Column("living", sa.SmallInteger, nullable=False),  # values.LifeStatus, AAC060
    sa.Column("died_on", sa.String(10)),
    sa.Column("bank", sa.String(3)),  # with account_no and account_state: instead of the registry's cards
    sa.Column("account_no", sa.String),
    sa.Column("account_state", sa.SmallInteger),  # values.CardState
    sa.Column("told_on", sa.String(10), nullable=False),
    sa.Index(
        *("payout_standing_by_account", "account_no"),
        sqlite_where=sa.text("account_no IS NOT NULL"),
        postgresql_where=sa.text("account_no IS NOT NULL"),
    ),
)

payout_death = table(
    "payout_death",  # a death reported, corrected or withdrawn: events, of which the last one holds
    sa.Column("event_id", sa.Integer, primary_key=True),
    sa.Column("person_id", sa.Integer, sa.ForeignKey("person.person_id"), nullable=False),
    sa.Column("died_on", sa.String(10)),  # null: withdrawn
    sa.Column("decision", sa.String, nullable=False),  # number of the decision; empty for a first report
    sa.Column("on_date", sa.String(10), nullable=False),
    sa.Index("payout_death_by_person", "person_id"),
)

payout_hold = table(
    "payout_hold",
    sa.Column("hold_id", sa.Integer, primary_key=True),
    sa.Column("person_id", sa.Integer, sa.ForeignKey("person.person_id"), nullable=False),
    sa.Column("programme", sa.String, nullable=False),
    sa.Column("since", sa.String(10), nullable=False),  # first day of the first period not paid
    sa.Column("until", sa.String(10)),  # first day of the first period paid again; null: still suspended
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("on_date", sa.String(10), nullable=False),
    sa.Index("payout_hold_by_programme", "programme", "person_id"),
)

payout_batch = table(
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

payout_line = table(
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
    # In the order of insertion. An index by person would be rewritten whole by every batch of a large roll; whoever
    # looks for a person starts at the claims of the rolls.
    sa.Index("payout_line_by_roll", "roll_id", "roll_line"),
    # What still asks for work: few lines, whatever the table's size.
    sa.Index(
        *("payout_line_open", "state", "batch_no"),
        sqlite_where=sa.text("state IN (21, 30)"),
        postgresql_where=sa.text("state IN (21, 30)"),
    ),
)

payout_answer = table(
    "payout_answer",  # every answer of a bank that was taken, so that a second delivery is recognised
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("batch_no", sa.String, sa.ForeignKey("payout_batch.batch_no"), nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("file", sa.String, nullable=False),
    sa.Column("read_on", sa.String(10), nullable=False),
)

payout_recovery = table(
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
    sa.Column("withdrawn_on", sa.String(10)),
    sa.Column("decision", sa.String),  # number of the decision that withdrew it
    sa.Column("by_death", sa.Boolean, nullable=False),  # opened because of a death; else by officers
    sa.ForeignKeyConstraint(("batch_no", "seq"), ("payout_line.batch_no", "payout_line.seq")),
    sa.Index("payout_recovery_by_programme", "programme", "mode"),
    sa.Index("payout_recovery_by_line", "batch_no", "seq"),
)

payout_recovery_entry = table(
    "payout_recovery_entry",
    sa.Column("recovery_id", sa.String, sa.ForeignKey("payout_recovery.recovery_id"), primary_key=True),
    sa.Column("reference", sa.String, primary_key=True),  # the roll line it was kept back from, or the payer's own
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("on_date", sa.String(10), nullable=False),
    sa.Column("source", sa.SmallInteger, nullable=False),  # payout.RecoverySource
    sa.Column("decision", sa.String),  # number of the decision under which heirs paid
    sa.Column("undone_on", sa.String(10)),  # it counts no more: owed to the person again, or never due
    sa.Index("payout_recovery_entry_by_reference", "reference"),
)
