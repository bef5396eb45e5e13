"""Questions: answered within bounds, refused with the next step in Chinese, audited before anything is handed out."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from schemas.errors import QueryRefused
from tests.warehouse.small_edition import add_resident, filled_lake, small_city
from warehouse import editions, query
from warehouse.query import ask


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("hub")
    lake = filled_lake(home)
    editions.export(lake, small_city(), home)
    lake.close()
    return home


def audited(home):
    return [json.loads(line) for line in (home / "audit" / "queries.jsonl").read_text("utf-8").splitlines()]


def test_a_select_is_answered_with_its_types(home):
    answer = ask(home, "SELECT count(*) AS n, sum(income) AS s, max(_source) AS t, DATE '2026-01-02' AS d, NULL AS x FROM resident")
    assert answer.columns == ["n", "s", "t", "d", "x"]
    assert answer.rows == [(200, Decimal("2100.00"), "police_population__resident", dt.date(2026, 1, 2), None)]
    assert (answer.truncated, answer.generation) == (False, 1)


@pytest.mark.parametrize(
    "sql",
    [
        "FROM shared.resident",
        'SELECT "姓名" FROM 中文."人口"',
        "DESCRIBE shared.resident",
        "SHOW ALL TABLES",
        "SUMMARIZE shared.resident",
        "WITH a AS (FROM resident) SELECT count(*) FROM a JOIN dispute_party USING (id_number_pseudonym)",
        "SELECT * FROM range(3)",
        "SELECT column_name FROM information_schema.columns",
        "SELECT unnest([1, 2]), '一' || chr(134071);",
    ],
)
def test_the_ordinary_ways_to_ask_work(home, sql):
    assert ask(home, sql).rows


def test_more_rows_than_asked_for_are_cut_and_said_so(home):
    assert (len(ask(home, "FROM resident", limit_rows=200).rows), ask(home, "FROM resident", limit_rows=200).truncated) == (200, False)
    cut = ask(home, "FROM range(1000000000000)", limit_rows=7)
    assert (len(cut.rows), cut.truncated) == (7, True)
    assert ask(home, "SELECT 1 WHERE false").rows == []


def test_more_bytes_than_an_answer_may_have_are_cut(home, monkeypatch):
    monkeypatch.setattr(query, "LARGEST", 1_000_000)
    answer = ask(home, "SELECT repeat('x', 1000) FROM range(10000)", limit_rows=10000)
    assert answer.truncated and len(answer.rows) < 1000


@pytest.mark.parametrize(
    ("sql", "said", "next_step"),
    [
        ("SELECT nmae FROM resident", "没有字段 nmae", "name（姓名）"),
        ("SELECT 联系电 FROM resident", "没有字段 联系电", "phone（联系电话）"),
        ("SELECT 公民身份号码 FROM resident", "没有字段", "_pseudonym"),
        ("SELECT sfzh FROM resident", "没有字段 sfzh", "_pseudonym"),
        ("SELECT _key FROM resident", "没有字段 _key", "_pseudonym"),
        ("SELECT _sources FROM resident", "没有字段 _sources", "_pseudonym"),
        ("FROM landing.police_population__resident", "不向分析人员开放", "_pseudonym"),
        ("FROM police_population__resident", "不向分析人员开放", "shared.resident"),
        ("FROM residents", "没有表 residents", "shared.resident"),
        ("SELECT * FROM resident WHERE id_number = '999999198001010013'", "证件号码", "id_number_pseudonym"),
        ("SELECT * FROM resident WHERE phone = '19900000001'", "手机号", "_pseudonym"),
        ("DELETE FROM resident", "只能查询", "SELECT"),
        ("SELECT 1; SELECT 2", "一次只能", "分次"),
        ("  ", "没有可执行", "SELECT"),
        ("SELEC 1", "无法执行", "修改语句"),
        ("SELECT 1 + 'x'", "无法执行", "修改语句"),
        ("SELECT getenv('HOME')", "不提供 getenv", "shared.fields"),
    ],
)
def test_what_is_not_answered_says_what_to_do_next(home, sql, said, next_step):
    with pytest.raises(QueryRefused) as refused:
        ask(home, sql)
    assert said in refused.value.zh
    assert next_step in refused.value.next_zh
    assert refused.value.en and refused.value.next_en
    assert "LINE 1" not in str(refused.value)


def test_every_question_leaves_a_line_whatever_became_of_it(home):
    ask(home, "SELECT 1 AS 一", who="李某")
    with pytest.raises(QueryRefused):
        ask(home, "DROP TABLE resident", who="李某")
    first, second = audited(home)[-2:]
    assert (first["who"], first["verdict"], first["rows"], first["generation"], first["sql"]) == (
        "李某",
        "answered",
        1,
        1,
        "SELECT 1 AS 一",
    )
    assert len(first["sha256"]) == 64 and first["seconds"] > 0 and first["at"].endswith("+00:00")
    assert (second["verdict"], second["sql"]) == ("refused", "DROP TABLE resident")
    assert (home / "audit" / "queries.jsonl").stat().st_mode & 0o777 == 0o600


def test_without_its_line_there_is_no_answer(home, monkeypatch):
    def full(*a):
        raise OSError("disk full")

    monkeypatch.setattr(query, "_audit", full)
    with pytest.raises(OSError, match="disk full"):
        ask(home, "SELECT 1")


def test_before_the_first_edition_the_next_step_is_named(tmp_path):
    with pytest.raises(QueryRefused, match="hub publish"):
        ask(tmp_path, "SELECT 1")
    with pytest.raises(QueryRefused, match="使用对象"):
        ask(tmp_path, "SELECT 1", audience="../analyst")


def test_the_next_question_sees_the_next_generation(tmp_path):
    lake = filled_lake(tmp_path)
    editions.export(lake, small_city(), tmp_path)
    assert ask(tmp_path, "SELECT count(*) FROM resident").rows == [(200,)]
    add_resident(lake, "99999919990101001X")
    editions.export(lake, small_city(), tmp_path)
    answer = ask(tmp_path, "SELECT count(*) FROM resident")
    assert (answer.rows, answer.generation) == ([(201,)], 2)
    lake.close()
