"""Rows whose system is not registered now: a registration that cannot be read is never taken for an empty system."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.city import City
from schemas.errors import RegistrationError
from warehouse import made
from warehouse.lake import Lake, table
from warehouse.sql import literal


def without_an_owner(lake: Lake, city: City) -> list[str]:
    """Datasets that have landed once and belong to no system that is registered now."""
    codes = {s.code for s in city}
    return sorted(t for t in made.landing_states(lake) if t.partition("__")[0] not in codes)


def may_publish(lake: Lake, city: City, broken: Mapping[str, RegistrationError]) -> None:
    """Raises RegistrationError while a broken registration would take a contributor's rows out of what is shared.

    A system that cannot be read from its file is missing from the city, and rows without a contributor are deletions
    at the province. So what is shared stays as it is until the file is mended; the other systems are synced all the same.
    """
    missing = without_an_owner(lake, city) if broken else []
    if missing:
        first = next(iter(broken.values()))
        files = "、".join(sorted(broken))
        raise RegistrationError(
            f"登记有误（{files}），其数据 {'、'.join(missing)} 暂无归属，共享库保持原样：{first.zh}",
            f"broken registrations ({files}) leave {', '.join(missing)} without an owner; what is shared stays as it is: {first.en}",
            next_zh=first.next_zh,
            next_en=first.next_en,
        )


def orphaned(lake: Lake, city: City) -> dict[str, int]:
    """{dataset table: rows landed} of datasets that are registered nowhere now: their system is gone, or they are left out of it."""
    known = {s.table(n) for s in city for n in s.datasets}
    return {t: _rows(lake, t) for t in sorted(made.landing_states(lake)) if t not in known}


def _rows(lake: Lake, name: str) -> int:
    if not lake.has("landing", name):
        return 0
    row = lake.cursor().execute(f"SELECT count(*) FROM {table('landing', name)}").fetchone()
    return int(row[0]) if row else 0


def drop(lake: Lake, name: str) -> None:
    """Forget one orphaned dataset at every station and in the hub's own logs, in one commit. Its old versions go with maintenance."""
    with lake.sole(name.partition("__")[0]), lake.writing(f"drop {name}") as tx:
        for station in ("landing", "quarantine", "standard"):
            tx.execute(f"DROP TABLE IF EXISTS {table(station, name)}")
        for log, column in (("cursors", "dataset"), ("findings", "dataset"), ("made", "name")):
            tx.execute(f"DELETE FROM {table('hub', log)} WHERE {column} = {literal(name)}")
