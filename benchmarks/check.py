"""The compiled quality pass against Great Expectations' own engine on DuckDB: the same suite, the same rows, the same verdicts.

python -m benchmarks.check [--rows 1000000] [--times 2]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from benchmarks import measure
from benchmarks.measure import Stopwatch

TOWNS = [f"99999900{n}" for n in range(7)]


def make(rows: int, folder: str) -> dict[str, Any]:
    """Invented rows with a few faults."""
    import duckdb

    duckdb.connect().execute(f"""
        COPY (
            SELECT i AS id, printf('P%09d', i) AS code, '某' || (hash(i) % 5000) AS name, CAST(1 + hash(i) % 2 AS VARCHAR) AS sex,
                '9999990' || printf('%02d', hash(i + 1) % 7) AS town, (hash(i + 2) % 1000000)::DECIMAL(12, 2) / 10 AS income,
                CAST(hash(i + 3) % 12 AS INTEGER) AS size, DATE '1930-01-01' + CAST(hash(i + 4) % 30000 AS INTEGER) AS born,
                CASE WHEN i % 50 > 0 THEN '1990000' || printf('%04d', hash(i + 5) % 10000) END AS phone, hash(i + 6) % 10 > 0 AS insured
            FROM range({rows}) t(i)
        ) TO '{folder}/rows.parquet' (COMPRESSION zstd)""")
    return {}


def suite() -> dict[str, Any]:
    """Sixteen expectations of the kinds the rules of a record type become."""

    def one(kind: str, **kwargs: Any) -> dict[str, Any]:
        return {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {"severity": "warn"}}

    empty = [one("column_values_to_not_be_null", column=c) for c in ("id", "code", "name", "town")]
    filled = [one("column_values_to_not_be_null", column="phone", mostly=0.95)]
    unique = [one("column_values_to_be_unique", column=c) for c in ("id", "code")]
    shapes = [one("column_values_to_match_regex", column=c, regex=r) for c, r in (("code", "^P[0-9]{9}$"), ("phone", "^1[3-9][0-9]{9}$"))]
    sets = [
        one("column_values_to_be_in_set", column=c, value_set=v)
        for c, v in (("sex", ["1", "2"]), ("town", TOWNS), ("insured", [True, False]))
    ]
    spans = [
        one("column_values_to_be_between", column="income", min_value=0, max_value=100_000),
        one("column_values_to_be_between", column="size", min_value=1, max_value=11),
        one("column_values_to_be_between", column="born", min_value="1930-01-01", max_value="2012-02-20"),
    ]
    rows = [one("table_row_count_to_be_between", min_value=1)]
    columns = dict.fromkeys(("code", "name", "sex", "town", "phone"), "VARCHAR")
    columns |= {"id": "BIGINT", "income": "DECIMAL(18, 2)", "size": "INTEGER", "born": "DATE", "insured": "BOOLEAN"}
    return {
        "name": "bench",
        "expectations": [*empty, *filled, *unique, *shapes, *sets, *spans, *rows],
        "meta": {"columns": columns, "computed": {}},
    }


def _table(folder: str) -> Any:
    """The rows as a table in memory: reading the file is neither's work."""
    import duckdb

    con = duckdb.connect(config={"threads": 2})
    con.execute(f"CREATE TABLE rows AS SELECT * FROM read_parquet('{folder}/rows.parquet')")
    return con


def compiled(folder: str) -> dict[str, Any]:
    from warehouse import quality

    con, watch = _table(folder), Stopwatch()
    verdict = quality.check(con, "rows", suite(), last_rows=None)
    work = watch.lap()
    return {"work": work, "found": {_of(r.expectation): [r.verdict, r.unexpected_count] for r in verdict.results}}


def great_expectations(folder: str) -> dict[str, Any]:
    from warehouse import gx_duckdb

    con, watch = _table(folder), Stopwatch()
    found = gx_duckdb.validate(con, "rows", suite())["results"]
    work = watch.lap()
    return {"work": work, "found": {_of(r["expectation_config"]): [r["success"], r["result"].get("unexpected_count", 0)] for r in found}}


def _of(expectation: dict[str, Any]) -> str:
    return f"{expectation['type']} {expectation['kwargs'].get('column', '')}"


CASES = {"make": make, "compiled": compiled, "great_expectations": great_expectations}


def main(words: Sequence[str]) -> None:
    if measure.began(words, CASES):
        return
    asked = argparse.ArgumentParser(prog="python -m benchmarks.check")
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--times", type=int, default=2, help="the cheapest of so many runs counts")
    given = asked.parse_args(words)
    print(measure.machine())
    with tempfile.TemporaryDirectory(prefix="hub_bench_") as folder:
        measure.case("check", "make", rows=given.rows, folder=folder)
        found = {
            n: measure.cheapest(given.times, lambda n=n: measure.case("check", n, folder=folder))
            for n in ("great_expectations", "compiled")
        }
    theirs, ours = found["great_expectations"], found["compiled"]
    same = theirs.said["found"] == ours.said["found"]
    measure.show(
        f"{len(suite()['expectations'])} expectations over {given.rows:,} rows; verdicts and counts {'agree' if same else 'DIFFER'}",
        ["case", "CPU s", "of it work", "peak MB", "GX CPU / this", "GX work / this"],
        [[n, m.cpu, m.work, round(m.peak_mb), theirs.cpu / m.cpu, theirs.work / m.work] for n, m in found.items()],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
