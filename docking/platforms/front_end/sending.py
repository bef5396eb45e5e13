"""One package into the front-end database: rows and catalogue entry, then the batch's own row, all in the caller's transaction.

    rows.parquet  ->  exchange_<resource>      catalogue.json  ->  exchange_catalogue      manifest.json  ->  exchange_batch

A notice has no rows: its catalogue entry says that the resource is withdrawn.
"""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import sqlalchemy as sa

from docking.platforms.front_end.tables import NEW, batches, catalogue, rows_table
from schemas.errors import DeliveryRefused

BATCH = 50_000  # rows in hand at once
NOTICE = "notice"
_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.decimal128(18, 2): "DECIMAL(18, 2)",
    pa.date32(): "DATE",
    pa.timestamp("us"): "TIMESTAMP",
    pa.bool_(): "BOOLEAN",
}
_FIELDS_FROM = 4  # after op_type, op_time, row_key, row_hash


def put(connection: sa.Connection, folder: Path, manifest: dict[str, Any]) -> None:
    """Rows first, the batch's own row last; all in the caller's transaction."""
    there = connection.execute(sa.select(batches).where(batches.c.batch == manifest["batch"]).with_for_update()).one_or_none()
    if there is not None and there.sha256 != manifest["sha256"]:
        raise DeliveryRefused(
            f"平台已有批次 {manifest['batch']}，内容与本地不同，未报送",
            f"the platform already has a batch {manifest['batch']} with other contents; nothing was sent",
            next_zh="再次运行 hub deliver：枢纽询问平台持有的批次，换新编号全量报送",
            next_en="run hub deliver again: it asks what the platform holds and sends everything under a fresh number",
        )
    if there is not None and there.batch_status != NEW:
        return
    if manifest["kind"] == NOTICE:
        _announce(connection, folder, manifest, [])
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
