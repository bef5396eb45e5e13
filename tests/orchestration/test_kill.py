"""Kill -9 at any moment loses nothing and doubles nothing."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import signal
import time

import pytest

from orchestration.routes import Hub, publish, sync
from schemas.city import read_city
from tests.orchestration import killed, small_city
from tests.warehouse.far_side import id_number

FIRST, SECOND = "public_security/population", "civil_affairs/assistance"
TABLES = {
    "landing.public_security_population__person": "* EXCLUDE (_number, _run)",
    "landing.civil_affairs_assistance__person": "* EXCLUDE (_number, _run)",
    "standard.public_security_population__person": "* EXCLUDE (_number)",
    "standard.civil_affairs_assistance__person": "* EXCLUDE (_number)",
    "quarantine.civil_affairs_assistance__person": "_key, station, field, reason, value",
    "shared.person": "*",
    "shared.figures": "*",
}
STEPS = [
    "pull:1",
    "pull:2",
    "staged:1",
    "staged:2",
    "build:1",
    "build:2",
    "checked:1",
    "checked:2",
    "share:1",
    "derive:1",
    "shared:1",
    "edition:1",
]
KILLS = 40  # at random moments, besides those between the stations


def contents(hub: Hub) -> dict[str, list[tuple]]:
    con = hub.lake.cursor()
    return {t: con.execute(f"SELECT {c} FROM {t} ORDER BY ALL").fetchall() for t, c in TABLES.items()}


def busy(home, dice: random.Random, tick: int) -> None:
    """The far sides go on living: inserts, updates, deletions. Some rows are always bad: what a run that was killed has not seen cannot differ."""
    when = f"2026-01-{tick // 24 + 1:02d} {tick % 24:02d}:00:00"
    for path, marked in ((FIRST, True), (SECOND, False)):
        numbers = dice.sample(range(1, 200), 12)
        rows = [
            (str(n), "坏" if n % 20 == 7 else id_number(n), f"人{n}-{tick}", dice.choice("12"), f"{dice.randint(0, 9999)}", when)
            for n in numbers[:9]
        ]
        small_city.change(home, path, rows, gone=[str(n) for n in numbers[9:]], marked=marked)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_route_killed_anywhere_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    home, systems, schemas = small_city.write(tmp_path)
    dice = random.Random(20261124)
    fresh = multiprocessing.get_context("forkserver")
    fresh.set_forkserver_preload(["tests.orchestration.killed"])

    def start(stop_at=None):
        child = fresh.Process(target=killed.route, args=(str(home), str(systems), str(schemas), stop_at))
        child.start()
        return child

    busy(home, dice, 0)
    started = time.monotonic()
    start().join()
    length = time.monotonic() - started
    for tick, stop_at in enumerate(STEPS, start=1):
        busy(home, dice, tick)
        child = start(stop_at)
        child.join()
        assert child.exitcode == -signal.SIGKILL, stop_at
    killed_at_random = 0
    for tick in range(len(STEPS) + 1, len(STEPS) + 1 + 3 * KILLS):
        busy(home, dice, tick)
        child = start()
        child.join(dice.uniform(0.05, length))
        child.kill()
        child.join()
        killed_at_random += child.exitcode == -signal.SIGKILL  # now and then the route had ended before
        if killed_at_random == KILLS:
            break
    assert killed_at_random == KILLS

    start().join()
    calm = tmp_path / "calm"
    calm.mkdir(mode=0o700)
    for name in ("far", "connections.yml"):
        source = home / name
        shutil.copytree(source, calm / name) if source.is_dir() else shutil.copy2(source, calm / name)
    city = read_city(systems, schemas)
    monkeypatch.setenv("HUB_HOME", str(calm))
    expected = undisturbed(calm, city)
    survivor = Hub.open(home, city)
    assert contents(survivor) == expected
    con = survivor.lake.cursor()
    for table in TABLES:
        if table.startswith(("landing", "standard")):
            assert con.execute(f"SELECT count(*) - count(DISTINCT _key) FROM {table}").fetchone() == (0,)
    assert con.execute("SELECT count(*) - count(DISTINCT (dataset, number)) FROM hub.cursors").fetchone() == (0,)
    assert con.execute("SELECT count(*) - count(DISTINCT (station, name, number)) FROM hub.made").fetchone() == (0,)
    assert {r.status for r in survivor.ledger.runs(limit=1000)} <= {"done", "killed"}
    survivor.close()


def undisturbed(home, city) -> dict[str, list[tuple]]:
    hub = Hub.open(home, city)
    try:
        for system in city:
            sync(hub, system)
        publish(hub)
        return contents(hub)
    finally:
        hub.close()
