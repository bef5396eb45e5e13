"""Accepted rows of all systems become one table a record type: the shared dataset.

    standard.* of one record type  ->  shared.<record>, one row an identity   (一数一源: the authority decides, others fill gaps)
    shared.*                       ->  shared.<derived>, plain SQL

Written as a minimal difference, never dropped or replaced: the province would get no deletions otherwise. A record
type that would shrink beyond its guard stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from schemas.city import City
from schemas.records import SQL_TYPES, Derived, Record
from warehouse import golden, made
from warehouse.changed import keys_since, within
from warehouse.delta import KIND, Delta, apply, compared, grow, staged, standing
from warehouse.identity import contributors, key_of, key_of_derived, orders
from warehouse.lake import Lake, table
from warehouse.made import Made
from warehouse.sql import columns, listed, number, quoted

LAYOUT = 2  # raise it when the same rows would make another shared table
SHRINK = 0.2  # a shared record type never loses more than a fifth of its rows in one step without a person's word
_SMALL = 50


Standing = Mapping[str, Made]  # by name: the newest entry
Seen = dict[int, tuple[Standing, Standing]]  # by version of the lake: what stood in standard and in shared


@dataclass(frozen=True, kw_only=True)
class Prepared(Delta):
    """The next state of one shared or derived table."""

    kind: Literal["shared", "derived"]
    columns: dict[str, str]
    made_from: dict[str, int]
    before: int
    withdrawn: int = 0  # of the deleted, rows that only datasets had which their registration now keeps out
    snapshot: int  # the version of the lake it was worked out from; 0 for a derived table

    @property
    def refused(self) -> bool:
        lost = self.deleted - self.withdrawn - self.inserted
        return self.kind == "shared" and self.before > _SMALL and lost > self.before * SHRINK


def inputs(city: City, record: str, done: dict[str, Made], agreed: frozenset[str] = frozenset()) -> dict[str, int]:
    return {t: done[t].state for t in contributors(city, record, agreed) if t in done}


def due(lake: Lake, city: City, agreed: frozenset[str] = frozenset(), *, full: bool = False) -> dict[str, dict[str, int]]:
    """Record types whose contributors have changed, or whose definition has, each with the states it is to be made from."""
    standard, shared = made.newest(lake, "standard"), made.newest(lake, "shared")
    wanted = {}
    for name, record in city.records.items():
        made_from = inputs(city, name, standard, agreed)
        last = shared.get(name)
        if (made_from or last) and (
            full or last is None or last.made_from != made_from or last.definition != _definition(city, record, made_from)
        ):
            wanted[name] = made_from
    return wanted


def _definition(city: City, record: Record, made_from: dict[str, int]) -> str:
    return made.fingerprint(LAYOUT, record, list(made_from), orders(city, record.name, list(made_from)))


def prepare_record(
    lake: Lake, city: City, name: str, made_from: dict[str, int], folder: Path, *, full: bool = False, seen: Seen | None = None
) -> Prepared:
    """Compare the next state of a shared record with what is there; writes files only. `made_from` as `due` said it.

    Only identities that a contributor has touched since the last time are made anew, unless `full`, or that cannot be
    told, or they are many. Everything is read at one version of the lake, which the next time starts from. `seen` keeps
    what stood at a version, for the record types that follow.
    """
    con = lake.cursor()
    con.execute("BEGIN")  # every read below sees this one version
    try:
        at = number(con, "FROM ducklake_current_snapshot('lake')")
        seen = {} if seen is None else seen
        if at not in seen:
            seen[at] = made.newest(lake, "standard", con), made.newest(lake, "shared", con)
        return _prepare_record(lake, con, city, name, made_from, folder, at, seen[at], full=full)
    finally:
        con.execute("ROLLBACK")


def _prepare_record(
    lake: Lake, con: duckdb.DuckDBPyConnection, city: City, name: str, made_from: dict[str, int], folder: Path,
    at: int, stood: tuple[Standing, Standing], *, full: bool,
) -> Prepared:  # fmt: skip
    record = city.records[name]
    standard, last = stood[0], stood[1].get(name)
    made_from = {t: standard[t].state for t in made_from}
    types = {
        "_id": "VARCHAR",
        **{n: SQL_TYPES[f.type] for n, f in record.fields.items()},
        "_source": "VARCHAR",
        "_sources": 'STRUCT("source" VARCHAR, "key" VARCHAR)[]',
        "_from": golden.FROM,
    }
    definition = _definition(city, record, made_from)
    few = not full and last is not None and last.definition == definition and _touched(con, record, made_from, last, at)
    sources = {t: set(lake.columns("standard", t)) for t in made_from}
    ranked = orders(city, name, list(made_from))
    if few and last and not number(con, "SELECT count(*) FROM _touched"):
        return Prepared(
            station="shared",
            table=name,
            definition=definition,
            rows="",
            kind="shared",
            columns=types,
            made_from=made_from,
            before=last.rows,
            snapshot=at,
        )
    bodies = golden.statements(con, record, sources, ranked, only=_only(con, record) if few else "") if sources else [_none(types)]
    which = within(con, "_touched") if few else ""
    next_ = Next("shared", name, types, bodies, made_from, definition, at, which)
    return _compare(lake, con, next_, folder, withdrawn=_withdrawn(city, last, made_from))


MOST = 20  # more than one identity in so many touched: all of them are made anew


def _touched(con: duckdb.DuckDBPyConnection, record: Record, made_from: dict[str, int], last: Made, at: int) -> bool:
    """Fill `_touched` with the identities whose contributors have changed since; False when that is not known, or not little."""
    if not last.snapshot or set(last.made_from) != set(made_from):
        return False
    shown = f"{key_of(record)} AS _id, CAST({quoted(record.identity[0])} AS VARCHAR) AS _first"
    feeds = [keys_since(con, "standard", t, shown, last.snapshot, at) for t, state in made_from.items() if last.made_from[t] != state]
    if any(feed is None for feed in feeds):
        return False
    nothing = "SELECT NULL::VARCHAR AS _id, NULL::VARCHAR AS _first WHERE false"
    con.execute(f"CREATE OR REPLACE TEMP TABLE _touched AS SELECT DISTINCT * FROM ({' UNION ALL '.join([nothing, *map(str, feeds)])})")
    return number(con, "SELECT count(*) FROM _touched") * MOST <= last.rows


def _only(con: duckdb.DuckDBPyConnection, record: Record) -> str:
    """The condition that a contributor's row belongs to a touched identity, said so that few row groups are read for it."""
    first = record.identity[0]
    exact = f"{key_of(record)} IN (SELECT _id FROM _touched)"
    if SQL_TYPES[record.fields[first].type] != "VARCHAR":
        return exact
    con.execute("CREATE OR REPLACE TEMP TABLE _firsts AS SELECT DISTINCT _first AS _id FROM _touched")
    pruned = within(con, "_firsts", first)
    return pruned if len(record.identity) == 1 else f"{pruned} AND {exact}"


def _withdrawn(city: City, last: Made | None, made_from: dict[str, int]) -> list[str]:
    """Contributors of the last time whose registration now keeps them out: what only they had goes by decision, not by accident."""
    gone = set(last.made_from) - set(made_from) if last else set()
    return sorted(t for s in city for n in s.datasets if (t := s.table(n)) in gone)


def prepare_derived(lake: Lake, derived: Derived, sql: str, states: dict[str, int], folder: Path) -> Prepared:
    """Compute a derived table from the shared tables as they are now. `states` as `due_derived` said them."""
    types = {"_id": "VARCHAR", **{n: SQL_TYPES[c.type] for n, c in derived.columns.items()}}
    body = f"SELECT {key_of_derived(derived)} AS _id, {columns(derived.columns)} FROM (\n{sql.strip().rstrip(';')}\n)"
    next_ = Next("derived", derived.name, types, [body], states, made.fingerprint(derived, sql), 0)
    return _compare(lake, lake.cursor(), next_, folder)


def made_so_far(lake: Lake) -> tuple[Standing, Standing]:
    """What stands in shared: record types, and derived tables."""
    return made.newest(lake, "shared"), made.newest(lake, "derived")


def due_derived(derived: Derived, sql: str, so_far: tuple[Standing, Standing], *, full: bool = False) -> dict[str, int] | None:
    """The states it is to be made from when a table it uses, or its definition, has changed; otherwise None.

    A derived table waits until all that it uses have been shared once.
    """
    shared, others = so_far
    states = {u: (shared.get(u) or others.get(u) or Made()).state for u in derived.uses}
    last = others.get(derived.name)
    same = last is not None and last.made_from == states and last.definition == made.fingerprint(derived, sql)
    return states if all(states.values()) and (full or not same) else None


def _none(types: dict[str, str]) -> str:
    return f"SELECT {', '.join(f'NULL::{t} AS {quoted(n)}' for n, t in types.items())} LIMIT 0"


@dataclass(frozen=True)
class Next:
    """What a shared table is to be, not compared yet."""

    kind: Literal["shared", "derived"]
    name: str
    types: dict[str, str]
    bodies: list[str]  # SELECTs whose rows together are the next state, or that part of it which `which` names
    made_from: dict[str, int]
    definition: str
    snapshot: int
    which: str = ""  # a condition on `_id`; every other row stays as it is


def _compare(lake: Lake, con: duckdb.DuckDBPyConnection, next_: Next, folder: Path, *, withdrawn: Sequence[str] = ()) -> Prepared:
    name, types = next_.name, next_.types
    cast = ", ".join(f"CAST({quoted(c)} AS {t}) AS {quoted(c)}" for c, t in types.items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE _next ({', '.join(f'{quoted(c)} {t}' for c, t in types.items())})")
    for body in next_.bodies:
        con.execute(f"INSERT INTO _next SELECT {cast} FROM ({body}\n)")
    count, keys = con.execute("SELECT count(*), count(DISTINCT hash(_id)) FROM _next").fetchone() or (0, 0)
    if count != keys:
        raise RuntimeError(f"shared.{name}: {count} rows for {keys} identities")
    have = lake.columns("shared", name)
    current = standing("shared", name, have, types, next_.which)
    only = f"t._id IS NOT NULL AND len(list_filter(t._sources, x -> x.source NOT IN {listed(withdrawn)})) = 0" if withdrawn else "false"
    fields = [c for c in types if c != "_id"]
    select = compared(
        "_next", current, fields, key="_id", whole=True, also=f"{only} AS _withdrawn", with_old=["_sources"] if withdrawn else []
    )
    rows, counts = staged(con, select, folder / f"{next_.kind}.{name}.parquet")
    con.execute("DROP TABLE _next")
    return Prepared(
        station="shared", table=name, definition=next_.definition, rows=rows, **counts, kind=next_.kind, columns=types,
        made_from=next_.made_from, snapshot=next_.snapshot,
        before=number(con, f"SELECT count(*) FROM {table('shared', name)}") if have else 0,
        withdrawn=number(con, f"SELECT count(*) FROM {rows} WHERE _withdrawn AND {KIND} = 'D'") if withdrawn else 0,
    )  # fmt: skip


def write(tx: duckdb.DuckDBPyConnection, prepared: Prepared, run: str, so_far: made.Numbers | None = None) -> None:
    """Apply one table's changes in the caller's transaction. `so_far`: the numbers of its station, where many are written."""
    grow(tx, "shared", prepared.table, prepared.columns)
    apply(tx, prepared, key="_id", leave=["_withdrawn"])
    made.append(
        tx,
        prepared.kind,
        prepared.table,
        run,
        made_from=prepared.made_from,
        definition=prepared.definition,
        rows=prepared.before + prepared.inserted - prepared.deleted,
        inserted=prepared.inserted,
        updated=prepared.updated,
        deleted=prepared.deleted,
        snapshot=prepared.snapshot,
        so_far=so_far,
    )
