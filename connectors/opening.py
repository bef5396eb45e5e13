"""Find a connector kind by its file name, and open a system with it.

    System + $HUB_HOME/connections.yml + $HUB_HOME/secrets.yml  ->  Connector

How a system is reached can be replaced whole by its entry in connections.yml: the same `systems/` serves the city and
the demo. A kind is a module of this package with `connect`, `Options` (a closed model of its connection words) and
`WORDS` (the words of `read:` it understands).
"""

from __future__ import annotations

import datetime as dt
import functools
import importlib
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

import connectors
from connectors.contract import Connector
from schemas.errors import NotNow, RegistrationError
from schemas.home import home
from schemas.registration import Connection, Read, System
from schemas.secrets import private, secret

COMMON = frozenset(
    {"via", "key", "duplicates", "cursor", "overlap", "lag", "null_cursor", "whole", "append", "reconcile", "only", "deleted"}
)
_PLACES = ("file", "folder")  # options that name a place on this machine


@functools.cache
def kind(name: str) -> ModuleType | None:
    """The module of a connector kind; only the kind that is asked for is loaded, so that one cannot break another."""
    if name not in {m.name for m in pkgutil.iter_modules(connectors.__path__)}:
        return None
    loaded = importlib.import_module(f"connectors.{name}")
    return loaded if hasattr(loaded, "connect") and hasattr(loaded, "Options") else None


def kinds() -> dict[str, ModuleType]:
    """Every connector kind there is."""
    found = {m.name: kind(m.name) for m in pkgutil.iter_modules(connectors.__path__)}
    return {name: module for name, module in found.items() if module}


def open_system(system: System, via: str = "main") -> Connector:
    """An open connector; close it after use.

    Raises RegistrationError, SourceRefused or, outside the system's hours, NotNow before anything is asked of the far side.
    """
    system = _in_its_hours(system)
    folder = home()
    connection, trusted = _connection(system, via, folder)
    how = _kind(system, connection)
    try:
        options = how.Options.model_validate(_places(system, connection.options, folder, trusted=trusted))
    except ValidationError as error:
        said = _problems(error)
        raise RegistrationError(
            f"{system.path}: 连接 {via} 的写法有误：{said}",
            f"{system.path}: the connection {via} is not right: {said}",
            next_zh=f"修改 {'connections.yml' if trusted else f'systems/{system.path}.yml'} 中的 connection",
            next_en="edit its connection",
        ) from None
    connector: Connector = how.connect(options, system, secret(folder, connection.secret, system.path))
    return connector


def _in_its_hours(system: System) -> System:
    """The system with no more patience than its hours leave. Raises NotNow outside them."""
    left = system.limits.left(dt.datetime.now(ZoneInfo(system.timezone)).time())
    if left is None:
        return system
    if not left:
        raise NotNow(
            f"{system.path}: 现在不在允许读取的时段 {system.limits.window} 内，没有读取",
            f"{system.path}: it may be read {system.limits.window} only and was not touched now",
            next_zh="到时段内自动读取；急用请与系统主管部门商定后修改 limits.window",
            next_en="it is read when it may be; if it cannot wait, agree on other hours with its owner and edit limits.window",
        )
    return system.model_copy(update={"limits": system.limits.model_copy(update={"patience": min(left, system.limits.patience)})})


def _connection(system: System, via: str, folder: Path) -> tuple[Connection, bool]:
    """The connection as it is to be used, and whether connections.yml says so."""
    overrides = private(folder / "connections.yml")
    for path in (system.path, *system.formerly):
        entry = overrides.get(path)
        if isinstance(entry, dict) and via in entry:
            return Connection.model_validate(entry[via]), True
    if via not in system.connections:
        known = "、".join(system.connections) or "（无）"
        raise RegistrationError(
            f"{system.path} 没有名为 {via} 的连接；有：{known}", f"{system.path} has no connection {via}; it has: {known}"
        )
    return system.connections[via], False


def _kind(system: System, connection: Connection) -> ModuleType:
    found = kind(connection.connector)
    if found is None:
        known = kinds()
        raise RegistrationError(
            f"{system.path}: 没有连接方式 {connection.connector}；有：{'、'.join(known)}",
            f"{system.path}: no connector {connection.connector}; there are: {', '.join(known)}",
            next_zh=f"修改 systems/{system.path}.yml 的 connector",
            next_en=f"edit connector in systems/{system.path}.yml",
        )
    return found


def _places(system: System, options: dict[str, Any], folder: Path, *, trusted: bool) -> dict[str, Any]:
    """A registration may only name places below HUB_HOME; what an administrator wrote into connections.yml is taken as it is."""
    placed = dict(options)
    for word in _PLACES:
        if word not in placed:
            continue
        place = Path(str(placed[word]))
        if trusted and place.is_absolute():
            continue
        inside = (folder / "far" / place).resolve()
        if place.is_absolute() or not inside.is_relative_to(folder):
            raise RegistrationError(
                f"{system.path}: {word} 只能是 HUB_HOME/far 下的相对路径，实际为 {placed[word]}",
                f"{system.path}: {word} must be a path relative to HUB_HOME/far, found {placed[word]}",
                next_zh="把绝对路径写进 $HUB_HOME/connections.yml，由管理员维护",
                next_en="write absolute paths into $HUB_HOME/connections.yml, which the administrator keeps",
            )
        placed[word] = str(inside)
    return placed


def _problems(error: ValidationError) -> str:
    """What is wrong, without the values: one of them might be a secret that was written where it does not belong."""
    return "；".join(
        f"{'.'.join(map(str, p['loc'])) or '(connection)'}: {p['msg']}" for p in error.errors(include_input=False, include_url=False)
    )


def validate(system: System) -> list[tuple[str, str]]:
    """What the registration says that its connector kinds do not understand, as (Chinese, English)."""
    said: list[tuple[str, str]] = []
    for via, connection in system.connections.items():
        how = kind(connection.connector)
        if how is None:
            known = "、".join(kinds())
            said.append(
                (
                    f"connections.{via}: 没有连接方式 {connection.connector}；有：{known}",
                    f"connections.{via}: no connector {connection.connector}; there are: {known}",
                )
            )
            continue
        try:
            how.Options.model_validate(connection.options)
        except ValidationError as error:
            problems = _problems(error)
            said.append((f"connections.{via}: {problems}", f"connections.{via}: {problems}"))
        for name, dataset in system.datasets.items():
            if dataset.read and dataset.read.via == via:
                where = f"datasets.{name}.read"
                said += _words(where, dataset.read, connection.connector, how.WORDS | COMMON)
                said += [(f"{where}: {zh}", f"{where}: {en}") for zh, en in getattr(how, "sense", _sensible)(dataset.read)]
    return said


def _sensible(read: Read) -> Iterable[tuple[str, str]]:
    """A kind without `sense` takes its words in any combination."""
    del read
    return ()


def _words(where: str, read: Read, kind: str, known: frozenset[str]) -> list[tuple[str, str]]:
    unknown = sorted(read.model_fields_set - known)
    return [
        (
            f"{where}.{word}: 连接方式 {kind} 用不到这个词；可用：{'、'.join(sorted(known))}",
            f"{where}.{word}: {kind} has no use for this word; it knows: {', '.join(sorted(known))}",
        )
        for word in unknown
    ]
