"""Masked columns may be shown and counted; an answer that rests on comparing them is refused with what to use instead."""

import pytest

from schemas.errors import QueryRefused
from tests.warehouse.small_edition import filled_lake, small_city
from warehouse import editions
from warehouse.query import ask


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("hub")
    lake = filled_lake(home)
    editions.export(lake, small_city(), home)
    lake.close()
    return home


COMPARED = [
    "SELECT count(*) FROM resident JOIN dispute_party USING (id_number)",
    "SELECT count(*) FROM resident r JOIN dispute_party p ON r.id_number = p.id_number",
    "SELECT count(*) FROM resident NATURAL JOIN dispute_party",
    "SELECT count(*) FROM resident r, dispute_party p WHERE r.id_number = p.id_number",
    "SELECT count(*) FROM resident r SEMI JOIN dispute_party p USING (id_number)",
    "SELECT count(*) FROM resident WHERE id_number IN (SELECT id_number FROM dispute_party)",
    "SELECT count(*) FROM resident WHERE 'x' = ANY (SELECT id_number FROM dispute_party)",
    "SELECT count(*) FROM resident r WHERE EXISTS (FROM dispute_party p WHERE p.id_number = r.id_number)",
    "SELECT count(*) FROM resident WHERE name LIKE '张%'",
    "SELECT count(*) FROM resident WHERE starts_with(name, '张')",
    "SELECT count(*) FROM resident WHERE regexp_matches(phone, '^199')",
    "SELECT count(*) FROM resident WHERE phone BETWEEN '1' AND '2'",
    "SELECT count(*) FROM resident WHERE upper(name) = 'X'",
    "SELECT CASE WHEN name = 'x' THEN 1 END FROM resident",
    "SELECT CASE name WHEN 'x' THEN 1 END FROM resident",
    "SELECT count(*) FILTER (WHERE name = 'x') FROM resident",
    "SELECT name, count(*) FROM resident GROUP BY name",
    "SELECT name, count(*) FROM resident GROUP BY 1",
    "SELECT name AS n, count(*) FROM resident GROUP BY n",
    "SELECT name, count(*) FROM resident GROUP BY ALL",
    "SELECT left(name, 1), count(*) FROM resident GROUP BY ALL",
    "SELECT count(*) FROM resident GROUP BY GROUPING SETS ((name), (sex))",
    "SELECT DISTINCT id_number FROM resident",
    "SELECT DISTINCT * FROM resident",
    "SELECT DISTINCT ON (name) sex FROM resident",
    "SELECT count(DISTINCT id_number) FROM resident",
    "SELECT approx_count_distinct(id_number) FROM resident",
    "SELECT mode(name) FROM resident",
    "SELECT row_number() OVER (PARTITION BY id_number) FROM resident",
    "SELECT sex FROM resident QUALIFY count(*) OVER (PARTITION BY name) > 1",
    "SELECT rank() OVER (ORDER BY name) FROM resident",
    "SELECT id_number FROM resident UNION SELECT id_number FROM dispute_party",
    "SELECT id_number FROM resident INTERSECT SELECT id_number FROM dispute_party",
    "SELECT id_number FROM resident EXCEPT ALL SELECT id_number FROM dispute_party",
    "WITH a AS (SELECT id_number AS n FROM resident) SELECT count(*) FROM a JOIN (SELECT id_number AS n FROM dispute_party) b USING (n)",
    "WITH a(n) AS (SELECT id_number FROM resident) SELECT n, count(*) FROM a GROUP BY n",
    "SELECT n FROM (SELECT id_number AS n FROM resident UNION ALL SELECT 'x') GROUP BY n",
    "SELECT n FROM (SELECT 'x' AS n UNION ALL SELECT id_number FROM resident) GROUP BY n",
    "SELECT count(*) FROM (FROM resident) AS r(a, b, c, d) WHERE b = 'x' OR c = 'x' OR d = 'x'",
    "SELECT r FROM resident r GROUP BY r",
    "SELECT count(*) FROM resident r WHERE r = (SELECT x FROM resident x LIMIT 1)",
    "SELECT count(*) FROM resident WHERE id_number || '' = 'x'",
    "SELECT count(*) FROM resident WHERE CAST(id_number AS VARCHAR) = 'x'",
    "SELECT count(*) FROM resident WHERE hash(id_number) = 1",
    "SELECT list_contains(list(name), 'x') FROM resident",
    "SELECT unnest(list(name)) AS n FROM resident",
    "SELECT count(*) FROM resident WHERE COLUMNS(*) = 'x'",
    "SELECT max(#2) FROM resident",
    "PIVOT resident ON sex IN ('1') USING count(*)",
    "FROM (UNPIVOT resident ON id_number, name) GROUP BY ALL",
    'SELECT "姓名", count(*) FROM 中文."人口" GROUP BY ALL',
    'SELECT count(*) FROM 中文."人口" JOIN 中文."纠纷当事人" USING ("公民身份号码")',
    "SELECT count(*) FROM edition.shared.resident WHERE edition.shared.resident.\"NAME\" = 'x'",
    "SELECT (SELECT max(id_number) FROM resident) = 'x'",
    "SELECT nullif(name, 'x') FROM resident",
    "SELECT length(name) AS n, count(*) FROM resident GROUP BY n",
    "WITH RECURSIVE t AS (SELECT name AS n FROM resident UNION SELECT n FROM t) SELECT count(*) FROM t",
    "SELECT s.n FROM resident r, LATERAL (SELECT r.name AS n) s WHERE s.n = 'x'",
]
SHOWN = [
    "FROM resident",
    "SELECT id_number, name FROM resident WHERE sex = '1' ORDER BY name",
    "SELECT name || '（' || id_number || '）', upper(name), left(phone, 3) FROM resident",
    "SELECT count(id_number), count(*) FROM resident WHERE phone IS NOT NULL AND name IS NULL OR sex = '1'",
    "SELECT sex, any_value(name), count(*) FROM resident GROUP BY sex",
    "SELECT sex, any_value(name) FROM resident GROUP BY ALL",
    "SELECT count(*) FROM resident JOIN dispute_party USING (id_number_pseudonym)",
    "SELECT DISTINCT id_number_pseudonym FROM resident",
    "SELECT DISTINCT * EXCLUDE (id_number, name, phone, living_address) FROM resident",
    "SELECT CASE WHEN sex = '1' THEN name ELSE '女士' END FROM resident",
    "SELECT name FROM resident UNION ALL SELECT id_number FROM dispute_party",
    "SELECT figure, value FROM city_figures WHERE figure LIKE 'grids%' GROUP BY ALL",
    "SELECT p.party_no, r.name FROM dispute_party p JOIN resident r ON p.id_number_pseudonym = r.id_number_pseudonym WHERE p.party_no = 'P1'",
    "SELECT coalesce(name, '无') FROM resident",
    "SELECT year(birth_date) AS y, count(*) FROM resident WHERE birth_date < DATE '1990-01-01' GROUP BY y",
    "SUMMARIZE resident",
    'SELECT "姓名" FROM 中文."人口" WHERE "性别" = \'男\'',
    "WITH a AS (SELECT name, sex FROM resident) SELECT sex, count(name) FROM a GROUP BY sex",
    "SELECT lag(name) OVER (ORDER BY sex) FROM resident",
]


@pytest.mark.parametrize("sql", COMPARED)
def test_masked_values_are_never_compared(home, sql):
    with pytest.raises(QueryRefused, match="脱敏"):
        ask(home, sql)


@pytest.mark.parametrize("sql", SHOWN)
def test_masked_values_may_be_shown_and_counted(home, sql):
    ask(home, sql)


def test_the_refusal_names_the_column_and_its_pseudonym(home):
    with pytest.raises(QueryRefused) as refused:
        ask(home, "SELECT count(*) FROM resident JOIN dispute_party USING (id_number)")
    assert refused.value.zh.startswith("id_number 已脱敏")
    assert "id_number_pseudonym" in refused.value.next_zh
    with pytest.raises(QueryRefused) as refused:
        ask(home, "SELECT DISTINCT name FROM resident")
    assert "name_pseudonym" not in refused.value.next_zh


def test_a_masked_birth_date_is_still_a_date_to_the_year(home):
    (row,) = ask(
        home, "SELECT typeof(birth_date), count(*) FILTER (WHERE birth_date <> date_trunc('year', birth_date)) FROM resident GROUP BY 1"
    ).rows
    assert row == ("DATE", 0)


def test_a_statement_nested_too_deeply_is_refused_not_a_crash(home):
    with pytest.raises(QueryRefused):
        ask(home, "SELECT " + "(" * 900 + "1" + ")" * 900 + " + " + " + ".join(["(" * 3 + "1" + ")" * 3] * 3000))
