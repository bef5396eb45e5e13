"""Which rows and which cells of a shared record leave in a resource. Decided a cell at a time, by who gave it.

    shared.<record> at a version, `_sources`, `_from`  ->  the rows of one resource, unmasked cells of others left out

A row leaves in the resource of its first contributor that may leave, and in that of a dataset whose field has an
authority of its own and which gave the field. In it go the cells of that dataset, and those of others whose own permission
covers what is promised for this resource (`schemas.permission.against_carrying`). For any other cell the next contributor
that may is asked; without one the cell is empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from schemas.city import City
from schemas.permission import against_carrying, against_leaving, against_sharing
from schemas.registration import System
from schemas.said import Said
from warehouse.golden import turn
from warehouse.identity import Orders, contributors, orders
from warehouse.lake import table
from warehouse.sql import columns, listed, literal, quoted

LAYOUT = 1  # raise it when the same rows would leave otherwise


@dataclass(frozen=True)
class Cells:
    """Who may give what to one resource; dataset tables throughout."""

    table: str  # whose resource it is
    leaving: tuple[str, ...]  # datasets of the record that may leave, by authority
    carried: tuple[str, ...]  # those whose cells may leave in this resource
    orders: Orders  # by field with an authority of its own, over all contributors


def cells_of(city: City, system: System, name: str, agreed: frozenset[str]) -> Cells:
    record = system.datasets[name].record or ""
    own = system.table(name)
    leaving, carried = [], []
    for other, n, _ in city.contributors(record):
        if not against_leaving(other, n, agreed):
            leaving.append(other.table(n))
            if not against_carrying(other, n, system, name):
                carried.append(other.table(n))
    return Cells(own, tuple(leaving), tuple(carried or [own]), orders(city, record, contributors(city, record, agreed)))


def lacking(con: duckdb.DuckDBPyConnection, record: str, version: int) -> bool:
    """Whether the shared record at that version does not say yet who gave which field."""
    described = con.execute(f"FROM {_shared(record, version)} LIMIT 0").description or []
    return "_from" not in {d[0] for d in described}


def carries(cells: Cells) -> str:
    """The condition, over a shared record, for its row to leave in this resource."""
    first = f"list_filter(_sources, x -> x.source IN {listed(cells.leaving)})[1].source"
    own = literal(cells.table)
    decided = f"CASE WHEN _source IN {listed(cells.leaving)} THEN _source ELSE {first} END = {own}"
    given = [f"({quoted(f)} IS NOT NULL AND {_giver(f)} = {own})" for f in cells.orders]
    return f"coalesce({' OR '.join([decided, *given])}, false)"


def rows(con: duckdb.DuckDBPyConnection, record: str, cells: Cells, fields: list[str], version: int) -> str:
    """SQL for the resource's rows at that version: `_id` and the fields, none that may not leave.

    Valid on this connection until it is asked for another version or resource of the same.
    """
    shared = _shared(record, version)
    partly = f"_partly_{version}"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE {partly} AS
        SELECT _id, _source, _sources, _from, {columns(fields)} FROM {shared}
        WHERE {carries(cells)} AND NOT {_whole(cells)}""")
    whole = f"SELECT _id, {columns(fields)} FROM {shared} WHERE {carries(cells)} AND {_whole(cells)}"
    found = con.execute(f"SELECT count(*) FROM {partly}").fetchone()
    if not found or not found[0]:
        return whole
    others = _others(con, cells, fields, version, partly)
    shown = ", ".join(_cell(f, cells, others is not None) for f in fields)
    joined = f"{partly} p LEFT JOIN ({others}) o ON o._id = p._id" if others else f"{partly} p"
    return f"{whole} UNION ALL SELECT p._id, {shown} FROM {joined}"


def _shared(record: str, version: int) -> str:
    return f"{table('shared', record)} AT (VERSION => {version})"


def _whole(cells: Cells) -> str:
    """Every cell of the row is its first contributor's, and that may give: so it is for nearly all rows."""
    return f"(_from IS NULL AND _source IN {listed(cells.carried)})"


def _giver(field: str) -> str:
    return f"(CASE WHEN _from IS NULL THEN _source ELSE _sources[coalesce(_from[{literal(field)}], 1)].source END)"


def _cell(field: str, cells: Cells, others: bool) -> str:
    instead = f" ELSE o.{quoted(field)}" if others else ""
    return f"CASE WHEN {_giver(field)} IN {listed(cells.carried)} THEN p.{quoted(field)}{instead} END AS {quoted(field)}"


def _others(con: duckdb.DuckDBPyConnection, cells: Cells, fields: list[str], version: int, partly: str) -> str | None:
    """What the contributors that may give have themselves for these rows, the first by authority: accepted rows at that version."""
    places = f"SELECT _id, unnest(_sources) AS s, generate_subscripts(_sources, 1) AS place FROM {partly}"
    parts, have = [], set()
    for name in cells.carried:
        accepted, at = table("standard", name), f"AT (VERSION => {version})"
        there = _columns(con, f"{accepted} {at}")
        if there:
            shown = [f for f in fields if f in there]
            have |= set(shown)
            parts.append(
                f"SELECT p._id, {literal(name)} AS _source, p.place AS _place{''.join(f', t.{quoted(f)}' for f in shown)}"
                f" FROM ({places}) p JOIN {accepted} AS t {at} ON t._key = p.s.key WHERE p.s.source = {literal(name)}"
            )
    if not parts:
        return None
    picked = [
        f"arg_min({quoted(f)}, {turn(cells.orders[f]) if f in cells.orders else '_place'}) AS {quoted(f)}" if f in have
        else f"NULL AS {quoted(f)}"
        for f in fields
    ]  # fmt: skip
    return f"SELECT _id, {', '.join(picked)} FROM ({' UNION ALL BY NAME '.join(parts)}) GROUP BY _id"


def _columns(con: duckdb.DuckDBPyConnection, relation: str) -> set[str]:
    try:
        return {d[0] for d in con.execute(f"FROM {relation} LIMIT 0").description or []}
    except duckdb.CatalogException:  # a contributor that has not been accepted yet
        return set()


def described(cells: Cells) -> Mapping[str, object]:
    """What of this enters a package's definition: with another of these the platform's copy is of another kind."""
    return {"layout": LAYOUT, "leaving": cells.leaving, "carried": cells.carried, "orders": dict(cells.orders)}


def of_others(city: City, systems: Sequence[System]) -> list[Said]:
    """What a reader of these registrations must know: columns of their resources that only another dataset has.

    Every agreement counts as on file here; what is said holds at most.
    """
    every = frozenset(s.table(n) for s in city for n in s.datasets)
    found = []
    for system in systems:
        for name, dataset in system.datasets.items():
            if dataset.record and not against_leaving(system, name, every):
                for other, n, theirs in city.contributors(dataset.record):
                    shared = {f for f, spec in city.records[dataset.record].fields.items() if spec.share != "no"}
                    fields = sorted(shared & (set(theirs.fields) - set(dataset.fields)))
                    if fields and not against_sharing(other, n, every):
                        found.append(_said(f"{system.path}/{name}", f"{other.path}/{n}", fields, _against(other, n, system, name, every)))
    return found


def _against(other: System, n: str, system: System, name: str, agreed: frozenset[str]) -> Said:
    return against_leaving(other, n, agreed) or against_carrying(other, n, system, name)


def _said(resource: str, giver: str, fields: list[str], why: Said) -> Said:
    zh, en = "、".join(fields), ", ".join(fields)
    if why:
        return Said(
            f"提示：{resource} 的资源中 {zh} 只有 {giver} 提供，{why.zh}，报送时留空",
            f"note: in the resource of {resource}, {en} come only from {giver}; {why.en}, so they leave empty",
        )
    return Said(
        f"提示：{resource} 的资源会带上 {giver} 的 {zh}；如不应一并提供，请在登记中调整两者的共享条件",
        f"note: the resource of {resource} carries {en} of {giver}; if it should not, change how either is shared",
    )
