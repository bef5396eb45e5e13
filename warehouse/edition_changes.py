"""The next edition out of the last one: a copy of its file, and in it only the rows that changed.

    edition file at one snapshot  +  keys changed in shared.* since  ->  edition file at the next

Rows come masked, as in a file written whole, and nothing else of the lake is in reach of the copy.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.changed import keys_since, within
from warehouse.edition_columns import EditionColumn
from warehouse.lake import table
from warehouse.sql import few_rows, literal, number, quoted

MOST = 20  # more than one row in so many changed: the file is written whole


@dataclass(frozen=True)
class Former:
    """A finished file that the next one may be made of."""

    path: Path
    snapshot: int  # the version of the lake it shows
    whole_at: dt.datetime


def between(con: duckdb.DuckDBPyConnection, changed: Mapping[str, int] | None, since: int, version: int) -> dict[str, str] | None:
    """{shared table: temporary table of the keys to be looked at again}; None when that is not known, or not little.

    `changed`: the tables in another state, with their rows.
    """
    if changed is None:
        return None
    found = {}
    for place, (name, rows) in enumerate(changed.items()):
        feed = keys_since(con, "shared", name, "_id", since, version)
        if feed is None:
            return None
        found[name] = f"_changed_{place}"
        con.execute(f"CREATE OR REPLACE TEMP TABLE {found[name]} AS SELECT DISTINCT _id FROM ({feed})")
        if number(con, f"SELECT count(*) FROM {found[name]}") > max(rows, 1000) / MOST:
            return None
    return found


def apply(
    con: duckdb.DuckDBPyConnection,
    building: Path,
    base: Former,
    plan: Mapping[str, list[EditionColumn]],
    steps: Mapping[str, str],
    version: int,
) -> dict[str, int]:
    """Copy the file and bring it forward; returns the row count of every table."""
    shutil.copyfile(base.path, building)
    building.chmod(0o600)
    con.execute(f"ATTACH {literal(str(building))} AS edition")
    con.execute("BEGIN")
    for name, keys in steps.items():
        columns = plan[name]
        target = f"edition.{table('shared', name)}"
        shown = ", ".join(f"{c.expr} AS {quoted(c.name)}" for c in columns)
        con.execute(f"CREATE OR REPLACE TEMP TABLE _gone AS SELECT {columns[0].expr} AS _id FROM {keys}")
        con.execute(f"DELETE FROM {target} WHERE {within(con, '_gone')}")
        which = within(con, keys)
        with few_rows(con):
            con.execute(
                f"INSERT INTO {target} SELECT {shown} FROM {table('shared', name)} AT (VERSION => {version}) WHERE {which} ORDER BY 1"
            )
    con.execute("COMMIT")
    rows = {name: number(con, f"SELECT count(*) FROM edition.{table('shared', name)}") for name in plan}
    con.execute("CHECKPOINT edition")
    con.execute("DETACH edition")
    return rows
