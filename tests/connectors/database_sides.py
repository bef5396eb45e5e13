"""Databases under test: a registration over a scratch database, and what a read of it brought."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pyarrow as pa

from connectors import database
from connectors.contract import Connector, Pull
from connectors.database.words import DatabaseConnection
from schemas.registration import System
from schemas.secrets import Secret


def system(read: dict[str, Any], limits: dict[str, Any] | None = None, columns: dict[str, str] | None = None, **dataset: Any) -> System:
    """One dataset `t`; raw unless columns are mapped."""
    what: dict[str, Any] = {"raw": "test"}
    if columns:
        what = {"record": "resident", "fields": columns, "sample": [{"given": {}, "expect": {}}]}
    return System.model_validate(
        {
            "path": "department/far", "title": "远端", "connections": {"main": {"connector": "database", "dialect": "sqlite"}},
            "limits": {"timeout": "5 seconds", "patience": "60 seconds", **(limits or {})},
            "datasets": {"t": {"title": "表", **what, "read": {"table": "t", **read}, **dataset}},
        }
    )  # fmt: skip


def opened(service: Any, of: System, path: str | None = None, **words: Any) -> Connector:
    connection = {k: v for k, v in {**service.connection, "path": path, **words}.items() if k != "connector" and v is not None}
    return database.connect(DatabaseConnection.model_validate(connection, context={"administrator": True}), of, Secret(**service.secret))


def read(service: Any, of: System, since: Any = None, path: str | None = None, **words: Any) -> tuple[pa.Table, Pull]:
    with closing(opened(service, of, path, **words)) as connector:
        pull = connector.pull(of.datasets["t"], since)
        return pa.Table.from_batches([b.rows for b in pull.batches], schema=pull.schema), pull


class File:
    """A SQLite file, with the face of a service."""

    secret: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, path: Any) -> None:
        self.path = path
        self.connection = {"dialect": "sqlite", "file": str(path)}

    def run(self, *statements: str) -> list[Any]:
        found: list[Any] = []
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                found = connection.execute(statement).fetchall()
        return found
