"""Hold the rows of one dataset against its suite: one aggregate query, findings in Great Expectations' result schema.

    relation + suite + last accepted count  ->  Verdict

"Could not be checked" is a state of its own: never a pass, never a failure of the data.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import duckdb

from warehouse.carried import Step, carried
from warehouse.expectations import ROWS, Compiled, Expectation, Refused, compiled, relation, resolved
from warehouse.findings import said
from warehouse.sql import listed, literal, quoted

SAMPLES = 5
_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)
_TELLING = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)  # these name columns, never values


@dataclass(frozen=True)
class Result:
    """What one expectation found."""

    expectation: Expectation
    verdict: Literal[True, False, "not checked"]
    element_count: int = 0
    missing_count: int = 0
    unexpected_count: int = 0
    observed: int | None = None  # the row count, where that is what was asked
    samples: tuple[dict[str, Any], ...] = ()  # a few unexpected rows: their key, where there is one, and the value
    reason: str = ""  # why it was not checked

    @property
    def severity(self) -> str:
        return str(self.expectation.get("meta", {}).get("severity", "warn"))

    @property
    def judged(self) -> int:
        return self.element_count - self.missing_count

    def said(self) -> tuple[str, str]:
        """The finding for a person, Chinese and English; counts only, no values of rows."""
        return said(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Result:
        """What `as_json` wrote."""
        detail, raised = kept["result"], kept["exception_info"]["raised_exception"]
        observed = detail.get("observed_value")
        return cls(
            kept["expectation_config"],
            "not checked" if raised else bool(kept["success"]),
            observed if observed is not None else detail.get("element_count", 0),
            detail.get("missing_count", 0),
            detail.get("unexpected_count", 0),
            observed,
            tuple(detail.get("partial_unexpected_index_list", ())),
            kept["exception_info"]["exception_message"] or "",
        )

    def as_json(self) -> dict[str, Any]:
        unchecked = self.verdict == "not checked"
        return {
            "success": self.verdict is True,
            "expectation_config": self.expectation,
            "result": {} if unchecked else self._detail(),
            "meta": {},
            "exception_info": {
                "raised_exception": unchecked,
                "exception_message": self.reason if unchecked else None,
                "exception_traceback": self.reason if unchecked else None,
            },
        }

    def _detail(self) -> dict[str, Any]:
        if self.observed is not None:
            return {"observed_value": self.observed}
        column = self.expectation["kwargs"]["column"]
        return {
            "element_count": self.element_count,
            "missing_count": self.missing_count,
            "missing_percent": _percent(self.missing_count, self.element_count),
            "unexpected_count": self.unexpected_count,
            "unexpected_percent": _percent(self.unexpected_count, self.judged),
            "unexpected_percent_total": _percent(self.unexpected_count, self.element_count),
            "unexpected_percent_nonmissing": _percent(self.unexpected_count, self.judged),
            "partial_unexpected_list": [s[column] for s in self.samples],
            "partial_unexpected_index_list": list(self.samples),
        }


def _percent(part: int, whole: int) -> float | None:
    return part / whole * 100 if whole else None


@dataclass(frozen=True)
class Verdict:
    """What a suite found."""

    suite: str
    results: list[Result]
    counted_at: dt.datetime = _NEVER  # when every row was last read for it, UTC

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Verdict:
        """What hub.findings keeps, for whoever shows it."""
        said = kept["meta"].get("counted_at")
        return cls(kept["suite_name"], [Result.from_json(r) for r in kept["results"]], dt.datetime.fromisoformat(said) if said else _NEVER)

    def beside(self, more: Iterable[Result]) -> Verdict:
        """With what else was found of the same rows."""
        return replace(self, results=[*self.results, *more])

    @property
    def passed(self) -> bool:
        return all(r.verdict is True for r in self.results)

    @property
    def blocking(self) -> bool:
        return any(r.verdict is False and r.severity == "block" for r in self.results)

    @property
    def failed(self) -> list[Result]:
        return [r for r in self.results if r.verdict is False]

    @property
    def unchecked(self) -> list[Result]:
        return [r for r in self.results if r.verdict == "not checked"]

    def as_json(self, run: str = "", at: dt.datetime | None = None) -> dict[str, Any]:
        """In the shape of Great Expectations' ExpectationSuiteValidationResult."""
        good = sum(r.verdict is True for r in self.results)
        total = len(self.results)
        return {
            "success": self.passed,
            "results": [r.as_json() for r in self.results],
            "suite_name": self.suite,
            "suite_parameters": {},
            "statistics": {
                "evaluated_expectations": total,
                "successful_expectations": good,
                "unsuccessful_expectations": total - good,
                "success_percent": _percent(good, total),
            },
            "meta": {
                "run_id": {"run_name": run, "run_time": (at or dt.datetime.now(dt.UTC)).isoformat()},
                "unchecked_expectations": len(self.unchecked),
                "blocking": self.blocking,
                "counted_at": self.counted_at.isoformat(),
            },
        }


def check(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    suite: Mapping[str, Any],
    *,
    last_rows: int | None,
    step: Step | None = None,
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
        except Refused as error:
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
