"""What `hub discover` proposes is a proposal: it stands in a comment, with the question that has to be asked first."""

from __future__ import annotations

import yaml

from connectors.contract import Column, Found
from connectors.database.reading import _cursors
from hub.draft import _entry
from schemas.said import Said
from tests import services
from tests.connectors.test_database_reading import opened, system


def test_a_column_that_looks_like_a_time_of_change_is_proposed():
    with services.postgres() as far:
        far.run("CREATE TABLE t (id int PRIMARY KEY, born timestamp, updated_at timestamp)", "CREATE TABLE nokey (updated_at timestamp)")
        found = {f.name.rpartition(".")[2]: f for f in opened(far, system({"key": ["id"]})).discover()}
    assert [h.en.split(",")[0] for h in found["t"].hints] == ["perhaps cursor: updated_at"]
    assert found["nokey"].hints == ()


def test_nothing_is_proposed_of_other_columns():
    assert list(_cursors([])) == []


def test_a_hostile_name_does_not_leave_its_comment():
    hint = Said("可能的增量列 cursor: x\n    read: {table: other}", "perhaps cursor: x\n    read: {table: other}")
    found = Found("t", (Column("a", "text"),), ("a",), hints=(hint,))
    made = yaml.safe_load("datasets:\n" + _entry("t", found, "table", "main"))
    assert made["datasets"]["t"]["read"] == {"table": "t", "key": ["a"]}
