"""Rows made to hurt, and promises about them, by seed."""

from __future__ import annotations

import random
from typing import Any

import duckdb

COLUMNS = {
    "_key": "VARCHAR",
    "word": "VARCHAR",
    "number_text": "VARCHAR",
    "whole": "BIGINT",
    "amount": "DECIMAL(18, 2)",
    "measure": "DOUBLE",
    "day": "DATE",
    "moment": "TIMESTAMP",
    "yes": "BOOLEAN",
    "id_number": "VARCHAR",
    "uscc": "VARCHAR",
    "nothing": "VARCHAR",
}
VALUES: dict[str, list[str]] = {
    "word": ["''", "' '", "'１２３'", "'𠮷田'", "'O''Brien'", "'a\nb'", "'是'", "'null'", "'%_'", "'A'", "'a'"],
    "number_text": ["'110101199003071234'", "'110101199003071235'", "'９９'", "'0012'", "'12'", "'-1'", "''"],
    "whole": ["0", "-1", "98", "99", "9007199254740993", "9223372036854775807"],
    "amount": ["99.99", "100.00", "0", "-0.01", "9999999999999.99"],
    "measure": ["'NaN'::DOUBLE", "'inf'::DOUBLE", "0.1", "-0.0", "0.0", "1e300"],
    "day": ["DATE '1899-12-31'", "DATE '1900-01-01'", "DATE '2024-02-29'", "DATE '9999-12-31'"],
    "moment": ["TIMESTAMP '1900-01-01 00:00:00'", "TIMESTAMP '2030-01-01 00:00:01'", "TIMESTAMP '2024-02-29 23:59:59.999'"],
    "yes": ["true", "false"],
    "id_number": ["'99999919900307123X'", "'999999199003071234'", "'999999190002300012'", "''", "'９９９９９９１９９００３０７１２３Ｘ'"],
    "uscc": ["'91999999MA0000000K'", "'919999990000000008'", "'𠮷'", "'OI'"],
    "nothing": [],
}
MOSTLY = [None, None, 0.0, 0.5, 0.9, 0.95, 1.0]


def fill(con: duckdb.DuckDBPyConnection, rng: random.Random, rows: int) -> None:
    """The table `nasty` anew: about a third of every column is NULL."""
    con.execute(f"CREATE OR REPLACE TABLE nasty ({', '.join(f'{n} {t}' for n, t in COLUMNS.items())})")
    lines = [
        [f"'k{n}'", *(rng.choice(values) if values and rng.random() < 0.7 else "NULL" for values in VALUES.values())] for n in range(rows)
    ]
    if lines:
        con.execute(f"INSERT INTO nasty VALUES {', '.join('(' + ', '.join(line) + ')' for line in lines)}")


COMPUTED = {
    "id_number check digit": {"as": "id_number", "fields": ["id_number"]},
    "uscc check digit": {"as": "uscc", "fields": ["uscc"]},
    "word + day": {"as": "key", "fields": ["word", "day"]},
}


def promises(rng: random.Random) -> list[dict[str, Any]]:
    """Every type that is compiled, on every column it fits, with arguments by chance."""
    found: list[tuple[str, dict[str, Any]]] = [("expect_table_row_count_to_be_between", bounds) for bounds in _spans(rng, [0, 1, 20, 60])]
    columns = [*VALUES, *COMPUTED]
    found += [("expect_column_values_to_not_be_null", {"column": c}) for c in columns]
    found += [("expect_column_values_to_be_unique", {"column": c}) for c in [*columns, "_key"]]
    found += [
        (
            "expect_column_values_to_match_regex",
            {"column": c, "regex": rng.choice(["^[0-9]+$", r"^\d{2}$", r"\p{Han}", r"^\w+$", "", "^.$", r"'|\\"])},
        )
        for c in VALUES
    ]
    sets: dict[str, list[Any]] = {
        "word": ["", "𠮷田", "O'Brien", "a", "１２３"],
        "number_text": ["110101199003071234", "12", "９９"],
        "whole": [0, 98.0, -1],
        "amount": [99.99, 100, -0.01],
        "day": ["1899-12-31", "2024-02-29"],
        "yes": [True, False],
        "nothing": ["x"],
        "id_number check digit": [True],
        "uscc check digit": [True],
    }
    found += [
        ("expect_column_values_to_be_in_set", {"column": c, "value_set": rng.sample(v, rng.randint(1, len(v)))}) for c, v in sets.items()
    ]
    spans: dict[str, list[Any]] = {
        "whole": [-1, 0, 98.0, 2**53 - 1],
        "amount": [0, 99.99, 100, -0.01],
        "measure": [0, 0.1, 1000],
        "day": ["1900-01-01", "2024-02-29"],
        "moment": rng.choice([["1900-01-01", "2024-02-29", "2030-01-01"], ["1900-01-01 00:00:00", "2024-02-29 23:59:59"]]),
    }
    found += [("expect_column_values_to_be_between", {"column": c, **bounds}) for c, v in spans.items() for bounds in _spans(rng, v)]
    return [_one(rng, n, kind, kwargs) for n, (kind, kwargs) in enumerate(found)]


def _spans(rng: random.Random, values: list[Any]) -> list[dict[str, Any]]:
    low, high = sorted(rng.sample(values, 2))
    return [{"min_value": low}, {"max_value": high}, {"min_value": low, "max_value": high}]


def _one(rng: random.Random, n: int, kind: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    mostly = rng.choice(MOSTLY)
    share = {"mostly": mostly} if mostly is not None and "column" in kwargs else {}
    return {"type": kind, "kwargs": {**kwargs, **share}, "meta": {"n": n, "rule": kind, "severity": "warn"}, "severity": "warning"}


def suite(rng: random.Random) -> dict[str, Any]:
    return {"name": "nasty", "expectations": promises(rng), "meta": {"computed": COMPUTED}}
