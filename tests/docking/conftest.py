"""The way out for every test of docking, on SQLite and on PostgreSQL."""

import pytest

from tests import services
from tests.docking.way_out import open_path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def province_url(request):
    if request.param == "sqlite":
        yield None
        return
    with services.postgres() as service:
        yield service.engine.url.render_as_string(hide_password=False)


@pytest.fixture
def way(tmp_path, province_url, monkeypatch):
    opened = open_path(tmp_path, province_url, monkeypatch)
    yield opened
    opened.lake.close(), opened.ledger.close(), opened.province.close()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The way out over SQLite, for what does not depend on the database."""
    opened = open_path(tmp_path, None, monkeypatch)
    yield opened
    opened.lake.close(), opened.ledger.close(), opened.province.close()
