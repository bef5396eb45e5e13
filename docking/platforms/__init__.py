"""The upper platforms by name, and what each must be able to do. An exchange is a folder here, found by its name.

systems/_city.yml platforms: <name>: {exchange: front_end}  ->  docking/platforms/front_end
$HUB_HOME/connections.yml <name>/platform                   ->  its address
"""

from __future__ import annotations

import datetime as dt
import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from schemas.city import City
from schemas.errors import RegistrationError


@dataclass(frozen=True)
class Held:
    """The newest batch of a resource that stands at the platform, whoever put it there."""

    batch: str
    sequence: int
    digest: str


@dataclass(frozen=True)
class PlatformAnswer:
    """What the platform says about one batch. `digest` is of the batch it answers; empty where the platform does not say."""

    batch: str
    digest: str
    number: str
    received_at: dt.datetime
    taken: bool
    code: str
    text: str
    rows: int | None
    total: int | None
    sha256: str  # over the platform's copy
    receipt: bool = True  # False: read off the batch's own status, because its receipt is missing


class Exchange(Protocol):
    """One open way to a platform. What it cannot reach it raises as a SourceError."""

    def newest(self, resources: Iterable[str]) -> dict[str, Held]: ...

    def answers(self, batches: Iterable[str]) -> list[PlatformAnswer]: ...

    def send(self, folder: Path, manifest: dict[str, Any]) -> None:
        """Hand over the files of one package, all or nothing. Sending again changes nothing that is complete or begun."""

    def close(self) -> None: ...


def open_exchange(home: Path, city: City, platform: str) -> Exchange:
    """The exchange with that platform. Nothing is connected yet; raises RegistrationError while its address is not known."""
    upper = city.settings.platforms[platform]
    known = [m.name for m in pkgutil.iter_modules(__path__)]
    if upper.exchange not in known:
        raise RegistrationError(
            f"systems/_city.yml 的 platforms.{platform}.exchange: 没有交换方式 {upper.exchange}；有：{'、'.join(known)}",
            f"platforms.{platform}.exchange in systems/_city.yml: no exchange {upper.exchange}; there are: {', '.join(known)}",
            next_zh="修改 systems/_city.yml",
            next_en="edit systems/_city.yml",
        )
    module = importlib.import_module(f"{__name__}.{upper.exchange}")
    opened: Exchange = module.open_exchange(home, platform, upper.title or platform)
    return opened
