"""Incremental reads, front-end tables and what the far side may do to them."""

from __future__ import annotations

from contextlib import closing

import pytest

from connectors.database.window import earlier
from schemas.errors import RegistrationError, SourceChanged, SourceRefused, SourceUnavailable
from tests import services
from tests.connectors.database_sides import File, opened, read, system

BY_TIME = {"key": ["id"], "cursor": "at"}
FRONT_END = {"key": ["id"], "changes": {"kind": "op", "at": "at", "batch": "batch", "receipt": "status"}}


@pytest.fixture(scope="module")
def postgres():
    with services.postgres() as service:
        yield service


@pytest.fixture(scope="module")
def mariadb():
    with services.mariadb() as service:
        yield service


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def far(request, tmp_path):
    if request.param == "sqlite":
        return File(tmp_path / "t.sqlite")
    return request.getfixturevalue(request.param)


def fill(far, *rows, kinds="id int, at timestamp NULL"):
    values = ", ".join("(" + ", ".join("NULL" if v is None else "'" + str(v).replace("'", "''") + "'" for v in row) + ")" for row in rows)
    far.run("DROP TABLE IF EXISTS t", f"CREATE TABLE t ({kinds})", f"INSERT INTO t VALUES {values}")


def ids(table):
    return sorted(int(v) for v in table.column("id").to_pylist())


@pytest.mark.parametrize("path", ["fast", "plain"])
def test_ties_late_rows_and_rows_without_a_time_are_read_again(far, path):
    fill(far, (1, "2024-01-01 00:00:00"), (2, "2024-01-01 00:00:10"), (3, None))
    of = system({**BY_TIME, "overlap": "5 seconds"})
    first, pull = read(far, of, path=path)
    assert ids(first) == [1, 2, 3]
    far.run("INSERT INTO t VALUES (4, '2024-01-01 00:00:10'), (5, '2024-01-01 00:00:05'), (6, '2024-01-01 00:00:04')")
    second, _ = read(far, of, pull.cursor, path=path)
    assert ids(second) == [2, 3, 4, 5]  # 6 came later than the overlap allows


def test_rows_without_a_time_can_be_left_out(far):
    fill(far, (1, "2024-01-01 00:00:00"), (2, None))
    assert ids(read(far, system({**BY_TIME, "null_cursor": "skip"}))[0]) == [1]


def test_a_clock_that_jumps_back_does_not_move_the_cursor_back(far):
    fill(far, (1, "2024-01-01 00:00:00"), (2, "2024-06-01 00:00:00"))
    of = system({**BY_TIME, "overlap": "30 days"})
    _, pull = read(far, of)
    far.run("DELETE FROM t WHERE id = 2", "INSERT INTO t VALUES (3, '2024-05-20 00:00:00')")
    rows, second = read(far, of, pull.cursor)
    assert ids(rows) == [3]
    assert second.cursor["value"] == pull.cursor["value"]


def test_an_empty_window_keeps_the_cursor(far):
    fill(far, (1, "2024-06-01 00:00:00"))
    of = system(BY_TIME)
    _, pull = read(far, of)
    far.run("DELETE FROM t")
    rows, second = read(far, of, pull.cursor)
    assert rows.num_rows == 0
    assert second.cursor["value"] == pull.cursor["value"]
    assert not second.whole


def test_an_empty_table_is_whole_and_has_no_cursor(far):
    fill(far, (1, "2024-06-01 00:00:00"))
    far.run("DELETE FROM t")
    rows, pull = read(far, system(BY_TIME))
    assert (rows.num_rows, pull.cursor, pull.whole) == (0, None, {""})


def test_with_a_lag_the_newest_rows_are_read_but_the_cursor_waits(far):
    far.run("DROP TABLE IF EXISTS t", "CREATE TABLE t (id int, at varchar(30))", "INSERT INTO t VALUES (1, '2024-01-01 00:00:00')")
    far.run("INSERT INTO t VALUES (2, '2999-01-01 00:00:00')")  # a clock that is ahead
    of = system({**BY_TIME, "lag": "5 minutes"})
    rows, pull = read(far, of)
    assert ids(rows) == [1, 2]
    assert pull.cursor["value"] == "2024-01-01 00:00:00"
    again, second = read(far, of, pull.cursor)
    assert ids(again) == [1, 2]  # it is read every time, until its time comes
    assert second.cursor["value"] == "2024-01-01 00:00:00"


def test_a_number_may_be_the_cursor_but_has_no_overlap(far):
    fill(far, (1, 9), (2, 10), kinds="id int, at int")
    rows, pull = read(far, system(BY_TIME))
    assert ids(rows) == [1, 2]
    far.run("INSERT INTO t VALUES (3, 100)")
    rows, second = read(far, system(BY_TIME), pull.cursor)
    assert (ids(rows), second.cursor["value"]) == ([2, 3], "100")
    with pytest.raises(RegistrationError, match="overlap"):
        read(far, system({**BY_TIME, "overlap": "1 day"}), second.cursor)


TIMES = [
    ["2024-01-01 00:00:00", "2024-01-01 00:00:10", ""],
    ["20240101000000", "20240101000010", None],
    ["2024/01/01", "2024/02/01"],
    ["2024-01-01T00:00:00.5", "2024-01-01T00:00:01.0"],
]
NO_TIMES = [
    ["8", "9", "10"],
    ["V1.2", "V1.10"],
    ["2024-01-01 00:00:00", "2024/01/02 00:00:00"],
    ["2024-01-01 00:00:00", "2024-1-2 0:00:00"],
    ["2024-01-01 00:00:00", "2024-01-01 00:00:00.5"],
    ["2024-01-01 00:00:00", "20240102000000"],
    ["00000001", "00000002"],
    ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
]


@pytest.mark.parametrize("kind", ["varchar(40)", "char(40)"])
@pytest.mark.parametrize("marks", TIMES)
def test_text_that_holds_times_of_one_form_may_be_the_cursor(far, marks, kind):
    fill(far, *((n, mark) for n, mark in enumerate(marks)), kinds=f"id int, at {kind}")
    rows, pull = read(far, system(BY_TIME))
    assert ids(rows) == list(range(len(marks)))
    assert pull.cursor["value"].rstrip() == max(m for m in marks if m)
    again, _ = read(far, system(BY_TIME), pull.cursor)
    assert ids(again) == [n for n, m in enumerate(marks) if not m or m == max(filter(None, marks))]  # an empty text is no mark


@pytest.mark.parametrize("kind", ["varchar(40)", "char(40)"])
@pytest.mark.parametrize("marks", NO_TIMES)
def test_text_without_an_order_is_refused_as_a_cursor(far, marks, kind):
    fill(far, *((n, mark) for n, mark in enumerate(marks)), kinds=f"id int, at {kind}")
    of = system(BY_TIME)
    with pytest.raises(SourceChanged, match="增量列"):
        read(far, of)
    with closing(opened(far, of)) as connector:
        assert any(f.what == "cursor t" and f.ok is False and f.next_zh for f in connector.check())


def test_a_form_that_changes_later_is_refused_before_a_row_is_passed_over(far):
    fill(far, (1, "2024-01-01 00:00:00"), kinds="id int, at varchar(40)")
    _, pull = read(far, system(BY_TIME))
    far.run("INSERT INTO t VALUES (2, '2023/01/01 00:00:00')")
    with closing(opened(far, system(BY_TIME))) as connector, pytest.raises(SourceChanged):
        connector.probe(system(BY_TIME).datasets["t"], pull.cursor)
    with pytest.raises(SourceChanged):
        read(far, system(BY_TIME), pull.cursor)


@pytest.mark.parametrize("path", ["fast", "plain"])
@pytest.mark.parametrize(
    ("kind", "marks"),
    [
        ("bigint", ["9", "10", "-3"]),
        ("numeric(12,2)", ["9.5", "10.25", "NaN"]),
        ("numeric", ["9.5", "100000000000000000000.25", "NaN"]),
        ("double precision", ["0.1", "0.30000000000000004", "NaN"]),
        ("real", ["0.1", "1.1", "Infinity"]),
        ("date", ["2024-01-01", "2024-02-01", "infinity"]),
        ("timestamp", ["2024-01-01 00:00:00.000001", "2024-01-01 00:00:00.000002", "infinity"]),
        ("timestamptz", ["2024-01-01 08:00+08", "2024-01-01 00:00:01+00", "infinity"]),
    ],
)
def test_every_postgresql_type_with_an_order_reads_on_from_its_largest_value(postgres, kind, marks, path):
    fill(postgres, *((n, mark) for n, mark in enumerate(marks)), kinds=f"id int, at {kind}")
    of = system(BY_TIME)
    _, pull = read(postgres, of, path=path)
    postgres.run(f"INSERT INTO t SELECT 9, max(at) FROM t WHERE at < '{marks[2] if marks[2][:1] in 'NIi' else '99'}'")
    again, second = read(postgres, of, pull.cursor, path=path)
    strange = [2] if marks[2][:1] in "NIi" else []  # above every number: read every time, and the cursor never gets there
    assert ids(again) == sorted([1, 9, *strange])
    assert second.cursor["value"] == pull.cursor["value"]


@pytest.mark.parametrize("kind", ["boolean", "uuid", "bytea", "time", "interval", "jsonb", "int[]"])
def test_a_postgresql_type_without_an_order_is_refused(postgres, kind):
    postgres.run("DROP TABLE IF EXISTS t", f"CREATE TABLE t (id int, at {kind})")
    with pytest.raises(SourceChanged, match="次序"):
        read(postgres, system(BY_TIME))


@pytest.mark.parametrize(
    ("kind", "marks"),
    [
        ("year", [2024, 2025]),
        ("bigint unsigned", [9, 2**64 - 1]),
        ("decimal(65,2)", ["9.5", "123456789012345678901234567890.25"]),
        ("datetime(6)", ["2024-01-01 00:00:00.000001", "2024-01-01 00:00:00.000002"]),
        ("date", ["2024-01-01", "2024-02-01"]),
    ],
)
def test_every_mariadb_type_with_an_order_reads_on_from_its_largest_value(mariadb, kind, marks):
    fill(mariadb, *((n, mark) for n, mark in enumerate(marks)), kinds=f"id int, at {kind}")
    _, pull = read(mariadb, system(BY_TIME))
    mariadb.run("INSERT INTO t SELECT 9, max(at) FROM t")
    assert ids(read(mariadb, system(BY_TIME), pull.cursor)[0]) == [1, 9]


@pytest.mark.parametrize("kind", ["bit(8)", "time", "enum('a','b')", "varbinary(9)", "float", "double"])
def test_a_mariadb_type_without_an_order_is_refused(mariadb, kind):
    mariadb.run("DROP TABLE IF EXISTS t", f"CREATE TABLE t (id int, at {kind})")
    with pytest.raises(SourceChanged):
        mariadb.run("INSERT INTO t VALUES (1, NULL)")
        read(mariadb, system(BY_TIME))


def test_only_the_rows_that_are_asked_for_are_read(far):
    fill(far, (1, "a'b"), (2, "𠮷"), (3, "%"), kinds="id int, town varchar(20)")
    rows, pull = read(far, system({"key": ["id"], "whole": "all", "only": {"town": ["a'b", "𠮷", "x\\' OR 1=1 --"]}}))
    assert ids(rows) == [1, 2]
    assert pull.whole == {""}
    assert ids(read(far, system({"key": ["id"], "only": {"id": ["3"]}}))[0]) == [3]


def test_a_hostile_cursor_value_is_only_a_value(far):
    fill(far, (1, "2024-01-01 00:00:00"), (2, "2024-01-02 00:00:00"), kinds="id int, at varchar(40)")
    for value in ("' OR 1=1; DROP TABLE t; --", "\\'", "%s", "y\\"):
        read(far, system(BY_TIME), {"value": value})
    assert len(far.run("SELECT * FROM t")) == 2


def test_probing_sees_a_late_row_and_a_change_but_not_nothing(far):
    fill(far, (1, "2024-01-01 00:00:00"), (2, "2024-01-01 00:00:10"))
    of = system({**BY_TIME, "overlap": "20 seconds"})
    _, pull = read(far, of)
    with closing(opened(far, of)) as connector:
        dataset = of.datasets["t"]
        assert connector.probe(dataset, pull.cursor) == "unchanged"
        far.run("INSERT INTO t VALUES (3, '2024-01-01 00:00:05')")
        assert connector.probe(dataset, pull.cursor) == "changed"
        far.run("INSERT INTO t VALUES (4, '2024-01-02 00:00:00')")
        assert connector.probe(dataset, pull.cursor) == "changed"


# front-end tables

KINDS = "id int, op varchar(1), at timestamp NULL, batch varchar(10), status varchar(1), name varchar(10)"
ROWS = [
    (1, "I", "2024-01-01 00:00:00", "b1", "0", "甲"),
    (2, "I", "2024-01-01 00:00:01", "b1", "0", "乙"),
    (3, "U", "2024-01-02 00:00:00", "b2", "0", "丙"),
    (4, "D", "2024-01-02 00:00:01", "b2", "0", "丁"),
    (5, "I", "2024-01-03 00:00:00", "b3", "0", "戊"),
]


def test_rows_that_were_landed_are_marked_as_taken_and_no_others(far):
    fill(far, *ROWS[:4], kinds=KINDS)
    of = system(FRONT_END)
    with closing(opened(far, of)) as connector:
        pull = connector.pull(of.datasets["t"], None)
        assert sum(b.rows.num_rows for b in pull.batches) == 4
        assert not pull.whole
        far.run("INSERT INTO t VALUES (5, 'I', '2024-01-03 00:00:00', 'b3', '0', '戊')")
        for _ in range(2):
            connector.acknowledge(of.datasets["t"], pull.notes)
        assert [r[0] for r in far.run("SELECT status FROM t ORDER BY id")] == ["1", "1", "1", "1", "0"]


def test_a_row_committed_late_is_never_marked_before_it_has_been_read(far):
    fill(far, *ROWS[:4], kinds=KINDS)
    of = system(FRONT_END)
    with closing(opened(far, of)) as connector:
        pull = connector.pull(of.datasets["t"], None)
        assert sum(b.rows.num_rows for b in pull.batches) == 4
        far.run("INSERT INTO t VALUES (5, 'I', '2024-01-01 00:00:00', 'b3', '0', '戊')")
        connector.acknowledge(of.datasets["t"], pull.notes)
        assert {r[0] for r in far.run("SELECT status FROM t")} == {"0"}
        pull = connector.pull(of.datasets["t"], None)
        assert sum(b.rows.num_rows for b in pull.batches) == 5
        connector.acknowledge(of.datasets["t"], pull.notes)
        assert {r[0] for r in far.run("SELECT status FROM t")} == {"1"}


def test_a_batch_its_control_table_does_not_confirm_waits_with_all_after_it(far):
    fill(far, *ROWS, kinds=KINDS)
    far.run(
        "DROP TABLE IF EXISTS control",
        "CREATE TABLE control (pc varchar(10), hs int)",
        "INSERT INTO control VALUES ('b1', 2), ('b2', 3), ('b3', 1)",
    )
    expected = {"table": "control", "batch": "pc", "rows": "hs"}
    of = system({"key": ["id"], "changes": {**FRONT_END["changes"], "expected": expected}})
    rows, pull = read(far, of)
    assert ids(rows) == [1, 2]
    assert pull.cursor["value"][13:19] == ":00:01"
    assert [r.kind for r in pull.remarks] == ["late"]
    far.run("INSERT INTO t VALUES (6, 'I', '2024-01-02 00:00:00', 'b2', '0', '己')")
    rows, pull = read(far, of, pull.cursor)
    assert ids(rows) == [2, 3, 4, 5, 6]
    assert "late" not in pull.notes


def test_a_batch_without_a_line_in_the_control_table_waits_too(far):
    fill(far, *ROWS[:3], kinds=KINDS)
    far.run("DROP TABLE IF EXISTS control", "CREATE TABLE control (pc varchar(10), hs int)", "INSERT INTO control VALUES ('b1', 2)")
    of = system({"key": ["id"], "changes": {**FRONT_END["changes"], "expected": {"table": "control", "batch": "pc", "rows": "hs"}}})
    assert ids(read(far, of)[0]) == [1, 2]


def test_receipts_that_may_not_be_written_are_an_error_of_their_own(postgres):
    fill(postgres, *ROWS, kinds=KINDS)
    postgres.run("DROP ROLE IF EXISTS hub_test_reader", "CREATE ROLE hub_test_reader LOGIN", "GRANT SELECT ON t TO hub_test_reader")
    try:
        of = system(FRONT_END)
        reader = File.__new__(File)
        reader.connection, reader.secret = postgres.connection, {"user": "hub_test_reader"}
        with closing(opened(reader, of)) as connector:
            pull = connector.pull(of.datasets["t"], None)
            assert sum(b.rows.num_rows for b in pull.batches) == 5
            with pytest.raises(SourceRefused):
                connector.acknowledge(of.datasets["t"], pull.notes)
    finally:
        postgres.run("DROP OWNED BY hub_test_reader", "DROP ROLE hub_test_reader")


# what is not there any more


def test_a_missing_table_is_named_with_those_that_are_there(far):
    fill(far, (1, "2024-01-01"))
    with pytest.raises(SourceChanged) as caught:
        read(far, system({**BY_TIME, "table": "t_old"}))
    assert "t_old" in caught.value.zh
    assert "department/far/t" in caught.value.zh
    assert "现有：" in caught.value.zh


def test_a_vanished_key_or_cursor_column_is_named(far):
    fill(far, (1, "2024-01-01"))
    far.run("ALTER TABLE t RENAME COLUMN at TO changed_at")
    with pytest.raises(SourceChanged, match="at") as caught:
        read(far, system(BY_TIME))
    assert "changed_at" in caught.value.en


def test_ignored_columns_of_a_raw_dataset_are_not_pulled(far):
    fill(far, (1, "2024-01-01"), kinds="id int, photo varchar(20)")
    rows, pull = read(far, system({"key": ["id"]}, ignore=["photo"]))
    assert rows.column_names == ["id"]
    assert pull.remarks == []


@pytest.mark.parametrize(
    ("text", "seconds", "before"),
    [
        ("2024-03-01 00:00:00", 1, "2024-02-29 23:59:59"),
        ("2024-03-01 00:00:00.5+00", 1, "2024-02-29 23:59:59.500000+00"),
        ("20240301000000", 60, "20240229235900"),
        ("2024-03-01", 3600, "2024-02-29"),
        ("2024-03-01T00:00:00Z", 1, "2024-02-29T23:59:59Z"),
        ("17", 1, None),
        ("20241399", 1, None),
        ("0001-01-01 00:00:00", 1, None),
    ],
)
def test_a_point_in_time_is_moved_back_the_way_it_is_written(text, seconds, before):
    import datetime as dt

    assert earlier(text, dt.timedelta(seconds=seconds)) == before


def test_a_file_that_is_no_database_is_refused(tmp_path):
    file = File(tmp_path / "t.sqlite")
    file.path.write_bytes(b"%PDF-1.4 not a database" * 100)
    with pytest.raises((SourceChanged, SourceUnavailable)) as caught:
        read(file, system({"key": ["id"]}))
    assert "t.sqlite" in caught.value.zh


def test_bytes_in_a_text_column_that_are_no_text_are_an_error_not_a_crash(tmp_path):
    file = File(tmp_path / "t.sqlite")
    file.run("CREATE TABLE t (id int, s TEXT)", "INSERT INTO t VALUES (1, CAST(x'c328f0' AS TEXT))")
    for path in ("fast", "plain"):
        with pytest.raises(SourceChanged):
            read(file, system({"key": ["id"]}), path=path)
