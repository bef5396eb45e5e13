"""What waits in quarantine, as a file for its department: its own columns, the wrong cell marked, and no word of the machine's."""

from __future__ import annotations

import csv
import re
import stat

import openpyxl
import pytest

from hub.tables import write_csv, write_excel
from schemas.home import ROOT
from tests.end_to_end.town import SYSTEM, registration
from tests.warehouse.far_side import id_number
from warehouse.conversions import WORDS
from warehouse.reasons import REASONS

MACHINE = re.compile(r"[a-z]+_[a-z_]+|ragged|切片|留置|沿用旧版|隔离|[0-9a-f]{12,}")
ROWS = [
    ["1", id_number(1), "甲", "1", "1990-01-01", "1"],
    ["2", "12345", "乙", "9", "2026-02-30", "1.2.3"],
    ["3", id_number(3), "=1+1\x07", "1", "不知道", "5"],
]
HEAD = ["NO", "SFZH", "XM", "XB", "CSRQ", "SR"]


@pytest.fixture
def held(town, monkeypatch):
    content = registration({"files": "*.csv", "encoding": "gb18030", "key": ["NO"], "whole": "per file", "settled": "1 second"}, "files")
    content["connection"] = {"folder": "drop"}
    content["datasets"]["person"]["fields"]["born"] = "CSRQ"
    town.register(content)
    town.connect({"connector": "files", "folder": str(town.drop)})
    lines = [",".join(r) for r in (HEAD, *ROWS)]
    whole = "\n".join(lines).encode("gb18030") + '\n4,x,"丁"余,1,1990-01-01,1\n'.encode("gb18030")
    (town.drop / "八里_9月.csv").write_bytes(whole)
    town.sync()
    town.close()
    for name, place in (("HUB_HOME", town.home), ("HUB_SYSTEMS", town.systems), ("HUB_SCHEMAS", town.schemas)):
        monkeypatch.setenv(name, str(place))
    return town


def hub(*words):
    from typer.testing import CliRunner

    from hub.cli import app

    done = CliRunner().invoke(app, ["quarantine", *words], env={"COLUMNS": "240"})
    assert done.exit_code == 0, done.output
    return done.output


def test_the_excel_file_marks_the_wrong_cells_and_says_what_to_write(held, tmp_path):
    file = tmp_path / "out.xlsx"
    hub(SYSTEM, "--excel", str(file), "--plain")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    [sheet] = openpyxl.load_workbook(file).worksheets
    heads = [c.value for c in sheet[1]]
    assert heads == ["位置", "问题", "请改为", "现状", "首次发现", *HEAD, "原文"]
    rows = {r[heads.index("NO")].value: r for r in sheet.iter_rows(min_row=2)}
    second = rows["2"]
    marked = {heads[i] for i, c in enumerate(second) if c.fill.start_color.rgb == "FFFFC7CE"}
    assert marked == {"SFZH", "XB", "CSRQ", "SR"}
    said = dict(zip(heads, (c.value for c in second), strict=True))
    assert said["位置"] == "文件 八里_9月.csv"
    assert "SFZH：请核对证件，填写 18 位公民身份号码" in said["请改为"]
    assert "XB：请改为 1、2 之一" in said["请改为"]
    assert "CSRQ：请改为存在的日期" in said["请改为"]
    assert said["SFZH"] == "12345"
    broken = dict(zip(heads, (c.value for c in rows[None]), strict=True))
    assert (broken["位置"], broken["原文"]) == ("文件 八里_9月.csv，第 5 行", '4,x,"丁"余,1,1990-01-01,1')
    assert "请把值里的引号写成两个" in broken["请改为"]
    assert all(c.data_type != "f" for r in sheet.iter_rows() for c in r)
    assert dict(zip(heads, rows["3"], strict=True))["XM"].value == "=1+1\ufffd"


def test_no_word_of_the_machine_stands_in_either_file(held, tmp_path):
    excel, text = tmp_path / "a.xlsx", tmp_path / "a.csv"
    hub("--excel", str(excel), "--plain"), hub("--csv", str(text), "--plain")
    [sheet] = openpyxl.load_workbook(excel).worksheets
    cells = [str(c.value) for r in sheet.iter_rows() for c in r if c.value] + [
        c for r in csv.reader(text.read_text("utf-8-sig").splitlines()) for c in r
    ]
    assert [c for c in cells if MACHINE.search(c) and c not in ("", *(v for r in ROWS for v in r))] == []
    assert "'=1+1\ufffd" in text.read_text("utf-8-sig")


def test_without_plain_personal_values_are_masked(held, tmp_path):
    file = tmp_path / "a.csv"
    assert "--plain" in hub("--csv", str(file))
    assert id_number(3) not in file.read_text("utf-8-sig")


def test_every_reason_has_words_and_says_what_to_write_instead():
    """Whatever any station writes as a reason; a new one without words fails here."""
    written = {w.reason for w in WORDS.values()}
    pattern = re.compile(
        r"""(?:"|')([a-z]+_[a-z_]+|ragged|required|unreadable|undecodable)(?:"|') AS reason|reason = "([a-z_]+)"|, "([a-z_]+)", row\.text"""
    )
    for path in (p for folder in ("connectors/files", "warehouse") for p in (ROOT / folder).rglob("*.py")):
        text = path.read_text("utf-8")
        written |= {next(filter(None, found)) for found in pattern.findall(text)}
        written |= set(
            re.findall(r'"(undecodable|lost_digits|ragged|bad_quote|open_quote|error_cell|formula_without_value|unreadable)"', text)
        )
    assert {"null_key", "differing_copies", "ragged", "open_quote", "lost_digits"} <= written
    assert written <= set(REASONS)
    for one in REASONS.values():
        assert all((one.zh, one.en, one.next_zh, one.next_en, one.instead.zh, one.instead.en)), one.word
        assert not MACHINE.search(one.zh + one.instead.zh), one.word


def test_no_cell_is_a_formula_whatever_it_holds(tmp_path):
    nasty = [
        "=cmd|'/c calc'!A1",
        " =1+1",
        "\n=1",
        "\x01=1",
        "＝1+1",
        "\u3000@x",
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\x00\x0b",
        "\ud800",
        "x" * 40_000,
        "<b>&amp;",
    ]
    assert write_excel(tmp_path / "a.xlsx", [("表/[1]", ["=a"], [([v], [0]) for v in nasty]), ("表/[1]", ["b"], [])]) == len(nasty)
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == ["表  1", "表  1 2"]
    assert "f" not in {c.data_type for r in book.worksheets[0].iter_rows() for c in r}
    write_csv(tmp_path / "a.csv", ["=HYPERLINK(1)"], ([v] for v in nasty))  # the names are the far side's, too
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        read = [r[0] for r in csv.reader(file)]
    assert all(not v.lstrip(" \n\u3000\ufffd").startswith(("=", "+", "@", "＝", "\t", "\r")) for v in read)
    assert not any(ord(c) < 32 and c not in "\t\r\n" for v in read for c in v)
