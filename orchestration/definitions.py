"""What Dagster loads: one multi-asset, one job and one schedule a system; publishing, delivering and upkeep in runs of their own.

    systems/*.yml  ->  Definitions

A registration that is wrong is left out and shown as a failing check; the other systems go on. Importing this module
reads no YAML; loading the definitions does.
"""

import datetime as dt
import logging
import uuid
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from orchestration import kept_open, others, publishing, registrations, sensors, upkeep
from orchestration.assets import FIRST_LOAD, assets_of, job_of, schedule_of
from orchestration.instance import quiet
from orchestration.steps import Steps
from schemas import home as homes
from schemas.city import City, files_seen, read_city
from schemas.errors import RegistrationError
from schemas.home import keep_private
from schemas.registration import System

quiet()
kept_open.keep_open()


@dg.definitions
def lianshu() -> dg.Definitions:
    """The city as it is registered now."""
    keep_private()
    broken: dict[str, RegistrationError] = {}
    files = files_seen()  # before they are read: what changes meanwhile is read again
    city = read_city(broken=broken)
    for path, error in broken.items():
        logging.getLogger("lianshu").error("%s: %s | %s", path, error, error.en)
    return definitions_of(city, broken, files)


def definitions_of(city: City, broken: dict[str, RegistrationError] | None = None, files: str | None = None) -> dg.Definitions:
    """`files`: what the registrations' files were when they were read."""
    broken = broken or {}
    loaded = uuid.uuid4().hex[:12]
    systems = {s.code: assets_of(s, city) for s in city if s.running and s.datasets}
    jobs = {s.code: job_of(s, systems[s.code]) for s in city if s.code in systems}
    publish = publishing.publish_assets(city, broken)
    publish_job = dg.define_asset_job(
        publishing.PUBLISH,
        dg.AssetSelection.assets(publish),
        description="发布 build what is due, then the shared dataset and the edition",
        tags={"system": publishing.PUBLISH},
    )
    every = [*systems.values()]
    first = [_first_load(every)] if every else []
    return dg.Definitions(
        assets=[*every, publish, registrations.REGISTRATIONS],
        asset_checks=[registrations.valid(broken)],
        jobs=[*jobs.values(), *first, publish_job, publishing.deliver_job, upkeep.upkeep_job],
        schedules=[
            *(_schedule(schedule_of(s), jobs[s.code], s) for s in city if s.code in jobs),
            _schedule("40 4 * * *", upkeep.upkeep_job),
        ],
        sensors=[
            sensors.publish_what_is_due(city, loaded),
            sensors.deliver_what_is_due(city, loaded),
            sensors.show_broken_registrations(broken, files or files_seen()),
            others.tell_what_others_did(city),
        ],
        resources={"steps": _steps(city)},
        executor=dg.in_process_executor,
    )


def _first_load(every: list[dg.AssetsDefinition]) -> Any:
    return dg.define_asset_job(
        FIRST_LOAD,
        dg.AssetSelection.assets(*every),
        description="首次全量：所有系统在一次运行中 every system in one run, for the first load",
        tags={"system": FIRST_LOAD, "dagster/max_runtime": "86400"},
    )


def _schedule(cron: str, job: Any, system: System | None = None) -> dg.ScheduleDefinition:
    """A tick outside the hours in which the system may be read is skipped."""

    def may(_: Any) -> bool:
        return system is None or system.limits.left(dt.datetime.now(ZoneInfo(system.timezone)).time()) != dt.timedelta(0)

    return dg.ScheduleDefinition(
        job=job,
        cron_schedule=cron,
        execution_timezone=system.timezone if system else homes.zone(),  # the clock its window is judged by
        default_status=dg.DefaultScheduleStatus.RUNNING,
        should_execute=may,
    )


def _steps(city: City) -> dg.ResourceDefinition:
    @dg.resource(description="打开的湖与账本 the open lake and ledger, once a run")
    def steps(_: dg.InitResourceContext) -> Iterator[Steps]:
        opened = Steps.open(city)
        try:
            yield opened
        finally:
            opened.close()

    return steps
