"""Several platforms; withdrawals and their reasons; receipts that are not ours; copies that have parted; epochs.

What was delivered before went to the one platform there was, named province.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_RECEIPT = (
    ("id", _NUMBER, False),
    ("delivery", _NUMBER, False),
    ("number", sa.String(80), False),
    ("received_at", sa.DateTime, False),
    ("status", sa.String(10), False),
    ("code", sa.String(40), False),
    ("text", sa.Text, False),
    ("rows", sa.BigInteger, True),
    ("total", sa.BigInteger, True),
    ("sha256", sa.String(64), False),
)


def upgrade() -> None:
    with _receipts_aside(), op.batch_alter_table("deliveries") as deliveries:
        deliveries.add_column(sa.Column("platform", sa.String(40), nullable=False, server_default="province"))
        for name, kind in (("entry", sa.String(64)), ("because_zh", sa.Text), ("because_en", sa.Text)):
            deliveries.add_column(sa.Column(name, kind, nullable=False, server_default=""))
        deliveries.drop_constraint("one_package_a_number", type_="unique")
        deliveries.create_unique_constraint("one_package_a_number", ["platform", "resource", "sequence"])
    op.execute("UPDATE deliveries SET code = 'RECALLED' WHERE code = 'WITHDRAWN' AND status = 'refused'")
    op.create_table(
        "strays",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("delivery", _NUMBER, sa.ForeignKey("deliveries.id"), nullable=False),
        sa.Column("number", sa.String(80), nullable=False),
        sa.Column("received_at", sa.DateTime, nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("delivery", "number", name="one_stray_once"),
    )
    op.create_table(
        "partings",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("platform", sa.String(40), nullable=False),
        sa.Column("resource", sa.String(80), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("found_at", sa.DateTime, nullable=False),
        sa.Column("because_zh", sa.Text, nullable=False),
        sa.Column("because_en", sa.Text, nullable=False),
    )
    op.create_index("partings_by_resource", "partings", ["platform", "resource", "sequence"])
    op.create_table(
        "epochs",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("platform", sa.String(40), nullable=False),
        sa.Column("epoch", sa.String(16), nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
    )
    op.create_index("epochs_by_platform", "epochs", ["platform", "id"])


@contextmanager
def _receipts_aside() -> Iterator[None]:
    """SQLite changes a constraint by making the table anew, and will not drop one that receipts point to."""
    if op.get_bind().dialect.name != "sqlite":
        yield
        return
    names = ", ".join(f'"{name}"' for name, _, _ in _RECEIPT)
    op.execute("CREATE TABLE receipts_aside AS SELECT * FROM receipts")
    op.drop_table("receipts")
    yield
    op.create_table(
        "receipts",
        *(
            sa.Column(
                name, kind, *([sa.ForeignKey("deliveries.id")] if name == "delivery" else []), nullable=empty, primary_key=name == "id"
            )
            for name, kind, empty in _RECEIPT
        ),
        sa.UniqueConstraint("delivery", "number", name="one_receipt_once"),
    )
    op.execute(f"INSERT INTO receipts ({names}) SELECT {names} FROM receipts_aside")
    op.drop_table("receipts_aside")


def downgrade() -> None:
    """Raises IntegrityError where two platforms have been delivered to: the older ledger knows one."""
    for table in ("epochs", "partings", "strays"):
        op.drop_table(table)
    with _receipts_aside(), op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_constraint("one_package_a_number", type_="unique")
        for name in ("platform", "entry", "because_zh", "because_en"):
            deliveries.drop_column(name)
        deliveries.create_unique_constraint("one_package_a_number", ["resource", "sequence"])
