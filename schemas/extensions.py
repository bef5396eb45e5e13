"""DuckDB's extensions, loaded out of the wheels they come in: nothing is unpacked into anybody's home, nothing downloaded.

SETTINGS for the instance, then load(con, "sqlite_scanner")
"""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

# DuckDB checks a signature by hashing the whole file at every load, 0.33 CPU s; pip has checked the wheel's digest once.
SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_unsigned_extensions": "true",
}


def load(con: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Raises ModuleNotFoundError where the wheel of an extension is not installed, duckdb.Error where it is for another version."""
    row = con.execute("PRAGMA version").fetchone()
    assert row is not None
    for name in names:
        file = importlib.resources.files(f"duckdb_extension_{name}") / "extensions" / row[0] / f"{name}.duckdb_extension"
        con.execute("LOAD '" + str(file).replace("'", "''") + "'")
