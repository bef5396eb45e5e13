"""Attacks on an edition: no statement reads a file, a setting with a path, a raw number, or outlives its limits."""

import os
import subprocess
import time

import pytest

from schemas.errors import QueryRefused
from tests.warehouse.small_edition import NUMBERS, PHONES, filled_lake, small_city
from warehouse import editions
from warehouse.query import ask

SECRET = "TOP-SECRET-4711"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("city") / "planted-hub"
    home.mkdir()
    lake = filled_lake(home)
    editions.export(lake, small_city(), home)
    lake.close()
    for name in ("secret.txt", "secret.csv", "secret.json", "connections.yml", "secrets.yml"):
        (home / name).write_text(f'{{"a": "{SECRET}"}}\n')
    return home


def forbidden(home):
    return [SECRET, *NUMBERS[:20], *PHONES[:20], "WHORL-SECRET", "张三丰", str(home), "planted-hub"]


def outcome(home, sql, **limits):
    """Everything that comes back, an error's text included."""
    try:
        answer = ask(home, sql, limit_rows=5000, **limits)
    except QueryRefused as error:
        return f"{error} {error.en} {error.next_en}".replace(sql, "")
    return f"{answer.columns} {answer.rows}"


# {home} is the hub's folder, {lake} its catalogue, {file} a planted file
ATTACKS = """
SELECT * FROM read_text('{file}')
SELECT * FROM read_blob('{file}')
SELECT * FROM read_csv('{home}/secret.csv', header = false)
SELECT * FROM read_csv_auto('{home}/*.csv')
SELECT * FROM read_json('{home}/secret.json')
SELECT * FROM read_json_objects('{home}/secret.json')
SELECT * FROM read_ndjson_auto('{home}/secret.json')
SELECT * FROM read_parquet('{home}/lake/files/**/*.parquet')
SELECT * FROM parquet_metadata('{home}/lake/files/**/*.parquet')
SELECT * FROM parquet_schema('{home}/lake/files/**/*.parquet')
SELECT * FROM parquet_kv_metadata('{home}/lake/files/*.parquet')
SELECT * FROM read_duckdb('{home}/editions/analyst.1.duckdb')
SELECT * FROM sniff_csv('{file}')
SELECT * FROM glob('{home}/*')
SELECT * FROM glob('../*')
SELECT * FROM '{file}'
SELECT * FROM '{home}/secret.csv'
SELECT * FROM '{home}/lake/files/shared/resident/*.parquet'
SELECT * FROM "{home}/secret.json"
SELECT (SELECT content FROM read_text('{file}'))
WITH a AS MATERIALIZED (FROM read_text('{file}')) FROM a
DESCRIBE SELECT * FROM read_csv('{file}')
SUMMARIZE SELECT * FROM read_csv('{file}')
SELECT * FROM resident WHERE name IN (SELECT content FROM read_text('{file}'))
SELECT * FROM range(1), LATERAL (SELECT * FROM read_text('{file}'))
SELECT * FROM Read_Text('{file}')
SELECT * FROM "read_text"('{file}')
SELECT * FROM system.main.read_text('{file}')
COPY (SELECT 1) TO '{home}/out.csv'
COPY shared.resident TO '/dev/stdout'
COPY shared.resident FROM '{file}'
EXPORT DATABASE '{home}/out'
IMPORT DATABASE '{home}/out'
ATTACH '{lake}' AS l (TYPE sqlite)
ATTACH 'ducklake:sqlite:{lake}' AS l
ATTACH '{home}/editions/analyst.1.duckdb' AS e
ATTACH 'host=127.0.0.1 user=postgres' AS p (TYPE postgres)
DETACH edition
USE memory
SELECT * FROM sqlite_scan('{lake}', 'ducklake_data_file')
SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 'x')
SELECT * FROM ducklake_table_changes('lake', 'shared', 'resident', 1, 9)
SELECT * FROM lake.shared.resident
SELECT * FROM shared.resident AT (VERSION => 1)
INSTALL httpfs
INSTALL sqlite FROM '{home}'
LOAD sqlite_scanner
LOAD '{home}/evil.duckdb_extension'
UPDATE EXTENSIONS
PRAGMA database_list
PRAGMA show_databases
PRAGMA enable_profiling = 'json'
PRAGMA profiling_output = '{home}/p.json'
PRAGMA table_info('resident')
PRAGMA database_size
SET enable_external_access = true
SET lock_configuration = false
SET memory_limit = '100GB'
SET GLOBAL threads = 64
SET log_query_path = '{home}/log'
SET home_directory = '{home}'
SET VARIABLE a = 1
RESET lock_configuration
RESET ALL
CREATE SECRET s (TYPE s3)
DROP SECRET s
SELECT * FROM duckdb_secrets()
SELECT * FROM which_secret('s3://x', 's3')
SELECT * FROM duckdb_databases()
SELECT * FROM duckdb_databases
SELECT path FROM "duckdb_databases"()
SELECT * FROM system.main.duckdb_databases
SELECT * FROM pragma_database_list
SELECT * FROM pragma_database_list()
SELECT * FROM duckdb_settings()
SELECT * FROM pg_settings
SELECT * FROM pg_catalog.pg_settings
SELECT * FROM duckdb_extensions()
SELECT * FROM duckdb_logs
SELECT * FROM duckdb_logs()
SELECT * FROM duckdb_temporary_files()
SELECT * FROM duckdb_external_file_cache()
SELECT * FROM duckdb_variables()
SELECT * FROM duckdb_prepared_statements()
SELECT * FROM duckdb_memory()
SELECT * FROM pragma_database_size()
SELECT * FROM pragma_storage_info('shared.resident')
SELECT * FROM pragma_metadata_info()
SHOW DATABASES
SHOW VARIABLES
SHOW TABLES FROM edition.shared
SELECT current_setting('allowed_paths')
SELECT "current_setting"('allowed_paths')
SELECT system.main.current_setting('temp_directory')
SELECT list_transform(['allowed_paths'], lambda x: current_setting(x))
SELECT getvariable('x')
SELECT getenv('PATH')
SELECT current_database(), current_schemas(true), version()
FROM query('FROM read_text(''{file}'')')
FROM query('FROM duckdb_' || 'databases()')
FROM query_table('duckdb_databases')
FROM query_table('{file}')
FROM json_execute_serialized_sql(json_serialize_sql('FROM duckdb_databases()'))
PRAGMA json_execute_serialized_sql('x')
SELECT json_serialize_plan('FROM duckdb_databases()')
FROM histogram(duckdb_databases, path)
FROM histogram_values('duckdb_databases', 'path')
FROM summary((FROM duckdb_databases()))
FROM arrow_scan(1::POINTER, 2::POINTER, 3::POINTER)
FROM pandas_scan(1)
FROM python_map_function(1)
FROM seq_scan('resident')
FROM enable_logging(storage = 'file', storage_path = '{home}/logs')
CALL enable_logging('QueryLog', storage = 'file', storage_path = '{home}/logs')
CALL enable_profiling()
SELECT write_log('x')
FROM test_all_types()
FROM force_checkpoint()
CHECKPOINT
VACUUM
SELECT * FROM 'http://127.0.0.1:1/x.csv'
SELECT * FROM read_csv('https://127.0.0.1:1/x.csv')
SELECT * FROM 's3://bucket/x.parquet'
PREPARE p AS SELECT * FROM read_text('{file}')
EXECUTE p
EXPLAIN SELECT * FROM read_text('{file}')
EXPLAIN ANALYZE SELECT 1
CREATE TEMP TABLE t AS SELECT * FROM read_text('{file}')
CREATE VIEW v AS FROM resident
CREATE MACRO m() AS TABLE FROM read_text('{file}')
CREATE TYPE t AS ENUM (SELECT content FROM read_text('{file}'))
PIVOT resident ON name
INSERT INTO resident VALUES (1)
UPDATE resident SET name = 'x'
TRUNCATE resident
ALTER TABLE resident ADD COLUMN x INT
BEGIN
SELECT error((SELECT string_agg(id_number) FROM resident))
SELECT CAST((SELECT string_agg(phone) FROM resident) AS INT)
SELECT * FROM con
SELECT * FROM json
SELECT $1
SELECT ?
SELECT 1 /* ; */ -- ; DROP
FROM resident; COPY resident TO '{home}/out.csv'
SELECT * FROM shared.resident ORDER BY rowid
SELECT sql FROM duckdb_views()
FROM information_schema.schemata
SELECT * FROM duckdb_tables()
""".strip().splitlines()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a[:60])
def test_an_attack_leaks_nothing(home, attack):
    before = sorted(p.name for p in home.iterdir())
    file, lake = home / "secret.txt", home / "lake" / "catalogue.sqlite"
    sql = attack.replace("{home}", str(home)).replace("{file}", str(file)).replace("{lake}", str(lake))
    said = outcome(home, sql)
    for asked in (str(file), str(lake), str(home)):  # what the question itself held is no news
        if asked in sql:
            said = said.replace(asked, "")
    assert not [secret for secret in forbidden(home) if secret in said and secret not in sql]
    assert sorted({*before, "audit"}) == sorted({*(p.name for p in home.iterdir()), "audit"})


def test_the_attacks_would_succeed_without_the_guards(home):
    """The list is worth something only if its words work where nothing is shut."""
    import duckdb

    con = duckdb.connect(str(home / "editions" / "analyst.1.duckdb"), read_only=True)
    assert SECRET in str(con.execute(f"SELECT * FROM read_text('{home}/secret.txt')").fetchall())
    assert str(home) in str(con.execute("FROM query('FROM duckdb_' || 'databases()')").fetchall())
    con.close()


@pytest.mark.parametrize(
    "bomb",
    [
        "SELECT count(*) FROM range(10000000000) a, range(10000000000) b",
        "SELECT sum(levenshtein(repeat('a', 20000) || range, repeat('b', 20000))) FROM range(1000000)",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
        "SELECT sum(length(regexp_replace(repeat('a', 1000000) || range, '(a*)*b', 'c'))) FROM range(100000)",
    ],
)
def test_a_question_that_never_ends_is_ended(home, bomb):
    started = time.monotonic()
    with pytest.raises(QueryRefused) as refused:
        ask(home, bomb, seconds=2)
    assert time.monotonic() - started < 10
    assert "停止" in refused.value.zh or "内存" in refused.value.zh


@pytest.mark.parametrize(
    "bomb",
    [
        "SELECT repeat('x', 2000000000) || repeat('y', 2000000000)",
        "SELECT list(range) FROM range(1000000000)",
        "SELECT * FROM range(100000000) ORDER BY hash(range)",
        "SELECT string_agg(repeat('x', 100000)) FROM range(100000)",
        "SELECT " + "(" * 20000 + "1" + ")" * 20000,
        "SELECT " + "+".join(["1"] * 45000),
        "SELECT " + "[" * 900 + "1" + "]" * 900,
    ],
    ids=range(7),
)
def test_a_question_that_eats_memory_or_the_stack_hurts_only_its_own_process(home, bomb):
    try:
        ask(home, bomb, seconds=8)
    except QueryRefused as refused:
        assert refused.zh
    assert ask(home, "SELECT 1").rows == [(1,)]


def test_a_worker_is_gone_with_its_question(home):
    with pytest.raises(QueryRefused):
        ask(home, "SELECT count(*) FROM range(10000000000) a, range(10000000000) b", seconds=1)
    left = subprocess.run(["ps", "-o", "args", "--ppid", str(os.getpid())], capture_output=True, text=True)
    assert "query_worker" not in left.stdout
