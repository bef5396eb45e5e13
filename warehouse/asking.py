"""An engineer's question to the lake itself: one SELECT on a read-only lake, nothing masked. Analysts ask an edition (query.py)."""

from __future__ import annotations

import duckdb

from schemas.errors import QueryRefused
from warehouse.lake import Lake


def selected(lake: Lake, sql: str) -> duckdb.DuckDBPyConnection:
    """The open result of one SELECT. Raises QueryRefused for anything else, with DuckDB's words for what it cannot read."""
    con = lake.cursor()
    try:
        statements = con.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryRefused(
                "这里只接受一条 SELECT",
                "one SELECT only",
                next_zh="hub lake tables 列出可查的表",
                next_en="hub lake tables lists the tables",
            )
        return con.execute(statements[0])
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        raise QueryRefused(
            f"查询未能执行：{said}",
            f"the query failed: {said}",
            next_zh="hub lake tables 列出可查的表",
            next_en="hub lake tables lists the tables",
        ) from None
