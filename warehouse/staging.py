"""A pull becomes files: the rows as they came, and the rows that could not be read.

    Pull  ->  <table>.incoming.parquet  +  <table>.rejects.parquet

The far side may be slow, hang or die here; nothing of the lake is touched or locked meanwhile. A stream that ends
in an error raises, so that what was written of it is never taken for a complete read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.errors import SourceChanged
from schemas.pull import REJECTS, Cursor, Pull
from schemas.remarks import Remark
from warehouse.growing import GROUP, GrowingFile

OWN = ("_key", "_slice", "_copies", "_number", "_run")
_REJECTS = pa.schema([("_slice", pa.string()), *REJECTS])


@dataclass(frozen=True)
class Incoming:
    """What one pull delivered, as files."""

    path: Path
    rejects: Path | None
    columns: tuple[str, ...]  # the source's, without our own
    rows: int
    rejected: int
    cursor: Cursor | None
    whole: frozenset[str]
    notes: dict[str, Any]
    remarks: tuple[Remark, ...] = ()


def stage(pull: Pull, key: Sequence[str], path: Path, *, number: int, run: str) -> Incoming:
    """Write every batch to `path`. Without a key, `_key` stays NULL and landing makes one from the row itself.

    Columns that come in a later batch only are columns of the whole; rows without them have NULL there.
    """
    if missing := [k for k in key if k not in pull.schema.names]:
        raise SourceChanged(
            f"缺少主键列 {'、'.join(missing)}；现有列：{'、'.join(pull.schema.names)}",
            f"the key column {', '.join(missing)} is missing; columns now: {', '.join(pull.schema.names)}",
            next_zh="请系统主管部门确认表结构变更后修改登记的 read.key",
            next_en="ask the owner about the change, then edit read.key",
        )
    schema = pa.schema([*(pa.field(f.name, _kept(f.type)) for f in pull.schema), *_OWN_FIELDS])
    rejects = path.with_suffix(".rejects.parquet")
    rows = rejected = 0
    waiting: list[pa.RecordBatch] = []
    rejects_writer: pq.ParquetWriter | None = None
    try:
        with GrowingFile(path, schema, ("_key", *key)) as file:
            for batch in pull.batches:
                if batch.rows is not None and batch.rows.num_rows:
                    if more := [f for f in batch.rows.schema if f.name not in file.schema.names]:
                        _write(file, waiting)
                        file.grow(_grown(file.schema, more))
                    waiting.append(_owned(batch.rows, batch.slice, file.schema, key, number, run))
                    rows += batch.rows.num_rows
                    if sum(w.num_rows for w in waiting) >= GROUP:
                        _write(file, waiting)
                if batch.rejects is not None and batch.rejects.num_rows:
                    rejects_writer = rejects_writer or pq.ParquetWriter(rejects, _REJECTS, compression="zstd")
                    rejects_writer.write_batch(_rejected(batch.rejects, batch.slice))
                    rejected += batch.rejects.num_rows
            _write(file, waiting)
            schema = file.schema
    finally:
        if rejects_writer:
            rejects_writer.close()
    return Incoming(
        path=path,
        rejects=rejects if rejects_writer else None,
        columns=tuple(n for n in schema.names if n not in OWN),
        rows=rows,
        rejected=rejected,
        cursor=pull.cursor,
        whole=pull.whole,
        notes=dict(pull.notes),
        remarks=tuple(pull.remarks),
    )


def _grown(schema: pa.Schema, more: Sequence[pa.Field]) -> pa.Schema:
    """The source's columns so far, the new ones behind them, then our own."""
    known = [f for f in schema if f.name not in OWN]
    return pa.schema([*known, *(pa.field(f.name, _kept(f.type)) for f in more), *_OWN_FIELDS])


def _write(file: GrowingFile, waiting: list[pa.RecordBatch]) -> None:
    """Small batches make one row group: a third smaller, and six times fewer groups to read."""
    if waiting:
        file.write(pa.Table.from_batches(waiting))
        waiting.clear()


_OWN_FIELDS = (
    pa.field("_key", pa.string()),
    pa.field("_slice", pa.string()),
    pa.field("_copies", pa.int32()),
    pa.field("_number", pa.int64()),
    pa.field("_run", pa.string()),
)


def _kept(kind: pa.DataType) -> pa.DataType:
    """Types the lake keeps as they are; what it cannot keep becomes text."""
    if pa.types.is_dictionary(kind):
        return _kept(kind.value_type)
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    return kind


def _owned(rows: pa.RecordBatch, slice_: str, schema: pa.Schema, key: Sequence[str], number: int, run: str) -> pa.RecordBatch:
    size = rows.num_rows
    came = dict(zip(rows.schema.names, rows.columns, strict=True))
    columns = []
    for field in schema:
        if field.name in OWN:
            continue
        column = came.get(field.name)
        made = pa.nulls(size, field.type) if column is None else column.cast(field.type) if column.type != field.type else column
        if pa.types.is_floating(field.type):  # NaN would be larger than every number downstream
            made = pc.if_else(pc.is_nan(made), pa.scalar(None, field.type), made)
        columns.append(made)
    by_name = dict(zip((n for n in schema.names if n not in OWN), columns, strict=True))
    columns += [
        _key([by_name[k] for k in key], size),
        pa.repeat(pa.scalar(slice_, pa.string()), size),
        pa.repeat(pa.scalar(1, pa.int32()), size),
        pa.repeat(pa.scalar(number, pa.int64()), size),
        pa.repeat(pa.scalar(run, pa.string()), size),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _key(parts: list[pa.Array], size: int) -> pa.Array:
    if not parts:
        return pa.nulls(size, pa.string())
    texts = [p if p.type == pa.string() else p.cast(pa.string()) for p in parts]
    return texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, "\x1f", null_handling="emit_null")


def _rejected(found: pa.RecordBatch, slice_: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.repeat(pa.scalar(slice_, pa.string()), found.num_rows), *found.columns], schema=_REJECTS)
