"""What the compiler will not take is refused when it is declared, not found out over rows."""

from __future__ import annotations

from typing import Any

import pytest

from warehouse.expectations import Uncompilable, compiled, resolved

COLUMNS = {"n": "BIGINT", "d": "DECIMAL(18, 2)", "t": "VARCHAR", "day": "DATE", "at": "TIMESTAMP", "yes": "BOOLEAN"}


def made(kind: str, **kwargs: Any) -> str:
    one = compiled({"type": f"expect_column_values_to_{kind}", "kwargs": kwargs}, COLUMNS)
    return one.unexpected or one.distinct


@pytest.mark.parametrize("pattern", ["(?=a)b", "(?!a)b", "(?<=a)b", r"(a)\1", "(", "(?P=x)"])
def test_patterns_re2_has_no_word_for_are_refused(pattern: str) -> None:
    with pytest.raises(Uncompilable, match="RE2"):
        made("match_regex", column="t", regex=pattern)


@pytest.mark.parametrize("pattern", ["^a$", r"\p{Han}", "'quoted'", "(?i)x", ""])
def test_patterns_re2_knows_are_taken(pattern: str) -> None:
    assert "regexp_matches" in made("match_regex", column="t", regex=pattern)


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("be_between", {"column": "n", "max_value": 2**53}),
        ("be_between", {"column": "n", "min_value": float("nan")}),
        ("be_between", {"column": "d", "max_value": 2**53 // 100}),  # two places: its hundredths pass 2^53
        ("be_between", {"column": "n", "max_value": "9"}),
        ("be_between", {"column": "n", "max_value": True}),
        ("be_between", {"column": "t", "min_value": 1}),
        ("be_between", {"column": "t", "min_value": "2024-01-01"}),
        ("be_between", {"column": "day", "min_value": "20240101"}),
        ("be_between", {"column": "day", "min_value": 20240101}),
        ("be_between", {"column": "at", "min_value": "2024-01-01T00:00:00+08:00"}),
        ("be_between", {"column": "at", "min_value": "2024-01-01", "max_value": "2024-01-01 10:00:00"}),
        ("be_between", {"column": "yes", "min_value": 0}),
        ("be_between", {"column": "n"}),
        ("be_between", {"column": "n", "min_value": 0, "strict_min": True}),
        ("be_in_set", {"column": "t", "value_set": [1]}),
        ("be_in_set", {"column": "n", "value_set": ["1"]}),
        ("be_in_set", {"column": "t", "value_set": []}),
        ("be_in_set", {"column": "t", "value_set": ["a", None]}),
        ("be_unique", {"column": "t", "row_condition": "n > 1"}),
        ("be_unique", {"column": "gone"}),
        ("be_unique", {}),
        ("not_be_null", {"column": "t", "mostly": 1.5}),
        ("be_of_type", {"column": "t", "type_": "VARCHAR"}),
    ],
)
def test_what_would_be_cast_rounded_or_ignored_is_refused(kind: str, kwargs: dict[str, Any]) -> None:
    with pytest.raises(Uncompilable):
        made(kind, **kwargs)


@pytest.mark.parametrize(
    ("kind", "kwargs", "sql"),
    [
        ("be_between", {"column": "n", "max_value": 98.0}, '"n" > 98'),
        ("be_between", {"column": "d", "min_value": 0.1, "max_value": 99.99}, '"d" < 0.1 OR "d" > 99.99'),
        ("be_between", {"column": "day", "min_value": "1900-01-01"}, "\"day\" < '1900-01-01'"),
        ("be_in_set", {"column": "t", "value_set": ["O'Brien"]}, "\"t\" NOT IN ('O''Brien')"),
        ("be_in_set", {"column": "yes", "value_set": [True]}, '"yes" NOT IN (true)'),
    ],
)
def test_bounds_and_values_stay_exact(kind: str, kwargs: dict[str, Any], sql: str) -> None:
    assert made(kind, **kwargs) == f"count(*) FILTER (WHERE {sql})"


def bounds(rule: str, share: float, last: int | None) -> list[dict[str, int]]:
    one = {"type": "expect_table_row_count_to_be_between", "kwargs": {}, "meta": {"rule": rule, "max": share}}
    return [e["kwargs"] for e in resolved({"expectations": [one]}, last)]


def test_shrink_and_grow_are_bounds_against_the_last_accepted_count() -> None:
    assert bounds("shrink", 0.2, 1000) == [{"min_value": 800}]
    assert bounds("shrink", 0.1, 3) == [{"min_value": 3}]  # a third is more than a tenth
    assert bounds("shrink", 1.5, 10) == [{"min_value": 0}]
    assert bounds("grow", 0.1, 1000) == [{"max_value": 1100}]
    assert bounds("grow", 0.07, 100) == [{"max_value": 107}]


def test_without_an_earlier_count_there_is_nothing_to_shrink_from() -> None:
    assert bounds("shrink", 0.2, None) == []
    assert bounds("grow", 0.2, None) == []
    assert bounds("grow", 0.2, 0) == []
    assert bounds("shrink", 0.2, 0) == [{"min_value": 0}]
