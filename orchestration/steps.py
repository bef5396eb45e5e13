"""The routes with an open hub and somebody to tell: what Dagster's assets and jobs are given as the resource `steps`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.city import City
from schemas.registration import System

if TYPE_CHECKING:
    from ledger.models import Receipt
    from orchestration.routes import Delivered, Hub, Published, Synced, Tell


def silent(step: str, name: str, **facts: Any) -> None:
    """Nobody listens; every line told to Dagster would be 5 kB of its log."""


@dataclass
class Steps:
    """What a run may do."""

    hub: Hub
    tell: Tell = silent

    @classmethod
    def open(cls, city: City | None = None, tell: Tell = silent, home: Path | None = None) -> Steps:
        from orchestration.routes import Hub  # the warehouse is loaded in runs only

        return cls(Hub.open(home, city), tell)

    def close(self) -> None:
        self.hub.close()

    def sync(self, system: System, datasets: Iterable[str]) -> Synced:
        from orchestration import routes

        return routes.sync(self.hub, system, datasets, tell=self.tell)

    def publish(self) -> Published:
        from orchestration import routes

        return routes.publish(self.hub, tell=self.tell)

    def deliver(self) -> Delivered:
        from orchestration import routes

        return routes.deliver(self.hub, tell=self.tell)

    def collect(self) -> list[Receipt]:
        from orchestration import routes

        return routes.collect(self.hub, tell=self.tell).receipts
