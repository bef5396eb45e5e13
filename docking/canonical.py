r"""The form in which rows are hashed, so that both sides come to the same number whatever database holds them.

    a row        row_key and the fields in their order, joined by U+001F; NULL is \N, a backslash is doubled, U+001F is \u
    row_hash     SHA-256 of that, hex
    a batch      SHA-256 over op_type || row_hash of every row, sorted, without separators; a D has NULL in every field
    a copy       SHA-256 over row_hash of every row, sorted, without separators

Dates are 2026-11-25, times 2026-11-25 10:00:00.000000, decimals have their two places, booleans are 1 and 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import duckdb
import pyarrow as pa

from warehouse.sql import quoted

_ROWS = 100_000


def row_hash(columns: Mapping[str, str]) -> str:
    """SQL for DuckDB: the hash of a row with `row_key` and these columns {name: SQL type}."""
    parts = ["row_key", *(_text(quoted(name), kind) for name, kind in columns.items())]
    return f"sha256(concat_ws(chr(31), {', '.join(parts)}))"


def _text(column: str, kind: str) -> str:
    match kind:
        case "VARCHAR":
            plain = f"replace(replace({column}, '\\', '\\\\'), chr(31), '\\u')"
        case "TIMESTAMP":
            plain = f"strftime({column}, '%Y-%m-%d %H:%M:%S.%f')"
        case "BOOLEAN":
            plain = f"CASE WHEN {column} THEN '1' WHEN NOT {column} THEN '0' END"
        case _:
            plain = f"CAST({column} AS VARCHAR)"
    return f"coalesce({plain}, '\\N')"


def digest(con: duckdb.DuckDBPyConnection, query: str) -> str:
    """SHA-256 over the one text column of a query, which must be sorted and without NULL."""
    total = hashlib.sha256()
    for texts in _texts(con.execute(query).to_arrow_reader(_ROWS)):
        total.update(texts)
    return total.hexdigest()


def _texts(batches: Iterable[pa.RecordBatch]) -> Iterable[memoryview]:
    """The characters of a text column as they lie in memory, one after the other."""
    for batch in batches:
        column = batch.column(0).cast(pa.large_string())
        if len(column):
            _, offsets, characters = column.buffers()
            places = memoryview(offsets).cast("q")
            yield memoryview(characters)[places[column.offset] : places[column.offset + len(column)]]
