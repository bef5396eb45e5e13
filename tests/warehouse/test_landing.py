"""Landing mirrors the far side, one row a key, and takes nothing for deletion that is not."""

from __future__ import annotations

import pytest

from schemas.errors import Moved, SourceChanged
from tests.warehouse.far_side import accept, city, land, pull_of, row, rows_of, system
from warehouse import landing, made, staging
from warehouse.lake import Lake

TABLE = "landing.civil_affairs_assistance__person"
QUARANTINE = "quarantine.civil_affairs_assistance__person"


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    yield lake
    lake.close()


def keys(lake: Lake) -> list[str]:
    return [r[0] for r in rows_of(lake, TABLE, "_key")]


def test_a_first_load_registers_its_file_and_remembers_its_cursor(lake):
    changes = land(lake, system(), pull_of([row(1), row(2)], cursor={"value": "7"}))
    assert changes.first is not None
    assert keys(lake) == ["1", "2"]
    assert landing.landed(lake, "civil_affairs_assistance__person").cursor == {"value": "7"}


def test_a_read_with_equal_values_writes_nothing(lake):
    land(lake, system(), pull_of([row(1), row(2)]))
    before = lake.snapshot()
    assert land(lake, system(), pull_of([row(2), row(1)])).empty
    assert lake.snapshot() == before


def test_a_full_read_inserts_updates_and_deletes(lake):
    land(lake, system(), pull_of([row(1), row(2), row(3)]))
    changes = land(lake, system(), pull_of([row(1), row(2, XM="李二"), row(4)]))
    assert (changes.inserted, changes.updated, changes.deleted) == (1, 1, 1)
    assert rows_of(lake, TABLE, "_key, XM") == [("1", "张1"), ("2", "李二"), ("4", "张4")]


def test_absence_is_deletion_only_in_slices_delivered_whole(lake):
    of = system(read={"key": ["NO"], "whole": "per file", "files": "*.csv"})
    land(lake, of, pull_of([row(1, _slice="a"), row(2, _slice="b")], whole=["a", "b"]))
    land(lake, of, pull_of([row(3, _slice="a")], whole=["a"]))
    assert keys(lake) == ["2", "3"]
    land(lake, of, pull_of([row(4, _slice="b")], whole=[]))
    assert keys(lake) == ["2", "3", "4"]


def test_an_incremental_read_deletes_nothing(lake):
    land(lake, system(), pull_of([row(1), row(2)]))
    land(lake, system(), pull_of([row(2, XM="李二")], whole=[]))
    assert keys(lake) == ["1", "2"]


def test_identical_copies_are_collapsed_and_counted(lake):
    changes = land(lake, system(), pull_of([row(1), row(1), row(1), row(2)]))
    assert (changes.received, changes.copies, changes.inserted) == (4, 2, 2)
    assert rows_of(lake, TABLE, "_key, _copies") == [("1", 3), ("2", 1)]


def test_differing_copies_are_all_held_and_the_previous_version_stays(lake):
    land(lake, system(), pull_of([row(1), row(2)]))
    changes = land(lake, system(), pull_of([row(1, XM="甲"), row(1, XM="乙"), row(2)]))
    assert changes.held == 2
    assert rows_of(lake, TABLE, "_key, XM") == [("1", "张1"), ("2", "张2")]
    assert rows_of(lake, QUARANTINE, "_key, reason, stands") == [("1", "differing_copies", True)] * 2


def newest(lake: Lake, *rows: dict[str, object]) -> list[tuple[object, ...]]:
    of = system(read={"key": ["NO"], "files": "*.csv", "whole": "all", "duplicates": "newest", "newest_by": "T"})
    land(lake, of, pull_of(list(rows)))
    return rows_of(lake, TABLE, "_key, XM")


def test_of_differing_copies_the_newest_by_a_column_counts(lake):
    """A code padded to another width is the same key."""
    found = newest(lake, row(1, XM="旧", T="2024.05.06"), row(1, NO="1  ", XM="新", T="2026.03.02"), row(2, T="2026.01.01"))
    assert found == [("1", "新"), ("2", "张2")]


@pytest.mark.parametrize("times", [("2024.5.6", "2024.10.06"), ("06/05/2024", "02/03/2026"), ("2026.03.02", "2026.03.02"), (None, None)])
def test_where_the_newest_cannot_be_told_all_are_held(lake, times):
    assert newest(lake, row(1, XM="甲", T=times[0]), row(1, XM="乙", T=times[1]), row(2, T="2026.01.01")) == [("2", "张2")]
    assert [r[0] for r in rows_of(lake, QUARANTINE, "reason")] == ["differing_copies"] * 2


def test_a_held_row_that_is_mended_leaves_quarantine(lake):
    land(lake, system(), pull_of([row(1), row(1, XM="乙"), row(2)]))
    assert keys(lake) == ["2"]
    land(lake, system(), pull_of([row(1), row(2)]))
    assert keys(lake) == ["1", "2"]
    assert rows_of(lake, QUARANTINE) == []


def test_rows_without_a_key_are_held_and_delete_nothing(lake):
    land(lake, system(), pull_of([row(1), row(2)]))
    changes = land(lake, system(), pull_of([row(1), row(9, NO=None)]))
    assert (changes.held, changes.deleted, changes.absent) == (1, 0, 1)
    assert keys(lake) == ["1", "2"]
    assert rows_of(lake, QUARANTINE, "reason") == [("null_key",)]


def test_unreadable_rows_keep_their_bytes_and_delete_nothing(lake):
    land(lake, system(), pull_of([row(1), row(2)]))
    changes = land(lake, system(), pull_of([row(1)], rejects=[("", 2, "undecodable", b"\xff\xfe2,")]))
    assert (changes.rejected, changes.deleted, changes.absent) == (1, 0, 1)
    assert rows_of(lake, QUARANTINE, "reason, raw") == [("undecodable", b"\xff\xfe2,")]
    assert land(lake, system(), pull_of([row(1)], rejects=[("", 2, "undecodable", b"\xff\xfe2,")])).empty


def test_a_great_loss_beside_unreadable_rows_is_not_believed(lake):
    land(lake, system(), pull_of([row(n) for n in range(1, 101)]))
    bad = [("", 5, "undecodable", b"\xff,1")]
    with pytest.raises(SourceChanged, match="60 行不见了") as caught:
        land(lake, system(), pull_of([row(n) for n in range(1, 41)], rejects=bad))
    assert "主管部门" in caught.value.whose_zh
    assert len(keys(lake)) == 100
    assert land(lake, system(), pull_of([row(n) for n in range(1, 91)], rejects=bad)).absent == 10


def test_an_empty_full_read_empties_landing_but_a_broken_one_changes_nothing(lake):
    land(lake, system(), pull_of([row(1), row(2)]))
    broken = pull_of([row(1)])

    def dies():
        yield from pull_of([row(1)]).batches
        raise ConnectionError("far side died")

    broken.batches = dies()
    with pytest.raises(ConnectionError):
        land(lake, system(), broken)
    assert keys(lake) == ["1", "2"]
    assert land(lake, system(), pull_of([])).deleted == 2


def test_marked_rows_are_deletions_and_the_newest_mark_wins(lake):
    marks = {"kind": "OP", "at": "OP_TIME"}
    of = system(read={"table": "T", "key": ["NO"], "changes": marks})
    land(lake, of, pull_of([row(1, OP="I", OP_TIME="1"), row(2, OP="I", OP_TIME="1"), row(2, OP="D", OP_TIME="2")], whole=[]))
    assert keys(lake) == ["1"]
    land(lake, of, pull_of([row(1, OP="D", OP_TIME="3"), row(2, OP="I", OP_TIME="3")], whole=[]))
    assert keys(lake) == ["2"]
    assert land(lake, of, pull_of([row(1, OP="D", OP_TIME="3"), row(2, OP="U", OP_TIME="3")], whole=[])).empty


def test_a_result_prepared_on_old_ground_is_void(lake):
    of = system()
    land(lake, of, pull_of([row(1)]))
    name = of.table("person")
    before = landing.landed(lake, name)
    with lake.stage("slow") as folder:
        incoming = staging.stage(pull_of([row(9)]), ["NO"], folder / "in.parquet", number=2, run="slow")
        slow = landing.prepare(lake, of.datasets["person"], name, incoming, before, landing.definition(of, of.datasets["person"]), folder)
        land(lake, of, pull_of([row(1), row(2)]))
        with pytest.raises(Moved):
            landing.land(lake, "slow", [slow], message="slow")
    assert keys(lake) == ["1", "2"]


def test_a_column_whose_type_changed_becomes_text_and_keeps_its_values(lake):
    import pyarrow as pa

    from schemas.pull import Batch, Pull

    def typed(values, kind):
        schema = pa.schema([("NO", pa.string()), ("SR", kind)])
        return Pull(
            schema,
            iter([Batch(pa.RecordBatch.from_pylist([{"NO": str(n), "SR": v} for n, v in enumerate(values)], schema=schema))]),
            None,
            frozenset({""}),
        )

    land(lake, system(), typed([1, 2], pa.int64()))
    changes = land(lake, system(), typed(["1", "二"], pa.string()))
    assert changes.updated == 1
    assert rows_of(lake, TABLE, "_key, SR") == [("0", "1"), ("1", "二")]


def test_a_new_column_and_a_column_no_longer_read_are_both_ordinary(lake):
    land(lake, system(), pull_of([{"NO": "1", "A": "x"}]))
    land(lake, system(), pull_of([{"NO": "1", "B": "y"}, {"NO": "2", "B": None}]))
    assert rows_of(lake, TABLE, "_key, B") == [("1", "y"), ("2", None)]


def test_a_changed_key_replaces_the_rows(lake):
    land(lake, system(), pull_of([row(1), row(2)]))
    land(lake, system(read={"table": "T", "key": ["SFZH"]}), pull_of([row(1), row(2)]))
    assert keys(lake) == sorted([row(1)["SFZH"], row(2)["SFZH"]])


def test_a_dataset_without_a_key_is_known_by_its_rows(lake):
    of = system(read={"table": "T"})
    changes = land(lake, of, pull_of([row(1), row(1), row(2)]))
    assert (changes.inserted, changes.copies) == (2, 1)
    changes = land(lake, of, pull_of([row(2), row(3)]))
    assert (changes.inserted, changes.deleted) == (1, 1)


def test_nothing_landed_is_an_empty_table(lake):
    land(lake, system(), pull_of([]))
    assert keys(lake) == []
    land(lake, system(), pull_of([row(1)]))
    assert keys(lake) == ["1"]


def test_good_rows_turned_bad_stay_as_they_were_accepted(lake):
    of, where = system(), None
    where = city(of)
    land(lake, of, pull_of([row(n) for n in range(1, 101)]))
    accept(lake, where, of)
    standard = "standard.civil_affairs_assistance__person"
    before = rows_of(lake, standard, "* EXCLUDE _number")
    land(lake, of, pull_of([row(n, **({"SFZH": "不是号码"} if n <= 5 else {})) for n in range(1, 101)]))
    candidate = accept(lake, where, of)
    assert (candidate.held, candidate.deleted) == (5, 0)
    assert rows_of(lake, standard, "* EXCLUDE _number") == before
    assert rows_of(lake, QUARANTINE, "reason, holds, stands") == [("bad_id_number", True, True)] * 5
    land(lake, of, pull_of([row(n) for n in range(1, 101)]))
    accept(lake, where, of)
    assert rows_of(lake, QUARANTINE) == []


def test_a_row_the_source_deleted_leaves_standard(lake):
    of = system()
    land(lake, of, pull_of([row(1), row(2)]))
    accept(lake, city(of), of)
    land(lake, of, pull_of([row(2)]))
    assert accept(lake, city(of), of).deleted == 1
    assert rows_of(lake, "standard.civil_affairs_assistance__person", "_key") == [("2",)]


def test_a_value_that_decides_nothing_is_left_empty_with_a_finding(lake):
    of = system()
    land(lake, of, pull_of([row(1, XB="7", CSRQ="0000-00-00"), row(2)]))
    candidate = accept(lake, city(of), of)
    assert (candidate.held, candidate.findings) == (0, 2)
    assert rows_of(lake, "standard.civil_affairs_assistance__person", "_key, sex, born IS NULL") == [("1", None, True), ("2", "1", False)]
    assert rows_of(lake, QUARANTINE, 'field, reason, "value", holds') == [
        ("born", "not_date", "0000-00-00", False),
        ("sex", "unmapped_code", "7", False),
    ]


def test_only_what_changed_is_converted_again(lake):
    of = system()
    land(lake, of, pull_of([row(n) for n in range(1, 51)]))
    assert accept(lake, city(of), of).examined == 50
    land(lake, of, pull_of([row(n, **({"XM": "新"} if n == 7 else {})) for n in range(1, 51)]))
    assert accept(lake, city(of), of).examined == 1


def test_a_changed_mapping_is_rebuilt_from_landing_alone(lake):
    of = system()
    land(lake, of, pull_of([row(1, XB="2")]))
    accept(lake, city(of), of)
    other = of.model_copy(
        update={"datasets": {"person": of.datasets["person"].model_copy(update={"codes": {"sex": {"1": "1", "2": "9"}}})}}
    )
    states, done = made.landing_states(lake), made.newest(lake, "standard")
    from warehouse import normalise

    assert normalise.due(city(other), other, "person", states[of.table("person")], done, {})
    accept(lake, city(other), other)
    assert rows_of(lake, "standard.civil_affairs_assistance__person", "sex") == [("9",)]
