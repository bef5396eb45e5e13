"""What is accepted becomes what is shared: shared records, derived tables, editions. Nothing is pulled.

build what is due  ->  shared  ->  derived  ->  edition
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from orchestration.routes.opened import Hub, Tell, silent, told, unforeseen
from orchestration.routes.syncing import build
from schemas.errors import HubError, Moved
from warehouse import editions, guards, made, normalise, shared

log = logging.getLogger("lianshu")


@dataclass
class Published:
    run: str
    tables: dict[str, shared.Prepared] = field(default_factory=dict)
    refused: dict[str, shared.Prepared] = field(default_factory=dict)
    failed: dict[str, HubError] = field(default_factory=dict)
    edition: Any = None


def publish(
    hub: Hub, *, tell: Tell = silent, audiences: Iterable[str] = ("analyst",), confirmed: bool = False, full: bool = False
) -> Published:
    """Bring shared records, derived tables and editions up to what is accepted. One at a time; nothing is pulled.

    What has changed decides what is worked out anew; `full`: everything, and nothing else must come of it. A record type or derived table that fails stays as it was, and the others go on.
    """
    with told(hub.home), hub.lake.sole("publish", wait=600):
        _build_what_is_due(hub, tell)
        run = hub.ledger.start_run("publish", "")
        published = Published(run)
        status = "failed"
        try:
            with hub.lake.stage(run) as folder:
                _share(hub, published, run, folder, tell, confirmed=confirmed, full=full)
            for audience in audiences:
                published.edition = _edition(hub, audience, run, tell, full=full)
            status = "failed" if published.failed else "done"
        finally:
            hub.ledger.finish_run(run, status, next(iter(published.failed.values()), None))
    return published


def _build_what_is_due(hub: Hub, tell: Tell) -> None:
    """A mapping that changed, or a kill between landing and accept, is caught up here without the far side."""
    states = made.landing_states(hub.lake)
    done, blocked = made.newest(hub.lake, "standard"), made.newest(hub.lake, "blocked")
    for system in hub.city:
        waiting = [
            n
            for n, d in system.datasets.items()
            if system.running
            and d.record
            and system.table(n) in states
            and normalise.due(hub.city, system, n, states[system.table(n)], done, blocked)
        ]
        if waiting:
            try:
                build(hub, system, waiting, tell=tell)
            except Moved:
                log.info("%s is being synced; it is published next time", system.path)


def _share(hub: Hub, published: Published, run: str, folder: Path, tell: Tell, *, confirmed: bool, full: bool) -> None:
    agreed, stood = hub.ledger.agreements(), made.newest(hub.lake, "shared")
    seen: shared.Seen = {}
    for name, made_from in shared.due(hub.lake, hub.city, agreed, full=full).items():
        tell("share", name)
        prepared = _prepared(
            published, name, tell, partial(shared.prepare_record, hub.lake, hub.city, name, made_from, folder, full=full, seen=seen)
        )
        if prepared:
            believed = confirmed or not prepared.refused or guards.decided(hub.lake, made_from, stood.get(name, made.Made()).made_from)
            (published.tables if believed else published.refused)[name] = prepared
    if published.tables:
        with hub.lake.writing("publish", run=run) as tx:
            numbers = made.numbers(tx, "shared")
            for prepared in published.tables.values():
                shared.write(tx, prepared, run, numbers)
    so_far = shared.made_so_far(hub.lake)
    for name, (derived, sql) in hub.city.derived.items():
        states = shared.due_derived(derived, sql, so_far, full=full)
        if states:
            tell("derive", name)
            prepared = _prepared(published, name, tell, partial(shared.prepare_derived, hub.lake, derived, sql, states, folder))
            if not prepared:
                continue
            with hub.lake.writing(f"derive {name}", run=run) as tx:
                shared.write(tx, prepared, run)
            published.tables[name], so_far = prepared, shared.made_so_far(hub.lake)
    for name, prepared in published.tables.items():
        tell("shared", name, prepared=prepared)
    for name, prepared in published.refused.items():
        tell("refused", name, prepared=prepared)


def _prepared(published: Published, name: str, tell: Tell, make: Callable[[], shared.Prepared]) -> shared.Prepared | None:
    """What was made, or None with the reason kept."""
    try:
        return make()
    except HubError as error:
        published.failed[name] = error
    except Exception as error:  # too large for the memory there is, or a derived table's own division by zero
        log.exception("shared.%s", name)
        published.failed[name] = unforeseen(f"shared.{name}", "汇成共享库", "sharing", error)
    tell("failed", f"shared.{name}", error=published.failed[name])
    return None


def _edition(hub: Hub, audience: str, run: str, tell: Tell, *, full: bool) -> Any:
    if not full and not editions.due(hub.lake, hub.city, audience):
        return None
    tell("edition", audience)
    confirmed = {name: when for name, (when, _) in hub.ledger.confirmed().items()}
    return editions.export(hub.lake, hub.city, hub.home, audience, run, confirmed=confirmed, full=full)
