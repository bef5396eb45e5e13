"""MySQL and MariaDB. Dates and times come as text: 0000-00-00 and 25:61 are values there."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa

from connectors.database.dialects import Family, Field, boolean, number, plain, rows
from schemas.registration import Limits
from schemas.secrets import Secret

name = "mysql"
scanner = "mysql_scanner"
query = "mysql_query"

_INTEGERS = {
    "tinyint": (pa.int8(), pa.uint8()),
    "smallint": (pa.int16(), pa.uint16()),
    "mediumint": (pa.int32(), pa.uint32()),
    "int": (pa.int32(), pa.uint32()),
    "bigint": (pa.int64(), pa.uint64()),
    "year": (pa.int16(), pa.uint16()),
}
_FAMILIES: dict[str, Family] = {"date": "day", "datetime": "moment", "timestamp": "moment"}
_BYTES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
_TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
_SPATIAL = ("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection")


def url(options: Any, secret: Secret) -> sa.URL:
    return sa.URL.create(
        "mysql+pymysql", secret.get("user"), secret.get("password") or "", options.host, options.port or 3306, options.database
    )


def _zone(timezone: str) -> str:
    """As an offset: named zones need tables that many servers have never loaded."""
    offset = dt.datetime.now(ZoneInfo(timezone)).strftime("%z")
    return f"{offset[:3]}:{offset[3:]}"


def arguments(options: Any, limits: Limits, timezone: str) -> dict[str, Any]:
    wait = max(2, int(limits.timeout.total_seconds()))
    said = f"SET time_zone = '{_zone(timezone)}', sql_mode = 'ANSI_QUOTES,NO_UNSIGNED_SUBTRACTION', net_write_timeout = 600"
    arguments: dict[str, Any] = {
        "connect_timeout": limits.connecting, "read_timeout": wait, "write_timeout": wait, "charset": "utf8mb4", "init_command": said,
    }  # fmt: skip
    if options.ssl:
        arguments["ssl"] = {"check_hostname": options.ssl == "verify-full"}
    return arguments


def begin(connection: sa.Connection, seconds: float) -> None:
    if "MariaDB" in str(rows(connection, "SELECT version()")[0][0]):
        connection.exec_driver_sql(f"SET SESSION max_statement_time = {seconds}")
    else:
        connection.exec_driver_sql(f"SET SESSION max_execution_time = {int(seconds * 1000)}")
    connection.exec_driver_sql("ROLLBACK")
    connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")


def attach(options: Any, limits: Limits, timezone: str, seconds: float) -> tuple[str, list[str]]:
    words = f"ssl_mode={options.ssl}" if options.ssl else ""
    return words, [
        "SET mysql_tinyint1_as_boolean = false",
        "SET mysql_bit1_as_boolean = false",
        f"SET mysql_session_time_zone = '{_zone(timezone)}'",
        f"SET mysql_query_timeout_max_ms = {int(seconds * 1000)}",
        "SET mysql_query_timeout_enabled = false",
        "SET mysql_pool_size = 1",
        f"SET mysql_pool_wait_timeout_millis = {int(limits.timeout.total_seconds() * 1000)}",
    ]


def _place(table: str) -> tuple[str, str]:
    schema, _, name_ = table.rpartition(".")
    return (literal(schema) if schema else "database()"), literal(name_)


def fields(connection: sa.Connection, table: str) -> list[Field]:
    schema, name_ = _place(table)
    found = rows(
        connection,
        "SELECT column_name, data_type, column_type, is_nullable, column_comment, column_key, numeric_precision, numeric_scale, collation_name"
        f" FROM information_schema.columns WHERE table_schema = {schema} AND table_name = {name_} ORDER BY ordinal_position",
    )
    return [_field(*row) for row in found]


def _field(
    column: str, kind: str, full: str, nullable: str, title: str, key: str, precision: int | None, scale: int | None, collation: str | None
) -> Field:
    q = quoted(column)
    kind, full = str(kind).lower(), str(full)
    text = f"CAST({q} AS CHAR)"
    more: dict[str, Any] = {"text": text, "nullable": nullable == "YES", "key": key == "PRI", "title": title or ""}
    if kind in _INTEGERS:
        return Field(column, full, q, _INTEGERS[kind]["unsigned" in full], "number", order="value", **more)
    if kind == "decimal":
        if precision and precision <= 38:
            return Field(column, full, q, pa.decimal128(int(precision), int(scale or 0)), "number", order="value", **more)
        return Field(column, full, text, pa.string(), "number", order="value", **more)
    if kind == "float":  # its text is not its value: no order to read on from
        return Field(column, full, f"CAST({q} AS DOUBLE)", pa.float32(), "number", **more)
    if kind == "double":
        return Field(column, full, q, pa.float64(), "number", **more)
    if kind == "bit":
        made = f"CAST({q} AS UNSIGNED)"
        return Field(column, full, made, pa.uint64(), "number", **{**more, "text": f"CAST({made} AS CHAR)"})
    if kind in _BYTES:
        return Field(column, full, q, pa.binary(), **more)
    if kind in _TEXTS and collation is not None:
        return Field(column, full, q, pa.string(), order="text", **{**more, "text": q})
    if kind in _SPATIAL:
        return Field(column, full, f"ST_AsText({q})", pa.string(), **more)
    family = _FAMILIES.get(kind, "text")
    return Field(column, full, text, pa.string(), family, order="value" if kind in _FAMILIES else "none", **more)


def tables(connection: sa.Connection) -> list[tuple[str, int | None]]:
    found = rows(
        connection, "SELECT table_name, table_rows FROM information_schema.tables WHERE table_schema = database() ORDER BY table_name"
    )
    return [(r[0], None if r[1] is None else int(r[1])) for r in found]


def estimate(connection: sa.Connection, table: str) -> int | None:
    schema, name_ = _place(table)
    found = rows(connection, f"SELECT table_rows FROM information_schema.tables WHERE table_schema = {schema} AND table_name = {name_}")
    return int(found[0][0]) if found and found[0][0] is not None else None


def quoted(identifier: str) -> str:
    return plain(identifier, "`")


def literal(text: str) -> str:
    """As bytes: no setting of the server changes what they mean."""
    if text.isascii() and text.isprintable() and not set(text) & {"'", "\\"}:
        return f"'{text}'"
    return f"CONVERT(x'{text.encode().hex()}' USING utf8mb4)"


def value(field: Field, text: str) -> str:
    if field.family == "number":
        return number(text)
    return literal(text)


def among(field: Field, values: Sequence[str]) -> str:
    """Text exactly as it is: a collation may count upper and lower case, or ß and ss, as one."""
    q = quoted(field.name)
    if field.family == "number":
        as_number = [str(int(boolean(v))) if field.type == "tinyint(1)" and v.strip().lower() in ("true", "false") else v for v in values]
        return f"{q} IN ({', '.join(map(number, as_number))})"
    said = ", ".join(literal(v) for v in values)
    if field.order == "text":
        return f"{q} IN ({said}) AND CONVERT({q} USING utf8mb4) COLLATE utf8mb4_bin IN ({said})"
    return f"{q if field.family != 'text' else field.text} IN ({said})"


def shaped(column: str, digits: str) -> str:
    return f"{column} REGEXP {literal('^' + re.sub('[0-9]', '[0-9]', re.escape(digits)) + '$')}"


def clock(connection: sa.Connection) -> dt.datetime | None:
    moment = rows(connection, "SELECT CAST(utc_timestamp(6) AS CHAR)")[0][0]
    return dt.datetime.fromisoformat(str(moment)).replace(tzinfo=dt.UTC)


def encoding(connection: sa.Connection) -> str:
    return str(rows(connection, "SELECT @@character_set_database")[0][0])
