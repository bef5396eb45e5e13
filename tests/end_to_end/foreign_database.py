"""A database as somebody else leaves it: names with spaces, reserved words, Chinese names, composite keys, no keys, blobs, nothing in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def uscc(n: int) -> str:
    """An invented code with a valid check character and a region that does not exist."""
    first = f"92999999{n:09d}"
    total = sum(_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(first))
    return first + _ALPHABET[-total % 31]


def build(file: Path) -> dict[str, int]:
    """Write the database; returns the rows of every table."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(sqlite3.connect(file)) as con:
        con.executescript("""
            CREATE TABLE Shop ("Shop No" INTEGER PRIMARY KEY, "Credit Code" TEXT, Name NVARCHAR(80), Owner TEXT, Kind TEXT, Opened TEXT, State TEXT,
                "order" INTEGER);
            CREATE TABLE "Order" ("from" TEXT, "select" REAL, "When" DATETIME, PRIMARY KEY ("from", "When"));
            CREATE TABLE "Shop Goods" (ShopNo INTEGER, "Good's Name" TEXT, Price NUMERIC(10,2), PRIMARY KEY (ShopNo, "Good's Name"));
            CREATE TABLE EmptyStall (Id INTEGER PRIMARY KEY, Reason TEXT);
            CREATE TABLE Photo (Id INTEGER PRIMARY KEY, Picture BLOB);
            CREATE TABLE 摊位 (编号 TEXT PRIMARY KEY, 面积 REAL);
            CREATE TABLE Visits (Street TEXT, Visitors INTEGER);
            CREATE TABLE "select" ("group" INTEGER PRIMARY KEY, "NO" TEXT);
            CREATE VIEW Everything AS SELECT * FROM Shop;
        """)
        shops = [(n, uscc(n), f"街角{n}号小吃", f"张{n}", "个体户", f"2019/{n:02d}/15", "营业", n) for n in range(1, 11)]
        shops += [(11, uscc(11)[:-1] + "0", "错码店", "李某", "个体户", "2020/01/01", "营业", 11)]
        shops += [(12, uscc(12), "关门店", "王某", "公司", "2020/01/02", "停业", 12)]
        con.executemany("INSERT INTO Shop VALUES (?, ?, ?, ?, ?, ?, ?, ?)", shops)
        con.executemany('INSERT INTO "Order" VALUES (?, ?, ?)', [("a", 1.5, "2026-01-01 08:00:00"), ("a", 2.25, "2026-01-01 09:00:00")])
        con.executemany('INSERT INTO "Shop Goods" VALUES (?, ?, ?)', [(n, g, 3.5) for n in (1, 2, 3) for g in ("胡辣汤", 'it\'s "hot"')])
        con.executemany("INSERT INTO Photo VALUES (?, ?)", [(1, b"\x89PNG\x00\xff\xfe"), (2, None)])
        con.executemany("INSERT INTO 摊位 VALUES (?, ?)", [("甲-1", 4.5), ("甲-2", 6.0)])
        con.executemany("INSERT INTO Visits VALUES (?, ?)", [("东街", 5), ("东街", 5), ("西街", 7)])
        con.execute("INSERT INTO \"select\" VALUES (1, 'yes')")
        con.commit()
        names = [r[0] for r in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {n: con.execute(f'SELECT count(*) FROM "{n}"').fetchone()[0] for n in names}
