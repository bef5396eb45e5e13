"""What stands in a workbook is what is landed; what is not there, or cannot be read, is said by name."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.files.formats.excel import Workbook
from connectors.files.formats.workbook_cells import lost, texts
from connectors.files.formats.workbook_limits import Refused
from connectors.files.words import FilesRead


def book(path: Path, *sheets: tuple[str, list[list[object]]], hidden: tuple[str, ...] = ()) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets:
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
        if name in hidden:
            sheet.sheet_state = "hidden"
    made.save(path)
    return path


def patched(path: Path, part: str, *changes: tuple[str, str]) -> Path:
    """The workbook with a part of it rewritten, as other programs write it."""
    with zipfile.ZipFile(path) as packed:
        parts = {n: packed.read(n) for n in packed.namelist()}
    text = parts[part].decode()
    for old, new in changes:
        text, count = re.subn(old, new, text)
        assert count
    parts[part] = text.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return path


def landed(path: Path, columns: list[str] | None = None, **read: object) -> list[dict[str, str | None]]:
    made = Workbook(path, FilesRead(files="*", **read))
    return [r for b in made.batches(columns or made.header(), "") for r in b.rows.to_pylist()]


def refused(path: Path, **read: object) -> str:
    with pytest.raises(Refused) as why:
        Workbook(path, FilesRead(files="*", **read))
    return why.value.en


def test_a_sheet_that_is_gone_or_hidden_is_named_with_those_there(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", ("人员名单", [["a"], ["1"]]), ("旧", [["a"]]), hidden=("旧",))
    assert refused(path, sheet="名单") == "there is no visible sheet 名单; sheets now: 人员名单 (hidden: 旧)"
    assert "hidden: 旧" in refused(path, sheet="旧")
    assert "sheets now" in refused(path, sheet=3)


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        ([], 1, "is empty"),
        ([["a"], ["1"]], 5, "ends at line 2"),
        ([[], ["a", "b"], ["1", "2"]], 1, "the first line with anything is 2"),
        ([["附件：人员名单"], ["姓名", "电话"], ["甲", "1"]], 1, "line 2 looks like it"),
    ],
)
def test_a_table_that_is_not_where_it_was_registered_is_said(tmp_path: Path, rows: list[list[object]], header: int, said: str) -> None:
    assert said in refused(book(tmp_path / "a.xlsx", ("一", rows)), header=header)


def test_a_merged_title_is_no_header(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.active.append(["人员名单", None, None])
    made.active.merge_cells("A1:C1")
    made.active.append(["姓名", "电话", "住址"])
    made.active.append(["甲", "1", "x"])
    made.save(tmp_path / "a.xlsx")
    assert "one title, not a header" in refused(tmp_path / "a.xlsx")
    assert landed(tmp_path / "a.xlsx", header=2) == [{"姓名": "甲", "电话": "1", "住址": "x"}]


def test_repeated_and_missing_headers_keep_their_own_values(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", ("一", [["电话", "电话", None, "电话#2"], ["1", "2", "3", "4"]]))
    assert landed(path) == [{"电话": "1", "电话#3": "2", "#3": "3", "电话#2": "4"}]


def test_columns_are_those_of_every_sheet(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", ("1月", [["a"], ["1"]]), ("2月", [["a", "b"], ["2", "x"]]), ("说明", [["看这里"]]))
    assert landed(path, sheet="*月") == [{"a": "1", "b": None}, {"a": "2", "b": "x"}]
    assert landed(path, sheet=2) == [{"a": "2", "b": "x"}]


def test_a_sheet_without_the_table_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", ("甲镇", [["序号", "姓名"], ["1", "甲"]]), ("空", []), ("乙镇", [["其他"], ["x"]]))
    made = Workbook(path, FilesRead(files="*", sheet="each"))
    made.require(["姓名"])
    assert set(made.without) == {"空", "乙镇"}
    assert [b.rows.to_pylist() for b in made.batches(["姓名"], "")] == [[{"姓名": "甲"}]]


def test_a_section_runs_from_its_title_to_a_blank_line_and_totals_are_no_rows(tmp_path: Path) -> None:
    rows = [["一、专职"], ["姓名", "人数"], ["甲", 1], ["小 计", 1], [], ["二、兼职"], [], ["姓名", "人数"], ["乙", 2], [], ["填表人：丙"]]
    path = book(tmp_path / "a.xlsx", ("一", rows))
    assert landed(path, section="二、兼职") == [{"姓名": "乙", "人数": "2"}]
    assert landed(path, section="一、", until=["合计", "小计"]) == [{"姓名": "甲", "人数": "1"}]
    assert "begins: 一、专职" in refused(path, section="三、")


def test_a_header_is_found_by_how_it_starts(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", ("一", [["说明"], ["填报单位"], ["序号", "姓名"], [1, "甲"]]))
    assert landed(path, header_from="序号") == [{"序号": "1", "姓名": "甲"}]


def errors(tmp_path: Path) -> Path:
    path = book(tmp_path / "a.xlsx", ("一", [["k", "v"], ["a", "E"], ["b", "=1+1"], ["c", '=IF(1=1,"",1)'], ["d", None]]))
    return patched(
        path, "xl/worksheets/sheet1.xml",
        (r'<c r="B2".*?</c>', '<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c>'),
        (r'<c r="B4".*?</c>', '<c r="B4" t="str"><f>IF(1=1,"",1)</f><v></v></c>'),
    )  # fmt: skip


def test_errors_and_formulas_without_a_value_are_told_from_empty_cells(tmp_path: Path) -> None:
    path = errors(tmp_path)
    assert [r["v"] for r in landed(path)] == ["#DIV/0!", "#NO_VALUE!", None, None]
    made = Workbook(path, FilesRead(files="*"))
    list(made.batches(["k", "v"], ""))
    assert (made.errors, made.unkept) == (1, 1)


def test_an_error_in_the_key_rejects_its_row_with_its_line(tmp_path: Path) -> None:
    made = Workbook(errors(tmp_path), FilesRead(files="*", key=("v",)))
    (batch,) = made.batches(["k", "v"], "")
    assert [(r["position"], r["reason"]) for r in batch.rejects.to_pylist()] == [(2, "error_cell"), (3, "formula_without_value")]


def test_numbers_are_what_the_sheet_shows() -> None:
    told = [0.1 + 0.2, 1.1 * 3, 7.0, -0.0, 1.5e-7, 123456789012345.0, "", 2.9999999999999996]
    assert texts(told).to_pylist() == ["0.3", "3.3", "7", "0", "0.00000015", "123456789012345", None, "3"]
    assert lost([1e20, 6222021234567890.0, 1234567890123457.0, 9.0]) == [0, 1]


def test_lengths_of_time_are_hours(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.active.append(["t"])
    made.active.append([1.5])
    made.active["A2"].number_format = "[h]:mm"
    made.save(tmp_path / "a.xlsx")
    assert landed(tmp_path / "a.xlsx") == [{"t": "36:00:00"}]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_tab_text_and_pages_called_xls_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.xls"
    path.write_bytes("姓名\t编号\r\n甲\t007\r\n".encode(encoding))
    assert landed(path) == [{"姓名": "甲", "编号": "007"}]
    page = "<html><head><meta charset=gbk></head><table><tr><th rowspan=1>姓名<th>编号</tr><tr><td>甲<td>007</tr></table></html>"
    path.write_bytes(page.encode(encoding))
    assert landed(path) == [{"姓名": "甲", "编号": "007"}]


def test_what_is_no_workbook_is_named(tmp_path: Path) -> None:
    for content, said in (
        (b"%PDF-1.7 x", "a PDF"),
        (b"<?xml version='1.0'?><a/>", "an XML file"),
        (b"PK\x03\x04broken", "packing is broken"),
    ):
        (tmp_path / "a.xlsx").write_bytes(content)
        assert said in refused(tmp_path / "a.xlsx")


def spread(path: Path) -> None:
    book(path, ("一", [["a"], ["1"]]))
    patched(path, "xl/worksheets/sheet1.xml", (r'<c r="A2"', '<c r="XFD1048576"'))


def swollen(path: Path) -> None:
    book(path, ("一", [["a"], ["1"]]))
    patched(path, "xl/worksheets/sheet1.xml", (r"</sheetData>", " " * (200 << 20) + "</sheetData>"))


def declared(path: Path) -> None:
    book(path, ("一", [["a"], ["1"]]))
    patched(path, "xl/worksheets/sheet1.xml", (r"^", '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'))


@pytest.mark.parametrize(("make", "said"), [(spread, "spreads over"), (swollen, "unpacks from"), (declared, "document type")])
def test_a_bomb_is_refused_within_256_mb_and_10_s(tmp_path: Path, make: object, said: str) -> None:
    make(tmp_path / "a.xlsx")  # type: ignore[operator]
    script = f"""
        from pathlib import Path
        from connectors.files.formats.excel import Workbook
        from connectors.files.formats.workbook_limits import Refused
        from connectors.files.words import FilesRead
        try:
            Workbook(Path({str(tmp_path / "a.xlsx")!r}), FilesRead(files="*"))
        except Refused as why:
            print(why.en)
        print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])  # ru_maxrss is also the parent's
    """
    limits = lambda: resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, preexec_fn=limits, check=True)
    *refusal, memory = done.stdout.splitlines()
    assert said in "".join(refusal)
    assert int(memory) < 256 << 10


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12).filter(
    lambda t: not t.startswith("=")
)
CELLS = st.one_of(
    st.none(), WORDS, st.integers(-(10**14), 10**14), st.booleans(), st.dates(min_value=__import__("datetime").date(1901, 1, 1))
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(WORDS, min_size=2, max_size=5, unique=True), rows=st.data())
def test_what_is_written_is_what_is_landed(tmp_path: Path, names: list[str], rows: st.DataObject) -> None:
    written = rows.draw(
        st.lists(st.tuples(*[CELLS] * len(names)), min_size=1, max_size=8).filter(lambda rs: all(any(v is not None for v in r) for r in rs))
    )
    path = book(tmp_path / "a.xlsx", ("一", [list(names), *map(list, written)]))
    shown = [[None if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in row] for row in written]
    assert [list(r.values()) for r in landed(path)] == shown


def test_the_slice_of_a_sheet_does_not_hang_on_how_many_there_are(tmp_path: Path) -> None:
    for sheets in ([("一", [["a"], ["1"]])], [("一", [["a"], ["1"]]), ("二", [["a"], ["2"]])]):
        made = Workbook(book(tmp_path / "a.xlsx", *sheets), FilesRead(files="*", sheet="each"))
        assert next(made.batches(["a"], "a.xlsx", by_sheet=True)).slice == "a.xlsx#一"
