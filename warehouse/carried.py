"""Counts of a large table carried over a small change, so that an hourly increment does not read every row again.

    the last accepted verdict  -  the versions that go  +  the versions that come  =  what a whole pass would count

Only what is true of a row by itself can be carried. A column in which nothing repeated stays so while none of its new
values stands elsewhere; where something repeats, the distinct values are counted anew. Once a week everything is.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from warehouse.expectations import ROWS, Compiled, relation
from warehouse.sql import quoted
from warehouse.verdicts import Verdict

LARGE = 100_000  # rows from which carrying costs less than counting
SMALL = 20  # a step is at most one row in so many
OLDEST = dt.timedelta(days=7)


@dataclass(frozen=True)
class Increment:
    """A small change to accepted rows. All three are SQL relations with `_key` and the record's fields."""

    stood: str  # every accepted row before
    gone: str  # of these, the versions that do not stay, and those that come again as they are
    come: str  # the versions that take their place, and new rows


def carried(
    con: duckdb.DuckDBPyConnection, asked: Collection[Compiled], suite: Mapping[str, Any], rows: str, step: Increment, before: Verdict
) -> dict[str, int] | None:
    """Every aggregate the expectations select, by its SQL; None when the last verdict does not tell enough.

    `rows` is the whole as it would be after the step.
    """
    if dt.datetime.now(dt.UTC) - before.counted_at > OLDEST:
        return None
    earlier = {_name(r.expectation): r for r in before.results if r.verdict != "not checked"}
    known: dict[str, int] = {}
    single: set[str] = set()
    for one in asked:
        then = earlier.get(_name(one.expectation))
        if then is None and one.expectation["type"] == ROWS:
            continue  # the first count is held against nothing; every other expectation counts the rows as well
        if then is None:
            return None
        told = {one.rows: then.element_count, one.present: then.judged, one.unexpected: then.unexpected_count}
        known |= {sql: count for sql, count in told.items() if sql}
        if one.distinct and not then.unexpected_count:
            single.add(one.distinct)
    if not all(one.rows in known for one in asked):
        return None
    gone, come = (_counted(con, known, relation(suite, part)) for part in (step.gone, step.come))
    now = {sql: count - gone[sql] + come[sql] for sql, count in known.items()}
    for one in asked:
        if one.distinct and one.distinct not in now:
            column = one.expectation["kwargs"]["column"]
            if one.distinct in single and not _repeats(con, column, suite, step):
                now[one.distinct] = now[one.present]
            else:
                now |= _counted(con, [one.distinct], relation(suite, rows, column))
    return now


def _name(expectation: Mapping[str, Any]) -> str:
    """The same expectation of two checks; only the bounds of a row count may differ."""
    kind, kwargs = expectation["type"], expectation["kwargs"]
    return kind if kind == ROWS else f"{kind} {json.dumps(kwargs, sort_keys=True)}"


def _counted(con: duckdb.DuckDBPyConnection, wanted: Iterable[str], source: str) -> dict[str, int]:
    names = list(wanted)
    row = con.execute(f"SELECT {', '.join(names)} FROM {source}").fetchone()
    assert row is not None
    return dict(zip(names, row, strict=True))


def _repeats(con: duckdb.DuckDBPyConnection, column: str, suite: Mapping[str, Any], step: Increment) -> bool:
    """Whether a value of the new versions stands twice now; that none did before is known."""
    x = quoted(column)
    gone, come = (relation(suite, part, column) for part in (step.gone, step.come))
    row = con.execute(f"SELECT count({x}) > count(DISTINCT {x}) FROM {come}").fetchone()
    if row and row[0]:
        return True
    fresh = f"(SELECT {x} FROM {come} WHERE {x} IS NOT NULL AND {x} NOT IN (SELECT {x} FROM {gone} WHERE {x} IS NOT NULL))"
    if not con.execute(f"SELECT 1 FROM {fresh} LIMIT 1").fetchone():
        return False
    stood = relation(suite, step.stood, column)
    found = f"SELECT 1 FROM {stood} WHERE {x} IN {fresh} AND _key NOT IN (SELECT _key FROM {step.gone}) LIMIT 1"
    return con.execute(found).fetchone() is not None
