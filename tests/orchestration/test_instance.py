import datetime as dt
import os

import dagster as dg
import pytest

from orchestration import kept_open, retention
from orchestration.instance import SETTINGS, prepare


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")
    yield prepare(tmp_path)
    kept_open.let_go()


def test_the_instance_lives_in_the_hubs_home_and_nobody_else_may_look(tmp_path, folder):
    assert folder == tmp_path / "dagster"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.environ["DAGSTER_HOME"] == str(folder)
    assert (folder / "dagster.yaml").read_text("utf-8") == SETTINGS.read_text("utf-8")


def test_nothing_is_told_to_anybody(folder):
    assert os.environ["DAGSTER_DISABLE_TELEMETRY"] == "1"
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    with dg.DagsterInstance.get() as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled


def test_two_runs_at_a_time_and_one_a_system(folder):
    with dg.DagsterInstance.get() as instance:
        limits = instance.get_concurrency_config().run_queue_config
    assert limits.max_concurrent_runs == 2
    assert [(t["key"], t["limit"]) for t in limits.tag_concurrency_limits] == [("system", 1)]


def test_settings_a_site_has_changed_are_left_alone(tmp_path, folder):
    own = "# ours, on PostgreSQL\ntelemetry: {enabled: false}\n"
    (folder / "dagster.yaml").write_text(own)
    prepare(tmp_path)
    assert (folder / "dagster.yaml").read_text() == own


def test_settings_of_an_older_version_are_renewed(tmp_path, folder):
    first = SETTINGS.read_text("utf-8").splitlines()[0]
    (folder / "dagster.yaml").write_text(f"{first}\ntelemetry: {{enabled: true}}\n")
    prepare(tmp_path)
    assert (folder / "dagster.yaml").read_text("utf-8") == SETTINGS.read_text("utf-8")


def size(folder):
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def test_forgetting_runs_frees_the_disk_and_keeps_the_newest_state(tmp_path, folder):
    kept_open.keep_open()

    @dg.asset
    def landing() -> None: ...

    with dg.DagsterInstance.get() as instance:
        runs = [dg.materialize([landing], instance=instance).run_id for _ in range(6)]
    kept_open.let_go()
    before = size(folder)
    assert retention.forget_runs(tmp_path, dt.timedelta(days=1)) == 0
    assert size(folder) >= before * 0.9
    assert retention.forget_runs(tmp_path, dt.timedelta(0)) == 6
    assert size(folder) < before / 2
    assert not [f for r in runs for f in folder.rglob(f"*{r}*")]
    with dg.DagsterInstance.get() as instance:
        assert instance.get_runs() == []
        assert instance.get_latest_materialization_event(landing.key) is not None


def test_a_run_that_is_under_way_is_not_forgotten(tmp_path, folder):
    with dg.DagsterInstance.get() as instance:
        instance.add_run(dg.DagsterRun(job_name="sync", run_id="a" * 32, status=dg.DagsterRunStatus.STARTED))
        assert retention.forget_runs(tmp_path, dt.timedelta(0)) == 0
        assert instance.get_run_by_id("a" * 32) is not None
