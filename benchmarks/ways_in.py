"""Every other way in to staged Parquet, against the raw reader of the same library with its Parquet.

    python -m benchmarks.ways_in [--rows 200000] [--times 2] [--only xlsx,sqlite,rest]

xlsx     ours: header found, cells told apart (errors, formulas without a value), types agreed, keys    calamine alone
sqlite   ours: types read first, every value checked, keys                                              DuckDB's scanner
rest     ours: pages of 1,000 counted against the total, order watched, keys                            requests and json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks import measure
from benchmarks.measure import Stopwatch

NAMES = ("NO", "NAME", "ID_NUMBER", "TOWN", "ADDRESS", "PHONE", "BORN", "KIND", "AMOUNT", "NOTE")
PAGE = 1_000


def rows_of(count: int) -> Iterator[tuple[Any, ...]]:
    """Invented rows: six texts, a day, two numbers, and a column that is mostly empty."""
    for n in range(count):
        born = f"{1930 + n % 80}-{1 + n % 12:02d}-{1 + n % 28:02d}"
        number = f"999999{born.replace('-', '')}{n % 10_000:04d}"
        yield (n, f"甲{n % 997}", number, f"{n % 21:03d}镇", f"第{n % 400}村{n % 90}组", f"1990000{n % 10_000:04d}", born, n % 4, n % 200_000 / 100,
               "待补充材料" if n % 5 == 0 else None)  # fmt: skip


def make(rows: int, folder: str, way: str) -> dict[str, Any]:
    place = Path(folder)
    if way == "xlsx":
        from openpyxl import Workbook

        book = Workbook(write_only=True)
        sheet = book.create_sheet("数据")
        sheet.append(NAMES)
        for row in rows_of(rows):
            sheet.append(row)
        book.save(place / "rows.xlsx")
    elif way == "sqlite":
        kinds = ("INTEGER", *["TEXT"] * 6, "INTEGER", "REAL", "TEXT")
        with contextlib.closing(sqlite3.connect(place / "rows.sqlite")) as con, con:
            con.execute(f"CREATE TABLE T ({', '.join(f'{n} {k}' for n, k in zip(NAMES, kinds, strict=True))}, PRIMARY KEY (NO))")
            con.executemany(f"INSERT INTO T VALUES ({', '.join('?' * len(NAMES))})", rows_of(rows))
    return {}


def ours(folder: str, way: str, rows: int, url: str = "") -> dict[str, Any]:
    """The connector through warehouse/staging."""
    watch = Stopwatch()
    from connectors.contract import Connector
    from schemas.registration import System
    from schemas.secrets import Secret
    from warehouse import staging

    read: dict[str, Any] = {
        "xlsx": {"files": "rows.xlsx", "key": ["NO"], "whole": "all", "settled": "0 seconds"},
        "sqlite": {"table": "T", "key": ["NO"]},
        "rest": {"path": "/rows", "rows": "data.list", "key": ["NO"], "page": {"rows": PAGE, "total": "data.total"}},
    }[way]
    connection: dict[str, Any] = {
        "xlsx": {"connector": "files", "folder": folder},
        "sqlite": {"connector": "database", "dialect": "sqlite", "file": f"{folder}/rows.sqlite"},
        "rest": {"connector": "rest", "url": url},
    }[way]
    said = {k: v for k, v in connection.items() if k not in ("connector", "folder", "file")}
    system = System.model_validate({
        "path": "civil_affairs/way", "title": "接入", "connector": connection["connector"],
        "connection": said | ({"folder": "x"} if way == "xlsx" else {"file": "x"} if way == "sqlite" else {}),
        "datasets": {"rows": {"title": "救助", "raw": "测量用", "read": read}},
    })  # fmt: skip
    import importlib

    kind = importlib.import_module(f"connectors.{connection.pop('connector')}")
    model = type(system.connections["main"])
    connector: Connector = kind.connect(model.model_validate(connection, context={"administrator": True}), system, Secret())
    dataset = system.datasets["rows"]
    start = watch.lap()
    incoming = staging.stage(connector.pull(dataset, None), dataset.reading.key, Path(folder) / "ours.parquet", number=1, run="bench")
    work = watch.lap()
    assert incoming.rows == rows, incoming.rows
    return {"start": start, "work": work, "rows": incoming.rows}


def raw(folder: str, way: str, rows: int, url: str = "") -> dict[str, Any]:
    """What a script of twenty lines would do, with no check of anything."""
    watch = Stopwatch()
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = f"{folder}/theirs.parquet"
    if way == "sqlite":
        import duckdb

        from schemas import extensions

        con = duckdb.connect(config=extensions.SETTINGS)
        extensions.load(con, "sqlite_scanner")
        start = watch.lap()
        con.execute(f"COPY (SELECT * FROM sqlite_scan('{folder}/rows.sqlite', 'T')) TO '{out}' (COMPRESSION zstd, COMPRESSION_LEVEL 1)")
    elif way == "xlsx":
        from python_calamine import CalamineWorkbook

        start = watch.lap()
        head, *body = CalamineWorkbook.from_path(f"{folder}/rows.xlsx").get_sheet_by_index(0).to_python()
        columns = [pa.array([None if v == "" else str(v) for v in column]) for column in zip(*body, strict=True)]
        pq.write_table(pa.table(dict(zip(map(str, head), columns, strict=True))), out, compression="zstd", compression_level=1)
    else:
        import requests

        start = watch.lap()
        session, found, page = requests.Session(), [], 1
        while len(found) < rows:
            found += session.get(f"{url}/rows", params={"page": page, "size": PAGE}, timeout=60).json()["data"]["list"]
            page += 1
        pq.write_table(pa.Table.from_pylist(found), out, compression="zstd", compression_level=1)
    work = watch.lap()
    count = pq.ParquetFile(out).metadata.num_rows
    assert count == rows, count
    return {"start": start, "work": work, "rows": count}


def serve(rows: int, port: Any) -> None:
    """Pages made beforehand, in a process of its own, so that serving is in nobody's figure."""
    each = [dict(zip(NAMES, row, strict=True)) for row in rows_of(rows)]
    pages = [
        json.dumps({"code": 0, "data": {"total": rows, "list": each[first : first + PAGE]}}, ensure_ascii=False).encode()
        for first in range(0, rows, PAGE)
    ]
    nothing = json.dumps({"code": 0, "data": {"total": rows, "list": []}}).encode()

    class Far(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            page = int(asked.get("page", ["1"])[0]) - 1
            body = pages[page] if page < len(pages) else nothing
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Far)
    port.send(server.server_port)
    server.serve_forever()


@contextlib.contextmanager
def served(rows: int) -> Iterator[str]:
    near, far = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=serve, args=(rows, far), daemon=True)
    child.start()
    try:
        yield f"http://127.0.0.1:{near.recv()}"
    finally:
        child.terminate()
        child.join()


CASES = {"make": make, "ours": ours, "raw": raw}
BASELINES = {"xlsx": "calamine alone", "sqlite": "DuckDB's scanner", "rest": "requests and json"}


def main(words: Sequence[str]) -> None:
    if measure.began(words, CASES):
        return
    asked = argparse.ArgumentParser(prog="python -m benchmarks.ways_in")
    asked.add_argument("--rows", type=int, default=200_000)
    asked.add_argument("--times", type=int, default=2, help="the cheapest of so many runs counts")
    asked.add_argument("--only", default=",".join(BASELINES))
    given = asked.parse_args(words)
    print(measure.machine())
    found = []
    for way in given.only.split(","):
        with (
            tempfile.TemporaryDirectory(prefix="hub_bench_") as folder,
            served(given.rows) if way == "rest" else contextlib.nullcontext("") as url,
        ):
            measure.case("ways_in", "make", rows=given.rows, folder=folder, way=way)
            more = {"folder": folder, "way": way, "rows": given.rows, "url": url}
            theirs = measure.cheapest(given.times, lambda m=more: measure.case("ways_in", "raw", **m))
            mine = measure.cheapest(given.times, lambda m=more: measure.case("ways_in", "ours", **m))
        for name, m in ((BASELINES[way], theirs), ("ours", mine)):
            found.append([f"{way}: {name}", m.cpu, m.work, round(m.peak_mb), m.cpu / theirs.cpu, m.work / theirs.work])
    head = ["case", "CPU s", "of it work", "peak MB", "CPU / raw", "work / raw"]
    measure.show(f"{given.rows:,} rows x {len(NAMES)} columns to Parquet", head, found)


if __name__ == "__main__":
    main(sys.argv[1:])
