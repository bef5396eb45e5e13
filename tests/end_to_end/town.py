"""A town of one or two systems over any far side, opened as the hub opens it, for tests of the whole way.

registrations on disk  ->  read_city  ->  Hub  ->  routes.sync, routes.publish
"""

from __future__ import annotations

import copy
import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from orchestration.routes import Hub, Outcome, Synced, publish, sync
from schemas.city import City, read_city
from schemas.errors import HubError
from tests.orchestration.small_city import put
from tests.warehouse.far_side import id_number

SYSTEM, TABLE = "civil_affairs/assistance", "civil_affairs_assistance__person"
RECORD = {
    "title": "人员",
    "identity": ["id_number"],
    "fields": {
        "id_number": {"title": "公民身份号码", "type": "id_number", "mask": "id_number", "share": "masked", "level": 3},
        "name": {"title": "姓名", "mask": "name", "share": "masked", "level": 3},
        "sex": {"title": "性别", "type": "code", "codes": "sex", "share": "plain"},
        "born": {"title": "出生日期", "type": "date", "share": "plain"},
        "income": {"title": "收入", "type": "decimal", "share": "plain"},
    },
}
COLUMNS = ("NO", "SFZH", "XM", "XB", "CSRQ", "SR")
FIELDS = dict(zip(RECORD["fields"], COLUMNS[1:], strict=True))
CHINESE = re.compile("[\u4e00-\u9fff]")


def row(n: int, **changed: str | None) -> dict[str, str | None]:
    return {"NO": str(n), "SFZH": id_number(n), "XM": f"张{n}", "XB": "1", "CSRQ": "1980-01-01", "SR": "100.00", **changed}


def registration(read: Mapping[str, object], connector: str = "database", **dataset: object) -> dict:
    of = {
        "title": "人员",
        "record": "person",
        "resource": {"code": "306001/1", "share": "conditional", "condition": "履职需要"},
        "read": {"key": ["NO"], **read},
        "fields": dict(FIELDS),
        "codes": {"sex": {"1": "1", "2": "2"}},
        "sample": [{"given": row(1), "expect": {"id_number": id_number(1), "sex": "1"}}],
        **dataset,
    }
    return {
        "title": "救助",
        "connector": connector,
        "connection": {"database": {"dialect": "sqlite", "file": "x"}, "rest": {"url": "http://127.0.0.1:1"}, "files": {"folder": "x"}}[
            connector
        ],
        "datasets": {"person": of},
    }


class Town:
    """Registrations and homes below one folder. `hub` is open with the city as it is registered now."""

    def __init__(self, root: Path) -> None:
        self.home, self.systems, self.schemas = root / "home", root / "systems", root / "schemas"
        self.drop = root / "drop"
        self.drop.mkdir()
        self.home.mkdir(mode=0o700)
        self._hub: Hub | None = None
        self._entries: dict[str, dict] = {}
        for folder in ("records", "codes", "derived"):
            (self.schemas / folder).mkdir(parents=True)
        self.record = copy.deepcopy(RECORD)
        put(self.schemas / "records/person.yml", self.record)
        (self.schemas / "codes/sex.csv").write_text("code,title\n1,男\n2,女\n", "utf-8")
        put(self.systems / "_city.yml", {"title": "某市", "division": "999999"})
        put(self.systems / "civil_affairs/_department.yml", {"title": "民政局", "uscc": "11999999MB0000001H"})
        put(self.systems / "health/_department.yml", {"title": "卫健委", "uscc": "11999999MB0000002F"})

    # registering

    def register(self, content: Mapping[str, object], path: str = SYSTEM) -> None:
        self.close()
        put(self.systems / f"{path}.yml", content)

    def connect(self, entry: Mapping[str, object], path: str = SYSTEM, **secrets: Mapping[str, str]) -> None:
        self.connect_all({"main": entry}, path, **secrets)

    def connect_all(self, entries: Mapping[str, Mapping[str, object]], path: str = SYSTEM, **secrets: Mapping[str, str]) -> None:
        self._entries[path] = {via: dict(entry) for via, entry in entries.items()}
        self._private("connections.yml", self._entries)
        if secrets:
            self._private("secrets.yml", secrets)

    def _private(self, name: str, content: object) -> None:
        put(self.home / name, content)
        (self.home / name).chmod(0o600)

    # running

    @property
    def city(self) -> City:
        return read_city(self.systems, self.schemas)

    @property
    def hub(self) -> Hub:
        self._hub = self._hub or Hub.open(self.home, self.city)
        return self._hub

    def close(self) -> None:
        if self._hub:
            self._hub.close()
        self._hub = None

    def sync(self, path: str = SYSTEM, **more: object) -> Outcome:
        return self.synced(path, **more).outcomes["person"]

    def synced(self, path: str = SYSTEM, **more: object) -> Synced:
        return sync(self.hub, self.hub.city.system(path), **more)

    def publish(self, **more: object):
        return publish(self.hub, **more)

    # looking

    def rows(self, table: str, columns: str = "*", where: str = "true") -> list[tuple]:
        return self.hub.lake.cursor().execute(f"SELECT {columns} FROM {table} WHERE {where} ORDER BY ALL").fetchall()

    def count(self, station: str = "standard", table: str = TABLE) -> int:
        return self.rows(f"{station}.{table}", "count(*)")[0][0]

    def held(self, table: str = TABLE) -> list[tuple]:
        """(key, station, field, reason, whether the last accepted version stands)."""
        return self.rows(f"quarantine.{table}", "_key, station, field, reason, stands")

    def standing(self) -> dict[str, list[tuple]]:
        """Every row of every station and every cursor, as they are now."""
        con = self.hub.lake.cursor()
        tables = con.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name <> 'hub' ORDER BY ALL"
        ).fetchall()
        found = {f"{s}.{t}": self.rows(f'{s}."{t}"') for s, t in tables}
        return found | {"cursors": self.rows("hub.cursors", "dataset, number, value, definition"), "made": self.rows("hub.made")}


def says(error: HubError | None, kind: type[HubError], *words: str) -> HubError:
    """That it is this kind of error, names these words in Chinese, and says whose move it is and what comes next."""
    assert type(error) is kind, repr(error)
    for word in words:
        assert word in error.zh, (word, error.zh)
    for text in (error.zh, error.next_zh, error.whose_zh):
        assert CHINESE.search(text), repr(text)
    assert error.en
    assert error.next_en
    return error


class Sqlite:
    """A far side that is a SQLite file with one table T."""

    def __init__(self, town: Town, columns: Iterable[str] = COLUMNS, path: str = SYSTEM) -> None:
        self.file = town.home / "far" / f"{path.replace('/', '_')}.sqlite"
        self.file.parent.mkdir(exist_ok=True, mode=0o700)
        self.columns = tuple(columns)
        self.run(f"CREATE TABLE T ({', '.join(f'{c} TEXT' for c in self.columns)})")
        town.connect({"connector": "database", "dialect": "sqlite", "file": str(self.file)}, path)

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.file)) as con:
            for statement in statements:
                con.execute(statement)
            con.commit()

    def put(self, *rows: Mapping[str, str | None]) -> None:
        with closing(sqlite3.connect(self.file)) as con:
            for r in rows:
                con.execute(f"INSERT INTO T ({', '.join(r)}) VALUES ({', '.join('?' * len(r))})", list(r.values()))
            con.commit()

    def set(self, where: str, **values: str | None) -> None:
        with closing(sqlite3.connect(self.file)) as con:
            con.execute(f"UPDATE T SET {', '.join(f'{c} = ?' for c in values)} WHERE {where}", list(values.values()))
            con.commit()
