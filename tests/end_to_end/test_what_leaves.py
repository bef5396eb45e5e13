"""A mark in every cell that may not leave, and every byte that leaves searched for it."""

import json
from contextlib import closing

import duckdb
import pyarrow.parquet as pq
import pytest

from demo.province import prepare
from docking import catalogue
from orchestration.routes import collect, deliver
from tests.end_to_end.town import SYSTEM, Sqlite, registration, row
from tests.orchestration.small_city import put
from warehouse import data_docs

CLOSED, OTHER = "health/closed", "health/clinics"
MORE = {"BZ": "内部备注", "SJ": "电话", "DZ": "说明"}


def marked(n, who, **changed):
    """A row whose free texts say whose they are; marks stand before and behind, so that no mask leaves one by chance."""
    return row(n, **{"BZ": f"b{who}b{n}", "SJ": f"s{who}s{n}", "DZ": f"d{who}d{n}", **changed})


@pytest.fixture
def marks(town):
    """Three offices know the same people; one of them shares nothing, one under a condition of its own."""
    fields = town.record["fields"]
    fields["note"] = {"title": "内部备注", "level": 4}
    fields["tel"] = {"title": "电话", "mask": "text"}
    fields["remark"] = {"title": "说明", "share": "plain"}
    town.record["authority"] = [f"{CLOSED}/person", f"{SYSTEM}/person"]
    town.record["rules"] = [{"rule": "in", "field": "remark", "values": ["无"], "severity": "inform"}]
    put(town.schemas / "records/person.yml", town.record)
    resources = {
        SYSTEM: {"code": "306001/1", "share": "conditional", "condition": "履职需要"},
        OTHER: {"code": "306001/2", "share": "conditional", "condition": "另一用途"},
        CLOSED: {"code": "306001/3", "share": "none", "basis": "某法第一条"},
    }
    for path, resource in resources.items():
        far = Sqlite(town, ("NO", "SFZH", "XM", "XB", "CSRQ", "SR", *MORE), path)
        who = path.split("/")[1].upper()
        far.put(*(marked(n, who, XM=f"{who}{n}", **({"DZ": None} if path == SYSTEM and n % 2 else {})) for n in range(1, 9)))
        entry = registration({"table": "T"}, resource=resource)
        entry["datasets"]["person"]["fields"] |= {"note": "BZ", "tel": "SJ", "remark": "DZ"}
        town.register(entry, path)
    return town


def everything(folder):
    """Every byte of every file below a folder, and every value that its readers would decode from it."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield path.name, path.read_bytes()
        if path.suffix == ".parquet":
            yield path.name, repr(pq.read_table(path).to_pylist()).encode()
            yield path.name, repr(pq.read_metadata(path).to_dict()).encode()
        if path.suffix == ".duckdb":
            with closing(duckdb.connect(str(path), read_only=True)) as con:
                for schema, name in con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall():
                    yield f"{path.name}:{name}", repr(con.execute(f'FROM "{schema}"."{name}"').fetchall()).encode()
                    statistics = con.execute(f"FROM pragma_storage_info('{schema}.{name}')").fetchall()
                    yield f"{path.name}:{name} statistics", repr(statistics).encode()


def test_no_byte_that_leaves_holds_what_may_not(marks, tmp_path):
    (tmp_path / "province").mkdir()
    town, province = marks, prepare(marks.home, f"sqlite:///{tmp_path / 'province/front.sqlite'}")
    for path in (SYSTEM, OTHER, CLOSED):
        assert town.sync(path).accepted
    town.publish()
    assert not deliver(town.hub).failed
    province.process()
    collect(town.hub)
    results = [json.loads(r) for (r,) in town.rows("hub.findings", "result")]
    assert b"CLOSED" in repr(results).encode(), "the check keeps samples, so the pages have something to leave out"
    out = tmp_path / "out"
    catalogue.write(town.city, out / "catalogue")
    data_docs.build(results, out / "docs")
    leaves = [*everything(town.home / "packages"), *everything(tmp_path / "province"), *everything(out)]
    seen = [*everything(town.home / "editions"), *everything(out)]
    assert any(b"dASSISTANCEd2" in held for _, held in leaves), "what may leave does"
    for name, held in leaves:
        for never in (b"CLOSED", b"bASSISTANCE", b"sASSISTANCE", b"bCLINICS", b"sCLINICS", b"dCLINICS"):
            assert never not in held, (name, never)
    for name, held in seen:
        for never in (b"CLOSED", b"bASSISTANCE", b"sASSISTANCE", b"bCLINICS", b"sCLINICS"):
            assert never not in held, (name, never)
    assert town.rows("shared.person", "DISTINCT _source") == [("civil_affairs_assistance__person",)]
