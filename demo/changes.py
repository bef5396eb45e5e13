"""How the invented systems change over time: marks of a front-end table, and what happens between two syncs.

    a table, the n-th tick  ->  the table as it stands afterwards

A tick brings new rows, changed rows, deletions and one late row: it carries a time before the newest the hub has seen,
and is found again only by a read that overlaps.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from demo.city import InventedCity
from demo.dirt import emptied, moments, patched, replaced, said, stacked

STEP = dt.timedelta(minutes=10)  # between two ticks
LATE = dt.timedelta(minutes=15)  # behind the tick that shows it, so before the previous tick
Rows = npt.NDArray[np.int64]


def moment(city: InventedCity, n: int) -> dt.datetime:
    """When the n-th tick happens, in Asia/Shanghai; tick 0 is the city as it was made."""
    return city.now + n * STEP


def timed(rng: np.random.Generator, city: InventedCity, rows: int, days: float = 400) -> pa.Array:
    """Update times; the newest is the city's own moment, so that a later late row is really late."""
    made = moments(rng, city.now, rows, days).to_numpy(zero_copy_only=False).copy()
    made[-1:] = np.datetime64(city.now, "us")
    return pa.array(made)


def marked(rng: np.random.Generator, city: InventedCity, table: pa.Table) -> pa.Table:
    """A front-end table: op_flag and op_time for each row, update_time the same."""
    times = timed(rng, city, table.num_rows)
    flags = pa.array(np.where(rng.random(table.num_rows) < 0.12, "U", "I").astype(object), pa.string())
    return table.append_column("update_time", times).append_column("op_flag", flags).append_column("op_time", times)


def earlier(rng: np.random.Generator, table: pa.Table, rows: Rows, **columns: Any) -> pa.Table:
    """An earlier version of those rows, with those values; the front-end table keeps both."""
    old = table.take(pa.array(rows))
    days = rng.integers(3, 90, len(rows)).astype("timedelta64[D]")
    times = pa.array(old["op_time"].to_numpy() - days)
    return replaced(old, op_flag="I", op_time=times, update_time=times, **columns)


def went(rng: np.random.Generator, table: pa.Table, key: str) -> pa.Table:
    """The deletions of those rows: key, flag and time, nothing else."""
    days = rng.integers(1, 60, table.num_rows).astype("timedelta64[h]")
    times = pa.array(table["op_time"].to_numpy() + days)
    return replaced(emptied(table, (key, "op_time")), op_flag="D", op_time=times)


def stamped(city: InventedCity, n: int, table: pa.Table, flag: str, late: int = 0) -> pa.Table:
    """Rows of the n-th tick for a front-end table; the last `late` of them come late."""
    times = np.full(table.num_rows, np.datetime64(moment(city, n), "us"))
    if late:
        times[-late:] -= np.timedelta64(LATE, "us")
    return replaced(table, op_flag=flag, op_time=pa.array(times), update_time=pa.array(times))


def restamped(
    city: InventedCity, n: int, table: pa.Table, rows: Rows, column: str = "update_time", late: int = 0, **columns: Any
) -> pa.Table:
    """Those rows changed in place at the n-th tick, as a system with an update time does; the last `late` come late."""
    times = np.full(len(rows), np.datetime64(moment(city, n), "s"))
    if late:
        times[-late:] -= np.timedelta64(LATE, "s")
    return patched(table, rows, **{column: said(pa.array(times))}, **columns)


def newest(table: pa.Table, key: str) -> pa.Table:
    """The rows that are the last word on their key and not a deletion."""
    ordered = table.append_column("_row", pa.array(np.arange(table.num_rows))).sort_by([(key, "ascending"), ("op_time", "descending")])
    keys = ordered[key].combine_chunks()
    first = np.r_[True, pc.not_equal(keys.slice(1), keys.slice(0, len(keys) - 1)).to_numpy(zero_copy_only=False)]
    kept = ordered.filter(pa.array(first)).filter(pc.not_equal(ordered.filter(pa.array(first))["op_flag"], "D"))
    return kept.sort_by("_row").drop_columns("_row").combine_chunks()


def without(table: pa.Table, rows: Rows) -> pa.Table:
    """The table as if those rows had never been."""
    keep = np.ones(table.num_rows, dtype=bool)
    keep[rows] = False
    return table.filter(pa.array(keep)).combine_chunks()


def appended(table: pa.Table, *more: pa.Table) -> pa.Table:
    return stacked(table, *(m.select(table.column_names).cast(table.schema) for m in more))
