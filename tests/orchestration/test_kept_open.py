"""Dagster's SQLite files are kept open. When one of these fails, Dagster has changed: see orchestration/kept_open.py."""

import importlib
import inspect
import sys

import dagster as dg
import pytest

from orchestration import kept_open
from orchestration.instance import prepare


@pytest.mark.parametrize("name", kept_open.MODULES)
def test_dagster_still_makes_its_engines_by_that_name(name):
    kept_open.keep_open()
    module = importlib.import_module(name)
    assert vars(module)["create_engine"] is kept_open._engine
    assert " create_engine(" in inspect.getsource(module)


def test_events_arrive_over_connections_that_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")
    prepare(tmp_path)
    kept_open.keep_open()
    kept_open.let_go()

    @dg.asset
    def something() -> None: ...

    with dg.DagsterInstance.get() as instance:
        result = dg.materialize([something], instance=instance)
        records = instance.fetch_materializations(something.key, limit=10).records
        logged = instance.all_logs(result.run_id)
    assert [r.asset_key for r in records] == [something.key]
    assert len(logged) > 5
    files = {url for url, _ in kept_open._open}
    assert any(result.run_id in f for f in files)
    assert any("index.db" in f for f in files)
    with dg.DagsterInstance.get() as another:  # everything is on disk, not only in the connections
        kept_open.let_go()
        assert len(another.all_logs(result.run_id)) == len(logged)
    kept_open.let_go()


def test_a_dagster_that_has_changed_is_left_as_it_is(monkeypatch, caplog):
    monkeypatch.setattr(kept_open, "MODULES", ("dagster.no_such_module", "json"))
    assert kept_open.keep_open() == []
    assert len(caplog.records) == 2
    assert "create_engine" not in vars(sys.modules["json"])


def test_engines_of_many_runs_do_not_pile_up(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_open, "MOST", 3)
    kept_open.let_go()
    for n in range(10):
        with kept_open._engine(f"sqlite:///{tmp_path}/{n}.db").connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    assert len(kept_open._open) == 3
    kept_open.let_go()
    assert not kept_open._open
