"""Columns that are gone, come, retyped or renamed are told, by their names and with a guess; nothing of it is decided."""

from __future__ import annotations

import pyarrow as pa
import pytest

from schemas.pull import Batch, Pull
from tests.warehouse.far_side import land, system
from warehouse.lake import Lake

RAW = {"raw": "先归集", "record": None, "fields": {}, "sample": [], "codes": {}, "resource": None}


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    yield lake
    lake.close()


def came(rows, *, told=True):
    table = pa.Table.from_pylist(rows)
    return Pull(table.schema, iter([Batch(b) for b in table.to_batches()]), whole=frozenset({""}), told=told)


def drift(lake, before, after, *, told=True, ignore=()):
    of = system(read={"key": ["NO"], "files": "*.csv", "whole": "all"}, ignore=list(ignore))
    assert land(lake, of, came(before)).drift == ()
    return [str(r.said.en) for r in land(lake, of, came(after, told=told)).drift]


def rows(**columns):
    return [{"NO": str(n), **{c: f"{v}{n}" for c, v in columns.items()}} for n in range(1, 30)]


def test_the_same_columns_are_not_worth_a_word(lake):
    assert drift(lake, rows(XM="甲", SJ="1"), rows(SJ="2", XM="乙")) == []


def test_a_column_renamed_in_case_only_is_the_same_column(lake):
    assert drift(lake, rows(xm="甲"), rows(XM="甲")) == []


def test_what_is_gone_and_what_has_come_is_named(lake):
    said = drift(lake, rows(XM="甲", DH="139"), rows(XM="甲", BZ="备注"))
    assert said == ["columns that are gone: DH", "columns that came: BZ"]


def test_a_renaming_is_guessed_by_the_values(lake):
    said = drift(lake, rows(XM="甲", DH="139"), rows(XM="甲", BZ="备注", LXFS="139"))
    assert said == ["columns that are gone: DH; perhaps renamed: DH → LXFS", "columns that came: BZ"]


def test_a_renaming_is_guessed_by_the_name_where_the_values_have_changed_too(lake):
    assert drift(lake, rows(lxdh="139"), rows(lxdh1="189")) == ["columns that are gone: lxdh; perhaps renamed: lxdh → lxdh1"]


def test_another_type_is_told_with_both(lake):
    before = [{"NO": "1", "SR": 5}]
    assert drift(lake, before, [{"NO": "1", "SR": "五"}]) == ["columns of another type, kept as text from now on: SR BIGINT → VARCHAR"]


def test_where_only_rows_show_the_columns_nothing_is_gone(lake):
    of = system(read={"key": ["NO"], "table": "T"})
    land(lake, of, came(rows(XM="甲", DH="139")))
    from tests.warehouse import far_side

    changes = far_side.land(lake, of, came(rows(XM="甲"), told=False), complete=False)
    assert changes.drift == ()


def test_what_a_person_has_seen_is_not_said_again(lake):
    assert drift(lake, rows(XM="甲", DH="139"), rows(XM="甲"), ignore=["DH"]) == []
