"""Columns of any name and keys of any type go the whole way into landing, and come again as the same columns and rows."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from schemas import names
from schemas.pull import Batch, Pull
from tests.schemas.test_names import NAMES
from tests.warehouse.far_side import land, rows_of, system
from warehouse import landing, row_keys
from warehouse.lake import Lake
from warehouse.sql import quoted

TABLE = "landing.civil_affairs_assistance__person"
RAW = {"record": None, "raw": "原样", "fields": {}, "codes": {}, "sample": []}


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    yield lake
    lake.close()


@pytest.fixture(scope="module")
def long_lake(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("names"))
    yield lake
    lake.close()


def raw(key: str = "NO", path: str = "civil_affairs/assistance", **read: object):
    return system(path, {"key": [key], "table": "T", **read}, **RAW)


def came(columns: dict[str, pa.Array], *, whole: bool = True) -> Pull:
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    return Pull(batch.schema, iter([Batch(batch)]), None, frozenset([""] if whole else ()))


def read_back(lake: Lake, table: str) -> dict[str, dict[str, str]]:
    """{key: {source name: value}}"""
    columns = [c for c in lake.columns("landing", table) if c not in names.OWN]
    found = lake.cursor().execute(f"SELECT _key, {', '.join(map(quoted, columns))} FROM landing.{quoted(table)}").fetchall()
    return {r[0]: dict(zip(map(names.source, columns), r[1:], strict=True)) for r in found}


count = iter(range(10**6))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES.filter(bool))
def test_any_names_go_into_landing_and_are_updated_and_deleted_there(long_lake, wanted):
    of = raw(key=wanted[0], path=f"civil_affairs/s{next(count)}")
    first = {n: pa.array([f"{r}{i}" for r in "abc"]) for i, n in enumerate(wanted)}
    land(long_lake, of, came(first))
    table = of.table("person")
    assert read_back(long_lake, table) == {f"{r}0": {n: f"{r}{i}" for i, n in enumerate(wanted)} for r in "abc"}
    second = {n: pa.array([f"a{i}", f"b{i}" if i == 0 else "neu"]) for i, n in enumerate(wanted)}
    changes = land(long_lake, of, came(second))
    assert (changes.inserted, changes.deleted) == (0, 1)
    assert read_back(long_lake, table)["b0"] == {n: "b0" if i == 0 else "neu" for i, n in enumerate(wanted)}


def test_a_held_row_keeps_its_values_under_the_names_the_far_side_gave_them(lake):
    columns = {"id": ["1", "1"], "Name": ["甲", "乙"], "name": ["x", "x"], "_key": ["k", "k"], 'q"/~': ["v", "v"], "": ["", ""]}
    land(lake, raw("id"), came({n: pa.array(v) for n, v in columns.items()}))
    [(kept,), _] = rows_of(lake, "quarantine.civil_affairs_assistance__person", '"row"')
    assert json.loads(kept) == {"id": "1", "Name": "乙", "name": "x", "_key": "k", 'q"/~': "v", "": ""}


def test_a_column_renamed_in_case_only_goes_on_in_its_column(lake):
    land(lake, raw("id"), came({"id": pa.array([1, 2]), "name": pa.array(["甲", "乙"])}))
    changes = land(lake, raw("id"), came({"ID": pa.array([1, 2, 3]), "NAME": pa.array(["甲", "乙", "丙"])}))
    assert (changes.inserted, changes.updated, changes.deleted) == (1, 0, 0)
    assert rows_of(lake, TABLE, "id, name") == [(1, "甲"), (2, "乙"), (3, "丙")]


DAY = dt.datetime(2026, 3, 2)
FORMS = {
    "numbers": [pa.array([1, 20], pa.int32()), pa.array([1, 20], pa.int64()), pa.array([Decimal("1.00"), Decimal("20.00")]),
                pa.array([1.0, 20.0]), pa.array(["1.00", "20.0"])],
    "moments": [pa.array([DAY.date(), DAY.date() + dt.timedelta(1)]), pa.array([DAY, DAY + dt.timedelta(1)], pa.timestamp("s")),
                pa.array([DAY, DAY + dt.timedelta(1)], pa.timestamp("us"))],
    "texts": [pa.array(["007", "甲"]), pa.array(["007   ", "甲  "])],
    "bits": [pa.array([True, False]), pa.array([1, 0], pa.int8())],
}  # fmt: skip


@pytest.mark.parametrize("forms", FORMS.values(), ids=FORMS)
def test_a_key_whose_column_is_retyped_stays_the_key_of_its_row(lake, forms):
    for form in forms:
        changes = land(lake, raw("id"), came({"id": form, "name": pa.array(["甲", "乙"])}))
    keys = [k for (k,) in rows_of(lake, TABLE, "_key")]
    assert sorted(keys) == sorted(row_keys.key([forms[0]]).to_pylist())
    assert changes.deleted == 0


def test_rows_keyed_under_an_older_rule_are_keyed_again_in_place(lake):
    of = raw("id")
    land(lake, of, came({"id": pa.array([Decimal("1.00"), Decimal("2.50")]), "name": pa.array(["甲", "乙"])}))
    with lake.writing("as the first rule wrote them") as tx:
        tx.execute(f"UPDATE {TABLE} SET _key = CAST(id AS VARCHAR)")
        tx.execute("UPDATE hub.cursors SET definition = replace(definition, '.' || '2:', ':')")
    assert landing.landed(lake, of.table("person")).rule == "1"
    changes = land(lake, of, came({"id": pa.array([Decimal("1.00"), Decimal("3.00")]), "name": pa.array(["甲", "丙"])}, whole=False))
    assert changes.inserted == 1
    assert rows_of(lake, TABLE, "_key, name") == [("1", "甲"), ("2.5", "乙"), ("3", "丙")]
    assert landing.landed(lake, of.table("person")).rule == row_keys.RULE


@pytest.mark.parametrize(
    ("gone", "said"),
    [(pa.array([True, False]), "1"), (pa.array([True, False]), "true"), (pa.array([1, 0]), "1"), (pa.array([Decimal("1.00"), Decimal("0.00")]), "1"),
     (pa.array(["1  ", "0  "]), "1")],
)  # fmt: skip
def test_a_mark_of_deletion_is_compared_as_a_value_of_its_column(lake, gone, said):
    of = raw("id", deleted={"GONE": [said]})
    land(lake, of, came({"id": pa.array([1, 2]), "GONE": gone}))
    assert rows_of(lake, TABLE, "_key") == [("2",)]


def test_what_is_no_number_becomes_empty_and_is_counted(lake, tmp_path):
    from warehouse import staging

    pull = came({"id": pa.array([1, 2, 3, 4]), "x": pa.array([float("nan"), float("inf"), float("-inf"), 1.5])})
    incoming = staging.stage(pull, ["id"], tmp_path / "in.parquet", number=1, run="r")
    [remark] = incoming.remarks
    assert remark.said.en.startswith("x: 3 values are no numbers")
    assert rows_of(lake, f"read_parquet('{incoming.path}')", "x") == [(1.5,), (None,), (None,), (None,)]
