"""What a person let pass."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("by", sa.String(120), nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("run", sa.String(64), nullable=False),
    )
    op.create_index("decisions_by_subject", "decisions", ["subject", "id"])


def downgrade() -> None:
    op.drop_table("decisions")
