"""Clocks that jump, hours that are kept, and things that happen at once: two syncs, maintenance beside everything else, a folder nobody may write to."""

import datetime as dt
import sqlite3
import threading
from contextlib import closing
from zoneinfo import ZoneInfo

import pytest

from demo.province import prepare
from orchestration import routes
from orchestration.routes import Hub, collect, deliver, syncing
from schemas.errors import Moved, NotNow
from tests.end_to_end.town import COLUMNS, SYSTEM, TABLE, Sqlite, registration, row, says
from warehouse import query
from warehouse.maintenance import maintain


@pytest.fixture
def clock(town):
    side = Sqlite(town, (*COLUMNS, "GX"))
    town.register(registration({"table": "T", "cursor": "GX", "overlap": "10 minutes"}))
    return side


def test_a_clock_that_runs_ahead_and_is_put_back_loses_no_row(town, clock):
    clock.put(*(row(n, GX=f"2026-01-01 08:0{n}:00") for n in range(1, 6)))
    town.sync()
    clock.put(row(6, GX="2026-01-02 09:00:00"))  # a day ahead of everybody
    town.sync()
    assert town.count() == 6
    clock.put(row(7, GX="2026-01-01 08:30:00"))  # put back: the row's time lies behind the cursor
    town.sync()
    number, value = town.rows("hub.cursors", "max(number), arg_max(value, number)")[0]
    assert "2026-01-02 09:00:00" in value  # the cursor does not go back with the clock
    assert town.sync(again=True).error is None  # what a reconciliation does by itself
    assert town.count() == 7
    assert town.rows("hub.cursors", "max(number)")[0][0] >= number
    clock.put(row(8, GX="2026-01-02 09:00:01"))
    assert town.sync().accepted
    assert town.count() == 8


def test_a_reconciliation_finds_by_itself_what_a_jump_has_hidden(town, clock, monkeypatch):
    content = registration({"table": "T", "cursor": "GX", "overlap": "10 minutes", "reconcile": "daily"})
    town.register(content)
    clock.put(*(row(n, GX="2026-01-02 09:00:00") for n in range(1, 10)))
    town.sync()
    clock.put(row(10, GX="2026-01-01 08:00:00"))
    town.sync()
    assert town.count() == 9
    monkeypatch.setitem(syncing._RECONCILE, "daily", -syncing._RECONCILE["daily"])  # tomorrow
    town.sync()
    assert town.count() == 10
    clock.run("DELETE FROM T WHERE NO = '1'")
    town.sync()
    assert {k for (k,) in town.rows(f"standard.{TABLE}", "_key")} == {str(n) for n in range(2, 11)}


def test_a_row_of_the_year_9999_does_not_end_all_reading(town, clock):
    clock.put(row(1, GX="2026-01-01 08:00:00"), row(2, GX="9999-12-31 00:00:00"))
    town.sync()
    clock.put(row(3, GX="2026-01-01 09:00:00"))
    town.sync()
    assert town.count() == 3


def test_our_own_clock_put_back_changes_nothing(town, far, monkeypatch):
    """Stations compare numbers, never clocks."""
    far.put(row(1))
    town.sync()
    town.publish()
    monkeypatch.setattr("time.time", lambda real=__import__("time").time: real() - 86_400 * 30)
    far.put(row(2))
    assert town.sync().accepted
    assert town.publish().tables["person"].inserted == 1
    assert town.count("shared", "person") == 2


def test_two_syncs_of_one_system_at_once_do_the_work_once(town, far):
    far.put(*(row(n) for n in range(1, 6)))
    told = []
    second = Hub.open(town.home, town.city)

    def tell(step, name, **facts):
        if step == "staged":  # the first is under way
            with pytest.raises(Moved) as moved:
                routes.sync(second, second.city.system(SYSTEM))
            told.append(says(moved.value, Moved, town.hub.city.system(SYSTEM).code))

    assert town.sync(tell=tell).accepted
    assert len(told) == 1
    assert told[0].transient
    far.put(row(6))
    assert routes.sync(second, second.city.system(SYSTEM)).outcomes["person"].accepted  # the lock has been given back
    second.close()
    assert (town.count("landing"), town.count()) == (6, 6)
    assert town.rows("hub.cursors", "count(*) - count(DISTINCT number)") == [(0,)]


@pytest.mark.slow
def test_everything_goes_on_while_snapshots_expire(town, far):
    """Maintenance forgets everything but the newest state, over and over, beside sync, publish, edition and delivery."""
    province = prepare(town.home)
    far.put(*(row(n) for n in range(1, 41)))
    town.sync()
    keeper = Hub.open(town.home, town.city)
    done, faults = threading.Event(), []

    def forget():
        try:
            while not done.is_set():
                with keeper.lake.maintaining() as con:
                    con.execute("CALL ducklake_merge_adjacent_files('lake')")
                    con.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
                    con.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
                done.wait(0.05)
        except BaseException as error:
            faults.append(error)

    beside = threading.Thread(target=forget)
    beside.start()
    trouble = []
    try:
        for n in range(1, 7):
            far.set(f"NO = '{n}'", XM=f"改{n}")
            far.run(f"DELETE FROM T WHERE NO = '{n + 20}'")
            far.put(row(100 + n))
            for step in (town.sync, town.publish, lambda: deliver(town.hub), province.process, lambda: collect(town.hub)):
                try:
                    result = step()
                    trouble += getattr(result, "failed", {}).values()
                    trouble += [e for e in [getattr(result, "error", None)] if e]
                except Exception as error:
                    trouble.append(error)
    finally:
        done.set()
        beside.join()
        keeper.close()
    assert not faults
    assert [t for t in trouble if not getattr(t, "transient", False)] == []
    town.sync()
    town.publish()
    for _ in range(3):
        deliver(town.hub)
        province.process()
        collect(town.hub)
    assert len(province.copy("306001/1")) == town.count("shared", "person") == town.count() == 40
    answer = query.ask(town.home, "SELECT count(*) AS n FROM shared.person")
    assert answer.table.to_pylist() == [{"n": 40}]
    report = maintain(town.hub.lake, town.home)
    assert report.backup
    with closing(sqlite3.connect(report.backup)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    province.close()


def test_a_read_only_systems_folder_is_enough(town, far):
    """Nothing is ever written beside the registrations: no lock, no cache, no draft."""
    far.put(row(1))
    before = {p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else None) for p in town.systems.rglob("*")}
    for path in (town.systems, *town.systems.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert town.sync().accepted
        town.publish()
        assert town.count("shared", "person") == 1
        assert before == {p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else None) for p in town.systems.rglob("*")}
    finally:
        for path in (town.systems, *town.systems.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


def hours(start: int, end: int) -> str:
    """A window that begins and ends so many hours from now, by the system's clock."""
    now = dt.datetime.now(ZoneInfo("Asia/Shanghai"))
    return "-".join(f"{now + dt.timedelta(hours=h):%H:%M}" for h in (start, end))


def test_a_far_side_is_not_touched_outside_its_hours(town, far):
    far.put(row(1))
    town.sync()
    before = town.standing()
    far.put(row(2))
    content = {**registration({"table": "T"}), "limits": {"window": hours(2, 4)}}
    town.register(content)
    far.file.rename(away := far.file.with_suffix(".away"))  # whoever asked would be told something else
    says(town.sync().error, NotNow, SYSTEM, content["limits"]["window"])
    assert town.standing() == before
    away.rename(far.file)
    town.register({**content, "limits": {"window": hours(-2, 2)}})
    assert town.sync().accepted
    assert town.count() == 2
