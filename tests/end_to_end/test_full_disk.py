"""A disk that fills is told as one, by whatever command meets it; nothing accepted is lost, and with room all goes on."""

import os
import random
import string
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from answers.standing import standings
from schemas.errors import DiskFull
from tests.end_to_end.town import SYSTEM, TABLE, Sqlite, Town, registration, row, says

HUB = Path(sys.executable).with_name("hub")


@pytest.fixture
def disk(tmp_path):
    """A file system of forty megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no small file system can be made here (mount -t tmpfs, as root)")
    with ExitStack() as ends:
        ends.callback(subprocess.run, ["umount", "-l", place], check=True)
        yield place


def fill(disk, leave):
    left = os.statvfs(disk)
    (disk / f"filler{leave}").write_bytes(b"x" * max(0, left.f_bavail * left.f_frsize - leave))


def test_a_full_disk_is_told_by_every_command_and_with_room_all_goes_on(disk, monkeypatch):
    town = Town(disk)
    monkeypatch.setenv("HUB_HOME", str(town.home))
    monkeypatch.setenv("HUB_SYSTEMS", str(town.systems))
    monkeypatch.setenv("HUB_SCHEMAS", str(town.schemas))
    far = Sqlite(town)
    town.register(registration({"table": "T"}))
    far.put(*(row(n) for n in range(1, 50)))
    assert town.sync().accepted
    dice = random.Random(1)
    far.put(*(row(n, XM="".join(dice.choices(string.ascii_letters, k=3000))) for n in range(50, 550)))

    fill(disk, 200_000)
    says(town.synced().failed["person"], DiskFull, "MB")
    [one] = [s for s in standings(town.city, {}, town.hub.lake, town.hub.ledger) if s.path == SYSTEM]
    assert (one.state, one.whose.zh) == ("failed", "枢纽运维人员（磁盘空间）")
    town.close()
    fill(disk, 0)
    for command in ("status", "sync", "publish"):
        done = subprocess.run([HUB, "--english", command], capture_output=True, text=True, check=False, timeout=120)
        said = done.stdout + done.stderr
        assert done.returncode == 1, command
        assert "the hub's disk is full" in said, command
        assert "Traceback" not in said, command

    for file in disk.glob("filler*"):
        file.unlink()
    assert town.sync().accepted
    assert (town.count(), town.count(table=TABLE)) == (549, 549)
    town.close()
