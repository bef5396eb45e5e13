"""What the platform has not got yet becomes a package: first everything, then only what changed.

    shared.<record> where this dataset decides  ->  $HUB_HOME/packages/<platform>/<resource>/<number>/
                                                        rows.parquet  manifest.json  catalogue.json

A change is the difference, in the masked columns that may leave, between the version of the lake that the platform has
last *taken* and the version now; a refused package counts for nothing, and neither does one up to whose number the two
copies are known to have parted. When that version is no longer kept, or a column, mask or key has changed, everything
goes again and the platform replaces its copy.

The files come first, complete and under their final name; then the ledger's row makes the package exist; then hub.made
remembers what was looked at. A kill between any two is caught up by the next call. At most one package of a resource is
on its way: while one is unanswered, no other is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
from filelock import FileLock
from sqlalchemy.exc import IntegrityError

from docking import packing
from docking.catalogue import entry
from docking.packing import Contents
from docking.profile import refusal
from docking.resources import Resource, definition
from docking.way import Way
from ledger.models import Delivery, Parting
from schemas.errors import HubError, Moved, RegistrationError
from schemas.said import NOTHING, Said
from warehouse import made
from warehouse.made import Made

RECALLED = "RECALLED"  # our own code, among the platform's, of a package we took back before it was answered
KEEP = 3  # packages of a resource whose files stay after they have been answered


class PackageLost(HubError):
    """A package that was promised cannot be made again."""


def pending(way: Way, *, again: bool = False) -> list[str]:
    """Dataset tables for which there is something to make or to send. `again`: refused ones too, though nothing has changed."""
    shared, packed = made.newest(way.lake, "shared"), made.newest(way.lake, "package")
    last, parted = way.ledger.last_deliveries(way.platform), way.ledger.partings(way.platform)
    return [
        table
        for table, resource in way.leaving().items()
        if _ready(way, resource, shared)
        and _due(way, resource, shared, packed, last.get(resource.code), parted.get(resource.code), again=again)
    ]


def make(way: Way, dataset_table: str, run: str, *, again: bool = False, full: bool = False) -> Delivery | None:
    """The package that is to be sent next, or None when there is nothing to send or one is still unanswered.

    `again`: also when the last one was refused and nothing has changed since. `full`: everything, whatever was taken.
    """
    resource = _resource(way, dataset_table)
    folder = way.folder(resource.code)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(folder / ".lock", timeout=600):
        last = way.ledger.last_delivery(way.platform, resource.code)
        if last and last.status == "prepared" and not last.withdraws and last.definition == definition(resource, way.key) and not full:
            _restore(way, resource, last, folder)
            _remember(way, resource, last, run)
            return last
        if last and (last.status == "prepared" or (full and last.status == "sent")):
            recall(way, last, _OUTDATED)
        shared, packed = made.newest(way.lake, "shared"), made.newest(way.lake, "package")
        parted = way.ledger.partings(way.platform).get(resource.code)
        if not _ready(way, resource, shared) or not (full or _due(way, resource, shared, packed, last, parted, again=again)):
            return None
        return _next(way, resource, run, folder, full=full)


def _resource(way: Way, table: str) -> Resource:
    found = way.leaving()
    if table not in found:
        raise RegistrationError(
            f"{table} 没有共享出去的权利（未登记 resource、不予共享、协议未归档、系统未正式运行或不在该平台的报送范围）",
            f"{table} has no right to leave (no resource, not shared, no agreement, its system is not in service, or not for this platform)",
            next_zh="查看登记中的 resource、agreement 和 stage",
            next_en="look at resource, agreement and stage in its registration",
        )
    return found[table]


def _ready(way: Way, resource: Resource, shared: Mapping[str, Made]) -> bool:
    """Whether the shared record stands, with every column that leaves; a new field waits for the next publish."""
    if resource.record.name not in shared:
        return False
    return {*(c.name for c in resource.columns), "_from"} <= set(way.lake.columns("shared", resource.record.name))


def _due(
    way: Way,
    resource: Resource,
    shared: Mapping[str, Made],
    packed: Mapping[str, Made],
    last: Delivery | None,
    parted: Parting | None,
    *,
    again: bool,
) -> bool:
    if last and last.status == "prepared":
        return True
    if last and last.status == "sent":
        return False
    if parted and (last is None or last.sequence <= parted.sequence):
        return True
    if last and last.status == "refused" and (again or (apart(way, last) and last.kind == "changes")):
        return True
    seen = packed.get(_name(way, resource.table))
    record = resource.record.name
    return seen is None or seen.definition != _seen(way, resource) or seen.made_from != {record: shared[record].state}


def apart(way: Way, last: Delivery) -> bool:
    """Whether the platform's refusal means that its copy and our base differ: everything goes again, once by itself."""
    return last.status == "refused" and refusal(way.city, way.platform, last.code).full


def base_of(way: Way, code: str) -> tuple[Delivery | None, Said]:
    """The package the next one may build on; without one, why everything goes again where that is out of the ordinary."""
    last = way.ledger.last_delivery(way.platform, code)
    taken = way.ledger.last_delivery(way.platform, code, status=("taken",))
    parted = way.ledger.partings(way.platform).get(code)
    if parted and (taken is None or taken.sequence <= parted.sequence):
        return None, Said(parted.because_zh, parted.because_en)
    if last is not None and apart(way, last):
        return None, Said(f"平台退回 {last.code}：两边副本不一致", f"the platform refused with {last.code}: the copies differ")
    gap = last is not None and last.code == RECALLED  # its number may be unknown to the platform, which takes changes in unbroken order
    return (None if gap or taken is None or taken.withdraws else taken), NOTHING


def next_number(way: Way, code: str) -> int:
    """One after the largest number that either side has given, so far as we know."""
    last, parted = way.ledger.last_delivery(way.platform, code), way.ledger.partings(way.platform).get(code)
    return max(last.sequence if last else 0, parted.sequence if parted else 0) + 1


def batch_name(way: Way, code_slug: str, sequence: int) -> str:
    return f"{way.city.settings.division}-{code_slug}-{way.ledger.epoch(way.platform)}-{sequence:06d}"


def _next(way: Way, resource: Resource, run: str, folder: Path, *, full: bool) -> Delivery | None:
    base, because = base_of(way, resource.code)
    if full or (base and base.definition != definition(resource, way.key)):
        base = None
    with way.lake.reading() as con:
        at = packing.newest_version(con)
        contents = packing.contents(con, resource, way.key, at, base)
        if contents is None and base:  # the version that was taken is no longer kept
            base = None
            contents = packing.contents(con, resource, way.key, at, None)
        assert contents is not None
        delivery = _delivery(way, resource, run, contents, base, because)
        if delivery.rows == 0 and not because and _holds_it_all(way, delivery, base):
            _remember(way, resource, delivery, run)
            return None
        _write(con, way, resource, contents, delivery, folder)
    enter(way, delivery)
    _remember(way, resource, delivery, run)
    packing.prune(folder, delivery.sequence - KEEP)
    return delivery


def _holds_it_all(way: Way, empty: Delivery, base: Delivery | None) -> bool:
    """Whether a package without rows would tell the platform nothing: not even a new catalogue entry."""
    if base:
        return base.entry in ("", empty.entry)  # empty: sent before entries were remembered
    taken = way.ledger.last_delivery(way.platform, empty.resource, status=("taken",))
    return taken is None or taken.withdraws


def enter(way: Way, delivery: Delivery) -> None:
    """The package exists from now on."""
    try:
        way.ledger.prepare(delivery)
    except IntegrityError:
        raise Moved(f"{delivery.resource}: 另一个任务已经生成了数据包", f"{delivery.resource}: another run has made this package") from None


def _delivery(way: Way, resource: Resource, run: str, contents: Contents, base: Delivery | None, because: Said) -> Delivery:
    sequence = next_number(way, resource.code)
    return Delivery(
        platform=way.platform,
        resource=resource.code,
        dataset=resource.table,
        sequence=sequence,
        previous=base.sequence if base else 0,
        kind="changes" if base else "full",
        batch=batch_name(way, resource.slug, sequence),
        made_from=contents.state,
        snapshot=contents.version,
        definition=definition(resource, way.key),
        entry=made.fingerprint(entry(way.city, resource, way.profile.catalogue)),
        rows=contents.rows,
        inserted=contents.inserted,
        updated=contents.updated,
        deleted=contents.deleted,
        total=contents.total,
        sha256=contents.sha256,
        run=run,
        status="prepared",
        because_zh=because.zh,
        because_en=because.en,
    )


def _write(con: duckdb.DuckDBPyConnection, way: Way, resource: Resource, contents: Contents, delivery: Delivery, folder: Path) -> None:
    packing.write(
        con,
        resource.columns,
        contents,
        delivery,
        void(way, delivery),
        entry(way.city, resource, way.profile.catalogue),
        folder / f"{delivery.sequence:06d}",
    )


def void(way: Way, delivery: Delivery) -> list[int]:
    """The numbers before this one that were refused since the platform last took something."""
    refused = way.ledger.deliveries(platform=way.platform, resource=delivery.resource, status=("refused",))
    taken = way.ledger.last_delivery(way.platform, delivery.resource, status=("taken",))
    return sorted(d.sequence for d in refused if (taken.sequence if taken else 0) < d.sequence < delivery.sequence)


def _restore(way: Way, resource: Resource, delivery: Delivery, folder: Path) -> None:
    """Make the files of a prepared package again if they are gone; the same rows or none."""
    if (folder / f"{delivery.sequence:06d}" / "manifest.json").exists():
        return
    before = way.ledger.deliveries(platform=way.platform, resource=resource.code)
    base = next((d for d in before if delivery.previous and d.sequence == delivery.previous), None)
    with way.lake.reading() as con:
        contents = packing.contents(con, resource, way.key, delivery.snapshot, base)
        if contents is not None and contents.sha256 == delivery.sha256:
            _write(con, way, resource, contents, delivery, folder)
            return
    raise PackageLost(
        f"数据包 {delivery.batch} 的文件已不在，所依据的版本也已过期",
        f"the files of package {delivery.batch} are gone, and so is the version it was made from",
        next_zh="从备份恢复 packages 文件夹；或确认平台没有收到该批次后运行 hub deliver --full",
        next_en="restore the packages folder from the backup; or run hub deliver --full once the platform confirms it has not got it",
    )


_OUTDATED = Said(
    "枢纽收回：共享字段、脱敏方式或密钥已变更，或人工要求重新全量报送",
    "recalled: a shared column, a mask or the key has changed, or a person wants everything sent anew",
)


def recall(way: Way, delivery: Delivery, why: Said) -> None:
    """Take a package back before it is answered. Should the platform have got it after all, its answer still counts (receipts)."""
    way.ledger.recall(
        delivery.id,
        code=RECALLED,
        reason=why.zh,
        next_zh="无需处理，由新的数据包代替",
        next_en="nothing to do; a new package takes its place",
    )


def _name(way: Way, table: str) -> str:
    return f"{way.platform}/{table}"


def _seen(way: Way, resource: Resource) -> str:
    """What was looked at: the form the rows leave in, and the catalogue entry that goes with them."""
    return made.fingerprint(definition(resource, way.key), entry(way.city, resource, way.profile.catalogue))


def _remember(way: Way, resource: Resource, delivery: Delivery, run: str) -> None:
    remember(way, delivery, run, {resource.record.name: delivery.made_from}, _seen(way, resource))


def remember(way: Way, delivery: Delivery, run: str, made_from: Mapping[str, int], wanted: str) -> None:
    """Note in hub.made which state of the shared record has been looked at, and under which definition."""
    name = _name(way, delivery.dataset)
    seen = made.newest(way.lake, "package").get(name)
    if seen and seen.made_from == made_from and seen.definition == wanted:
        return
    with way.lake.writing(f"package {name}", run=run) as tx:
        made.append(
            tx,
            "package",
            name,
            run,
            made_from=made_from,
            definition=wanted,
            rows=delivery.total,
            inserted=delivery.inserted,
            updated=delivery.updated,
            deleted=delivery.deleted,
        )
