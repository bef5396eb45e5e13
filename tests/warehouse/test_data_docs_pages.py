from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import duckdb
import pytest

from schemas.errors import HubError
from warehouse import data_docs, offline_pages, quality

ELSEWHERE = re.compile(
    r"""(?:href|src|action)\s*=\s*["']?\s*(?:\w+:)?//|url\(\s*["']?\s*(?:\w+:)?//|@import|<script|\son\w+\s*=""", re.IGNORECASE
)


def result(name: str = "grid__population", *, run: str = "run-1") -> dict[str, Any]:
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT 'k' || i AS _key, '9999991990030712' || (i % 7) AS id_number FROM range(10) r(i)")
    unique = {"rule": "unique", "severity": "warn", "field": "id_number", "title": "公民身份号码<script>alert(1)</script>"}
    suite = {
        "name": name,
        "expectations": [
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id_number"}, "meta": unique, "severity": "warning"},
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "gone"}, "meta": {"rule": "required"}},
            {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 3}, "meta": {"rule": "rows"}},
        ],
    }
    return quality.check(con, "t", suite, last_rows=None).as_json(run)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    asked: list[object] = []

    def refuse(*args: object, **_: object) -> None:
        asked.append(args)
        raise OSError("no network here")

    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return asked


def test_data_docs_are_built_without_a_network_and_ask_no_other_host(tmp_path: Path, silent: list[object]) -> None:
    index = data_docs.build([result(), result("hotline__ticket")], tmp_path / "docs")
    assert silent == []
    assert index == tmp_path / "docs" / "index.html"
    pages = [p for p in (tmp_path / "docs").rglob("*") if p.is_file()]
    assert {p.suffix for p in pages} == {".html", ".css"}
    assert len(pages) == 6  # index, style, and for each dataset a result and a suite
    for page in pages:
        text = page.read_text("utf-8")
        assert not ELSEWHERE.search(text), (page, ELSEWHERE.search(text))
        for link in re.findall(r'(?:href|src)="([^"#]+)"', text):
            assert (page.parent / link).resolve().is_file(), (page, link)


def test_the_pages_tell_the_findings_and_no_row(tmp_path: Path) -> None:
    index = data_docs.build([result()], tmp_path / "docs")
    page = next((tmp_path / "docs" / "validations").rglob("*.html")).read_text("utf-8")
    assert "10 行中 6 行（60.00%）重复" in page
    assert "6 of 10 rows (60.00%) repeat" in page
    assert "未能检查" in page
    assert "10 行，要求至少 3 行" in page
    assert "9999991990030712" not in page
    text = index.read_text("utf-8")
    assert "grid__population" in text
    assert '<td class="good">1</td><td class="bad">1</td><td class="unsure">1</td>' in text


def test_building_again_replaces_the_pages_and_nothing_that_is_not_ours(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    data_docs.build([result()], folder)
    data_docs.build([result("hotline__ticket")], folder)
    assert [p.name for p in (folder / "expectations").iterdir()] == ["hotline__ticket.html"]
    data_docs.build([], folder)
    assert (folder / "index.html").is_file()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "letter.txt").write_text("keep me")
    with pytest.raises(HubError):
        data_docs.build([result()], tmp_path / "theirs")
    assert (tmp_path / "theirs" / "letter.txt").read_text() == "keep me"


@pytest.mark.parametrize(
    "wanted",
    [
        '<script src="https://x.test/a.js"></script>',
        "<SCRIPT>fetch('//x.test')</SCRIPT>",
        "<scr<script></script>ipt src='//x.test'></script>",
        '<link rel="stylesheet" href="https://x.test/a.css">',
        '<img src="//x.test/logo.png?id=1">',
        '<a href="https://x.test">x</a>',
        "<form action='http://x.test'></form>",
        '<p onclick="go()">x</p>',
        "<style>p { background: url('https://x.test/a.png') } @import '//x.test/b.css';</style>",
    ],
)
def test_nothing_that_another_host_would_have_to_give_is_left(wanted: str, tmp_path: Path) -> None:
    page = tmp_path / "a" / "page.html"
    page.parent.mkdir()
    page.write_text(f"<html><head></head><body>{wanted}<b>kept</b></body></html>", "utf-8")
    assert ELSEWHERE.search(page.read_text("utf-8")) or "<img" in wanted
    offline_pages.clean(tmp_path)
    left = page.read_text("utf-8")
    assert "x.test" not in left
    assert not ELSEWHERE.search(left)
    assert "<b>kept</b>" in left
    assert '<link rel="stylesheet" href="../style.css">' in left
