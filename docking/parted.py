"""Where the platform holds batches under our name that our ledger does not know: this home is an older copy of itself.

    newest batch of each resource at the platform  <->  the ledger  ->  partings, a new epoch

Everything up to the platform's number counts for nothing then: the next package is a full one under a number neither side
has given, and its name carries a new epoch.
"""

from __future__ import annotations

from docking.package import recall
from docking.platforms import Exchange, Held
from docking.way import Way
from ledger.models import Delivery
from schemas.said import Said

_NOT_OURS = Said(
    "枢纽收回：平台在同一序号下持有另一个数据包（本枢纽恢复自旧备份）",
    "recalled: the platform holds another package under this number (this home was restored from an older copy)",
)


def look(way: Way, exchange: Exchange) -> list[str]:
    """Ask the platform what it holds; note and return the resources whose packages we do not know."""
    last, known = way.ledger.last_deliveries(way.platform), way.ledger.partings(way.platform)
    asked = {r.code for r in way.leaving().values()} | set(last) | set(known)
    found = {}
    for code, held in exchange.newest(asked).items():
        noted = code in known and known[code].sequence >= held.sequence
        if not noted and _foreign(way, held, last.get(code), code):
            found[code] = held
    if found:
        way.ledger.epoch(way.platform, renew=True)
    for code, held in found.items():
        for open_ in way.ledger.deliveries(platform=way.platform, resource=code, status=("prepared", "sent")):
            if open_.sequence == held.sequence or (open_.sequence < held.sequence and open_.status == "prepared"):
                recall(way, open_, _NOT_OURS)
        way.ledger.part(way.platform, code, held.sequence, _because(held, last.get(code)))
    return sorted(found)


def _foreign(way: Way, held: Held, last: Delivery | None, code: str) -> bool:
    if last is None or last.sequence < held.sequence:
        return True
    ours = way.ledger.deliveries(platform=way.platform, resource=code)
    return any(d.sequence == held.sequence and d.sha256 != held.digest for d in ours)


def _because(held: Held, last: Delivery | None) -> Said:
    ours = last.sequence if last else 0
    return Said(
        f"平台持有第 {held.sequence} 号数据包，本枢纽台账（到第 {ours} 号）中没有：枢纽恢复自旧备份",
        f"the platform holds package {held.sequence}, unknown to this ledger (which ends at {ours}): the home was restored from an older copy",
    )
