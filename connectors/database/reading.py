"""Databases: PostgreSQL, MySQL/MariaDB, SQLite.

    a table  ->  Arrow batches of one state of it, the next cursor

Large reads go through DuckDB's scanner, small ones and slow far sides through SQLAlchemy; both run the same SQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa

from connectors.contract import Answer, Column, Cursor, Finding, Found, Pull
from connectors.database import mysql, postgresql, sqlite
from connectors.database.dialects import Dialect, Field
from connectors.database.failures import translated
from connectors.database.pulling import Reading, keys_of, prepare
from connectors.database.receipts import write_receipts
from connectors.database.scanner import Scanner
from connectors.database.session import Session
from connectors.database.words import DatabaseConnection
from connectors.patience import Late, within
from connectors.wording import Who
from schemas.registration import Dataset, System
from schemas.secrets import Secret

DIALECTS: dict[str, Dialect] = {"postgresql": postgresql, "mysql": mysql, "sqlite": sqlite}
LARGE = 20_000  # rows from which loading a scanner costs less than building rows in Python
SLOW = 20_000  # rows a second below which a far side is read through a cursor, never in one go


class Database:
    def __init__(self, options: DatabaseConnection, system: System, secret: Secret) -> None:
        self.options, self.system, self.secret = options, system, secret
        self.dialect = DIALECTS[options.dialect]
        self.limits = system.limits
        self._open: list[Reading] = []

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        options = self.options
        return options.file or f"{options.host or 'localhost'}:{options.port or '-'}/{options.database or ''}"

    def session(self) -> Session:
        return Session(self.dialect, self.options, self.secret, self.limits, self.system.timezone)

    def reader(self, expected: int | None) -> Reading:
        """The path that suits the size and what the far side can bear."""
        slow = self.limits.rows_per_second
        gentle = slow is not None and (slow < SLOW or self.dialect.name == "mysql")
        fast = self.options.path == "fast" or (self.options.path is None and not gentle and (expected is None or expected >= LARGE))
        reading: Reading = Scanner(self.dialect, self.options, self.secret, self.limits, self.system.timezone) if fast else self.session()
        self._open.append(reading)
        return reading

    def hand_over(self, reading: Reading) -> None:
        """From here on whoever streams from it closes it."""
        if reading in self._open:
            self._open.remove(reading)

    def failure(self, error: BaseException, who: Who) -> BaseException:
        return translated(error, who, self.place, self.secret)

    def check(self) -> list[Finding]:
        from connectors.database.checking import findings

        return findings(self)

    def discover(self) -> list[Found]:
        who = Who(self.system.path)

        def look() -> list[Found]:
            session = self.session()
            try:
                found = self.dialect.tables(session.connection)
                return [self._found(name, rows, self.dialect.fields(session.connection, name)) for name, rows in found]
            finally:
                session.close()

        try:
            return within(self.limits.patience.total_seconds(), look)
        except Exception as error:  # noqa: BLE001 - translated
            raise self.failure(error, who) from None

    @staticmethod
    def _found(name: str, rows: int | None, fields: list[Field]) -> Found:
        columns = tuple(Column(f.name, f.type, f.nullable, f.title) for f in fields)
        return Found(name, columns, tuple(f.name for f in fields if f.key), rows)

    def probe(self, dataset: Dataset, since: Cursor | None) -> Answer:
        """Unchanged when the largest value, the rows near it and the rows without one are as they were."""
        if since is None or "value" not in since or not dataset.reading.incremental:
            return "cannot tell"
        who = Who.of(self.system, dataset)
        from connectors.database.pulling import compare

        try:
            return within(self.limits.timeout.total_seconds(), lambda: compare(self, who, dataset, since))
        except Exception as error:  # noqa: BLE001 - translated
            raise self.failure(error, who) from None

    def pull(self, dataset: Dataset, since: Cursor | None, asked: Mapping[str, Any] | None = None) -> Pull:
        who = Who.of(self.system, dataset)
        try:
            return prepare(self, who, dataset, since, asked or {})
        except Exception as error:  # noqa: BLE001 - translated
            self.close()
            raise self.failure(error, who) from None

    def keys(self, dataset: Dataset) -> pa.RecordBatchReader | None:
        if not dataset.reading.key or dataset.reading.changes:
            return None
        who = Who.of(self.system, dataset)
        try:
            return keys_of(self, who, dataset)
        except Exception as error:  # noqa: BLE001 - translated
            self.close()
            raise self.failure(error, who) from None

    def acknowledge(self, dataset: Dataset, notes: Mapping[str, Any]) -> None:
        """Mark the rows of the landed window as taken. Failing loses nothing: it is said again next time."""
        changes = dataset.reading.changes
        if not changes or not changes.receipt or "upto" not in notes:
            return
        who = Who.of(self.system, dataset)
        try:
            within(self.limits.timeout.total_seconds(), lambda: write_receipts(self, dataset, notes))
        except Exception as error:  # noqa: BLE001 - translated
            raise self.failure(error, who) from None

    def close(self) -> None:
        for reading in self._open:
            with suppress(Late):  # a driver that hangs would hang while closing, too
                within(2.0, reading.close)
        self._open.clear()
