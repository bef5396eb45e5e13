"""Put a package into the platform's front-end database.

    $HUB_HOME/packages/<resource>/<number>/  ->  exchange_<resource>, then exchange_batch

Rows, catalogue entry and batch arrive in one transaction, the batch last. Sending again changes nothing that is
complete or that the platform has begun to take.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import sqlalchemy as sa

from docking.platform import NEW, batches, catalogue, open_platform, rows_table, tables, talking
from docking.resources import slug
from ledger.book import Ledger
from ledger.models import Delivery
from schemas.errors import DeliveryRefused, HubError

BATCH = 50_000  # rows in hand at once
_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.decimal128(18, 2): "DECIMAL(18, 2)",
    pa.date32(): "DATE",
    pa.timestamp("us"): "TIMESTAMP",
    pa.bool_(): "BOOLEAN",
}
_FIELDS_FROM = 4  # after op_type, op_time, row_key, row_hash


class PackageDamaged(HubError):
    """The file is not what its manifest says; it does not leave."""


def deliver(ledger: Ledger, home: Path, delivery: Delivery) -> Delivery:
    """Send one package; returns the delivery as the ledger has it now. Nothing happens to one that has been answered."""
    now = ledger.delivery(delivery.id)
    assert now is not None
    if now.status not in ("prepared", "sent"):
        return now
    folder = home / "packages" / slug(now.resource) / f"{now.sequence:06d}"
    manifest = _manifest(folder, now)
    engine = open_platform(home)
    try:
        with talking():
            tables.create_all(engine, checkfirst=True)
            with engine.begin() as connection:
                _send(connection, folder, manifest)
    finally:
        engine.dispose()
    ledger.sent(now.id)
    return ledger.delivery(now.id) or now


def _manifest(folder: Path, delivery: Delivery) -> dict[str, Any]:
    """The manifest, once the file is proven to be the one it names."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
        with (folder / manifest["file"]["name"]).open("rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest() == manifest["file"]["sha256"]
    except (OSError, ValueError, KeyError):
        manifest, whole = {}, False
    if not whole or manifest["sha256"] != delivery.sha256 or manifest["batch"] != delivery.batch:
        raise PackageDamaged(
            f"数据包 {delivery.batch} 的文件与清单不符，未报送",
            f"the files of package {delivery.batch} are not what the manifest says; nothing was sent",
            next_zh=f"删除 {folder} 后重新运行 hub deliver，将从数据湖重新生成",
            next_en=f"remove {folder} and run hub deliver again; it is made again from the lake",
        )
    return manifest


def _send(connection: sa.Connection, folder: Path, manifest: dict[str, Any]) -> None:
    """Rows first, the batch's own row last; all in the caller's transaction."""
    there = connection.execute(sa.select(batches).where(batches.c.batch == manifest["batch"]).with_for_update()).one_or_none()
    if there is not None and there.sha256 != manifest["sha256"]:
        raise DeliveryRefused(
            f"省平台已有批次 {manifest['batch']}，内容与本地不同，未报送",
            f"the platform already has a batch {manifest['batch']} with other contents; nothing was sent",
            next_zh="核对是否更换过 HUB_HOME 或账本；请省平台清理该资源后从头报送",
            next_en="check whether HUB_HOME or the ledger was replaced; have the platform clear this resource, then start anew",
        )
    if there is not None and there.batch_status != NEW:
        return
    file = pq.ParquetFile(folder / manifest["file"]["name"])
    fields = {f.name: _SQL_TYPES[f.type] for f in list(file.schema_arrow)[_FIELDS_FROM:]}
    target = rows_table(manifest["resource"], fields)
    if there is not None and not _incomplete(connection, target, manifest):
        return
    _clear(connection, target, manifest)
    load = _copy if connection.dialect.name == "postgresql" else _insert
    for batch in file.iter_batches(BATCH):
        load(connection, target, _owned(batch, manifest["batch"]))
    _announce(connection, folder, manifest, list(fields))


def _incomplete(connection: sa.Connection, target: sa.Table, manifest: dict[str, Any]) -> bool:
    """Whether rows of an announced batch got lost on the way and the platform has not begun to take it."""
    mine = sa.select(sa.func.count(), sa.func.count().filter(target.c.row_status != NEW)).where(target.c.batch == manifest["batch"])
    rows, begun = connection.execute(mine).one()
    return not begun and rows != manifest["rows"]


def _clear(connection: sa.Connection, target: sa.Table, manifest: dict[str, Any]) -> None:
    """Make room: our own rows of this batch, and rows of batches that have been answered. Other columns, another table."""
    inspector = sa.inspect(connection)
    if inspector.has_table(target.name):
        have = [c["name"] for c in inspector.get_columns(target.name)]
        if have != [c.name for c in target.columns]:
            target.drop(connection)
            target.create(connection)
            return
        open_ = sa.select(batches.c.batch).where(batches.c.resource == manifest["resource"], batches.c.batch_status == NEW)
        connection.execute(sa.delete(target).where((target.c.batch == manifest["batch"]) | target.c.batch.not_in(open_)))
    else:
        target.create(connection)


def _owned(rows: pa.RecordBatch, batch: str) -> pa.RecordBatch:
    """The rows with the exchange table's own columns, in its order."""
    size = rows.num_rows
    arrays = {
        "batch": pa.repeat(pa.scalar(batch), size),
        **dict(zip(rows.schema.names[:_FIELDS_FROM], rows.columns[:_FIELDS_FROM], strict=True)),
        "row_status": pa.repeat(pa.scalar(NEW), size),
        **dict(zip(rows.schema.names[_FIELDS_FROM:], rows.columns[_FIELDS_FROM:], strict=True)),
    }
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def _copy(connection: sa.Connection, target: sa.Table, rows: pa.RecordBatch) -> None:
    """COPY as CSV: an empty text is quoted, NULL is not."""
    text = io.BytesIO()
    pa.csv.write_csv(rows, text, pa.csv.WriteOptions(include_header=False, quoting_style="needed"))
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(c.name) for c in target.columns)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {quote(target.name)} ({names}) FROM STDIN WITH (FORMAT csv)") as copy:
        copy.write(text.getbuffer())


def _insert(connection: sa.Connection, target: sa.Table, rows: pa.RecordBatch) -> None:
    columns = [_plain(column).to_pylist() for column in rows.columns]
    names = ", ".join(f'"{c.name}"' for c in target.columns)
    marks = ", ".join("?" * len(columns))
    connection.exec_driver_sql(f'INSERT INTO "{target.name}" ({names}) VALUES ({marks})', list(zip(*columns, strict=True)))


def _plain(column: pa.Array) -> pa.Array:
    """What SQLite can hold: numbers and text."""
    if pa.types.is_boolean(column.type):
        return column.cast(pa.int8())
    return column if pa.types.is_integer(column.type) else column.cast(pa.string())


def _announce(connection: sa.Connection, folder: Path, manifest: dict[str, Any], fields: list[str]) -> None:
    entry = (folder / "catalogue.json").read_text("utf-8")
    connection.execute(sa.delete(catalogue).where(catalogue.c.resource == manifest["resource"]))
    connection.execute(sa.insert(catalogue).values(resource=manifest["resource"], entry=entry))
    connection.execute(sa.delete(batches).where(batches.c.batch == manifest["batch"]))
    connection.execute(
        sa.insert(batches).values(
            **{
                n: manifest[n]
                for n in ("batch", "resource", "sequence", "previous", "kind", "inserted", "updated", "deleted", "total", "sha256")
            },
            row_count=manifest["rows"],
            columns=json.dumps(fields),
            op_time=_time(connection, manifest["op_time"]),
            batch_status=NEW,
        )
    )


def _time(connection: sa.Connection, text: str) -> Any:
    return text if connection.dialect.name == "sqlite" else dt.datetime.fromisoformat(text)
