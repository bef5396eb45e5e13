"""One row an identity, out of the rows all its systems have of it (一数一源).

    standard.<a>, standard.<b>, …  ->  statements whose rows together are the shared record

Every field comes from the first contributor, by authority, that has a value for it. As a rule a system has an identity
once: such rows are joined, and a join that does not fit into memory goes through the disk. Identities that one system
has more than once are merged by aggregates, which cannot do that; they go in passes.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from schemas.records import SQL_TYPES, Record
from warehouse.lake import table
from warehouse.sql import columns, key_text, literal, quoted

AT_ONCE = 50_000  # rows of repeated identities that are merged in one pass

Sources = Mapping[str, set[str]]  # by authority: dataset table -> the columns it has now; a record type may have gained a field since


def statements(con: duckdb.DuckDBPyConnection, record: Record, sources: Sources) -> list[str]:
    """SELECTs of `_id`, the fields, `_source` and `_sources`; valid on this connection until it is asked for another record."""
    counted = " UNION ALL ".join(
        f"SELECT {_identity(record)} AS _id, count(*) AS times FROM {table('standard', s)} GROUP BY 1 HAVING count(*) > 1" for s in sources
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE _repeated AS SELECT _id, sum(times)::BIGINT AS times FROM ({counted}) GROUP BY _id")
    row = con.execute("SELECT coalesce(sum(times), 0)::BIGINT FROM _repeated").fetchone()
    rows = int(row[0]) if row else 0
    passes = rows // AT_ONCE + 1 if rows else 0
    return [_joined(record, sources), *(_merged(record, sources, f"hash(_id) % {passes} = {n}") for n in range(passes))]


def _identity(record: Record) -> str:
    return key_text([quoted(i) for i in record.identity])


def _joined(record: Record, sources: Sources) -> str:
    """Identities that every system has at most once."""
    names = list(sources)
    parts = [
        f"(SELECT * FROM (SELECT {_identity(record)} AS _id, _key, {columns(f for f in record.fields if f in have)}"
        f" FROM {table('standard', name)}) ANTI JOIN _repeated USING (_id)) s{n}"
        for n, (name, have) in enumerate(sources.items())
    ]
    joined = parts[0] + "".join(f"\n    FULL JOIN {part} USING (_id)" for part in parts[1:])
    there = {n: f"s{n}._key IS NOT NULL" for n in range(len(names))}
    source = "CASE " + " ".join(f"WHEN {there[n]} THEN {literal(name)}" for n, name in enumerate(names)) + " END"
    all_of = [f'CASE WHEN {there[n]} THEN struct_pack("source" := {literal(name)}, "key" := s{n}._key) END' for n, name in enumerate(names)]
    return f"""
SELECT _id, {", ".join(_first(record, f, sources) for f in record.fields)},
    {source} AS _source,
    list_filter([{", ".join(all_of)}], x -> x IS NOT NULL) AS _sources
FROM {joined}"""


def _first(record: Record, field: str, sources: Sources) -> str:
    values = [f"s{n}.{quoted(field)}" for n, have in enumerate(sources.values()) if field in have]
    made = f"coalesce({', '.join(values)})" if values else _nothing(record, field)
    return f"{made} AS {quoted(field)}"


def _merged(record: Record, sources: Sources, which: str) -> str:
    """Identities that some system has more than once, those of `which`: within a system the newest row comes first."""
    fields = list(record.fields)
    empty = ", ".join(f"{_nothing(record, f)} AS {quoted(f)}" for f in fields)
    union = "\n    UNION ALL BY NAME\n    ".join(
        f"SELECT {_identity(record)} AS _id, _key, {literal(name)} AS _source, {rank} AS _rank, {columns(f for f in fields if f in have)}"
        f" FROM {table('standard', name)}"
        for rank, (name, have) in enumerate(sources.items())
    )
    newer = f"{quoted(record.newest)} DESC NULLS LAST, " if record.newest else ""
    picked = ",\n    ".join(f"arg_min({quoted(f)}, _place) AS {quoted(f)}" for f in fields)
    return f"""
WITH rows_of_all AS (
    (SELECT NULL::VARCHAR AS _id, NULL::VARCHAR AS _key, NULL::VARCHAR AS _source, 0 AS _rank, {empty} LIMIT 0)
    UNION ALL BY NAME
    {union}),
placed AS (
    SELECT r.*, row_number() OVER (PARTITION BY _id ORDER BY _rank, {newer}_key) AS _place
    FROM rows_of_all r SEMI JOIN (SELECT _id FROM _repeated WHERE {which}) USING (_id))
SELECT _id,
    {picked},
    arg_min(_source, _place) AS _source,
    list(struct_pack("source" := _source, "key" := _key) ORDER BY _place) AS _sources
FROM placed GROUP BY _id"""


def _nothing(record: Record, field: str) -> str:
    return f"NULL::{SQL_TYPES[record.fields[field].type]}"
