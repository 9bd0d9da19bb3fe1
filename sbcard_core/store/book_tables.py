"""The mark of a database: sample or real, made with its tables. See :mod:`.schema` for the rest."""

import sqlalchemy as sa

from sbcard_core.store.metadata import table

book = table(
    "book",  # one row; the database itself refuses to change or to remove it
    sa.Column("book_id", sa.Integer, sa.CheckConstraint("book_id = 1"), primary_key=True, autoincrement=False),
    sa.Column("sample", sa.Boolean, nullable=False),  # for demonstrations and tests: made-up tables may be used
)
