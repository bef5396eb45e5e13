"""Forget Dagster's old runs, files included.

Dagster's log is a working log. What an auditor may ask for (which run, which rows, which findings) is in the ledger and
in the lake. Its own `delete_run` leaves the run's database and folder behind: 220 kB a run, for ever.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

KEEP = dt.timedelta(days=30)
_AT_ONCE = 500


def forget_runs(home: Path, keep: dt.timedelta = KEEP) -> int:
    """Delete finished runs older than that, and give their disk back; returns how many there were.

    The latest materialisation and check of every asset stay visible; older ones do not.
    """
    import dagster as dg

    from orchestration import kept_open
    from orchestration.instance import prepare

    folder = prepare(home)
    over = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    wanted = dg.RunsFilter(statuses=over, created_before=dt.datetime.now(dt.UTC) - keep)
    forgotten = []
    with dg.DagsterInstance.get() as instance:
        while records := instance.get_run_records(wanted, limit=_AT_ONCE):
            for record in records:
                instance.delete_run(record.dagster_run.run_id)
                forgotten.append(record.dagster_run.run_id)
    kept_open.let_go()
    for run in forgotten:
        for left in (folder / "history" / "runs").glob(f"{run}.db*"):
            left.unlink(missing_ok=True)
        shutil.rmtree(folder / "storage" / run, ignore_errors=True)
    if forgotten:
        for database in ("history/runs.db", "history/runs/index.db"):
            _shrink(folder / database)
    return len(forgotten)


def _shrink(database: Path) -> None:
    """Give free pages back; a database that is busy is shrunk another night."""
    if database.exists():
        with closing(sqlite3.connect(database, timeout=60)) as connection, suppress(sqlite3.OperationalError):
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
