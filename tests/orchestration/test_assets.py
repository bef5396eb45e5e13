import dagster as dg
import pytest

from orchestration.assets import FIRST_LOAD, assets_of, schedule_of, tag
from orchestration.definitions import definitions_of
from orchestration.metadata import accepted, landed
from schemas.errors import Moved, SourceChanged, SourceRefused, SourceUnavailable
from tests.orchestration.fake_steps import FakeSteps, expectation, system
from tests.warehouse import far_side

PENSION = system("civil_affairs/assistance")
ELDERLY = system("civil_affairs/elderly")
CITY = far_side.city(PENSION, ELDERLY)
AT_ONCE = dg.RetryPolicy(max_retries=2, delay=0)


@pytest.fixture(scope="module")
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def steps(tmp_path):
    made = FakeSteps(tmp_path, CITY)
    yield made
    made.close()


def run(steps, instance, *systems, **more):
    assets = [assets_of(s, CITY, AT_ONCE) for s in systems or [PENSION]]
    return dg.materialize(assets, instance=instance, resources={"steps": steps}, raise_on_error=False, **more)


def made(result):
    return {m.asset_key for m in result.get_asset_materialization_events()}


def checks(result):
    return {e.asset_key: e for e in result.get_asset_check_evaluations()}


def test_a_system_that_is_well_has_every_dataset_landed_and_accepted(steps, instance):
    result = run(steps, instance)
    assert result.success
    assert made(result) == {k(PENSION, d) for k in (landed, accepted) for d in ("person", "other")}
    assert all(c.passed for c in checks(result).values())
    assert steps.asked == [("civil_affairs/assistance", ("person", "other"))]


def test_a_dataset_that_fails_leaves_the_others_accepted(steps, instance):
    steps.errors[PENSION.table("other")] = SourceRefused("口令过期", "the password has expired")
    result = run(steps, instance)
    assert not result.success
    assert made(result) == {landed(PENSION, "person"), accepted(PENSION, "person")}


def test_a_failing_system_stops_nothing_else(steps, instance):
    steps.errors[PENSION.path] = SourceChanged("列没了", "a column is gone")
    result = run(steps, instance, PENSION, ELDERLY)
    assert not result.success
    assert made(result) == {k(ELDERLY, d) for k in (landed, accepted) for d in ("person", "other")}


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (SourceUnavailable("不通", "no answer"), 3),
        (Moved("另一次同步", "another sync"), 3),
        (SourceRefused("口令过期", "the password has expired"), 1),
        (SourceChanged("列没了", "a column is gone"), 1),
    ],
)
def test_only_what_is_transient_is_tried_again(steps, instance, error, times):
    steps.errors[PENSION.path] = error
    assert not run(steps, instance).success
    assert len(steps.asked) == times


def test_one_refused_dataset_among_transient_ones_is_not_tried_again(steps, instance):
    steps.errors[PENSION.table("person")] = SourceUnavailable("不通", "no answer")
    steps.errors[PENSION.table("other")] = SourceRefused("口令过期", "the password has expired")
    run(steps, instance)
    assert len(steps.asked) == 1


def test_a_failure_says_whose_move_it_is(steps, instance):
    steps.errors[PENSION.table("other")] = SourceRefused("口令过期", "the password has expired", next_zh="请民政局更新口令")
    failed = next(e for e in run(steps, instance).all_events if e.is_step_failure)
    told = failed.step_failure_data.user_failure_data.metadata["other"].value
    assert "口令过期" in told
    assert "请民政局更新口令" in told
    assert "the owning department" in told


def test_a_fault_of_ours_shows_its_class_and_not_its_text(steps, instance):
    steps.errors[PENSION.path] = ValueError("could not convert 99999919900307123X")
    result = run(steps, instance)
    assert not result.success
    assert "99999919900307123X" not in "".join(str(e) for e in result.all_events)
    assert "ValueError" in "".join(str(e) for e in result.all_events)


def test_a_blocked_dataset_is_landed_red_and_not_accepted(steps, instance):
    steps.findings[PENSION.table("other")] = [expectation()]
    result = run(steps, instance)
    assert result.success  # the run did its work; the data did not pass
    assert made(result) == {landed(PENSION, "person"), accepted(PENSION, "person"), landed(PENSION, "other")}
    red = checks(result)[landed(PENSION, "other")]
    assert (red.passed, red.severity, red.metadata["state"].value) == (False, dg.AssetCheckSeverity.ERROR, "blocked")
    assert checks(result)[landed(PENSION, "person")].passed


def test_a_warning_is_red_but_accepted_and_a_remark_is_green(steps, instance):
    steps.findings[PENSION.table("other")] = [expectation(severity="warn")]
    steps.findings[PENSION.table("person")] = [expectation(severity="inform")]
    result = run(steps, instance)
    assert accepted(PENSION, "other") in made(result)
    assert checks(result)[landed(PENSION, "other")].severity == dg.AssetCheckSeverity.WARN
    assert not checks(result)[landed(PENSION, "other")].passed
    assert checks(result)[landed(PENSION, "person")].passed


def test_what_could_not_be_checked_is_not_a_pass(steps, instance):
    steps.findings[PENSION.table("other")] = [expectation(severity="warn", raised=True)]
    said = checks(run(steps, instance))[landed(PENSION, "other")]
    assert (said.passed, said.severity, said.metadata["state"].value) == (False, dg.AssetCheckSeverity.WARN, "not checked")


def test_metadata_has_counts_columns_and_lineage(steps, instance):
    events = {
        m.asset_key: m.step_materialization_data.materialization.metadata for m in run(steps, instance).get_asset_materialization_events()
    }
    land, standard = events[landed(PENSION, "person")], events[accepted(PENSION, "person")]
    assert land["dagster/row_count"].value == 3
    assert [c.name for c in land["dagster/column_schema"].value.columns] == ["NO", "SFZH", "XM", "XB", "CSRQ", "SR"]
    assert standard["dagster/row_count"].value == 3
    assert {c.name: c.type for c in standard["dagster/column_schema"].value.columns}["income"] == "DECIMAL(18, 2)"
    lineage = standard["dagster/column_lineage"].value.deps_by_column["income"]
    assert lineage == [dg.TableColumnDep(asset_key=landed(PENSION, "person"), column_name="SR")]


def test_no_value_of_a_row_reaches_dagster(steps, instance):
    steps.findings[PENSION.table("other")] = [expectation(found=far_side.id_number(1))]
    told = "".join(str(e) for e in run(steps, instance).all_events)
    assert far_side.id_number(1) not in told
    assert "张1" not in told


def test_part_of_a_system_can_be_asked_for(steps, instance):
    result = run(steps, instance, selection=[landed(PENSION, "other"), accepted(PENSION, "other")])
    assert result.success
    assert steps.asked == [("civil_affairs/assistance", ("other",))]
    assert made(result) == {landed(PENSION, "other"), accepted(PENSION, "other")}


def test_the_first_load_is_one_run_that_does_not_wait_for_a_system_that_is_down(steps, instance):
    steps.errors[PENSION.path] = SourceUnavailable("不通", "no answer")
    job = definitions_of(CITY).resolve_job_def(FIRST_LOAD)
    result = job.execute_in_process(instance=instance, resources={"steps": steps}, raise_on_error=False)
    assert not result.success
    assert [path for path, _ in steps.asked] == ["civil_affairs/assistance", "civil_affairs/elderly"]
    assert made(result) == {k(ELDERLY, d) for k in (landed, accepted) for d in ("person", "other")}


def test_a_raw_dataset_is_landed_and_promises_nothing():
    raw = {"title": "原样", "raw": "无对应记录类型", "read": {"table": "R", "key": ["ID"]}}
    of = system("civil_affairs/raw", (), raw={"as_it_came": raw})
    assets = assets_of(of, far_side.city(of))
    assert set(assets.keys) == {landed(of, "as_it_came")}
    assert not list(assets.check_specs)


def test_a_system_looks_when_its_registration_says_or_at_an_hour_of_its_own():
    assert schedule_of(system("civil_affairs/a", schedule="daily 02:30")) == "30 2 * * *"
    times = {schedule_of(system(f"civil_affairs/a{n}", cycle="daily")) for n in range(30)}
    assert len(times) > 20
    assert {int(t.split()[1]) for t in times} <= {1, 2, 3, 4}


def test_a_long_code_still_fits_a_tag():
    long = system(f"{'a' * 40}/{'b' * 40}")
    assert len(tag(long)) <= 63
    assert tag(PENSION) == "civil_affairs_assistance"
