"""A system moves to another department: its tables, cursors and catalogue code stay, and no row is sent again."""

import pytest
import yaml

from demo.province import prepare
from docking.catalogue import entry
from docking.resources import leaving
from orchestration.routes import Hub, collect, deliver, publish, sync
from schemas.city import read_city
from tests.orchestration import small_city
from tests.warehouse.far_side import id_number

OLD, NEW = "civil_affairs/assistance", "veterans/support"
TABLE = "civil_affairs_assistance__person"
MORE = [(f"{n}", id_number(n), f"人{n}", "1", "10", "2026-01-01 00:00:00") for n in range(1, 9)]


def standing(hub):
    con = hub.lake.cursor()
    tables = con.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name <> 'hub' ORDER BY ALL"
    ).fetchall()
    found = {f"{s}.{t}": con.execute(f'SELECT * FROM {s}."{t}" ORDER BY ALL').fetchall() for s, t in tables}
    for name, seen in (("cursors", "true"), ("made", "station <> 'package'")):
        found[name] = con.execute(f"SELECT * EXCLUDE (written_at, run) FROM hub.{name} WHERE {seen} ORDER BY ALL").fetchall()
    return found


@pytest.mark.parametrize(
    "authority",
    [["public_security/population/person"], *(pytest.param(a, marks=pytest.mark.slow) for a in ([f"{OLD}/person"], []))],
    ids=["other", "itself", "nobody"],
)
def test_a_system_that_moves_changes_nothing_but_its_name(tmp_path, monkeypatch, authority):
    home, systems, schemas = small_city.write(tmp_path)
    monkeypatch.setenv("HUB_HOME", str(home))
    small_city.put(schemas / "records/person.yml", {**small_city.RECORD, "authority": authority})
    small_city.change(home, "public_security/population", [(n, i, f"{x}甲", *r) for n, i, x, *r in MORE[2:6]], marked=True)
    small_city.change(home, OLD, MORE, marked=False)  # four people are known to both: who decides must not change
    province = prepare(home)
    city = read_city(systems, schemas)
    hub = Hub.open(home, city)
    everything(hub, province)
    assert not deliver(hub).sent
    before, version = standing(hub), hub.lake.snapshot()
    copies = {r.code: province.copy(r.code) for r in leaving(city).values()}
    entries = {t: entry(city, r) for t, r in leaving(city).items()}
    hub.close()

    content = yaml.safe_load((systems / f"{OLD}.yml").read_text("utf-8"))
    small_city.put(systems / "veterans/_department.yml", {"title": "退役军人事务局", "uscc": "11999999MB0000001H"})
    small_city.put(systems / f"{NEW}.yml", {**content, "formerly": [OLD]})
    (systems / f"{OLD}.yml").unlink()
    moved = read_city(systems, schemas)
    assert moved.system(OLD).path == moved.system(NEW).path == NEW
    assert moved.system(NEW).table("person") == TABLE

    hub = Hub.open(home, moved)
    synced = [sync(hub, s) for s in moved]
    assert [o.state for s in synced for o in s.outcomes.values()] == ["unchanged", "unchanged"]
    published = publish(hub)
    assert (published.tables, published.refused) == ({}, {})
    [told] = deliver(hub).sent  # its catalogue entry alone: another department provides it now
    assert (told.dataset, told.rows, told.inserted, told.updated, told.deleted) == (TABLE, 0, 0, 0, 0)
    assert {a.status for a in province.process()} == {"1"}
    collect(hub)
    assert not deliver(hub).sent
    assert standing(hub) == before
    assert {r.code: province.copy(r.code) for r in leaving(moved).values()} == copies
    assert leaving(moved).keys() == entries.keys()
    assert {t: e["信息资源代码"] for t, r in leaving(moved).items() for e in [entry(moved, r)]} == {
        t: e["信息资源代码"] for t, e in entries.items()
    }
    assert set(hub.ledger.confirmed()) == {TABLE, "public_security_population__person"}

    small_city.change(
        home, OLD, [("9", id_number(9), "人9", "2", "1", "2026-01-02 00:00:00")], marked=False
    )  # its address in connections.yml is the old path's
    sync(hub, moved.system(NEW))
    [sent] = everything(hub, province)
    assert (sent.dataset, sent.kind, sent.inserted, sent.updated, sent.deleted) == (TABLE, "changes", 1, 0, 0)
    assert hub.lake.snapshot() > version
    hub.close()
    province.close()


def everything(hub, province):
    for system in hub.city:
        sync(hub, system)
    publish(hub)
    sent = deliver(hub).sent
    assert {a.status for a in province.process()} <= {"1"}
    collect(hub)
    return sent


def test_an_old_path_is_not_given_to_another_system(tmp_path):
    _, systems, schemas = small_city.write(tmp_path)
    content = yaml.safe_load((systems / f"{OLD}.yml").read_text("utf-8"))
    content["datasets"]["person"]["resource"]["code"] = "306001/9"
    small_city.put(systems / "veterans/_department.yml", {"title": "退役军人事务局"})
    small_city.put(systems / f"{NEW}.yml", {**content, "formerly": [OLD]})
    with pytest.raises(Exception, match="civil_affairs_assistance") as refused:
        read_city(systems, schemas)
    assert "hub systems validate" in refused.value.next_zh
