"""Reach the far sides as a stranger would: plain psycopg, sqlite3, requests and files."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import psycopg
import requests
import yaml

from demo.sides import sides


class Hub:
    """What the hub was told: connections.yml and secrets.yml, and nothing else."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.connections = yaml.safe_load((home / "connections.yml").read_text("utf-8"))
        self.secrets = yaml.safe_load((home / "secrets.yml").read_text("utf-8"))
        self.sides = sides(home)

    def entry(self, path: str, connector: str) -> dict:
        return next(e for e in self.connections[path].values() if e["connector"] == connector)

    def sql(self, path: str, query: str, values: tuple = ()) -> list[tuple]:
        entry = self.entry(path, "database")
        if entry["dialect"] == "sqlite":
            with closing(sqlite3.connect(entry["file"])) as connection, connection:
                return connection.execute(query.replace("%s", "?"), values).fetchall()
        secret = self.secrets[entry["secret"]]
        with psycopg.connect(
            host=entry["host"], port=entry["port"], dbname=entry["database"], user=secret["user"], password=secret["password"]
        ) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def headers(self, path: str) -> dict[str, str]:
        entry = self.entry(path, "rest")
        secret = self.secrets[entry["secret"]]
        if entry["auth"] == "api_key":
            return {entry["header"]: secret["api_key"]}
        answer = requests.post(entry["token_url"], json={"user": secret["user"], "password": secret["password"]}, timeout=10).json()
        return {"Authorization": f"Bearer {answer['access_token']}"} if "access_token" in answer else {}

    def pages(self, path: str, name: str, **query: str):
        """Every answer of a list, page by page, as its interface hands it on."""
        reading = self.sides[path].system.datasets[name].reading
        page, headers = reading.page, self.headers(path)
        url, asked = self.entry(path, "rest")["url"] + reading.path, dict(query)
        if page.kind in ("page", "offset", "link"):
            asked |= {page.number: str(page.start), page.size: "100"}
        elif page.kind == "cursor":
            asked |= {page.size: "500"}
        read = 0
        while True:
            answer = requests.get(url, params=asked, headers=headers, timeout=10)
            yield answer
            body = answer.json()
            rows = dug(body, reading.rows)
            read += len(rows)
            if page.kind == "link":
                found = re.match(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
                if not found:
                    return
                url, asked = found[1], {}
            elif page.kind == "cursor":
                if not dug(body, page.next):
                    return
                asked[page.number] = dug(body, page.next)
            elif page.kind == "none" or read >= dug(body, page.total):
                return
            else:
                asked[page.number] = str(read if page.kind == "offset" else int(asked[page.number]) + 1)

    def rows(self, path: str, name: str, **query: str) -> list[dict]:
        reading = self.sides[path].system.datasets[name].reading
        return [row for answer in self.pages(path, name, **query) for row in dug(answer.json(), reading.rows)]


def dug(body, path: str):
    for name in path.split("."):
        body = body[name]
    return body


def counted(rows) -> Counter:
    return Counter(tuple(str(v) for v in row) for row in rows)
