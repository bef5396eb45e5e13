"""The largest change mark of a list, in the order its values have, and the window that the next read asks for.

    texts of the cursor column  ->  instants or numbers  ->  the largest, a print of the rows the next read sees again

Texts are never compared as texts. A mark is an instant (with a zone, or on the system's own wall clock) or a number; a list
that holds both has no order and is refused. What an interface is asked is written in its own form, zone and precision,
always rounded down, so that a second cut off never loses a row.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from connectors.rest.words import EPOCH, NUMBER, Since

KEPT = 10_000  # rows of the last window that are worth remembering
_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LOCAL = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?$"
_ZONED = _LOCAL[:-1] + r"(Z|[+-]\d\d:?\d\d)$"
_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M")

_COUNT = pa.decimal128(38, 0)  # numbers of thirty digits occur

Kind = Literal["time", "number"]


class Mixed(Exception):
    """Marks without one order: times beside numbers, or texts that are neither."""


@dataclass(frozen=True, slots=True)
class MarkForm:
    """How the marks of one interface are written and compared. Instants count microseconds since 1970 in UTC."""

    form: str
    zone: ZoneInfo  # of what is written without one
    asked_in: dt.tzinfo  # the zone in which the interface is asked

    @classmethod
    def of(cls, since: Since | None, zone: ZoneInfo) -> MarkForm:
        form = since.pattern if since else "%Y-%m-%d %H:%M:%S"
        asked = ZoneInfo(since.zone) if since and since.zone else dt.UTC if form.endswith("Z") and not form.endswith("%Z") else zone
        return cls(form, zone, asked)

    def order(self, value: str) -> tuple[Kind, int] | None:
        """The mark as what it is; None for a text that is neither a time nor a number."""
        value = value.strip()
        if re.fullmatch(r"[0-9]{1,30}", value):
            return self._digits(value)
        at = self._moment(value)
        return None if at is None else ("time", _micros(at))

    def _digits(self, value: str) -> tuple[Kind, int]:
        if self.form != NUMBER:
            if len(value) in (10, 13):  # from 2001 to 2286
                return "time", int(value) * EPOCH["seconds" if len(value) == 10 else "milliseconds"]
            for form in (self.form, "%Y%m%d%H%M%S"):
                if "%" in form and len(value) == len(dt.datetime(2026, 1, 1).strftime(form)) and (at := _read(value, form)):  # noqa: DTZ001
                    return "time", _micros(at.replace(tzinfo=self.zone))
        return "number", int(value)

    def _moment(self, value: str) -> dt.datetime | None:
        for form in (self.form, *_FORMS):
            if at := _read(value, form):
                zoned = at.tzinfo or (dt.UTC if form.endswith("Z") else self.zone)
                return at.replace(tzinfo=zoned)
        try:
            at = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
        return at if at.tzinfo else at.replace(tzinfo=self.zone)

    def orders(self, values: pa.Array) -> tuple[Kind | None, pa.Array]:
        """The kind of all marks, and each as a number; NULL where there is none. Raises Mixed."""
        if (fast := self._iso(values)) is not None:
            return "time", fast
        known = {v: self.order(v) for v in pc.unique(values.drop_null()).to_pylist() if v.strip()}
        kinds = {order[0] if order else None for order in known.values()}
        if len(kinds) > 1 or None in kinds:
            raise Mixed
        asked = values.to_pylist()
        return next(iter(kinds), None), pa.array([found[1] if v and (found := known.get(v)) else None for v in asked], _COUNT)

    def _iso(self, values: pa.Array) -> pa.Array | None:
        """Whole columns of the usual form at once."""
        if values.null_count == len(values):
            return None
        try:
            if pc.all(pc.match_substring_regex(values, _ZONED)).as_py():
                return values.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
            if pc.all(pc.match_substring_regex(values, _LOCAL)).as_py():
                local = values.cast(pa.timestamp("us"))
                return pc.assume_timezone(local, self.zone.key, ambiguous="earliest", nonexistent="latest").cast(pa.int64())
        except pa.ArrowInvalid:  # a day that is none, or an offset written otherwise
            return None
        return None

    def written(self, micros: int) -> str:
        """An instant as the interface takes it, rounded down to what its form can hold."""
        if self.form in EPOCH:
            return str(micros // EPOCH[self.form])
        at = (_BEGINNING + dt.timedelta(microseconds=micros)).astimezone(self.asked_in)
        offset = at.strftime("%z")
        form = self.form.replace("%3f", f"{at.microsecond // 1000:03d}").replace("%:z", f"{offset[:3]}:{offset[3:]}")
        return at.strftime(form)


def _read(value: str, form: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(value, form)  # noqa: DTZ007 - the zone is given by whoever asks
    except ValueError:
        return None


def _micros(at: dt.datetime) -> int:
    return (at - _BEGINNING) // dt.timedelta(microseconds=1)


class Latest:
    """The largest mark, and the rows of the window that the next read will see again."""

    def __init__(self, marks: MarkForm, overlap: dt.timedelta, now: dt.datetime, before: str | None, names: Sequence[str]) -> None:
        self._marks = marks
        self._overlap = overlap // dt.timedelta(microseconds=1)
        self._ceiling = _micros(now + dt.timedelta(days=1))  # a value of the year 9999 must not end all reading
        self.value = before
        order = marks.order(before) if before is not None else None
        self.kind: Kind | None = order[0] if order else None
        self._largest = order[1] if order else None
        self._names = names or None
        self._kept: list[tuple[int, str]] = []
        self._dropped: int | None = None  # the latest of what was too much to keep

    def add(self, rows: list[dict[str, Any]], values: pa.Array) -> None:
        """Rows and their marks, side by side. Raises Mixed when the marks have no one order."""
        kind, orders = self._marks.orders(values)
        if kind is None:
            return
        if self.kind not in (None, kind):
            raise Mixed
        self.kind = kind
        if kind == "time":
            orders = pc.if_else(pc.less_equal(orders, pa.scalar(self._ceiling, orders.type)), orders, None)
        found = pc.max(orders)
        if not found.is_valid:
            return
        if self._largest is None or int(found.as_py()) > self._largest:
            place = pc.indices_nonzero(pc.equal(orders, found))[0].as_py()
            self._largest, self.value = int(found.as_py()), values[place].as_py()
        near = pc.fill_null(pc.greater_equal(orders, pa.scalar(self.floor(), orders.type)), False)
        self._kept += [(int(orders[place].as_py()), self._print(rows[place])) for place in pc.indices_nonzero(near).to_pylist()]
        if len(self._kept) > 2 * KEPT:
            self._trim()
            if len(self._kept) > KEPT:
                latest = max(order for order, _ in self._kept)
                self._dropped = max(latest, self._dropped or latest)
                self._kept = []

    def digest(self) -> str | None:
        """A print of the rows in the window that begins at the largest mark less the overlap; None when they are too many."""
        self._trim()
        if self._dropped is not None and self._dropped >= self.floor():
            return None
        return hashlib.sha256("\n".join(sorted({p for _, p in self._kept})).encode()).hexdigest()

    def floor(self) -> int:
        """What the next read begins with."""
        if self._largest is None:
            return 0
        return self._largest - (self._overlap if self.kind == "time" else 0)

    def _trim(self) -> None:
        floor = self.floor()
        self._kept = [(order, p) for order, p in self._kept if order >= floor]

    def _print(self, row: dict[str, Any]) -> str:
        """Empty values and absent ones are the same."""
        names = self._names or sorted(row)
        return hashlib.sha256(json.dumps([(n, row[n]) for n in names if row.get(n) is not None]).encode()).hexdigest()
