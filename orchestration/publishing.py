"""Publishing and delivering as Dagster sees them: runs of their own, started by what is due, one at a time.

    standard/*  ->  shared/<record>, shared/<derived>, edition/analyst     job publish
    shared/*    ->  packages, receipts                                     job deliver

(No postponed annotations in this module: Dagster reads them.)
"""

import logging
from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration import metadata, registrations
from orchestration.metadata import accepted
from orchestration.steps import Steps
from schemas.city import City
from schemas.errors import HubError, RegistrationError
from schemas.records import SQL_TYPES

EDITION = dg.AssetKey(["edition", "analyst"])
RETRIES = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL)
PUBLISH, DELIVER = "publish", "deliver"


def shared_key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["shared", name])


def publish_assets(city: City, broken: dict[str, RegistrationError], retries: dg.RetryPolicy = RETRIES) -> dg.AssetsDefinition:
    """Shared records, derived tables and the edition; a record type that would shrink too far stays as it is, in red."""
    records = [n for n in city.records if city.contributors(n)]

    @dg.multi_asset(
        name="publish_shared",
        description="共享库、派生表与分析版 the shared dataset, derived tables and the analysts' edition",
        specs=[*_records(city, records), *_derived(city, records), _edition(city, records)],
        check_specs=[dg.AssetCheckSpec("shrink", asset=shared_key(n)) for n in records],
        can_subset=True,
        pool=PUBLISH,
        required_resource_keys={"steps"},
        retry_policy=retries,
    )
    def publish(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        steps: Steps = context.resources.steps
        try:
            registrations.may_publish(steps.hub.lake, city, broken)
            published = steps.publish()
        except HubError as error:
            raise metadata.failure(PUBLISH, {PUBLISH: error}, again=True) from None
        except Exception as error:
            logging.getLogger("lianshu").exception(PUBLISH)
            raise metadata.unforeseen(PUBLISH, error) from None
        keys, checks = set(context.selected_asset_keys), set(context.selected_asset_check_keys)
        for name, prepared in {**published.tables, **published.refused}.items():
            key = shared_key(name)
            if dg.AssetCheckKey(key, "shrink") in checks:
                yield _shrunk(key, prepared, refused=name in published.refused)
            if name in published.tables and key in keys:
                yield dg.MaterializeResult(asset_key=key, metadata={**_said(city, name, prepared), "run": published.run})
        if published.edition is not None and EDITION in keys:
            yield dg.MaterializeResult(asset_key=EDITION, metadata={"edition": _name(published.edition), "run": published.run})
        if published.failed:
            raise metadata.failure(f"{PUBLISH} {len(published.failed)}", published.failed, again=False)

    return publish


def _records(city: City, records: list[str]) -> Iterator[dg.AssetSpec]:
    for name in records:
        yield dg.AssetSpec(
            shared_key(name),
            deps=[accepted(s, n) for s, n, _ in city.contributors(name) if s.running],
            group_name="shared",
            kinds={"duckdb"},
            description=f"{city.records[name].title}（共享）",
        )


def _derived(city: City, records: list[str]) -> Iterator[dg.AssetSpec]:
    for name, (derived, _) in city.derived.items():
        yield dg.AssetSpec(
            shared_key(name),
            deps=[shared_key(u) for u in derived.uses if u in records or u in city.derived],
            group_name="shared",
            kinds={"duckdb"},
            description=f"{derived.title}（派生）",
        )


def _edition(city: City, records: list[str]) -> dg.AssetSpec:
    return dg.AssetSpec(
        EDITION,
        deps=[shared_key(n) for n in (*records, *city.derived)],
        group_name="editions",
        kinds={"duckdb"},
        description="分析人员使用的脱敏数据文件 the masked file analysts read",
    )


def _said(city: City, name: str, prepared: Any) -> dict[str, Any]:
    fields = city.records[name].fields if name in city.records else city.derived[name][0].columns
    columns = [dg.TableColumn(f, SQL_TYPES[spec.type], description=spec.title) for f, spec in fields.items()]
    return {
        "dagster/row_count": prepared.before + prepared.inserted - prepared.deleted,
        "dagster/table_name": f"shared.{name}",
        "dagster/column_schema": dg.TableSchema(columns),
        "inserted": prepared.inserted,
        "updated": prepared.updated,
        "deleted": prepared.deleted,
    }


def _shrunk(key: dg.AssetKey, prepared: Any, *, refused: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="shrink",
        passed=not refused,
        severity=dg.AssetCheckSeverity.ERROR,
        description="减少过多，保持原样 it would shrink too far; it stays as it is" if refused else "",
        metadata={"before": prepared.before, "inserted": prepared.inserted, "deleted": prepared.deleted},
    )


def _name(edition: Any) -> str:
    """The edition's file, without its folder."""
    return str(getattr(edition, "name", None) or getattr(edition, "path", edition)).rpartition("/")[2]


@dg.op(required_resource_keys={"steps"}, pool=DELIVER, retry_policy=RETRIES)
def deliver_packages(context: dg.OpExecutionContext) -> None:
    """Package what has changed, hand it over, and take in the answers that are there."""
    steps: Steps = context.resources.steps
    try:
        done = steps.deliver()
        failed = dict(done.failed)
        steps.collect()
    except HubError as error:
        failed = {DELIVER: error}
    except Exception as error:
        logging.getLogger("lianshu").exception(DELIVER)
        raise metadata.unforeseen(DELIVER, error) from None
    if failed:
        raise metadata.failure(DELIVER, failed, again=True)


@dg.job(name=DELIVER, description="向上级平台报送并收取回执 packages to the platform, receipts back", tags={"system": DELIVER})
def deliver_job() -> None:
    deliver_packages()
