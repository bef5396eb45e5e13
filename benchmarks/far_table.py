"""The far side of the landing benchmarks: one table of 12 columns in a PostgreSQL, invented, kept between runs.

    HUB_TEST_POSTGRES (or 127.0.0.1:5432)  ->  database lianshu_bench, tables rows_<n>

And what a hub needs to read it: a registration that keeps the rows as they came, one with a record type, the secret.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

DATABASE = "lianshu_bench"
USUAL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
COLUMNS = 12
# 999999 is no region. `h` takes every value below 30,000,000 once, in no order; from it come a birth date and a sequence number.
_MAKE = """
CREATE TABLE {table} AS
WITH counted AS (SELECT g, (g * 1103515247 + 12345) % 30000000 AS h FROM generate_series(1::bigint, {rows}) g),
born AS (SELECT *, date '1930-01-01' + (h % 30000)::int AS day FROM counted),
numbered AS (SELECT *, '999999' || to_char(day, 'YYYYMMDD') || lpad((h / 30000)::text, 3, '0') AS first17 FROM born),
checked AS (
    SELECT *, first17 || substr('10X98765432', 1 + (
        {weighed}) % 11, 1) AS id_number
    FROM numbered)
SELECT
    g AS id,
    id_number::varchar(18) AS id_number,
    (substr('赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨', 1 + (h % 16)::int, 1) || substr('伟芳娜敏静丽强磊军洋艳勇', 1 + (h / 16 % 12)::int, 1)
        || substr('国华明玉春秀建文英平', 1 + (h / 192 % 11)::int, 1))::varchar(60) AS name,
    (1 + h % 2)::text::char(1) AS sex,
    day AS born,
    '1990000' || lpad((h % 9973)::text, 4, '0') AS phone,
    (999999000 + h % 47)::text AS town_code,
    '某市某镇第' || (h % 977) || '村第' || (h / 7 % 31) || '组' || (h / 11 % 4999) || '号' AS address,
    (1 + h % 9)::int AS household_size,
    ((h * 7919 % 2000003) / 100.0)::numeric(12, 2) AS income,
    (h % 5 <> 0) AS insured,
    timestamp '2025-01-01' + (h % 31536000) * interval '1 second' AS updated_at
FROM checked
"""
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
FIELDS = {
    "person_no": ({"title": "人员编号", "type": "integer"}, "id"),
    "id_number": ({"title": "公民身份号码", "type": "id_number", "required": True, "mask": "id_number", "share": "masked", "level": 3}, "id_number"),
    "name": ({"title": "姓名", "required": True, "mask": "name", "share": "masked", "level": 3}, "name"),
    "sex": ({"title": "性别", "type": "code", "codes": "sex", "share": "plain"}, "sex"),
    "birth_date": ({"title": "出生日期", "type": "date"}, "born"),
    "phone": ({"title": "联系电话", "type": "phone", "mask": "phone"}, "phone"),
    "town_code": ({"title": "乡镇代码"}, "town_code"),
    "address": ({"title": "住址", "mask": "address"}, "address"),
    "household_size": ({"title": "家庭人口", "type": "integer"}, "household_size"),
    "income": ({"title": "收入", "type": "decimal"}, "income"),
    "insured": ({"title": "参保", "type": "boolean"}, "insured"),
    "updated_at": ({"title": "更新时间", "type": "datetime"}, "updated_at"),
}  # fmt: skip


def address() -> dict[str, Any]:
    """host, port, user, password of the server."""
    url = urlsplit(os.environ.get("HUB_TEST_POSTGRES", USUAL))
    return {
        "host": url.hostname or "127.0.0.1",
        "port": url.port or 5432,
        "user": unquote(url.username or "postgres"),
        "password": unquote(url.password or ""),
    }


def conninfo(database: str = DATABASE) -> str:
    words = {**address(), "dbname": database}
    return " ".join(f"{k}={v}" for k, v in words.items() if v != "")


def url() -> str:
    at = address()
    word = f":{at['password']}" if at["password"] else ""
    return f"postgresql://{at['user']}{word}@{at['host']}:{at['port']}/{DATABASE}"


def name(rows: int) -> str:
    return f"rows_{rows}"


def make(rows: int) -> dict[str, Any]:
    """The table, unless it stands already."""
    import psycopg

    with psycopg.connect(conninfo("postgres"), autocommit=True) as server:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            server.execute(f"CREATE DATABASE {DATABASE} ENCODING 'UTF8' TEMPLATE template0")
    with psycopg.connect(conninfo(), autocommit=True) as server:
        if not server.execute("SELECT to_regclass(%s)", [name(rows)]).fetchone()[0]:
            weighed = " + ".join(f"substr(first17, {n}, 1)::int * {w}" for n, w in enumerate(_WEIGHTS, 1))
            with server.transaction():
                server.execute(_MAKE.format(table=name(rows), rows=rows, weighed=weighed))
                server.execute(f"ALTER TABLE {name(rows)} ADD PRIMARY KEY (id)")
                server.execute(f"CREATE INDEX ON {name(rows)} (updated_at)")
            server.execute(f"VACUUM ANALYZE {name(rows)}")
    return {"rows": rows}


def change(rows: int, changed: int) -> dict[str, Any]:
    """Change that many rows, spread over the table, at one moment later than every other."""
    import psycopg

    with psycopg.connect(conninfo(), autocommit=True) as server:
        server.execute(
            f"UPDATE {name(rows)} SET household_size = household_size + 1, income = income + 1, updated_at = later.at"
            f" FROM (SELECT max(updated_at) + interval '1 hour' AS at FROM {name(rows)}) later WHERE id %% %s = 0",
            [rows // changed],
        )
        server.execute(f"VACUUM ANALYZE {name(rows)}")
    return {"changed": changed}


def clean() -> None:
    """Drop the database."""
    import psycopg

    with psycopg.connect(conninfo("postgres"), autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def registered(rows: int, *, accepted: bool, cursor: bool = False) -> tuple[Any, Any]:
    """(city, system) with that table as its one dataset; without a record type it is landed only."""
    from schemas.city import City, Settings
    from schemas.records import Record
    from schemas.registration import Department, System

    record = Record.model_validate({
        "name": "person", "title": "人员", "identity": ["id_number"], "fields": {f: spec for f, (spec, _) in FIELDS.items()},
        "rules": [{"rule": "unique", "field": "person_no"}, {"rule": "range", "field": "household_size", "min": 1, "max": 30}, {"rule": "range", "field": "income", "min": 0}],
    })  # fmt: skip
    read = {"table": name(rows), "key": ["id"], **({"cursor": "updated_at"} if cursor else {})}
    mapped = {"record": "person", "fields": {f: source for f, (_, source) in FIELDS.items()}, "codes": {"sex": {"1": "1", "2": "2"}}}
    sample = [{"given": {"id": 1}, "rejected": "id_number"}]
    dataset = {"title": "人员", "read": read, **({**mapped, "sample": sample} if accepted else {"raw": "测量用"})}
    at = address()
    system = System.model_validate({
        "path": "civil_affairs/persons", "title": "人员库", "connector": "database", "datasets": {"person": dataset},
        "connection": {"dialect": "postgresql", "host": at["host"], "port": at["port"], "database": DATABASE, "secret": "bench"},
    })  # fmt: skip
    departments = {"civil_affairs": Department(name="civil_affairs", title="民政局")}
    city = City(
        Settings(title="某市", division="999999"),
        departments,
        {system.path: system},
        {"person": record},
        {"sex": {"1": "男", "2": "女"}},
        {},
    )
    return city, system


def secret(home: Path) -> None:
    """secrets.yml of that hub."""
    import yaml

    path = home / "secrets.yml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump({"bench": {k: address()[k] for k in ("user", "password")}}), "utf-8")
