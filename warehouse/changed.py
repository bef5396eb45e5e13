"""Which keys of a table have changed between two versions of the lake, both sides of a change.

    standard.<dataset> or shared.<record>, since a version  ->  the keys to be looked at again

From DuckLake's own change feed. It says which keys, never what they became: compaction may tell an update as a deletion
and an insertion, which is the same set of keys.
"""

from __future__ import annotations

import duckdb

from warehouse.sql import literal, number, quoted

LISTED = 1_000  # so many keys are written into a query, where they prune what is read


def keys_since(con: duckdb.DuckDBPyConnection, schema: str, name: str, shown: str, since: int, now: int) -> str | None:
    """SELECT of `shown` over every version, old and new, of a row that changed after `since`, up to `now`.

    None when that cannot be told any more: the version has expired, or the table is another of its name.
    """
    if since == now:
        return f"SELECT {shown} FROM {quoted(schema)}.{quoted(name)} WHERE false"
    found = con.execute(f"""
        SELECT (SELECT count(*) FROM __ducklake_metadata_lake.ducklake_snapshot WHERE snapshot_id = {since}), min(begin_snapshot)
        FROM __ducklake_metadata_lake.ducklake_table
        WHERE table_id = (
            SELECT t.table_id FROM __ducklake_metadata_lake.ducklake_table t
            JOIN __ducklake_metadata_lake.ducklake_schema s ON s.schema_id = t.schema_id
            WHERE t.end_snapshot IS NULL AND s.end_snapshot IS NULL
                AND t.table_name = {literal(name)} AND s.schema_name = {literal(schema)})""").fetchone()
    if not found or not found[0] or found[1] is None or found[1] > since:
        return None
    feed = f"ducklake_table_changes('lake', {literal(schema)}, {literal(name)}, {since + 1}, {now})"
    return f"SELECT {shown} FROM {feed}"


def within(con: duckdb.DuckDBPyConnection, keys: str, column: str = "_id") -> str:
    """The condition that a column is one of the keys of a temporary table `keys`; few of them are written out."""
    if number(con, f"SELECT count(*) FROM {keys}") <= LISTED:
        found = ", ".join(literal(k) for (k,) in con.execute(f"SELECT _id FROM {keys} WHERE _id IS NOT NULL").fetchall())
        return f"{quoted(column)} IN ({found or 'NULL'})"
    return f"{quoted(column)} IN (SELECT _id FROM {keys})"
