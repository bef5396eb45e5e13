"""Defects as they occur in real systems, planted in whole columns.

a clean table, rows  ->  the table as its system would send it
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Rng = np.random.Generator


def replaced(table: pa.Table, **columns: Any) -> pa.Table:
    """The same rows with whole columns exchanged; a plain value fills the column."""
    for name, values in columns.items():
        kind = table.schema.field(name).type
        filled = values if isinstance(values, pa.Array | pa.ChunkedArray) else _column(values, kind, table.num_rows)
        table = table.set_column(table.schema.get_field_index(name), pa.field(name, kind), filled.cast(kind))
    return table


def patched(table: pa.Table, rows: Any, **columns: Any) -> pa.Table:
    """The same table with other values in some rows of some columns."""
    chosen = np.asarray(rows, dtype=np.int64)
    mask = np.zeros(table.num_rows, dtype=bool)
    mask[chosen] = True
    by_place = pa.array(np.argsort(chosen, kind="stable"))
    for name, values in columns.items():
        kind = table.schema.field(name).type
        new = _column(values, kind, len(chosen)).take(by_place)
        made = pc.replace_with_mask(table[name].combine_chunks(), pa.array(mask), new)
        table = table.set_column(table.schema.get_field_index(name), pa.field(name, kind), made)
    return table


def emptied(table: pa.Table, keep: tuple[str, ...]) -> pa.Table:
    """Only those columns keep their values."""
    return replaced(table, **{n: None for n in table.column_names if n not in keep})


def stacked(*tables: pa.Table) -> pa.Table:
    return pa.concat_tables(tables).combine_chunks()


def shuffled(rng: Rng, table: pa.Table) -> pa.Table:
    return table.take(pa.array(rng.permutation(table.num_rows))).combine_chunks()


def some(rng: Rng, rows: int, count: int) -> npt.NDArray[np.int64]:
    """`count` different rows out of `rows`, in order."""
    return np.sort(rng.choice(rows, count, replace=False))


def moments(rng: Rng, now: dt.datetime, rows: int, days: float, since: float = 0.02) -> pa.Array:
    """Times with seconds between `days` and `since` days ago; some rows share one second, as in real systems."""
    ago = rng.integers(int(since * 86400), int(days * 86400), rows)
    return pa.array((np.datetime64(now, "s") - ago.astype("timedelta64[s]")).astype("datetime64[us]"))


def days_before(rng: Rng, today: dt.date, rows: int, first: int, last: int) -> npt.NDArray[np.datetime64]:
    """Dates between `first` and `last` days ago."""
    return np.datetime64(today, "D") - rng.integers(last, first + 1, rows).astype("timedelta64[D]")


def said(times: Any, form: str = "%Y-%m-%d %H:%M:%S") -> pa.Array:
    """Times or dates as texts."""
    column = times if isinstance(times, pa.Array | pa.ChunkedArray) else pa.array(times)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("s"), safe=False)  # strftime would print the fractions
    return pc.strftime(column, form)


def picked(rng: Rng, values: list[Any], rows: int, shares: list[float] | None = None) -> pa.Array:
    """One of the values for each row."""
    weights = np.array(shares) / sum(shares) if shares else None
    return pa.array(values).take(pa.array(rng.choice(len(values), rows, p=weights)))


def _column(values: Any, kind: pa.DataType, rows: int) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks().cast(kind)
    if isinstance(values, pa.Array):
        return values.cast(kind)
    if values is None or isinstance(values, str | int | float | dt.date | dt.datetime):
        return pa.repeat(pa.scalar(values, kind), rows)
    return pa.array(values, kind)
