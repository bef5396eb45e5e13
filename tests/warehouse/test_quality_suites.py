from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.city import City, Settings, read_city
from schemas.errors import RegistrationError
from schemas.records import Record
from schemas.registration import System
from warehouse import quality, suites

RECORD: dict[str, Any] = {
    "name": "person",
    "title": "人",
    "identity": ["id_number"],
    "fields": {
        "id_number": {"title": "公民身份号码", "type": "id_number", "required": True},
        "employer": {"title": "单位", "type": "uscc"},
        "sex": {"title": "性别", "type": "code", "codes": "sex"},
        "born": {"title": "出生日期", "type": "date"},
        "children": {"title": "子女数", "type": "integer"},
        "village": {"title": "村代码"},
    },
}


def city(*rules: dict[str, Any], **more: Any) -> City:
    record = Record.model_validate({**RECORD, **more, "rules": list(rules)})
    return City(Settings(title="市", division="411600"), {}, {}, {"person": record}, {"sex": {"2": "女", "1": "男"}}, {})


def system(expect: dict[str, Any] | None = None, fields: tuple[str, ...] = ("id_number", "sex", "born", "children", "village")) -> System:
    dataset = {
        "title": "人",
        "record": "person",
        "read": {"files": "*.csv", "key": ["A"]},
        "fields": {f: f.upper() for f in fields},
        "expect": expect or {},
        "sample": [{"given": {"A": "1"}, "rejected": "id_number"}],
    }
    return System.model_validate(
        {"path": "police/people", "title": "人口", "connector": "files", "connection": {"folder": "x"}, "datasets": {"person": dataset}}
    )


def made(where: City, of: System) -> list[tuple[str, dict[str, Any], str, str]]:
    found = suites.suite(where, of, "person")["expectations"]
    return [(e["meta"]["rule"], e["kwargs"], e["meta"]["severity"], e["meta"]["origin"]) for e in found]


def test_a_field_s_own_words_are_promises() -> None:
    assert made(city(), system({"shrink": None})) == [
        ("required", {"column": "id_number"}, "warn", "record"),
        ("check_digit", {"column": "id_number check digit", "value_set": [True]}, "warn", "record"),
        ("codes", {"column": "sex", "value_set": ["1", "2"]}, "warn", "record"),
        ("unique", {"column": "id_number"}, "warn", "record"),
    ]


def test_a_rule_of_the_record_type_takes_the_place_of_what_is_implied() -> None:
    rules = made(city({"rule": "unique", "field": "id_number", "severity": "block"}), system({"shrink": None}))
    assert [r for r in rules if r[0] == "unique"] == [("unique", {"column": "id_number"}, "block", "record")]


def test_every_rule_becomes_an_expectation() -> None:
    where = city(
        {"rule": "pattern", "field": "village", "pattern": "^[0-9]+$", "mostly": "90%"},
        {"rule": "range", "field": "children", "min": 0, "max": 20},
        {"rule": "range", "field": "born", "min": "1900-01-01"},
        {"rule": "in", "field": "children", "values": ["0", "1"]},
        {"rule": "filled", "field": "born", "mostly": "95%"},
        {"rule": "unique", "fields": ["village", "born"]},
        {"rule": "rows", "min": 10},
        {"rule": "required", "field": "born"},
        {"rule": "check_digit", "field": "id_number", "severity": "inform"},
    )
    assert [kwargs for _, kwargs, _, _ in made(where, system({"shrink": None}))][:9] == [
        {"column": "village", "regex": "^[0-9]+$", "mostly": 0.9},
        {"column": "children", "min_value": 0, "max_value": 20},
        {"column": "born", "min_value": "1900-01-01"},
        {"column": "children", "value_set": [0, 1]},
        {"column": "born", "mostly": 0.95},
        {"column": "village + born"},
        {"min_value": 10},
        {"column": "born"},
        {"column": "id_number check digit", "value_set": [True]},
    ]


def test_what_one_source_promises_stands_beside_what_all_promise() -> None:
    expect = {
        "shrink": {"max": "10%"},
        "grow": {"max": "50%", "severity": "warn"},
        "rows": {"min": 100},
        "filled": {"born": "98%"},
        "range": {"born": {"min": "1900-01-01", "severity": "inform"}},
    }
    where = city({"rule": "filled", "field": "born", "mostly": "90%"})
    own = [e for e in made(where, system(expect)) if e[3] == "registration"]
    assert own == [
        ("shrink", {"min_value": {"$PARAMETER": "fewest_rows"}}, "block", "registration"),
        ("grow", {"max_value": {"$PARAMETER": "most_rows"}}, "warn", "registration"),
        ("rows", {"min_value": 100}, "block", "registration"),
        ("filled", {"column": "born", "mostly": 0.98}, "warn", "registration"),
        ("range", {"column": "born", "min_value": "1900-01-01"}, "inform", "registration"),
    ]
    assert ("filled", {"column": "born", "mostly": 0.9}, "warn", "record") in made(where, system(expect))


def test_a_field_the_source_has_not_got_is_not_held_against_it() -> None:
    where = city({"rule": "filled", "field": "born"}, {"rule": "unique", "fields": ["born", "village"]})
    assert {e[1].get("column") for e in made(where, system({"shrink": None}, fields=("id_number",)))} == {
        "id_number",
        "id_number check digit",
    }


@pytest.mark.parametrize(
    "rule",
    [
        {"rule": "pattern", "field": "village"},
        {"rule": "check_digit", "field": "village"},
        {"rule": "range", "field": "village", "min": 1},
        {"rule": "range", "field": "children", "max": 2**53},
        {"rule": "range", "field": "born", "min": "last year"},
        {"rule": "in", "field": "children", "values": ["one"]},
        {"rule": "in", "field": "village"},
        {"rule": "filled"},
        {"rule": "filled", "fields": ["born", "village"]},
    ],
)
def test_a_rule_that_cannot_be_checked_is_refused_where_it_is_written(rule: dict[str, Any]) -> None:
    with pytest.raises(RegistrationError):
        suites.suite(city(rule), system(), "person")


def test_a_range_on_a_field_nobody_knows_is_refused() -> None:
    with pytest.raises(RegistrationError, match="nowhere"):
        suites.suite(city(), system({"range": {"nowhere": {"min": 1}}}), "person")


def test_raw_rows_are_only_counted() -> None:
    raw = System.model_validate(
        {
            "path": "a/b",
            "title": "x",
            "connector": "files",
            "connection": {"folder": "x"},
            "datasets": {"log": {"title": "日志", "raw": "无标准", "read": {"files": "*.csv", "append": True}}},
        }
    )
    assert [e["meta"]["rule"] for e in suites.suite(city(), raw, "log")["expectations"]] == ["shrink"]


def test_a_saved_suite_is_plain_json_and_rewritten_only_when_it_differs(tmp_path: Path) -> None:
    found = suites.suite(city(), system(), "person")
    path = suites.save(found, tmp_path / "suites")
    first = path.stat().st_mtime_ns
    assert json.loads(path.read_text("utf-8")) == found
    assert suites.save(found, tmp_path / "suites").stat().st_mtime_ns == first
    assert [p.name for p in path.parent.iterdir()] == ["police_people__person.json"]


def test_the_suite_of_every_registered_dataset_can_be_checked() -> None:
    import duckdb

    from schemas.records import SQL_TYPES

    registered = read_city()
    con = duckdb.connect()
    for of in (s for s in registered if s.running):
        for name, dataset in of.datasets.items():
            if dataset.record:
                fields = registered.records[dataset.record].fields
                nothing = ", ".join(f'NULL::{SQL_TYPES[f.type]} AS "{n}"' for n, f in fields.items())
                found = quality.check(con, f"(SELECT {nothing} LIMIT 0)", suites.suite(registered, of, name), last_rows=None)
                assert found.unchecked == [], (of.path, name)
