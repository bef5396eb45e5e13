"""The hub's own care, as Dagster sees it: every night old runs go and the lake is tidied.

(No postponed annotations in this module: Dagster reads them.)
"""

import dagster as dg

from orchestration.steps import Steps
from schemas import home as homes


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
