"""Hold the rows of one dataset against its suite: one aggregate query, findings in Great Expectations' result schema.

    relation + suite + last accepted count  ->  Verdict

"Could not be checked" is a state of its own: never a pass, never a failure of the data.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import duckdb

from warehouse.carried import Increment, carried
from warehouse.expectations import ROWS, Compiled, Uncompilable, compiled, relation, resolved
from warehouse.sql import listed, literal, quoted
from warehouse.verdicts import Result, Verdict

SAMPLES = 5
_TELLING = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)  # these name columns, never values


def check(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    suite: Mapping[str, Any],
    *,
    last_rows: int | None,
    step: Increment | None = None,
    before: Verdict | None = None,
) -> Verdict:
    """Every expectation of the suite against `rows`, any SQL relation: a table, a subquery in brackets, `read_parquet('…')`.

    With the verdict of what was accepted last and the step from there, only the step is read where that is enough.
    """
    columns = suite.get("meta", {}).get("columns")
    asked: list[Compiled | Result] = []
    for expectation in resolved(suite, last_rows):
        try:
            asked.append(compiled(expectation, columns))
        except Uncompilable as error:
            asked.append(Result(expectation, "not checked", reason=error.en))
    counted_at = dt.datetime.now(dt.UTC)
    checkable = [one for one in asked if isinstance(one, Compiled)]
    try:
        counts = carried(con, checkable, suite, rows, step, before) if step and before else None
        if counts is not None and before:
            counted_at = before.counted_at
        else:
            counts = _select(con, dict.fromkeys(a for one in checkable for a in one.selected), relation(suite, rows))
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        counts = None  # one expectation that cannot run takes the whole query with it
    results = []
    for one in asked:
        if isinstance(one, Compiled):
            source = relation(suite, rows, one.expectation["kwargs"].get("column", ""))
            results.append(_result(con, one, source, counts))
        else:
            results.append(one)
    return Verdict(str(suite["name"]), results, counted_at)


def _select(con: duckdb.DuckDBPyConnection, wanted: Mapping[str, None], source: str) -> dict[str, int]:
    if not wanted:
        return {}
    row = con.execute(f"SELECT {', '.join(wanted)} FROM {source}").fetchone()
    assert row is not None
    return dict(zip(wanted, row, strict=True))


def _result(con: duckdb.DuckDBPyConnection, one: Compiled, source: str, counts: Mapping[str, int] | None) -> Result:
    try:
        return _judged(con, one, source, counts or _select(con, dict.fromkeys(one.selected), source))
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        reason = str(error).splitlines()[0] if isinstance(error, _TELLING) else type(error).__name__
        return Result(one.expectation, "not checked", reason=reason)


def _judged(con: duckdb.DuckDBPyConnection, one: Compiled, source: str, counts: Mapping[str, int]) -> Result:
    elements, present = counts[one.rows], counts[one.present]
    kwargs = one.expectation["kwargs"]
    if one.expectation["type"] == ROWS:
        low, high = kwargs.get("min_value"), kwargs.get("max_value")
        fits = (low is None or elements >= low) and (high is None or elements <= high)
        return Result(one.expectation, fits, element_count=elements, observed=elements)
    condition = one.condition
    if one.distinct:
        column = quoted(kwargs["column"])
        condition = f"{column} IN (SELECT {column} FROM {source} GROUP BY 1 HAVING count(*) > 1)"
        unexpected = _repeated(con, column, source) if counts[one.distinct] < present else 0
    else:
        unexpected = counts[one.unexpected]
    fits = present == 0 or (present - unexpected) / present >= one.mostly  # a share of the rows that have a value
    samples = () if fits else _samples(con, kwargs["column"], condition, source)
    return Result(one.expectation, fits, elements, elements - present, unexpected, samples=samples)


def _repeated(con: duckdb.DuckDBPyConnection, column: str, source: str) -> int:
    """How many rows carry a value that another row carries too."""
    row = con.execute(
        f"SELECT coalesce(sum(times), 0)::BIGINT FROM"
        f" (SELECT count(*) AS times FROM {source} WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1)"
    ).fetchone()
    return int(row[0]) if row else 0


def _samples(con: duckdb.DuckDBPyConnection, column: str, condition: str, source: str) -> tuple[dict[str, Any], ...]:
    shown = listed(("_key", column))
    found = con.execute(f"SELECT COLUMNS(c -> c IN {shown}) FROM {source} WHERE {condition} LIMIT {SAMPLES}")
    names = [d[0] for d in found.description or []]
    return tuple(dict(zip(names, map(_plain, row), strict=True)) for row in found.fetchall())


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def last(con: duckdb.DuckDBPyConnection, table: str, run: str) -> Verdict | None:
    """What that run found of the dataset."""
    row = con.execute(
        f"SELECT arg_max(result, written_at) FROM hub.findings WHERE dataset = {literal(table)} AND run = {literal(run)}"
    ).fetchone()
    return Verdict.from_json(json.loads(row[0])) if row and row[0] else None


def keep(tx: duckdb.DuckDBPyConnection, table: str, number: int, run: str, verdict: Verdict) -> None:
    """Write the verdict beside the rows it is about, in the caller's transaction."""
    told = json.dumps(verdict.as_json(run), ensure_ascii=False, default=str)
    entry = (run, table, number, told, verdict.passed, verdict.blocking)
    tx.execute(f"INSERT INTO hub.findings VALUES ({', '.join(map(literal, entry))}, now() AT TIME ZONE 'UTC')")
