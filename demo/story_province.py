"""Chapter 7: the province's copy against ours before and after the tick, a refusal word for word, and its mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo import faults, province
from demo.page import Section
from demo.story_telling import HEADS, Copy, Telling, mark, tick_mark
from docking import packing
from docking.resources import Resource, leaving
from schemas.errors import HubError
from schemas.said import Said
from warehouse.keys import key

if TYPE_CHECKING:
    from ledger.models import Delivery
    from orchestration.routes import Hub

PREFERRED = "political_legal_mediation__dispute"  # the resource whose batch is refused, if it is among those that are due


def copies(telling: Telling) -> list[Copy]:
    """Every resource as it is shared now, and as the platform holds it now."""
    platform = province.prepare(telling.home)
    secret = key(telling.home, "platform")
    try:
        with telling.hub.lake.reading() as con:
            version = packing.newest_version(con)
            return [
                Copy(r.code, r.dataset.title, packing.copy_of(con, r, secret, version), platform.held(r.code))
                for r in leaving(telling.city).values()
            ]
    finally:
        platform.close()


def delivered(telling: Telling, section: Section) -> None:
    """Deliver what the tick changed, be refused once, mend, deliver again; in the end both copies are the same."""
    hub = telling.hub
    refused = _refuse_one(telling, hub)
    _send(telling, hub)
    delivery = hub.ledger.last_delivery("province", refused.code) if refused else None
    if refused and delivery:
        _say_refused(telling, section, refused, delivery)
    _mend(telling, section, hub)
    _send(telling, hub, again=True)
    if refused:
        _say_taken(telling, section, hub, refused)
    pending = hub.ledger.deliveries(status=("prepared", "sent"))
    after = copies(telling)
    _table(telling, section, after)
    telling.promise(not pending, "没有未回执的批次", "no batch is without its receipt")
    section.run("hub deliver --again\nhub demo province\nhub receipts --reconcile")


def _refuse_one(telling: Telling, hub: Hub) -> Resource | None:
    """Have the platform refuse the next batch of one resource that is due."""
    from orchestration import routes

    due = [table for plan in routes.plan(hub) for table in plan.packages]
    chosen = leaving(hub.city).get(PREFERRED if PREFERRED in due else next(iter(due), ""))
    telling.promise(chosen is not None, "有待报送的变更", "there are changes to deliver")
    if chosen:
        platform = province.prepare(telling.home)
        platform.fault("refuse", resource=chosen.code)
        platform.close()
    return chosen


def _send(telling: Telling, hub: Hub, *, again: bool = False) -> None:
    from orchestration import routes

    done = routes.deliver(hub, tell=telling.told.tell, again=again)
    answers = province.process(telling.home)
    routes.collect(hub)
    taken = sum(a.status == province.TAKEN for a in answers)
    telling.line(f"报送 {len(done.sent)} 个批次，入库 {taken} 个", f"{len(done.sent)} batches delivered, {taken} taken")
    for table, error in done.failed.items():
        telling.promise(False, f"报送 {table}：{error.zh}", f"deliver {table}: {error.en}")


def _say_refused(telling: Telling, section: Section, resource: Resource, delivery: Delivery) -> None:
    section.say(
        f"省平台退回了“{resource.dataset.title}”的批次 {delivery.batch}，原文：“[{delivery.code}] {delivery.reason}”。下一步：{delivery.next_zh}。",
        f"The province refused batch {delivery.batch} of {resource.code}, verbatim: “[{delivery.code}] {delivery.reason}”. Next: {delivery.next_en}.",
    )
    telling.promise(
        delivery.status == "refused" and bool(delivery.reason and delivery.next_zh),
        "退回原因原样保存，并写明下一步",
        "the refusal is kept verbatim with its next step",
    )


def _mend(telling: Telling, section: Section, hub: Hub) -> None:
    """Faults lifted, the systems in trouble synced again, published."""
    from orchestration import routes

    wrong = {e["system"] for entries in faults.active(telling.home).values() for e in entries}
    faults.off(telling.home)
    for path in sorted(wrong):
        system = telling.city.system(path)
        try:
            synced = routes.sync(hub, system, tell=telling.told.tell)
            good = not synced.failed and all(o.accepted for n, o in synced.outcomes.items() if system.datasets[n].record)
        except HubError as error:
            good = False
            telling.told.tell("failed", path, error=error)
        telling.promise(good, f"{path} 恢复后同步完成", f"{path} syncs once it is mended")
    routes.publish(hub, tell=telling.told.tell)
    names = "、".join(telling.city.system(p).title for p in sorted(wrong))
    section.say(
        f"口令更新、完整数据重新交来之后，{names}同步并验收；随后重新报送。",
        f"With the password renewed and the whole delivery handed in, {', '.join(sorted(wrong))} are synced and accepted; then everything is delivered again.",
    )


def _say_taken(telling: Telling, section: Section, hub: Hub, resource: Resource) -> None:
    delivery = hub.ledger.last_delivery("province", resource.code)
    texts = [r.text for r in hub.ledger.receipts(delivery.id)] if delivery else []
    taken = delivery is not None and delivery.status == "taken"
    telling.promise(taken, "改正后的批次已入库", "the mended batch is taken")
    if delivery and taken:
        section.say(
            f"重新报送的批次 {delivery.batch} 已入库，回执原文：“{'；'.join(texts)}”。",
            f"Batch {delivery.batch}, delivered again, is taken; its receipt, verbatim: “{'; '.join(texts)}”.",
        )


def _table(telling: Telling, section: Section, after: list[Copy]) -> None:
    """Before the tick and after it; the hash stands for every row in every column."""
    earlier = {c.resource: c for c in telling.before}
    section.say(
        "两边各自计算行数与摘要（全部行、全部列的 SHA-256，此处只写前 10 位）：",
        "Each side counts and hashes for itself (SHA-256 over every row and column, its first 10 digits here):",
    )
    rows, marks = [], []
    for copy in after:
        old = earlier.get(copy.resource)
        rows.append((f"{copy.title} {copy.resource}", *_half(old), *_half(copy)))
        marks.append(mark(copy.equal and bool(old and old.equal)))
    heads = [
        Said("资源", "resource"),
        *(Said(f"{when.zh}{what.zh}", f"{when.en} {what.en}") for when in (Said("前：", "before:"), Said("后：", "after:"))
          for what in (HEADS["rows"], HEADS["ours"], HEADS["theirs"])),
    ]  # fmt: skip
    section.show(heads, rows, marks, numbers=[1, 4])
    before_equal, equal = sum(c.equal for c in telling.before), sum(c.equal for c in after)
    section.say(
        f"时间前进之前 {before_equal}/{len(telling.before)} 个资源一致，改正并重新报送之后 {equal}/{len(after)} 个一致。",
        f"{before_equal} of {len(telling.before)} resources were equal before the tick, {equal} of {len(after)} after the mended delivery.",
    )
    for copy in after:
        telling.promise(copy.equal, f"{copy.resource} 省平台副本与我方一致", f"the province's copy of {copy.resource} equals ours")
    for copy in telling.before:
        telling.promise(copy.equal, f"{copy.resource} 时间前进前两边一致", f"both copies of {copy.resource} were equal before the tick")


def _half(copy: Copy | None) -> tuple[object, ...]:
    if copy is None:
        return "—", "—", "—"
    return copy.ours[0], copy.ours[1][:10], f"{copy.theirs[1][:10]} {tick_mark(copy.equal)}"
