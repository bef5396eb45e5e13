"""JSON rows become Arrow columns of text.

[{…}, …]  ->  RecordBatch (all VARCHAR), its rejects, a tally of what came
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.rest.json import text
from schemas.pull import REJECTS


def column(rows: list[dict[str, Any]], name: str) -> pa.Array:
    values = [row.get(name) for row in rows]
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid, UnicodeEncodeError):
        made = (text(v) for v in values)
        return pa.array([v if v is None else v.encode("utf-8", "backslashreplace").decode() for v in made], pa.string())


def batch(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([column(rows, name) for name in schema.names], schema=schema)


def sorted_out(rows: list[Any], position: int) -> tuple[list[dict[str, Any]], pa.RecordBatch | None]:
    """The rows that are objects, and the rest as rejects."""
    good = [row for row in rows if isinstance(row, dict)]
    if len(good) == len(rows):
        return good, None
    bad = [(position + n, row) for n, row in enumerate(rows) if not isinstance(row, dict)]
    made = [[p for p, _ in bad], ["not_an_object"] * len(bad), [str(text([row])).encode("utf-8", "backslashreplace") for _, row in bad]]
    return good, pa.RecordBatch.from_arrays([pa.array(v, t) for v, t in zip(made, REJECTS.types, strict=True)], schema=REJECTS)


def keys_of(rows: list[dict[str, Any]]) -> list[str]:
    """Every name in the rows, in the order they are met."""
    return list(dict.fromkeys(name for names in dict.fromkeys(map(tuple, rows)) for name in names))


class Tally:
    """What came, as prints of sixty-four bits a row: only good for comparing within one process."""

    def __init__(self, key: Sequence[str]) -> None:
        self._key = key
        self._rows: list[Any] = []
        self._keys: list[Any] = []
        self.received = 0  # readable rows
        self.unreadable = 0

    def add(self, rows: pa.RecordBatch) -> None:
        self.received += rows.num_rows
        if rows.num_rows:
            self._rows.append(_prints(rows.columns, rows.num_rows))
            if self._key:
                self._keys.append(_prints([rows.column(k) for k in self._key], rows.num_rows))

    @property
    def rows(self) -> int:
        """How many different rows came; what cannot be read is taken to be different."""
        return self.unreadable + (int(np.unique(np.concatenate(self._rows)).size) if self._rows else 0)

    @property
    def keys(self) -> int:
        """How many different keys came; without a key every row is its own."""
        return self.unreadable + int(np.unique(np.concatenate(self._keys)).size) if self._keys else self.rows

    def same(self, other: Tally) -> bool:
        """Whether both reads brought the same rows, each as many times, in whatever order."""
        if (self.received, self.unreadable) != (other.received, other.unreadable):
            return False
        return not self.received or bool(np.array_equal(np.sort(np.concatenate(self._rows)), np.sort(np.concatenate(other._rows))))


def _prints(columns: list[pa.Array], size: int) -> Any:
    """The same for a row whether or not the columns that come later are there already, empty."""
    filled = [pc.fill_null(c, "\x00") for c in columns]
    joined = pc.binary_join_element_wise(*filled, "\x1f") if len(filled) > 1 else filled[0]
    return np.fromiter(map(hash, pc.utf8_rtrim(joined, "\x1f\x00").to_pylist()), np.int64, size)
