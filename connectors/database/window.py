"""The window an incremental read looks through: lower bound closed, upper bound fixed before reading.

    last cursor, overlap, lag, clock  ->  conditions in the far side's SQL

The next cursor is the largest value seen in the window and never moves back, whatever the far side's clock does.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from connectors.database.dialects import Dialect, Field

_SHAPES = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+", "%Y-%m-%d %H:%M:%S.%f"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "%Y-%m-%d %H:%M:%S"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "%Y-%m-%d %H:%M"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+", "%Y-%m-%dT%H:%M:%S.%f"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "%Y-%m-%dT%H:%M:%S"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "%Y-%m-%dT%H:%M:%SZ"),
    (r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", "%Y/%m/%d %H:%M:%S"),
    (r"(19|20)\d{12}", "%Y%m%d%H%M%S"),
    (r"\d{4}-\d\d-\d\d", "%Y-%m-%d"),
    (r"\d{4}/\d\d/\d\d", "%Y/%m/%d"),
    (r"(19|20)\d{6}", "%Y%m%d"),
)


def shape(text: str) -> str | None:
    """How a point in time is written, where the text is one."""
    return next((form for pattern, form in _SHAPES if re.fullmatch(pattern, text)), None)


def earlier(text: str, by: dt.timedelta) -> str | None:
    """The same point in time, that much earlier, written the same way; None when the text is no point in time."""
    if not by:
        return text
    zone = re.search(r"[+-]\d\d(:?\d\d)?(:\d\d)?$", text) if ":" in text else None
    bare = text[: zone.start()] if zone else text
    form = shape(bare)
    if form is None:
        return None
    try:
        moment = dt.datetime.strptime(bare, form)  # noqa: DTZ007 - written without a zone, compared without one
        if "%H" not in form:
            by = dt.timedelta(days=math.ceil(by / dt.timedelta(days=1)))
        return (moment - by).strftime(form) + (zone[0] if zone else "")
    except (ValueError, OverflowError):
        return None


def written(moment: dt.datetime, field: Field, like: str | None, timezone: str) -> str | None:
    """A moment the way the column writes it; None when that is not known."""
    if field.family == "instant":
        return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
    local = moment.astimezone(ZoneInfo(timezone))
    if field.family in ("moment", "day"):
        return local.strftime("%Y-%m-%d %H:%M:%S.%f" if field.family == "moment" else "%Y-%m-%d")
    form = shape(like) if like else None
    if form is None:
        return None
    return (moment.astimezone(dt.UTC) if form.endswith("Z") else local).strftime(form)


@dataclass(frozen=True)
class Window:
    """Which rows of a table a read may see. `before` is open: rows of an incomplete batch and later wait."""

    dialect: Dialect
    field: Field
    base: tuple[str, ...]  # the conditions of `only`
    nulls: bool  # rows without a cursor value are read, every time
    last: str | None = None
    lower: str | None = None
    bound: str | None = None  # the clock minus lag
    before: str | None = None
    ceiling: str | None = None  # tomorrow, by the far side's clock: a later value is no time that has been

    def _compared(self, sign: str, text: str | None) -> list[str]:
        if text is None:
            return []
        return [f"{self.dialect.quoted(self.field.name)} {sign} {self.dialect.value(self.field, text)}"]

    def seen(self) -> list[str]:
        """Conditions on the cursor column that hold for rows whose values count towards the next cursor."""
        return [
            *self._compared(">=", self.lower),
            *self._compared("<=", self.bound),
            *self._compared("<=", self.ceiling),
            *self._compared("<", self.before),
        ]

    def rows(self, upper: str | None) -> str:
        """Conditions for the rows to read, with the upper bound that was fixed. Read from its beginning, a table is read whole.

        Rows dated beyond tomorrow are read every time, like rows without a value: the cursor never gets there.
        """
        if self.last is None and self.before is None:
            inside = [] if self.nulls else [f"NOT ({self.empty()})"]
            return all_of([*self.base, *inside])
        inside = [*self._compared(">=", self.lower), *self._compared("<", self.before)]
        inside += self._compared("<=", upper) if upper is not None else ["1 = 0"]
        either = f"({' AND '.join(inside)})" + (f" OR {self.empty()}" if self.nulls else "") + "".join(f" OR {a}" for a in self.ahead())
        return all_of([*self.base, f"({either})"])

    def empty(self) -> str:
        """The condition for rows without a cursor value; an empty text is none."""
        column = self.dialect.quoted(self.field.name)
        return f"{column} IS NULL OR {column} = ''" if self.field.order == "text" else f"{column} IS NULL"

    def ahead(self) -> list[str]:
        """The condition for rows that are dated beyond tomorrow, where the column holds times."""
        return self._compared(">", self.ceiling)

    def near(self, value: str, overlap: dt.timedelta) -> str:
        """Conditions for the rows at and shortly before a cursor value."""
        low = earlier(value, overlap) or value
        return all_of([*self.base, *self._compared(">=", low), *self._compared("<=", value)])


def all_of(conditions: list[str]) -> str:
    return " WHERE " + " AND ".join(conditions) if conditions else ""
