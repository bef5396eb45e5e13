"""Records of CSV against Python's strict reader and DuckDB's; what is malformed is set aside with its line, and nothing is bent."""

import csv
import io

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.files.formats.csv import CsvFile
from connectors.files.formats.csv_records import Records
from connectors.files.formats.refused import Refused
from connectors.files.order import natural, newest
from connectors.files.words import FilesRead

VALUES = st.text(st.sampled_from("ab,\"\n \r\\;|甲乙\t0'"), max_size=6).filter(lambda v: "\r" not in v)
TABLES = st.lists(st.lists(VALUES, min_size=3, max_size=3), min_size=1, max_size=8)
QUIET = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path, **words):
    """(names, rows, rejects) of a file."""
    file = CsvFile(path, FilesRead(files=path.name, **words))
    names = file.header()
    rows, rejects = [], []
    for batch in file.batches(names, ""):
        if batch.rows is not None:
            rows += [tuple(r.values()) for r in batch.rows.to_pylist()]
        if batch.rejects is not None:
            rejects += [(r["position"], r["reason"]) for r in batch.rejects.to_pylist()]
    return names, rows, rejects


def written(table, **how):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", **how).writerows([["x", "y", "z"], *table])
    return out.getvalue()


@given(TABLES)
@QUIET
def test_what_is_well_formed_is_read_as_python_and_duckdb_read_it(tmp_path, table):
    path = tmp_path / "a.csv"
    path.write_text(written(table), "utf-8", newline="")
    _, rows, rejects = read(path)
    assert rejects == []
    assert rows == [tuple(r) for r in csv.reader(io.StringIO(written(table), newline=""), strict=True)][1:]
    found = duckdb.sql(
        f"FROM read_csv('{path}', header = true, delim = ',', quote = '\"', escape = '\"', all_varchar = true, strict_mode = true,"
        " auto_detect = false, columns = {'x': 'VARCHAR', 'y': 'VARCHAR', 'z': 'VARCHAR'}, nullstr = '\x01')"
    ).fetchall()
    assert rows == found


@given(TABLES)
@QUIET
def test_a_backslash_escapes_where_it_is_registered(tmp_path, table):
    path = tmp_path / "a.csv"
    text = written(table, escapechar="\\", doublequote=False, quoting=csv.QUOTE_ALL)
    path.write_text(text, "utf-8", newline="")
    _, rows, rejects = read(path, escape="\\")
    assert (rows, rejects) == ([tuple(r) for r in table], [])


@given(
    st.lists(
        st.sampled_from(["1,甲,a\n", '2,"乙",b\n', '3,"丙"x,c\n', '4,"丁,d\n', '5,戊,"e""f"\n', '6,己,"g\nh"\n', "7\n"]),
        min_size=1,
        max_size=12,
    )
)
@QUIET
def test_a_malformed_line_takes_no_other_row_with_it(lines):
    records = Records(",", '"')
    text = "".join(lines)
    good = records.take(text, last=True)
    whole = [line for line in lines if '"丙"x' not in line and '"丁' not in line]
    if '4,"丁,d\n' not in lines:  # an open quote may run into the next quoted value
        assert good == "".join(whole)
        assert len(records.faults) == len(lines) - len(whole)
    assert good.count("\n") + sum(t.count("\n") + 1 for _, _, t in records.faults) == text.count("\n")
    assert list(csv.reader(io.StringIO(good), strict=True)) is not None


@given(TABLES, st.integers(1, 9))
@QUIET
def test_where_a_text_is_cut_into_pieces_changes_nothing(table, size):
    text = written(table)
    at_once, pieces = Records(",", '"'), Records(",", '"')
    lines = text.splitlines(keepends=True)
    parts = ["".join(lines[n : n + size]) for n in range(0, len(lines), size)]
    assert "".join(pieces.take(p) for p in parts) + pieces.take("", last=True) == at_once.take(text, last=True)
    assert pieces.faults == at_once.faults == []


def test_an_open_quote_costs_its_own_row_and_says_where(tmp_path):
    rows = ["id,name,note", *(f"{n},甲{n},正常" for n in range(1, 61))]
    rows[20], rows[28] = '20,甲20,"备注', '28,甲28,"引用"'
    path = tmp_path / "a.csv"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    _, found, rejects = read(path)
    assert len(found) == 59
    assert rejects == [(21, "bad_quote")]
    rows[28] = "28,甲28,引用"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    _, found, rejects = read(path)
    assert (len(found), rejects) == (59, [(21, "open_quote")])


def test_each_column_keeps_its_own_values_under_a_name_of_its_own(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('编号,金额,,金额,"备\n注"\n1,10,x,20,y\n', "utf-8")
    names, rows, _ = read(path)
    assert names == ["编号", "金额", "#3", "金额#2", "备\n注"]
    assert rows == [("1", "10", "x", "20", "y")]


def test_the_header_is_found_by_its_words(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("某局 2026 年汇总\n\n编号,姓名\n1,甲\n", "utf-8")
    assert read(path, header_from="编号")[:2] == (["编号", "姓名"], [("1", "甲")])
    assert read(path, header=[3])[:2] == (["编号", "姓名"], [("1", "甲")])


@pytest.mark.parametrize(
    ("content", "words", "said"),
    [
        (b"<?xml version='1.0'?>\n<a/>\n", {}, "XML"),
        (b"<html><table><tr><td>1</td></tr></table>\n", {}, "HTML"),
        (b'{"id": 1}\n{"id": 2}\n', {}, "JSON"),
        (b'[{"id": 1}]\n', {}, "JSON"),
        (b"PK\x03\x04abc\n", {}, "xlsx"),
        (b"\x1f\x8b\x08abc\n", {}, "gzip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1abc\n", {}, "Office"),
        ("id,name\n1,甲\n".encode("utf-16"), {}, "UTF-16"),
        ("id,name\n1,甲\n".encode("utf-16-le"), {}, "UTF-16"),
        (b"id,name\r1,a\r2,b\r", {}, "CR"),
        (b"a\0b,c\n1,2\n", {}, "空字节"),
        ("id,name\n4,李四\n".encode(), {"encoding": "gbk"}, "UTF-8"),
        ("id,name\n1,张三丰\n".encode("gbk"), {}, "GB18030"),
        (("id,name\n" + "".join(f"{n},戶籍登記資料與臺灣地區\n" for n in range(9))).encode("big5"), {"encoding": "gbk"}, "Big5"),
        ("\n编号,姓名\n1,甲\n".encode(), {}, "没有列名"),
        ("某局汇总\n编号,姓名\n1,甲\n".encode(), {}, "是一个标题|只有一个标题"),
        ("编号,姓名\n1,甲,x\n2,乙,y\n".encode(), {}, "列数都不同"),
        ("编号,姓名\n1,甲\n".encode(), {"header": [9]}, "没有登记的表头行 9"),
        ("编号,姓名\n1,甲\n".encode(), {"header_from": "单位"}, "单位"),
        (b"a,b\n" + b"x" * (5 << 20), {}, "2 MB"),
        (b"x" * (3 << 20), {}, "2 MB"),
        (b",".join(b"c%d" % n for n in range(20_000)) + b"\n1\n", {}, "20000 列"),
    ],
)
def test_a_file_that_is_something_else_is_refused_by_its_name(tmp_path, content, words, said):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(Refused, match=said):
        read(path, **words)


@pytest.mark.parametrize("encoding", ["gbk", "gb18030"])
@pytest.mark.parametrize("name", ["张三", "𠮷田", "通", "联通", "邝", "·", "丄"])
def test_genuine_gb_text_is_never_taken_for_another(tmp_path, encoding, name):
    path = tmp_path / "a.csv"
    path.write_bytes(f"编号,姓名\n1,{name}\n".encode("gb18030"))
    assert read(path, encoding=encoding)[1] == [("1", name)]


def test_bad_bytes_and_malformed_records_are_numbered_as_the_file_is(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('id,name\n1,"甲"\n'.encode() + b"2,\xff\n" + '3,"丙"x\n4,丁\n'.encode())
    _, rows, rejects = read(path)
    assert [r[0] for r in rows] == ["1", "4"]
    assert sorted(rejects) == [(3, "undecodable"), (4, "bad_quote")]


def test_a_line_without_an_end_stays_within_its_memory(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n")
        for _ in range(40):
            file.write(b"x" * (1 << 20))
    before = pa.total_allocated_bytes()
    with pytest.raises(Refused, match="2 MB"):
        read(path)
    assert pa.total_allocated_bytes() - before < 64 << 20


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["9月", "10月"], "10月"),
        (["九月", "十月", "十一月"], "十一月"),
        (["2026-9-30", "2026-10-1"], "2026-10-1"),
        (["名单９", "名单１０"], "名单１０"),
        (["20260930", "20261001"], "20261001"),
        (["v2.9", "v2.10"], "v2.10"),
        (["终稿", "9月"], None),
        (["2026年9月", "9月"], None),
        (["01", "1"], None),
    ],
)
def test_the_newest_is_told_by_numbers_or_not_at_all(names, found):
    assert newest(names) == found
    assert newest(reversed(names)) == found


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=6, unique=True))
def test_numbers_in_names_compare_as_numbers(numbers):
    assert newest(f"批次{n}号" for n in numbers) == f"批次{max(numbers)}号"
    assert natural("a0012") == natural("a12")
