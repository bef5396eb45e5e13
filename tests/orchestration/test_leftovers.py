"""What a killed run leaves goes with the next one; a full disk is told as one; what the hub writes is its owner's alone."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from ledger.opening import open_ledger
from orchestration.routes.opened import Hub, unforeseen
from schemas.city import read_city
from schemas.errors import DiskFull, Unforeseen
from schemas.home import keep_private
from warehouse import space


def test_staging_of_a_dead_run_goes_when_the_hub_opens_and_a_living_ones_stays(tmp_path):
    ledger = open_ledger(tmp_path)
    alive = ledger.start_run("sync", "a/b")
    ledger.close()
    for name in ("dead", "dead.build", alive, f"{alive}.build"):
        (tmp_path / "lake" / "staging" / name).mkdir(parents=True)
    Hub.open(tmp_path, read_city(broken={})).close()
    assert {f.name for f in (tmp_path / "lake" / "staging").iterdir()} == {alive, f"{alive}.build"}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "x"), RuntimeError("IO Error: Could not write: No space left on device"),
                                   RuntimeError("Failed to commit: database or disk is full")])  # fmt: skip
def test_a_full_disk_is_told_as_one_with_what_is_free(tmp_path, monkeypatch, error):
    monkeypatch.setenv("HUB_HOME", str(tmp_path))
    told = unforeseen("a/b/c", "读取", "reading", error)
    assert isinstance(told, DiskFull)
    assert "MB left" in told.en
    wrapped = ValueError("later")
    wrapped.__cause__ = error
    assert space.full(wrapped, tmp_path)
    assert isinstance(unforeseen("a/b/c", "读取", "reading", ValueError("other")), Unforeseen)


def test_a_home_that_was_open_to_others_is_closed_and_so_is_what_is_written(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    monkeypatch.setenv("HUB_HOME", str(home))
    before = os.umask(0o022)
    try:
        keep_private()
        Hub.open(home, read_city(broken={})).close()
    finally:
        os.umask(before)
    open_to_others = [p for p in [home, *home.rglob("*")] if stat.S_IMODE(p.stat().st_mode) & 0o077]
    assert open_to_others == []
