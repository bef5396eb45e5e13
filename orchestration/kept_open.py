"""Keep Dagster's SQLite files open between queries.

Dagster's SQLite storage makes a new engine and a new connection for every query: a run over 112 systems costs 35 CPU
seconds, with the connections kept 9 (1.13.27). This replaces one name in two of its private modules. Nothing depends on
it: `tests/orchestration/test_kept_open.py` says when Dagster has changed, and then this module may simply go, or the
instance moves to PostgreSQL.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import sqlite3
import threading
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

MODULES = ("dagster._core.storage.event_log.sqlite.sqlite_event_log", "dagster._core.storage.runs.sqlite.sqlite_run_storage")
MOST = 256  # every run has a file of its own

_open: dict[tuple[str, int], sa.Engine] = {}
_lock = threading.Lock()


def keep_open() -> list[str]:
    """Replace `create_engine` where Dagster has it; returns the modules that were changed."""
    changed = []
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            module = None
        if module is None or not hasattr(module, "create_engine"):
            logging.getLogger("lianshu").warning("%s has changed; Dagster's files are opened for every query again", name)
            continue
        vars(module)["create_engine"] = _engine
        changed.append(name)
    atexit.register(let_go)  # or the log that SQLite writes ahead stays beside each file
    return changed


def _engine(url: str, **_: Any) -> sa.Engine:
    """The engine of that file in this process; Dagster's own wish for a pool is passed over."""
    key = str(url), os.getpid()  # a connection must not cross a fork
    with _lock:
        if key not in _open:
            if len(_open) >= MOST:
                sa.Engine.dispose(_open.pop(next(iter(_open))))
            _open[key] = _new(key[0])
        return _open[key]


def _new(url: str) -> sa.Engine:
    made = sa.create_engine(
        url, poolclass=QueuePool, pool_size=2, max_overflow=32, connect_args={"timeout": 60, "check_same_thread": False}
    )
    made.dispose = lambda *_, **__: None  # type: ignore[method-assign]  # Dagster disposes of it after every query
    sa.event.listen(made, "connect", _settings)
    return made


def _settings(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")  # safe with WAL: a power cut loses the last events, not the file


def let_go() -> None:
    """Close everything, so that deleted files give their space back."""
    with _lock:
        for engine in _open.values():
            sa.Engine.dispose(engine)
        _open.clear()
