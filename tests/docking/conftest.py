"""The way out for every test of docking, on SQLite and on PostgreSQL."""

import os
import uuid

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from tests.docking.way_out import POSTGRES, open_path


@pytest.fixture(params=["sqlite", "postgresql"])
def province_url(request):
    if request.param == "sqlite":
        yield None
        return
    url = sa.make_url(POSTGRES).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    name = f"province_{uuid.uuid4().hex[:12]}"
    try:
        with admin.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
    except OperationalError:
        if os.environ.get("HUB_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip("no PostgreSQL at HUB_TEST_POSTGRES")
    yield url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


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
