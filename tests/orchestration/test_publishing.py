from types import SimpleNamespace

import dagster as dg
import pytest

from orchestration import publishing
from orchestration.publishing import EDITION, publish_assets, shared_key
from schemas.errors import RegistrationError, SourceUnavailable
from tests.orchestration.fake_steps import FakeSteps, system
from tests.warehouse import far_side

PENSION = system("civil_affairs/assistance")
CITY = far_side.city(PENSION)
NOW = dg.RetryPolicy(max_retries=2, delay=0)


class Steps(FakeSteps):
    """Publishing and delivering as told."""

    refused = False
    error = None
    delivered = 0

    def publish(self):
        prepared = SimpleNamespace(before=10, inserted=2, updated=1, deleted=0 if not self.refused else 9)
        tables = {"person": prepared}
        return SimpleNamespace(
            run="r2",
            tables={} if self.refused else tables,
            refused=tables if self.refused else {},
            failed={},
            edition=None if self.refused else SimpleNamespace(name="analyst-7.duckdb"),
        )

    def deliver(self):
        self.delivered += 1
        if self.error:
            raise self.error
        return SimpleNamespace(failed={})

    def collect(self):
        return []


@pytest.fixture
def steps(tmp_path):
    made = Steps(tmp_path, CITY)
    yield made
    made.close()


def run(steps, broken=None):
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [publish_assets(CITY, broken or {}, NOW)], instance=instance, resources={"steps": steps}, raise_on_error=False
        )


def test_what_was_published_is_said_with_its_counts(steps):
    result = run(steps)
    made = {m.asset_key: m.step_materialization_data.materialization.metadata for m in result.get_asset_materialization_events()}
    assert set(made) == {shared_key("person"), EDITION}
    assert made[shared_key("person")]["dagster/row_count"].value == 12
    assert made[EDITION]["edition"].value == "analyst-7.duckdb"
    assert [c.passed for c in result.get_asset_check_evaluations()] == [True]


def test_a_record_type_that_would_shrink_too_far_is_red(steps):
    steps.refused = True
    result = run(steps)
    assert result.success
    assert not result.get_asset_materialization_events()
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.severity, check.check_name) == (False, dg.AssetCheckSeverity.ERROR, "shrink")


def test_a_broken_registration_does_not_take_its_rows_out_of_what_is_shared(steps):
    gone = system("civil_affairs/elderly")
    steps.sync(gone, ["person"])  # it has landed once; now its file cannot be read
    broken = {"civil_affairs/elderly": RegistrationError("第 3 行", "line 3")}
    result = run(steps, broken)
    assert not result.success
    assert not result.get_asset_materialization_events()
    told = next(e for e in result.all_events if e.is_step_failure).step_failure_data.user_failure_data.metadata["publish"].value
    assert "civil_affairs_elderly__person" in told


def test_a_broken_registration_that_has_never_landed_stops_no_publish(steps):
    steps.sync(PENSION, ["person"])
    assert run(steps, {"civil_affairs/elderly": RegistrationError("第 3 行", "line 3")}).success


@pytest.mark.parametrize(("error", "times"), [(None, 1), (SourceUnavailable("不通", "no answer"), 3), (RegistrationError("无", "none"), 1)])
def test_delivering_is_tried_again_only_for_what_is_transient(steps, monkeypatch, error, times):
    monkeypatch.setattr(publishing.deliver_packages, "_retry_policy", NOW)
    steps.error = error
    with dg.DagsterInstance.ephemeral() as instance:
        result = publishing.deliver_job.execute_in_process(instance=instance, resources={"steps": steps}, raise_on_error=False)
    assert result.success is (error is None)
    assert steps.delivered == times
