"""The path every dialect has: SQLAlchemy, a cursor at the far side, rows put into Arrow column by column."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from connectors.database.dialects import Dialect, Field, rows
from connectors.patience import within
from schemas.registration import Limits
from schemas.secrets import Secret

# it reports, with a traceback, that the cursor of a connection that has just died could not be closed
logging.getLogger("sqlalchemy.pool.impl.NullPool").setLevel(logging.CRITICAL)


class Unconnected(Exception):
    """No connection was made; the cause says why."""


class Session:
    """Queries of one database in one read-only transaction."""

    fast = False

    def __init__(self, dialect: Dialect, options: Any, secret: Secret, limits: Limits, timezone: str) -> None:
        self._engine = engine(dialect, options, secret, limits, timezone)
        try:
            self.connection = within(limits.connecting + 1, self._engine.connect)  # a driver may time the call only, not the greeting
        except Exception as error:
            raise Unconnected from error
        try:
            dialect.begin(self.connection, limits.patience.total_seconds())
        except BaseException:
            self.close()
            raise

    def one(self, sql: str) -> tuple[Any, ...]:
        return tuple(rows(self.connection, sql)[0])

    def stream(self, sql: str, fields: list[Field], size: int) -> Iterator[pa.RecordBatch]:
        schema = pa.schema([pa.field(f.name, f.arrow) for f in fields])
        makers = [_maker(f) for f in fields]
        far = self.connection.execution_options(stream_results=True, no_parameters=True, max_row_buffer=size)
        with far.exec_driver_sql(sql) as found:
            for part in found.partitions(size):
                columns = [make(values) for make, values in zip(makers, zip(*part, strict=True), strict=True)]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def close(self) -> None:
        with suppress(Exception):  # the far side may be gone already
            self.connection.close()
        self._engine.dispose()


def engine(dialect: Dialect, options: Any, secret: Secret, limits: Limits, timezone: str) -> sa.Engine:
    """One connection at a time, made when asked and closed when given back."""
    arguments = dialect.arguments(options, limits, timezone)
    return sa.create_engine(dialect.url(options, secret), connect_args=arguments, poolclass=NullPool, hide_parameters=True)


def _maker(field: Field) -> Callable[[tuple[Any, ...]], pa.Array]:
    if field.hexed:
        return lambda values: pa.array([None if v is None else bytes.fromhex(v) for v in values], pa.binary())
    if field.arrow == pa.bool_():
        return lambda values: pa.array([None if v is None else bool(v) for v in values], pa.bool_())
    if field.arrow == pa.string():
        return _strings
    return lambda values: pa.array(values, field.arrow)


def _strings(values: tuple[Any, ...]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # a driver that knows better than the SQL what the text means
        return pa.array(
            [v if v is None or isinstance(v, str) else v.decode() if isinstance(v, bytes) else str(v) for v in values], pa.string()
        )
