"""Keep a home as the version that is checked out writes it: `python -m tests.homes.make tests/homes/<version>.tar.xz`.

    a far side, sync, publish, deliver  ->  home/ and far_side.sqlite, packed

Its first package has been taken, its second stands at the platform without an answer, and the far side has moved on
since. All of it is invented. The next version's tests open it, so it is made once a version and never again.
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from demo.province import prepare
from orchestration.routes import Hub, collect, deliver, publish, sync
from schemas.city import read_city
from tests.hub.small_city import SmallCity, build

RESOURCE = '    resource: {code: "306012/000001", share: conditional, condition: 限依法履职需要, level: 3}\n'
CODE = "306012/000001"


def shared_city(folder: Path) -> SmallCity:
    """The small city with a resource that leaves."""
    city = build(folder)
    path = city.systems / "civil_affairs" / "assistance.yml"
    path.write_text(path.read_text("utf-8").replace("    record: person\n", f"    record: person\n{RESOURCE}"), "utf-8")
    city.write("civil_affairs/_department", "title: 民政局\nuscc: 11999999MB0000001X\n")
    return city


def fill(city: SmallCity) -> None:
    """Two packages: one taken, one on its way; then changes that the hub has not seen."""
    os.environ.update(city.environment)
    province = prepare(city.home)
    hub = Hub.open(city.home, read_city(city.systems, city.schemas))

    def bring() -> None:
        for system in hub.city:
            assert not sync(hub, system).failed
        assert not publish(hub).failed
        assert not deliver(hub).failed

    bring()
    province.process()
    assert [r.status for r in collect(hub).receipts] == ["taken"]
    city.people(range(18, 26), SR="250.50")
    city.sql("DELETE FROM T_PERSON WHERE BH IN ('3', '4')")
    bring()
    city.people(range(26, 28))
    city.sql("DELETE FROM T_PERSON WHERE BH = '5'")
    hub.close(), province.close()


def pack(city: SmallCity, folder: Path, to: Path) -> None:
    for passing in ("logs", "staging", "tmp", "suites"):
        shutil.rmtree(city.home / passing, ignore_errors=True)
    with tarfile.open(to, "w:xz") as packed:
        for path in (city.home, city.source):
            packed.add(path, path.relative_to(folder), filter=_nobodys)


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Without the account and the moment it was made by, and without locks."""
    if entry.name.endswith((".lock", "-wal", "-shm")):
        assert not entry.name.endswith("-wal") or entry.size == 0
        return None
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        made_city = shared_city(Path(made))
        fill(made_city)
        pack(made_city, Path(made), Path(sys.argv[1]))
