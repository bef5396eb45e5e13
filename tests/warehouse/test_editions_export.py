"""Editions: masked through and through, of one snapshot, swapped whole, repaired after a kill."""

import datetime as dt
import hashlib
import hmac

import duckdb
import pytest

from schemas.errors import Moved
from tests.warehouse.small_edition import NUMBERS, PHONES, RESIDENT, add_resident, filled_lake, small_city
from warehouse import edition_changes, editions, made
from warehouse.keys import key


@pytest.fixture
def lake(tmp_path):
    lake = filled_lake(tmp_path)
    yield lake
    lake.close()


@pytest.fixture
def edition(lake, tmp_path):
    confirmed = {"police_population__resident": dt.datetime(2026, 1, 2, 3, 4)}
    return editions.export(lake, small_city(), tmp_path, run="r1", confirmed=confirmed)


def asked(edition, sql):
    con = duckdb.connect(str(edition.path), read_only=True)
    try:
        return con.execute(sql).fetchall()
    finally:
        con.close()


def test_personal_columns_are_masked_and_join_by_pseudonym(edition, tmp_path):
    row = asked(
        edition, "SELECT id_number, name, birth_date, phone, living_address, income, sex FROM shared.resident ORDER BY phone LIMIT 1"
    )[0]
    assert row == ("9***************0X", "张**", dt.date(1950, 1, 1), "199****0000", "河南省项城市水寨镇***", 10.5, "1")
    joined = asked(edition, "SELECT count(*) FROM shared.resident JOIN shared.dispute_party USING (id_number_pseudonym)")
    assert joined == [(50,)]
    expected = {hmac.new(bytes.fromhex(key(tmp_path, "analyst")), n.encode(), hashlib.sha256).hexdigest()[:32] for n in NUMBERS}
    assert {r[0] for r in asked(edition, "SELECT _id FROM shared.resident")} == expected


def test_nothing_raw_is_anywhere_in_the_file(edition):
    content = edition.path.read_bytes()
    for raw in (*NUMBERS[:5], *PHONES[:5], "张三丰", "WHORL-SECRET", "东大街"):
        assert raw.encode() not in content
    names = [r[0] for r in asked(edition, "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'shared'")]
    assert not {"_sources", "_key", "fingerprint"} & set(names)


def test_the_order_of_rows_says_nothing_about_the_numbers(edition):
    kept = [r[0] for r in asked(edition, "SELECT _id FROM shared.resident ORDER BY rowid")]
    assert kept == sorted(kept)


def test_an_edition_explains_itself_in_chinese(edition):
    assert asked(edition, 'SELECT "姓名", "性别" FROM 中文."人口" LIMIT 1') == [("张**", "男")]
    heads = [r[0] for r in asked(edition, 'DESCRIBE 中文."人口"')]
    assert {"公民身份号码", "公民身份号码（假名）", "现住址_living_address", "现住址_home", "来源数据集"} <= set(heads)
    assert asked(edition, "SELECT title, type, masked FROM shared.fields WHERE record = 'resident' AND field = 'phone'") == [
        ("联系电话", "phone", "phone")
    ]
    comment = "SELECT comment FROM duckdb_columns() WHERE schema_name = 'shared' AND table_name = 'resident' AND column_name = 'name'"
    assert asked(edition, comment) == [("姓名",)]
    assert asked(edition, 'SELECT "数值" FROM 中文."城市数字"') == [(473,)]


def test_the_age_of_each_contributor_is_in_local_time(edition):
    [(record, source, title, rows, changed, confirmed)] = asked(edition, "FROM shared.sources")
    assert (record, source, title, rows) == ("resident", "police_population__resident", "公安局·人口系统·常住人口", 210)
    assert confirmed == dt.datetime(2026, 1, 2, 11, 4)
    assert abs(changed - dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(hours=8)) < dt.timedelta(minutes=5)


def test_it_is_due_when_rows_masks_titles_or_the_key_change_and_not_otherwise(lake, edition, tmp_path):
    city = small_city()
    assert not editions.due(lake, city)
    assert editions.export(lake, city, tmp_path) is None
    fields = RESIDENT.fields | {"name": RESIDENT.fields["name"].model_copy(update={"mask": "text"})}
    assert editions.due(lake, small_city(resident=RESIDENT.model_copy(update={"fields": fields})))
    (tmp_path / "keys" / "analyst").write_text("ab" * 32)
    assert editions.due(lake, city)
    second = editions.export(lake, city, tmp_path)
    assert second.generation == 2 and not editions.due(lake, city)
    add_resident(lake, "99999919990101001X")
    assert editions.due(lake, city)
    assert editions.export(lake, city, tmp_path).rows["resident"] == 201


def test_an_empty_lake_has_no_edition(tmp_path):
    from warehouse.lake import Lake

    lake = Lake(tmp_path)
    assert not editions.due(lake, small_city())
    assert editions.export(lake, small_city(), tmp_path) is None
    lake.close()


def test_a_reader_keeps_its_generation_and_two_stay_on_disk(lake, edition, tmp_path):
    reader = duckdb.connect(str(edition.path), read_only=True)
    for n in range(3):
        add_resident(lake, f"9999991999010100{n}X")
        (tmp_path / "editions" / "analyst.9.building").write_bytes(b"left by a kill")
        editions.export(lake, small_city(), tmp_path)
    assert reader.execute("SELECT count(*) FROM shared.resident").fetchone() == (200,)
    reader.close()
    files = sorted(p.name for p in (tmp_path / "editions").iterdir() if not p.name.startswith("."))
    assert files == ["analyst.3.duckdb", "analyst.4.duckdb", "analyst.current"]
    assert editions.current(tmp_path).path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("moment", ["apply", "describe", "_swap", "append"])
def test_a_kill_leaves_the_old_edition_or_the_new_one_and_the_next_export_repairs_it(lake, edition, tmp_path, monkeypatch, moment):
    add_resident(lake, "99999919990101001X")
    with monkeypatch.context() as patch:
        where = {"append": made, "apply": edition_changes}.get(moment, editions)

        def killed(*a, **k):
            raise KeyboardInterrupt

        patch.setattr(where, moment, killed)
        with pytest.raises(KeyboardInterrupt):
            editions.export(lake, small_city(), tmp_path)
    there = editions.current(tmp_path)
    assert asked(there, "SELECT count(*) FROM shared.resident") == [(201 if moment == "append" else 200,)]
    assert editions.due(lake, small_city())
    again = editions.export(lake, small_city(), tmp_path)
    assert again.generation > there.generation and again.rows["resident"] == 201
    assert not editions.due(lake, small_city())


def test_rows_that_vanish_under_the_read_never_become_an_edition(lake, edition, tmp_path):
    with lake.writing("an entry that promises more than is there") as tx:
        made.append(tx, "shared", "resident", "r", made_from={}, definition="d", rows=999, inserted=1)
    with pytest.raises(Moved, match="999"):
        editions.export(lake, small_city(), tmp_path)
    assert editions.current(tmp_path) is not None and editions.current(tmp_path).generation == 1


def test_a_field_described_since_the_last_publish_is_there_and_empty(edition):
    assert asked(edition, "SELECT DISTINCT home FROM shared.resident") == [(None,)]
