"""Land rows exactly as the system sent them.

    incoming files  ->  changes against what is landed  ->  landing.<table>, hub.cursors, quarantine.<table> in one commit

Nothing is cleaned here. A row that looks wrong is still what they sent us, and we may need to show it to them.
A landing table mirrors the far side, one row a key: absence is deletion only in slices that were delivered whole.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from schemas import names
from schemas.errors import Moved, SourceChanged
from schemas.pull import Cursor
from schemas.registration import Dataset, System
from schemas.remarks import Remark
from warehouse import row_keys
from warehouse.delta import Delta, apply, grow, staged
from warehouse.difference import difference, distinct_keys, listing, sift
from warehouse.drift import drift
from warehouse.lake import Lake, table
from warehouse.sql import listed, literal, number, one, quoted
from warehouse.staging import Incoming

QUARANTINE = """(_key VARCHAR, _slice VARCHAR, station VARCHAR, field VARCHAR, reason VARCHAR, value VARCHAR, raw BLOB,
    "row" VARCHAR, holds BOOLEAN, stands BOOLEAN, since TIMESTAMP, run VARCHAR)"""


@dataclass(frozen=True)
class Landed:
    """Where a dataset's landing stands: the newest row of hub.cursors."""

    number: int = 0
    cursor: Cursor | None = None
    definition: str = ""
    key: str = ""
    rule: str = row_keys.RULE  # by which its keys were written
    complete_at: dt.datetime | None = None  # when the far side was last read from its beginning, UTC
    rows: int = 0


@dataclass(frozen=True, kw_only=True)
class Changes(Delta):
    """A prepared landing of one dataset, valid only on top of landing number `number - 1`."""

    number: int
    cursor: Cursor | None
    complete: bool  # the far side was read from its beginning
    columns: dict[str, str]  # the source's columns and their types as they will be landed
    first: Path | None = None  # a finished file to register, when nothing was landed before
    quarantine: Path | None = None
    settled: Path  # keys and slices that were looked at: their old quarantine entries are void
    received: int
    copies: int = 0
    held: int = 0
    rejected: int = 0
    requarantined: bool = False  # what quarantine says of the rows looked at has changed
    absent: int = 0  # rows that were missing where a slice was whole, but kept because it had unreadable rows
    rekeyed: str = ""  # SQL of the key that every landed row is given first
    drift: tuple[Remark, ...] = ()  # how its columns differ from those landed

    @property
    def empty(self) -> bool:
        return not (self.first or self.changed or self.requarantined or self.rekeyed)


def definition(system: System, dataset: Dataset) -> str:
    """What a landing was read with. When it differs, the dataset is read again from the beginning."""
    read = dataset.reading
    connection = system.connections[read.via]
    said = read.model_dump(mode="json", exclude={"overlap", "lag", "reconcile", "settled", "page"}, exclude_defaults=True)
    text = json.dumps(
        {"read": said, "columns": sorted(dataset.columns), "ignore": sorted(dataset.ignore) if dataset.raw is not None else [],
         "connector": connection.connector},
        sort_keys=True,
    )  # fmt: skip
    return f"{hashlib.sha256(text.encode()).hexdigest()[:24]}:{_key(dataset)}"


def _key(dataset: Dataset) -> str:
    return "+".join(dataset.reading.key)


def landed(lake: Lake, name: str) -> Landed:
    return all_landed(lake, [name])[name]


def all_landed(lake: Lake, names: Iterable[str]) -> dict[str, Landed]:
    """Where the landing of several datasets stands, in one question."""
    wanted = list(names)
    if not wanted:
        return {}
    found = lake.ask.execute(
        'SELECT dataset, arg_max(struct_pack(n := number, v := "value", d := definition, c := "rows"), number), max(written_at) FILTER (WHERE complete)'
        f" FROM hub.cursors WHERE dataset IN {listed(wanted)} GROUP BY dataset"
    )
    stand = {
        name: Landed(m["n"], json.loads(m["v"]) if m["v"] else None, *_defined(m["d"]), complete, m["c"])
        for name, m, complete in found.fetchall()
    }
    return {n: stand.get(n, Landed()) for n in wanted}


def _defined(kept: str) -> tuple[str, str, str]:
    """Definition, key and key rule, from `<definition>[.<rule>]:<key>`; before there were rules there was the first."""
    made, _, key = kept.partition(":")
    made, _, rule = made.partition(".")
    return f"{made}:{key}", key, rule or "1"


def numbers(lake: Lake, name: str, key: Iterable[str], landed: dict[str, str]) -> set[str]:
    """The landed columns of a key whose values are numbers, though they may come as text by now."""
    columns = [c for k in key if (c := names.landed_of(k, landed))]
    found = {c for c in columns if landed[c] not in ("VARCHAR", "DATE", "BLOB", "BOOLEAN") and "TIME" not in landed[c]}
    con = lake.cursor()
    for part, column in enumerate(columns, 1):
        if landed[column] == "VARCHAR":
            keyed = f"string_split(_key, chr(31))[{part}]"
            other = f"SELECT 1 FROM {table('landing', name)} WHERE {keyed} <> rtrim({quoted(column)}, ' ') LIMIT 1"
            found |= {column} if con.execute(other).fetchone() else set()
    return found


def prepare(
    lake: Lake, dataset: Dataset, name: str, incoming: Incoming, before: Landed, made: str, folder: Path, *, complete: bool = True
) -> Changes:
    """Compare what came with what is landed; writes files only.

    `before` must be what `landed` said when the pull began, `made` the definition it was made with, `complete` whether the
    far side was read from its beginning.
    """
    con = lake.cursor()
    old = lake.columns("landing", name)
    new = _types(con, incoming)
    rekeyed = _rekeyed(con, name, old, dataset, before)
    keyed = _with_keys(con, incoming, dataset, folder, name)
    count, nulls = one(con, f"SELECT count(*), count(*) - count(_key) FROM {keyed}")
    distinct = distinct_keys(con, keyed, count)
    unreadable = incoming.rejected
    settled = folder / f"{name}.settled.parquet"
    made_by: dict[str, Any] = {
        "station": "landing", "table": name, "definition": made, "number": before.number + 1, "cursor": incoming.cursor, "complete": complete,
    }  # fmt: skip
    if not old and not nulls and not unreadable and distinct == count and not _marked(dataset):
        con.execute(f"COPY (SELECT NULL::VARCHAR AS _key, NULL::VARCHAR AS _slice LIMIT 0) TO {literal(str(settled))}")
        return Changes(**made_by, rows="", inserted=count, columns=new, first=Path(_file(keyed)), settled=settled, received=count)
    clean, held, copies = sift(con, dataset, keyed, incoming, folder, name, count, nulls, distinct)
    con.execute(
        f"COPY (SELECT DISTINCT _key, NULL::VARCHAR AS _slice FROM {keyed} WHERE _key IS NOT NULL UNION ALL"
        f" SELECT NULL, unnest({listing(incoming.whole)})) TO {literal(str(settled))}"
    )
    types = _agreed(old, new)
    replaced = bool(old) and before.number > 0 and before.key != _key(dataset)
    select, kept_back = difference(con, name, old, types, clean, keyed, dataset, incoming, replaced, rekeyed)
    rows, counts = staged(con, select, folder / f"{name}.changes.parquet")
    absent = number(con, kept_back) if kept_back else 0
    _believable(dataset, name, before, absent, unreadable + nulls)
    quarantine = _quarantine(con, name, held, incoming, folder)
    return Changes(
        **made_by, rows=rows, **counts, columns=types, quarantine=quarantine, settled=settled, received=count, copies=copies,
        held=number(con, f"SELECT count(*) FROM {held}"), rejected=unreadable,
        requarantined=_requarantined(con, name, bool(old), quarantine, settled), absent=absent, rekeyed=rekeyed,
        drift=tuple(drift(con, dataset, name, old, new, keyed, told=incoming.told or complete)),
    )  # fmt: skip


def _believable(dataset: Dataset, name: str, before: Landed, absent: int, nameless: int) -> None:
    """Rows that are missing beside unreadable ones are kept; when too many are missing, the whole read is not believed."""
    most = dataset.expect.shrink.max if dataset.expect.shrink else None
    if most is not None and absent > nameless and absent > most * before.rows:
        raise SourceChanged(
            f"{name}: 已落地的 {before.rows} 行中有 {absent} 行不见了，同时有 {nameless} 行无法读取；不能判断是删除还是没读到，本次不采用",
            f"{name}: {absent} of {before.rows} landed rows are missing while {nameless} rows cannot be read;"
            " whether they were deleted cannot be told, so this read is not used",
            next_zh="请系统主管部门确认是否真的减少，并修好无法读取的行后重新导出；已有数据不变",
            next_en="ask the owner whether they are really gone, and for an export whose rows can be read; nothing has changed here",
        )


def land(lake: Lake, run: str, prepared: list[Changes], *, message: str) -> None:
    """All datasets of one system in one commit, rows and cursors together. Raises Moved when one was overtaken."""
    if not prepared:
        return
    with lake.writing(message, run=run) as tx:
        stand = f"SELECT dataset, max(number), max(state) FROM hub.cursors WHERE dataset IN {listed(c.table for c in prepared)} GROUP BY dataset"
        stood = {name: (number, state) for name, number, state in tx.execute(stand).fetchall()}
        for changes in prepared:
            _apply(tx, lake, run, changes, *stood.get(changes.table, (0, 0)))


def _apply(tx: duckdb.DuckDBPyConnection, lake: Lake, run: str, changes: Changes, newest: int, state: int) -> None:
    """`newest` and `state` are the numbers at which the dataset stands in this transaction."""
    name = changes.table
    if newest != changes.number - 1:
        raise Moved(
            f"{name} 已被另一次同步更新（{newest}），本次结果作废",
            f"{name} was landed by another sync ({newest}); this result is void",
            next_zh="无需处理，下次同步自动继续",
            next_en="nothing to do; the next sync takes it up",
        )
    target = table("landing", name)
    if changes.first:
        _register(tx, lake, name, changes.first)
    else:
        if changes.rekeyed:
            tx.execute(
                f"UPDATE {target} SET _key = {changes.rekeyed}, _number = {changes.number} WHERE _key IS DISTINCT FROM {changes.rekeyed}"
            )
        _alter(tx, name, changes.columns)
        apply(tx, changes)
    _settle(tx, name, changes, run)
    rows = one(tx, f"SELECT count(*) FROM {target}")[0]
    entry = (
        name, changes.number, run, json.dumps(changes.cursor) if changes.cursor is not None else None, _kept(changes.definition),
        changes.received, changes.copies, changes.inserted, changes.updated, max(changes.deleted, bool(changes.rekeyed)), changes.held, changes.rejected, rows,
    )  # fmt: skip
    state = changes.number if changes.first or changes.changed or changes.rekeyed else state
    tx.execute(
        f"INSERT INTO hub.cursors VALUES ({', '.join(map(literal, entry))}, now() AT TIME ZONE 'UTC', {state}, {literal(changes.complete)})"
    )


def _register(tx: duckdb.DuckDBPyConnection, lake: Lake, name: str, finished: Path) -> None:
    """A first load is not written twice: its file becomes the table's."""
    target = table("landing", name)
    tx.execute(f"CREATE TABLE {target} AS SELECT * FROM read_parquet({literal(str(finished))}) LIMIT 0")
    tx.execute(f"CREATE TABLE {table('quarantine', name)} {QUARANTINE}")
    owned = lake.files / "landing" / name / f"{finished.parent.name}.parquet"  # a leftover of a killed commit is an orphan of clean-up
    owned.parent.mkdir(parents=True, exist_ok=True)
    owned.unlink(missing_ok=True)
    try:
        owned.hardlink_to(finished)  # should this commit fail, the file is still there for another
    except OSError:
        shutil.copyfile(finished, owned)
    tx.execute(f"CALL ducklake_add_data_files('lake', {literal(name)}, {literal(str(owned))}, schema => 'landing')")


def _alter(tx: duckdb.DuckDBPyConnection, name: str, wanted: dict[str, str]) -> None:
    """New columns are added; a column whose type changed becomes text, because its type is no longer to be trusted."""
    now = grow(tx, "landing", name, {**wanted, **_OWN_TYPES})
    if not now:
        tx.execute(f"CREATE TABLE {table('quarantine', name)} {QUARANTINE}")
    target, spare = table("landing", name), quoted("~was")
    for column, kind in wanted.items():
        if column in now and now[column] != kind:
            tx.execute(f"ALTER TABLE {target} RENAME COLUMN {quoted(column)} TO {spare}")
            tx.execute(f"ALTER TABLE {target} ADD COLUMN {quoted(column)} {kind}")
            tx.execute(f"UPDATE {target} SET {quoted(column)} = {row_keys.cast(spare, now[column], kind)}")
            tx.execute(f"ALTER TABLE {target} DROP COLUMN {spare}")


def _settle(tx: duckdb.DuckDBPyConnection, name: str, changes: Changes, run: str) -> None:
    """Landing's own entries in quarantine: those looked at again are replaced, the first date stays."""
    target = table("quarantine", name)
    if not changes.requarantined:
        return
    void = _void(changes.settled)
    if not changes.quarantine:
        tx.execute(f"DELETE FROM {target} WHERE {void}")
        return
    tx.execute(f"CREATE TEMP TABLE _since AS SELECT _key, min(since) AS since FROM {target} WHERE station = 'landing' GROUP BY _key")
    tx.execute(f"DELETE FROM {target} WHERE {void}")
    tx.execute(
        f"INSERT INTO {target} BY NAME SELECT q._key, q._slice, 'landing' AS station, q.field, q.reason, q.value, q.raw, q.\"row\", true AS holds,"
        f" q._key IN (SELECT _key FROM {table('landing', name)}) AS stands,"
        f" coalesce(s.since, now() AT TIME ZONE 'UTC') AS since, {literal(run)} AS run"
        f" FROM read_parquet({literal(str(changes.quarantine))}) q LEFT JOIN _since s USING (_key)"
    )
    tx.execute("DROP TABLE _since")


def _void(settled: Path) -> str:
    """Landing's entries about rows and slices that were looked at again."""
    looked = f"read_parquet({literal(str(settled))})"
    return (
        f"station = 'landing' AND (_key IN (SELECT _key FROM {looked} WHERE _key IS NOT NULL)"
        f" OR _slice IN (SELECT _slice FROM {looked} WHERE _slice IS NOT NULL))"
    )


def _requarantined(con: duckdb.DuckDBPyConnection, name: str, landed_before: bool, quarantine: Path | None, settled: Path) -> bool:
    if not quarantine and not (landed_before and con.execute(f"SELECT 1 FROM {table('quarantine', name)} LIMIT 1").fetchone()):
        return False
    told = 'hash(_key, _slice, field, reason, value, raw, "row")'
    old = f"SELECT {told} FROM {table('quarantine', name)} WHERE {_void(settled)}" if landed_before else "SELECT 0::UBIGINT WHERE false"
    new = f"SELECT {told} FROM read_parquet({literal(str(quarantine))})" if quarantine else "SELECT 0::UBIGINT WHERE false"
    return bool(one(con, f"SELECT count(*) FROM (({old} EXCEPT {new}) UNION ALL ({new} EXCEPT {old}))")[0])


_OWN_TYPES = {"_key": "VARCHAR", "_slice": "VARCHAR", "_copies": "INTEGER", "_number": "BIGINT", "_run": "VARCHAR"}


def _kept(definition: str) -> str:
    made, _, key = definition.partition(":")
    return f"{made}.{row_keys.RULE}:{key}"


def _rekeyed(con: duckdb.DuckDBPyConnection, name: str, old: dict[str, str], dataset: Dataset, before: Landed) -> str:
    """SQL of the keys of landed rows, where an older rule wrote any of them otherwise."""
    key = dataset.reading.key
    columns = [c for k in key if (c := names.landed_of(k, old))]
    if not before.number or before.rule == row_keys.RULE or len(columns) < len(key) or before.key != _key(dataset) or not key:
        return ""
    new = row_keys.sql(columns, [old[c] for c in columns])
    other = con.execute(f"SELECT 1 FROM {table('landing', name)} WHERE _key IS DISTINCT FROM {new} LIMIT 1").fetchone()
    return new if other else ""


def _file(relation: str) -> str:
    return relation.removeprefix("read_parquet('").removesuffix("')").replace("''", "'")


def _types(con: duckdb.DuckDBPyConnection, incoming: Incoming) -> dict[str, str]:
    found = con.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(str(incoming.path))})").fetchall()
    return {r[0]: r[1] for r in found if r[0] not in names.OWN}


def _agreed(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    return {c: t if old.get(c, t) == t else "VARCHAR" for c, t in new.items()}


def _marked(dataset: Dataset) -> bool:
    """Whether rows say themselves that they are deletions, so that the first load needs a look too."""
    read = dataset.reading
    return bool(read.marks or read.deleted)


def _with_keys(con: duckdb.DuckDBPyConnection, incoming: Incoming, dataset: Dataset, folder: Path, name: str) -> str:
    """The incoming rows with a key each. Without a key column the row itself is the key, or its place in an appended unit."""
    read = dataset.reading
    plain = f"read_parquet({literal(str(incoming.path))})"
    if read.key:
        return plain
    path = folder / f"{name}.keyed.parquet"
    row = ", ".join(f"CAST({quoted(c)} AS VARCHAR)" for c in incoming.columns.values())
    place = (
        "_slice || chr(31) || row_number() OVER (PARTITION BY _slice ORDER BY file_row_number)"
        if read.append
        else f"md5(CAST([{row}] AS VARCHAR))"
    )
    source = f"read_parquet({literal(str(incoming.path))}, file_row_number => true)" if read.append else plain
    gone = ", file_row_number" if read.append else ""
    con.execute(f"COPY (SELECT * EXCLUDE (_key{gone}), {place} AS _key FROM {source}) TO {literal(str(path))} (COMPRESSION zstd)")
    return f"read_parquet({literal(str(path))})"


def _quarantine(con: duckdb.DuckDBPyConnection, name: str, held: str, incoming: Incoming, folder: Path) -> Path | None:
    """Held and unreadable rows in the shape of the quarantine table."""
    path = folder / f"{name}.quarantine.parquet"
    unread = (
        f"UNION ALL BY NAME SELECT NULL::VARCHAR AS _key, _slice, '' AS field, NULL::VARCHAR AS \"row\", reason,"
        f" CAST(position AS VARCHAR) AS value, raw FROM read_parquet({literal(str(incoming.rejects))})"
        if incoming.rejects
        else ""
    )
    con.execute(f"""
        COPY (
            SELECT coalesce(_key, _slice || chr(31) || coalesce(value || '-', '') || md5(coalesce(raw, encode("row")))) AS _key, * EXCLUDE (_key)
            FROM (SELECT *, NULL::VARCHAR AS value, NULL::BLOB AS raw FROM {held} {unread})
        ) TO {literal(str(path))}""")
    return path if one(con, f"SELECT count(*) FROM read_parquet({literal(str(path))})")[0] else None
