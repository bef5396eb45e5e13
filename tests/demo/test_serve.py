"""The far sides answer over their real protocols, with what the invented city says, and can be brought up again and again."""

from __future__ import annotations

import os
import signal
import stat
import time

import pyarrow.compute as pc
import pytest
import requests
import yaml

from demo import serve
from demo.expected_b import PLANTED
from demo.serve import current, outlet
from demo.serve_files import drop
from tests.demo.far_sides import Hub, counted

SCALE = 0.01
PAYMENTS = ("civil_affairs/elderly", "payment")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    made = tmp_path_factory.mktemp("serve")
    serve.up(made, SCALE)
    yield made
    serve.down(made, erase=True)


@pytest.fixture
def hub(home):
    return Hub(home)


def test_every_table_of_a_database_holds_what_the_city_says(hub, home):
    for path, side in hub.sides.items():
        for name in side.of("postgresql", "sqlite"):
            found = hub.sql(path, f'SELECT count(*) FROM "{outlet(side, name)}"')[0][0]
            assert found == current(home, side)[name].num_rows, f"{path}/{name}"


def test_a_database_gives_rows_value_by_value(hub, home):
    side = hub.sides["public_security/population"]
    table = current(home, side)["death"]
    assert counted(hub.sql(side.path, 'SELECT * FROM "QZ_SWZX"')) == counted(zip(*(table[c].to_pylist() for c in table.column_names)))


def test_every_interface_hands_out_all_its_rows_page_by_page(hub, home):
    kinds = set()
    for path, side in hub.sides.items():
        for name, dataset in side.of("rest").items():
            kinds.add(dataset.reading.page.kind)
            rows, table = hub.rows(path, name), current(home, side)[name]
            assert counted(r.values() for r in rows) == counted(zip(*(table[c].to_pylist() for c in table.column_names))), f"{path}/{name}"
    assert kinds >= {"page", "offset", "cursor", "link", "none"}


def test_an_interface_gives_only_what_changed_since(hub, home):
    table = current(home, hub.sides[PAYMENTS[0]])["payment"]
    rows = hub.rows(*PAYMENTS, updated_since="2026-11-01 00:00:00")
    assert len(rows) == pc.sum(pc.greater_equal(table["update_time"], "2026-11-01 00:00:00")).as_py() > 0


def test_a_stranger_gets_an_error_inside_a_200(hub):
    entry = hub.entry(PAYMENTS[0], "rest")
    answer = requests.get(entry["url"] + "/payments", headers={"X-Api-Key": "guess"}, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (200, 403)
    assert "data" not in answer.json()


def test_a_token_of_one_system_opens_no_other(hub):
    headers = hub.headers("approvals/hotline")
    answer = requests.get(hub.entry("political_legal/mediation", "rest")["url"] + "/disputes", headers=headers, timeout=10)
    assert answer.status_code == 401


def test_the_hub_may_write_the_row_status_and_nothing_else(hub):
    import psycopg

    hub.sql("approvals/certificates", """UPDATE "CERTIFICATE_USE" SET "EXCH_STATUS" = '1'""")
    assert hub.sql("approvals/certificates", """SELECT count(*) FROM "CERTIFICATE_USE" WHERE "EXCH_STATUS" <> '1'""") == [(0,)]
    if hub.entry("market_regulation/entities", "database")["dialect"] == "postgresql":
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            hub.sql("market_regulation/entities", 'DELETE FROM "E_BASEINFO"')


def test_the_assistance_export_is_gb18030_with_the_planted_damage(hub, home):
    plan = PLANTED["civil_affairs/assistance/allowance"]
    folder = drop(home, hub.sides["civil_affairs/assistance"])
    lines = b"".join((folder / f"DB_{n}.csv").read_bytes() for n in (1, 2)).split(b"\r\n")
    undecodable = [line for line in lines if b"\xff\xfe" in line]
    columns = lines[0].count(b",")
    assert len(undecodable) == plan["bad_bytes"]
    assert sum(line.endswith(b',"x"') and line.count(b",") > columns for line in lines) == plan["ragged"]
    assert all(line.decode("gb18030") for line in lines if line and line not in undecodable)
    assert {p.name for p in folder.glob("*.ok")} == {f"{p.name}.ok" for p in folder.glob("*.csv")}


def test_a_second_up_changes_nothing_and_takes_no_time(home, hub):
    before = hub.connections
    started = time.monotonic()
    again = serve.up(home, SCALE)
    assert not again.made
    assert time.monotonic() - started < 3
    assert Hub(home).connections == before


def test_dead_interfaces_are_started_again_on_their_port(home):
    port = serve.up(home, SCALE).port
    os.kill(serve.noted(home, "http")["pid"], signal.SIGKILL)
    assert serve.up(home, SCALE).port == port
    assert serve.alive(home) == port


def test_what_others_wrote_stays_in_connections_and_secrets(home):
    for name in ("connections.yml", "secrets.yml"):
        file = home / name
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text("utf-8")), "mine": {"main": {"connector": "rest"}}}), "utf-8")
        serve.up(home, SCALE)
        assert "mine" in yaml.safe_load(file.read_text("utf-8"))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_postgresql_the_same_tables_stand_in_sqlite(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_DEMO_POSTGRES", "none")
    said: list[str] = []
    try:
        assert serve.up(tmp_path, SCALE, tell=said.append).database is None
        hub = Hub(tmp_path)
        assert "SQLite" in said[0]
        for path, side in hub.sides.items():
            for name in side.of("postgresql"):
                count = hub.sql(path, f'SELECT count(*) FROM "{outlet(side, name)}"')[0][0]
                assert count == current(tmp_path, side)[name].num_rows
    finally:
        serve.down(tmp_path, erase=True)


@pytest.mark.slow
def test_a_postgresql_out_of_the_wheel_serves_as_well(tmp_path, monkeypatch):
    monkeypatch.delenv("HUB_DEMO_POSTGRES", raising=False)
    monkeypatch.setattr(serve.postgres, "USUAL", "host=127.0.0.1 port=1 user=postgres")
    try:
        running = serve.up(tmp_path, SCALE)
        if running.database is None:
            pytest.skip("the wheel's PostgreSQL does not run here")
        assert Hub(tmp_path).sql("public_security/population", 'SELECT count(*) FROM "QZ_SWZX"')[0][0] > 0
        serve.down(tmp_path)
        assert serve.up(tmp_path, SCALE).made is False
    finally:
        serve.down(tmp_path, erase=True)
