"""Front-end tables whose change marks go by other names than op_flag and op_time.

a table of things  ->  the same with the marks its system uses; earlier versions, deletions, the n-th tick
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.changes import LATE, Rows, moment, timed
from demo.city import InventedCity
from demo.dirt import emptied, replaced, said, stacked


@dataclass(frozen=True)
class MarkNames:
    """The names one system gives its change marks."""

    kind: str
    at: str
    batch: str | None = None
    status: str | None = None  # the row status the hub writes back; 0 new, 1 taken

    def on(self, rng: np.random.Generator, city: InventedCity, table: pa.Table) -> pa.Table:
        """The rows with their marks: most inserted, some updated."""
        flags = np.where(rng.random(table.num_rows) < 0.12, "U", "I").astype(object)
        return self._with(table, pa.array(flags, pa.string()), timed(rng, city, table.num_rows))

    def earlier(self, rng: np.random.Generator, table: pa.Table, rows: Rows, **columns: Any) -> pa.Table:
        """An earlier version of those rows; the front-end table keeps both."""
        old = table.take(pa.array(rows))
        back = rng.integers(3, 90, len(rows)).astype("timedelta64[D]")
        return self._again(replaced(old, **columns), "I", pa.array(old[self.at].to_numpy() - back))

    def went(self, rng: np.random.Generator, city: InventedCity, table: pa.Table, key: tuple[str, ...]) -> pa.Table:
        """Deletions of those rows, an hour to two days after: the key and the marks, nothing else."""
        later = table[self.at].to_numpy() + rng.integers(1, 48, table.num_rows).astype("timedelta64[h]")
        times = np.minimum(later, np.datetime64(city.now, "us"))
        bare = emptied(table, (*key, *self.names))
        return self._again(bare, "D", pa.array(times))

    def ticked(self, city: InventedCity, n: int, table: pa.Table, kind: str, late: int = 0) -> pa.Table:
        """The rows as the n-th tick brings them; the last `late` of them come late."""
        times = np.full(table.num_rows, np.datetime64(moment(city, n), "us"))
        if late:
            times[-late:] -= np.timedelta64(LATE, "us")
        return self._again(table, kind, pa.array(times))

    def newest(self, table: pa.Table, key: str) -> pa.Table:
        """The rows that are the last word on their key and no deletion."""
        last = table.group_by(key, use_threads=False).aggregate([(self.at, "max")]).rename_columns([key, "_last"])
        numbered = table.append_column("_row", pa.array(np.arange(table.num_rows)))
        joined = numbered.join(last, key).sort_by("_row")
        mine = pc.and_(pc.equal(joined[self.at], joined["_last"]), pc.not_equal(joined[self.kind], "D"))
        return joined.filter(mine).drop_columns(["_row", "_last"]).select(table.column_names).combine_chunks()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(n for n in (self.kind, self.at, self.batch, self.status) if n)

    def _again(self, table: pa.Table, kind: str, times: pa.Array) -> pa.Table:
        flags = pa.repeat(pa.scalar(kind), table.num_rows)
        return self._with(table.drop_columns([n for n in self.names if n in table.column_names]), flags, times)

    def _with(self, table: pa.Table, flags: pa.Array, times: pa.Array) -> pa.Table:
        made = table.append_column(self.kind, flags).append_column(self.at, times)
        if self.batch:
            made = made.append_column(self.batch, said(times, "%Y%m%d%H"))
        if self.status:
            made = made.append_column(self.status, pa.repeat(pa.scalar("0"), table.num_rows))
        return made.combine_chunks()


def with_more(table: pa.Table, *more: pa.Table) -> pa.Table:
    """The table and, behind it, rows of the same columns."""
    return stacked(table, *(m.select(table.column_names).cast(table.schema) for m in more))
