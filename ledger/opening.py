"""Open the ledger: SQLite under HUB_HOME, or PostgreSQL by HUB_LEDGER, brought to the newest version first.

HUB_LEDGER  an SQLAlchemy URL; without it $HUB_HOME/ledger.sqlite
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError

from ledger.book import READING, Ledger
from schemas.errors import HubError

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7_411_681  # the advisory lock under which one process migrates PostgreSQL


class LedgerError(HubError):
    """The ledger itself is not in order."""


def open_ledger(home: Path) -> Ledger:
    """The ledger, at its newest version. Safe when several processes open it at once."""
    engine = _engine(home)
    try:
        if _version(engine) != newest():
            _migrate(engine, home)
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine)


def newest() -> str:
    """The newest migration, by its file name."""
    return max(p.name.split("_")[0] for p in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _engine(home: Path) -> Engine:
    given = os.environ.get("HUB_LEDGER")
    try:
        url = make_url(given) if given else make_url("sqlite://").set(database=str(home / "ledger.sqlite"))
    except ArgumentError:
        raise LedgerError("HUB_LEDGER 不是合法的数据库地址", "HUB_LEDGER is not a database address") from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": 60})
        event.listen(engine, "connect", _sqlite)
        event.listen(engine, "begin", _begin_at_once)
        if url.database and not Path(url.database).exists():
            os.close(os.open(url.database, os.O_CREAT | os.O_WRONLY, 0o600))
        return engine
    return create_engine(url, hide_parameters=True, pool_pre_ping=True)


def _sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # BEGIN is ours, see below
    for pragma in ("busy_timeout = 60000", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_at_once(connection: Connection) -> None:
    """A transaction that reads first and writes later cannot wait for its turn; so a writing one takes its turn at once."""
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(READING) else "BEGIN IMMEDIATE")


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(engine: Engine, home: Path) -> None:
    found = _version(engine)
    if found and re.fullmatch(r"\d+", found) and found > newest():
        raise LedgerError(
            f"账本版本 {found} 比程序（{newest()}）新",
            f"the ledger is at version {found}, newer than this program ({newest()})",
            next_zh="升级程序后再运行",
            next_en="upgrade the program, then run again",
        )
    if engine.dialect.name == "sqlite":
        with FileLock(home / "ledger.lock", timeout=120), engine.begin() as connection:
            _upgrade(connection)
        return
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # costs a quarter of a second, and is needed once a version
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
