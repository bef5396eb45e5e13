"""What a command needs, open for as long as it runs: the city, the lake to read, or the whole hub to write.

The log of our own program goes to $HUB_HOME/logs/hub.log; people see errors, never tracebacks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

from hub import screen
from schemas.errors import HubError, RegistrationError
from schemas.home import home, systems_folder

if TYPE_CHECKING:
    from ledger.book import Ledger
    from orchestration.routes import Hub
    from schemas.city import City
    from schemas.registration import System
    from warehouse.lake import Lake

LOG_BYTES = 5_000_000


class NothingYet(HubError):
    """There is no lake to read from."""


class _Log(RotatingFileHandler):
    """A line that cannot be written (a full disk, say) is lost: what it is about is on the screen."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        del record


def whole_city() -> City:
    """Every registration, or a RegistrationError that names every mistake."""
    from schemas.city import read_city

    return read_city()


def sound_city() -> tuple[City, dict[str, RegistrationError]]:
    """The city without its broken registrations, and those by path: one wrong file stops nobody else's system."""
    from schemas.city import read_city

    broken: dict[str, RegistrationError] = {}
    return read_city(broken=broken), broken


def chosen(city: City, broken: dict[str, RegistrationError], pattern: str | None) -> list[tuple[System, list[str]]]:
    """The running systems and datasets a pattern names. Raises for a name that is nowhere, broken, or not running yet."""
    from schemas.registration import STAGES

    path = "/".join((pattern or "").strip("/").split("/")[:2])
    if path in broken:
        raise broken[path]
    found = city.select(pattern)
    for system, _ in found:
        if not system.running:
            raise RegistrationError(
                f"{system.path} 的阶段是“{STAGES[system.stage]}”，还不能读取",
                f"{system.path} is at stage {system.stage}; it is not read yet",
                next_zh="补全登记并把 stage 改为 testing、trial 或 in_service",
                next_en="complete the registration and set its stage to testing, trial or in_service",
            )
    if not found and (pattern or not broken):
        where = pattern or systems_folder()
        raise RegistrationError(
            f"{where} 之下没有可运行的系统",
            f"nothing under {where} is running yet",
            next_zh="hub status --all 查看各系统所处阶段",
            next_en="hub status --all shows every system's stage",
        )
    for system, _ in found:
        if not system.datasets:
            note = f"hub discover {system.path} --write"
            screen.note(f"{system.path} 还没有登记数据集，跳过（{note}）", f"{system.path} has no datasets yet and is left out ({note})")
    return [(s, names) for s, names in found if names]


def keep_log() -> Path:
    """Send the program's log to a file; returns it."""
    folder = home() / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "hub.log"
    log = logging.getLogger("lianshu")
    if not any(isinstance(h, RotatingFileHandler) and h.baseFilename == str(path) for h in log.handlers):
        handler = _Log(path, maxBytes=LOG_BYTES, backupCount=3, encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.propagate = False
    return path


@contextmanager
def whole_hub(city: City) -> Iterator[Hub]:
    """Lake and ledger, open to write."""
    first = not (home() / "lake" / "catalogue.sqlite").exists()
    keep_log()
    from orchestration.routes import Hub

    if first:
        screen.note(f"枢纽文件夹：{home()}", f"the hub's folder: {home()}")
    hub = Hub.open(home(), city)
    try:
        yield hub
    finally:
        hub.close()


@contextmanager
def lake_to_read() -> Iterator[Lake]:
    """The lake, read only: it never waits for a writer and never makes one wait."""
    if not (home() / "lake" / "catalogue.sqlite").exists():
        raise NothingYet(
            f"还没有同步过任何系统（{home()}）",
            f"nothing has been synced yet ({home()})",
            next_zh="先运行 hub sync",
            next_en="run hub sync first",
        )
    keep_log()
    from warehouse.lake import Lake

    lake = Lake(home(), read_only=True)
    try:
        yield lake
    finally:
        lake.close()


@contextmanager
def open_ledger() -> Iterator[Ledger]:
    from ledger import opening

    ledger = opening.open_ledger(home())
    try:
        yield ledger
    finally:
        ledger.close()
