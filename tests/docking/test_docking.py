"""From the shared dataset to the province and back: its copy equals ours, row by row."""

import json

import pytest
import sqlalchemy as sa

from docking.resources import leaving
from schemas.errors import RegistrationError
from tests.docking.shared_city import ALLOWANCE, CODE, FIELDS, PENSION, city, record, row, system
from warehouse.shared import contributors


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
    assert refused.next_zh.startswith("联系平台")
    assert ALLOWANCE not in way.pending()  # sending the same again would be refused again
    assert ALLOWANCE in way.pending(again=True)
    assert len(way.theirs()) == 10
    way.share(**{ALLOWANCE: [row(n) for n in range(1, 12)]})
    mended = way.send()
    assert (mended.status, mended.sequence, mended.previous, mended.inserted, mended.deleted) == ("taken", 3, 1, 2, 1)
    assert way.equal() == 11
    manifest = json.loads((way.home / "packages" / "province" / "306012_000001" / "000003" / "manifest.json").read_text("utf-8"))
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
    assert small.ledger.delivery(old.id).code == "RECALLED"
    assert (new.sequence, new.status) == (2, "taken")
    assert [r["name"] for r in small.theirs()] == ["***"]


def test_an_expired_base_means_a_full_package(small):
    small.share(**{ALLOWANCE: [row(n) for n in range(5)], PENSION: []})
    small.send()
    small.share(**{ALLOWANCE: [row(n) for n in range(1, 7)]})
    with small.lake.maintaining() as con:
        con.execute(f"CALL ducklake_expire_snapshots('lake', versions => [{small.ledger.last_delivery('province', CODE).snapshot}])")
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
    folder = small.home / "packages" / "province" / "306012_000001" / "000001"
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
    none = system("human_resources/pension", "306009/000007", share="none", basis="某法第一条", condition="")
    needs = system("civil_affairs/elderly", "306012/000002")
    dataset = needs.datasets["person"].model_copy(update={"agreement": "required"})
    needs = needs.model_copy(update={"datasets": {"person": dataset}})
    trial = system("civil_affairs/assistance", CODE).model_copy(update={"stage": "trial"})
    small.city = city(systems=[none, needs, trial])
    assert leaving(small.city) == {}
    assert small.pending() == []
    with pytest.raises(RegistrationError):
        small.make()


def test_a_required_agreement_opens_both_ways_and_its_end_closes_both(small):
    assistance = system("civil_affairs/assistance", CODE)
    bound = assistance.datasets["person"].model_copy(update={"agreement": "required"})
    small.city = city(systems=[assistance.model_copy(update={"datasets": {"person": bound}})])

    def may():
        agreed = small.ledger.agreements()
        return list(leaving(small.city, agreed)), contributors(small.city, "person", agreed)

    assert may() == ([], [])
    small.ledger.agree(ALLOWANCE, note="某办函〔2026〕1号")
    assert may() == ([ALLOWANCE], [ALLOWANCE])
    small.share(**{ALLOWANCE: [row(1)]})
    assert small.pending() == [ALLOWANCE]
    small.ledger.agree(ALLOWANCE, on_file=False)
    assert may() == ([], [])
