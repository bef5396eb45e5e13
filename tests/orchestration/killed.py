"""Started by test_kill.py in a process of its own: one whole route, killed by itself at a named step or from outside."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from orchestration.routes import Hub, publish, sync
from schemas.city import read_city


def route(home: str, systems: str, schemas: str, stop_at: str | None = None) -> None:
    """Sync every system and publish. `stop_at` is `step:n`: die by SIGKILL when that step is told for the n-th time."""
    seen: dict[str, int] = {}

    def tell(step: str, name: str, **facts: object) -> None:
        seen[step] = seen.get(step, 0) + 1
        if stop_at == f"{step}:{seen[step]}":
            os.kill(os.getpid(), signal.SIGKILL)

    os.environ["HUB_HOME"] = home
    hub = Hub.open(Path(home), read_city(Path(systems), Path(schemas)))
    for system in hub.city:
        sync(hub, system, tell=tell)
    publish(hub, tell=tell)
    hub.close()
