"""Short questions, statements over few rows, and what a version that expired is told as."""

from __future__ import annotations

import duckdb
import pytest

from orchestration.routes.opened import told
from schemas.errors import Moved
from warehouse import made
from warehouse.lake import Lake
from warehouse.sql import few_rows

OPTIMIZERS = "SELECT current_setting('disabled_optimizers')"


def test_what_fails_over_few_rows_is_told_as_itself_inside_a_transaction_too():
    con = duckdb.connect()
    con.execute("BEGIN")
    with pytest.raises(duckdb.ConversionException), few_rows(con):
        con.execute("SELECT CAST(x AS INTEGER) FROM (VALUES ('a')) t(x)").fetchall()
    con.execute("ROLLBACK")
    with few_rows(con):
        assert con.execute(OPTIMIZERS).fetchone() == ("in_clause",)
    assert con.execute(OPTIMIZERS).fetchone() == ("",)


def test_an_expired_version_is_told_as_moved_and_nothing_else_is(tmp_path):
    with pytest.raises(Moved), told(tmp_path):
        raise duckdb.InvalidInputException("Invalid Input Error: No snapshot found in DuckLake")
    with pytest.raises(duckdb.InvalidInputException), told(tmp_path):
        raise duckdb.InvalidInputException("Invalid Input Error: something else")


def test_where_a_station_stands_is_seen_as_soon_as_another_process_has_written(tmp_path):
    ours, theirs = Lake(tmp_path), Lake(tmp_path)
    for n in (1, 2, 3):
        with theirs.writing("made") as tx:
            made.append(tx, "shared", "person", f"r{n}", made_from={}, definition="", rows=n)
        assert made.newest(ours, "shared")["person"].rows == n
        found = made.newest(ours, "shared")
        found.clear()  # what was handed out is the caller's own
        assert made.newest(ours, "shared")["person"].number == n
    with pytest.raises(RuntimeError), ours.writing("undone") as tx:
        made.append(tx, "shared", "person", "r4", made_from={}, definition="", rows=9)
        raise RuntimeError
    assert made.newest(ours, "shared")["person"].rows == 3
    ours.close()
    theirs.close()


def test_extensions_are_not_unpacked_into_the_users_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    lake = Lake(tmp_path / "hub")
    assert lake.snapshot() > 0
    lake.close()
    assert not (tmp_path / "user").exists()
