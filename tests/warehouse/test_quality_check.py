from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse import quality
from warehouse.verdicts import Verdict

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("""
        CREATE TABLE people AS SELECT * FROM (VALUES
            ('k1', '999999199003071234', DATE '1990-03-07', '1'),
            ('k2', '99999919900307123X', DATE '1890-01-01', '2'),
            ('k3', NULL, NULL, '2'),
            ('k4', '999999199003071234', DATE '1991-01-01', '9')) t(_key, id_number, born, sex)""")
    return con


def promise(kind: str, rule: str = "", severity: str = "warn", **kwargs: Any) -> dict[str, Any]:
    name = kind if kind.startswith("expect_") else f"expect_column_values_to_{kind}"
    return {"type": name, "kwargs": kwargs, "meta": {"rule": rule, "severity": severity, "field": kwargs.get("column", "")}}


def suite(*promises: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {"name": "people", "expectations": list(promises), "meta": meta}


def counts(verdict: Verdict) -> list[tuple[object, int, int, int]]:
    return [(r.verdict, r.element_count, r.missing_count, r.unexpected_count) for r in verdict.results]


ROWS = "expect_table_row_count_to_be_between"
SHRINK = {"type": ROWS, "kwargs": {"min_value": {"$PARAMETER": "fewest_rows"}}, "meta": {"rule": "shrink", "severity": "block", "max": 0.2}}


def test_one_pass_counts_what_is_there_what_is_missing_and_what_is_wrong(con: duckdb.DuckDBPyConnection) -> None:
    verdict = quality.check(
        con,
        "people",
        suite(
            promise("not_be_null", column="born"),
            promise("not_be_null", column="born", mostly=0.75),
            promise("be_unique", column="id_number"),
            promise("be_in_set", column="sex", value_set=["1", "2"]),
            promise("be_between", column="born", min_value="1900-01-01"),
            promise("match_regex", column="id_number", regex="^[0-9]{17}[0-9X]$"),
            promise("be_in_set", column="id_number check digit", value_set=[True]),
            computed={"id_number check digit": {"as": "id_number", "fields": ["id_number"]}},
        ),
        last_rows=None,
    )
    assert counts(verdict) == [
        (False, 4, 0, 1),
        (True, 4, 0, 1),
        (False, 4, 1, 2),
        (False, 4, 0, 1),
        (False, 4, 1, 1),
        (True, 4, 1, 0),
        (False, 4, 1, 1),
    ]
    assert not verdict.passed
    assert not verdict.blocking


def test_a_few_unexpected_rows_are_named_by_their_key(con: duckdb.DuckDBPyConnection) -> None:
    verdict = quality.check(con, "people", suite(promise("be_in_set", column="sex", value_set=["1", "2"])), last_rows=None)
    assert verdict.results[0].samples == ({"_key": "k4", "sex": "9"},)
    without_keys = quality.check(con, "(SELECT sex FROM people)", suite(promise("be_unique", column="sex")), last_rows=None)
    assert without_keys.results[0].samples == ({"sex": "2"}, {"sex": "2"})


@pytest.mark.parametrize("relation", ["people", "(SELECT * FROM people UNION ALL SELECT * FROM people LIMIT 4)", "parquet"])
def test_any_relation_can_be_checked(con: duckdb.DuckDBPyConnection, relation: str, tmp_path: Path) -> None:
    con.execute(f"COPY people TO '{tmp_path}/p.parquet'")
    source = relation.replace("parquet", f"read_parquet('{tmp_path}/p.parquet')")
    found = quality.check(con, source, suite(promise("be_unique", column="sex"), promise(ROWS, min_value=4)), last_rows=None)
    assert [r.verdict for r in found.results] == [False, True]


def test_a_sharp_fall_blocks_and_a_small_one_does_not(con: duckdb.DuckDBPyConnection) -> None:
    assert quality.check(con, "people", suite(SHRINK), last_rows=5).passed
    fallen = quality.check(con, "people", suite(SHRINK), last_rows=6)
    assert fallen.blocking
    assert fallen.results[0].said() == (
        "4 行，上次接受 6 行，减少 33.3%，最多允许减少 20%",
        "4 rows, 33.3% fewer than the 6 last accepted; it may shrink by 20%",
    )
    assert quality.check(con, "people", suite(SHRINK), last_rows=None).results == []


def test_only_a_failed_block_blocks(con: duckdb.DuckDBPyConnection) -> None:
    warned, blocked = (promise("be_unique", severity=s, column="sex") for s in ("warn", "block"))
    assert not quality.check(con, "people", suite(warned), last_rows=None).blocking
    assert quality.check(con, "people", suite(warned, blocked), last_rows=None).blocking


def test_what_cannot_be_checked_neither_passes_nor_fails_and_spoils_nothing_else(con: duckdb.DuckDBPyConnection) -> None:
    verdict = quality.check(
        con,
        "people",
        suite(
            promise("be_unique", column="gone"),
            promise("be_json_parseable", column="sex"),
            promise("match_regex", column="sex", regex="(?=1)"),
            promise("be_in_set", severity="block", column="gone check digit", value_set=[True]),
            promise("be_unique", column="_key"),
            promise("be_unique", column="sex"),
            computed={"gone check digit": {"as": "id_number", "fields": ["gone"]}},
        ),
        last_rows=None,
    )
    assert [r.verdict for r in verdict.results] == ["not checked"] * 4 + [True, False]
    assert not verdict.passed
    assert not verdict.blocking
    assert all(r.reason for r in verdict.unchecked)
    assert "未能检查" in verdict.results[0].said()[0]


def test_an_error_over_a_value_does_not_carry_the_value_into_the_finding() -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT '99999919900307123X' AS id")
    asked = suite(promise("be_between", column="id", min_value=1))  # its column's type is not known here
    result = quality.check(con, "t", asked, last_rows=None).results[0]
    assert result.verdict == "not checked"
    assert "99999919900307123X" not in json.dumps(result.as_json()) + "".join(result.said())


def test_an_interrupted_check_is_not_a_finding() -> None:
    class Interrupted:
        def execute(self, _: str) -> None:
            raise duckdb.InterruptException("interrupted")

    with pytest.raises(duckdb.InterruptException):
        quality.check(Interrupted(), "t", suite(promise("be_unique", column="a")), last_rows=None)  # type: ignore[arg-type]


def test_a_wholly_empty_column_keeps_every_promise_but_that_it_is_filled() -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT NULL::VARCHAR AS a FROM range(3)")
    found = quality.check(
        con,
        "t",
        suite(promise("be_unique", column="a"), promise("be_in_set", column="a", value_set=["x"]), promise("not_be_null", column="a")),
        last_rows=None,
    )
    assert [r.verdict for r in found.results] == [True, True, False]


def test_findings_say_how_many_and_never_which(con: duckdb.DuckDBPyConnection) -> None:
    asked = promise("be_between", "range", column="born", min_value="1900-01-01", mostly=0.9)
    asked["meta"]["title"] = "出生日期"
    result = quality.check(con, "people", suite(asked), last_rows=None).results[0]
    assert result.said() == (
        "出生日期（born）：3 行中 1 行（33.33%）超出范围（1900-01-01～），最多允许 10%",
        "born: 1 of 3 rows (33.33%) are out of range (1900-01-01 to ); 10% may be",
    )


def test_results_come_back_from_their_json(con: duckdb.DuckDBPyConnection) -> None:
    asked = suite(promise("be_unique", column="sex"), promise("be_unique", column="gone"), promise(ROWS, min_value=9), SHRINK)
    verdict = quality.check(con, "people", asked, last_rows=4)
    kept = json.loads(json.dumps(verdict.as_json("run-1")))
    assert Verdict.from_json(kept).results == verdict.results
    assert kept["statistics"] == {
        "evaluated_expectations": 4,
        "successful_expectations": 1,
        "unsuccessful_expectations": 3,
        "success_percent": 25.0,
    }
    assert kept["meta"]["run_id"]["run_name"] == "run-1"


def test_a_run_does_not_import_great_expectations() -> None:
    program = """
import sys, duckdb
from warehouse import quality, suites, data_docs
con = duckdb.connect()
suite = {"name": "t", "expectations": [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}, "meta": {}}]}
assert quality.check(con, "(SELECT 1 AS a)", suite, last_rows=None).as_json()["success"]
assert not [m for m in sys.modules if m.split(".")[0] in ("great_expectations", "pandas", "sqlalchemy")], "imported"
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
