"""The tables of a platform's front-end database (前置库).

    exchange_batch              one row a batch, written last: what was sent, and what became of it
    exchange_catalogue          the catalogue entry of each resource
    exchange_receipt            what the platform answers
    exchange_<resource>         the rows, with batch, op_type, op_time, row_key, row_hash, row_status

Only a batch whose row stands there has been sent. Its sha256 tells whose it is: a number may have been given twice.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from docking.resources import slug

NEW, TAKEN, REFUSED = "0", "1", "3"  # row_status and batch_status: 0 new, 1 taken, 3 refused

TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "VARCHAR": sa.Text(),
    "BIGINT": sa.BigInteger(),
    "DECIMAL(18, 2)": sa.Numeric(18, 2).with_variant(sa.Text(), "sqlite"),  # SQLite would make a float of it
    "DATE": sa.Date().with_variant(sa.Text(), "sqlite"),
    "TIMESTAMP": sa.DateTime().with_variant(sa.Text(), "sqlite"),
    "BOOLEAN": sa.Boolean().with_variant(sa.Integer(), "sqlite"),
}
_TIME = sa.DateTime().with_variant(sa.Text(), "sqlite")

tables = sa.MetaData()
batches = sa.Table(
    "exchange_batch",
    tables,
    sa.Column("batch", sa.String(120), primary_key=True),
    sa.Column("resource", sa.String(80), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("previous", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    *(sa.Column(n, sa.BigInteger, nullable=False) for n in ("row_count", "inserted", "updated", "deleted", "total")),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("columns", sa.Text, nullable=False),  # JSON list of names, in the order they are hashed
    sa.Column("op_time", _TIME, nullable=False),
    sa.Column("batch_status", sa.String(1), nullable=False),
    sa.Column("err_code", sa.String(40)),
    sa.Column("err_msg", sa.Text),
)
catalogue = sa.Table(
    "exchange_catalogue",
    tables,
    sa.Column("resource", sa.String(80), primary_key=True),
    sa.Column("entry", sa.Text, nullable=False),
)
receipts = sa.Table(
    "exchange_receipt",
    tables,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("batch", sa.String(120), nullable=False),
    sa.Column("status", sa.String(1), nullable=False),
    sa.Column("code", sa.String(40), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("row_count", sa.BigInteger),
    sa.Column("total", sa.BigInteger),
    sa.Column("sha256", sa.String(64)),
    sa.Column("received_at", sa.DateTime, nullable=False),  # UTC
)


def rows_table(resource: str, columns: dict[str, str]) -> sa.Table:
    """The table of one resource; `columns` {name: SQL type} are its shared fields."""
    return sa.Table(
        f"exchange_{slug(resource)}",
        sa.MetaData(),
        sa.Column("batch", sa.String(120), nullable=False, index=True),
        sa.Column("op_type", sa.String(1), nullable=False),
        sa.Column("op_time", _TIME, nullable=False),
        sa.Column("row_key", sa.String(64), nullable=False),
        sa.Column("row_hash", sa.String(64), nullable=False),
        sa.Column("row_status", sa.String(1), nullable=False),
        *(sa.Column(name, TYPES[kind]) for name, kind in columns.items()),
    )
