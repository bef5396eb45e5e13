"""How a database is reached: by which dialect and which of two paths, and what its failures mean.

Large reads go through DuckDB's scanner, small ones and slow far sides through SQLAlchemy; both run the same SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol

import pyarrow as pa

from connectors.database import mysql, postgresql, sqlite
from connectors.database.dialects import Dialect, Field
from connectors.database.failures import translated
from connectors.database.scanner import Scanner
from connectors.database.session import Session
from connectors.database.words import DatabaseConnection
from connectors.patience import Late, within
from connectors.wording import Who
from schemas.registration import System
from schemas.secrets import Secret

DIALECTS: dict[str, Dialect] = {"postgresql": postgresql, "mysql": mysql, "sqlite": sqlite}
LARGE = 20_000  # rows from which loading a scanner costs less than building rows in Python
SLOW = 20_000  # rows a second below which a far side is read through a cursor, never in one go


class Reading(Protocol):
    """One read-only transaction, by either path."""

    fast: bool

    def one(self, sql: str) -> tuple[Any, ...]: ...
    def stream(self, sql: str, fields: list[Field], size: int) -> Iterator[pa.RecordBatch]: ...
    def close(self) -> None: ...


class Reach:
    """The far side, its limits, and the readings that are open."""

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

    def close(self) -> None:
        for reading in self._open:
            with suppress(Late):  # a driver that hangs would hang while closing, too
                within(2.0, reading.close)
        self._open.clear()
