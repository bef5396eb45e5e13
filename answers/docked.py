"""What the upper platforms hold that they should not, and copies known to differ: told by `hub status`, mended by `hub deliver`.

deliveries, partings  +  registrations, agreements  ->  sentences
"""

from __future__ import annotations

from docking import withdrawal
from ledger.book import Ledger
from schemas.city import City
from schemas.said import Said


def outstanding(city: City, ledger: Ledger) -> list[Said]:
    """One sentence a resource, with what mends it. Nobody is asked: it is what the ledger knows."""
    found = []
    for platform, upper in city.settings.platforms.items():
        at = upper.title or platform
        for w in withdrawal.owed(city, ledger, platform):
            doing = f"hub deliver --withdraw {w.resource} --because …" if w.asks else "hub deliver --again" if w.refused else "hub deliver"
            rows = "" if w.rows is None else f"{w.rows:,}"
            found.append(
                Said(
                    f"{at}持有不应再持有的资源 {w.resource}（{rows} 行）：{w.because.zh} → {doing}",
                    f"{at} holds {w.resource} ({rows} rows) and should not: {w.because.en} → {doing}",
                )
            )
        last = ledger.last_deliveries(platform)
        for code, parting in sorted(ledger.partings(platform).items()):
            if code not in last or last[code].sequence <= parting.sequence:
                found.append(
                    Said(
                        f"{at}的资源 {code} 与我方不一致：{parting.because_zh} → hub deliver 全量报送",
                        f"the copy of {code} at {at} is not ours: {parting.because_en} → hub deliver sends it in full",
                    )
                )
    return found
