"""Table of approvals: who approved which act, and how that is proved. See :mod:`.schema` for the rest."""

import sqlalchemy as sa

from sbcard_core.store.metadata import table

approval = table(
    "approval",
    sa.Column("kind", sa.String(64), primary_key=True),  # officers.Act
    sa.Column("subject", sa.String(200), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("officer", sa.String, primary_key=True),  # registered id; a typed name in rows of method "typed"
    sa.Column("on_date", sa.String(10), nullable=False),
    sa.Column("method", sa.String(16), nullable=False),  # officers.Method
    sa.Column("proof", sa.String, nullable=False),  # hex: the signature, or the SHA-256 of what names the session
)
