"""Tables of the far sides in PostgreSQL and SQLite: loaded whole, then changed row by row.

    Arrow table  ->  CREATE TABLE, COPY or executemany      before, after  ->  the rows that differ

Names are as the far side writes them, upper case included. Nothing is declared unique: front-end tables are not.
"""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from schemas.registration import Dataset

PIECE = 50_000  # rows


class Store(Protocol):
    """One system's tables."""

    def load(self, name: str, table: pa.Table, dataset: Dataset) -> None: ...

    def change(self, name: str, dataset: Dataset, difference: Difference) -> None: ...


class Difference:
    """What to do to a table so that it holds what it should: rows added, keys whose rows are exchanged."""

    def __init__(self, dataset: Dataset, before: pa.Table, after: pa.Table) -> None:
        self.columns = [f for f in after.schema if f.name not in before.column_names]
        if dataset.reading.marks:  # rows are only ever added, at the end
            self.keys, self.rows = after.slice(0, 0), after.slice(before.num_rows)
            return
        key = list(dataset.reading.key)
        old, new = _differing(_texts(before, before.column_names), _texts(after, before.column_names))
        touched = pa.concat_tables([before.filter(old).select(key), after.filter(new).select(key)])
        self.keys = touched.group_by(key, use_threads=False).aggregate([])
        self.rows = after.filter(pc.is_in(_texts(after, key), _texts(self.keys, key)))

    def __bool__(self) -> bool:
        return bool(self.columns or self.keys.num_rows or self.rows.num_rows)


def _differing(old: pa.Array, new: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Which rows of the two sides stand there more often on one of them; copies are counted."""
    codes = pa.chunked_array([old, new]).combine_chunks().dictionary_encode().indices.to_numpy()
    before, after = codes[: len(old)], codes[len(old) :]
    size = int(codes.max()) + 1 if len(codes) else 0
    uneven = np.bincount(before, minlength=size) != np.bincount(after, minlength=size)
    return pa.array(uneven[before], pa.bool_()), pa.array(uneven[after], pa.bool_())


def _texts(table: pa.Table, columns: Sequence[str]) -> pa.Array:
    """One text a row, NULL told apart from empty."""
    if not table.num_rows:
        return pa.array([], pa.string())
    parts = [pc.cast(table[c], pa.string()) for c in columns]
    return pa.chunked_array(
        [pc.binary_join_element_wise(*parts, "\x1f", null_handling="replace", null_replacement="\x00").combine_chunks()]
    ).combine_chunks()


class Postgres:
    """A database of one system; the demo writes as its owner, the hub reads as a role."""

    def __init__(self, connection: psycopg.Connection[Any], role: str) -> None:
        self.connection = connection
        self.role = role

    def load(self, name: str, table: pa.Table, dataset: Dataset) -> None:
        run = self.connection.execute
        columns = ", ".join(f"{_q(f.name)} {_postgres_type(f.type)}" for f in table.schema)
        run(f"DROP TABLE IF EXISTS {_q(name)}")
        run(f"CREATE TABLE {_q(name)} ({columns})")
        self._copy(name, table)
        run(f"GRANT SELECT ON {_q(name)} TO {_q(self.role)}")
        changes = dataset.reading.marks
        if changes and changes.receipt:
            run(f"GRANT UPDATE ({_q(changes.receipt)}) ON {_q(name)} TO {_q(self.role)}")
        moved = changes.at if changes else dataset.reading.cursor
        if moved:
            run(f"CREATE INDEX ON {_q(name)} ({_q(moved)})")
        run(f"ANALYZE {_q(name)}")

    def change(self, name: str, dataset: Dataset, difference: Difference) -> None:
        with self.connection.transaction():
            for field in difference.columns:
                self.connection.execute(f"ALTER TABLE {_q(name)} ADD COLUMN {_q(field.name)} {_postgres_type(field.type)}")
            if difference.keys.num_rows:
                same = " AND ".join(f"{_q(k)} IS NOT DISTINCT FROM %s" for k in dataset.reading.key)
                with self.connection.cursor() as cursor:
                    cursor.executemany(f"DELETE FROM {_q(name)} WHERE {same}", list(_rows(difference.keys)))
            self._copy(name, difference.rows)

    def _copy(self, name: str, table: pa.Table) -> None:
        names = ", ".join(_q(c) for c in table.column_names)
        plain = csv.WriteOptions(include_header=False)
        with self.connection.cursor() as cursor, cursor.copy(f"COPY {_q(name)} ({names}) FROM STDIN (FORMAT csv)") as copy:
            for start in range(0, table.num_rows, PIECE):
                out = io.BytesIO()
                csv.write_csv(table.slice(start, PIECE), out, plain)
                copy.write(out.getvalue())


class Sqlite:
    """A SQLite file of one system."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True)

    def load(self, name: str, table: pa.Table, dataset: Dataset) -> None:
        with self._open() as connection, connection:
            columns = ", ".join(f"{_q(f.name)} {_sqlite_type(f.type)}" for f in table.schema)
            connection.execute(f"DROP TABLE IF EXISTS {_q(name)}")
            connection.execute(f"CREATE TABLE {_q(name)} ({columns})")
            self._insert(connection, name, table)
            moved = dataset.reading.marks.at if dataset.reading.marks else dataset.reading.cursor
            if moved:
                connection.execute(f"CREATE INDEX {_q(name + ' moved')} ON {_q(name)} ({_q(moved)})")
            if dataset.reading.key:
                keys = ", ".join(_q(k) for k in dataset.reading.key)
                connection.execute(f"CREATE INDEX {_q(name + ' key')} ON {_q(name)} ({keys})")

    def change(self, name: str, dataset: Dataset, difference: Difference) -> None:
        with self._open() as connection, connection:
            for field in difference.columns:
                connection.execute(f"ALTER TABLE {_q(name)} ADD COLUMN {_q(field.name)} {_sqlite_type(field.type)}")
            same = " AND ".join(f"{_q(k)} IS ?" for k in dataset.reading.key)
            connection.executemany(f"DELETE FROM {_q(name)} WHERE {same}", _rows(difference.keys))
            self._insert(connection, name, difference.rows)

    def _open(self) -> closing[sqlite3.Connection]:
        connection = sqlite3.connect(self.file, timeout=30)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        return closing(connection)

    def _insert(self, connection: sqlite3.Connection, name: str, table: pa.Table) -> None:
        names = ", ".join(_q(c) for c in table.column_names)
        marks = ", ".join("?" * table.num_columns)
        connection.executemany(f"INSERT INTO {_q(name)} ({names}) VALUES ({marks})", _rows(table))


def _rows(table: pa.Table) -> Any:
    """Rows as plain values that any driver takes; times and dates as texts."""
    columns = [_plain(table[c]) for c in table.column_names]
    return zip(*columns, strict=True)


def _plain(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        return list(pc.strftime(column.cast(pa.timestamp("s"), safe=False), "%Y-%m-%d %H:%M:%S").to_pylist())
    if pa.types.is_date(column.type) or pa.types.is_decimal(column.type):
        return list(column.cast(pa.string()).to_pylist())
    return list(column.to_pylist())


def _postgres_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "timestamp(0)"
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision}, {kind.scale})"
    if pa.types.is_integer(kind):
        return "integer" if kind.bit_width <= 32 else "bigint"
    return "double precision" if pa.types.is_floating(kind) else "boolean" if pa.types.is_boolean(kind) else "varchar"


def _sqlite_type(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return "INTEGER"
    return "REAL" if pa.types.is_floating(kind) else "TEXT"


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
