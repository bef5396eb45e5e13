"""A full disk is told as one, whichever library met it: DuckDB, pyarrow, SQLite or the operating system.

any exception  ->  DiskFull with what is free, or None
"""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from schemas.errors import DiskFull

LITTLE = 1_000_000  # bytes; with less SQLite cannot even open its log
_WORDS = ("no space left on device", "database or disk is full", "disk quota exceeded")


def full(error: BaseException, home: Path) -> DiskFull | None:
    """What to tell when the error, or one that led to it, is a disk without room."""
    if isinstance(error, DiskFull):
        return error
    left = shutil.disk_usage(home).free
    if not any(_is_full(e) or (left < LITTLE and _is_strange(e)) for e in _chain(error)):
        return None
    free = left // 1_000_000
    return DiskFull(
        f"枢纽所在磁盘已满（{home}，剩余 {free} MB），本次没有写入",
        f"the hub's disk is full ({home}, {free} MB left); nothing of this was written",
        next_zh="腾出空间或扩容后重新运行；hub lake maintain 可清理过期版本",
        next_en="make room, then run again; hub lake maintain removes what has expired",
    )


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _is_full(error: BaseException) -> bool:
    return (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or any(w in str(error).lower() for w in _WORDS)


def _is_strange(error: BaseException) -> bool:
    return "disk i/o error" in str(error).lower()
