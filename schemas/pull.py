"""What passes from a connector to the warehouse: batches of rows, the slices they belong to, the next cursor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from schemas.errors import SourceError
from schemas.remarks import Remark

Cursor = dict[str, Any]  # JSON; made by a connector, given back to it, read by nobody else

REJECTS = pa.schema([("position", pa.int64()), ("reason", pa.string()), ("raw", pa.binary())])
"""Rows that could not be read at all: their place in the slice, why, and their bytes as they came."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one slice; `rejects` has the schema REJECTS.

    The columns are told apart by name. A batch may have columns that `Pull.schema` and earlier batches had not (a field
    first seen on page 40): they become columns of the whole. One that it lacks is empty in its rows.
    """

    rows: pa.RecordBatch | None
    slice: str = ""
    rejects: pa.RecordBatch | None = None


@dataclass
class Pull:
    """A stream and what may be concluded from it once it has been read to its end.

    `cursor` is the next cursor: the largest value seen, never the bound of the window. `whole` names the slices that
    were delivered whole, so that what is missing in them is deleted at the far side; empty for incremental reads.
    Both are None or empty until the last batch has been taken. A stream that ends early must raise.
    """

    schema: pa.Schema  # the columns known before the first batch
    batches: Iterator[Batch]
    cursor: Cursor | None = None
    whole: frozenset[str] = frozenset()
    notes: dict[str, Any] = field(default_factory=dict)  # for acknowledge, and read by nobody else
    told: bool = True  # the far side says which columns it has; False where only its rows show them
    order: tuple[str, ...] = ()  # slices, the oldest first, where the newest of them counts
    failures: tuple[SourceError, ...] = ()  # parts of the far side that could not be read while the others went on
    remarks: list[Remark] = field(default_factory=list)  # what a person should know of this read; complete after the last batch
