"""Databases: PostgreSQL, MySQL/MariaDB, SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.database.reading import Database
    from connectors.database.words import DatabaseConnection
    from schemas.registration import System
    from schemas.secrets import Secret


def connect(connection: DatabaseConnection, system: System, secret: Secret) -> Database:
    """Nothing is opened before it is needed, and nothing stays open between calls."""
    from connectors.database.reading import Database

    return Database(connection, system, secret)
