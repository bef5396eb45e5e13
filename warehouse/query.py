"""Ask an edition. A worker process answers, every question leaves a line in the audit.

    SQL  ->  the current edition of the audience, read-only  ->  Answer, or QueryRefused with what to ask instead

The line is on disk before the answer is handed out: $HUB_HOME/audit/queries.jsonl.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.errors import QueryRefused
from warehouse import query_worker
from warehouse.editions import current
from warehouse.query_hints import explained, raw_number, worker_died

LONGEST = 100_000  # characters of one statement
LARGEST = 64_000_000  # bytes of one answer
_UNITS = {"MB": 1_000_000, "GB": 1_000_000_000}


@dataclass(frozen=True)
class Answer:
    table: pa.Table
    truncated: bool
    seconds: float
    audience: str
    generation: int

    @property
    def columns(self) -> list[str]:
        return list(self.table.column_names)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """Row by row, for a screen; bounded by the question's limit."""
        return list(zip(*(c.to_pylist() for c in self.table.columns), strict=True)) if self.table.num_columns else []


def ask(
    home: Path,
    sql: str,
    audience: str = "analyst",
    *,
    limit_rows: int = 1000,
    seconds: int = 30,
    memory: str = "300MB",
    who: str = "",
) -> Answer:
    """Answer one SELECT from the current edition. Raises QueryRefused, also when it takes too long or too much."""
    started = time.monotonic()
    line: dict[str, Any] = {
        "who": who,
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        "audience": audience,
        "sha256": hashlib.sha256(sql.encode("utf-8", "replace")).hexdigest(),
        "sql": sql[:LONGEST],
        "verdict": "failed",
    }
    try:
        _asked(sql, audience)
        file, line["generation"] = _open(home, audience)
        try:
            said, stream = _work(file, sql, limit_rows, seconds, memory)
        finally:
            os.close(file)
        if "truncated" not in said:
            raise explained(said, audience)
        with pa.ipc.open_stream(stream) as reader:
            table = reader.read_all()
        line |= {"verdict": "answered", "rows": table.num_rows, "truncated": said["truncated"]}
    except QueryRefused as error:
        line |= {"verdict": "refused", "reason": error.en[:500]}
        raise
    finally:
        line["seconds"] = round(time.monotonic() - started, 3)
        _audit(home, line)
    return Answer(table, said["truncated"], line["seconds"], audience, line["generation"])


def _asked(sql: str, audience: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", audience):
        raise QueryRefused(f"没有名为 {audience!r} 的使用对象", f"there is no audience {audience!r}")
    if len(sql) > LONGEST or "\x00" in sql:
        raise QueryRefused(
            f"语句超过 {LONGEST} 字或含有空字符",
            f"the statement is longer than {LONGEST} characters or holds a NUL",
            next_zh="拆成较小的查询",
            next_en="ask in smaller pieces",
        )
    if refusal := raw_number(sql):
        raise refusal


def _open(home: Path, audience: str) -> tuple[int, int]:
    """The current edition as an open file, so that the next generation cannot take it away; and its number."""
    for _ in range(5):
        edition = current(home, audience)
        try:
            if edition:
                return os.open(edition.path, os.O_RDONLY), edition.generation
        except FileNotFoundError:  # swept between the two; the pointer has moved on
            continue
    raise QueryRefused(
        f"还没有可供 {audience} 查询的版本",
        f"there is no edition for {audience} yet",
        next_zh="先运行 hub sync 和 hub publish；原样保存（raw）的数据用 hub lake query 查询",
        next_en="run hub sync and hub publish first; data kept as they came (raw) are asked with hub lake query",
    )


def _work(file: int, sql: str, rows: int, seconds: int, memory: str) -> tuple[dict[str, Any], bytes]:
    """Run the worker; what it said, and the Arrow stream behind it."""
    size = re.fullmatch(r"(\d+)(MB|GB)", memory)
    if not size:
        raise ValueError(f"memory is written like 300MB, not {memory!r}")
    asked = {"sql": sql, "file": file, "rows": max(rows, 0), "bytes": LARGEST, "seconds": seconds}
    asked["memory"] = int(size[1]) * _UNITS[size[2]]
    worker = subprocess.Popen(
        [sys.executable, "-I", query_worker.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"LANG": "C.UTF-8", "TZ": "Asia/Shanghai", "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"},
        pass_fds=(file,),
        start_new_session=True,
    )
    try:
        out, _ = worker.communicate(json.dumps(asked).encode(), timeout=seconds + 2)  # 2: the interpreter's own start
    except subprocess.TimeoutExpired:
        raise worker_died("time", seconds, memory) from None
    finally:
        worker.kill()
        worker.communicate()
    head, found, stream = out.partition(b"\n")
    if not found:
        raise worker_died("time" if -worker.returncode in (9, 14, 24) else "memory", seconds, memory)  # KILL, ALRM, XCPU
    return json.loads(head), stream


def _audit(home: Path, line: dict[str, Any]) -> None:
    """One line, whole and on disk."""
    folder = home / "audit"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = (json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
    handle = os.open(folder / "queries.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        while text:
            text = text[os.write(handle, text) :]
        os.fsync(handle)
    finally:
        os.close(handle)
