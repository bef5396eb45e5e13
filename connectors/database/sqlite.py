"""SQLite. A column's type is a wish there, so everything comes as exact text, and bytes as bytes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import sqlalchemy as sa

from connectors.database.dialects import Field, plain, rows
from schemas.registration import Limits
from schemas.secrets import Secret

name = "sqlite"
scanner = "sqlite_scanner"
query = "sqlite_query"


def url(options: Any, secret: Secret) -> sa.URL:
    del secret
    return sa.URL.create("sqlite", database=f"file:{quote(options.file or '')}", query={"mode": "ro", "uri": "true"})


def arguments(options: Any, limits: Limits, timezone: str) -> dict[str, Any]:
    del timezone
    if not Path(options.file or "").is_file():
        raise FileNotFoundError(options.file)
    return {"timeout": limits.timeout.total_seconds(), "check_same_thread": False}


def begin(connection: sa.Connection, seconds: float) -> None:
    del seconds
    connection.exec_driver_sql("PRAGMA query_only = ON")
    connection.exec_driver_sql("BEGIN")
    connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1")  # from here on one state is seen


def attach(options: Any, limits: Limits, timezone: str, seconds: float) -> tuple[str, list[str]]:
    del limits, timezone, seconds
    return str(options.file), []


def fields(connection: sa.Connection, table: str) -> list[Field]:
    found = rows(connection, f'SELECT name, type, "notnull", pk FROM pragma_table_xinfo({literal(table)}) WHERE hidden <> 1')
    return [_field(*row) for row in found]


def _field(column: str, declared: str, notnull: int, pk: int) -> Field:
    q = quoted(column)
    kind = declared or "(none)"
    more: dict[str, Any] = {"nullable": not notnull, "key": bool(pk)}
    if re.search(r"blob|binary", declared, re.IGNORECASE):
        made = f"CASE WHEN {q} IS NOT NULL THEN hex({q}) END"
        return Field(column, kind, made, pa.binary(), text=made, hexed=True, **more)
    real = f"CASE WHEN CAST(CAST({q} AS TEXT) AS REAL) = {q} THEN CAST({q} AS TEXT) ELSE printf('%!.17g', {q}) END"  # 15 digits are what SQLite writes; 17 are needed for some
    text = f"CASE typeof({q}) WHEN 'real' THEN {real} WHEN 'blob' THEN 'x''' || hex({q}) || '''' ELSE CAST({q} AS TEXT) END"
    return Field(column, kind, text, pa.string(), text=text, order="text", **more)


def tables(connection: sa.Connection) -> list[tuple[str, int | None]]:
    found = rows(
        connection, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1"
    )
    return [(r[0], None) for r in found]


def estimate(connection: sa.Connection, table: str) -> int | None:
    """The largest row number: never too small for a table, not known for a view."""
    try:
        found = rows(connection, f"SELECT max(_rowid_) FROM {quoted(table)}")
    except sa.exc.DBAPIError:
        return None
    return int(found[0][0] or 0) if isinstance(found[0][0], int | None) else None


def quoted(identifier: str) -> str:
    return plain(identifier, '"')


def literal(text: str) -> str:
    if "\x00" in text:
        return f"CAST(x'{text.encode().hex()}' AS TEXT)"
    return "'" + text.replace("'", "''") + "'"


def value(field: Field, text: str) -> str:
    """As text: SQLite compares it as a number where the column is one. A column without a type keeps numbers as they are."""
    if field.type == "(none)" and re.fullmatch(r"-?\d+(\.\d+)?", text):
        return text
    return literal(text)


def among(field: Field, values: Sequence[str]) -> str:
    """As text, and where a number is stored, as a number: 1 is 1.0."""
    q = quoted(field.name)
    numbers_ = ", ".join(v for v in values if re.fullmatch(r"[+-]?\d+(\.\d+)?", v))
    as_text = f"{field.text} IN ({', '.join(map(literal, values))})"
    return f"({as_text} OR (typeof({q}) IN ('integer', 'real') AND {q} IN ({numbers_})))" if numbers_ else as_text


def shaped(column: str, digits: str) -> str:
    """Numbers among them are no text: SQLite orders them apart, below every text."""
    return f"(typeof({column}) = 'text' AND {column} GLOB {literal(re.sub('[0-9]', '[0-9]', digits))})"


def numbers(connection: sa.Connection, table: str, column: str) -> bool:
    """Whether every value there is a number, which SQLite compares as one."""
    kinds = {row[0] for row in rows(connection, f"SELECT DISTINCT typeof({column}) FROM {table}")}
    return kinds <= {"integer", "real", "null"} and kinds != {"null"}


def clock(connection: sa.Connection) -> dt.datetime | None:
    del connection  # it is ours
    return None


def encoding(connection: sa.Connection) -> str:
    return str(rows(connection, "PRAGMA encoding")[0][0])
