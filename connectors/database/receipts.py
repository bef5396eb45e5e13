"""Tell a front-end table which rows have been landed: its row status becomes `taken`. A connection of its own, the only one that writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from connectors.database.dialects import path, rows
from connectors.database.reach import Reach
from connectors.database.window import all_of
from schemas.registration import Dataset


def write_receipts(database: Reach, dataset: Dataset, notes: Mapping[str, Any]) -> None:
    """Rows of the landed window that are not marked yet; a second call finds none left.

    When the window holds more rows now than were read, one was committed late: nothing is marked, and the next sync,
    which reads the window again, marks it. A row that is marked may be cleared away by the far side.
    """
    dialect, read = database.dialect, dataset.reading
    changes = read.changes
    assert changes is not None
    assert changes.receipt is not None
    assert read.table is not None
    url, arguments = dialect.url(database.options, database.secret), _writable(database)
    engine = sa.create_engine(url, connect_args=arguments, poolclass=NullPool, hide_parameters=True)
    if dialect.name == "sqlite":
        engine = sa.create_engine(url.set(query={"mode": "rw", "uri": "true"}), connect_args=arguments, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            told = {f.name: f for f in dialect.fields(connection, read.table)}
            at, status = told[changes.at], told[changes.receipt]
            when, receipt = dialect.quoted(at.name), dialect.quoted(status.name)
            taken = dialect.value(status, changes.taken) if status.family == "number" else dialect.literal(changes.taken)
            window = [f"{when} <= {dialect.value(at, notes['upto'])}"]
            if notes.get("from") is not None:
                window.append(f"{when} >= {dialect.value(at, notes['from'])}")
            table = path(dialect, read.table)
            there = rows(connection, f"SELECT count(*) FROM {table}{all_of(window)}")[0][0]
            if there > notes.get("rows", there):
                return
            unmarked = [*window, f"({receipt} IS NULL OR {receipt} <> {taken})"]
            connection.execution_options(no_parameters=True).exec_driver_sql(f"UPDATE {table} SET {receipt} = {taken}{all_of(unmarked)}")
    finally:
        engine.dispose()


def _writable(database: Reach) -> dict[str, Any]:
    arguments = database.dialect.arguments(database.options, database.limits, database.system.timezone)
    if "options" in arguments:
        arguments["options"] = arguments["options"].replace("default_transaction_read_only=on", "default_transaction_read_only=off")
    return arguments
