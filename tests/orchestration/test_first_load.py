import dagster as dg
import pytest

from orchestration import kept_open
from orchestration.first_load import run_everything
from orchestration.steps import Steps
from schemas.errors import SourceRefused
from tests.orchestration.fake_steps import FakeSteps, system
from tests.warehouse import far_side

PENSION = system("civil_affairs/assistance", ("person",))
ELDERLY = system("civil_affairs/elderly", ("person",))
CITY = far_side.city(PENSION, ELDERLY)


@pytest.fixture
def errors(monkeypatch):
    found = {}
    monkeypatch.setattr(Steps, "open", lambda city, tell, home: FakeSteps(home, city, errors=found))
    yield found
    kept_open.let_go()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")
    return tmp_path


def test_everything_is_one_run_and_its_log_is_where_the_engineers_look(home, errors, capfd):
    told = []
    ran = run_everything(home, city=CITY, tell=lambda step, name, **facts: told.append((step, name)), jobs=["first_load"])
    assert ran["first_load"].success
    assert told == [("job", "first_load"), ("job done", "first_load")]
    with dg.DagsterInstance.get() as instance:
        (record,) = instance.get_runs()
        assert record.run_id == ran["first_load"].run
        assert instance.storage_directory().startswith(str(home))
    assert "DEBUG" not in capfd.readouterr().err


def test_a_failing_system_is_named_and_the_others_are_done(home, errors):
    errors[PENSION.path] = SourceRefused("口令过期", "the password has expired")
    ran = run_everything(home, city=CITY, jobs=["first_load"])["first_load"]
    assert not ran.success
    assert ran.failed == {PENSION.code: f"{PENSION.path}: SourceRefused"}
    with dg.DagsterInstance.get() as instance:
        kept = instance.get_latest_materialization_event(dg.AssetKey(["standard", ELDERLY.code, "person"]))
    assert kept is not None
