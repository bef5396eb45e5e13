"""What every route needs: the hub's stores, open, and somebody to tell."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ledger.book import Ledger
from ledger.opening import open_ledger
from schemas import home as homes
from schemas.city import City, read_city
from schemas.errors import HubError, Unforeseen
from warehouse import space
from warehouse.lake import Lake, expired

log = logging.getLogger("lianshu")


@dataclass(frozen=True)
class Hub:
    """Everything a route needs, open."""

    home: Path
    city: City
    lake: Lake
    ledger: Ledger

    @classmethod
    def open(cls, home: Path | None = None, city: City | None = None) -> Hub:
        """Open the lake and the ledger, and mend the ledger from the lake after a crash."""
        home = home or homes.home()
        hub = cls(home, city or read_city(), Lake(home), open_ledger(home))
        hub.ledger.mend(hub.lake.committed())
        hub.lake.sweep(alive=hub.ledger.open_runs())
        return hub

    def close(self) -> None:
        self.lake.close()
        self.ledger.close()


class Tell(Protocol):
    """Told of every step as it happens."""

    def __call__(self, step: str, name: str, **facts: Any) -> None: ...


def silent(step: str, name: str, **facts: Any) -> None:
    log.debug("%s %s %s", step, name, facts)


def foreseen(error: BaseException, home: Path) -> HubError | None:
    """A disk without room, or a version that expired while it was read."""
    return space.full(error, home) or expired(error)


@contextmanager
def told(home: Path) -> Iterator[None]:
    """What a route could not help is told as what it is."""
    try:
        yield
    except HubError:
        raise
    except Exception as error:
        if known := foreseen(error, home):
            raise known from error
        raise


def unforeseen(what: str, doing_zh: str, doing_en: str, error: Exception) -> HubError:
    """What a dataset or table could not help, or a fault of ours."""
    if known := foreseen(error, homes.home()):
        return known
    kind = type(error).__name__
    return Unforeseen(
        f"{what}: {doing_zh}时出现未预料的错误（{kind}），详情见枢纽日志",
        f"{what}: an unforeseen error while {doing_en} ({kind}); see the hub's log",
        next_zh="枢纽工程师查看日志",
        next_en="hub engineers look at the log",
    )
