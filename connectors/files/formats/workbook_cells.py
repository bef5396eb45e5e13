"""Cells of one column become text as the sheet shows them, a whole column at a time.

    3.3000000000000003 -> 3.3 · 1.5 days -> 36:00:00 · 2026-03-02 00:00 -> 2026-03-02 · #N/A -> #N/A

Excel keeps numbers as doubles and shows fifteen digits of them; what has more has lost its last ones.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

EXACT = 2**53  # a double holds no larger integer exactly
DIGITS = 10**15  # typed into a spreadsheet, a sixteenth digit becomes 0


class ErrorCell(str):
    """#DIV/0!, #N/A, …: what the sheet shows where it could not calculate."""

    __slots__ = ()


class Unkept(ErrorCell):
    """A formula whose value was never kept; what it would show is not in the file."""

    __slots__ = ()


UNKEPT = Unkept("#NO_VALUE!")


def texts(cells: Sequence[Any]) -> pa.Array:
    """The column as text; an empty cell is NULL."""
    kinds = set(map(type, cells))
    others = kinds - {str}
    if not others:
        return _nulled(pa.array(cells, pa.string()))
    if str in kinds and any(type(v) is str and v for v in cells):
        return pa.array([text(v) for v in cells], pa.string())
    if others <= {int, float}:
        return _numbers([None if v == "" else v for v in cells])
    if others == {dt.date}:
        return pa.array([None if v == "" else v for v in cells], pa.date32()).cast(pa.string())
    return pa.array([text(v) for v in cells], pa.string())


def lost(cells: Sequence[Any]) -> list[int]:
    """Places of numbers that are not what somebody typed: an identifier of sixteen digits or more."""
    if set(map(type, cells)).isdisjoint({int, float}):
        return []
    return [n for n, v in enumerate(cells) if type(v) in (int, float) and abs(v) >= DIGITS and _bent(v)]


def errors(cells: Sequence[Any]) -> list[int]:
    return [n for n, v in enumerate(cells) if isinstance(v, ErrorCell)] if not {ErrorCell, Unkept}.isdisjoint(map(type, cells)) else []


def text(value: Any) -> str | None:
    """One cell; the slow way, for columns of several kinds."""
    return _TEXT.get(type(value), str)(value)


def _bent(value: float) -> bool:
    """From 10^15 on the last digit is 0 for what was typed; a program's own integers are exact up to 2^53."""
    return abs(value) >= EXACT or value % 10 == 0 or value != int(value)


def _nulled(column: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def _numbers(values: list[float | None]) -> pa.Array:
    column = pc.add(pa.array(values, pa.float64()), 0.0)  # -0 is 0
    largest = pc.max(pc.abs(column)).as_py()
    if largest < DIGITS and pc.all(pc.equal(column, pc.floor(column))).as_py():
        return column.cast(pa.int64()).cast(pa.string())
    short = column.cast(pa.string())
    odd = pc.or_(pc.greater(pc.utf8_length(short), 16), pc.match_substring(short, "e"))
    if not pc.any(odd).as_py():
        return short
    again = [_number(v) if o else s for v, o, s in zip(values, odd.to_pylist(), short.to_pylist(), strict=True)]
    return pa.array(again, pa.string())


def _number(value: float | None) -> str | None:
    if value is None:
        return None
    if value == int(value) if abs(value) < EXACT else True:
        return str(int(value))
    shown = format(value, ".15g")
    return format(Decimal(shown).normalize(), "f") if "e" in shown else shown


def _length(value: dt.timedelta) -> str:
    """Hours beyond a day are hours, as [h]:mm:ss shows them."""
    seconds = round(value.total_seconds())
    hours, rest = divmod(abs(seconds), 3600)
    return f"{'-' if seconds < 0 else ''}{hours}:{rest // 60:02}:{rest % 60:02}"


def _moment(value: dt.datetime) -> str:
    return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")


_TEXT: Mapping[type, Callable[[Any], str | None]] = {
    str: lambda v: v or None,
    bool: lambda v: "true" if v else "false",
    int: _number,
    float: _number,
    dt.datetime: _moment,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: _length,
}
