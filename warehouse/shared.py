"""Accepted rows of all systems become one table a record type: the shared dataset.

    standard.* of one record type  ->  shared.<record>, one row an identity   (一数一源: the authority decides, others fill gaps)
    shared.*                       ->  shared.<derived>, plain SQL

Written as a minimal difference, never dropped or replaced: the province would get no deletions otherwise. A record
type that would shrink beyond its guard stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from schemas.city import City
from schemas.records import SQL_TYPES, Derived, Record
from warehouse import golden, made
from warehouse.identity import contributors, key_of_derived, orders
from warehouse.lake import Lake, table
from warehouse.made import Made
from warehouse.sql import columns, literal, quoted

LAYOUT = 2  # raise it when the same rows would make another shared table
SHRINK = 0.2  # a shared record type never loses more than a fifth of its rows in one step without a person's word
_SMALL = 50


@dataclass(frozen=True)
class Prepared:
    """The next state of one shared table, as a file of changes."""

    station: str  # shared or derived
    name: str
    columns: dict[str, str]
    path: Path
    made_from: dict[str, int]
    definition: str
    inserted: int
    updated: int
    deleted: int
    before: int

    @property
    def refused(self) -> bool:
        return self.station == "shared" and self.before > _SMALL and self.deleted - self.inserted > self.before * SHRINK


def inputs(city: City, record: str, done: dict[str, Made], agreed: frozenset[str] = frozenset()) -> dict[str, int]:
    return {t: done[t].state for t in contributors(city, record, agreed) if t in done}


def due(lake: Lake, city: City, agreed: frozenset[str] = frozenset()) -> dict[str, dict[str, int]]:
    """Record types whose contributors have changed, or whose definition has, each with the states it is to be made from."""
    standard, shared = made.newest(lake, "standard"), made.newest(lake, "shared")
    wanted = {}
    for name, record in city.records.items():
        made_from = inputs(city, name, standard, agreed)
        last = shared.get(name)
        if (made_from or last) and (last is None or last.made_from != made_from or last.definition != _definition(record, made_from)):
            wanted[name] = made_from
    return wanted


def _definition(record: Record, made_from: dict[str, int]) -> str:
    return made.fingerprint(LAYOUT, record, list(made_from))


def prepare_record(lake: Lake, city: City, name: str, made_from: dict[str, int], folder: Path) -> Prepared:
    """Compare the next state of a shared record with what is there; writes files only. `made_from` as `due` said it."""
    record = city.records[name]
    types = {
        "_id": "VARCHAR",
        **{n: SQL_TYPES[f.type] for n, f in record.fields.items()},
        "_source": "VARCHAR",
        "_sources": 'STRUCT("source" VARCHAR, "key" VARCHAR)[]',
        "_from": golden.FROM,
    }
    con = lake.cursor()
    sources = {t: set(lake.columns("standard", t)) for t in made_from}
    bodies = golden.statements(con, record, sources, orders(city, name, list(made_from))) if sources else [_none(types)]
    return _compare(lake, con, "shared", name, types, bodies, folder, made_from, _definition(record, made_from))


def prepare_derived(lake: Lake, derived: Derived, sql: str, states: dict[str, int], folder: Path) -> Prepared:
    """Compute a derived table from the shared tables as they are now. `states` as `due_derived` said them."""
    types = {"_id": "VARCHAR", **{n: SQL_TYPES[c.type] for n, c in derived.columns.items()}}
    body = f"SELECT {key_of_derived(derived)} AS _id, {columns(derived.columns)} FROM (\n{sql.strip().rstrip(';')}\n)"
    con = lake.cursor()
    return _compare(lake, con, "derived", derived.name, types, [body], folder, states, made.fingerprint(derived, sql))


def due_derived(lake: Lake, derived: Derived, sql: str) -> dict[str, int] | None:
    """The states it is to be made from when a table it uses, or its definition, has changed; otherwise None.

    A derived table waits until all that it uses have been shared once.
    """
    shared, others = made.newest(lake, "shared"), made.newest(lake, "derived")
    states = {u: (shared.get(u) or others.get(u) or Made()).state for u in derived.uses}
    last = others.get(derived.name)
    same = last is not None and last.made_from == states and last.definition == made.fingerprint(derived, sql)
    return states if all(states.values()) and not same else None


def _none(types: dict[str, str]) -> str:
    return f"SELECT {', '.join(f'NULL::{t} AS {quoted(n)}' for n, t in types.items())} LIMIT 0"


def _compare(
    lake: Lake,
    con: duckdb.DuckDBPyConnection,
    station: str,
    name: str,
    types: dict[str, str],
    bodies: list[str],
    folder: Path,
    made_from: dict[str, int],
    definition: str,
) -> Prepared:
    path = folder / f"{station}.{name}.parquet"
    cast = ", ".join(f"CAST({quoted(c)} AS {t}) AS {quoted(c)}" for c, t in types.items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE _next ({', '.join(f'{quoted(c)} {t}' for c, t in types.items())})")
    for body in bodies:
        con.execute(f"INSERT INTO _next SELECT {cast} FROM ({body}\n)")
    count, keys = con.execute("SELECT count(*), count(DISTINCT hash(_id)) FROM _next").fetchone()
    if count != keys:
        raise RuntimeError(f"shared.{name}: {count} rows for {keys} identities")
    have = lake.columns("shared", name)
    lacking = "".join(f", NULL::{t} AS {quoted(c)}" for c, t in types.items() if c not in have)
    current = f"(SELECT *{lacking} FROM {table('shared', name)})" if have else f"({_none(types)})"
    here, there = (f"hash({', '.join(f'{side}.{quoted(c)}' for c in types)})" for side in ("n", "t"))
    con.execute(f"""
        COPY (
            SELECT {", ".join(f"n.{quoted(c)}" for c in types if c != "_id")}, coalesce(n._id, t._id) AS _id,
                CASE WHEN t._id IS NULL THEN 'I' WHEN n._id IS NULL THEN 'D' ELSE 'U' END AS _kind
            FROM _next n FULL JOIN {current} t ON n._id = t._id
            WHERE n._id IS NULL OR t._id IS NULL OR {here} <> {there}
        ) TO {literal(str(path))} (COMPRESSION zstd, COMPRESSION_LEVEL 1)""")
    con.execute("DROP TABLE _next")
    counts = dict(con.execute(f"SELECT _kind, count(*) FROM read_parquet({literal(str(path))}) GROUP BY ALL").fetchall())
    row = con.execute(f"SELECT count(*) FROM {table('shared', name)}").fetchone() if have else (0,)
    return Prepared(
        station, name, types, path, made_from, definition,
        counts.get("I", 0), counts.get("U", 0), counts.get("D", 0), int(row[0]) if row else 0,
    )  # fmt: skip


def write(tx: duckdb.DuckDBPyConnection, prepared: Prepared, run: str) -> None:
    """Apply one table's changes in the caller's transaction."""
    name, target = prepared.name, table("shared", prepared.name)
    found = tx.execute(
        f"SELECT column_name FROM duckdb_columns() WHERE database_name = 'lake' AND schema_name = 'shared' AND table_name = {literal(name)}"
    )
    have = {r[0] for r in found.fetchall()}
    if not have:
        tx.execute(f"CREATE TABLE {target} ({', '.join(f'{quoted(c)} {t}' for c, t in prepared.columns.items())})")
    else:
        for column, kind in prepared.columns.items():
            if column not in have:
                tx.execute(f"ALTER TABLE {target} ADD COLUMN {quoted(column)} {kind}")
    staged = f"read_parquet({literal(str(prepared.path))})"
    if prepared.updated or prepared.deleted:
        tx.execute(f"DELETE FROM {target} WHERE _id IN (SELECT _id FROM {staged} WHERE _kind <> 'I')")
    if prepared.inserted or prepared.updated:
        tx.execute(f"INSERT INTO {target} BY NAME SELECT * EXCLUDE (_kind) FROM {staged} WHERE _kind <> 'D'")
    made.append(
        tx,
        prepared.station,
        name,
        run,
        made_from=prepared.made_from,
        definition=prepared.definition,
        rows=prepared.before + prepared.inserted - prepared.deleted,
        inserted=prepared.inserted,
        updated=prepared.updated,
        deleted=prepared.deleted,
    )
