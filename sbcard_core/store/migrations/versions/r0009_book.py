"""A database says whether it is a sample: schema version 9. One of an older release is a real one.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_WHAT = "the mark of a book is immutable"


def upgrade() -> None:
    op.create_table(
        "book",
        sa.Column("book_id", sa.Integer(), sa.CheckConstraint("book_id = 1"), autoincrement=False, nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("book_id"),
    )
    op.execute("INSERT INTO book (book_id, sample) VALUES (1, false)")
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER book_refuses_{verb} BEFORE {verb.upper()} ON book "
                f"BEGIN SELECT RAISE(ABORT, '{_WHAT}'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION book_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_WHAT}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER book_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON book "
        "FOR EACH STATEMENT EXECUTE FUNCTION book_refuses()"
    )
