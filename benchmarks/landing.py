"""Landing a large PostgreSQL table for the first time, against DuckDB's own scanner and against dlt.

    python -m benchmarks.landing [--rows 2000000] [--memory 8000000] [--times 1] [--no-dlt] [--clean]

Ours is the whole route: registration, connector, staging, uniqueness, the commit, the ledger. The baselines check nothing.
The server's own CPU is in none of the figures.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import far_table, measure
from benchmarks.measure import Measured, Stopwatch

DLT = ("dlt[duckdb,parquet]", "sqlalchemy", "connectorx", "psycopg2-binary")
ENVIRONMENT = measure.ROOT / ".venv-bench"


def ours(rows: int, accepted: bool, cursor: bool = False) -> dict[str, Any]:
    """routes.sync of one system, in the HUB_HOME the environment names."""
    watch = Stopwatch()
    from orchestration import routes
    from schemas.home import home

    city, system = far_table.registered(rows, accepted=accepted, cursor=cursor)
    hub = routes.Hub.open(home(), city)
    start = watch.lap()
    outcome = routes.sync(hub, system).outcomes["person"]
    work = watch.lap()
    if outcome.error:
        raise outcome.error
    landed = outcome.landed
    files = sum(f.stat().st_size for f in (hub.lake.files / "landing").rglob("*.parquet"))
    hub.close()
    return {
        "start": start, "work": work, "received": landed.received if landed else 0, "inserted": landed.inserted if landed else 0,
        "updated": landed.updated if landed else 0, "accepted": outcome.accepted, "mb": files / 1e6,
        "standard": outcome.candidate.inserted + outcome.candidate.updated if outcome.candidate else 0,
        "held": outcome.candidate.held if outcome.candidate else 0,
    }  # fmt: skip


def scanner(rows: int, folder: str) -> dict[str, Any]:
    """CREATE TABLE lake.t AS SELECT * FROM pg.t, in a fresh lake with our settings."""
    watch = Stopwatch()
    from schemas import extensions
    from warehouse.lake import Lake

    lake = Lake(Path(folder))
    con = lake.cursor()
    extensions.load(con, "postgres_scanner")
    con.execute(f"ATTACH '{far_table.conninfo()}' AS pg (TYPE postgres, READ_ONLY)")
    start = watch.lap()
    con.execute(f"CREATE TABLE lake.landing.t AS SELECT * FROM pg.public.{far_table.name(rows)}")
    work = watch.lap()
    count = con.execute("SELECT count(*) FROM lake.landing.t").fetchone()
    return {
        "start": start,
        "work": work,
        "rows": count[0] if count else 0,
        "mb": sum(f.stat().st_size for f in lake.files.rglob("*.parquet")) / 1e6,
    }


CASES = {"make": far_table.make, "clean": lambda: far_table.clean() or {}, "ours": ours, "scanner": scanner}


def measured_ours(rows: int, *, accepted: bool, cursor: bool = False, home: Path | None = None) -> Measured:
    """Ours in a hub of its own, or in `home`, where an earlier run left its lake."""
    with tempfile.TemporaryDirectory(prefix="hub_bench_") as fresh:
        where = home or Path(fresh)
        far_table.secret(where)
        return measure.case("landing", "ours", {"HUB_HOME": str(where)}, rows=rows, accepted=accepted, cursor=cursor)


def measured_scanner(rows: int) -> Measured:
    with tempfile.TemporaryDirectory(prefix="hub_bench_") as folder:
        return measure.case("landing", "scanner", rows=rows, folder=folder)


def environment_for_dlt() -> str | None:
    """The Python with dlt, installed into an environment of its own when it is not there; None when it cannot be."""
    python = ENVIRONMENT / "bin" / "python"
    if (
        python.exists()
        and not subprocess.run(
            [python, "-c", "import dlt.sources.sql_database, connectorx, psycopg2"], capture_output=True, check=False
        ).returncode
    ):
        return str(python)
    print(f"installing {', '.join(DLT)} into {ENVIRONMENT.name}", flush=True)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    for command in ([sys.executable, "-m", "venv", str(ENVIRONMENT)], [str(python), "-m", "pip", "install", "--quiet", *DLT]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"dlt could not be installed, its baseline is left out:\n{done.stderr[-600:]}")
            return None
    return str(python)


def measured_dlt(python: str, rows: int, disposition: str) -> Measured:
    with tempfile.TemporaryDirectory(prefix="hub_bench_") as folder:
        url = far_table.url().replace("postgresql://", "postgresql+psycopg2://")
        return measure.run([python, str(Path(__file__).with_name("dlt_case.py")), url, far_table.name(rows), folder, disposition])


def main(words: Sequence[str]) -> None:
    if measure.began(words, CASES):
        return
    asked = argparse.ArgumentParser(prog="python -m benchmarks.landing")
    asked.add_argument("--rows", type=int, default=2_000_000)
    asked.add_argument("--memory", type=int, default=8_000_000, help="a larger table, for the peak memory only; 0: none")
    asked.add_argument("--times", type=int, default=1, help="the cheapest of so many runs counts")
    asked.add_argument("--no-dlt", action="store_true")
    asked.add_argument("--clean", action="store_true", help="drop the far side's database and end")
    given = asked.parse_args(words)
    if given.clean:
        measure.case("landing", "clean")
        return
    print(measure.machine())
    measure.case("landing", "make", rows=given.rows)
    _compare(given.rows, given.times, dlt=not given.no_dlt)
    if given.memory:
        measure.case("landing", "make", rows=given.memory)
        _memory(given.rows, given.memory)


_DLT = "dlt, connectorx, into DuckDB"


def _compare(rows: int, times: int, *, dlt: bool) -> None:
    python = environment_for_dlt() if dlt else None
    found = {"DuckDB scanner into DuckLake": measure.cheapest(times, lambda: measured_scanner(rows))}
    if python:
        found[_DLT] = measure.cheapest(times, lambda: measured_dlt(python, rows, "replace"))
        found[f"{_DLT}, key made sure (merge)"] = measure.cheapest(times, lambda: measured_dlt(python, rows, "merge"))
    found["ours, landed"] = measure.cheapest(times, lambda: measured_ours(rows, accepted=False))
    found["ours, accepted"] = measure.cheapest(times, lambda: measured_ours(rows, accepted=True))
    scan, dlt_cpu = found["DuckDB scanner into DuckLake"].cpu, found[_DLT].cpu if python else None
    measure.show(
        f"First load of {rows:,} rows x {far_table.COLUMNS} columns from PostgreSQL",
        ["case", "CPU s", "of it work", "wall s", "peak MB", "CPU / scanner", "dlt CPU / this", "MB landed"],
        [
            [name, m.cpu, m.work, m.wall, round(m.peak_mb), m.cpu / scan, dlt_cpu / m.cpu if dlt_cpu else "-", round(m.said["mb"]) if "mb" in m.said else "-"]
            for name, m in found.items()
        ],
    )  # fmt: skip


def _memory(small: int, large: int) -> None:
    rows = []
    for name, accepted in (("ours, landed", False), ("ours, accepted", True)):
        peaks = [measured_ours(n, accepted=accepted) for n in (small, large)]
        rows.append([name, *(round(m.peak_mb) for m in peaks), peaks[1].peak_mb / peaks[0].peak_mb, peaks[0].cpu, peaks[1].cpu])
    head = ["case", f"peak MB at {small:,}", f"peak MB at {large:,}", "ratio", f"CPU s at {small:,}", f"CPU s at {large:,}"]
    measure.show("Peak memory", head, rows)


if __name__ == "__main__":
    main(sys.argv[1:])
