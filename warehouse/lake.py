"""The lake: DuckLake with a SQLite catalogue. Every write goes through writing(), maintenance through maintaining().

    $HUB_HOME/lake/catalogue.sqlite   what is where, in every version
    $HUB_HOME/lake/files/             the rows, as Parquet
    $HUB_HOME/lake/staging/<run>/     prepared changes; die with their commit

One writer at a time: two open write transactions on a SQLite catalogue make one of them fail at once, and orphan
clean-up beside an open writer deletes that writer's file.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import filelock

from schemas import extensions
from schemas.errors import Moved
from warehouse.sql import literal, quoted

LOGS = ("cursors", "made", "findings")
TIDY_EVERY = 64  # commits
SCHEMAS = ("hub", "landing", "quarantine", "standard", "shared")
TABLES = """
CREATE TABLE hub.cursors (
    dataset VARCHAR, number BIGINT, run VARCHAR, value VARCHAR, definition VARCHAR,
    received BIGINT, copies BIGINT, inserted BIGINT, updated BIGINT, deleted BIGINT,
    held BIGINT, rejected BIGINT, "rows" BIGINT, written_at TIMESTAMP, state BIGINT, complete BOOLEAN);
CREATE TABLE hub.made (
    station VARCHAR, name VARCHAR, number BIGINT, run VARCHAR, made_from VARCHAR, definition VARCHAR,
    "rows" BIGINT, inserted BIGINT, updated BIGINT, deleted BIGINT, written_at TIMESTAMP, state BIGINT, snapshot BIGINT);
CREATE TABLE hub.findings (
    run VARCHAR, dataset VARCHAR, number BIGINT, result VARCHAR, passed BOOLEAN, blocking BOOLEAN, written_at TIMESTAMP);
"""


def columns_of(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> dict[str, str]:
    """Column names and types of a table as a session sees it, in a transaction too; empty when there is no such table.

    DESCRIBE takes under 5 ms; asking duckdb_tables() takes 117 with 140 tables, for it opens them all.
    """
    try:
        found = con.execute(f"DESCRIBE {table(schema, name)}").fetchall()
    except duckdb.CatalogException:
        return {}
    return {r[0]: r[1] for r in found}


class Lake:
    """An open lake. One per process; cursor() gives each thread a session of its own."""

    def __init__(self, home: Path, *, read_only: bool = False, memory: str = "400MB", threads: int = 2) -> None:
        self.home = home / "lake"
        self.files = self.home / "files"
        self.staging = self.home / "staging"
        self._memory, self._threads, self._read_only = memory, threads, read_only
        for folder in (self.files, self.home / "tmp", self.home / "locks", self.staging):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = filelock.FileLock(self.home / "write.lock", timeout=600)
        self._reader: duckdb.DuckDBPyConnection | None = None
        self._asking = threading.local()
        self.known: dict[str, tuple[int, Any]] = {}  # what was found out of the lake, and at which snapshot
        self.con = self._connect(read_only=read_only)
        if not read_only:
            self._prepare()

    def _connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect(
            config={
                **extensions.SETTINGS,
                "memory_limit": self._memory,
                "threads": self._threads,
                "temp_directory": str(self.home / "tmp"),
                "python_enable_replacements": "false",
                "preserve_insertion_order": "false",
            }
        )
        extensions.load(con, "ducklake", "sqlite_scanner")
        catalogue = f"ducklake:sqlite:{self.home / 'catalogue.sqlite'}"
        options = [
            f"DATA_PATH {literal(str(self.files) + '/')}",
            "META_JOURNAL_MODE 'WAL'",
            "META_BUSY_TIMEOUT 30000",
            "DATA_INLINING_ROW_LIMIT 0",  # inlining costs a SQLite catalogue six times the CPU, and its flush falsifies the feed
            "OVERRIDE_DATA_PATH true",  # a lake that was moved still opens
            *(["READ_ONLY"] if read_only else []),
        ]
        attach = f"ATTACH {literal(catalogue)} AS lake ({', '.join(options)})"
        with self._lock if not (self.home / "catalogue.sqlite").exists() else _nothing():
            con.execute(attach)
        con.execute("USE lake; SET enable_progress_bar = false")
        return con

    def _prepare(self) -> None:
        """The hub's own tables, once."""
        if self._prepared():
            return
        with self._lock:
            if self._prepared():
                return
            cursor = self.cursor()
            if self.has("hub", "made"):  # a lake that an earlier version made
                cursor.execute("ALTER TABLE hub.made ADD COLUMN snapshot BIGINT")
                return
            cursor.execute("CALL ducklake_set_option('lake', 'data_inlining_row_limit', 0)")
            cursor.execute("CALL ducklake_set_option('lake', 'parquet_compression', 'zstd')")
            cursor.execute("BEGIN")
            for schema in SCHEMAS:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            for statement in TABLES.strip().split(";\n"):
                cursor.execute(statement.rstrip(";"))
            cursor.execute("COMMIT")

    def _prepared(self) -> bool:
        return "snapshot" in self.columns("hub", "made")

    def has(self, schema: str, table: str) -> bool:
        return bool(self.columns(schema, table))

    def columns(self, schema: str, table: str) -> dict[str, str]:
        """Column names and types of a table, in order; empty when there is no such table."""
        return columns_of(self.ask, schema, table)

    @property
    def ask(self) -> duckdb.DuckDBPyConnection:
        """A session of the thread's own for short questions, each fetched at once and outside transactions: a new session costs 5 ms."""
        session: duckdb.DuckDBPyConnection | None = getattr(self._asking, "session", None)
        if session is None:
            session = self._asking.session = self.cursor()
        return session

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A session of its own; one per thread."""
        cursor = self.con.cursor()
        for last in (False, True):
            try:
                cursor.execute("USE lake; SET enable_progress_bar = false")
                break
            except duckdb.InvalidInputException:  # a commit and an expiry fell between its two reads of the catalogue
                if last:
                    raise
        return cursor

    @contextmanager
    def writing(self, message: str, *, run: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction, alone. Keep it short: everything expensive is already staged."""
        with self._lock:
            cursor = self.cursor()
            try:
                cursor.execute("BEGIN")
                yield cursor
                told = f"{literal(message)}, extra_info => {literal(json.dumps({'run': run}))}"
                cursor.execute(f"CALL ducklake_set_commit_message('lake', 'hub', {told})")
                cursor.execute("COMMIT")
            except BaseException:
                with suppress(duckdb.Error):  # a COMMIT that failed has already ended the transaction
                    cursor.execute("ROLLBACK")
                raise
            finally:
                cursor.close()

    @contextmanager
    def sole(self, system: str, *, wait: float = 0) -> Iterator[None]:
        """One route per system at a time, from first read to accept. Raises Moved when another one is under way."""
        lock = filelock.FileLock(self.home / "locks" / f"{system}.lock")
        try:
            lock.acquire(timeout=wait)
        except filelock.Timeout:
            raise Moved(
                f"{system} 正在被另一个同步任务读取",
                f"{system} is being read by another sync",
                next_zh="无需处理；等它结束后可再次运行",
                next_en="nothing to do; run it again once that one has ended",
            ) from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def maintaining(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The writer lock without a transaction: clean-up deletes files at once, a rollback would not bring them back."""
        with self._lock:
            yield self.cursor()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A short-lived connection for time travel and change feeds.

        An instance that has travelled in time breaks on the next ALTER … TYPE, so such reads never share ours. Raises Moved
        when the version that is read expires meanwhile.
        """
        con = self._reader.cursor() if self._reader else self._connect(read_only=True)
        con.execute("USE lake")
        try:
            yield con
        except duckdb.InvalidInputException as error:
            if moved := expired(error):
                raise moved from None
            raise
        finally:
            con.close()

    @contextmanager
    def reading_together(self) -> Iterator[None]:
        """Everything read inside shares one short-lived connection: opening one costs 0.2 CPU s, and a delivery reads 40 times."""
        self._reader = reader = self._connect(read_only=True)
        try:
            yield
        finally:
            self._reader = None
            reader.close()

    @contextmanager
    def stage(self, run: str) -> Iterator[Path]:
        """A folder for what is being prepared; gone afterwards, whatever happened."""
        folder = self.staging / run
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def tidy(self) -> bool:
        """Merge the hub's own logs once enough commits have come: 600 files of one row cost 37 ms a question, merged 8."""
        note = self.home / "tidied"
        now = self.snapshot()
        if now - (int(note.read_text()) if note.exists() else 0) < TIDY_EVERY:
            return False
        with self.maintaining() as con:
            for name in LOGS:
                con.execute(f"CALL ducklake_merge_adjacent_files('lake', {literal(name)}, schema => 'hub')")
        note.write_text(str(now))
        return True

    def snapshot(self) -> int:
        row = self.ask.execute("FROM ducklake_current_snapshot('lake')").fetchone()
        return int(row[0]) if row else 0

    def committed(self) -> set[str]:
        """Run ids that have left rows behind."""
        found = self.ask.execute("SELECT run FROM hub.cursors UNION SELECT run FROM hub.made UNION SELECT run FROM hub.findings")
        return {r[0] for r in found.fetchall()}

    def sweep(self, *, alive: Collection[str]) -> None:
        """Staging folders of runs that are not alive any more: a killed one leaves gigabytes."""
        for folder in self.staging.iterdir():
            if folder.is_dir() and folder.name.partition(".")[0] not in alive:
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        self._asking = threading.local()
        self.con.close()


def expired(error: BaseException) -> Moved | None:
    """What to tell when the version that was read has expired meanwhile: DuckLake then finds no snapshot."""
    if not isinstance(error, duckdb.InvalidInputException) or "No snapshot found" not in str(error):
        return None
    return Moved(
        "正在读取的数据版本刚好过期，本次结果作废",
        "the version being read has just expired; this result is void",
        next_zh="无需处理，下次运行自动继续",
        next_en="nothing to do; the next run takes it up",
    )


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def table(schema: str, name: str) -> str:
    return f"{quoted(schema)}.{quoted(name)}"
