"""Whose an account is can be looked up: schema version 6.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    there = sa.text("account_no IS NOT NULL")
    op.create_index(
        "opening_line_by_account", "opening_line", ["account_no"], sqlite_where=there, postgresql_where=there
    )
    op.create_index("card_by_account", "card", ["account_no"])
