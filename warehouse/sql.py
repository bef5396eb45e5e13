"""Names and values as SQL text. Every identifier that is not written in our own code passes through here."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

SEPARATOR = "chr(31)"  # U+001F between the parts of a key


def quoted(name: str) -> str:
    """An identifier, quoted; a dotted name is one identifier, not a path."""
    if "\x00" in name:
        raise ValueError("an identifier cannot hold NUL")
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A value as SQL text. A parameter would do in most places, but at the first one DuckDB imports pandas: 0.2 CPU s a process."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case float() if math.isfinite(value):
            return repr(value)
        case dt.datetime():
            return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
        case dt.date():
            return f"DATE '{value.isoformat()}'"
        case str() if "\x00" in value:  # SQL text cannot hold it
            return f"({' || chr(0) || '.join(literal(part) for part in value.split(chr(0)))})"
        case str():
            return "'" + value.replace("'", "''") + "'"
    raise TypeError(f"no SQL literal for {type(value).__name__}")


def listed(values: Iterable[object]) -> str:
    """For IN; of no values nothing is in it."""
    return "(" + (", ".join(literal(v) for v in values) or "NULL") + ")"


def columns(names: Iterable[str]) -> str:
    return ", ".join(quoted(n) for n in names)


def key_text(parts: Iterable[str]) -> str:
    """One text for a key of several columns; NULL when any of them is NULL."""
    return f" || {SEPARATOR} || ".join(f"CAST({p} AS VARCHAR)" for p in parts)


def one(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """The one row a query answers with."""
    row = con.execute(sql).fetchone()
    assert row is not None
    return row


def number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The one number a query answers with; NULL and no row are 0."""
    row = con.execute(sql).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


@contextmanager
def few_rows(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """For statements over few rows with many lists in them: each `x IN (…)` of six values or more is planned as a join
    of its own, and thirty of them cost 0.4 CPU s before the first row.
    """
    import duckdb

    con.execute("SET disabled_optimizers = 'in_clause'")
    try:
        yield
    finally:
        with suppress(duckdb.TransactionException):  # one that has failed takes no more; what failed is what is to be told
            con.execute("RESET disabled_optimizers")
