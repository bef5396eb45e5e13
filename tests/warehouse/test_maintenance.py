"""Nightly care loses nothing that anybody may still ask for."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from schemas.errors import HubError
from tests.warehouse.far_side import land, pull_of, row, rows_of, system
from warehouse import maintenance
from warehouse.lake import Lake

TABLE = "landing.civil_affairs_assistance__person"


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    yield lake
    lake.close()


def lived_in(lake: Lake) -> list[int]:
    """A few syncs with inserts, updates and deletions; the versions they made."""
    versions = []
    for n in range(6):
        land(lake, system(), pull_of([row(k, XM=f"人{k}-{n if k % 3 == 0 else 0}") for k in range(n, n + 40)]))
        versions.append(lake.snapshot())
    return versions


def at(lake: Lake, version: int) -> list[tuple]:
    with lake.reading() as con:
        return con.execute(f"SELECT _key, XM FROM {TABLE} AT (VERSION => {version}) ORDER BY ALL").fetchall()


def test_every_version_reads_the_same_before_and_after(lake, tmp_path):
    versions = lived_in(lake)
    before = [at(lake, v) for v in versions]
    report = maintenance.maintain(lake, tmp_path)
    assert [at(lake, v) for v in versions] == before
    assert report.expired == 0
    assert set(report.seconds) == {"merged", "rewritten", "expired", "removed", "orphans"}


def test_the_catalogue_is_backed_up_first_and_the_backup_opens(lake, tmp_path):
    lived_in(lake)
    report = maintenance.maintain(lake, tmp_path)
    with closing(sqlite3.connect(report.backup)) as backup:
        assert backup.execute("SELECT count(*) FROM ducklake_snapshot").fetchone()[0] > 5
    assert report.backup.stat().st_mode & 0o777 in (0o600, 0o644)
    assert report.backup.parent.stat().st_mode & 0o077 == 0


def test_a_dry_run_touches_nothing(lake, tmp_path):
    lived_in(lake)
    before = sorted(p.name for p in lake.files.rglob("*.parquet"))
    report = maintenance.maintain(lake, tmp_path, dry_run=True)
    assert sorted(p.name for p in lake.files.rglob("*.parquet")) == before
    assert report.backup is None


def test_a_retention_shorter_than_a_read_is_refused(lake, tmp_path):
    with pytest.raises(HubError, match="保留天数"):
        maintenance.maintain(lake, tmp_path, keep_days=1)


def test_syncs_go_on_after_maintenance(lake, tmp_path):
    lived_in(lake)
    maintenance.maintain(lake, tmp_path)
    changes = land(lake, system(), pull_of([row(1), row(2)]))
    assert changes.deleted > 0
    assert [r[0] for r in rows_of(lake, TABLE, "_key")] == ["1", "2"]
