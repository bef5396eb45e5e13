"""The fast path: an in-memory DuckDB with the product's scanner. Our SQL runs at the far side, rows arrive as Arrow.

One connection, one transaction, no thread beside it: what the far side sees is what the other path would show it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import duckdb
import pyarrow as pa

from connectors.database.dialects import Dialect, Field
from connectors.database.session import Unconnected
from schemas import extensions
from schemas.registration import Limits
from schemas.secrets import Secret


class Scanner:
    """Queries of one database in one read-only transaction."""

    fast = True

    def __init__(self, dialect: Dialect, options: Any, secret: Secret, limits: Limits, timezone: str) -> None:
        self._dialect = dialect
        self._con = duckdb.connect(
            config={
                **extensions.SETTINGS,
                "threads": 1,
                "memory_limit": "512MB",
                "python_enable_replacements": "false",
            }
        )
        try:
            extensions.load(self._con, dialect.scanner)
            self._con.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
            place, settings = dialect.attach(options, limits, timezone, limits.patience.total_seconds())
            for setting in settings:
                self._con.execute(setting)
            kind = dialect.scanner.removesuffix("_scanner")
            with_secret = self._keep(kind, options, secret) if kind != "sqlite" else ""
            try:
                self._con.execute(f"ATTACH {_text(place)} AS far (TYPE {kind}{with_secret}, READ_ONLY)")
            except duckdb.Error as error:
                raise Unconnected from error
            self._con.execute("BEGIN")
        except BaseException:
            self.close()
            raise

    def _keep(self, kind: str, options: Any, secret: Secret) -> str:
        """Credentials as a secret of this connection: unlike an attach text it is not shown in an error."""
        words = {
            "HOST": options.host, "PORT": options.port, "DATABASE": options.database,
            "USER": secret.get("user"), "PASSWORD": secret.get("password"),
        }  # fmt: skip
        said = ", ".join(f"{k} {_text(str(v))}" for k, v in words.items() if v is not None)
        self._con.execute(f"CREATE SECRET far (TYPE {kind}, {said})")
        return ", SECRET far"

    def one(self, sql: str) -> tuple[Any, ...]:
        row = self._con.execute(f"SELECT * FROM {self._dialect.query}('far', {_text(sql)})").fetchone()
        assert row is not None
        return tuple(row)

    def stream(self, sql: str, fields: list[Field], size: int) -> Iterator[pa.RecordBatch]:
        columns = ", ".join(f"unhex(c{n}) AS c{n}" if f.hexed else f"c{n}" for n, f in enumerate(fields))  # DuckDB is blind to case
        numbered = ", ".join(f"c{n}" for n in range(len(fields)))
        schema = pa.schema([pa.field(f.name, f.arrow) for f in fields])
        found = self._con.execute(f"SELECT {columns} FROM {self._dialect.query}('far', {_text(sql)}) AS far({numbered})")
        try:
            for batch in found.to_arrow_reader(size):
                if self._dialect.name == "sqlite":
                    batch.validate(full=True)  # SQLite stores any bytes as text
                yield _as(batch, schema)
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        """DuckDB 1.5 ends the whole process when a transaction is closed after its server has gone; a ROLLBACK that fails is harmless."""
        with suppress(duckdb.Error):
            self._con.execute("ROLLBACK")

    def close(self) -> None:
        self._end()
        self._con.close()

    def __del__(self) -> None:
        con = getattr(self, "_con", None)
        if con is not None:
            self.close()


def _as(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [c if c.type == f.type else c.cast(f.type, safe=f.type != pa.float32()) for c, f in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _text(value: str) -> str:
    if "\x00" in value:
        raise ValueError("NUL in SQL")
    return "'" + value.replace("'", "''") + "'"
