"""Cards not made and cards lost for a time are found without reading all others: schema version 13.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, column, where in (
        ("card_unmade", "person_id", "made_on IS NULL"),
        ("card_app_lost", "card_no", "app_state = 4"),
        ("card_account_lost", "card_no", "account_state = 4"),
    ):
        op.create_index(name, "card", [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
