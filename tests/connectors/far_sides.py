"""One small far side a connector kind, all with the same rows: real servers, a real HTTP server, a real folder.

A row is {id, name, updated}; `updated` is the cursor where the kind has one.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from schemas.registration import System
from tests import services

PASSWORD = "Rather-Secret-77"  # never to be seen in a message
ROWS = [
    {"id": str(n), "name": f"张{n}𠮷" if n % 2 else f"李,{n}\"'", "updated": f"2026-03-01 08:{n // 60:02d}:{n % 60:02d}"}
    for n in range(1, 251)
]


class Far:
    """What the contract suite needs of a far side."""

    incremental = True
    knows_passwords = True
    connection: dict[str, Any]
    read: dict[str, Any]
    secret: dict[str, str]

    def __init__(self, home: Path) -> None:
        self.home = home

    def put(self, *rows: dict[str, Any]) -> None: ...
    def remove(self, *ids: str) -> None: ...
    def rename(self, column: str, to: str) -> None: ...
    def add(self, column: str) -> None: ...

    @contextmanager
    def breaking(self) -> Iterator[Any]:
        """While it lasts, a read gets fewer rows than there are; call what it yields after the first batch."""
        yield lambda: None

    def unreachable(self) -> dict[str, Any]:
        """The connection with an address where nothing is."""
        raise NotImplementedError

    def wrong_secret(self) -> dict[str, str]:
        return {**self.secret, "password": PASSWORD}

    def system(self, connection: dict[str, Any] | None = None, secret: dict[str, str] | None = None, **read: Any) -> System:
        """The registration, with its connection and secret written where the hub looks for them."""
        _write(self.home / "secrets.yml", {"far": secret or self.secret})
        _write(self.home / "connections.yml", {"department/far": {"main": {**(connection or self.connection), "secret": "far"}}})
        dataset = {
            "title": "人员", "record": "resident", "read": {"key": ["id"], **self.read, **read},
            "fields": {"id_number": "id", "name": "name", "updated_at": "updated"},
            "sample": [{"given": {}, "expect": {}}],
        }  # fmt: skip
        limits = {"timeout": "5 seconds", "patience": "30 seconds"}
        named = {
            "path": "department/far",
            "title": "远端",
            "connections": {"main": {"connector": (connection or self.connection)["connector"]}},
        }
        return System.model_validate({**named, "limits": limits, "datasets": {"person": dataset}})


def _write(path: Path, content: Any) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")


class Table(Far):
    """A table of a database server."""

    kinds = ("varchar(20)", "varchar(40)", "timestamp")

    def __init__(self, home: Path, service: services.Service, path: str) -> None:
        super().__init__(home)
        self.service, self.path = service, path
        self.connection = {**service.connection, "path": path}
        self.secret = service.secret
        self.read = {"table": "person", "cursor": "updated", "overlap": "10 seconds"}
        kinds = self.kinds
        service.run(f"CREATE TABLE person (id {kinds[0]} PRIMARY KEY, name {kinds[1]}, updated {kinds[2]})")
        self.put(*ROWS)

    def put(self, *rows: dict[str, Any]) -> None:
        texts = ", ".join("(" + ", ".join("'" + str(r[c]).replace("'", "''") + "'" for c in ("id", "name", "updated")) + ")" for r in rows)
        self.remove(*(r["id"] for r in rows))
        self.service.run(f"INSERT INTO person (id, name, updated) VALUES {texts}")

    def remove(self, *ids: str) -> None:
        self.service.run(f"DELETE FROM person WHERE id IN ({', '.join(repr(i) for i in ids)})")

    def rename(self, column: str, to: str) -> None:
        self.service.run(f"ALTER TABLE person RENAME COLUMN {column} TO {to}")

    def add(self, column: str) -> None:
        self.service.run(f"ALTER TABLE person ADD COLUMN {column} varchar(10)")

    def unreachable(self) -> dict[str, Any]:
        return {**self.connection, "host": "127.0.0.1", "port": 1}


class Postgres(Table):
    def wrong_secret(self) -> dict[str, str]:
        self.service.run("DROP ROLE IF EXISTS hub_test_nobody")
        return {"user": "hub_test_nobody", "password": PASSWORD}


class Mariadb(Table):
    kinds = ("varchar(20)", "varchar(40)", "datetime")

    def wrong_secret(self) -> dict[str, str]:
        return {"user": "hub_test_nobody", "password": PASSWORD}


class Sqlite(Far):
    knows_passwords = False
    secret = {"user": "nobody"}  # noqa: RUF012

    def __init__(self, home: Path, path: str) -> None:
        super().__init__(home)
        self.file = home / "far" / "person.sqlite"
        self.file.parent.mkdir(exist_ok=True)
        self.connection = {"connector": "database", "dialect": "sqlite", "file": str(self.file), "path": path}
        self.read = {"table": "person", "cursor": "updated", "overlap": "10 seconds"}
        self._run("CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT, updated TEXT)")
        self.put(*ROWS)

    def _run(self, sql: str, values: Any = ()) -> None:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.executemany(sql, values) if values else connection.execute(sql)

    def put(self, *rows: dict[str, Any]) -> None:
        self._run("INSERT OR REPLACE INTO person (id, name, updated) VALUES (:id, :name, :updated)", rows)

    def remove(self, *ids: str) -> None:
        self._run("DELETE FROM person WHERE id = ?", [(i,) for i in ids])

    def rename(self, column: str, to: str) -> None:
        self._run(f"ALTER TABLE person RENAME COLUMN {column} TO {to}")

    def add(self, column: str) -> None:
        self._run(f"ALTER TABLE person ADD COLUMN {column} TEXT")

    def unreachable(self) -> dict[str, Any]:
        return {**self.connection, "file": str(self.home / "far" / "nowhere" / "person.sqlite")}


class Interface(Far):
    """Page and size, a total, an error in a 200, an API key in a header."""

    secret = {"api_key": "the-right-key"}  # noqa: RUF012

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.rows = {r["id"]: dict(r) for r in ROWS}
        self.short = False
        far = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = json.dumps(far.answer(self.headers, urlsplit(self.path)), ensure_ascii=False).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.connection = {
            "connector": "rest", "url": f"http://127.0.0.1:{self.server.server_address[1]}", "auth": "api_key", "header": "X-Api-Key",
            "ok": {"path": "code", "values": ["0"]},
        }  # fmt: skip
        self.read = {
            "path": "/person", "rows": "data.list", "cursor": "updated", "overlap": "10 seconds", "since": {"lower": "from", "upper": "to"},
            "page": {"number": "page", "size": "size", "rows": 100, "total": "data.total"},
        }  # fmt: skip

    def answer(self, headers: Any, parts: Any) -> Any:
        if headers.get("X-Api-Key") != self.secret["api_key"]:
            return {"code": 403, "msg": "密钥无效"}
        asked = dict(parse_qsl(parts.query))
        rows = [r for r in self.rows.values() if asked.get("from", "") <= r["updated"]]
        total = len(rows)
        if self.short:
            rows = rows[:-30]
        start = (int(asked["page"]) - 1) * int(asked["size"])
        return {"code": 0, "data": {"total": total, "list": rows[start : start + int(asked["size"])]}}

    def put(self, *rows: dict[str, Any]) -> None:
        self.rows |= {r["id"]: {**r} for r in rows}

    def remove(self, *ids: str) -> None:
        for i in ids:
            del self.rows[i]

    def rename(self, column: str, to: str) -> None:
        self.rows = {i: {to if k == column else k: v for k, v in r.items()} for i, r in self.rows.items()}

    def add(self, column: str) -> None:
        self.rows = {i: {**r, column: "x"} for i, r in self.rows.items()}

    @contextmanager
    def breaking(self) -> Iterator[Any]:
        self.short = True
        yield lambda: None
        self.short = False

    def unreachable(self) -> dict[str, Any]:
        return {**self.connection, "url": "http://127.0.0.1:1"}

    def wrong_secret(self) -> dict[str, str]:
        return {"api_key": PASSWORD}


class Folder(Far):
    """One GB18030 file, each time whole."""

    incremental = False
    knows_passwords = False
    secret = {"user": "nobody"}  # noqa: RUF012

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.folder = home / "far" / "drop"
        self.folder.mkdir(parents=True)
        self.connection = {"connector": "files", "folder": str(self.folder)}
        self.read = {"files": "person.csv", "encoding": "gb18030", "whole": "all", "settled": "1 second"}
        self.rows = {r["id"]: dict(r) for r in ROWS}
        self.columns = ["id", "name", "updated"]
        self.versions = 0
        self._export()

    def _export(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(self.rows.values())
        self._write(text.getvalue().encode("gb18030"))

    def _write(self, content: bytes) -> None:
        file = self.folder / "person.csv"
        file.write_bytes(content)
        self.versions += 1
        settled = time.time() - 3600 + self.versions  # finished long ago, each version at another moment
        os.utime(file, (settled, settled))

    def put(self, *rows: dict[str, Any]) -> None:
        self.rows |= {r["id"]: dict(r) for r in rows}
        self._export()

    def remove(self, *ids: str) -> None:
        for i in ids:
            del self.rows[i]
        self._export()

    def rename(self, column: str, to: str) -> None:
        self.columns = [to if c == column else c for c in self.columns]
        self.rows = {i: {to if k == column else k: v for k, v in r.items()} for i, r in self.rows.items()}
        self._export()

    def add(self, column: str) -> None:
        self.columns.append(column)
        self._export()

    @contextmanager
    def breaking(self) -> Iterator[Any]:
        content = (self.folder / "person.csv").read_bytes()
        yield lambda: self._write(content[: len(content) // 2])  # rewritten while it is read
        self._write(content)

    def unreachable(self) -> dict[str, Any]:
        return {**self.connection, "folder": str(self.home / "far" / "nowhere")}


KINDS = ("postgresql-fast", "postgresql-plain", "mariadb-fast", "mariadb-plain", "sqlite-fast", "sqlite-plain", "rest", "files")


@contextmanager
def far_side(kind: str, home: Path) -> Iterator[Far]:
    product, _, path = kind.partition("-")
    if product == "postgresql":
        with services.postgres() as service:
            yield Postgres(home, service, path)
    elif product == "mariadb":
        with services.mariadb() as service:
            yield Mariadb(home, service, path)
    elif product == "sqlite":
        yield Sqlite(home, path)
    elif product == "files":
        yield Folder(home)
    else:
        far = Interface(home)
        try:
            yield far
        finally:
            far.server.shutdown()
            far.server.server_close()
