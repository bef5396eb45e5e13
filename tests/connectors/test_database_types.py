"""Every column type: both paths give the same schema and the same values, and nothing is lost on the way."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from schemas.errors import RegistrationError
from tests import services
from tests.connectors.database_sides import File, read, system

WHOLE = {"key": ["id"], "whole": "all"}


def both(service):
    """The one result of both paths."""
    of = system(WHOLE)
    fast, pull = read(service, of, path="fast")
    plain, _ = read(service, of, path="plain")
    assert fast.schema == plain.schema
    assert fast.sort_by("id").to_pylist() == plain.sort_by("id").to_pylist()
    assert pull.whole == {""}
    return fast.schema, {r["id"]: r for r in fast.to_pylist()}


POSTGRES = {  # type: (two values, Arrow type, what arrives)
    "smallint": ("-32768", "32767", pa.int16(), -32768, 32767),
    "bigint": ("-9223372036854775808", "9223372036854775807", pa.int64(), -(2**63), 2**63 - 1),
    "numeric(12,2)": ("-1234567890.12", "0", pa.decimal128(12, 2), Decimal("-1234567890.12"), Decimal("0.00")),
    "numeric(38,10)": ("1234567890123456789012345678.0123456789", "0", pa.decimal128(38, 10), Decimal("1234567890123456789012345678.0123456789"), Decimal("0E-10")),
    "numeric": ("123456789012345678901234567890.000100", "'NaN'", pa.string(), "123456789012345678901234567890.000100", "NaN"),
    "numeric(60,2)": ("1234567890123456789012345678901234567890.12", "1", pa.string(), "1234567890123456789012345678901234567890.12", "1.00"),
    "real": ("1.1", "'Infinity'", pa.float32(), 1.100000023841858, float("inf")),
    "double precision": ("0.1", "'-Infinity'", pa.float64(), 0.1, float("-inf")),
    "money": ("'12.34'", "0", pa.string(), "$12.34", "$0.00"),
    "text": ("'𠮷😀''\"\\ \n,'", "''", pa.string(), "𠮷😀'\"\\ \n,", ""),
    "varchar(20)": ("'  两边 '", "'%s %(x)s'", pa.string(), "  两边 ", "%s %(x)s"),
    "char(5)": ("'ab'", "'abcde'", pa.string(), "ab", "abcde"),
    "bytea": (r"'\x00ff27'", "''", pa.binary(), b"\x00\xff'", b""),
    "boolean": ("true", "false", pa.bool_(), True, False),
    "date": ("'1850-01-01'", "'9999-12-31'", pa.date32(), dt.date(1850, 1, 1), dt.date(9999, 12, 31)),
    "timestamp": ("'2024-02-29 23:59:59.123456'", "'0001-01-01'", pa.timestamp("us"), dt.datetime(2024, 2, 29, 23, 59, 59, 123456), dt.datetime(1, 1, 1)),
    "timestamptz": ("'2024-01-01 08:00:00+08'", "'1970-01-01 00:00+00'", pa.timestamp("us", "UTC"),
                    dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
    "time": ("'24:00:00'", "'08:30:00.5'", pa.string(), "24:00:00", "08:30:00.5"),
    "timetz": ("'08:30+08'", "'08:30Z'", pa.string(), "08:30:00+08", "08:30:00+00"),
    "interval": ("'1 year 2 days 03:00'", "'-1 second'", pa.string(), "P1Y2DT3H", "PT-1S"),
    "uuid": ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000000'", pa.string(),
             "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"),
    "json": ("'{\"a\": 1.10, \"b\": [null]}'", "'3'", pa.string(), '{"a": 1.10, "b": [null]}', "3"),
    "jsonb": ("'{\"b\":1,\"a\":12345678901234567890}'", "'null'", pa.string(), '{"a": 12345678901234567890, "b": 1}', "null"),
    "int[]": ("'{1,NULL,3}'", "'{{1,2},{3,4}}'", pa.string(), "[1,null,3]", "[[1,2],[3,4]]"),
    "text[]": ("array['a,\"b','𠮷']", "'{}'", pa.string(), '["a,\\"b","𠮷"]', "[]"),
    "bit(4)": ("B'0101'", "B'1111'", pa.int64(), 5, 15),
    "bit varying": ("B'1'", "B''", pa.string(), "1", ""),
    "inet": ("'10.0.0.1/8'", "'::1'", pa.string(), "10.0.0.1/8", "::1/128"),
    "point": ("'(1.5,2)'", "'(0,0)'", pa.string(), "(1.5,2)", "(0,0)"),
    "int4range": ("'[1,5)'", "'empty'", pa.string(), "[1,5)", "empty"),
    "mood": ("'好'", "'坏'", pa.string(), "好", "坏"),
    "id_number": ("'999999200001010018'", "'x'", pa.string(), "999999200001010018", "x"),
    "amount": ("1.5", "0", pa.decimal128(10, 2), Decimal("1.50"), Decimal("0.00")),
}  # fmt: skip


@pytest.fixture(scope="module")
def postgres():
    with services.postgres() as service:
        service.run(
            "CREATE TYPE mood AS ENUM ('好', '坏')", "CREATE DOMAIN id_number AS varchar(18)", "CREATE DOMAIN amount AS numeric(10,2)"
        )
        yield service


@pytest.fixture(scope="module")
def mariadb():
    with services.mariadb() as service:
        yield service


def test_every_postgresql_type_arrives_the_same_by_both_paths(postgres):
    names = list(POSTGRES)
    columns = ", ".join(f"c{n} {t}" for n, t in enumerate(names))
    rows = [", ".join(POSTGRES[t][i] for t in names) for i in (0, 1)]
    nulls = ", ".join("NULL" for _ in names)
    postgres.run(
        "DROP TABLE IF EXISTS t", f"CREATE TABLE t (id int PRIMARY KEY, {columns})",
        f"INSERT INTO t VALUES (1, {rows[0]}), (2, {rows[1]}), (3, {nulls})",
    )  # fmt: skip
    schema, found = both(postgres)
    for n, kind in enumerate(names):
        arrow, first, second = POSTGRES[kind][2:]
        assert (kind, schema.field(f"c{n}").type) == (kind, arrow)
        assert (kind, found[1][f"c{n}"], found[2][f"c{n}"], found[3][f"c{n}"]) == (kind, first, second, None)


@pytest.mark.parametrize(
    ("kind", "odd", "plain", "shown"),
    [
        ("numeric(12,2)", "NaN", "1.50", "NaN"),
        ("date", "infinity", "2024-01-01", "infinity"),
        ("date", "0044-03-15 BC", "2024-01-01", "0044-03-15 BC"),
        ("timestamp", "-infinity", "2024-01-01 00:00:00", "-infinity"),
        ("timestamptz", "12345-01-01 00:00+00", "2024-01-01 00:00:00+00", "12345-01-01 00:00:00+00"),
    ],
)
def test_a_date_arrow_cannot_carry_makes_its_column_text(postgres, kind, odd, plain, shown):
    postgres.run("DROP TABLE IF EXISTS t", f"CREATE TABLE t (id int, d {kind})", f"INSERT INTO t VALUES (1, '{odd}'), (2, '{plain}')")
    schema, found = both(postgres)
    assert schema.field("d").type == pa.string()
    assert (found[1]["d"], found[2]["d"]) == (shown, plain)


MARIADB = {
    "tinyint(1)": ("5", "-1", pa.int8(), 5, -1),
    "boolean": ("true", "false", pa.int8(), 1, 0),
    "tinyint unsigned": ("255", "0", pa.uint8(), 255, 0),
    "smallint": ("-32768", "1", pa.int16(), -32768, 1),
    "mediumint": ("-8388608", "1", pa.int32(), -8388608, 1),
    "int unsigned": ("4294967295", "0", pa.uint32(), 2**32 - 1, 0),
    "bigint unsigned": ("18446744073709551615", "0", pa.uint64(), 2**64 - 1, 0),
    "decimal(20,4)": ("-1.5", "0", pa.decimal128(20, 4), Decimal("-1.5000"), Decimal("0.0000")),
    "decimal(65,2)": ("123456789012345678901234567890123456789012.01", "0", pa.string(), "123456789012345678901234567890123456789012.01", "0.00"),
    "float": ("1.1", "0", pa.float32(), 1.100000023841858, 0.0),
    "double": ("0.1", "1e300", pa.float64(), 0.1, 1e300),
    "bit(1)": ("b'1'", "b'0'", pa.uint64(), 1, 0),
    "bit(6)": ("b'000101'", "0", pa.uint64(), 5, 0),
    "bit(64)": ("18446744073709551615", "0", pa.uint64(), 2**64 - 1, 0),
    "char(5)": ("'ab'", "''", pa.string(), "ab", ""),
    "varchar(30)": ("'𠮷😀''\\\\ %s'", "''", pa.string(), "𠮷😀'\\ %s", ""),
    "text": ("concat('a', char(0), 'b')", "'\n,'", pa.string(), "a\x00b", "\n,"),
    "varchar(9) character set gbk": ("'汉字'", "''", pa.string(), "汉字", ""),
    "varbinary(9)": ("x'00ff27'", "''", pa.binary(), b"\x00\xff'", b""),
    "blob": ("x'00ff'", "''", pa.binary(), b"\x00\xff", b""),
    "date": ("'0000-00-00'", "'2024-02-00'", pa.string(), "0000-00-00", "2024-02-00"),
    "datetime": ("'0000-00-00 00:00:00'", "'2024-02-29 01:02:03'", pa.string(), "0000-00-00 00:00:00", "2024-02-29 01:02:03"),
    "datetime(6)": ("'2024-02-29 01:02:03.000001'", "'1000-01-01'", pa.string(), "2024-02-29 01:02:03.000001", "1000-01-01 00:00:00.000000"),
    "timestamp null": ("'2024-01-01 08:00:00'", "NULL", pa.string(), "2024-01-01 08:00:00", None),
    "time": ("'-838:59:59'", "'25:00:01'", pa.string(), "-838:59:59", "25:00:01"),
    "year": ("2024", "0", pa.int16(), 2024, 0),
    "json": ("'{\"a\": 1.10}'", "'null'", pa.string(), '{"a": 1.10}', "null"),
    "enum('好','坏')": ("'坏'", "'好'", pa.string(), "坏", "好"),
    "set('a','b')": ("'a,b'", "''", pa.string(), "a,b", ""),
    "uuid": ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "NULL", pa.string(), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None),
    "point": ("point(1.5, 2)", "NULL", pa.string(), "POINT(1.5 2)", None),
}  # fmt: skip


def test_every_mariadb_type_arrives_the_same_by_both_paths(mariadb):
    names = list(MARIADB)
    columns = ", ".join(f"c{n} {t}" for n, t in enumerate(names))
    rows = [", ".join(MARIADB[t][i] for t in names) for i in (0, 1)]
    with mariadb.engine.connect().execution_options(no_parameters=True) as connection:
        for statement in (
            "SET sql_mode = '', time_zone = '+08:00'",
            "DROP TABLE IF EXISTS t",
            f"CREATE TABLE t (id int PRIMARY KEY, {columns})",
            f"INSERT INTO t VALUES (1, {rows[0]}), (2, {rows[1]})",
            "INSERT INTO t (id) VALUES (3)",
            "COMMIT",
        ):
            connection.exec_driver_sql(statement)
    schema, found = both(mariadb)
    for n, kind in enumerate(names):
        arrow, first, second = MARIADB[kind][2:]
        assert (kind, schema.field(f"c{n}").type) == (kind, arrow)
        assert (kind, found[1][f"c{n}"], found[2][f"c{n}"], found[3][f"c{n}"]) == (kind, first, second, None)


def test_what_sqlite_holds_comes_as_exact_text(tmp_path):
    file = File(tmp_path / "t.sqlite")
    file.run(
        "CREATE TABLE t (id INTEGER, n, i INTEGER, r REAL, s TEXT, d DATE, b BLOB)",
        "INSERT INTO t VALUES (1, 1.5, 9223372036854775807, 0.1, '𠮷😀''\"', '0000-00-00', x'00ff')",
        "INSERT INTO t VALUES (2, x'ff', 'not a number', 0.30000000000000004, 'a' || char(0) || 'b', 20240101, x'')",
        "INSERT INTO t VALUES (3, NULL, NULL, NULL, NULL, NULL, NULL)",
        "INSERT INTO t VALUES (4, 1e300, 1.5, 1, '%s', 1.1, 'text')",
    )
    schema, found = both(file)
    assert set(schema.types) == {pa.string(), pa.binary()}
    assert [found[k]["n"] for k in "1234"] == ["1.5", "x'FF'", None, "1.0e+300"]
    assert [found[k]["i"] for k in "1234"] == ["9223372036854775807", "not a number", None, "1.5"]
    assert [float(found[k]["r"]) for k in "12"] == [0.1, 0.30000000000000004]
    assert found["1"]["r"] == "0.1"
    assert [found[k]["s"] for k in "124"] == ["𠮷😀'\"", "a\x00b", "%s"]
    assert [found[k]["d"] for k in "12"] == ["0000-00-00", "20240101"]
    assert [found[k]["b"] for k in "1234"] == [b"\x00\xff", b"", None, b"text"]


@pytest.mark.parametrize(
    ("kind", "stored", "asked"),
    [
        ("boolean", "true", "1"),
        ("boolean", "true", "是"),
        ("numeric(12,2)", "1", "1"),
        ("numeric(12,2)", "1.50", "1.5"),
        ("char(5)", "'ab'", "ab"),
        ("char(5)", "'ab'", "ab   "),
        ("bit(8)", "B'00000101'", "5"),
        ("integer", "7", "7.0"),
        ("real", "1.5", "1.50"),
        ("date", "'2024-01-01'", "2024-01-01"),
        ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ],
)
def test_postgresql_chooses_rows_by_value_and_not_by_print(postgres, kind, stored, asked):
    postgres.run("DROP TABLE IF EXISTS t", f"CREATE TABLE t (id int, c {kind})", f"INSERT INTO t VALUES (1, {stored}), (2, NULL)")
    assert read(postgres, system({"key": ["id"], "only": {"c": [asked]}}))[0].column("id").to_pylist() == [1]


@pytest.mark.parametrize(
    ("kind", "stored", "asked", "found"),
    [
        ("bit(8)", "5", "5", [1]),
        ("bit(1)", "1", "1", [1]),
        ("tinyint(1)", "1", "true", [1]),
        ("decimal(12,2)", "1", "1", [1]),
        ("char(5)", "'ab'", "ab", [1]),
        ("varchar(5)", "'ab'", "AB", []),
        ("varchar(5) character set gbk", "'汉'", "汉", [1]),
        ("date", "'2024-01-01'", "2024-01-01", [1]),
        ("double", "1.5", "1.50", [1]),
    ],
)
def test_mariadb_chooses_rows_by_value_and_not_by_print(mariadb, kind, stored, asked, found):
    mariadb.run("DROP TABLE IF EXISTS t", f"CREATE TABLE t (id int, c {kind})", f"INSERT INTO t VALUES (1, {stored}), (2, NULL)")
    assert read(mariadb, system({"key": ["id"], "only": {"c": [asked]}}))[0].column("id").to_pylist() == found


@pytest.mark.parametrize(
    ("kind", "stored", "asked", "found"),
    [
        ("REAL", "1", "1", 1),
        ("", "'1'", "1", 1),
        ("INT", "1", "1.0", 1),
        ("TEXT COLLATE NOCASE", "'ab'", "AB", 0),
        ("TEXT", "'01'", "1", 0),
    ],
)
def test_sqlite_chooses_rows_by_value_and_not_by_print(tmp_path, kind, stored, asked, found):
    file = File(tmp_path / "t.sqlite")
    file.run(f"CREATE TABLE t (id int, c {kind})", f"INSERT INTO t VALUES (1, {stored}), (2, NULL)")
    assert read(file, system({"key": ["id"], "only": {"c": [asked]}}))[0].num_rows == found


def test_a_filter_that_is_no_value_of_its_column_is_the_registrations_fault(postgres, mariadb):
    for service in (postgres, mariadb):
        service.run("DROP TABLE IF EXISTS t", "CREATE TABLE t (id int)")
        with pytest.raises(RegistrationError, match="only"):
            read(service, system({"key": ["id"], "only": {"id": ["x"]}}))
