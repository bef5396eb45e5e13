import pytest

from tests.end_to_end.town import Sqlite, Town, registration


@pytest.fixture
def town(tmp_path, monkeypatch):
    made = Town(tmp_path)
    monkeypatch.setenv("HUB_HOME", str(made.home))
    monkeypatch.delenv("HUB_LEDGER", raising=False)
    yield made
    made.close()


@pytest.fixture
def far(town):
    """A SQLite file behind a full read of its one table."""
    side = Sqlite(town)
    town.register(registration({"table": "T"}))
    return side
