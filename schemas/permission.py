"""Whether a dataset's rows may enter what is shared, and whether they may leave the building: decided here alone.

    stage, agreement            ->  shared.<record>, and with it the editions
    stage, agreement, resource  ->  the upper platforms
    both datasets' resources    ->  cells of one dataset in the resource of another

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
    resource = system.datasets[name].resource
    if resource is not None and resource.share == "none":
        return Said(f"不予共享（{resource.basis}）", f"not shared ({resource.basis})")
    return NOTHING


def against_leaving(system: System, name: str, agreed: frozenset[str]) -> Said:
    """Why the rows of a dataset do not leave as a resource of their own."""
    if why := against_sharing(system, name, agreed):
        return why
    dataset = system.datasets[name]
    if dataset.record is None or dataset.resource is None:
        return NO_RESOURCE
    return NOTHING


def against_carrying(giver: System, given: str, system: System, name: str) -> Said:
    """Why cells of the dataset `given` do not leave in the resource of `name`; both may leave by themselves.

    A resource leaves under the condition, level and agreement of its own department. That covers its own cells, and those
    of others that ask for no more: shared unconditionally, or by the same department under the same condition.
    """
    if (giver.path, given) == (system.path, name):
        return NOTHING
    theirs, ours = giver.datasets[given], system.datasets[name]
    if theirs.resource is None or ours.resource is None:
        return NO_RESOURCE
    if theirs.resource.level > ours.resource.level:
        return Said(f"数据分级 {theirs.resource.level} 高于本资源的 {ours.resource.level}", "its level is above that of the resource")
    if theirs.resource.share == "unconditional" and theirs.agreement != "required":
        return NOTHING
    if giver.department != system.department:
        return Said("共享条件由另一部门规定", "another department sets the condition it is shared under")
    if (theirs.resource.share, theirs.resource.condition, theirs.agreement) != (
        ours.resource.share,
        ours.resource.condition,
        ours.agreement,
    ):
        return Said("共享类型、条件或协议与本资源不同", "its share type, condition or agreement is not that of the resource")
    return NOTHING
