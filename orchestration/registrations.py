"""Registrations that cannot be read: shown red, left out of the runs, and never taken for an empty system.

(No postponed annotations in this module: Dagster reads them.)
"""

import dagster as dg

from schemas.city import City
from schemas.errors import RegistrationError
from warehouse import made
from warehouse.lake import Lake

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


def without_an_owner(lake: Lake, city: City) -> list[str]:
    """Datasets that have landed once and belong to no system that is registered now."""
    codes = {s.code for s in city}
    return sorted(t for t in made.landing_states(lake) if t.partition("__")[0] not in codes)


def may_publish(lake: Lake, city: City, broken: dict[str, RegistrationError]) -> None:
    """Raises RegistrationError while a broken registration would take a contributor's rows out of what is shared.

    A system that cannot be read from its file is missing from the city, and rows without a contributor are deletions
    at the province. So what is shared stays as it is until the file is mended; the other systems are synced all the same.
    """
    missing = without_an_owner(lake, city) if broken else []
    if missing:
        first = next(iter(broken.values()))
        files = "、".join(sorted(broken))
        raise RegistrationError(
            f"登记有误（{files}），其数据 {'、'.join(missing)} 暂无归属，共享库保持原样：{first.zh}",
            f"broken registrations ({files}) leave {', '.join(missing)} without an owner; what is shared stays as it is: {first.en}",
            next_zh=first.next_zh,
            next_en=first.next_en,
        )
