"""What starts publishing and delivering: that something is due, and that no such run is under way.

(No postponed annotations in this module: Dagster reads them.)
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from orchestration import registrations
from orchestration.publishing import DELIVER, PUBLISH
from schemas import home as homes
from schemas.city import City, files_seen
from schemas.errors import RegistrationError

if TYPE_CHECKING:
    from orchestration.routes import Hub

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
Answer = dg.RunRequest | dg.SkipReason | dg.SensorResult


def publish_what_is_due(city: City, loaded: str) -> dg.SensorDefinition:
    """A publish is tried once for each state of the lake, and again every hour while something stays due."""

    def look(context: dg.SensorEvaluationContext) -> Answer:
        from orchestration import due

        seen = due.mark(homes.home(), loaded)
        if seen == context.cursor:
            return dg.SkipReason("自上次查看以来没有变化 nothing has changed since the last look")
        with open_to_look(city) as hub:
            waiting = due.to_publish(hub) if hub else []
            snapshot = hub.lake.snapshot() if hub else 0
        context.update_cursor(seen)
        if not waiting:
            return dg.SkipReason("没有待发布的内容 nothing is due")
        return dg.RunRequest(run_key=f"{loaded} {snapshot} {_hour()}", tags={"due": str(len(waiting))})

    return _sensor("publish_what_is_due", PUBLISH, 60, look)


def deliver_what_is_due(city: City, loaded: str) -> dg.SensorDefinition:
    """Once for each state of what is shared, hourly while something stays due, every quarter while an answer is awaited."""

    def look(_: dg.SensorEvaluationContext) -> Answer:
        from orchestration import due

        try:
            with open_to_look(city) as hub:
                waiting = due.to_deliver(hub) if hub else None
                snapshot = hub.lake.snapshot() if hub else 0
        except RegistrationError as error:
            return dg.SkipReason(f"{error} | {error.en}")
        if waiting is None or not (waiting.packages or waiting.unanswered):
            return dg.SkipReason("没有待报送的数据包 nothing is due")
        again = _quarter() if waiting.unanswered else _hour()
        return dg.RunRequest(run_key=f"{loaded} {snapshot if waiting.packages else ''} {waiting.unanswered} {again}")

    return _sensor("deliver_what_is_due", DELIVER, 120, look)


def show_broken_registrations(broken: dict[str, RegistrationError], loaded: str) -> dg.SensorDefinition:
    """The check `valid` of the registrations, said again whenever it has changed; no run is needed.

    Files that have changed since they were loaded make it red, too, until they are: see reloading.
    """
    problems = hashlib.sha256("\n".join(f"{p} {e.zh}" for p, e in sorted(broken.items())).encode()).hexdigest()

    @dg.sensor(
        name="show_broken_registrations", asset_selection=[registrations.REGISTRATIONS.key],
        minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING,
    )  # fmt: skip
    def look(context: dg.SensorEvaluationContext) -> Answer:
        stale = files_seen() != loaded
        said = f"{problems} {'stale' if stale else ''}".strip()
        if context.cursor == said:
            return dg.SkipReason("登记没有变化 the registrations are as they were")
        return dg.SensorResult(asset_events=[registrations.evaluation(broken, stale=stale)], cursor=said)

    return look


def _sensor(name: str, job: str, seconds: int, look: Callable[[dg.SensorEvaluationContext], Answer]) -> dg.SensorDefinition:
    @dg.sensor(name=name, job_name=job, minimum_interval_seconds=seconds, default_status=dg.DefaultSensorStatus.RUNNING)
    def alone(context: dg.SensorEvaluationContext) -> Answer:
        if context.instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=UNFINISHED)):
            return dg.SkipReason("上一次尚未结束 the last one has not ended")
        return look(context)

    return alone


@contextmanager
def open_to_look(city: City) -> "Iterator[Hub | None]":
    """The lake and the ledger for a short look; None while nothing has ever landed."""
    from ledger.opening import open_ledger
    from orchestration.routes import Hub
    from warehouse.lake import Lake

    home = homes.home()
    if not (home / "lake" / "catalogue.sqlite").exists():
        yield None
        return
    hub = Hub(home, city, Lake(home, read_only=True, threads=1, memory="256MB"), open_ledger(home))
    try:
        yield hub
    finally:
        hub.close()


def _hour() -> str:
    return f"{dt.datetime.now(dt.UTC):%Y%m%d%H}"


def _quarter() -> str:
    now = dt.datetime.now(dt.UTC)
    return f"{now:%Y%m%d%H}{now.minute // 15}"
