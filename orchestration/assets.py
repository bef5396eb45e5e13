"""One system as Dagster sees it: a multi-asset, a job, a schedule.

    landing/<system>/<dataset>  ->  standard/<system>/<dataset>, with one `quality` check a dataset

Checks never block: what was not accepted is not yielded, and its siblings are. Nothing is decided here about data;
see routes.sync. (No postponed annotations in this module: Dagster reads them.)
"""

import logging
import zlib
from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration import metadata
from orchestration.metadata import accepted, landed
from orchestration.standing import Newest, standings
from orchestration.steps import Steps
from schemas.city import City
from schemas.errors import HubError
from schemas.registration import System, cron

FIRST_LOAD = "first_load"
RETRIES = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
Event = dg.MaterializeResult[None] | dg.AssetCheckResult


def assets_of(system: System, city: City, retries: dg.RetryPolicy = RETRIES) -> dg.AssetsDefinition:
    """Pull, land, build, check and accept the datasets of one system; one that fails leaves the others done."""

    @dg.multi_asset(
        name=system.code,
        description=f"{city.departments[system.department].title}：{system.title}",
        specs=list(_specs(system)),
        check_specs=[dg.AssetCheckSpec("quality", asset=landed(system, n)) for n, d in system.datasets.items() if d.record],
        can_subset=True,
        pool=system.code,
        required_resource_keys={"steps"},
        retry_policy=retries,
    )
    def sync(context: dg.AssetExecutionContext) -> Iterator[Event]:
        steps: Steps = context.resources.steps
        wanted = [n for n in system.datasets if {landed(system, n), accepted(system, n)} & set(context.selected_asset_keys)]
        try:
            synced = steps.sync(system, wanted)
        except HubError as error:
            raise metadata.failure(system.path, {system.path: error}, again=_again(context)) from None
        except Exception as error:
            logging.getLogger("lianshu").exception("%s", system.path)
            raise metadata.unforeseen(system.path, error) from None
        stand = standings(steps.hub.lake, [system.table(n) for n in wanted])
        for name, outcome in synced.outcomes.items():
            if outcome.state != "failed":
                yield from _told(context, city, system, name, stand[system.table(name)], synced.run, accept=outcome.accepted)
        if synced.failed:
            for name, said in synced.failed.items():
                context.log.error(f"{system.path}/{name}: {said} | {said.en}")  # noqa: G004
            raise metadata.failure(f"{system.path} {len(synced.failed)}/{len(wanted)}", synced.failed, again=_again(context))

    return sync


def _specs(system: System) -> Iterator[dg.AssetSpec]:
    for name, dataset in system.datasets.items():
        group, tags = system.department, {"system": tag(system)}
        yield dg.AssetSpec(landed(system, name), group_name=group, tags=tags, kinds={"duckdb"}, description=f"{dataset.title}（归集）")
        if dataset.record:
            yield dg.AssetSpec(
                accepted(system, name),
                deps=[landed(system, name)],
                group_name=group,
                tags=tags,
                kinds={"duckdb"},
                description=f"{dataset.title}（标准）→ {dataset.record}",
            )


def _told(
    context: dg.AssetExecutionContext, city: City, system: System, name: str, stand: Newest, run: str, *, accept: bool
) -> Iterator[Event]:
    """What the lake now has of one dataset. Unchanged data are said again with the same version: somebody has looked."""
    land, standard = landed(system, name), accepted(system, name)
    selected = set(context.selected_asset_keys)
    if land in selected:
        yield dg.MaterializeResult(
            asset_key=land,
            metadata={**metadata.of_landing(system, name, stand), "run": run},
            data_version=dg.DataVersion(f"landing-{stand.landed.get('state', 0)}"),
        )
    if dg.AssetCheckKey(land, "quality") in set(context.selected_asset_check_keys):
        yield metadata.check(land, stand)
    if accept and standard in selected:
        yield dg.MaterializeResult(
            asset_key=standard,
            metadata={**metadata.of_standard(city, system, name, stand), "run": run},
            data_version=dg.DataVersion(f"standard-{stand.accepted.get('state', 0)}"),
        )


def _again(context: dg.AssetExecutionContext) -> bool:
    """The first load does not wait for a system that is down; its own schedule takes it up."""
    return context.run.job_name != FIRST_LOAD


def job_of(system: System, assets: dg.AssetsDefinition) -> Any:
    """One run a system: a crash, a hang or a cancel touches one system only."""
    longest = int(system.limits.patience.total_seconds()) + 3600
    return dg.define_asset_job(
        f"sync_{system.code}",
        dg.AssetSelection.assets(assets),
        description=f"同步 {system.title}",
        tags={"system": tag(system), "dagster/max_runtime": str(longest)},
    )


def tag(system: System) -> str:
    """The system's code as a tag's value, which has 63 characters at most."""
    return system.code if len(system.code) <= 63 else f"{system.code[:54]}_{zlib.crc32(system.code.encode()):08x}"


def schedule_of(system: System) -> str:
    """When the system is looked at, as five cron fields: its own word, or by its cycle at a time of its own, at night or within its hours."""
    if system.schedule:
        return cron(system.schedule)
    spread = zlib.crc32(system.code.encode())
    opens, lasts = system.limits.span or (60, 240)
    at = (opens + spread % lasts) % 1440
    clock = f"{at % 60} {at // 60}"
    match system.cycle:
        case "realtime":
            return "*/15 * * * *"
        case "daily":
            return f"{clock} * * *"
        case "weekly":
            return f"{clock} * * {spread // 240 % 7}"
        case _:
            return f"{clock} {1 + spread // 240 % 28} * *"
