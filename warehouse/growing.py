"""A Parquet file whose columns become more while it is written: a field first seen on page 40, a file with one column more.

    tables, each with the columns known by then  ->  one file with all of them, NULL where a column was not known yet

As long as no column comes the rows are written once. When one does, what is there is a finished part; at the end the
parts are brought together one row group at a time, so that memory does not grow with the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

GROUP = 122_880  # rows in a row group, DuckDB's own size


class GrowingFile:
    """Open for writing until it is left; after an error what was written stays unfinished and is not to be read."""

    def __init__(self, path: Path, schema: pa.Schema, unique: Sequence[str] = ()) -> None:
        self.path, self.schema = path, schema
        self._unique = frozenset(unique)  # columns in which hardly a value repeats: a dictionary of them is wasted
        self._parts: list[Path] = []
        self._writer = self._opened(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._writer.close()
        if kind is None and self._parts:
            self._united()
        for part in self._parts:
            part.unlink(missing_ok=True)

    def grow(self, schema: pa.Schema) -> None:
        """From now on tables have these columns: those before among them, with the same types."""
        self._writer.close()
        part = self.path.with_suffix(f".{len(self._parts)}.part")
        self.path.replace(part)
        self._parts.append(part)
        self.schema = schema
        self._writer = self._opened(self.path)

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table, row_group_size=GROUP)

    def _opened(self, path: Path) -> pq.ParquetWriter:
        repeating = [f.name for f in self.schema if pa.types.is_string(f.type) and f.name not in self._unique]
        return pq.ParquetWriter(path, self.schema, compression="zstd", compression_level=1, use_dictionary=repeating)

    def _united(self) -> None:
        last = self.path.with_suffix(f".{len(self._parts)}.part")
        self.path.replace(last)
        self._parts.append(last)
        with self._opened(self.path) as writer:
            for part in self._parts:
                with pq.ParquetFile(part) as file:
                    for number in range(file.num_row_groups):
                        writer.write_table(_widened(file.read_row_group(number), self.schema), row_group_size=GROUP)


def _widened(table: pa.Table, schema: pa.Schema) -> pa.Table:
    have = set(table.column_names)
    return pa.table([table.column(f.name) if f.name in have else pa.nulls(table.num_rows, f.type) for f in schema], schema=schema)
