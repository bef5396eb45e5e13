"""Runs, stages, agreements, confirmations, deliveries, receipts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("system", sa.String(120), nullable=False),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
        sa.Column("status", sa.String(10), nullable=False),
        *(sa.Column(f"{n}_{lang}", sa.Text, nullable=False) for n in ("whose", "message", "next") for lang in ("zh", "en")),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("born", sa.String(80), nullable=False),
    )
    op.create_index("runs_by_system", "runs", ["system", "started_at"])
    op.create_index("runs_by_status", "runs", ["status"])
    op.create_table(
        "stages",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("system", sa.String(120), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
        sa.Column("by", sa.String(120), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("stages_by_system", "stages", ["system", "id"])
    op.create_table(
        "agreements",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("dataset", sa.String(200), nullable=False),
        sa.Column("on_file", sa.Boolean, nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
        sa.Column("by", sa.String(120), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("agreements_by_dataset", "agreements", ["dataset", "id"])
    op.create_table(
        "confirmations",
        sa.Column("dataset", sa.String(200), primary_key=True),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("confirmed_at", sa.DateTime, nullable=False),
        sa.Column("changed", sa.Boolean, nullable=False),
        sa.Column("changed_at", sa.DateTime),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("resource", sa.String(80), nullable=False),
        sa.Column("dataset", sa.String(200), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("previous", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("batch", sa.String(120), nullable=False, unique=True),
        sa.Column("made_from", sa.BigInteger, nullable=False),
        sa.Column("snapshot", sa.BigInteger, nullable=False),
        sa.Column("definition", sa.String(64), nullable=False),
        *(sa.Column(n, sa.BigInteger, nullable=False) for n in ("rows", "inserted", "updated", "deleted", "total")),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("prepared_at", sa.DateTime, nullable=False),
        sa.Column("sent_at", sa.DateTime),
        sa.Column("answered_at", sa.DateTime),
        sa.Column("code", sa.String(40), nullable=False),
        *(sa.Column(n, sa.Text, nullable=False) for n in ("reason", "next_zh", "next_en")),
        sa.UniqueConstraint("resource", "sequence", name="one_package_a_number"),
    )
    op.create_index("deliveries_by_status", "deliveries", ["status"])
    op.create_table(
        "receipts",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("delivery", _NUMBER, sa.ForeignKey("deliveries.id"), nullable=False),
        sa.Column("number", sa.String(80), nullable=False),
        sa.Column("received_at", sa.DateTime, nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger),
        sa.Column("total", sa.BigInteger),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.UniqueConstraint("delivery", "number", name="one_receipt_once"),
    )


def downgrade() -> None:
    for table in ("receipts", "deliveries", "confirmations", "agreements", "stages", "runs"):
        op.drop_table(table)
