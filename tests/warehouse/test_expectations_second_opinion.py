"""Great Expectations itself, on DuckDB, says what the compiled pass says: verdict and counts, on rows made to hurt."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.warehouse import nasty_rows
from warehouse import check_digits, quality
from warehouse.expectations import KINDS
from warehouse.lake import Lake, table

COUNTED = ("observed_value", "element_count", "missing_count", "unexpected_count", "unexpected_percent")


def opinions(con: duckdb.DuckDBPyConnection, suite: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(ours, theirs) for every expectation."""
    from warehouse import gx_duckdb

    ours = [r.as_json() for r in quality.check(con, "nasty", suite, last_rows=None).results]
    theirs = {r["expectation_config"]["meta"]["n"]: r for r in gx_duckdb.validate(con, "nasty", suite)["results"]}
    return [(one, theirs[one["expectation_config"]["meta"]["n"]]) for one in ours]


def said(result: dict[str, Any], like: dict[str, Any]) -> tuple[object, ...]:
    """Verdict and those counts that both sides give; of no rows Great Expectations counts None."""
    raised = "'raised_exception': True" in str(result["exception_info"])  # theirs may lie one level deeper
    return result["success"], raised, *(result["result"].get(c) or 0 for c in COUNTED if c in like["result"])


MORE = [pytest.param(seed, rows, marks=pytest.mark.slow) for seed, rows in ((1, 30), (2, 40), (6, 100))]


@pytest.mark.parametrize(("seed", "rows"), [(3, 7), (4, 1), (5, 0), *MORE])
def test_every_compiled_expectation_agrees_with_great_expectations(seed: int, rows: int) -> None:
    rng = random.Random(seed)
    con = duckdb.connect()
    nasty_rows.fill(con, rng, rows)
    suite = nasty_rows.suite(rng)
    assert {e["type"] for e in suite["expectations"]} == set(KINDS)
    for ours, theirs in opinions(con, suite):
        assert theirs["result"], theirs
        assert said(ours, theirs) == said(theirs, theirs), (ours["expectation_config"], theirs["result"], theirs["exception_info"])


def test_great_expectations_reads_the_lake_s_tables_too(tmp_path: Path) -> None:
    from warehouse import gx_duckdb

    lake = Lake(tmp_path)
    with lake.writing("rows") as tx:
        tx.execute(f"CREATE TABLE {table('standard', 'a__b')} AS SELECT i % 3 AS n FROM range(10) r(i)")
    suite = {"name": "a__b", "expectations": [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "n"}, "meta": {}}]}
    theirs = gx_duckdb.validate(lake.cursor(), table("standard", "a__b"), suite)["results"][0]
    ours = quality.check(lake.cursor(), table("standard", "a__b"), suite, last_rows=None).results[0].as_json()
    assert theirs["result"]["unexpected_count"] == 10
    assert said(ours, theirs) == said(theirs, theirs)


def test_the_comparison_can_fail() -> None:
    rng = random.Random(1)
    con = duckdb.connect()
    nasty_rows.fill(con, rng, 60)
    suite = nasty_rows.suite(rng)
    pairs = opinions(con, {**suite, "expectations": suite["expectations"][:12]})
    ours, theirs = next(p for p in pairs if p[0]["result"].get("unexpected_count"))
    ours["result"]["unexpected_count"] += 1
    assert said(ours, theirs) != said(theirs, theirs)


def test_check_characters_agree_with_arithmetic() -> None:
    rng = random.Random(9)
    texts = [*(_id(rng) for _ in range(3000)), *(_uscc(rng) for _ in range(3000)), "", "𠮷" * 18, "９" * 18]
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT unnest(?) AS x", [texts])
    found = con.execute(f"SELECT x, {check_digits.id_number_ok('x')}, {check_digits.uscc_ok('x')} FROM t").fetchall()
    assert [r[0] for r in found if r[2]] == [r[0] for r in found if _uscc_by_hand(r[0])]
    assert sum(r[1] for r in found) > 50
    assert sum(r[2] for r in found) > 50


ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


BODIES = [
    "11",
    "12",
    "13",
    "19",
    "21",
    "29",
    "31",
    "32",
    "33",
    "34",
    "35",
    "39",
    "41",
    "49",
    "51",
    "52",
    "53",
    "59",
    "61",
    "62",
    "69",
    "71",
    "72",
    "79",
    "81",
    "89",
    "91",
    "92",
    "93",
    "A1",
    "A9",
    "N1",
    "N2",
    "N3",
    "N9",
    "Y1",
]  # GB 32100


def _id(rng: random.Random) -> str:
    born = f"{rng.choice([1840, 1899, 1990, 2024, 2999])}{rng.randint(0, 13):02d}{rng.randint(0, 31):02d}"
    return _spoiled(rng, f"999999{born}{rng.randint(0, 999):03d}{rng.choice('0123456789X')}")


def _uscc(rng: random.Random) -> str:
    division = "999999" if rng.random() < 0.9 else rng.choice(["99999A", "9999H9"])
    kind = rng.choice(BODIES) if rng.random() < 0.9 else rng.choice(["14", "94", "Y2", "BB"])
    return _spoiled(rng, kind + division + "".join(rng.choice(ALPHABET) for _ in range(10)))


def _spoiled(rng: random.Random, text: str) -> str:
    place = rng.randrange(18)
    return text if rng.random() < 0.8 else text[:place] + rng.choice(["a", "I", "９", " ", "\n", "-", "𠮷", ""]) + text[place + 1 :]


def _uscc_by_hand(text: str) -> bool:
    if len(text) != 18 or set(text) - set(ALPHABET) or text[:2] not in BODIES or not (text[2:8].isascii() and text[2:8].isdigit()):
        return False
    total = sum(ALPHABET.index(c) * pow(3, n, 31) for n, c in enumerate(text[:17]))
    return text[17] == ALPHABET[-total % 31]
