"""From a source row to a receipt and back: after any number of changes the province's copy is the shared dataset, row by row."""

import datetime as dt
import random
import re
from contextlib import closing

import pytest
import yaml

from demo.province import prepare
from docking import platforms, receipts
from docking.resources import leaving
from orchestration.routes import Hub, collect, deliver, publish, sync
from orchestration.routes.delivering import docked
from schemas.city import read_city
from tests.orchestration import small_city
from tests.warehouse.far_side import id_number
from warehouse import keys, query

FIRST, SECOND = "public_security/population", "civil_affairs/assistance"
TABLES = {"306001/1": "public_security_population__person", "306001/2": "civil_affairs_assistance__person"}


class Way:
    """The whole way, open: two far sides, the hub, the province."""

    def __init__(self, root):
        self.home, self.systems, self.schemas = small_city.write(root)
        self.province = prepare(self.home)
        self.hub = None
        self.open()

    def open(self):
        self.close()
        self.hub = Hub.open(self.home, read_city(self.systems, self.schemas))

    def close(self):
        if self.hub:
            self.hub.close()

    def sync(self):
        for system in self.hub.city:
            assert not sync(self.hub, system).failed

    def carry(self):
        """Deliver, let the province work, take its answers in."""
        done = deliver(self.hub)
        assert not done.failed
        self.province.process()
        collect(self.hub)
        return {d.resource: d for d in done.sent}

    def ours(self, code):
        """What may leave of the rows this dataset decides, asked of the lake directly."""
        resource = leaving(self.hub.city)[TABLES[code]]
        shown = ", ".join(f"CAST({c.sql} AS VARCHAR) AS {c.name}" for c in resource.columns)
        key = resource.row_key(keys.key(self.home, "platform"))
        con = self.hub.lake.cursor()
        found = con.execute(f"SELECT {key} AS row_key, {shown} FROM shared.person WHERE _source = ? ORDER BY row_key", [resource.table])
        names = [d[0] for d in found.description]
        return [dict(zip(names, r, strict=True)) for r in found.fetchall()]

    def theirs(self, code):
        return [{k: v if v is None else str(v) for k, v in r.items()} for r in self.province.copy(code)]

    def equal(self):
        for code in TABLES:
            assert self.theirs(code) == self.ours(code), code
        assert sum(len(self.ours(c)) for c in TABLES) == self.one("SELECT count(*) FROM shared.person")

    def one(self, sql):
        return self.hub.lake.cursor().execute(sql).fetchone()[0]


@pytest.fixture
def way(tmp_path, monkeypatch):
    monkeypatch.delenv("HUB_LEDGER", raising=False)
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    made = Way(tmp_path)
    yield made
    made.close()
    made.province.close()


def tick(way, dice, n):
    """Both far sides go on living; people come to be known to both, and to one only."""
    when = f"2026-01-{n + 1:02d} 00:00:00"
    for path, marked in ((FIRST, True), (SECOND, False)):
        numbers = dice.sample(range(1, 90), 24)
        rows = [(str(i), id_number(i), f"人{i}第{n}次", dice.choice("12"), str(dice.randint(0, 9999)), when) for i in numbers[:20]]
        small_city.change(way.home, path, rows, gone=[str(i) for i in numbers[20:]], marked=marked)


@pytest.mark.slow
def test_after_random_changes_the_provinces_copy_is_the_shared_dataset(way):
    dice = random.Random(1)
    kinds = set()
    for n in range(5):
        tick(way, dice, n)
        way.sync()
        if n == 2:
            way.province.fault("refuse", code="E99", text="平台临时维护，批次退回")
        if n == 4:
            way.province.fault("lose receipt")
        publish(way.hub)
        kinds |= {d.kind for d in way.carry().values()}
        if n not in (2, 4):
            way.equal()
    refused = way.hub.ledger.deliveries(status=("refused",))
    assert [(d.reason, bool(d.next_zh)) for d in refused] == [("平台临时维护，批次退回", True)]
    [docking] = docked(way.hub)
    with closing(platforms.open_exchange(way.home, way.hub.city, docking.platform)) as exchange:
        assert receipts.collect(docking, exchange, wait=dt.timedelta(0)).receipts  # the batch's own status tells, in time
    tick(way, dice, 5)
    way.sync()
    publish(way.hub)
    way.carry()
    way.equal()
    assert kinds == {"full", "changes"}
    assert not way.carry()
    figures = query.ask(way.home, "SELECT value FROM shared.figures WHERE figure = 'people'").table.to_pylist()
    assert figures == [{"value": way.one("SELECT count(*) FROM shared.person")}]


def test_a_changed_masking_makes_a_new_edition_and_sends_everything_again(way):
    dice = random.Random(3)
    tick(way, dice, 0)
    way.sync()
    publish(way.hub)
    way.carry()
    asked = "SELECT name FROM shared.person WHERE name IS NOT NULL LIMIT 1"
    before, shown = query.ask(way.home, asked), way.theirs("306001/2")
    assert not publish(way.hub).edition
    record = yaml.safe_load((way.schemas / "records/person.yml").read_text("utf-8"))
    record["fields"]["name"]["mask"] = "text"
    small_city.put(way.schemas / "records/person.yml", record)
    way.open()
    published = publish(way.hub)
    assert published.edition.generation > before.generation
    after = query.ask(way.home, asked)
    assert after.generation == published.edition.generation
    assert after.table != before.table
    sent = way.carry()
    assert {d.kind for d in sent.values()} == {"full"}
    assert set(sent) == set(TABLES)
    way.equal()
    assert way.theirs("306001/2") != shown
    assert {r["row_key"] for r in way.theirs("306001/2")} == {r["row_key"] for r in shown}
    assert not way.carry()


def test_nothing_that_may_not_leave_leaves(way):
    """Not one number or name of a person stands anywhere in the province's database or in an edition's file."""
    tick(way, random.Random(4), 0)
    way.sync()
    publish(way.hub)
    way.carry()
    numbers = {r[0] for r in way.hub.lake.cursor().execute("SELECT id_number FROM shared.person").fetchall()}
    assert numbers
    files = [*(way.home / "demo").glob("*.sqlite"), *(way.home / "editions").glob("*.duckdb"), *(way.home / "packages").rglob("*.*")]
    assert len(files) > 5
    for file in files:
        found = {m.decode() for m in re.findall(rb"999999\d{11}[\dX]", file.read_bytes())}
        assert not found & numbers, file
