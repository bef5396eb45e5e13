"""The catalogue: complete or named as incomplete, the same bytes every time, silent about what is not shared."""

import io
import json

import pytest
from openpyxl import load_workbook

from docking.catalogue import entries, problems, write
from docking.profile import profile, refusal
from schemas.city import read_city
from schemas.errors import RegistrationError
from tests.docking.shared_city import CODE, FIELDS, city, record, system


def test_an_entry_has_the_elements_of_the_guide_and_one_item_a_shared_column():
    entry = entries(city())[CODE]
    assert entry["信息资源代码"] == CODE
    assert (entry["信息资源提供方"], entry["信息资源提供方代码"]) == ("民政局", "11999999MB0000001X")
    assert (entry["共享类型"], entry["共享条件"], entry["更新周期"]) == ("有条件共享", "限依法履职需要", "每日")
    assert [i["字段"] for i in entry["信息项信息"]] == [c for c, f in FIELDS.items() if f.get("share")]
    assert {i["字段"]: i["数据类型"] for i in entry["信息项信息"]}["born"] == "日期型D"


def test_the_platforms_own_words_come_from_the_profile():
    own = {
        "catalogue": {
            "share_type": {"conditional": "2"},
            "cycle": {"daily": "2"},
            "classes": {"306012": "部门/民政"},
            "item_type": {"date": "D"},
        }
    }
    entry = entries(city(), words=profile(city(profile=own), "province").catalogue)[CODE]
    assert (entry["共享类型"], entry["更新周期"], entry["信息资源分类"]) == ("2", "2", "部门/民政")
    assert {i["字段"]: i["数据类型"] for i in entry["信息项信息"]}["born"] == "D"


def test_an_unknown_word_in_the_profile_is_refused():
    with pytest.raises(RegistrationError, match="shared_type"):
        profile(city(profile={"catalogue": {"shared_type": {}}}), "province")


def test_an_unknown_refusal_code_goes_to_the_platforms_operator():
    assert refusal(city(), "province", "E123").next_zh.startswith("联系平台")


def test_the_same_registrations_give_the_same_bytes(tmp_path):
    write(city(), tmp_path / "a"), write(city(), tmp_path / "b")
    for name in ("catalogue.json", "catalogue.xlsx", "catalogue.problems.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_incomplete_entry_is_named_and_stays_out_of_the_import_form(tmp_path):
    written = write(city(), tmp_path)
    assert written.problems == {"306009/000007": ["缺少信息资源提供方代码"]}
    book = load_workbook(io.BytesIO((tmp_path / "catalogue.xlsx").read_bytes()))
    heads, *rows = book["信息资源"].values
    assert [r[heads.index("信息资源代码")] for r in rows] == [CODE]
    assert {r[0] for r in list(book["信息项"].values)[1:]} == {CODE}
    assert len(json.loads((tmp_path / "catalogue.json").read_text("utf-8"))) == 2


def test_two_entries_of_one_name_are_both_named():
    twins = [system("civil_affairs/assistance", CODE), system("civil_affairs/elderly", "306012/000002")]
    made = entries(city(systems=twins))
    assert problems(made) == {code: ["信息资源名称“civil_affairs人员”重复"] for code in made}


def test_an_unshared_column_is_named_nowhere(tmp_path):
    write(city(), tmp_path)
    whole = "".join(str(list(s.values)) for s in load_workbook(io.BytesIO((tmp_path / "catalogue.xlsx").read_bytes())))
    whole += "".join(p.read_text("utf-8") for p in tmp_path.glob("*.json"))
    for name, field in FIELDS.items():
        if not field.get("share"):
            assert name not in whole
            assert field["title"] not in whole


def test_a_field_named_like_a_column_of_the_front_end_is_refused():
    with pytest.raises(RegistrationError, match="op_type"):
        entries(city(record(op_type={"title": "操作", "share": "plain"})))


def test_a_title_that_looks_like_a_formula_stays_text(tmp_path):
    write(city(record(remark={"title": "=1+1", "share": "plain"})), tmp_path)
    cells = [c for row in load_workbook(tmp_path / "catalogue.xlsx")["信息项"].iter_rows() for c in row]
    assert next(c for c in cells if c.value == "=1+1").data_type == "s"


def test_a_control_character_in_a_title_does_not_stop_the_catalogue(tmp_path):
    write(city(record(remark={"title": "备\x07注", "share": "plain"})), tmp_path)
    cells = [c.value for row in load_workbook(tmp_path / "catalogue.xlsx")["信息项"].iter_rows() for c in row]
    assert "备\ufffd注" in cells


def test_the_citys_own_catalogue_can_be_written(tmp_path):
    real = read_city()
    written = write(real, tmp_path, words=profile(real, "province").catalogue)
    assert written.entries
    for code, entry in written.entries.items():
        found = next(d for s in real for d in s.datasets.values() if d.resource and d.resource.code == code)
        shared = {n for n, f in real.records[found.record].fields.items() if f.share != "no"}
        assert {i["字段"] for i in entry["信息项信息"]} == shared
        assert found.resource.share != "none"
        assert found.agreement is None
    assert written.problems == {}
