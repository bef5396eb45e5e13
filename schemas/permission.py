"""Whether a dataset's rows may enter what is shared, and whether they may leave the building: decided here alone.

    stage, agreement            ->  shared.<record>, and with it the editions
    stage, agreement, resource  ->  the upper platforms

Each answer is the reason against it, in the words a person is shown, or NOTHING. `agreed` are the tables of the datasets
whose agreement is on file.
"""

from __future__ import annotations

from schemas.registration import STAGES, System
from schemas.said import NOTHING, Said

NO_RESOURCE = Said("没有登记信息资源（resource）", "no resource is registered for it")

PLATFORM_ASKS_OTHERS = Said("该平台的报送范围（only）不含此资源", "the platform's list (only) does not name this resource")


def against_sharing(system: System, name: str, agreed: frozenset[str]) -> Said:
    """Why the rows of a dataset enter nothing shared."""
    if system.stage != "in_service":
        because = f"（{system.reason}）" if system.reason else ""
        return Said(f"系统阶段为“{STAGES[system.stage]}”{because}", f"its system is {system.stage}{because and f' ({system.reason})'}")
    if system.datasets[name].agreement == "required" and system.table(name) not in agreed:
        return Said("共享协议未归档或已终止", "its agreement is not on file")
    return NOTHING


def against_leaving(system: System, name: str, agreed: frozenset[str]) -> Said:
    """Why the rows of a dataset do not leave as a resource of their own."""
    if why := against_sharing(system, name, agreed):
        return why
    dataset = system.datasets[name]
    if dataset.record is None or dataset.resource is None:
        return NO_RESOURCE
    if dataset.resource.share == "none":
        return Said(f"不予共享（{dataset.resource.basis}）", f"not shared ({dataset.resource.basis})")
    return NOTHING
