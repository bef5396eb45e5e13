"""A REST interface on the loopback: rows, a way of paging, and what it does wrong, all set from the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

from connectors import rest
from connectors.rest.reading import Rest
from connectors.rest.words import RestConnection
from schemas.registration import System
from schemas.secrets import Secret


class Interface:
    """What the far side has and does; the test changes it between requests."""

    def __init__(self) -> None:
        self.rows: list = []
        self.kind = "page"
        self.asked: list[tuple[str, dict]] = []  # path and parameters of every request
        self.heard: list[tuple[str, dict, str]] = []  # method, headers, body
        self.answer = lambda path, query, headers, body: None  # (status, headers, body) instead of the list
        self.total = lambda page: len(self.window({}))
        self.cap = 10_000
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def window(self, query: dict) -> list:
        rows = self.rows
        if query.get("from"):
            rows = [r for r in rows if r.get("t") and r["t"] >= query["from"]]
        if query.get("to"):
            rows = [r for r in rows if r.get("t") and r["t"] <= query["to"]]
        return rows

    def page(self, query: dict, number: int) -> tuple[list, dict, dict]:
        rows = self.window(query)
        size = min(int(query.get("size", 10_000)), self.cap)
        body, headers = {}, {}
        total = len(rows) if query.get("from") or query.get("to") else self.total(number)
        match self.kind:
            case "page":
                start = (int(query["page"]) - 1) * size
            case "offset":
                start = int(query["page"])
            case "cursor":
                start = int(query.get("page", "c0")[1:])
                body["next"] = f"c{start + size}" if start + size < len(rows) else None
            case "link":
                start = int(query["page"]) * size
                if start + size < len(rows):
                    headers["Link"] = f'<{self.url}/rows?{urlencode({**query, "page": int(query["page"]) + 1})}>; rel="next"'
            case _:
                start, size = 0, len(rows)
        body |= {"total": total, "list": rows[start : start + size]}
        return body, headers, query


@contextmanager
def interface() -> Iterator[Interface]:
    far = Interface()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply("")

        def do_POST(self) -> None:
            self.reply(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())

        def log_message(self, *_: object) -> None:
            pass

        def reply(self, body: str) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            far.asked.append((parts.path, query))
            far.heard.append((self.command, dict(self.headers), body))
            said = far.answer(parts.path, query, self.headers, body)
            if said == "hang up":
                self.close_connection = True
                return
            if callable(said):
                said(self)
                return
            if said is None:
                content, headers, _ = far.page(query, len(far.asked))
                said = (200, headers, {"code": 0, "data": content})
            status, headers, content = said
            raw = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # a caller who has given up
        far.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield far
        finally:
            server.shutdown()


PAGES = {
    "page": {"kind": "page", "total": "data.total"},
    "offset": {"kind": "offset", "number": "page", "total": "data.total"},
    "cursor": {"kind": "cursor", "next": "data.next"},
    "link": {"kind": "link", "start": 0},
    "none": {"kind": "none"},
}
INCREMENTAL = {"cursor": "t", "since": {"lower": "from", "upper": "to"}, "overlap": "10 minutes"}


WHEN = "2026-03-01 08:{:02d}:00"


def timed(*minutes: int) -> list[dict]:
    return [{"id": f"{n:04d}", "name": f"甲{n}", "t": WHEN.format(n)} for n in minutes]


def system(read: dict | None = None, limits: dict | None = None, **dataset: object) -> System:
    given = {
        "record": "person",
        "fields": {"number": "id", "name": "name"},
        "sample": [{"given": {"id": "1"}, "expect": {"number": "1"}}],
        **dataset,
    }
    if "raw" in given:
        given = {k: v for k, v in given.items() if k not in ("record", "fields", "sample")}
    asked = {"path": "/rows", "rows": "data.list", "key": ["id"], "page": {**PAGES["page"], "rows": 3}, **(read or {})}
    return System.model_validate(
        {
            "path": "civil_affairs/elderly",
            "title": "养老",
            "connector": "rest",
            "limits": {"timeout": "2 seconds", **(limits or {})},
            "datasets": {"person": {"title": "人员", **given, "read": asked}},
        }
    )


def opened(far: Interface, of: System, options: dict | None = None, **secret: str) -> Rest:
    made = rest.connect(RestConnection.model_validate({"url": far.url, **(options or {})}), of, Secret(**secret))
    made.client.pause = lambda seconds: None
    return made


def read(connector: Rest, of: System, since: dict | None = None) -> tuple[list[dict], object]:
    pull = connector.pull(of.datasets["person"], since)
    rows = [row for b in pull.batches for row in b.rows.to_pylist()]
    return rows, pull
