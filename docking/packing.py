"""The rows of one package, and its files.

Rows are compared and hashed in one pass over two versions of the shared record. The files of a package depend on its
rows and its number only: made twice, they are the same bytes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from docking import cells
from docking.canonical import digest, row_hash
from docking.resources import Resource, ResourceColumn
from ledger.models import Delivery
from warehouse.delta import KIND, compared
from warehouse.lake import table
from warehouse.sql import columns, literal, quoted

GROUP = 100_000  # rows in a row group
_TYPES = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DECIMAL(18, 2)": pa.decimal128(18, 2),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "BOOLEAN": pa.bool_(),
}


@dataclass(frozen=True)
class Contents:
    """What a package holds; its rows wait in the connection's temporary table `_package`."""

    version: int  # of the lake
    state: int  # of the shared record
    changed_at: dt.datetime  # when the record came into that state, UTC
    inserted: int
    updated: int
    deleted: int
    total: int  # rows of the resource at that version
    sha256: str

    @property
    def rows(self) -> int:
        return self.inserted + self.updated + self.deleted


def newest_version(con: duckdb.DuckDBPyConnection) -> int:
    row = con.execute("FROM ducklake_current_snapshot('lake')").fetchone()
    return int(row[0]) if row else 0


def contents(con: duckdb.DuckDBPyConnection, resource: Resource, key: str, version: int, base: Delivery | None) -> Contents | None:
    """The rows at `version` that differ from what was taken with `base`; all of them without one.

    None when the base is no longer kept. A version that is expired while it is read gives no rows and no error, so the
    base is counted afterwards against what the ledger says it held.
    """
    now = _state(con, resource, version)
    if now is None or (base and not kept(con, resource, base)):
        return None
    if base:
        _differences(con, resource, base.snapshot, version)
        if _count(con, resource, base.snapshot) != base.total:
            return None
    else:
        con.execute(f"CREATE OR REPLACE TEMP TABLE _rows AS SELECT 'I' AS op_type, * FROM ({_shared(con, resource, version)})")
    total = _count(con, resource, version)
    if _state(con, resource, version) != now:
        return None
    return _packed(con, resource, key, version, now, total)


def deletions(con: duckdb.DuckDBPyConnection, resource: Resource, key: str, base: Delivery) -> Contents | None:
    """A deletion of every row that was taken with `base`; None when it can be listed no longer.

    The rows are those that left while this dataset still might; others may have lost or gained that right since, so
    they are counted against what was taken.
    """
    if not kept(con, resource, base):
        return None
    while_it_might = replace(resource.cells, leaving=(*resource.cells.leaving, resource.cells.table))
    given = f"{table('shared', resource.record.name)} AT (VERSION => {base.snapshot}) WHERE {cells.carries(while_it_might)}"
    blank = ", ".join(f"NULL::{c.sql_type} AS {quoted(c.name)}" for c in resource.columns)
    con.execute(f"CREATE OR REPLACE TEMP TABLE _rows AS SELECT 'D' AS op_type, _id, {blank} FROM {given}")
    found = con.execute("SELECT count(*) FROM _rows").fetchone()
    if found is None or found[0] != base.total or not kept(con, resource, base):
        return None
    return _packed(con, resource, key, base.snapshot, (base.made_from, _now()), 0)


def nothing() -> Contents:
    """What an empty full package, or a notice, holds."""
    return Contents(0, 0, _now(), 0, 0, 0, 0, hashlib.sha256().hexdigest())


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def _packed(
    con: duckdb.DuckDBPyConnection, resource: Resource, key: str, version: int, state: tuple[int, dt.datetime], total: int
) -> Contents:
    """Keyed, hashed and counted: `_rows` becomes `_package`."""
    kinds = {c.name: c.sql_type for c in resource.columns}
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE _package AS
        WITH keyed AS (
            SELECT op_type, {resource.row_key(key)} AS row_key, {columns(kinds)} FROM _rows)
        SELECT op_type, row_key, {row_hash(kinds)} AS row_hash, {columns(kinds)} FROM keyed""")
    con.execute("DROP TABLE _rows")
    counts = dict(con.execute("SELECT op_type, count(*) FROM _package GROUP BY op_type").fetchall())
    return Contents(
        version=version,
        state=state[0],
        changed_at=state[1],
        inserted=counts.get("I", 0),
        updated=counts.get("U", 0),
        deleted=counts.get("D", 0),
        total=total,
        sha256=digest(con, "SELECT op_type || row_hash AS h FROM _package ORDER BY h"),
    )


def copy_of(con: duckdb.DuckDBPyConnection, resource: Resource, key: str, version: int) -> tuple[int, str]:
    """How many rows the platform's copy must have at that version, and their hash."""
    kinds = {c.name: c.sql_type for c in resource.columns}
    rows = f"SELECT {resource.row_key(key)} AS row_key, {columns(kinds)} FROM ({_shared(con, resource, version)})"
    return _count(con, resource, version), digest(con, f"SELECT {row_hash(kinds)} AS h FROM ({rows}) ORDER BY h")


def _shared(con: duckdb.DuckDBPyConnection, resource: Resource, version: int) -> str:
    """The rows that leave in this resource, masked; with their identity, which stays here."""
    shown = ", ".join(f"{c.sql} AS {quoted(c.name)}" for c in resource.columns)
    rows = cells.rows(con, resource.record.name, resource.cells, [c.name for c in resource.columns], version)
    return f"SELECT _id, {shown} FROM ({rows})"


def _differences(con: duckdb.DuckDBPyConnection, resource: Resource, before: int, after: int) -> None:
    old, new = (f"({_shared(con, resource, version)})" for version in (before, after))
    changes = compared(new, old, [c.name for c in resource.columns], key="_id", whole=True)
    con.execute(f"CREATE OR REPLACE TEMP TABLE _rows AS SELECT {KIND} AS op_type, * EXCLUDE ({KIND}) FROM ({changes})")


def _count(con: duckdb.DuckDBPyConnection, resource: Resource, version: int) -> int:
    row = con.execute(
        f"SELECT count(*) FROM {table('shared', resource.record.name)} AT (VERSION => {version}) WHERE {cells.carries(resource.cells)}"
    ).fetchone()
    return int(row[0]) if row else 0


def kept(con: duckdb.DuckDBPyConnection, resource: Resource, base: Delivery) -> bool:
    """Whether the lake still has the version the base was read at, and it is that version and not another of its number."""
    if not con.execute(f"SELECT 1 FROM ducklake_snapshots('lake') WHERE snapshot_id = {base.snapshot}").fetchone():
        return False
    state = _state(con, resource, base.snapshot)
    return state is not None and state[0] == base.made_from and not cells.lacking(con, resource.record.name, base.snapshot)


def _state(con: duckdb.DuckDBPyConnection, resource: Resource, version: int) -> tuple[int, dt.datetime] | None:
    row = con.execute(
        f"SELECT number, written_at FROM hub.made AT (VERSION => {version})"
        f" WHERE station = 'shared' AND name = {literal(resource.record.name)} AND number = state ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return (int(row[0]), row[1]) if row else None


def schema_of(columns: Sequence[ResourceColumn]) -> pa.Schema:
    own = [("op_type", pa.string()), ("op_time", pa.timestamp("us")), ("row_key", pa.string()), ("row_hash", pa.string())]
    return pa.schema([*own, *((c.name, _TYPES[c.sql_type]) for c in columns)])


def write(
    con: duckdb.DuckDBPyConnection,
    columns: Sequence[ResourceColumn],
    held: Contents,
    delivery: Delivery,
    void: list[int],
    entry: dict[str, Any],
    folder: Path,
) -> None:
    """Write the package's folder; under its final name it is complete and on the disk."""
    building = folder.with_suffix(".building")
    for left in (building, folder):  # of a run that was cut off before the ledger knew the package
        shutil.rmtree(left, ignore_errors=True)
    building.mkdir(mode=0o700)
    _rows(con, columns, held, building / "rows.parquet")
    _put(building / "catalogue.json", entry)
    _put(building / "manifest.json", _manifest(columns, held, delivery, void, building / "rows.parquet"))
    _settle(building)
    building.rename(folder)
    _settle(folder.parent)


def _rows(con: duckdb.DuckDBPyConnection, columns: Sequence[ResourceColumn], held: Contents, path: Path) -> None:
    schema = schema_of(columns)
    names = ", ".join(quoted(c.name) for c in columns)
    select = f"SELECT op_type, {literal(held.changed_at)} AS op_time, row_key, row_hash, {names} FROM _package ORDER BY row_key"
    reader = con.execute(select).to_arrow_reader(GROUP) if held.rows else ()
    with path.open("wb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch.cast(schema), row_group_size=GROUP)
        file.flush()
        os.fsync(file.fileno())


def _manifest(columns: Sequence[ResourceColumn], held: Contents, delivery: Delivery, void: list[int], rows: Path) -> dict[str, Any]:
    with rows.open("rb") as file:
        file_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "platform": delivery.platform,
        "batch": delivery.batch,
        "resource": delivery.resource,
        "dataset": delivery.dataset,
        "sequence": delivery.sequence,
        "kind": ("changes" if delivery.previous else "full") if delivery.kind == "withdrawal" else delivery.kind,
        "withdraws": delivery.withdraws,
        "because": delivery.because_zh,
        "previous": delivery.previous,
        "void": void,
        "sequence_rule": "序号按资源连续编号，退回的包保留其序号；previous 为本包所依据的、平台最后入库的序号，void 为其后被退回的序号；全量包替换平台副本；枢纽恢复备份后从平台最大序号之后续编",
        "made_from": {"number": delivery.made_from, "snapshot": delivery.snapshot},
        "definition": delivery.definition,
        "op_time": held.changed_at.isoformat(sep=" ", timespec="microseconds"),
        "columns": [{"name": c.name, "title": c.title, "type": c.type, "mask": c.mask} for c in columns],
        "rows": delivery.rows,
        "inserted": delivery.inserted,
        "updated": delivery.updated,
        "deleted": delivery.deleted,
        "total": delivery.total,
        "sha256": delivery.sha256,
        "file": {"name": rows.name, "bytes": rows.stat().st_size, "sha256": file_sha256},
    }


def _put(path: Path, value: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def prune(folder: Path, before: int) -> None:
    """Remove the files of packages numbered below `before`; the ledger keeps what they were."""
    for old in folder.iterdir():
        if old.name.isdigit() and int(old.name) < before:
            shutil.rmtree(old, ignore_errors=True)
