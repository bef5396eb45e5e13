"""Real database servers for tests: a scratch database each, gone afterwards.

HUB_TEST_POSTGRES, HUB_TEST_MARIADB: SQLAlchemy URLs of an account that may create databases. A test that needs a
server that is not there is skipped; with HUB_REQUIRE_SERVICES=1 it fails.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
MARIADB = "mysql+pymysql://root@127.0.0.1:3306/mysql?charset=utf8mb4"


@dataclass
class Service:
    """A scratch database and what a registration needs to reach it."""

    engine: sa.Engine
    database: str
    connection: dict[str, Any]  # the words of `connection:`
    secret: dict[str, str]  # what stands under its name in secrets.yml
    server: sa.Engine = field(repr=False)  # outside the scratch database

    def run(self, *statements: str) -> list[Any]:
        """Every statement; the rows of the last, when it has any."""
        found: list[Any] = []
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT", no_parameters=True) as connection:
            for statement in statements:
                result = connection.exec_driver_sql(statement)
                found = list(result.fetchall()) if result.returns_rows else []
        return found


def _missing(what: str, variable: str, error: Exception) -> None:
    reason = f"no {what} reachable ({type(error).__name__}); set {variable} or start one"
    if os.environ.get("HUB_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def _scratch(url: str, what: str, variable: str, dialect: str, create: str, drop: str, connect: dict[str, Any]) -> Iterator[Service]:
    address = sa.make_url(url)
    server = sa.create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=connect)
    name = f"hub_test_{uuid.uuid4().hex[:12]}"
    try:
        with server.connect() as connection:
            connection.exec_driver_sql(create.format(name=name))
    except sa.exc.OperationalError as error:
        _missing(what, variable, error)
    engine = sa.create_engine(address.set(database=name), poolclass=NullPool)
    words = {"connector": "database", "dialect": dialect, "host": address.host, "port": address.port, "database": name}
    try:
        yield Service(engine, name, words, {"user": address.username or "", "password": address.password or ""}, server)
    finally:
        engine.dispose()
        with server.connect() as connection:
            connection.exec_driver_sql(drop.format(name=name))
        server.dispose()


@contextmanager
def postgres() -> Iterator[Service]:
    """A scratch PostgreSQL database."""
    url = os.environ.get("HUB_TEST_POSTGRES", POSTGRES)
    drop = "DROP DATABASE {name} WITH (FORCE)"
    with _scratch(url, "PostgreSQL", "HUB_TEST_POSTGRES", "postgresql", "CREATE DATABASE {name}", drop, {"connect_timeout": 5}) as service:
        yield service


@contextmanager
def mariadb() -> Iterator[Service]:
    """A scratch MariaDB or MySQL database."""
    url = os.environ.get("HUB_TEST_MARIADB", MARIADB)
    create = "CREATE DATABASE {name} CHARACTER SET utf8mb4"
    with _scratch(url, "MariaDB", "HUB_TEST_MARIADB", "mysql", create, "DROP DATABASE {name}", {"connect_timeout": 5}) as service:
        yield service
