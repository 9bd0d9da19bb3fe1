"""An order is answered by several back-files: schema version 11.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "production_result",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("order_no", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("read_on", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(["order_no"], ["production_order.order_no"]),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.execute(
        "INSERT INTO production_result (sha256, order_no, file, read_on) "
        "SELECT back_sha256, order_no, '', returned_on FROM production_order WHERE back_sha256 IS NOT NULL"
    )
    with op.batch_alter_table("production_order") as order:
        order.drop_column("back_sha256")
