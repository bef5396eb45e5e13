"""What a source promises about its rows: the words of `expect:`, and the bounds that hold where it promises nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pydantic import Field, model_validator

from schemas.documents import Closed
from schemas.forms import Name, Severity, Share


class Bound(Closed):
    max: Share
    severity: Severity = "block"


class Shrink(Bound):
    """Against the rows last accepted, and those accepted a week and a month ago: small steps add up."""

    week: Share = 0.3
    month: Share = 0.4


class Changed(Bound):
    """Rows of which any field differs from what was accepted, of all accepted rows; tables of up to 50 rows are let be."""

    leave_out: tuple[Name, ...] = ()  # fields that differ in every read, such as a date of extraction


class Filled(Closed):
    min: Share = 1.0
    severity: Severity = "warn"

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"min": value} if isinstance(value, str) else value


class Rows(Closed):
    min: int | None = None
    max: int | None = None
    severity: Severity = "block"


class Range(Closed):
    min: int | float | dt.date | None = None
    max: int | float | dt.date | None = None
    mostly: Share = 1.0
    severity: Severity = "warn"


class Expect(Closed):
    """What this one source promises about its rows; rules for all sources stand in the record type."""

    shrink: Shrink | None = Shrink(max="20%")  # type: ignore[arg-type]  # against the accepted counts before
    changed: Changed | None = Changed(max="50%")  # type: ignore[arg-type]  # rows that differ from what was accepted
    emptied: Bound | None = Bound(max="10%")  # type: ignore[arg-type]  # values of a field that were there and are empty now
    held: Bound | None = Bound(max="50%")  # type: ignore[arg-type]  # rows rejected, of those looked at: probably the mapping
    grow: Bound | None = None
    rows: Rows | None = None
    filled: dict[Name, Filled] = Field(default_factory=dict)
    range: dict[Name, Range] = Field(default_factory=dict)
