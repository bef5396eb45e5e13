"""One row an identity, out of the rows all its systems have of it (一数一源).

    standard.<a>, standard.<b>, …  ->  statements whose rows together are the shared record

Every field comes from the first contributor, by authority, that has a value for it: by the authority of the field where
it has one of its own, otherwise by that of the record. As a rule a system has an identity once: such rows are joined, and
a join that does not fit into memory goes through the disk. Identities that one system has more than once are merged by
aggregates, which cannot do that; they go in passes.

`_sources` lists the rows an identity was made of; `_from` says which of them gave a field, as its place in that list.
A field that is not in `_from` came from the first, or has no value.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from schemas.records import SQL_TYPES, Record
from warehouse.identity import Orders, key_of
from warehouse.lake import table
from warehouse.sql import columns, literal, quoted

AT_ONCE = 50_000  # rows of repeated identities that are merged in one pass
FROM = "MAP(VARCHAR, INTEGER)"
_BEFORE_ALL = 1_000_000_000  # a rank outweighs every place within an identity

Sources = Mapping[str, set[str]]  # by authority: dataset table -> the columns it has now; a record type may have gained a field since


def statements(
    con: duckdb.DuckDBPyConnection, record: Record, sources: Sources, orders: Orders | None = None, *, only: str = ""
) -> list[str]:
    """SELECTs of `_id`, the fields, `_source`, `_sources` and `_from`; valid on this connection until it is asked for another record.

    `only`: a condition over the record's fields that the rows of every contributor must meet.
    """
    rows = {s: _rows(s, only) for s in sources}
    counted = " UNION ALL ".join(
        f"SELECT {key_of(record)} AS _id, count(*) AS times FROM {r} GROUP BY 1 HAVING count(*) > 1" for r in rows.values()
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE _repeated AS SELECT _id, sum(times)::BIGINT AS times FROM ({counted}) GROUP BY _id")
    row = con.execute("SELECT coalesce(sum(times), 0)::BIGINT FROM _repeated").fetchone()
    repeated = int(row[0]) if row else 0
    passes = repeated // AT_ONCE + 1 if repeated else 0
    orders = {f: orders[f] if orders and f in orders else tuple(sources) for f in record.fields}
    return [
        _joined(record, sources, orders, rows),
        *(_merged(record, sources, orders, rows, f"hash(_id) % {passes} = {n}") for n in range(passes)),
    ]


def _rows(source: str, only: str) -> str:
    return f"(SELECT * FROM {table('standard', source)} WHERE {only})" if only else table("standard", source)


def _joined(record: Record, sources: Sources, orders: Orders, rows: Mapping[str, str]) -> str:
    """Identities that every system has at most once."""
    alias = {name: f"s{n}" for n, name in enumerate(sources)}
    parts = [
        f"(SELECT * FROM (SELECT {key_of(record)} AS _id, _key, {columns(f for f in record.fields if f in have)}"
        f" FROM {rows[name]}) ANTI JOIN _repeated USING (_id)) {alias[name]}"
        for name, have in sources.items()
    ]
    joined = parts[0] + "".join(f"\n    FULL JOIN {part} USING (_id)" for part in parts[1:])
    there = {name: f"{s}._key IS NOT NULL" for name, s in alias.items()}
    source = "CASE " + " ".join(f"WHEN {is_there} THEN {literal(name)}" for name, is_there in there.items()) + " END"
    all_of = [
        f'CASE WHEN {is_there} THEN struct_pack("source" := {literal(name)}, "key" := {alias[name]}._key) END'
        for name, is_there in there.items()
    ]
    values = {f: [f"{alias[name]}.{quoted(f)}" for name in orders[f] if f in sources[name]] for f in record.fields}
    first = ", ".join(f"{_first(record, f, v)} AS {quoted(f)}" for f, v in values.items())
    return f"""
SELECT * EXCLUDE (_given), {_as_map("_given")} AS _from
FROM (
    SELECT _id, {first},
        {source} AS _source,
        list_filter([{", ".join(all_of)}], x -> x IS NOT NULL) AS _sources,
        {_given_joined(sources, orders, alias, there)} AS _given
    FROM {joined})"""


def _first(record: Record, field: str, values: list[str]) -> str:
    return f"coalesce({', '.join(values)})" if values else _nothing(record, field)


def _given_joined(sources: Sources, orders: Orders, alias: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Which fields another row than the first has given, as entries (field, place); looked into only where there are several."""
    names = list(sources)
    place = {name: " + ".join(f"({there[earlier]})::INTEGER" for earlier in names[: n + 1]) for n, name in enumerate(names)}
    entries = []
    for field, order in orders.items():
        having = [name for name in order if field in sources[name]]
        if having and having != names[:1]:
            whens = " ".join(f"WHEN {alias[name]}.{quoted(field)} IS NOT NULL THEN {place[name]}" for name in having)
            entries.append(_entry(field, f"CASE {whens} END"))
    if not entries or len(names) == 1:
        return _NOT_GIVEN
    return f"CASE WHEN {place[names[-1]]} > 1 THEN list_filter([{', '.join(entries)}], x -> x.value > 1) END"


def _merged(record: Record, sources: Sources, orders: Orders, rows: Mapping[str, str], which: str) -> str:
    """Identities that some system has more than once, those of `which`: within a system the newest row comes first."""
    fields = list(record.fields)
    empty = ", ".join(f"{_nothing(record, f)} AS {quoted(f)}" for f in fields)
    union = "\n    UNION ALL BY NAME\n    ".join(
        f"SELECT {key_of(record)} AS _id, _key, {literal(name)} AS _source, {rank} AS _rank, {columns(f for f in fields if f in have)}"
        f" FROM {rows[name]}"
        for rank, (name, have) in enumerate(sources.items())
    )
    newer = f"{quoted(record.newest)} DESC NULLS LAST, " if record.newest else ""
    by = {f: "_place" if orders[f] == tuple(sources) else turn(orders[f]) for f in fields}
    picked = ",\n        ".join(f"arg_min({quoted(f)}, {by[f]}) AS {quoted(f)}" for f in fields)
    given = ", ".join(_entry(f, f"arg_min(CASE WHEN {quoted(f)} IS NOT NULL THEN _place END, {by[f]})") for f in fields)
    return f"""
WITH rows_of_all AS (
    (SELECT NULL::VARCHAR AS _id, NULL::VARCHAR AS _key, NULL::VARCHAR AS _source, 0 AS _rank, {empty} LIMIT 0)
    UNION ALL BY NAME
    {union}),
placed AS (
    SELECT r.*, (row_number() OVER (PARTITION BY _id ORDER BY _rank, {newer}_key))::INTEGER AS _place
    FROM rows_of_all r SEMI JOIN (SELECT _id FROM _repeated WHERE {which}) USING (_id)),
made AS (
    SELECT _id,
        {picked},
        arg_min(_source, _place) AS _source,
        list(struct_pack("source" := _source, "key" := _key) ORDER BY _place) AS _sources,
        list_filter([{given}], x -> x.value > 1) AS _given
    FROM placed GROUP BY _id)
SELECT * EXCLUDE (_given), {_as_map("_given")} AS _from
FROM made"""


def turn(order: tuple[str, ...]) -> str:
    """What decides among the rows of an identity for a field with an order of its own: the source's rank, then the row's place."""
    whens = " ".join(f"WHEN {literal(name)} THEN {rank}" for rank, name in enumerate(order))
    return f"(CASE _source {whens} END)::BIGINT * {_BEFORE_ALL} + _place"


_NOT_GIVEN = 'NULL::STRUCT("key" VARCHAR, "value" INTEGER)[]'


def _entry(field: str, place: str) -> str:
    return f'struct_pack("key" := {literal(field)}, "value" := {place})'


def _as_map(entries: str) -> str:
    return f"CASE WHEN len({entries}) > 0 THEN map_from_entries({entries}) END"


def _nothing(record: Record, field: str) -> str:
    return f"NULL::{SQL_TYPES[record.fields[field].type]}"
