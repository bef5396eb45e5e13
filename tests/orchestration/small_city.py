"""A city of two systems over SQLite files, written to a folder: registrations, record type, derived table, far sides."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import yaml

from tests.warehouse.far_side import id_number

RECORD = {
    "title": "人员",
    "identity": ["id_number"],
    "authority": ["public_security/population/person"],
    "fields": {
        "id_number": {"title": "公民身份号码", "type": "id_number", "mask": "id_number", "share": "masked", "level": 3},
        "name": {"title": "姓名", "mask": "name", "share": "masked", "level": 3},
        "sex": {"title": "性别", "type": "code", "codes": "sex", "share": "plain"},
        "income": {"title": "收入", "type": "decimal", "share": "plain"},
    },
    "rules": [{"rule": "range", "field": "income", "min": 0, "max": 100000}],
}
DERIVED = {
    "title": "指标",
    "key": ["figure"],
    "uses": ["person"],
    "columns": {"figure": {"title": "指标"}, "value": {"title": "数值", "type": "integer"}},
    "figures": {"people": {"title": "人数", "record": "person", "where": "true"}},
}
FIELDS = {"id_number": "SFZH", "name": "XM", "sex": "XB", "income": "SR"}
SAMPLE = [{"given": {"SFZH": id_number(1), "XM": "张一", "XB": "1", "SR": "1"}, "expect": {"id_number": id_number(1), "sex": "1"}}]


def registration(number: str, read: dict) -> dict:
    return {
        "title": "人口" if number == "1" else "救助",
        "connector": "database",
        "connection": {"dialect": "sqlite", "file": "placeholder.sqlite"},
        "datasets": {
            "person": {
                "title": "人员",
                "record": "person",
                "resource": {"code": f"306001/{number}", "share": "conditional", "condition": "履职需要"},
                "read": read,
                "fields": FIELDS,
                "codes": {"sex": {"1": "1", "2": "2"}},
                "ignore": ["BZ"],
                "sample": SAMPLE,
            }
        },
    }


def write(root: Path) -> tuple[Path, Path, Path]:
    """(home, systems, schemas) below `root`, with two far sides under home/far."""
    home, systems, schemas = root / "home", root / "systems", root / "schemas"
    (home / "far").mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in ("records", "codes", "derived"):
        (schemas / folder).mkdir(parents=True, exist_ok=True)
    put(schemas / "records/person.yml", RECORD)
    put(schemas / "derived/figures.yml", DERIVED)
    (schemas / "derived/figures.sql").write_text("SELECT 'people' AS figure, count(*) AS value FROM shared.person\n", "utf-8")
    (schemas / "codes/sex.csv").write_text("code,title\n1,男\n2,女\n", "utf-8")
    put(systems / "_city.yml", {"title": "某市", "division": "999999"})
    put(systems / "public_security/_department.yml", {"title": "公安局", "uscc": "11999999MB0000000K"})
    put(systems / "civil_affairs/_department.yml", {"title": "民政局", "uscc": "11999999MB0000001H"})
    marks = {"table": "T", "key": ["NO"], "changes": {"kind": "OP", "at": "OP_TIME"}, "overlap": "1 hours"}
    put(systems / "public_security/population.yml", registration("1", marks))
    put(systems / "civil_affairs/assistance.yml", registration("2", {"table": "T", "key": ["NO"], "whole": "all"}))
    entries = {}
    for path in ("public_security/population", "civil_affairs/assistance"):
        entries[path] = {"main": {"connector": "database", "dialect": "sqlite", "file": str(far(home, path))}}
    put(home / "connections.yml", entries)
    (home / "connections.yml").chmod(0o600)
    for path in entries:
        with closing(sqlite3.connect(far(home, path))) as con:
            con.execute("CREATE TABLE IF NOT EXISTS T (NO TEXT, SFZH TEXT, XM TEXT, XB TEXT, SR TEXT, OP TEXT, OP_TIME TEXT)")
            con.commit()
    return home, systems, schemas


def put(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), "utf-8")


def far(home: Path, path: str) -> Path:
    return home / "far" / f"{path.replace('/', '_')}.sqlite"


def change(home: Path, path: str, rows: list[tuple], *, gone: list[str] = (), marked: bool) -> None:
    """Upsert (NO, SFZH, XM, XB, SR, OP_TIME) rows; `marked` sources say D instead of dropping the row."""
    with closing(sqlite3.connect(far(home, path))) as con:
        for no, *rest, when in rows:
            con.execute("DELETE FROM T WHERE NO = ?", [no])
            con.execute("INSERT INTO T VALUES (?, ?, ?, ?, ?, 'U', ?)", [no, *rest, when])
        for no in gone:
            if marked:
                con.execute("UPDATE T SET OP = 'D', OP_TIME = ? WHERE NO = ?", [rows[-1][-1] if rows else "2026-12-31 00:00:00", no])
            else:
                con.execute("DELETE FROM T WHERE NO = ?", [no])
        con.commit()
