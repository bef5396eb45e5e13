"""Registrations that cannot be read: shown red, left out of the runs, and never taken for an empty system.

(No postponed annotations in this module: Dagster reads them.)
"""

import dagster as dg

from schemas.errors import RegistrationError
from warehouse.owners import may_publish

__all__ = ["REGISTRATIONS", "evaluation", "may_publish", "valid"]

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


def evaluation(broken: dict[str, RegistrationError], *, stale: bool = False) -> dg.AssetCheckEvaluation:
    """`stale`: the files have changed since Dagster has loaded them."""
    said = [f"{len(broken)} 个登记有误，未运行 {len(broken)} broken, not run"] if broken else []
    said += (
        ["登记文件已变化，一分钟内自动载入；否则请在 Deployment 页点 Reload changed files: loaded within a minute, or press Reload"]
        if stale
        else []
    )
    return dg.AssetCheckEvaluation(
        asset_key=REGISTRATIONS.key,
        check_name="valid",
        passed=not broken and not stale,
        severity=dg.AssetCheckSeverity.ERROR if broken else dg.AssetCheckSeverity.WARN,
        description="；".join(said),
        metadata={path: dg.MetadataValue.text(f"{e} | {e.en}") for path, e in broken.items()},
    )
