"""What starts a publish or a delivery. The lake and the ledger are real, the far side and the platform are not."""

import uuid

import dagster as dg
import pytest

from ledger.opening import open_ledger
from orchestration import due
from orchestration.definitions import definitions_of
from orchestration.routes import Hub
from tests.orchestration.fake_steps import FakeSteps, system
from tests.warehouse import far_side

PENSION = system("civil_affairs/assistance", ("person",))
CITY = far_side.city(PENSION)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def definitions():
    return definitions_of(CITY)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def tick(definitions, instance, name, cursor=None):
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    return definitions.resolve_sensor_def(name)(context), context.cursor


def sync(home):
    steps = FakeSteps(home, CITY)
    steps.sync(PENSION, ["person"])
    steps.close()


def test_an_empty_hub_starts_nothing(home, definitions, instance):
    for name in ("publish_what_is_due", "deliver_what_is_due"):
        assert isinstance(tick(definitions, instance, name)[0], dg.SkipReason)
    assert not (home / "lake").exists()


def test_accepted_rows_start_one_publish(home, definitions, instance):
    sync(home)
    asked, cursor = tick(definitions, instance, "publish_what_is_due")
    assert isinstance(asked, dg.RunRequest)
    again, cursor = tick(definitions, instance, "publish_what_is_due", cursor)  # the first look has tidied SQLite's own files
    assert isinstance(again, dg.SkipReason) or again.run_key == asked.run_key  # Dagster starts one run for one key
    third, _ = tick(definitions, instance, "publish_what_is_due", cursor)
    assert isinstance(third, dg.SkipReason)


def test_no_publish_is_queued_behind_another(home, definitions, instance):
    sync(home)
    instance.add_run(dg.DagsterRun(job_name="publish", run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED))
    assert isinstance(tick(definitions, instance, "publish_what_is_due")[0], dg.SkipReason)


def test_a_landing_whose_acceptance_was_cut_off_is_due(home):
    steps = FakeSteps(home, CITY)
    far_side.land(steps.lake, PENSION, far_side.pull_of([far_side.row(1)]))
    hub = Hub(home, CITY, steps.lake, open_ledger(home))
    assert f"standard/{PENSION.code}/person" in due.to_publish(hub)
    hub.close()


def test_without_a_platform_nothing_is_delivered_and_it_says_why(home, definitions, instance):
    sync(home)
    said, _ = tick(definitions, instance, "deliver_what_is_due")
    assert isinstance(said, dg.SkipReason)
    assert "connections.yml" in said.skip_message
