"""The hub's own care, as Dagster sees it: are all registrations valid; nightly, old runs go and the lake is tidied.

(No postponed annotations in this module: Dagster reads them.)
"""

import dagster as dg

from orchestration.steps import Steps
from schemas import home as homes
from schemas.errors import RegistrationError

REGISTRATIONS = dg.AssetSpec(
    dg.AssetKey(["hub", "registrations"]), group_name="hub", kinds={"yaml"}, description="系统登记 the registrations of all systems"
)


def valid(broken: dict[str, RegistrationError]) -> dg.AssetChecksDefinition:
    """Red while a registration is wrong: its system is not synced, the others are."""

    @dg.asset_check(asset=REGISTRATIONS.key, name="valid", description="登记文件全部有效 every registration can be read")
    def check() -> dg.AssetCheckResult:
        said = evaluation(broken)
        return dg.AssetCheckResult(passed=said.passed, severity=said.severity, description=said.description, metadata=said.metadata)

    return check


def evaluation(broken: dict[str, RegistrationError]) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=REGISTRATIONS.key,
        check_name="valid",
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(broken)} 个登记有误，未运行 {len(broken)} broken, not run" if broken else "",
        metadata={path: dg.MetadataValue.text(f"{e} | {e.en}") for path, e in broken.items()},
    )


@dg.op
def forget_old_runs(context: dg.OpExecutionContext) -> None:
    """Dagster's runs of more than 30 days, with their files."""
    from orchestration.retention import forget_runs

    context.log.info(f"forgotten: {forget_runs(homes.home())}")  # noqa: G004


@dg.op(required_resource_keys={"steps"})
def tidy_the_lake(context: dg.OpExecutionContext) -> None:
    """Compaction, expiry of old snapshots, clean-up; the catalogue is backed up first."""
    from warehouse.maintenance import maintain

    steps: Steps = context.resources.steps
    report = maintain(steps.hub.lake, steps.hub.home)
    context.log.info(f"files {report.files_before} -> {report.files_after}, snapshots expired: {report.expired}")  # noqa: G004


@dg.job(name="upkeep", description="每夜整理：过期运行记录与湖 nightly upkeep", tags={"system": "upkeep"})
def upkeep_job() -> None:
    forget_old_runs()
    tidy_the_lake()
