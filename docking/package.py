"""What the platform has not got yet becomes a package: first everything, then only what changed.

    shared.<record> where this dataset decides  ->  $HUB_HOME/packages/<resource>/<number>/
                                                        rows.parquet  manifest.json  catalogue.json

A change is the difference, in the masked columns that may leave, between the version of the lake that the platform has
last *taken* and the version now; a refused package counts for nothing. When that version is no longer kept, or a
column, mask or key has changed, everything goes again and the platform replaces its copy.

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
from docking.cells import described
from docking.packing import Contents
from docking.profile import refusal
from docking.resources import Resource, leaving
from ledger.book import Ledger
from ledger.models import Delivery
from schemas.city import City
from schemas.errors import HubError, Moved, RegistrationError
from warehouse import keys, made
from warehouse.lake import Lake
from warehouse.made import Made

WITHDRAWN = "WITHDRAWN"  # our own code, among the platform's, of a package we took back
KEEP = 3  # packages of a resource whose files stay after they have been answered


def pending(lake: Lake, city: City, ledger: Ledger, home: Path, *, again: bool = False) -> list[str]:
    """Dataset tables for which there is something to make or to send. `again`: refused ones too, though nothing has changed."""
    shared, packed = made.newest(lake, "shared"), made.newest(lake, "package")
    key = keys.key(home, "platform")
    return [
        table
        for table, resource in leaving(city, ledger.agreements()).items()
        if _ready(lake, resource, shared)
        and _due(city, resource, shared, packed, ledger.last_delivery(resource.code), definition(resource, key), again=again)
    ]


def make(
    lake: Lake, city: City, ledger: Ledger, home: Path, dataset_table: str, run: str, *, again: bool = False, full: bool = False
) -> Delivery | None:
    """The package that is to be sent next, or None when there is nothing to send or one is still unanswered.

    `again`: also when the last one was refused and nothing has changed since. `full`: everything, whatever was taken.
    """
    resource = _resource(city, dataset_table, ledger.agreements())
    key = keys.key(home, "platform")
    wanted = definition(resource, key)
    folder = home / "packages" / resource.slug
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(folder / ".lock", timeout=600):
        last = ledger.last_delivery(resource.code)
        if last and last.status == "prepared" and last.definition == wanted and not full:
            _restore(lake, city, ledger, resource, key, last, folder)
            _remember(lake, resource, last, run)
            return last
        if last and (last.status == "prepared" or (full and last.status == "sent")):
            _withdraw(ledger, last)
        shared, packed = made.newest(lake, "shared"), made.newest(lake, "package")
        if not _ready(lake, resource, shared) or not (full or _due(city, resource, shared, packed, last, wanted, again=again)):
            return None
        return _next(lake, city, ledger, resource, key, run, folder, full=full)


def definition(resource: Resource, key: str) -> str:
    """What a change of means: the platform's copy is of another kind now, send everything."""
    marked = made.fingerprint(key)  # the key itself never enters a fingerprint's source as it is kept
    return made.fingerprint(
        resource.code,
        marked,
        resource.row_key("00" * 32),
        [(c.name, c.sql_type, c.sql) for c in resource.columns],
        described(resource.cells),
    )


def _resource(city: City, table: str, agreed: frozenset[str]) -> Resource:
    found = leaving(city, agreed)
    if table not in found:
        raise RegistrationError(
            f"{table} 没有共享出去的权利（未登记 resource、不予共享、需协议或系统未正式运行）",
            f"{table} has no right to leave (no resource, not shared, agreement required, or its system is not in service)",
            next_zh="查看登记中的 resource、agreement 和 stage",
            next_en="look at resource, agreement and stage in its registration",
        )
    return found[table]


def _ready(lake: Lake, resource: Resource, shared: Mapping[str, Made]) -> bool:
    """Whether the shared record stands, with every column that leaves; a new field waits for the next publish."""
    if resource.record.name not in shared:
        return False
    return {*(c.name for c in resource.columns), "_from"} <= set(lake.columns("shared", resource.record.name))


def _due(
    city: City,
    resource: Resource,
    shared: Mapping[str, Made],
    packed: Mapping[str, Made],
    last: Delivery | None,
    wanted: str,
    *,
    again: bool,
) -> bool:
    if last and last.status == "prepared":
        return True
    if last and last.status == "sent":
        return False
    if last and last.status == "refused" and (again or (_apart(city, last) and last.kind == "changes")):
        return True
    seen = packed.get(resource.table)
    record = resource.record.name
    return seen is None or seen.definition != wanted or seen.made_from != {record: shared[record].state}


def _apart(city: City, last: Delivery) -> bool:
    """Whether the platform's refusal means that its copy and our base differ: everything goes again, once by itself."""
    return last.status == "refused" and refusal(city, last.code).full


def _next(lake: Lake, city: City, ledger: Ledger, resource: Resource, key: str, run: str, folder: Path, *, full: bool) -> Delivery | None:
    last, taken = ledger.last_delivery(resource.code), ledger.last_delivery(resource.code, status=("taken",))
    apart = last is not None and _apart(city, last)
    base = None if full or apart or taken is None or taken.definition != definition(resource, key) else taken
    with lake.reading() as con:
        at = packing.newest_version(con)
        contents = packing.contents(con, resource, key, at, base)
        if contents is None and base:  # the version that was taken is no longer kept
            base = None
            contents = packing.contents(con, resource, key, at, None)
        assert contents is not None
        delivery = _delivery(city, resource, key, run, contents, last, base)
        if delivery.rows == 0 and (base or taken is None):
            _remember(lake, resource, delivery, run)
            return None
        _write(con, city, ledger, resource, contents, delivery, folder)
    try:
        ledger.prepare(delivery)
    except IntegrityError:
        raise Moved(f"{resource.code}: 另一个任务已经生成了数据包", f"{resource.code}: another run has made this package") from None
    _remember(lake, resource, delivery, run)
    packing.prune(folder, delivery.sequence - KEEP)
    return delivery


def _delivery(
    city: City, resource: Resource, key: str, run: str, contents: Contents, last: Delivery | None, base: Delivery | None
) -> Delivery:
    sequence = last.sequence + 1 if last else 1
    return Delivery(
        resource=resource.code,
        dataset=resource.table,
        sequence=sequence,
        previous=base.sequence if base else 0,
        kind="changes" if base else "full",
        batch=f"{city.settings.division}-{resource.slug}-{sequence:06d}",
        made_from=contents.state,
        snapshot=contents.version,
        definition=definition(resource, key),
        rows=contents.inserted + contents.updated + contents.deleted,
        inserted=contents.inserted,
        updated=contents.updated,
        deleted=contents.deleted,
        total=contents.total,
        sha256=contents.sha256,
        run=run,
        status="prepared",
    )


def _write(
    con: duckdb.DuckDBPyConnection, city: City, ledger: Ledger, resource: Resource, contents: Contents, delivery: Delivery, folder: Path
) -> None:
    refused = [d.sequence for d in ledger.deliveries(resource=resource.code, status=("refused",)) if d.sequence < delivery.sequence]
    taken = ledger.last_delivery(resource.code, status=("taken",))
    void = sorted(n for n in refused if n > (taken.sequence if taken else 0))
    packing.write(con, resource, contents, delivery, void, entry(city, resource), folder / f"{delivery.sequence:06d}")


def _restore(lake: Lake, city: City, ledger: Ledger, resource: Resource, key: str, delivery: Delivery, folder: Path) -> None:
    """Make the files of a prepared package again if they are gone; the same rows or none."""
    if (folder / f"{delivery.sequence:06d}" / "manifest.json").exists():
        return
    base = next((d for d in ledger.deliveries(resource=resource.code) if delivery.previous and d.sequence == delivery.previous), None)
    with lake.reading() as con:
        contents = packing.contents(con, resource, key, delivery.snapshot, base)
        if contents is not None and contents.sha256 == delivery.sha256:
            _write(con, city, ledger, resource, contents, delivery, folder)
            return
    raise PackageLost(
        f"数据包 {delivery.batch} 的文件已不在，所依据的版本也已过期",
        f"the files of package {delivery.batch} are gone, and so is the version it was made from",
        next_zh="从备份恢复 packages 文件夹；或确认省平台没有收到该批次后运行 hub deliver --full",
        next_en="restore the packages folder from the backup; or run hub deliver --full once the platform confirms it has not got it",
    )


def _withdraw(ledger: Ledger, delivery: Delivery) -> None:
    """Take a package back: one made under an older definition must not leave, or a person wants everything sent anew.

    Should the platform have got it after all, its answer still counts (receipts).
    """
    ledger.withdraw(
        delivery.id,
        code=WITHDRAWN,
        reason="枢纽撤回：共享字段、脱敏方式或密钥已变更，或人工要求重新全量报送",
        next_zh="无需处理，由新的全量包代替",
        next_en="nothing to do; a full package takes its place",
    )


def _remember(lake: Lake, resource: Resource, delivery: Delivery, run: str) -> None:
    """Note in hub.made which state of the shared record has been looked at, and under which definition."""
    seen = made.newest(lake, "package").get(resource.table)
    made_from = {resource.record.name: delivery.made_from}
    if seen and seen.made_from == made_from and seen.definition == delivery.definition:
        return
    with lake.writing(f"package {resource.table}", run=run) as tx:
        made.append(
            tx,
            "package",
            resource.table,
            run,
            made_from=made_from,
            definition=delivery.definition,
            rows=delivery.total,
            inserted=delivery.inserted,
            updated=delivery.updated,
            deleted=delivery.deleted,
        )


class PackageLost(HubError):
    """A package that was promised cannot be made again."""
