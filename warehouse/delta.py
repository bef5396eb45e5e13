"""What changes in a table: the one comparison, the one application, the one growing of a table.

    rows as they are to be  +  rows as they are  ->  compared  ->  staged: a file of rows, each with its kind
    that file, in one short transaction          ->  grow, apply

Landing, standard, shared records, derived tables and packages differ in what they compare, never in how.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import duckdb

from warehouse.lake import columns_of, table
from warehouse.sql import columns, literal, quoted

KIND = quoted("~kind")  # I, U or D; no column of a far side or a record type has such a name


@dataclass(frozen=True, kw_only=True)
class Delta:
    """The next state of one table, by what changes in it; worked out beside the lake and not yet true."""

    station: str  # the schema its table is in
    table: str
    definition: str  # what it was made with
    rows: str  # SQL of the rows that change, with their KIND
    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def changed(self) -> int:
        return self.inserted + self.updated + self.deleted


class Counts(TypedDict, total=False):
    """As a Delta has them."""

    inserted: int
    updated: int
    deleted: int


def compared(
    new: str, old: str, compare: Iterable[str], *, key: str = "_key", keep: Iterable[str] = (), whole: bool = False,
    gone: str = "false", also: str = "", with_old: Iterable[str] = (),
) -> str:  # fmt: skip
    """SELECT of the rows that differ, with their KIND. `new` and `old` are relations with one row a key.

    compare   columns in which a changed row differs           keep      columns of the result besides the key (default: the same)
    whole     a key that is not in `new` is deleted            gone      condition on `n` that says: this row is deleted
    also      more columns of the result, of `n` and `t`       with_old  the columns of `old` that `also` needs

    Of `old` only a hash is kept while they are joined, so that memory grows with the keys and not with the rows.
    """
    names, k = list(compare), quoted(key)
    shown = "".join(f", n.{quoted(c)}" for c in (keep or names))
    stood = ", ".join([k, f'hash({columns(names)}) AS "~hash"', *(quoted(c) for c in with_old)])
    differs = f'hash({", ".join(f"n.{quoted(c)}" for c in names)}) <> t."~hash"'
    kind = f"CASE WHEN {gone} OR n.{k} IS NULL THEN 'D' WHEN t.{k} IS NULL THEN 'I' ELSE 'U' END"
    some = f"CASE WHEN {gone} THEN t.{k} IS NOT NULL ELSE n.{k} IS NULL OR t.{k} IS NULL OR {differs} END"
    return f"""
        SELECT coalesce(n.{k}, t.{k}) AS {k}{shown}{also and f", {also}"}, {kind} AS {KIND}
        FROM {new} n {"FULL" if whole else "LEFT"} JOIN (SELECT {stood} FROM {old}) t ON t.{k} = n.{k}
        WHERE {some}"""


def staged(con: duckdb.DuckDBPyConnection, select: str, path: Path) -> tuple[str, Counts]:
    """(relation of the file, how many of each kind) of what was compared."""
    con.execute(f"COPY ({select}) TO {literal(str(path))} (COMPRESSION zstd, COMPRESSION_LEVEL 1)")
    rows = f"read_parquet({literal(str(path))})"
    found = dict(con.execute(f"SELECT {KIND}, count(*) FROM {rows} GROUP BY ALL").fetchall())
    return rows, {"inserted": found.get("I", 0), "updated": found.get("U", 0), "deleted": found.get("D", 0)}


def apply(tx: duckdb.DuckDBPyConnection, delta: Delta, *, key: str = "_key", leave: Iterable[str] = ()) -> None:
    """Make it so, in the caller's transaction; `leave` are columns of its rows that the table has not."""
    target, k = table(delta.station, delta.table), quoted(key)
    if delta.updated or delta.deleted:
        tx.execute(f"DELETE FROM {target} WHERE {k} IN (SELECT {k} FROM {delta.rows} WHERE {KIND} <> 'I')")
    if delta.inserted or delta.updated:
        out = ", ".join([KIND, *map(quoted, leave)])
        tx.execute(f"INSERT INTO {target} BY NAME SELECT * EXCLUDE ({out}) FROM {delta.rows} WHERE {KIND} <> 'D'")


def grow(tx: duckdb.DuckDBPyConnection, station: str, name: str, types: Mapping[str, str]) -> dict[str, str]:
    """The table with all these columns, made where it is not there; returns those it had before."""
    have = columns_of(tx, station, name)
    target = table(station, name)
    if not have:
        tx.execute(f"CREATE TABLE {target} ({', '.join(f'{quoted(c)} {kind}' for c, kind in types.items())})")
        return {}
    for column, kind in types.items():
        if column not in have:
            tx.execute(f"ALTER TABLE {target} ADD COLUMN {quoted(column)} {kind}")
    return have


def standing(station: str, name: str, have: Iterable[str], types: Mapping[str, str], where: str = "") -> str:
    """Relation of the table as it is, or a part of it, with the columns it has not got yet; of no rows where there is no table."""
    there = set(have)
    if not there:
        return f"(SELECT {', '.join(f'NULL::{kind} AS {quoted(c)}' for c, kind in types.items())} LIMIT 0)"
    lacking = "".join(f", NULL::{kind} AS {quoted(c)}" for c, kind in types.items() if c not in there)
    return f"(SELECT *{lacking} FROM {table(station, name)}{where and f' WHERE {where}'})"
