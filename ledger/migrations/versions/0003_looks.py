"""How the last look at each dataset ended."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "looks",
        sa.Column("dataset", sa.String(200), primary_key=True),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("looked_at", sa.DateTime, nullable=False),
        sa.Column("failed", sa.String(10), nullable=False),
        sa.Column("since", sa.DateTime),
        *(sa.Column(f"{word}_{language}", sa.Text, nullable=False) for word in ("whose", "message", "next") for language in ("zh", "en")),
        sa.Column("remarks", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("looks")
