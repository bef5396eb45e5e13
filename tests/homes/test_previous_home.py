"""A home of the version before opens as it is: synced, published, delivered, reconciled: once in full, and nothing after that."""

import json
import tarfile
from pathlib import Path

import pytest
import yaml

from demo.province import Province
from orchestration.routes import Hub, collect, compare, deliver, publish, sync
from schemas.city import read_city
from tests.homes.make import CODE, shared_city

PACKED = Path(__file__).parent / "0.1.0.tar.xz"
TABLE = "civil_affairs_assistance__person"


@pytest.fixture
def previous(tmp_path, monkeypatch):
    """The small city with the older home in place of its own, at another place on the disk."""
    city = shared_city(tmp_path)
    city.source.unlink()
    for left in city.home.iterdir():
        left.unlink()
    with tarfile.open(PACKED) as packed:
        packed.extractall(tmp_path, filter="tar")
    connections = yaml.safe_load((city.home / "connections.yml").read_text("utf-8"))
    connections["civil_affairs/assistance"]["main"]["file"] = str(city.source)
    connections["province/platform"]["main"]["file"] = str(city.home / "demo" / "province.sqlite")
    (city.home / "connections.yml").write_text(yaml.safe_dump(connections), "utf-8")
    for name, value in city.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HUB_LEDGER", raising=False)
    province = Province(f"sqlite:///{city.home}/demo/province.sqlite")
    hub = Hub.open(city.home, read_city(city.systems, city.schemas))
    yield hub, province
    hub.close(), province.close()


def test_a_home_of_the_version_before_goes_on_where_it_stopped(previous):
    hub, province = previous
    first, second = sorted(hub.ledger.deliveries(), key=lambda d: d.sequence)
    assert (first.platform, first.status, second.platform, second.status) == ("province", "taken", "province", "sent")
    assert [r.rows for r in hub.ledger.receipts(first.id)] == [20]
    province.process()
    assert [r.status for r in collect(hub).receipts] == ["taken"]
    assert not sync(hub, hub.city.system("civil_affairs/assistance")).failed
    assert not publish(hub).failed
    done = deliver(hub)
    assert not done.failed
    assert done.parted == []
    (third,) = done.sent
    # that version did not keep who gave each cell, so nothing can be built on what it sent: everything goes once more
    assert (third.kind, third.sequence, third.previous, third.total) == ("full", 3, 0, 24)
    province.process()
    assert [r.status for r in collect(hub).receipts] == ["taken"]
    assert {s.verdict for s in compare(hub)} == {"equal"}
    assert len(province.copy(CODE)) == 24
    assert deliver(hub).sent == []


def test_its_packages_lie_under_their_platform_now(previous):
    hub, _ = previous
    deliver(hub)
    place = hub.home / "packages" / "province" / "306012_000001"
    assert json.loads((place / "000001" / "manifest.json").read_text("utf-8"))["sequence"] == 1
    assert not (hub.home / "packages" / "306012_000001").exists()
