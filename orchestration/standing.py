"""Where the datasets of a system stand in the lake, for the engineers' view.

hub.cursors, hub.made, hub.findings  ->  one Standing a dataset
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from warehouse.lake import Lake
from warehouse.sql import listed


@dataclass(frozen=True)
class Newest:
    """The newest entry of each kind; a number of 0 means: never."""

    landed: dict[str, Any] = field(default_factory=dict)  # a row of hub.cursors
    columns: dict[str, str] = field(default_factory=dict)  # of the landing table
    accepted: dict[str, Any] = field(default_factory=dict)  # a row of hub.made, station standard
    finding: dict[str, Any] | None = None  # GX result of the last check
    blocking: bool = False


def standings(lake: Lake, tables: Iterable[str]) -> dict[str, Newest]:
    names = list(tables)
    landed = _newest(lake, "hub.cursors", "dataset", names)
    accepted = _newest(lake, "hub.made", "name", names, "station = 'standard'")
    findings = _newest(lake, "hub.findings", "dataset", names, order="written_at")
    columns = _columns(lake, names)
    return {
        name: Newest(
            landed.get(name, {}),
            columns.get(name, {}),
            accepted.get(name, {}),
            json.loads(findings[name]["result"]) if name in findings else None,
            bool(findings.get(name, {}).get("blocking")),
        )
        for name in names
    }


def _newest(lake: Lake, table: str, name: str, names: list[str], where: str = "true", order: str = "number") -> dict[str, dict[str, Any]]:
    found = lake.cursor().execute(
        f"SELECT {name}, arg_max(t, {order}) FROM {table} t WHERE {where} AND {name} IN {listed(names)} GROUP BY {name}"
    )
    return dict(found.fetchall())


def _columns(lake: Lake, names: list[str]) -> dict[str, dict[str, str]]:
    found = lake.cursor().execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns()"
        f" WHERE database_name = 'lake' AND schema_name = 'landing' AND table_name IN {listed(names)} ORDER BY table_name, column_index"
    )
    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in found.fetchall():
        columns.setdefault(table, {})[column] = kind
    return columns
