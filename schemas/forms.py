"""How single values of a registration are written: names, durations, shares, one text for a list of one."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)]

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 30 * 86400}


def _duration(value: object) -> object:
    if isinstance(value, dt.timedelta):
        return value
    match = re.fullmatch(r"(\d+) (second|minute|hour|day|week|month)s?", str(value))
    if not match:
        raise ValueError('时长请写成 "2 days"、"5 minutes" 这样的形式 | a duration is written as "2 days" or "5 minutes"')
    return dt.timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _share(value: object) -> object:
    """`10%` as 0.1."""
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?%", value):
        return float(value[:-1]) / 100
    raise ValueError("比例请写成 10% 这样的形式 | a share is written as 10%")


Duration = Annotated[dt.timedelta, BeforeValidator(_duration), PlainSerializer(lambda v: f"{int(v.total_seconds())} seconds")]
Share = Annotated[
    float,
    BeforeValidator(_share),
    PlainSerializer(lambda v: f"{v * 100:g}%"),
    Field(ge=0, le=10),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?%$"}),  # as it is written
]
Severity = Literal["inform", "warn", "block"]


def _texts(value: object) -> object:
    return [value] if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
