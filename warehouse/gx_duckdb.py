"""Great Expectations' own engine on DuckDB: the second opinion on what the compiled pass says.

    connection + relation + suite  ->  ExpectationSuiteValidationResult as JSON

Importing this imports Great Expectations (3 CPU seconds, 300 MB): only where it must run itself, inside a function.
As it comes, 1.24 cannot read from DuckDB: it closes its connection before it reads the rows, and refuses patterns by name
of dialect.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import duckdb
import duckdb_engine

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is imported
import great_expectations as gx
import great_expectations.expectations.metrics
from great_expectations.compatibility.sqlalchemy import sqlalchemy as sa
from great_expectations.core import ExpectationSuite
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics import util

from warehouse.expectations import relation, resolved
from warehouse.sql import quoted


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):  # type: ignore[misc]
    """Keeps its connection open until the rows are read."""

    _connection: Any

    @contextmanager
    def get_connection(self) -> Iterator[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = self.engine.connect()
        try:
            yield self._connection
        except Exception:
            self._connection.rollback()  # or every later expectation fails in the aborted transaction
            raise


class DuckDBDatasource(SQLDatasource):  # type: ignore[misc]
    """Gives `context.data_sources.add_duckdb`."""

    type: Literal["duckdb"] = "duckdb"

    @property
    def execution_engine_type(self) -> Any:
        return DuckDBExecutionEngine


_other = util.get_dialect_regex_expression


def _regex(column: Any, pattern: str, dialect: Any, positive: bool = True) -> Any:
    if getattr(getattr(dialect, "dialect", dialect), "name", None) != "duckdb":
        return _other(column, pattern, dialect, positive)
    match = sa.func.regexp_matches(sa.cast(column, sa.VARCHAR), sa.literal(pattern))
    return match if positive else sa.not_(match)


for _module in list(sys.modules.values()):
    if getattr(_module, "get_dialect_regex_expression", None) is _other:
        _module.get_dialect_regex_expression = _regex  # type: ignore[attr-defined]


def validate(con: duckdb.DuckDBPyConnection, rows: str, suite: Mapping[str, Any], *, last_rows: int | None = None) -> dict[str, Any]:
    """The suite as Great Expectations itself judges it, over a cursor of this connection."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    shared = {"creator": lambda: duckdb_engine.ConnectionWrapper(_beside(con)), "poolclass": sa.pool.StaticPool}
    source = context.data_sources.add_duckdb("lake", connection_string="duckdb:///:memory:", kwargs=shared)
    asset = source.add_query_asset("rows", query=f"SELECT * FROM {relation(suite, rows)}")
    batch = asset.add_batch_definition_whole_table("whole").get_batch()
    asked = ExpectationSuite(name=suite["name"], expectations=resolved(suite, last_rows))
    found: dict[str, Any] = batch.validate(asked, result_format="COMPLETE").to_json_dict()
    return found


def _beside(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Another cursor that finds the same names; a new one starts in the connection's first database."""
    row = con.execute("SELECT current_catalog(), current_schema()").fetchone()
    assert row is not None
    cursor = con.cursor()
    cursor.execute(f"USE {'.'.join(quoted(part) for part in row)}")
    return cursor
