"""What every station was made from: hub.made. A station is due when its input has changed or its definition differs.

number  grows with every entry of a station; the newest is the largest number, never the latest clock
state   the number at which rows last changed; this is what later stations compare
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
from pydantic import BaseModel

from warehouse.lake import Lake
from warehouse.sql import literal


@dataclass(frozen=True)
class Made:
    """The newest entry of one station and name."""

    number: int = 0
    state: int = 0
    run: str = ""
    made_from: dict[str, int] = field(default_factory=dict)
    definition: str = ""
    rows: int = 0
    snapshot: int = 0  # the version of the lake it was worked out from; 0 where that was not noted


def newest(lake: Lake, station: str, con: duckdb.DuckDBPyConnection | None = None) -> dict[str, Made]:
    """Every name of a station with its newest entry; as a transaction sees it when `con` is in one.

    Asked ten times by a publish, mostly of a lake that has not changed meanwhile: what was found is kept until it has.
    """
    key, at = f"made.newest {station}", lake.snapshot() if con is None else 0
    if con is None and key in lake.known and lake.known[key][0] == at:
        return dict(lake.known[key][1])
    found = (con or lake.ask).execute(f"SELECT name, arg_max(m, number) FROM hub.made m WHERE station = {literal(station)} GROUP BY name")
    entries = {name: _entry(m) for name, m in found.fetchall()}
    if con is None:
        lake.known[key] = at, dict(entries)
    return entries


def _entry(m: Mapping[str, Any]) -> Made:
    made_from = json.loads(m["made_from"]) if m["made_from"] else {}
    snapshot = m.get("snapshot") or 0  # a home that an earlier version made, opened for reading, has no such column yet
    return Made(m["number"], m["state"], m["run"], made_from, m["definition"], m["rows"], snapshot)


def landing_states(lake: Lake) -> dict[str, int]:
    """{dataset table: the landing number at which its rows last changed}."""
    found = lake.ask.execute("SELECT dataset, max(state) FROM hub.cursors GROUP BY dataset")
    return dict(found.fetchall())


Numbers = dict[tuple[str, str], tuple[int, int]]  # by station and name: the newest number, and the newest state


def numbers(tx: duckdb.DuckDBPyConnection, station: str) -> Numbers:
    """Where every name of a station stands, for a transaction that adds many entries: a question each costs 20 ms."""
    found = tx.execute(f"SELECT name, max(number), max(state) FROM hub.made WHERE station = {literal(station)} GROUP BY name")
    return {(station, name): (int(number), int(state)) for name, number, state in found.fetchall()}


def append(
    tx: duckdb.DuckDBPyConnection,
    station: str,
    name: str,
    run: str,
    *,
    made_from: Mapping[str, int],
    definition: str,
    rows: int,
    inserted: int = 0,
    updated: int = 0,
    deleted: int = 0,
    snapshot: int = 0,
    so_far: Numbers | None = None,
) -> int:
    """Add the next entry, in the transaction that writes the rows; returns its number. `so_far` as the same transaction asked for it."""
    last, state = (numbers(tx, station) if so_far is None else so_far).get((station, name), (0, 0))
    number = last + 1
    changed = inserted or updated or deleted or number == 1
    entry = (station, name, number, run, json.dumps(dict(made_from), sort_keys=True), definition, rows, inserted, updated, deleted)
    tx.execute(
        f"INSERT INTO hub.made VALUES ({', '.join(map(literal, entry))}, now() AT TIME ZONE 'UTC', {number if changed else state}, {snapshot})"
    )
    return number


def fingerprint(*parts: object) -> str:
    """A definition as 24 hex digits; pydantic models are taken by their content."""

    def plain(part: object) -> object:
        if isinstance(part, BaseModel):
            return part.model_dump(mode="json")
        if isinstance(part, Mapping):
            return {str(k): plain(v) for k, v in part.items()}
        if isinstance(part, list | tuple):
            return [plain(p) for p in part]
        return part

    text = json.dumps([plain(p) for p in parts], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
