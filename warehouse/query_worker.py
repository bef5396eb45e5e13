"""One question in a process of its own: the edition comes in as an open file, the answer leaves as Arrow over a pipe.

    stdin   {"sql", "file", "rows", "bytes", "memory", "seconds"}
    stdout  one JSON line, then an Arrow IPC stream (nothing, when the line says error)

Run by path in isolated mode; of ours it loads query_masks.py beside it, has no environment, loads no extension and can write no file.
The statement is judged by its syntax tree: one SELECT, tables of the edition, functions that only compute.
"""

from __future__ import annotations

import importlib.util
import json
import pathlib
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

SAFE = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "max_temp_directory_size": "0B",
    "temp_directory": "",
    "home_directory": "/nowhere",
    "secret_directory": "/nowhere",
    "extension_directory": "/nowhere",
    "threads": "2",
}
LOCKED = (
    "SET TimeZone = 'Asia/Shanghai'; SET enable_progress_bar = false; SET enable_external_access = false; SET lock_configuration = true"
)
OVERHEAD = 1_600_000_000  # address space of the interpreter, Arrow and two threads; DuckDB's own limit stands below it

# A table function may read files, other processes' memory or the hub's paths, so only these are let through.
TABLE_FUNCTIONS = frozenset(
    [
        "range",
        "generate_series",
        "unnest",
        "repeat",
        "json_each",
        "json_tree",
        "duckdb_tables",
        "duckdb_columns",
        "duckdb_views",
        "duckdb_schemas",
        "duckdb_types",
        "duckdb_functions",
        "duckdb_keywords",
    ]
)
FUNCTIONS_REFUSED = frozenset(
    ["current_setting", "getenv", "getvariable", "write_log", "json_serialize_plan", "json_execute_serialized_sql"]
)
SYSTEM_VIEWS = frozenset(
    [
        "columns",
        "tables",
        "views",
        "schemata",
        "duckdb_tables",
        "duckdb_columns",
        "duckdb_views",
        "duckdb_schemas",
        "duckdb_types",
        "sqlite_master",
    ]
)


COARSE = ("birth_date",)  # masks that make a value coarser, the same way for everybody: such values may be compared


class NotRun(Exception):
    """Why a statement is not run: a word for the caller, the name it is about, and what to use instead of it."""

    def __init__(self, reason: str, name: str = "", instead: str = "") -> None:
        super().__init__(reason)
        self.reason, self.name, self.instead = reason, name, instead


def limit(seconds: int, memory: int) -> None:
    """What the kernel holds this process to, whatever DuckDB does."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CPU, (2 * seconds + 4, 2 * seconds + 4))
    resource.setrlimit(resource.RLIMIT_AS, (memory + OVERHEAD, memory + OVERHEAD))
    signal.alarm(seconds + 5)  # also when the caller is gone


def opened(file: int, memory: int) -> Any:
    """The edition, read-only, with everything else shut and the settings locked."""
    import duckdb

    con = duckdb.connect(":memory:", config={**SAFE, "memory_limit": f"{memory // 1_000_000}MB"})
    con.execute(f"ATTACH '/dev/fd/{file}' AS edition (READ_ONLY); USE edition.shared")
    con.execute(LOCKED)
    return con


def judged(con: Any, sql: str) -> None:
    """Raise NotRun unless it is one SELECT over the edition."""
    import duckdb

    statements = con.extract_statements(sql)
    if len(statements) != 1:
        raise NotRun("several" if statements else "empty")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise NotRun("not_select", statements[0].type.name)
    text = "'" + sql.replace("'", "''") + "'"  # at the first parameter DuckDB imports pandas: 0.2 CPU s
    tree = json.loads(con.execute(f"SELECT json_serialize_sql({text})").fetchone()[0])
    if tree.get("error"):
        raise NotRun("not_select", sql.split(maxsplit=1)[0][:30].upper())
    internal = {r[0] for r in con.execute("SELECT view_name FROM duckdb_views() WHERE internal").fetchall()}
    for node in nodes(tree):
        called = str(node.get("function_name", "")).lower()
        named = str(node.get("table_name", "")).lower()
        if node.get("type") == "TABLE_FUNCTION":
            function = str((node.get("function") or {}).get("function_name", "")).lower()
            if function not in TABLE_FUNCTIONS:
                raise NotRun("function", function)
        if called in FUNCTIONS_REFUSED:
            raise NotRun("function", called)
        if node.get("type") == "BASE_TABLE" and named in internal - SYSTEM_VIEWS:
            raise NotRun("function", named)
    compared(con, tree)


def compared(con: Any, tree: Any) -> None:
    """Raise NotRun where masked values would be compared, with the pseudonym to use where there is one."""
    masks = beside("query_masks")
    fields = con.execute("SELECT record, field, masked FROM shared.fields").fetchall()
    tables: dict[str, list[tuple[str, str]]] = {}
    for record, field, mask in fields:
        tables.setdefault(record.lower(), []).append((field.lower(), f"{record}.{field}" if mask and mask not in COARSE else ""))
    views = con.execute(
        "SELECT view_name, v.comment, c.column_name FROM duckdb_views() v JOIN duckdb_columns() c ON c.table_oid = v.view_oid"
        " WHERE v.schema_name = '中文' AND v.database_name = 'edition' ORDER BY view_name, c.column_index"
    ).fetchall()
    titled: dict[tuple[str, str], list[str]] = {}
    for view, comment, title in views:
        titled.setdefault((view.lower(), comment.removeprefix("shared.").lower()), []).append(title.lower())
    for (view, record), titles in titled.items():
        tables[view] = [(title, masked) for title, (_, masked) in zip(titles, tables[record], strict=True)]
    try:
        masks.judge(tree, tables)
    except masks.Masked as error:
        record, _, field = error.column.partition(".")
        pseudonym = f"{field}_pseudonym"
        raise NotRun("masked", field, pseudonym if (record, pseudonym) in {(r, f) for r, f, _ in fields} else "") from None


def beside(name: str) -> Any:
    """A module that lies beside this file: in isolated mode nothing of ours can be imported by name."""
    spec = importlib.util.spec_from_file_location(name, pathlib.Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a syntax tree; without recursion, a deep expression is an attack too."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def answer(con: Any, sql: str, rows: int, size: int) -> tuple[Any, bool]:
    """The first rows as one Arrow table, and whether there were more."""
    import pyarrow as pa

    reader = con.execute(sql).to_arrow_reader(min(rows + 1, 2048))
    batches, count, taken, truncated = [], 0, 0, False
    for batch in reader:
        part = batch.slice(0, rows - count)
        if taken + part.nbytes > size:
            truncated = True
            break
        batches.append(part)
        count, taken = count + part.num_rows, taken + part.nbytes
        if part.num_rows < batch.num_rows:
            truncated = True
            break
    return pa.Table.from_batches(batches, reader.schema), truncated


def known(con: Any) -> dict[str, Any]:
    """Names a hint can be made from."""
    try:
        fields = con.execute("SELECT record, field, title, masked FROM shared.fields").fetchall()
        tables = con.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = 'edition'").fetchall()
        return {"fields": fields, "tables": [t[0] for t in tables]}
    except Exception:  # noqa: BLE001  a hint is never worth a second failure
        return {}


def main() -> int:
    asked = json.loads(sys.stdin.buffer.read())
    limit(asked["seconds"], asked["memory"])
    import duckdb
    import pyarrow as pa

    out, con = sys.stdout.buffer, None
    said: dict[str, Any]
    try:
        con = opened(asked["file"], asked["memory"])
        judged(con, asked["sql"])
        table, truncated = answer(con, asked["sql"], asked["rows"], asked["bytes"])
    except NotRun as error:
        said = {"refused": error.reason, "name": error.name, "instead": error.instead}
    except RecursionError:
        said = {"refused": "deep"}
    except (MemoryError, duckdb.OutOfMemoryException, pa.ArrowMemoryError):
        said = {"refused": "memory", "name": ""}
    except duckdb.Error as error:
        said = {"error": type(error).__name__, "message": str(error)[:2000], **known(con)}
    except pa.ArrowException as error:
        said = {"error": "ArrowException", "message": str(error)[:2000]}
    else:
        out.write(json.dumps({"truncated": truncated}).encode() + b"\n")
        with pa.ipc.new_stream(out, table.schema) as stream:
            stream.write_table(table)
        out.flush()
        return 0
    out.write(json.dumps(said).encode() + b"\n")
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
