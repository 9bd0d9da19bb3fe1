"""What a death did is a code of its own, not the text of a reason: schema version 12.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("premium_bill", sa.Column("death_on", sa.String(length=10), nullable=True))
    op.execute(
        "UPDATE premium_bill SET death_on = substr(reason, 1, 10) WHERE state = 40 AND reason LIKE '____-__-__ 死亡'"
    )
    op.drop_index("payout_roll_line_removed", "payout_roll_line")
    op.execute("UPDATE payout_roll_line SET state = 52 WHERE state = 51 AND reason = 'death'")
    died = sa.text("state = 52")
    op.create_index(
        *("payout_roll_line_died", "payout_roll_line", ["person_id"]),
        unique=False,
        sqlite_where=died,
        postgresql_where=died,
    )
    with op.batch_alter_table("payout_recovery") as recovery:
        recovery.add_column(sa.Column("by_death", sa.Boolean(), nullable=True))
    op.execute("UPDATE payout_recovery SET by_death = (reason = 'death' AND recovery_id LIKE 'death:%')")
    with op.batch_alter_table("payout_recovery") as recovery:
        recovery.alter_column("by_death", existing_type=sa.Boolean(), nullable=False)
