"""The interfaces of the far sides: one HTTP server for all of them, each system under its own code.

    GET /<system code>/<path>?page=…&updatedAfter=…  ->  JSON as that system's vendor shaped it

A process of its own (`python -m demo.serve_http <home>`), started by `hub demo up`. How a system hands on its pages, tells
an error and knows a caller is read from the kept registrations; what goes wrong on purpose, from faults.json.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import secrets
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from demo.sides import Side, folder, note, noted, sides
from schemas.reading import Connection
from schemas.registration import Dataset

LARGEST_PAGE = 5_000
TOKEN_LIFE = 7_200  # seconds
Query = dict[str, str]


class Denied(Exception):
    """What the vendor's programme says instead of data."""

    def __init__(self, code: int, message: str, status: int = HTTPStatus.OK) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Faults:
    """faults.json, read again when it has changed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.seen = (0, 0)
        self.now: dict[str, Any] = {}

    def on(self, name: str, side: Side, dataset: str | None = None) -> dict[str, Any] | None:
        file = folder(self.home) / "faults.json"
        stat = file.stat() if file.exists() else None
        seen = (stat.st_mtime_ns, stat.st_ino) if stat else (0, 0)
        if seen != self.seen:
            self.now, self.seen = noted(self.home, "faults"), seen
        for entry in self.now.get(name, []):
            if entry["system"] == side.path and (dataset is None or entry.get("dataset") in (None, dataset)):
                return dict(entry)
        return None


class Interfaces:
    """Everything the server knows, shared by its threads."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.sides = {s.code: s for s in sides(home).values() if "rest" in s.kinds}
        self.faults = Faults(home)
        self.keys: dict[str, dict[str, str]] = noted(home, "keys")
        self.tokens: dict[str, tuple[str, float]] = {}
        self.lock = threading.Lock()

    def login(self, side: Side, given: Query) -> dict[str, Any]:
        """A token for user and password, under the names that vendors use."""
        known = self.keys.get(side.code, {})
        user = given.get("user") or given.get("username") or given.get("client_id")
        password = given.get("password") or given.get("client_secret")
        if self.faults.on("expired_password", side):
            raise Denied(1004, "密码已过期，请联系系统管理员重置")
        if (user, password) != (known.get("user"), known.get("password")):
            raise Denied(1003, "用户名或密码错误")
        token = secrets.token_urlsafe(24)
        with self.lock:
            self.tokens[token] = (side.code, time.monotonic() + TOKEN_LIFE)
        return {"token": token, "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE, "data": {"token": token}}

    def admit(self, side: Side, connection: Connection, headers: Any, query: Query) -> None:
        """Whoever asks must be known in the way the system knows its callers."""
        auth = connection.options.get("auth", "none")
        if auth == "none":
            return
        known = self.keys.get(side.code, {})
        if auth == "api_key":
            given = headers.get(connection.options.get("header", "X-Api-Key"))
            if self.faults.on("expired_password", side):
                raise Denied(403, "密钥已停用")
            if given != known.get("api_key"):
                raise Denied(403, "密钥无效")
            return
        bearer = str(headers.get(connection.options.get("header", "Authorization")) or "").removeprefix("Bearer ").strip()
        given = bearer or headers.get("X-Access-Token") or query.get("token")
        owner, until = self.tokens.get(str(given), ("", 0.0))
        if owner != side.code or until < time.monotonic() or self.faults.on("expired_password", side):
            raise Denied(401, "令牌无效或已过期", HTTPStatus.UNAUTHORIZED)


class Handler(BaseHTTPRequestHandler):
    """One request: whose system, who asks, which list, which page of it."""

    protocol_version = "HTTP/1.1"
    interfaces: Interfaces

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        with suppress(ValueError):
            given = json.loads(body)
            return self._answer({k: str(v) for k, v in given.items()} if isinstance(given, dict) else {})
        return self._answer(dict(parse_qsl(body)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ARG002
        sys.stderr.write(f"{dt.datetime.now():%Y-%m-%d %H:%M:%S} {urlsplit(self.path).path} {args[1] if len(args) > 1 else ''}\n")

    def _answer(self, posted: Query) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/health":
            return self._send(HTTPStatus.OK, None, plain=str(self.interfaces.home.resolve()))
        _, code, *rest = parts.path.split("/")
        query = dict(parse_qsl(parts.query))
        side = self.interfaces.sides.get(code)
        if side is None:
            return self._send(HTTPStatus.NOT_FOUND, {"error": "no such system"})
        if self.interfaces.faults.on("down", side):
            self.close_connection = True
            self.connection.close()
            return None
        connection = next(c for c in side.system.connections.values() if c.connector == "rest")
        try:
            path = "/" + "/".join(rest)
            if path.rstrip("/").endswith("/token"):
                user, _, password = _basic(self.headers.get("Authorization")).partition(":")
                basic = {"user": user, "password": password} if user else {}
                return self._send(HTTPStatus.OK, _shaped(connection, {**self.interfaces.login(side, {**query, **posted, **basic})}))
            self.interfaces.admit(side, connection, self.headers, query)
            return self._list(side, connection, path, {**query, **posted})
        except Denied as refused:
            return self._send(refused.status, _error(connection, refused))

    def _list(self, side: Side, connection: Connection, path: str, query: Query) -> None:
        found = next(((n, d) for n, d in side.of("rest").items() if d.reading.path == path), None)
        if found is None:
            raise Denied(404, "接口不存在", HTTPStatus.NOT_FOUND)
        name, dataset = found
        fault = self.interfaces.faults.on
        if slow := fault("slow", side, name):
            time.sleep(float(slow.get("seconds", 3)))
        rows, total, following = _page(_file(self.interfaces.home, side), name, dataset, query, bool(fault("shrink", side, name)))
        if fault("unstable_total", side, name):
            total += secrets.randbelow(7) + 1
        if gone := fault("vanished_column", side, name):
            rows = [{k: v for k, v in row.items() if k != gone["column"]} for row in rows]
        if changed := fault("changed_type", side, name):
            rows = [{**row, changed["column"]: {"value": row.get(changed["column"]), "unit": "元"}} for row in rows]
        reading, body = dataset.reading, _shaped(connection, {})
        if reading.rows:
            _put(body, reading.rows, rows)
        page = reading.page
        if page.total:
            _put(body, page.total, total)
        if page.next:
            _put(body, page.next, following)
        headers = {}
        if page.kind == "link" and following is not None:
            again = urlencode({**query, page.number: following})
            headers["Link"] = f'<http://{self.headers.get("Host")}{urlsplit(self.path).path}?{again}>; rel="next"'
        self._send(HTTPStatus.OK, body if reading.rows else rows, headers, cut=bool(fault("truncated_page", side, name)))

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None, cut: bool = False, plain: str = "") -> None:
        content = (plain or json.dumps(body, ensure_ascii=False)).encode("utf-8")
        if cut:
            content = content[: max(len(content) * 2 // 3, 1)]
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _basic(header: str | None) -> str:
    """`user:password` of basic authentication."""
    if not header or not header.startswith("Basic "):
        return ""
    with suppress(ValueError):
        return base64.b64decode(header[6:]).decode("utf-8", "replace")
    return ""


def _shaped(connection: Connection, body: dict[str, Any]) -> dict[str, Any]:
    """The body with the mark that says: all is well."""
    ok = connection.options.get("ok")
    if ok:
        _put(body, ok["path"], _typed(str(ok["values"][0])))
        body.setdefault("msg", "ok")
    return body


def _error(connection: Connection, refused: Denied) -> dict[str, Any]:
    """The same shape saying no: HTTP 200 with the error inside, as the vendors do."""
    ok = connection.options.get("ok")
    body: dict[str, Any] = {"msg": refused.message, "message": refused.message}
    _put(body, ok["path"] if ok else "code", False if ok and str(ok["values"][0]).lower() == "true" else refused.code)
    return body


def _typed(text: str) -> Any:
    return {"true": True, "false": False}.get(text.lower(), int(text) if text.isdigit() else text)


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    """Set `data.list` in nested mappings."""
    *above, last = path.split(".")
    for name in above:
        body = body.setdefault(name, {})
    body[last] = value


def _file(home: Path, side: Side) -> Path:
    return folder(home) / "rest" / f"{side.code}.sqlite"


def _page(file: Path, name: str, dataset: Dataset, query: Query, shrunk: bool) -> tuple[list[dict[str, Any]], int, Any]:
    """The rows asked for, how many there are in all, and what to ask for next (None at the end)."""
    reading, page = dataset.reading, dataset.reading.page
    where, values = ["1"], []
    if reading.since and reading.cursor:
        for parameter, sign in ((reading.since.lower, ">="), (reading.since.upper, "<=")):
            if parameter and query.get(parameter):
                where.append(f'"{reading.cursor}" {sign} ?')
                values.append(_moment(query[parameter], reading.since.pattern))
    if shrunk:
        where.append("rowid % 5 < 2")
    told = " AND ".join(where)
    size = min(_number(query.get(page.size), page.rows), LARGEST_PAGE)
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        total = int(connection.execute(f'SELECT count(*) FROM "{name}" WHERE {told}', values).fetchone()[0])
        if page.kind == "cursor":
            return _after(connection, name, told, values, query.get(page.number), size, total)
        start = 0
        if page.kind == "offset":
            start = _number(query.get(page.number), page.start)
        elif page.kind in ("page", "link"):
            start = (_number(query.get(page.number), page.start) - page.start) * size
        limit = total if page.kind == "none" else size
        found = connection.execute(f'SELECT * FROM "{name}" WHERE {told} ORDER BY rowid LIMIT ? OFFSET ?', [*values, limit, start])
        rows = [dict(row) for row in found]
    following = None if start + len(rows) >= total or not rows else start // size + 1 + page.start
    return rows, total, following


def _after(
    connection: sqlite3.Connection, name: str, told: str, values: list[Any], cursor: str | None, size: int, total: int
) -> tuple[list[dict[str, Any]], int, Any]:
    """The rows behind an opaque cursor."""
    last = 0
    if cursor:
        try:
            last = int(base64.urlsafe_b64decode(cursor.encode()).decode())
        except ValueError:
            raise Denied(400, "游标无效", HTTPStatus.BAD_REQUEST) from None
    found = connection.execute(
        f'SELECT rowid AS "_place", * FROM "{name}" WHERE {told} AND rowid > ? ORDER BY rowid LIMIT ?', [*values, last, size]
    ).fetchall()
    rows = [{k: v for k, v in dict(row).items() if k != "_place"} for row in found]
    more = len(found) == size
    following = base64.urlsafe_b64encode(str(found[-1]["_place"]).encode()).decode() if more else None
    return rows, total, following


def _moment(text: str, form: str) -> str:
    """A parameter in the interface's own form, as the table writes its times."""
    try:
        return f"{dt.datetime.strptime(text, form):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        raise Denied(400, "时间参数格式错误", HTTPStatus.BAD_REQUEST) from None


def _number(text: str | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    if not text.isdigit():
        raise Denied(400, "分页参数错误", HTTPStatus.BAD_REQUEST)
    return int(text)


def serve(home: Path, port: int = 0, ready: Callable[[int], None] | None = None) -> None:
    """Answer until the process is ended; `ready` is told the port."""
    handler = type("Bound", (Handler,), {"interfaces": Interfaces(home)})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        (ready or (lambda _: None))(server.server_address[1])
        server.serve_forever()


def main() -> None:
    home = Path(sys.argv[1])
    before = int(noted(home, "http").get("port", 0))

    def ready(port: int) -> None:
        note(home, "http", {"pid": os.getpid(), "port": port})

    try:
        serve(home, before, ready)
    except OSError:  # somebody else has the port now
        serve(home, 0, ready)


if __name__ == "__main__":
    main()
