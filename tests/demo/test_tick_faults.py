"""Time passes at the far sides, and they misbehave when they are told to, until they are told not to."""

from __future__ import annotations

import psycopg
import pytest
import requests

from demo import faults, serve
from demo.serve import current, outlet
from demo.serve_files import drop
from demo.tick import tick
from schemas.errors import RegistrationError
from tests.demo.far_sides import Hub, counted, dug

SCALE = 0.01


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    made = tmp_path_factory.mktemp("tick")
    serve.up(made, SCALE)
    yield made
    serve.down(made, erase=True)


@pytest.fixture
def hub(home):
    yield Hub(home)
    faults.off(home)


def database_only(hub, path):
    if hub.entry(path, "database")["dialect"] != "postgresql":
        pytest.skip("no PostgreSQL for the front-end databases: SQLite cannot misbehave this way")


def standing(hub, path, name):
    return counted(hub.sql(path, f'SELECT * FROM "{outlet(hub.sides[path], name)}"'))


def test_a_tick_changes_every_system_and_the_far_sides_hold_exactly_the_new_state(home, hub):
    written = tick(home, 2)
    assert set(written) == set(hub.sides)
    assert all(sum(rows.values()) for rows in written.values())
    for path, side in hub.sides.items():
        now = current(home, side)
        for name in written[path]:
            table = now[name]
            expected = counted(zip(*(table[c].to_pylist() for c in table.column_names)))
            if name in side.of("rest"):
                assert counted(r.values() for r in hub.rows(path, name)) == expected, f"{path}/{name}"
            elif name in side.of("postgresql", "sqlite"):
                assert standing(hub, path, name) == expected, f"{path}/{name}"


def test_the_second_tick_brings_a_column_nobody_announced(home, hub):
    if serve.noted(home, "city")["ticks"] < 2:
        tick(home, 2)
    assert hub.sql("human_resources/pension", 'SELECT count("AAE159") FROM "AC01"')[0][0] > 0


def test_a_front_end_only_ever_gets_more_rows_and_one_comes_late(home, hub):
    before = hub.sql("market_regulation/entities", 'SELECT count(*), max("OPERATETIME") FROM "E_BASEINFO"')[0]
    tick(home)
    late = hub.sql(
        "market_regulation/entities", 'SELECT count(*) FROM (SELECT * FROM "E_BASEINFO" OFFSET %s) t WHERE "OPERATETIME" <= %s', before
    )
    assert hub.sql("market_regulation/entities", 'SELECT count(*) FROM "E_BASEINFO"')[0][0] == before[0] + 17
    assert late == [(1,)]


def test_an_expired_password_is_refused_by_the_database_itself(home, hub):
    database_only(hub, "human_resources/pension")
    faults.on(home, "expired_password")
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        hub.sql("human_resources/pension", "SELECT 1")
    assert hub.sql("public_security/population", "SELECT 1") == [(1,)]
    faults.off(home, "expired_password")
    assert hub.sql("human_resources/pension", "SELECT 1") == [(1,)]


def test_an_expired_password_of_an_interface_comes_in_a_200(home, hub):
    faults.on(home, "expired_password", "political_legal/mediation")
    entry = hub.entry("political_legal/mediation", "rest")
    secret = hub.secrets[entry["secret"]]
    answer = requests.post(entry["token_url"], json={"user": secret["user"], "password": secret["password"]}, timeout=10)
    assert answer.status_code == 200
    assert "access_token" not in answer.json()
    assert "密码已过期" in answer.json()["msg"]


def test_a_shrunken_export_has_two_fifths_of_its_rows(home, hub):
    folder = drop(home, hub.sides["civil_affairs/assistance"])

    def rows():
        return sum((folder / f"DB_{n}.csv").read_bytes().count(b"\r\n") - 1 for n in (1, 2))

    whole = rows()
    faults.on(home, "shrink")
    assert rows() == int(whole * 0.4)
    faults.off(home)
    assert rows() == whole


def test_a_half_written_file_has_no_control_file(home, hub):
    folder = drop(home, hub.sides["civil_affairs/assistance"])
    whole = (folder / "DB_2.csv").stat().st_size
    faults.on(home, "half_written")
    assert (folder / "DB_2.csv").stat().st_size < whole
    assert not (folder / "DB_2.csv.ok").exists()
    assert (folder / "DB_1.csv.ok").exists()
    faults.off(home)
    assert (folder / "DB_2.csv").stat().st_size == whole
    assert (folder / "DB_2.csv.ok").exists()


def test_a_vanished_and_a_changed_column_come_back_and_a_tick_may_happen_between(home, hub):
    database_only(hub, "market_regulation/entities")
    faults.on(home, "vanished_column")
    faults.on(home, "changed_type")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        hub.sql("market_regulation/entities", 'SELECT "REGSTATE" FROM "E_BASEINFO"')
    assert hub.sql("political_legal/grid", "SELECT pg_typeof(household_count)::text FROM t_grid LIMIT 1") == [("character varying",)]
    tick(home)
    faults.off(home)
    for path, name in (("market_regulation/entities", "entity"), ("political_legal/grid", "grid")):
        table = current(home, hub.sides[path])[name]
        assert standing(hub, path, name) == counted(zip(*(table[c].to_pylist() for c in table.column_names)))


def test_the_total_differs_from_page_to_page(home, hub):
    faults.on(home, "unstable_total")
    page = hub.sides["political_legal/mediation"].system.datasets["dispute"].reading.page
    totals = {dug(a.json(), page.total) for _, a in zip(range(8), hub.pages("political_legal/mediation", "dispute"))}
    assert len(totals) > 1


def test_a_system_that_is_down_answers_nothing_and_the_others_do(home, hub):
    faults.on(home, "down")
    with pytest.raises(requests.ConnectionError):
        next(hub.pages("approvals/hotline", "ticket"))
    assert next(hub.pages("political_legal/mediation", "dispute")).status_code == 200


def test_a_truncated_page_is_no_json(home, hub):
    faults.on(home, "truncated_page")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        next(hub.pages("party_organisation/double_registration", "check_in")).json()


def test_a_slow_system_takes_its_time(home, hub):
    faults.on(home, "slow")
    assert next(hub.pages("approvals/hotline", "knowledge")).elapsed.total_seconds() >= 3


def test_a_fault_a_system_cannot_have_is_refused_with_what_it_needs(home):
    with pytest.raises(RegistrationError, match="half_written"):
        faults.on(home, "half_written", "approvals/hotline")
    with pytest.raises(RegistrationError, match="approvals/hotline"):
        faults.on(home, "down", "approvals/nothing")
    with pytest.raises(RegistrationError, match="truncated_page"):
        faults.on(home, "no_such_fault")
