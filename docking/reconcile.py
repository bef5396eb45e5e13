"""Ours against what the platform says it holds: rows and a hash for each resource, at the version it has last taken.

What differs is noted in the ledger, and the next delivery of that resource is a full one. What the platform holds and
should not stands here too, until its withdrawal has been taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from docking import packing, withdrawal
from docking.resources import Resource, definition
from docking.way import Way
from ledger.models import Delivery, Receipt
from schemas.said import Said

Verdict = Literal["equal", "different", "not checked", "nothing taken", "should not", "withdrawn"]
_FULL = Said("对账不一致，下次 hub deliver 自动全量报送", "different: the next hub deliver sends this resource in full")


@dataclass(frozen=True)
class Statement:
    """One line of the reconciliation. `verdict` is "not checked" when the version or the platform's figures are missing."""

    platform: str
    resource: str
    title: str
    sequence: int
    ours: int | None
    theirs: int | None
    verdict: Verdict
    said: Said


def reconcile(way: Way) -> list[Statement]:
    """One statement a resource that leaves, was withdrawn, or should be. Reads every shared row once; notes what differs."""
    found = [_statement(way, resource) for resource in way.leaving().values()]
    parted = way.ledger.partings(way.platform)
    for s in found:
        noted = s.resource in parted and parted[s.resource].sequence >= s.sequence
        if s.verdict == "different" and not noted:
            way.ledger.part(
                way.platform, s.resource, s.sequence, Said(f"第 {s.sequence} 号对账不一致", f"copies differ at number {s.sequence}")
            )
    return found + _given(way)


def _given(way: Way) -> list[Statement]:
    """Resources that leave no longer: what the platform still holds of them, or that it has given them up."""
    owed = {w.resource: w for w in withdrawal.owed(way.city, way.ledger, way.platform)}
    may = {r.code for r in way.leaving().values()}
    found = []
    for code, taken in sorted(way.ledger.last_deliveries(way.platform, status=("taken",)).items()):
        if code in may:
            continue
        receipt = _receipt(way, taken)
        theirs = receipt.total if receipt else taken.total
        if code in owed:
            said = Said(f"不应再持有：{owed[code].because.zh}", f"should not be held: {owed[code].because.en}")
            found.append(Statement(way.platform, code, taken.dataset, taken.sequence, 0, theirs, "should not", said))
        else:
            verdict: Verdict = "should not" if theirs else "withdrawn"
            said = Said("已报送撤回，平台仍持有数据", "withdrawn, yet the platform holds rows") if theirs else Said("已撤回", "withdrawn")
            found.append(Statement(way.platform, code, taken.dataset, taken.sequence, 0, theirs or 0, verdict, said))
    return found


def _receipt(way: Way, taken: Delivery) -> Receipt | None:
    return next((r for r in reversed(way.ledger.receipts(taken.id)) if r.status == "taken"), None)


def _statement(way: Way, resource: Resource) -> Statement:
    title = resource.dataset.title
    taken = way.ledger.last_delivery(way.platform, resource.code, status=("taken",))
    if taken is None or taken.withdraws:
        said = Said("平台尚未入库任何数据", "the platform has taken nothing yet")
        return Statement(way.platform, resource.code, title, 0, None, None, "nothing taken", said)

    def state(ours: int | None, theirs: int | None, verdict: Verdict, said: Said) -> Statement:
        return Statement(way.platform, resource.code, title, taken.sequence, ours, theirs, verdict, said)

    receipt = _receipt(way, taken)
    theirs = receipt.total if receipt else None
    ours = _ours(way, resource, taken)
    if ours is None:
        return state(
            taken.total, theirs, "not checked", Said("本地版本已过期或字段已变更", "our version is gone or the columns have changed")
        )
    if receipt is None or theirs is None or not receipt.sha256:
        return state(ours[0], theirs, "not checked", Said("回执没有给出总数或摘要", "the receipt states no count or hash"))
    if ours == (theirs, receipt.sha256):
        return state(ours[0], theirs, "equal", Said("一致", "equal"))
    return state(ours[0], theirs, "different", _FULL)


def _ours(way: Way, resource: Resource, taken: Delivery) -> tuple[int, str] | None:
    if taken.definition != definition(resource, way.key):
        return None
    with way.lake.reading() as con:
        if not packing.kept(con, resource, taken):
            return None
        found = packing.copy_of(con, resource, way.key, taken.snapshot)
        return found if packing.kept(con, resource, taken) else None
