"""A Great Expectations suite, as plain JSON, compiled to aggregates of one SQL query. Great Expectations itself is not imported.

    suite + the last accepted row count  ->  expectations with their bounds  ->  Compiled

What the compiler has no SQL for is refused, never ignored: an unknown type, an unknown argument, a value that does not
fit the column. Each type here gives the verdict and the counts of Great Expectations on DuckDB; a test holds it to that.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import duckdb

from warehouse.check_digits import id_number_ok, uscc_ok
from warehouse.sql import key_text, listed, literal, quoted

Expectation = dict[str, Any]
EXACT = 2**53  # Great Expectations keeps every number as a double; beyond this neighbours become equal, without an error
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL", "FLOAT", "DOUBLE")
DAYS = ("DATE", "TIMESTAMP")


class Uncompilable(ValueError):
    """The expectation cannot be compiled. `zh` and `en` say why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


@dataclass(frozen=True)
class Compiled:
    """What to select for one expectation."""

    expectation: Expectation
    rows: str = "count(*)"
    present: str = "count(*)"  # the rows that are judged
    unexpected: str = ""  # empty: the row count itself is observed
    condition: str = ""  # TRUE for an unexpected row
    distinct: str = ""  # uniqueness: fewer distinct values than values means some repeat, and only then are they counted

    @property
    def mostly(self) -> float:
        return float(self.expectation["kwargs"].get("mostly", 1))

    @property
    def selected(self) -> list[str]:
        return [a for a in (self.rows, self.present, self.unexpected, self.distinct) if a]


def relation(suite: Mapping[str, Any], rows: str, column: str | None = None) -> str:
    """The rows with the columns a suite computes: `<field> check digit` as BOOLEAN, several fields as one key.

    With `column`, only what that column takes: a field that is gone spoils nothing else.
    """
    computed = suite.get("meta", {}).get("computed", {})
    made = [f"{_computed(spec)} AS {quoted(name)}" for name, spec in computed.items() if column is None or column == name]
    return f"(SELECT *, {', '.join(made)} FROM {rows})" if made else rows


def _computed(spec: Mapping[str, Any]) -> str:
    """NULL where a field is NULL: what is not there has no wrong check digit and repeats nobody."""
    names = [quoted(f) for f in spec["fields"]]
    match spec["as"]:
        case "key":
            return key_text(names)
        case "id_number":
            return f"CASE WHEN {names[0]} IS NOT NULL THEN {id_number_ok(names[0])} END"
        case "uscc":
            return f"CASE WHEN {names[0]} IS NOT NULL THEN {uscc_ok(names[0])} END"
    raise Uncompilable(f"不会计算 {spec['as']}", f"cannot compute {spec['as']}")


def resolved(suite: Mapping[str, Any], last_rows: int | None) -> list[Expectation]:
    """The suite's expectations with numbers for bounds against the last accepted count.

    Without an earlier count, shrink has nothing to be held against and is left out; so is grow from nothing.
    """
    found = []
    for expectation in suite["expectations"]:
        rule, share = expectation.get("meta", {}).get("rule"), expectation.get("meta", {}).get("max")
        if rule not in ("shrink", "grow") or share is None:
            found.append(expectation)
        elif last_rows is not None and (last_rows or rule == "shrink"):
            exact = Fraction(str(share))
            fewest, most = math.ceil(last_rows * max(1 - exact, Fraction(0))), math.floor(last_rows * (1 + exact))
            bound = {"min_value": fewest} if rule == "shrink" else {"max_value": most}
            found.append({**expectation, "kwargs": bound, "meta": {**expectation["meta"], "last_rows": last_rows}})
    return found


def compiled(expectation: Expectation, columns: Mapping[str, str] | None = None) -> Compiled:
    """One expectation as SQL; `columns` gives SQL types where they are known. Raises Uncompilable."""
    kind, kwargs = expectation["type"], expectation["kwargs"]
    known = KINDS.get(kind)
    if known is None:
        raise Uncompilable(f"没有 {kind} 的编译规则", f"{kind} is not compiled")
    arguments, make = known
    if unknown := sorted(set(kwargs) - {*arguments, *(("column", "mostly") if kind != ROWS else ())}):
        raise Uncompilable(f"{kind} 不支持参数 {'、'.join(unknown)}", f"{kind} does not take {', '.join(unknown)}")
    mostly = kwargs.get("mostly", 1)
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0 <= mostly <= 1:
        raise Uncompilable("mostly 应在 0 与 100% 之间", "mostly is between 0 and 100%")
    if kind == ROWS:
        return make(expectation, "", "")
    if "column" not in kwargs:
        raise Uncompilable(f"{kind} 缺少 column", f"{kind} needs a column")
    if columns and kwargs["column"] not in columns:
        raise Uncompilable(f"没有列 {kwargs['column']}", f"there is no column {kwargs['column']}")
    return make(expectation, quoted(kwargs["column"]), (columns or {}).get(kwargs["column"], ""))


def _row_count(e: Expectation, _: str, __: str) -> Compiled:
    bounds = _bounds(e["kwargs"], "BIGINT")
    if not all(isinstance(b, int) for b in bounds.values()):
        raise Uncompilable("行数界限须为整数", "bounds of a row count are whole numbers")
    return Compiled(e)


def _not_null(e: Expectation, x: str, _: str) -> Compiled:
    return Compiled(e, unexpected=f"count(*) - count({x})", condition=f"{x} IS NULL")


def _unique(e: Expectation, x: str, _: str) -> Compiled:
    """Every row of a repeated value is unexpected."""
    return Compiled(e, present=f"count({x})", distinct=f"count(DISTINCT {x})")


def _values(e: Expectation, x: str, condition: str) -> Compiled:
    return Compiled(e, present=f"count({x})", unexpected=f"count(*) FILTER (WHERE {condition})", condition=condition)


def _in_set(e: Expectation, x: str, kind: str) -> Compiled:
    values = e["kwargs"].get("value_set")
    if not values:
        raise Uncompilable("value_set 为空", "value_set is empty")
    for value in values:
        _fits(value, kind)
    return _values(e, x, f"{x} NOT IN {listed(_plain(v) for v in values)}")


def _between(e: Expectation, x: str, kind: str) -> Compiled:
    bounds = _bounds(e["kwargs"], kind)
    sides = [f"{x} {'<' if side == 'min_value' else '>'} {literal(_plain(bound))}" for side, bound in bounds.items()]
    return _values(e, x, " OR ".join(sides))


def _regex(e: Expectation, x: str, _: str) -> Compiled:
    pattern = e["kwargs"].get("regex")
    if not isinstance(pattern, str):
        raise Uncompilable("缺少 regex", "regex is missing")
    if problem := _not_re2(pattern):
        raise Uncompilable(f"正则表达式不可用（不支持前后断言和反向引用）：{problem}", f"the pattern cannot be used (RE2: {problem})")
    return _values(e, x, f"NOT regexp_matches({x}::VARCHAR, {literal(pattern)})")


ROWS = "expect_table_row_count_to_be_between"
KINDS: dict[str, tuple[tuple[str, ...], Callable[[Expectation, str, str], Compiled]]] = {
    ROWS: (("min_value", "max_value"), _row_count),
    "expect_column_values_to_not_be_null": ((), _not_null),
    "expect_column_values_to_be_unique": ((), _unique),
    "expect_column_values_to_be_in_set": (("value_set",), _in_set),
    "expect_column_values_to_be_between": (("min_value", "max_value"), _between),
    "expect_column_values_to_match_regex": (("regex",), _regex),
}


def _bounds(kwargs: Mapping[str, Any], kind: str) -> dict[str, Any]:
    bounds = {side: kwargs[side] for side in ("min_value", "max_value") if kwargs.get(side) is not None}
    if not bounds:
        raise Uncompilable("须写明 min 或 max", "needs min or max")
    for bound in bounds.values():
        if kind in ("BOOLEAN", "VARCHAR"):
            raise Uncompilable("文本和是非值没有范围", "text and booleans have no range")
        if isinstance(bound, bool) or (isinstance(bound, str) and not _day(bound)):
            raise Uncompilable(f"界限 {bound!r} 既不是数也不是日期", f"the bound {bound!r} is neither a number nor a date")
        _fits(bound, kind)
    if len({len(b) > len("2024-02-29") if isinstance(b, str) else None for b in bounds.values()}) > 1:
        raise Uncompilable("两个界限须同为数、日期或时刻", "both bounds are numbers, or days, or moments")
    return bounds


def _fits(value: Any, kind: str) -> None:
    """Refuse a value that would be cast, rounded or compared as another type than the column's."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number and not isinstance(value, str | bool):
        raise Uncompilable(f"值 {value!r} 的类型不可用", f"a value of type {type(value).__name__} cannot be used")
    family, _, rest = kind.partition("(")
    scale = int(rest.rstrip(")").split(",")[1]) if family == "DECIMAL" and "," in rest else 0
    if number and (not math.isfinite(value) or abs(value) >= EXACT // 10**scale):
        raise Uncompilable(
            f"{value} 过大（自 2^53 起无法精确比较）；标识号码请用文本", f"{value} is too large to be compared exactly (2^53 and beyond)"
        )
    expected = (
        number if family in NUMBERS
        else isinstance(value, str) and _day(value) if family in DAYS
        else isinstance(value, bool) if family == "BOOLEAN"
        else isinstance(value, str) if family == "VARCHAR"
        else True
    )  # fmt: skip
    if not expected:
        raise Uncompilable(f"值 {value!r} 与列类型 {kind} 不符", f"{value!r} does not fit a column of type {kind}")


def _day(text: str) -> bool:
    try:
        return dt.datetime.fromisoformat(text).tzinfo is None and text[4:5] == "-"
    except ValueError:
        return False


def _plain(value: Any) -> Any:
    """98.0 as 98: Great Expectations stores whole numbers as doubles."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


@functools.cache
def _not_re2(pattern: str) -> str:
    """What the engine has against a pattern, found before any row is read; empty when it takes it."""
    try:
        with duckdb.connect(config={"threads": 1}) as con:
            con.execute(f"SELECT regexp_matches('', {literal(pattern)})")
    except duckdb.Error as error:
        return str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
    return ""
