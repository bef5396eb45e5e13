"""From the shared dataset to the province and back: its copy equals ours, row by row, whatever happens on the way."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.exc import OperationalError

from demo.province import Province, prepare
from docking import package, packing
from docking.deliver import PackageDamaged, deliver
from docking.package import make, pending
from docking.receipts import collect
from docking.reconcile import reconcile
from docking.resources import leaving
from ledger.opening import open_ledger
from schemas.errors import DeliveryRefused, RegistrationError, SourceRefused, SourceUnavailable
from tests.docking.shared_city import ALLOWANCE, CODE, FIELDS, PENSION, city, record, row, share, system
from warehouse import keys, made
from warehouse.lake import Lake
from warehouse.sql import columns

POSTGRES = os.environ.get("HUB_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
ROOT = Path(__file__).resolve().parents[2]
NOW = dt.timedelta(0)


@dataclass
class Path_:
    """The whole way out, open."""

    home: Path
    lake: Lake
    city: object
    ledger: object
    province: Province

    def share(self, **tables):
        share(self.lake, self.city, **tables)

    def make(self, table=ALLOWANCE, **more):
        return make(self.lake, self.city, self.ledger, self.home, table, "run", **more)

    def send(self, table=ALLOWANCE, **more):
        """Make, deliver, let the province work, take in the receipts; returns the delivery as it ended."""
        made_ = self.make(table, **more)
        if made_ is None:
            return None
        deliver(self.ledger, self.home, made_)
        self.province.process()
        self.collect()
        return self.ledger.delivery(made_.id)

    def collect(self, wait=NOW):
        return collect(self.ledger, self.home, self.city, wait=wait)

    def pending(self, **more):
        return pending(self.lake, self.city, self.ledger, self.home, **more)

    def ours(self, table=ALLOWANCE):
        """What may leave of the shared dataset now, asked of the lake directly."""
        resource = leaving(self.city)[table]
        shown = ", ".join(f"{c.sql} AS {c.name}" for c in resource.columns)
        key = resource.row_key(keys.key(self.home, "platform"))
        found = self.lake.cursor().execute(
            f"SELECT {key} AS row_key, {shown} FROM shared.person WHERE _source = ? ORDER BY row_key", [table]
        )
        names = [d[0] for d in found.description]
        return [dict(zip(names, r, strict=True)) for r in found.fetchall()]

    def theirs(self, code=CODE):
        return [{k: self.plain(k, v) for k, v in r.items()} for r in self.province.copy(code)]

    def plain(self, name, value):
        if not self.province.sqlite or value is None or name not in FIELDS:
            return value
        kind = FIELDS[name].get("type")
        if FIELDS[name].get("share") == "masked":
            return value
        from decimal import Decimal

        reads = {"date": dt.date.fromisoformat, "datetime": dt.datetime.fromisoformat, "decimal": Decimal, "boolean": bool}
        return reads.get(kind, lambda v: v)(value)

    def equal(self):
        assert self.theirs() == self.ours()
        return len(self.ours())


@pytest.fixture(params=["sqlite", "postgresql"])
def province_url(request):
    if request.param == "sqlite":
        yield None
        return
    url = sa.make_url(POSTGRES).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    name = f"province_{uuid.uuid4().hex[:12]}"
    try:
        with admin.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
    except OperationalError:
        if os.environ.get("HUB_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip("no PostgreSQL at HUB_TEST_POSTGRES")
    yield url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def open_path(home, url, monkeypatch):
    monkeypatch.delenv("HUB_LEDGER", raising=False)
    return Path_(home, Lake(home), city(), open_ledger(home), prepare(home, url))


@pytest.fixture
def way(tmp_path, province_url, monkeypatch):
    opened = open_path(tmp_path, province_url, monkeypatch)
    yield opened
    opened.lake.close(), opened.ledger.close(), opened.province.close()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The way out over SQLite, for what does not depend on the database."""
    opened = open_path(tmp_path, None, monkeypatch)
    yield opened
    opened.lake.close(), opened.ledger.close(), opened.province.close()


def test_the_provinces_copy_equals_the_shared_dataset_after_everything_and_after_changes(way):
    way.share(**{ALLOWANCE: [row(n) for n in range(40)], PENSION: [row(n) for n in range(100, 105)]})
    assert way.pending() == [PENSION, ALLOWANCE]
    first = way.send()
    assert (first.kind, first.status, first.inserted, first.total, first.sequence, first.previous) == ("full", "taken", 40, 40, 1, 0)
    assert way.equal() == 40
    way.share(**{ALLOWANCE: [row(n, amount=1 if n == 7 else row(n)["amount"]) for n in range(2, 43)]})
    second = way.send()
    assert (second.kind, second.inserted, second.updated, second.deleted) == ("changes", 3, 1, 2)
    assert (second.sequence, second.previous, second.total) == (2, 1, 41)
    assert way.equal() == 41
    assert way.ledger.receipts(second.id)[0].total == 41


def test_nothing_changed_means_no_package(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: [row(2)]})
    small.send()
    small.share(**{PENSION: [row(3)]})  # the record has changed, but no row of this dataset
    assert ALLOWANCE in small.pending()
    assert small.make() is None
    assert ALLOWANCE not in small.pending()
    assert len(small.ledger.deliveries(resource=CODE)) == 1


def test_a_change_that_only_an_unshared_column_sees_does_not_leave(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    small.send()
    small.share(**{ALLOWANCE: [row(1, phone="19900009999", secret_note="changed", name="张某9")]})
    assert small.make() is None


def test_only_declared_columns_leave_and_masked_ones_masked(way):
    way.share(**{ALLOWANCE: [row(n) for n in range(20)], PENSION: []})
    way.send()
    shown = {c for c, f in FIELDS.items() if f.get("share")}
    assert set(way.theirs()[0]) == {"row_key", *shown}
    whole = json.dumps(way.province.copy(CODE), default=str, ensure_ascii=False)
    with way.province.engine.connect() as connection:
        whole += str(connection.execute(sa.text('SELECT * FROM "exchange_306012_000001"')).all())
        whole += str(connection.execute(sa.text("SELECT * FROM exchange_batch")).all())
        whole += str(connection.execute(sa.text("SELECT * FROM exchange_catalogue")).all())
    for path in (way.home / "packages").rglob("*.json"):
        whole += path.read_text("utf-8")
    for never in ("unshared", "19900000", "999999199", "张某", "secret_note", "内部备注", '"phone"', "联系电话", "_source", "_sources"):
        assert never not in whole


def test_a_refused_batch_counts_for_nothing_and_the_next_starts_from_the_last_taken(way):
    way.share(**{ALLOWANCE: [row(n) for n in range(10)], PENSION: []})
    way.send()
    way.province.fault("refuse", code="E77", text="数据中含未登记代码 “9”，整批退回 ")
    way.share(**{ALLOWANCE: [row(n) for n in range(12)]})
    refused = way.send()
    assert (refused.status, refused.code, refused.reason) == ("refused", "E77", "数据中含未登记代码 “9”，整批退回 ")
    assert refused.next_zh.startswith("联系省平台")
    assert ALLOWANCE not in way.pending()  # sending the same again would be refused again
    assert ALLOWANCE in way.pending(again=True)
    assert len(way.theirs()) == 10
    way.share(**{ALLOWANCE: [row(n) for n in range(1, 12)]})
    mended = way.send()
    assert (mended.status, mended.sequence, mended.previous, mended.inserted, mended.deleted) == ("taken", 3, 1, 2, 1)
    assert way.equal() == 11
    manifest = json.loads((way.home / "packages" / "306012_000001" / "000003" / "manifest.json").read_text("utf-8"))
    assert (manifest["previous"], manifest["void"]) == (1, [2])


def test_a_person_may_send_a_refused_package_again(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    small.province.fault("refuse")
    assert small.send().status == "refused"
    assert small.make() is None
    assert small.send(again=True).status == "taken"
    small.equal()


def test_the_next_step_of_a_refusal_comes_from_the_profile(small):
    small.city = city(profile={"refusals": {"E77": {"next_zh": "核对代码表", "full": True}}})
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    small.send()
    small.province.fault("refuse", code="E77")
    small.share(**{ALLOWANCE: [row(1), row(2)]})
    assert small.send().next_zh == "核对代码表"
    assert ALLOWANCE in small.pending()  # the copies differ: everything goes again by itself
    small.province.fault("refuse", code="E77")
    assert (small.send().kind, ALLOWANCE in small.pending()) == ("full", False)  # but only once
    again = small.send(again=True)
    assert (again.kind, again.status) == ("full", "taken")
    small.equal()


@pytest.mark.parametrize(
    "change", [{"born": {"title": "出生日期", "type": "date"}}, {"name": {"title": "姓名", "share": "masked", "mask": "text"}}]
)
def test_a_changed_column_or_mask_sends_everything_again(way, change):
    way.share(**{ALLOWANCE: [row(n) for n in range(10)], PENSION: []})
    way.send()
    way.city = city(record(**change))
    assert ALLOWANCE in way.pending()
    again = way.send()
    assert (again.kind, again.sequence, again.status, again.inserted) == ("full", 2, "taken", 10)
    way.equal()
    if "born" in change:
        with way.province.engine.connect() as connection:
            assert "born" not in {c["name"] for c in sa.inspect(connection).get_columns("exchange_306012_000001")}
            assert "born" not in {c["name"] for c in sa.inspect(connection).get_columns("taken_306012_000001")}


def test_a_new_platform_key_sends_everything_again(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    before = small.send()
    (small.home / "keys" / "platform").unlink()
    again = small.send()
    assert (again.kind, again.status) == ("full", "taken")
    assert before.definition != again.definition
    small.equal()


def test_a_package_prepared_under_an_older_mask_never_leaves(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    old = small.make()
    small.city = city(record(name={"title": "姓名", "share": "masked", "mask": "text"}))
    new = small.send()
    assert small.ledger.delivery(old.id).code == "WITHDRAWN"
    assert (new.sequence, new.status) == (2, "taken")
    assert [r["name"] for r in small.theirs()] == ["***"]


def test_an_expired_base_means_a_full_package(small):
    small.share(**{ALLOWANCE: [row(n) for n in range(5)], PENSION: []})
    small.send()
    small.share(**{ALLOWANCE: [row(n) for n in range(1, 7)]})
    with small.lake.maintaining() as con:
        con.execute(f"CALL ducklake_expire_snapshots('lake', versions => [{small.ledger.last_delivery(CODE).snapshot}])")
    again = small.send()
    assert (again.kind, again.status, again.total) == ("full", "taken", 6)
    small.equal()


@pytest.mark.parametrize("column", ["total", "made_from"])
def test_a_base_that_is_not_what_the_ledger_remembers_means_a_full_package(small, column):
    """A version that expires while it is read gives no rows and no error; a lake from a backup gives its numbers again."""
    small.share(**{ALLOWANCE: [row(n) for n in range(5)], PENSION: []})
    small.send()
    with small.ledger.engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE deliveries SET {column} = {column} + 1"))
    small.share(**{ALLOWANCE: [row(n) for n in range(1, 7)]})
    again = small.send()
    assert (again.kind, again.status) == ("full", "taken")
    small.equal()


def test_compaction_between_two_packages_changes_nothing(small):
    small.share(**{ALLOWANCE: [row(n) for n in range(30)], PENSION: []})
    small.send()
    for start in (1, 2, 3):
        small.share(**{ALLOWANCE: [row(n, members=start if n == 9 else n) for n in range(start, 30)]})
    with small.lake.maintaining() as con:
        con.execute("CALL ducklake_merge_adjacent_files('lake')")
        con.execute("CALL ducklake_rewrite_data_files('lake')")
    changes = small.send()
    assert (changes.kind, changes.updated, changes.deleted, changes.status) == ("changes", 1, 3, "taken")
    small.equal()


def test_a_row_that_another_source_decides_now_moves_from_one_resource_to_the_other(small):
    small.share(**{ALLOWANCE: [row(1), row(2)], PENSION: [row(1)]})
    small.send(), small.send(PENSION)
    small.share(**{ALLOWANCE: [row(2)]})
    gone, come = small.send(), small.send(PENSION)
    assert (gone.deleted, come.inserted) == (1, 1)
    small.equal()


def test_making_the_same_package_twice_gives_the_same_bytes(small):
    small.share(**{ALLOWANCE: [row(n) for n in range(50)], PENSION: []})
    first = small.make()
    folder = small.home / "packages" / "306012_000001" / "000001"
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert small.make().id == first.id
    import shutil

    shutil.rmtree(folder)
    assert small.make().id == first.id
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_a_resource_without_rows_sends_nothing_until_it_has_some(small):
    small.share(**{ALLOWANCE: [], PENSION: [row(1)]})
    assert small.make() is None
    assert small.pending() == [PENSION]
    small.share(**{ALLOWANCE: [row(2)]})
    assert small.send().status == "taken"
    small.share(**{ALLOWANCE: []})
    assert (small.send().deleted, small.theirs()) == (1, [])


def test_what_has_no_right_to_leave_is_not_packed(small):
    from schemas.registration import Dataset

    none = system("human_resources/pension", "306009/000007", share="none", basis="某法第一条", condition="")
    needs = system("civil_affairs/elderly", "306012/000002")
    dataset = Dataset.model_validate({**needs.datasets["person"].model_dump(by_alias=True), "agreement": "required"})
    needs = needs.model_copy(update={"datasets": {"person": dataset}})
    trial = system("civil_affairs/assistance", CODE).model_copy(update={"stage": "trial"})
    small.city = city(systems=[none, needs, trial])
    assert leaving(small.city) == {}
    assert small.pending() == []
    with pytest.raises(RegistrationError):
        small.make()


def test_sending_again_changes_nothing(way):
    way.share(**{ALLOWANCE: [row(n) for n in range(10)], PENSION: []})
    delivery = way.make()
    for _ in range(3):
        assert deliver(way.ledger, way.home, delivery).status == "sent"
    with way.province.engine.connect() as connection:
        assert connection.execute(sa.text('SELECT count(*) FROM "exchange_306012_000001"')).scalar() == 10
    way.province.process()
    deliver(way.ledger, way.home, delivery)  # before its receipt is read
    assert [r.status for r in way.collect()] == ["taken"]
    assert deliver(way.ledger, way.home, delivery).status == "taken"
    assert way.province.process() == []
    assert way.collect() == []
    way.equal()


def test_nothing_new_is_made_while_a_package_is_unanswered(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    small.province.fault("delay", times=2)
    assert small.send().status == "sent"
    small.share(**{ALLOWANCE: [row(1), row(2)]})
    assert ALLOWANCE not in small.pending()
    assert small.make() is None
    small.province.process()
    assert small.collect() == []
    small.province.process()
    assert [r.status for r in small.collect()] == ["taken"]
    assert small.send().inserted == 1
    small.equal()


def test_a_lost_receipt_is_made_good_by_the_batchs_own_status(way):
    way.share(**{ALLOWANCE: [row(1)], PENSION: []})
    way.province.fault("lose receipt")
    assert way.send().status == "taken"
    assert "未收到回执" in way.ledger.deliveries()[0].reason
    way.share(**{ALLOWANCE: [row(1), row(2)]})
    assert way.send().kind == "changes"
    way.equal()


def test_a_platform_that_died_half_way_goes_on_with_what_it_has(way):
    way.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    way.province.fault("half")
    sent = way.send()
    assert sent.status == "sent"
    deliver(way.ledger, way.home, sent)
    with way.province.engine.connect() as connection:  # it has begun: it is left alone
        assert connection.execute(sa.text("SELECT count(*) FROM \"exchange_306012_000001\" WHERE row_status = '1'")).scalar() == 4
    way.province.process()
    assert [r.status for r in way.collect()] == ["taken"]
    way.equal()


def test_rows_lost_on_the_way_are_sent_again(way):
    way.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    delivery = way.make()
    deliver(way.ledger, way.home, delivery)
    with way.province.engine.begin() as connection:
        connection.execute(
            sa.text('DELETE FROM "exchange_306012_000001" WHERE row_key = (SELECT min(row_key) FROM "exchange_306012_000001")')
        )
    deliver(way.ledger, way.home, delivery)
    way.province.process(), way.collect()
    way.equal()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ('UPDATE "exchange_306012_000001" SET members = members + 1', "E04"),
        ("UPDATE \"exchange_306012_000001\" SET remark = 'x' WHERE remark IS NULL", "E04"),
        ("UPDATE \"exchange_306012_000001\" SET row_key = 'same'", "E05"),
        ("UPDATE \"exchange_306012_000001\" SET op_type = 'X'", "E09"),
        ('DELETE FROM "exchange_306012_000001" WHERE members = 3', "E03"),
        ('ALTER TABLE "exchange_306012_000001" ADD COLUMN extra TEXT', "E01"),
        ("DELETE FROM exchange_catalogue", "E01"),
        ("UPDATE exchange_batch SET sequence = 0", "E02"),
        ("UPDATE exchange_batch SET total = 99", "E08"),
    ],
)  # fmt: skip
def test_the_province_believes_nothing(way, spoil, code):
    way.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    deliver(way.ledger, way.home, way.make())
    with way.province.engine.begin() as connection:
        connection.execute(sa.text(spoil))
    assert [a.code for a in way.province.process()] == [code]
    way.collect()
    assert way.ledger.deliveries()[0].status == "refused"
    assert way.theirs() == []


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ('DELETE FROM "taken_306012_000001"', "E06"),
        ("UPDATE platform_resource SET seen = 7", "E02"),
        ("UPDATE platform_resource SET taken = 7", "E07"),
    ],
)  # fmt: skip
def test_the_province_refuses_changes_that_do_not_fit_its_copy(small, spoil, code):
    small.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    small.send()
    with small.province.engine.begin() as connection:
        connection.execute(sa.text(spoil))
    small.share(**{ALLOWANCE: [row(n) for n in range(1, 9)]})
    assert small.send().code == code


def test_reconciliation_says_equal_different_or_not_checked(way):
    way.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: [row(50)]})
    way.send()

    def said():
        return {s.resource: s.verdict for s in reconcile(way.lake, way.city, way.ledger, way.home)}

    assert said() == {CODE: "equal", "306009/000007": "nothing taken"}
    with way.ledger.engine.begin() as connection:
        connection.execute(sa.text("UPDATE receipts SET sha256 = 'other'"))
    assert said()[CODE] == "different"
    way.province.fault("lose receipt")
    way.share(**{ALLOWANCE: [row(n) for n in range(8)]})
    way.send()
    assert said()[CODE] == "not checked"


def test_a_damaged_package_does_not_leave_and_is_made_again(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    delivery = small.make()
    folder = small.home / "packages" / "306012_000001" / "000001"
    (folder / "rows.parquet").write_bytes((folder / "rows.parquet").read_bytes()[:-7])
    with pytest.raises(PackageDamaged):
        deliver(small.ledger, small.home, delivery)
    import shutil

    shutil.rmtree(folder)
    assert small.send().status == "taken"
    small.equal()


def test_another_hub_with_the_same_numbers_is_noticed(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    delivery = small.make()
    deliver(small.ledger, small.home, delivery)
    with small.province.engine.begin() as connection:
        connection.execute(sa.text("UPDATE exchange_batch SET sha256 = 'other'"))
    with pytest.raises(DeliveryRefused):
        deliver(small.ledger, small.home, delivery)


def test_a_platform_that_is_away_keeps_the_package(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    delivery = small.make()
    entry = {"main": {"dialect": "postgresql", "host": "127.0.0.1", "port": 1, "database": "x", "secret": "p"}}
    (small.home / "connections.yml").write_text(yaml.safe_dump({"province/platform": entry}))
    with pytest.raises(SourceRefused):
        deliver(small.ledger, small.home, delivery)
    (small.home / "secrets.yml").write_text(yaml.safe_dump({"p": {"user": "u", "password": "hunter2"}}))
    (small.home / "secrets.yml").chmod(0o644)
    with pytest.raises(RegistrationError, match="chmod 600"):
        deliver(small.ledger, small.home, delivery)
    (small.home / "secrets.yml").chmod(0o600)
    with pytest.raises(SourceUnavailable) as caught:
        deliver(small.ledger, small.home, delivery)
    assert "hunter2" not in str(caught.value)
    assert small.ledger.delivery(delivery.id).status == "prepared"


def test_a_platform_that_moves_keeps_its_copy_and_a_new_one_is_made_good_by_a_full_package(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    small.send()
    (small.home / "connections.yml").write_text(yaml.safe_dump({"a/b": {"main": {}}, "province/platform": {"main": {"dialect": "lost"}}}))
    prepare(small.home).close()
    assert set(yaml.safe_load((small.home / "connections.yml").read_text())) == {"a/b", "province/platform"}
    assert (small.home / "connections.yml").stat().st_mode & 0o777 == 0o600
    assert small.equal() == 1
    small.province.close()
    small.city = city(profile={"refusals": {"E02": {"next_zh": "自动全量报送", "full": True}}})
    small.province = prepare(small.home, f"sqlite:///{small.home}/other.sqlite")
    small.share(**{ALLOWANCE: [row(1), row(2)]})
    assert small.send().code == "E02"
    assert small.send().status == "taken"
    assert small.equal() == 2


STEPS = ["package._write", "package.Ledger.prepare", "package._remember", "deliver._announce", "deliver.Ledger.sent", "receipts._keep"]


@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_is_caught_up_by_the_next_run(small, monkeypatch, step):
    from docking import deliver as delivering
    from docking import receipts

    small.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    small.send()
    small.share(**{ALLOWANCE: [row(n, members=77) for n in range(3, 12)]})
    module, name = step.split(".", 1)
    where = {"package": package, "deliver": delivering, "receipts": receipts}[module]
    for part in name.split(".")[:-1]:
        where = getattr(where, part)

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(where, name.split(".")[-1], die)
        small.send()
    if step == "receipts._keep":
        small.collect()
    else:
        assert ALLOWANCE in small.pending()
        small.send()
    assert [(d.sequence, d.status) for d in small.ledger.deliveries(resource=CODE)] == [(2, "taken"), (1, "taken")]
    assert small.equal() == 9
    assert small.make() is None


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.docking.test_docking import Path_
from tests.docking.shared_city import city
from demo.province import prepare
from ledger.opening import open_ledger
from warehouse.lake import Lake
home, (file, function, event) = Path(sys.argv[1]), sys.argv[2].split()
way = Path_(home, Lake(home), city(), open_ledger(home), prepare(home))
def die(frame, what, _):
    if what == event and frame.f_code.co_name == function and frame.f_code.co_filename.endswith("/" + file):
        os.kill(os.getpid(), signal.SIGKILL)
sys.setprofile(die)
way.send()
"""
MOMENTS = (
    "docking/packing.py contents return", "docking/packing.py _rows return", "docking/packing.py _manifest call",
    "docking/packing.py write return", "ledger/book.py prepare return", "docking/package.py _remember return",
    "docking/deliver.py _clear return", "docking/deliver.py _insert return", "docking/deliver.py _announce return",
    "ledger/book.py sent call", "ledger/book.py sent return", "docking/receipts.py _answers return",
    "ledger/book.py _close call", "ledger/book.py answered return",
)  # fmt: skip


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(small):
    small.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    for round_, moment in enumerate(MOMENTS):
        small.share(**{ALLOWANCE: [row(n, members=round_) for n in range(round_, round_ + 9)]})
        found = subprocess.run(
            [sys.executable, "-c", KILLED, str(small.home), moment], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )
        assert found.returncode == -signal.SIGKILL, (moment, found.stderr)
        small.province.process(), small.collect()
        small.send()
        assert small.equal() == 9, moment
    numbers = [d.sequence for d in small.ledger.deliveries(resource=CODE)]
    assert numbers == list(range(len(numbers), 0, -1))
    assert {d.status for d in small.ledger.deliveries(resource=CODE)} == {"taken"}
    assert small.ledger.last_delivery(CODE).sequence == len(MOMENTS)


def test_old_package_files_are_removed_and_the_ledger_keeps_what_they_were(small):
    for n in range(1, 7):
        small.share(**{ALLOWANCE: [row(i) for i in range(n)], PENSION: []})
        small.send()
    kept = sorted(p.name for p in (small.home / "packages" / "306012_000001").iterdir() if p.is_dir())
    assert kept == ["000003", "000004", "000005", "000006"]
    assert len(small.ledger.deliveries(resource=CODE)) == 6


def test_a_package_is_noted_in_the_lake_with_its_run(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    small.make()
    seen = made.newest(small.lake, "package")[ALLOWANCE]
    assert (seen.run, seen.rows) == ("run", 1)
    assert "run" in small.lake.committed()


def test_both_sides_hash_by_themselves_and_agree(small):
    small.share(
        **{
            ALLOWANCE: [
                row(n, remark=text) for n, text in enumerate(["", " ", "\\", "\\N", "a\x1fb", "𠮷", "a\nb", "a,b", '"', None, "é"])
            ],
            PENSION: [],
        }
    )
    assert small.send().status == "taken"
    small.equal()
    resource = leaving(small.city)[ALLOWANCE]
    with small.lake.reading() as con:
        ours = packing.copy_of(con, resource, keys.key(small.home, "platform"), packing.newest_version(con))
    receipt = small.ledger.receipts(small.ledger.deliveries()[0].id)[0]
    assert ours == (receipt.total, receipt.sha256)
    assert columns(["a"]) == '"a"'
