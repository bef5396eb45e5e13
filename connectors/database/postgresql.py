"""PostgreSQL. Types are kept, except where a value would be lost: unlimited numbers, times, arrays and the like are text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from connectors.database.dialects import Field, boolean, number, plain, rows
from schemas.registration import Limits
from schemas.secrets import Secret

name = "postgresql"
scanner = "postgres_scanner"
query = "postgres_query"

_INTEGERS = {"smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64(), "oid": pa.int64()}
_HIGHEST = {"real": "3.4028235e38", "double precision": "1.7976931348623157e308", "numeric": "1e1000"}
_FLOATS = {"real": pa.float32(), "double precision": pa.float64()}
_BITS = 64  # from here on a bit string is no bigint, and stays a string
_TEXTS = re.compile(r"(text|character varying|name)(\(|$)")
_KNOWN_YEARS = {
    "date": ("DATE '0001-01-01'", "DATE '9999-12-31'"),
    "timestamp": ("TIMESTAMP '0001-01-01'", "TIMESTAMP '9999-12-31 23:59:59.999999'"),
    "timestamptz": ("TIMESTAMPTZ '0001-01-02 00:00:00+00'", "TIMESTAMPTZ '9999-12-30 23:59:59.999999+00'"),
}
_COLUMNS = """
    WITH RECURSIVE base AS (
        SELECT t.oid AS type, t.oid AS start, NULL::integer AS size FROM pg_type t
        UNION ALL
        SELECT t.typbasetype, b.start, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE b.size END
        FROM base b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd')
    SELECT a.attname, format_type(b.type, CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE coalesce(b.size, -1) END),
        NOT a.attnotnull, coalesce(col_description(a.attrelid, a.attnum), ''),
        coalesce(a.attnum = ANY (i.indkey), false), has_column_privilege(a.attrelid, a.attnum, 'SELECT')
    FROM pg_attribute a
    JOIN base b ON b.start = a.atttypid
    JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd'
    LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = to_regclass({table}) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum"""
_TABLES = """
    SELECT CASE WHEN n.nspname = current_schema() THEN c.relname ELSE n.nspname || '.' || c.relname END, c.reltuples::bigint
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
        AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY 1"""


def url(options: Any, secret: Secret) -> sa.URL:
    return sa.URL.create(
        "postgresql+psycopg", secret.get("user"), secret.get("password") or None, options.host, options.port or 5432, options.database
    )


def _session(options: Any, seconds: float) -> str:
    said = {
        "statement_timeout": int(seconds * 1000),
        "default_transaction_read_only": "on",
        "timezone": "UTC",
        "datestyle": "ISO",
        "intervalstyle": "iso_8601",
        "extra_float_digits": 1,
        "bytea_output": "hex",
        "lock_timeout": int(min(seconds, 60) * 1000),
    }
    if options.schema_:
        said["search_path"] = '"' + options.schema_.replace('"', '""') + '"'
    return " ".join(f"-c {k}={_escaped(str(v))}" for k, v in said.items())


def _escaped(value: str) -> str:
    return re.sub(r"([\\ ])", r"\\\1", value)


def _words(options: Any, limits: Limits, seconds: float) -> dict[str, Any]:
    wait = max(2, int(limits.timeout.total_seconds()))
    words = {
        "connect_timeout": limits.connecting,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": wait * 1000,
        "application_name": "lianshu",
        "client_encoding": "utf8",
        "options": _session(options, seconds),
    }
    if options.ssl:
        words["sslmode"] = options.ssl
    return words


def arguments(options: Any, limits: Limits, timezone: str) -> dict[str, Any]:
    del timezone
    return _words(options, limits, limits.timeout.total_seconds())


def begin(connection: sa.Connection, seconds: float) -> None:
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")


def attach(options: Any, limits: Limits, timezone: str, seconds: float) -> tuple[str, list[str]]:
    del timezone
    words = _words(options, limits, seconds)
    quoted = {k: "'" + str(v).replace("\\", "\\\\").replace("'", "\\'") + "'" for k, v in words.items()}
    return " ".join(f"{k}={v}" for k, v in quoted.items()), ["SET pg_pool_max_connections = 1"]


def fields(connection: sa.Connection, table: str) -> list[Field]:
    found = rows(connection, _COLUMNS.format(table=literal(".".join(quoted(p) for p in table.split(".")))))
    return [_field(*row[:5]) for row in found if row[5]]


def _field(column: str, kind: str, nullable: bool, title: str, key: bool) -> Field:
    q = quoted(column)
    text = f"{q}::text"
    more: dict[str, Any] = {"text": text, "nullable": nullable, "key": key, "title": title}
    if kind in _INTEGERS:
        return Field(column, kind, f"{q}::bigint" if kind == "oid" else q, _INTEGERS[kind], "number", order="value", **more)
    if kind in _FLOATS:
        return Field(column, kind, q, _FLOATS[kind], "number", order="value", highest=_HIGHEST[kind], **more)
    if sized := re.fullmatch(r"numeric\((\d+),(-?\d+)\)", kind):
        return _decimal(column, kind, int(sized[1]), int(sized[2]), more)
    if (bits := re.fullmatch(r"bit\((\d+)\)", kind)) and int(bits[1]) < _BITS:
        return Field(column, kind, f"{q}::bigint", pa.int64(), "number", order="none", **{**more, "text": f"{q}::bigint::text"})
    if kind == "boolean":
        return Field(column, kind, q, pa.bool_(), **more)
    if kind == "bytea":
        return Field(column, kind, q, pa.binary(), **more)
    if kind == "date":
        return Field(column, kind, q, pa.date32(), "day", order="value", odd=_outside(q, "date"), **more)
    if kind.startswith("timestamp"):
        zoned = kind.endswith("with time zone")
        arrow = pa.timestamp("us", "UTC" if zoned else None)
        odd = _outside(q, "timestamptz" if zoned else "timestamp")
        return Field(column, kind, q, arrow, "instant" if zoned else "moment", order="value", odd=odd, **more)
    if _TEXTS.match(kind):
        return Field(column, kind, q, pa.string(), order="text", **{**more, "text": q})
    if kind.endswith("[]"):
        return Field(column, kind, f"to_json({q})::text", pa.string(), **more)
    if kind == "numeric":
        return Field(column, kind, text, pa.string(), "number", order="value", highest=_HIGHEST[kind], **more)
    return Field(column, kind, text, pa.string(), order="text" if kind.startswith("character(") else "none", **more)


def _decimal(column: str, kind: str, precision: int, scale: int, more: dict[str, Any]) -> Field:
    q = quoted(column)
    more |= {"order": "value", "highest": _highest(precision, scale)}
    if precision > 38 or not 0 <= scale <= precision:
        return Field(column, kind, more["text"], pa.string(), "number", **more)
    return Field(column, kind, q, pa.decimal128(precision, scale), "number", odd=f"{q} = 'NaN'", **more)


def _highest(precision: int, scale: int) -> str:
    """The largest number of that type; NaN is above it."""
    nines = "9" * precision
    return f"{nines}e{-scale}"


def _outside(q: str, kind: str) -> str:
    low, high = _KNOWN_YEARS[kind]
    return f"{q} NOT BETWEEN {low} AND {high}"  # infinity, and years that only PostgreSQL knows


def tables(connection: sa.Connection) -> list[tuple[str, int | None]]:
    return [(r[0], r[1] if r[1] >= 0 else None) for r in rows(connection, _TABLES)]


def estimate(connection: sa.Connection, table: str) -> int | None:
    place = literal(".".join(quoted(p) for p in table.split(".")))
    found = rows(connection, f"SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass({place})")
    return found[0][0] if found and found[0][0] >= 0 else None


def quoted(identifier: str) -> str:
    return plain(identifier, '"')


def literal(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a NUL character cannot be compared with")
    escape = "E" if "\\" in text else ""
    return f"{escape}'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def value(field: Field, text: str) -> str:
    return f"{literal(text)}::{field.type}"


def among(field: Field, values: Sequence[str]) -> str:
    q = quoted(field.name)
    if field.type.startswith("bit("):
        q = field.select
    if field.family == "number":
        return (
            f"{q} IN ({', '.join(f'{number(v)}::numeric' if field.type not in _FLOATS else f'{number(v)}::{field.type}' for v in values)})"
        )
    if field.arrow == pa.bool_():
        return f"{q} IN ({', '.join(str(boolean(v)) for v in values)})"
    if field.family != "text" or field.text == q:
        return f"{q} IN ({', '.join(value(field, v) for v in values)})"
    return f"{field.text} IN ({', '.join(literal(v.rstrip(' ')) for v in values)})"  # a padded column's text has no padding


def shaped(column: str, digits: str) -> str:
    return f"{column}::text ~ {literal('^' + re.sub('[0-9]', '[0-9]', re.escape(digits)) + '$')}"


def clock(connection: sa.Connection) -> dt.datetime | None:
    moment: dt.datetime = rows(connection, "SELECT clock_timestamp()")[0][0]
    return moment.astimezone(dt.UTC)


def encoding(connection: sa.Connection) -> str:
    return str(rows(connection, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()")[0][0])
