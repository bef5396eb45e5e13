"""Nightly care of the lake: compaction, expiry, clean-up, and a backup of the catalogue before any of it.

Every step runs in autocommit under the writer lock and touches only what is old: orphan clean-up beside an open
writer deletes that writer's file, and a reader whose snapshot has expired is told 0 rows and no error. `KEEP_DAYS`
is therefore longer than any read; a consumer that has fallen behind it gets a full rebuild or a full package.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from schemas.errors import HubError
from warehouse.lake import Lake

KEEP_DAYS = 90
LEAST_DAYS = 2
BACKUPS = 14


@dataclass
class Report:
    """What maintenance did; counts of files and snapshots, seconds a step."""

    backup: Path | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    files_before: int = 0
    files_after: int = 0
    expired: int = 0
    removed: int = 0
    orphans: int = 0


def maintain(lake: Lake, home: Path, *, keep_days: int = KEEP_DAYS, dry_run: bool = False) -> Report:
    """Back up the catalogue, merge small files, forget snapshots older than `keep_days` and their files.

    Raises HubError when asked to forget what a reader or a delivery may still need.
    """
    if keep_days < LEAST_DAYS:
        raise HubError(
            f"保留天数不能少于 {LEAST_DAYS} 天（收到 {keep_days}）：仍在读取的任务会读到空数据",
            f"keep at least {LEAST_DAYS} days (got {keep_days}): a running read would see nothing",
            next_zh="使用更大的 --keep-days",
            next_en="use a larger --keep-days",
        )
    report = Report(files_before=_files(lake))
    with lake.maintaining() as con:
        if dry_run:
            report.expired = _count(con, f"{_expire(keep_days)}, dry_run => true)")
            report.files_after = report.files_before
            return report
        report.backup = back_up(lake, home)
        for name, statement in _steps(keep_days):
            started = time.monotonic()
            done = _count(con, statement)
            report.seconds[name] = round(time.monotonic() - started, 3)
            if name in ("expired", "removed", "orphans"):
                setattr(report, name, done)
    report.files_after = _files(lake)
    return report


def _expire(keep_days: int) -> str:
    return f"CALL ducklake_expire_snapshots('lake', older_than => now() - INTERVAL {int(keep_days)} DAY"


def _steps(keep_days: int) -> Iterator[tuple[str, str]]:
    yield "expired", f"{_expire(keep_days)})"  # first: what a merge supersedes now is still being read
    yield "merged", "CALL ducklake_merge_adjacent_files('lake')"
    yield "rewritten", "CALL ducklake_rewrite_data_files('lake')"
    yield "removed", f"CALL ducklake_cleanup_old_files('lake', older_than => now() - INTERVAL {LEAST_DAYS} DAY)"
    yield "orphans", f"CALL ducklake_delete_orphaned_files('lake', older_than => now() - INTERVAL {LEAST_DAYS} DAY)"


def _count(con: duckdb.DuckDBPyConnection, statement: str) -> int:
    return len(con.execute(statement).fetchall())


def back_up(lake: Lake, home: Path) -> Path:
    """A consistent copy of the catalogue while it is open; the newest BACKUPS are kept."""
    folder = home / "backups"
    folder.mkdir(exist_ok=True, mode=0o700)
    made = folder / f"catalogue-{time.strftime('%Y%m%d-%H%M%S')}.sqlite"
    unfinished = made.with_suffix(".building")
    with closing(sqlite3.connect(lake.home / "catalogue.sqlite")) as source, closing(sqlite3.connect(unfinished)) as target:
        source.backup(target)
        if target.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise HubError("目录备份未通过完整性检查，维护已停止", "the catalogue's backup is not sound; maintenance stopped")
    unfinished.replace(made)
    for old in sorted(folder.glob("catalogue-*.sqlite"))[:-BACKUPS]:
        old.unlink()
    return made


def _files(lake: Lake) -> int:
    return sum(1 for _ in lake.files.rglob("*.parquet"))


def size(lake: Lake) -> int:
    """Bytes of data files and catalogue."""
    return sum(p.stat().st_size for p in lake.home.rglob("*") if p.is_file())


def free(lake: Lake) -> int:
    return shutil.disk_usage(lake.home).free
