"""JSON rows become Arrow columns of text, and what they say about time becomes a cursor.

[{…}, …]  ->  RecordBatch (all VARCHAR), its rejects, the largest value seen, a digest of the window's last rows
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.rest.json import text
from schemas.pull import REJECTS
from schemas.reading import Read

EPOCH = {"seconds": 1, "milliseconds": 1000}  # words for since.format
KEPT = 10_000  # rows of the last window that are worth remembering
_SHAPES = (  # forms in which text sorts as time does
    (r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$", "%Y-%m-%d %H:%M:%S"),
    (r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$", "%Y-%m-%dT%H:%M:%S"),
    (r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d$", "%Y/%m/%d %H:%M:%S"),
    (r"^\d{4}-\d\d-\d\d$", "%Y-%m-%d"),
)
_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d", "%Y%m%d%H%M%S", "%Y%m%d", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y")


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
    filled = [pc.fill_null(c, "\x00") for c in columns]
    joined = pc.binary_join_element_wise(*filled, "\x1f") if len(filled) > 1 else filled[0]
    return np.fromiter(map(hash, joined.to_pylist()), np.int64, size)


def moment(value: str, form: str, zone: ZoneInfo) -> dt.datetime | None:
    """A time as the far side writes it, in its own zone; None when it is none."""
    value = value.strip()
    if re.fullmatch(r"\d{10}|\d{13}", value) and form in EPOCH:
        return dt.datetime.fromtimestamp(int(value) / (1000 if len(value) == 13 else 1), zone).replace(tzinfo=None)
    for one in (form, *_FORMS):
        try:
            return dt.datetime.strptime(value, one).replace(tzinfo=None)  # noqa: DTZ007 - the system's own wall clock
        except ValueError:
            continue
    try:
        made = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return made.astimezone(zone).replace(tzinfo=None) if made.tzinfo else made


def written(at: dt.datetime, form: str, zone: ZoneInfo) -> str:
    """A time as the interface takes it."""
    if form in EPOCH:
        return str(int(at.replace(tzinfo=zone).timestamp() * EPOCH[form]))
    return at.strftime(form)


Order = tuple[str, Any]  # ("time", datetime) or ("number", int)


class Latest:
    """The largest cursor value, and the rows of the window that the next read will see again."""

    def __init__(self, read: Read, zone: ZoneInfo, now: dt.datetime, before: str | None, names: Sequence[str]) -> None:
        self.name, self.overlap, self.zone = str(read.cursor), read.overlap, zone
        self.form = read.since.format if read.since else "%Y-%m-%d %H:%M:%S"
        self.ceiling = now + dt.timedelta(days=1)  # a value of the year 9999 must not end all reading
        self.value = before
        self._names = names or None
        self._kept: list[tuple[Order, str]] = []
        self._dropped: Order | None = None  # the latest of what was too much to keep

    def add(self, rows: list[dict[str, Any]], values: pa.Array) -> None:
        """Rows and their cursor values, side by side."""
        shape = _shape(values)
        places = self._sorted(values, shape) if shape else self._parsed(values)
        for place in places:
            order = self._order(values[place].as_py())
            if order is not None:
                self._kept.append((order, self._print(rows[place])))
        if len(self._kept) > 2 * KEPT:
            self._trim()
            if len(self._kept) > KEPT:
                latest = max(order for order, _ in self._kept)
                self._dropped = max(latest, self._dropped or latest)
                self._kept = []

    def digest(self) -> str | None:
        """A print of the rows in the window that begins at the largest value less the overlap; None when they are too many."""
        self._trim()
        if self._dropped is not None and self._dropped >= self.floor():
            return None
        return hashlib.sha256("\n".join(sorted({p for _, p in self._kept})).encode()).hexdigest()

    def floor(self) -> Order:
        """What the next read begins with."""
        found: Order = self._order(str(self.value)) or ("", 0)
        return (found[0], found[1] - self.overlap) if found[0] == "time" else found

    def _sorted(self, values: pa.Array, shape: str) -> list[int]:
        """The places in the window, for values that sort as text as they do in time."""
        possible = pc.less_equal(values, self.ceiling.strftime(shape))
        largest = pc.max(values.filter(possible)).as_py()
        if largest is None:
            return []
        self._grow(largest)
        kind, floor = self.floor()
        if kind != "time":
            return []
        near = pc.and_(possible, pc.greater_equal(values, floor.strftime(shape)))
        return list(pc.indices_nonzero(pc.fill_null(near, False)).to_pylist())

    def _parsed(self, values: pa.Array) -> list[int]:
        """The places in the window, for values of any other form."""
        known = {v: order for v in pc.unique(values.drop_null()).to_pylist() if (order := self._order(v)) is not None}
        if not known:
            return []
        self._grow(max(known, key=known.__getitem__))
        floor = self.floor()
        near = pa.array([v for v, order in known.items() if order >= floor], pa.string())
        return list(pc.indices_nonzero(pc.is_in(values, near)).to_pylist())

    def _grow(self, value: str) -> None:
        order, now = self._order(value), self._order(self.value) if self.value is not None else None
        if order is not None and (now is None or order > now):
            self.value = value

    def _trim(self) -> None:
        floor = self.floor()
        self._kept = [(order, p) for order, p in self._kept if order >= floor]

    def _print(self, row: dict[str, Any]) -> str:
        """Empty values and absent ones are the same."""
        names = self._names or sorted(row)
        return hashlib.sha256(json.dumps([(n, row[n]) for n in names if row.get(n) is not None]).encode()).hexdigest()

    def _order(self, value: str) -> Order | None:
        at = moment(value, self.form, self.zone)
        if at is not None:
            return ("time", at) if at <= self.ceiling else None
        return ("number", int(value)) if value.isascii() and value.isdigit() else None


def _shape(values: pa.Array) -> str | None:
    """The one form all values have in which text sorts as time does."""
    first = next((v.as_py() for v in values if v.is_valid), "")
    for pattern, shape in _SHAPES:
        if re.search(pattern, first):
            return shape if pc.all(pc.match_substring_regex(values, pattern)).as_py() else None
    return None
