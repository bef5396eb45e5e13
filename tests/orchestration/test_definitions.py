import datetime as dt
import shutil
from dataclasses import replace
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from orchestration import definitions as module
from orchestration.definitions import definitions_of
from orchestration.metadata import accepted, landed, shown
from schemas.city import read_city
from schemas.errors import RegistrationError
from schemas.home import schemas_folder, systems_folder
from tests.orchestration.fake_steps import system
from tests.warehouse import far_side

RUNNING = system("civil_affairs/assistance", stage="in_service")
TRIAL = system("civil_affairs/elderly", stage="trial")
KNOWN = system("civil_affairs/marriage", stage="surveyed")
CITY = far_side.city(RUNNING, TRIAL, KNOWN)


@pytest.fixture(scope="module")
def definitions():
    return definitions_of(CITY)


def test_the_whole_city_can_be_loaded():
    dg.Definitions.validate_loadable(module.lianshu())


def test_a_running_system_has_assets_a_job_and_a_schedule_and_a_surveyed_one_nothing(definitions):
    keys = set(definitions.resolve_asset_graph().get_all_asset_keys())
    assert {landed(RUNNING, "person"), accepted(RUNNING, "person"), landed(TRIAL, "person")} <= keys
    assert not any("civil_affairs_marriage" in k.path for k in keys)
    jobs = {j.name for j in definitions.get_repository_def().get_all_jobs()}
    assert {"sync_civil_affairs_assistance", "sync_civil_affairs_elderly", "first_load", "publish", "deliver", "upkeep"} <= jobs
    assert "sync_civil_affairs_marriage" not in jobs
    schedules = {s.job_name: s for s in definitions.get_repository_def().schedule_defs}
    assert set(schedules) == {"sync_civil_affairs_assistance", "sync_civil_affairs_elderly", "upkeep"}
    assert {s.execution_timezone for s in schedules.values()} == {"Asia/Shanghai"}


def test_a_tick_outside_a_systems_hours_is_skipped():
    now = dt.datetime.now(ZoneInfo("Asia/Shanghai"))
    for hours, skipped in ((2, True), (-2, False)):
        window = f"{now + dt.timedelta(hours=hours):%H:%M}-{now + dt.timedelta(hours=hours + 4):%H:%M}"
        system = RUNNING.model_copy(update={"limits": RUNNING.limits.model_copy(update={"window": window})})
        defined = definitions_of(replace(CITY, systems={**CITY.systems, system.path: system}))
        with dg.instance_for_test() as instance:
            tick = defined.resolve_schedule_def(f"sync_{system.code}_schedule").evaluate_tick(dg.build_schedule_context(instance=instance))
        assert bool(tick.skip_message) is skipped


def test_a_run_carries_its_system_and_a_limit_of_time(definitions):
    tags = definitions.resolve_job_def("sync_civil_affairs_assistance").tags
    assert tags["system"] == "civil_affairs_assistance"
    assert int(tags["dagster/max_runtime"]) > 7200


def test_a_trial_is_accepted_but_never_shared(definitions):
    graph = definitions.resolve_asset_graph()
    assert graph.get(dg.AssetKey(["shared", "person"])).parent_keys == {accepted(RUNNING, n) for n in RUNNING.datasets}


def test_a_moved_system_keeps_its_assets():
    moved = system("social_work/assistance", formerly=("civil_affairs/assistance",))
    assert landed(moved, "person") == landed(RUNNING, "person")


@pytest.fixture
def systems(tmp_path):
    folder = tmp_path / "systems"
    shutil.copytree(systems_folder(), folder)
    return folder


def test_one_broken_registration_leaves_the_others(systems):
    whole = read_city(systems)
    spoilt = next(s for s in whole if s.running)
    (systems / f"{spoilt.path}.yml").write_text("title: [unfinished", "utf-8")
    with pytest.raises(RegistrationError):
        read_city(systems)
    broken = {}
    city = read_city(systems, broken=broken)
    assert set(broken) == {spoilt.path}
    assert set(city.systems) == set(whole.systems) - {spoilt.path}
    assert f"{spoilt.path}.yml" in broken[spoilt.path].zh
    dg.Definitions.validate_loadable(definitions_of(city, broken))


def test_a_broken_department_leaves_the_other_departments(systems):
    whole = read_city(systems)
    (systems / "civil_affairs" / "_department.yml").write_text("titel: 民政局\n", "utf-8")
    broken = {}
    city = read_city(systems, broken=broken)
    assert set(broken) == {"civil_affairs"}
    assert set(city.systems) == {p for p in whole.systems if not p.startswith("civil_affairs/")}


def test_two_systems_that_claim_one_code_are_both_left_out(systems):
    whole = read_city(systems)
    one, two = list(whole.systems)[:2]
    with (systems / f"{two}.yml").open("a", encoding="utf-8") as file:
        file.write(f"\nformerly: [{one}]\n")
    broken = {}
    city = read_city(systems, broken=broken)
    assert set(broken) == {one, two}
    assert set(whole.systems) - set(city.systems) == {one, two}


def test_what_concerns_all_is_not_passed_over(systems, tmp_path):
    schemas = tmp_path / "schemas"
    shutil.copytree(schemas_folder(), schemas, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    next((schemas / "codes").glob("*.csv")).write_text("nothing\n", "utf-8")
    with pytest.raises(RegistrationError):
        read_city(systems, schemas, broken={})


def test_a_broken_registration_is_red_without_a_run(definitions):
    broken = {"civil_affairs/assistance": RegistrationError("第 3 行", "line 3")}
    sensor = definitions_of(far_side.city(TRIAL), broken).resolve_sensor_def("show_broken_registrations")
    with dg.DagsterInstance.ephemeral() as instance:
        first = sensor(dg.build_sensor_context(instance=instance))
        (event,) = first.asset_events
        assert (event.passed, event.check_name) == (False, "valid")
        assert "第 3 行" in event.metadata["civil_affairs/assistance"].value
        again = sensor(dg.build_sensor_context(instance=instance, cursor=first.cursor))
        assert isinstance(again, dg.SkipReason)
    mended = definitions.resolve_sensor_def("show_broken_registrations")(dg.build_sensor_context(cursor=first.cursor))
    assert mended.asset_events[0].passed


def test_a_cursor_is_shown_without_what_may_be_a_persons_number():
    assert shown('{"GXSJ": "2026-11-22 10:00:00"}') == '{"GXSJ": "2026-11-22 10:00:00"}'
    assert shown(f'{{"SFZH": "{far_side.id_number(1)}", "SJ": "19900001234"}}') == '{"SFZH": "…", "SJ": "…"}'
    assert shown('{"at": "20261122103000"}') == '{"at": "20261122103000"}'
    assert shown(None) == ""
    assert len(shown('{"files": "' + "a" * 5000 + '"}')) < 500


def test_a_schedule_ticks_by_the_clock_its_window_is_judged_by():
    far = system("civil_affairs/assistance", ("person",)).model_copy(update={"timezone": "Asia/Urumqi", "schedule": "daily 22:30"})
    (schedule,) = [s for s in definitions_of(far_side.city(far)).schedules if "assistance" in s.name]
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 22 * * *", "Asia/Urumqi")
