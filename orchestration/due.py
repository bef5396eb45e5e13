"""Whether there is something to publish or to deliver, asked of the lake and the ledger; nothing is written.

Never "did that run land something": a kill between two steps, a changed mapping and a sync by hand are the same case.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from docking import package, platforms, withdrawal
from docking.way import ways
from orchestration.routes import Hub
from warehouse import editions, made, normalise, shared

_ANYWAY = 600  # seconds after which we look even though the lake has not changed: an agreement may have come in


def mark(home: Path, loaded: str) -> str:
    """Something that differs when the lake or the registrations may have changed; opening the lake costs 0.2 CPU seconds."""
    files = [home / n for n in ("lake/catalogue.sqlite", "lake/catalogue.sqlite-wal")]
    seen = [(s.st_mtime_ns, s.st_size) if f.exists() and (s := f.stat()) else (0, 0) for f in files]
    return f"{loaded} {int(time.time() // _ANYWAY)} {seen}"


def to_publish(hub: Hub) -> list[str]:
    """What a publish would make anew."""
    states = made.landing_states(hub.lake)
    done, blocked = made.newest(hub.lake, "standard"), made.newest(hub.lake, "blocked")
    waiting = [
        f"standard/{system.code}/{name}"
        for system in hub.city
        for name, dataset in system.datasets.items()
        if system.running
        and dataset.record
        and system.table(name) in states
        and normalise.due(hub.city, system, name, states[system.table(name)], done, blocked)
    ]
    waiting += [f"shared/{name}" for name in shared.due(hub.lake, hub.city, hub.ledger.agreements())]
    so_far = shared.made_so_far(hub.lake)
    waiting += [f"shared/{name}" for name, (derived, sql) in hub.city.derived.items() if shared.due_derived(derived, sql, so_far)]
    if editions.due(hub.lake, hub.city, "analyst"):
        waiting.append("edition/analyst")
    return waiting


@dataclass(frozen=True)
class Waiting:
    """What docking has to do: packages to make or to send, what is to be taken back, deliveries without an answer."""

    packages: list[str]
    unanswered: list[int]


def to_deliver(hub: Hub) -> Waiting:
    """Raises RegistrationError while the platform's address is not known."""
    packages: list[str] = []
    for way in ways(hub.home, hub.city, hub.lake, hub.ledger):
        platforms.open_exchange(hub.home, hub.city, way.platform).close()
        packages += [f"{way.platform}/{w.resource}" for w in withdrawal.due(way)]
        packages += [f"{way.platform}/{table}" for table in package.pending(way)]
    return Waiting(sorted(packages), sorted(d.id for d in hub.ledger.deliveries(status=("sent",))))
