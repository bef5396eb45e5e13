"""An edition: everything one audience may see, as an immutable DuckDB file. Analysts read it and never the lake.

    shared.<record>, shared.<derived> at one snapshot  ->  $HUB_HOME/editions/<audience>.<generation>.duckdb
    the current one                                    ->  $HUB_HOME/editions/<audience>.current

Rows are written masked; no view stands over hidden ones. Nothing keeps the order of the raw rows either, since rows in
the order of their numbers are in the order of birth. The generation is part of the name because a process that has a
file open goes on seeing the old one under the same name.

A small change is brought into a copy of the last file. What such a copy may still hold in its free blocks is masked rows
of the last editions, never more; once a week, and whenever a source, a mask or the key is another, the file is written
whole. So is it after a purge: `export(full=True)`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import duckdb
import filelock

from schemas import moments
from schemas.city import City
from schemas.errors import Moved
from schemas.home import zone
from schemas.records import Mask
from warehouse import edition_changes as changes
from warehouse import made
from warehouse.edition_changes import Former
from warehouse.edition_columns import Described, EditionColumn, columns_of, derived_columns, describe
from warehouse.keys import key
from warehouse.lake import Lake, table
from warehouse.masks import mask_sql, pseudonym_sql
from warehouse.sql import literal, quoted

LAYOUT = 2  # raise it when the same rows would make another file
KEPT = 2  # generations that stay on disk
WHOLE_EVERY = dt.timedelta(days=7)


@dataclass(frozen=True)
class Edition:
    """A finished file."""

    audience: str
    generation: int
    path: Path
    rows: dict[str, int]  # by table; empty when the file was only looked up


def due(lake: Lake, city: City, audience: str = "analyst") -> bool:
    """Whether shared tables, masks, titles or the key differ from what the current edition was made from, or it is gone."""
    states = {name: state for name, (state, _) in _states(lake.cursor(), city).items()}
    if not states:
        return False
    home = lake.home.parent
    last = made.newest(lake, "edition").get(audience)
    return (
        last is None
        or current(home, audience) is None
        or last.made_from != states
        or last.definition != definition(city, key(home, audience), _made_of(lake))
        or _overdue(home, audience)
    )


def current(home: Path, audience: str = "analyst") -> Edition | None:
    """The edition the pointer names, if its file is there."""
    try:
        name = (home / "editions" / f"{audience}.current").read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    found = re.fullmatch(rf"{re.escape(audience)}\.(\d+)\.duckdb", name)
    path = home / "editions" / name
    return Edition(audience, int(found[1]), path, {}) if found and path.is_file() else None


def export(
    lake: Lake,
    city: City,
    home: Path,
    audience: str = "analyst",
    run: str = "",
    *,
    confirmed: Mapping[str, dt.datetime] | None = None,
    full: bool = False,
) -> Edition | None:
    """Make the next generation and point to it; None when nothing is due.

    `confirmed` says, per dataset table, when its source last answered (UTC). A kill at any moment leaves either the old
    edition or the new one; what is missing in hub.made after a kill makes the next export run once more.
    """
    folder = home / "editions"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with filelock.FileLock(folder / f".{audience}.lock", timeout=600):
        if not full and not due(lake, city, audience):
            return None
        for left in folder.glob(f"{audience}.*.building*"):
            left.unlink()
        generation = _next_generation(lake, folder, audience)
        building = folder / f"{audience}.{generation}.building"
        secret = key(home, audience)
        means = definition(city, secret, _made_of(lake))
        base = None if full else standing(home, audience, means)
        with _snapshot(lake) as (con, version):
            states = _states(con, city, version)
            plan = {name: _plan(con, city, name, version) for name in states}
            con.execute(f"CREATE TEMP MACRO pseudonym(v) AS {pseudonym_sql('v', secret)}")  # an error then quotes the macro, not the key
            steps = changes.between(con, _changed_tables(con, city, base, states), base.snapshot, version) if base else None
            rows = (
                changes.apply(con, building, base, plan, steps, version)
                if base and steps is not None
                else _copy(con, building, plan, version)
            )
            _verify(rows, states)
            sources = _sources(con, city, version, confirmed or {})
        told = Described(audience, generation, version, means, base.whole_at if base and steps is not None else _now())
        describe(building, city, plan, sources, told)
        edition = Edition(audience, generation, folder / f"{audience}.{generation}.duckdb", rows)
        _swap(building, edition)
        with lake.writing(f"edition {audience}.{generation}", run=run) as tx:
            made.append(
                tx,
                "edition",
                audience,
                run,
                made_from={name: state for name, (state, _) in states.items()},
                definition=means,
                rows=sum(rows.values()),
                inserted=sum(rows.values()),
                snapshot=version,
            )
        _sweep(folder, audience)
        return edition


def standing(home: Path, audience: str, means: str) -> Former | None:
    """The current file, when the next edition may be made of it: of the same meaning, and written whole not long ago."""
    edition = current(home, audience)
    if edition is None:
        return None
    try:
        with closing(duckdb.connect(str(edition.path), read_only=True)) as con:
            row = con.execute("SELECT snapshot, definition, whole_at FROM shared.edition").fetchone()
    except duckdb.Error:  # written by an earlier version, or not a sound file: it is made anew
        return None
    if row is None or row[1] != means or _now() - row[2] > WHOLE_EVERY:
        return None
    return Former(edition.path, int(row[0]), row[2])


def _overdue(home: Path, audience: str) -> bool:
    """A file that was brought forward, and that nothing has replaced since it should have been written whole."""
    edition = current(home, audience)
    if edition is None or time.time() - edition.path.stat().st_mtime < WHOLE_EVERY.total_seconds():
        return False
    with closing(duckdb.connect(str(edition.path), read_only=True)) as con:
        row = con.execute("SELECT made_at > whole_at FROM shared.edition").fetchone()
    return bool(row and row[0])


def _made_of(lake: Lake) -> dict[str, list[str]]:
    """The contributors of every shared record as it stands: with another set the file is written whole."""
    return {name: sorted(entry.made_from) for name, entry in made.newest(lake, "shared").items()}


def _changed_tables(con: duckdb.DuckDBPyConnection, city: City, base: Former, states: dict[str, tuple[int, int]]) -> dict[str, int] | None:
    """{table: its rows} of those in another state than in the file; None when the file lacks a table, or its version is gone."""
    if not con.execute(f"SELECT 1 FROM ducklake_snapshots('lake') WHERE snapshot_id = {base.snapshot}").fetchone():
        return None
    then = _states(con, city, base.snapshot)
    if set(then) != set(states):
        return None
    return {name: rows for name, (state, rows) in states.items() if then[name][0] != state}


def definition(city: City, secret: str, made_of: Mapping[str, list[str]]) -> str:
    """Fields, titles, masks as they are compiled, code lists, contributors, and which key (by its digest)."""
    masks = {mask: mask_sql(mask, "x") for mask in get_args(Mask)}
    contributors = {r: [(s.title, s.table(n), d.title) for s, n, d in city.contributors(r)] for r in city.records}
    digest = hashlib.sha256(secret.encode()).hexdigest()
    derived = {name: d for name, (d, _) in city.derived.items()}
    return made.fingerprint(LAYOUT, made_of, city.records, derived, city.codes, contributors, masks, pseudonym_sql("x", "00" * 32), digest)


@contextmanager
def _snapshot(lake: Lake) -> Iterator[tuple[duckdb.DuckDBPyConnection, int]]:
    """A connection of its own, and the one version that every table is read at."""
    with lake.reading() as con:
        con.execute("SET preserve_insertion_order = true")  # or ORDER BY would not reach the file
        row = con.execute("FROM ducklake_current_snapshot('lake')").fetchone()
        yield con, int(row[0]) if row else 0


def _states(con: duckdb.DuckDBPyConnection, city: City, version: int | None = None) -> dict[str, tuple[int, int]]:
    """{shared table: (state, rows)} of what the city still describes."""
    found = con.execute(
        'SELECT name, max(state), arg_max("rows", number)'
        f" FROM hub.made{_at(version)} WHERE station IN ('shared', 'derived') GROUP BY name ORDER BY name"
    ).fetchall()
    return {name: (int(state), int(rows)) for name, state, rows in found if name in city.records or name in city.derived}


def _at(version: int | None) -> str:
    return "" if version is None else f" AT (VERSION => {version})"


def _plan(con: duckdb.DuckDBPyConnection, city: City, name: str, version: int) -> list[EditionColumn]:
    described = con.execute(f"FROM {table('shared', name)}{_at(version)} LIMIT 0").description or []
    have = {d[0] for d in described}
    return columns_of(city.records[name], have) if name in city.records else derived_columns(city.derived[name][0], have)


def _copy(con: duckdb.DuckDBPyConnection, building: Path, plan: dict[str, list[EditionColumn]], version: int) -> dict[str, int]:
    """Write every table masked; returns its row counts."""
    con.execute(f"ATTACH {literal(str(building))} AS edition")
    con.execute("CREATE SCHEMA edition.shared")
    rows = {}
    for name, columns in plan.items():
        select = ", ".join(f"{c.expr} AS {quoted(c.name)}" for c in columns)
        target = f"edition.{table('shared', name)}"
        con.execute(f"CREATE TABLE {target} AS SELECT {select} FROM {table('shared', name)}{_at(version)} ORDER BY 1")
        row = con.execute(f"SELECT count(*) FROM {target}").fetchone()
        rows[name] = int(row[0]) if row else 0
    con.execute("CHECKPOINT edition")
    con.execute("DETACH edition")
    return rows


def _verify(rows: dict[str, int], states: dict[str, tuple[int, int]]) -> None:
    """A snapshot that expires while it is read gives no rows and no error."""
    for name, (_, expected) in states.items():
        if rows[name] != expected:
            raise Moved(
                f"导出版本时 shared.{name} 读到 {rows[name]} 行，应为 {expected} 行；版本未更换",
                f"the edition read {rows[name]} rows of shared.{name} instead of {expected}; the current edition stays",
                next_zh="下次发布自动重做；若反复出现，检查湖的清理周期",
                next_en="the next publish makes it again; if it repeats, look at the lake's expiry",
            )


def _sources(
    con: duckdb.DuckDBPyConnection, city: City, version: int, confirmed: Mapping[str, dt.datetime]
) -> list[tuple[str, str, str, int, dt.datetime | None, dt.datetime | None]]:
    """Every contributor of every record with its age, in the city's local time."""
    found = con.execute(
        'SELECT name, arg_max("rows", number), max(written_at) FILTER (WHERE number = state)'
        f" FROM hub.made{_at(version)} WHERE station = 'standard' GROUP BY name"
    ).fetchall()
    changed = {name: (int(rows), when) for name, rows, when in found}
    listed = []
    for record in city.records:
        for system, dataset_name, dataset in city.contributors(record):
            source = system.table(dataset_name)
            department = city.departments[system.department].title if system.department in city.departments else system.department
            rows, when = changed.get(source, (0, None))
            title = f"{department}·{system.title}·{dataset.title}"
            listed.append((record, source, title, rows, _local(when), _local(confirmed.get(source))))
    return listed


def _now() -> dt.datetime:
    return moments.local_now(zone()).replace(microsecond=0)


def _local(when: dt.datetime | None) -> dt.datetime | None:
    """As the clock in the city shows it; a time without a zone is UTC."""
    if when is None:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=dt.UTC)
    return moments.local(aware, zone()).replace(microsecond=0)


def _generations(folder: Path, audience: str) -> dict[int, Path]:
    found = ((re.fullmatch(rf"{re.escape(audience)}\.(\d+)\.duckdb", p.name), p) for p in folder.iterdir())
    return {int(match[1]): path for match, path in found if match}


def _next_generation(lake: Lake, folder: Path, audience: str) -> int:
    """Above everything that hub.made, the files or the pointer have ever named."""
    last = made.newest(lake, "edition").get(audience)
    pointer = folder / f"{audience}.current"
    named = re.search(r"\.(\d+)\.", pointer.read_text("utf-8")) if pointer.exists() else None
    return max([0, last.number if last else 0, int(named[1]) if named else 0, *_generations(folder, audience)]) + 1


def _swap(building: Path, edition: Edition) -> None:
    """The file under its name, then the pointer; each on disk before the next."""
    folder = edition.path.parent
    building.chmod(0o600)
    _sync(building)
    building.replace(edition.path)
    pointer = folder / f"{edition.audience}.current.building"
    pointer.write_text(edition.path.name + "\n", "utf-8")
    _sync(pointer)
    _sync(folder)
    pointer.replace(folder / f"{edition.audience}.current")
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(folder: Path, audience: str) -> None:
    """Generations nobody is pointed to any more; a process that has one open reads on."""
    files = _generations(folder, audience)
    for generation in sorted(files)[:-KEPT]:
        files[generation].unlink(missing_ok=True)
