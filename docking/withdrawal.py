"""What was given and may be held no longer is taken back: a delivery like any other, with its number and its receipt.

    what a platform has taken, less what may leave  ->  deletions of every row, or a notice where the platform takes none

The catalogue entry goes with it, marked 已撤销. Where the rows that were given can no longer be listed (their version has
expired, columns or masks have changed since, a restore lies between), an empty full package replaces the platform's copy.

A registration that cannot be read, or is gone, is never taken for a withdrawal: a person has to name such a resource.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from docking import packing, resources
from docking.catalogue import Entry, entry, withdrawn
from docking.package import KEEP, apart, base_of, batch_name, enter, next_number, recall, remember, void
from docking.resources import Resource, resource_of
from docking.way import Way, against
from ledger.book import Ledger
from ledger.models import Delivery
from schemas.city import City
from schemas.permission import against_leaving
from schemas.registration import Dataset, System
from schemas.said import Said

_GONE = Said("系统已不在登记中（或登记有误）", "its system is not registered now, or wrongly")
_NOT_SENT = Said("枢纽收回：该资源不再报送", "recalled: this resource leaves no longer")
_WITHDRAWN = "withdrawn"  # in hub.made: should it leave again, everything goes


@dataclass(frozen=True)
class Withdrawal:
    """A resource that a platform may hold and should not."""

    platform: str
    resource: str
    dataset: str  # the dataset's table name
    rows: int | None  # what the platform took last; None when the ledger does not know
    because: Said
    asks: bool  # a person has to name it
    refused: bool  # the platform has refused to take it back: sent again only when asked to

    @property
    def waits(self) -> bool:
        return self.asks or self.refused


def owed(city: City, ledger: Ledger, platform: str) -> list[Withdrawal]:
    """Every resource the platform may hold and should not, whether it is taken back by itself or a person has to say so."""
    last, taken = ledger.last_deliveries(platform), ledger.last_deliveries(platform, status=("taken",))
    parted, agreed = ledger.partings(platform), ledger.agreements()
    may = {r.code for r in resources.leaving(city, agreed).values() if not against(city, platform, r.code)}
    found = []
    for code in sorted((set(last) | set(parted)) - may):
        newest, held = last.get(code), taken.get(code)
        beyond = code in parted and (held is None or held.sequence <= parted[code].sequence)
        if not beyond and (held is None or held.withdraws) and (newest is None or newest.status in ("taken", "refused")):
            continue
        because, asks = _because(city, platform, code, newest, agreed)
        rows = held.total if held and not beyond else None
        refused = newest is not None and newest.withdraws and newest.status == "refused" and newest.code != "RECALLED"
        found.append(Withdrawal(platform, code, newest.dataset if newest else _table(city, code), rows, because, asks, refused))
    return found


def due(way: Way, *, again: bool = False, named: frozenset[str] = frozenset()) -> list[Withdrawal]:
    """What is taken back now. `named`: resource codes a person lets go though no registration says why."""
    last = way.ledger.last_deliveries(way.platform)
    return [
        one
        for one in owed(way.city, way.ledger, way.platform)
        if (not one.asks or one.resource in named) and _moves(way, one, last.get(one.resource), again=again)
    ]


def _moves(way: Way, one: Withdrawal, last: Delivery | None, *, again: bool) -> bool:
    if last is None or last.status != "sent":
        return not one.refused or again or bool(last and apart(way, last) and last.previous)
    return False  # unanswered


def _because(city: City, platform: str, code: str, last: Delivery | None, agreed: frozenset[str]) -> tuple[Said, bool]:
    """Why it should not be there, and whether only a person can say so."""
    at = _registered(city, last.dataset if last else _table(city, code))
    if at is None:
        owner = last.dataset.partition("__")[0] if last else ""
        if any(s.code == owner for s in city):
            return Said("数据集已不在登记中", "the dataset is not registered any more"), False
        return _GONE, True
    system, name, dataset = at
    if dataset.resource is not None and dataset.resource.code != code:
        return Said(f"信息资源代码已改为 {dataset.resource.code}", f"its resource code is {dataset.resource.code} now"), False
    why = against_leaving(system, name, agreed) or against(city, platform, code)
    return why or Said("没有可共享的字段", "none of its fields is shared"), False


def _registered(city: City, table: str) -> tuple[System, str, Dataset] | None:
    return next(((s, n, d) for s in city for n, d in s.datasets.items() if s.table(n) == table), None)


def _table(city: City, code: str) -> str:
    return next((s.table(n) for s in city for n, d in s.datasets.items() if d.resource and d.resource.code == code), "")


def make(way: Way, one: Withdrawal, run: str) -> Delivery | None:
    """The withdrawal that is to be sent next; None when what was on its way has not left, so nothing is held."""
    folder = way.folder(one.resource)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(folder / ".lock", timeout=600):
        last = way.ledger.last_delivery(way.platform, one.resource)
        if last and last.status == "prepared":
            if last.withdraws and (folder / f"{last.sequence:06d}" / "manifest.json").exists():
                remember(way, last, run, {}, _WITHDRAWN)
                return last
            recall(way, last, _NOT_SENT)
        if not any(w.resource == one.resource for w in owed(way.city, way.ledger, way.platform)):
            return None
        return _next(way, one, run, folder)


def _next(way: Way, one: Withdrawal, run: str, folder: Path) -> Delivery:
    base, parted = base_of(way, one.resource)
    notice = way.profile.withdrawal == "notice"
    at = _registered(way.city, one.dataset)
    resource = resource_of(way.city, *at, way.ledger.agreements()) if at and at[2].record and at[2].resource else None
    before = _entry(way, one, resource, folder)
    same = resource is not None and [c.name for c in resource.columns] == [item["字段"] for item in before["信息项信息"]]
    listed = base if base and same and not notice else None
    with way.lake.reading() as con:
        contents = packing.deletions(con, resource, way.key, listed) if listed and resource else None
        if contents is None or resource is None:
            listed, contents = None, packing.nothing()
        delivery = _delivery(way, one, run, contents, listed, parted, notice=notice)
        said = withdrawn(before, one.because.zh, items=listed is not None)
        columns = resource.columns if listed and resource else ()
        packing.write(con, columns, contents, delivery, void(way, delivery), said, folder / f"{delivery.sequence:06d}")
    enter(way, delivery)
    remember(way, delivery, run, {}, _WITHDRAWN)
    packing.prune(folder, delivery.sequence - KEEP)
    return delivery


def _entry(way: Way, one: Withdrawal, resource: Resource | None, folder: Path) -> Entry:
    """The entry as the platform knows it: as it was sent last, or as it is registered, or its code alone."""
    for sent in sorted(folder.glob("*/catalogue.json"), reverse=True):
        found: Entry = json.loads(sent.read_text("utf-8"))
        if found["信息项信息"] or resource is None:
            return found
    if resource is not None:
        return entry(way.city, resource, way.profile.catalogue)
    return {"信息资源代码": one.resource, "信息资源名称": one.dataset or one.resource, "信息项信息": []}


def _delivery(
    way: Way, one: Withdrawal, run: str, contents: packing.Contents, base: Delivery | None, parted: Said, *, notice: bool
) -> Delivery:
    sequence = next_number(way, one.resource)
    because = Said(f"{one.because.zh}；{parted.zh}", f"{one.because.en}; {parted.en}") if parted else one.because
    return Delivery(
        platform=way.platform,
        resource=one.resource,
        dataset=one.dataset,
        sequence=sequence,
        previous=base.sequence if base else 0,
        kind="notice" if notice else "withdrawal",
        batch=batch_name(way, resources.slug(one.resource), sequence),
        made_from=contents.state,
        snapshot=contents.version,
        definition=_WITHDRAWN,
        entry=_WITHDRAWN,
        rows=contents.rows,
        inserted=0,
        updated=0,
        deleted=contents.deleted,
        total=0,
        sha256=contents.sha256,
        run=run,
        status="prepared",
        because_zh=because.zh,
        because_en=because.en,
    )
