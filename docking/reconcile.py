"""Ours against what the platform says it holds: rows and a hash for each resource, at the version it has last taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from docking import packing
from docking.package import definition
from docking.resources import Resource, leaving
from ledger.book import Ledger
from ledger.models import Delivery
from schemas.city import City
from warehouse import keys
from warehouse.lake import Lake

Verdict = Literal["equal", "different", "not checked", "nothing taken"]


@dataclass(frozen=True)
class Statement:
    """One line of the reconciliation. `verdict` is "not checked" when the version or the platform's figures are missing."""

    resource: str
    title: str
    sequence: int
    ours: int | None
    theirs: int | None
    verdict: Verdict
    zh: str
    en: str


def reconcile(lake: Lake, city: City, ledger: Ledger, home: Path) -> list[Statement]:
    """One statement a resource. Reads every shared row once."""
    key = keys.key(home, "platform")
    return [_statement(lake, ledger, resource, key) for resource in leaving(city, ledger.agreements()).values()]


def _statement(lake: Lake, ledger: Ledger, resource: Resource, key: str) -> Statement:
    title = resource.dataset.title
    taken = ledger.last_delivery(resource.code, status=("taken",))
    if taken is None:
        return Statement(resource.code, title, 0, None, None, "nothing taken", "平台尚未入库任何数据", "the platform has taken nothing yet")
    receipt = next((r for r in reversed(ledger.receipts(taken.id)) if r.status == "taken"), None)
    theirs = receipt.total if receipt else None
    theirs_sha256 = receipt.sha256 if receipt else ""
    ours = _ours(lake, resource, key, taken)
    if ours is None or theirs is None or not theirs_sha256:
        why = "本地版本已过期或字段已变更" if ours is None else "回执没有给出总数或摘要"
        why_en = "our version is gone or the columns have changed" if ours is None else "the receipt states no count or hash"
        return Statement(resource.code, title, taken.sequence, ours[0] if ours else taken.total, theirs, "not checked", why, why_en)
    same = ours == (theirs, theirs_sha256)
    zh, en = ("一致", "equal") if same else ("不一致，请对该资源重新全量报送", "different: send this resource in full again")
    return Statement(resource.code, title, taken.sequence, ours[0], theirs, "equal" if same else "different", zh, en)


def _ours(lake: Lake, resource: Resource, key: str, taken: Delivery) -> tuple[int, str] | None:
    if taken.definition != definition(resource, key):
        return None
    with lake.reading() as con:
        if not packing.kept(con, resource, taken):
            return None
        rows, sha256 = packing.copy_of(con, resource, key, taken.snapshot)
        return (rows, sha256) if packing.kept(con, resource, taken) else None
