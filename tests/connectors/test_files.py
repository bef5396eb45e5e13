"""Drop folders as departments really leave them: encodings, half-written files, missing parts, damaged numbers."""

from __future__ import annotations

import datetime as dt
import os
import time
from contextlib import closing

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors import files
from schemas.errors import SourceChanged, SourceError, SourceUnavailable
from schemas.kinds import connection_of
from schemas.registration import System
from schemas.secrets import Secret

CODECS = {"utf-8": b"\xef\xbb\xbf", "gb18030": b"\x84\x31\x95\x33"}


def system(read, **dataset):
    what = {"title": "表", "raw": "test", "read": {"files": "*.csv", "settled": "1 second", **read}, **dataset}
    connection = {"connector": "files", "folder": "f"}
    return System.model_validate({"path": "department/far", "title": "远端", "connections": {"main": connection}, "datasets": {"t": what}})


def there(folder):
    """A connection to a folder, as an administrator writes one."""
    return connection_of({"connector": "files", "folder": str(folder)}, administrator=True)


def pulled(folder, read, since=None, **dataset):
    """The rows with their slice, the rejects, the pull."""
    of = system(read, **dataset)
    with closing(files.connect(there(folder), of, Secret())) as connector:
        pull = connector.pull(of.datasets["t"], since)
        rows, rejects = [], []
        for batch in pull.batches:
            if batch.rows is not None:
                assert batch.rows.schema == pull.schema
                rows += [(batch.slice, *r.values()) for r in batch.rows.to_pylist()]
            rejects += batch.rejects.to_pylist() if batch.rejects is not None else []
    return rows, rejects, pull


def drop(folder, name, content, age=60.0):
    path = folder / name
    path.write_bytes(content)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("codec", CODECS)
def test_text_is_read_in_its_declared_encoding_with_and_without_a_mark(tmp_path, codec, bom):
    names = "张三,李𠮷,㐂,“引号”,阿·卜杜"
    drop(tmp_path, "a.csv", (CODECS[codec] if bom else b"") + f'id,名称\r\n1,"{names}"\r\n2,\r\n'.encode(codec))
    rows, rejects, pull = pulled(tmp_path, {"encoding": codec, "key": ["id"], "whole": "all"})
    assert rows == [("", "1", names), ("", "2", "")]
    assert (rejects, pull.whole, pull.schema.names) == ([], {""}, ["id", "名称"])


@pytest.mark.parametrize("declared", ["gbk", "GB2312", "GBK", "gb18030"])
def test_gbk_and_gb2312_are_read_as_gb18030(tmp_path, declared):
    drop(tmp_path, "a.csv", "id,名\n1,𠮷镕\n".encode("gb18030"))
    assert pulled(tmp_path, {"encoding": declared, "key": ["id"]})[0][0][1:] == ("1", "𠮷镕")


def test_undecodable_and_ragged_rows_are_set_aside_with_their_bytes_and_the_rest_goes_on(tmp_path):
    good = [f"{n},张{n}".encode("gb18030") for n in range(1, 2001)]
    lines = [b"id,name", *good[:1000], b"1001,\xff\xff", *good[1001:1500], b"1501,a,b,c", b"1502", *good[1502:]]
    drop(tmp_path, "a.csv", b"\n".join(lines) + b"\n")
    rows, rejects, pull = pulled(tmp_path, {"encoding": "gb18030", "key": ["id"], "whole": "all"})
    assert [int(r[1]) for r in rows] == [n for n in range(1, 2001) if n not in (1001, 1501, 1502)]
    assert {r["raw"].strip() for r in rejects} == {b"1001,\xff\xff", b"1501,a,b,c", b"1502"}
    assert all(r["reason"] for r in rejects)
    assert pull.whole == {""}


def test_a_file_in_another_encoding_than_declared_is_refused(tmp_path):
    text = "id,姓名\n" + "".join(f"{n},张三李四王五\n" for n in range(50))
    drop(tmp_path, "a.csv", text.encode("gb18030"))
    with pytest.raises(SourceChanged, match="编码"):
        pulled(tmp_path, {"encoding": "utf-8", "key": ["id"]})


def test_two_bytes_a_character_without_a_mark_is_refused_not_a_crash(tmp_path):
    drop(tmp_path, "a.csv", "id,name\r\n1,a\r\n".encode("utf-16-be"))
    with pytest.raises(SourceError):
        pulled(tmp_path, {"key": ["id"]})


def test_characters_of_private_use_are_reported(tmp_path):
    drop(tmp_path, "a.csv", "id,name\n1,张\ue5d2\n2,李\n".encode("gb18030"))
    rows, _, pull = pulled(tmp_path, {"encoding": "gb18030", "key": ["id"]})
    assert rows[0][2] == "张\ue5d2"
    assert [(r.kind, "1 个造字区" in r.said.zh) for r in pull.remarks] == [("values", True)]


def test_a_header_alone_is_an_empty_export_but_nothing_at_all_is_not(tmp_path):
    file = drop(tmp_path, "a.csv", b"id,name\n")
    rows, _, pull = pulled(tmp_path, {"key": ["id"], "whole": "all"})
    assert (rows, pull.whole) == ([], {""})
    file.write_bytes(b"")
    with pytest.raises(SourceUnavailable):
        pulled(tmp_path, {"key": ["id"], "whole": "all"})


def test_a_file_without_its_control_file_is_left_alone(tmp_path):
    drop(tmp_path, "a.csv", b"id,name\n1,a\n")
    read = {"key": ["id"], "whole": "per file", "complete_when": ".ok"}
    with pytest.raises(SourceUnavailable):
        pulled(tmp_path, read)
    drop(tmp_path, "a.csv.ok", b"")
    drop(tmp_path, "b.csv", b"id,name\n2,b\n")
    rows, _, pull = pulled(tmp_path, read)
    assert rows == [("a.csv", "1", "a")]
    assert pull.whole == {"a.csv"}


def test_a_file_that_is_being_written_is_not_read(tmp_path):
    path = drop(tmp_path, "a.csv", b"id,name\n1,a\n", age=0)
    import threading

    stop = threading.Event()

    def write():
        while not stop.wait(0.1):
            with path.open("ab") as file:
                file.write(b"2,b\n")

    threading.Thread(target=write, daemon=True).start()
    try:
        with pytest.raises(SourceUnavailable):
            pulled(tmp_path, {"key": ["id"], "whole": "all"})
    finally:
        stop.set()


def test_a_file_rewritten_while_it_is_read_is_not_believed(tmp_path):
    path = drop(tmp_path, "a.csv", b"id,name\n" + b"".join(b"%d,x\n" % n for n in range(1000)))
    of = system({"key": ["id"], "whole": "all"})
    connector = files.connect(there(tmp_path), of, Secret())
    pull = connector.pull(of.datasets["t"], None)
    with pytest.raises(SourceUnavailable):
        for _ in pull.batches:
            path.write_bytes(b"id,name\n1,x\n")
    assert (pull.cursor, pull.whole) == (None, frozenset())


def test_a_batch_that_lacks_a_part_is_late_and_not_deleted(tmp_path):
    read = {"key": ["id"], "whole": "per batch", "parts": 2, "batch": r"_(\d{6})_"}
    for part in ("1", "2"):
        drop(tmp_path, f"d_202601_{part}.csv", f"id,name\n{part},一月\n".encode())
    drop(tmp_path, "d_202602_1.csv", "id,name\n3,二月\n".encode())
    rows, _, pull = pulled(tmp_path, read)
    assert {r[0] for r in rows} == {"202601"}
    assert pull.whole == {"202601"}
    assert [r.kind for r in pull.remarks if "202602" in r.said.zh] == ["late"]
    drop(tmp_path, "d_202602_2.csv", "id,name\n4,二月\n".encode())
    rows, _, pull = pulled(tmp_path, read, pull.cursor)
    assert {r[0] for r in rows} == {"202602"}
    assert pull.whole == {"202602"}


def test_a_file_that_was_read_is_not_read_again_even_under_a_new_date(tmp_path):
    read = {"key": ["id"], "whole": "per file"}
    path = drop(tmp_path, "a.csv", b"id,name\n1,a\n")
    _, _, pull = pulled(tmp_path, read)
    os.utime(path, (time.time() - 30, time.time() - 30))
    rows, _, second = pulled(tmp_path, read, pull.cursor)
    assert (rows, second.whole) == ([], frozenset())
    drop(tmp_path, "a.csv", b"id,name\n1,b\n")
    assert pulled(tmp_path, read, second.cursor)[0] == [("a.csv", "1", "b")]


def test_nothing_outside_the_folder_is_read(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    secret = drop(tmp_path, "secret.csv", b"id,name\n1,secret\n")
    (inside / "link.csv").symlink_to(secret)
    with pytest.raises(SourceError):
        pulled(inside, {"key": ["id"]})
    with pytest.raises(ValidationError):
        pulled(inside, {"key": ["id"], "files": "../secret.csv"})


def test_a_vanished_column_is_named_and_a_new_one_reported(tmp_path):
    drop(tmp_path, "a.csv", "id,姓名,手机\n1,a,b\n".encode())
    mapped = {"raw": None, "record": "resident", "fields": {"id_number": "id", "name": "name"}, "sample": [{"given": {}, "expect": {}}]}
    with pytest.raises(SourceChanged) as caught:
        pulled(tmp_path, {"key": ["id"]}, **mapped)
    assert "name" in caught.value.zh
    assert "姓名" in caught.value.zh
    mapped["fields"] = {"id_number": "id", "name": "姓名"}
    [remark] = pulled(tmp_path, {"key": ["id"]}, **mapped)[2].remarks
    assert (remark.kind, "手机" in remark.said.zh) == ("columns", True)


# Excel


def book(path, *sheets):
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows, merged in sheets:
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for area in merged:
            sheet.merge_cells(area)
    made.save(path)
    os.utime(path, (time.time() - 60, time.time() - 60))


EXCEL = {"files": "*.xlsx", "key": ["id"], "whole": "per file"}


def test_cells_become_text_the_way_they_are_shown(tmp_path):
    row = ["1", 12, 1.5, dt.date(2026, 3, 5), dt.datetime(2026, 3, 5, 8, 30), True, "0012", None]
    book(tmp_path / "a.xlsx", ("一", [["id", "int", "float", "date", "time", "flag", "text", "none"], row], []))
    rows, _, _ = pulled(tmp_path, EXCEL)
    assert rows[0][2:4] == ("12", "1.5")
    assert rows[0][4].startswith("2026-03-05")
    assert rows[0][5].startswith("2026-03-05 08:30") or rows[0][5].startswith("2026-03-05T08:30")
    assert (rows[0][7], rows[0][8]) == ("0012", None)


def test_a_number_that_excel_has_cut_is_set_aside_and_one_kept_as_text_is_not(tmp_path):
    book(
        tmp_path / "a.xlsx",
        ("一", [["id", "card"], ["1", 6217000000000000123], ["2", "6217000000000000123"], ["3", 123456789012345]], []),
    )
    rows, rejects, _ = pulled(tmp_path, EXCEL)
    kept = {r[1]: r[2] for r in rows}
    assert kept.get("1") is None
    assert (kept["2"], kept["3"]) == ("6217000000000000123", "123456789012345")
    assert rejects
    assert rejects[0]["reason"]


def test_a_ledger_with_merged_headers_merged_cells_and_totals_is_read_sheet_by_sheet(tmp_path):
    rows = [
        ["台账", None, None, None],
        ["基本情况", None, "办理情况", "备注"],
        ["编号", "日期", "结果", None],
        ["1", "2026-01-01", "办结", None],
        ["2", None, "在办", "x"],
        ["合计", 2, None, None],
        ["制表人", None, None, None],
    ]
    merged = ["A1:D1", "A2:B2", "D2:D3", "B4:B5"]
    book(tmp_path / "a.xlsx", ("一季度", rows, merged), ("二季度", rows, merged))
    read = {**EXCEL, "sheet": "each", "header": [2, 3], "until": "合计", "fill_down": ["基本情况/日期"], "key": ["基本情况/编号"]}
    found, _, pull = pulled(tmp_path, read)
    assert pull.schema.names == ["基本情况/编号", "基本情况/日期", "办理情况/结果", "备注"]
    assert [r[1:] for r in found[:2]] == [("1", "2026-01-01", "办结", None), ("2", "2026-01-01", "在办", "x")]
    assert {r[0] for r in found} == pull.whole == {"a.xlsx#一季度", "a.xlsx#二季度"}


def test_a_half_written_workbook_is_an_error_of_ours(tmp_path):
    book(tmp_path / "a.xlsx", ("一", [["id"], ["1"]], []))
    content = (tmp_path / "a.xlsx").read_bytes()
    drop(tmp_path, "a.xlsx", content[: len(content) // 2])
    with pytest.raises(SourceError):
        pulled(tmp_path, EXCEL)


# any text whatever

CELLS = st.text(st.characters(codec="gb18030", exclude_categories=["Cs", "Co", "Cn"], exclude_characters="\x00\r\ufeff\x1a"), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=20), codec=st.sampled_from(["utf-8", "gb18030"]))
def test_whatever_was_written_is_what_is_read(tmp_path, rows, codec):
    quoted = ['"' + c.replace('"', '""') + '"' for row in rows for c in row]
    lines = [f"{n},{quoted[2 * n]},{quoted[2 * n + 1]}" for n in range(len(rows))]
    drop(tmp_path, "a.csv", ("id,a,b\r\n" + "\r\n".join(lines) + "\r\n").encode(codec))
    try:
        found, rejects, _ = pulled(tmp_path, {"encoding": codec, "key": ["id"]})
    except SourceChanged as error:
        assert "编码" in error.zh  # a few characters can be valid in both encodings
        return
    assert not rejects
    assert [(r[2] or "", r[3] or "") for r in found] == rows


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.lists(st.binary(min_size=1, max_size=6).filter(lambda b: not set(b) & set(b'\r\n",\x00')), min_size=1, max_size=5))
def test_no_noise_costs_a_row_that_is_in_order(tmp_path, noise):
    good = [f"{n},张{n}".encode("gb18030") for n in range(40)]
    lines = [b"id,name", *good[:20], *(b"9%d," % i + n for i, n in enumerate(noise)), *good[20:]]
    drop(tmp_path, "a.csv", b"\n".join(lines) + b"\n")
    rows, rejects, pull = pulled(tmp_path, {"encoding": "gb18030", "key": ["id"], "whole": "all"})
    assert {f"{n}" for n in range(40)} <= {r[1] for r in rows}
    assert len(rows) + len(rejects) == 40 + len(noise)
    assert isinstance(pull.schema, pa.Schema)
