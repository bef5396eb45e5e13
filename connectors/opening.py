"""Find a connector kind by its file name, and open a system with it.

    System + $HUB_HOME/connections.yml + $HUB_HOME/secrets.yml  ->  Connector

How a system is reached can be replaced whole by its entry in connections.yml: the same `systems/` serves the city and
the demo. A kind is a folder of this package: `words.py` declares its words (`schemas.kinds`), `connect` opens it.
"""

from __future__ import annotations

import datetime as dt
import importlib
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from connectors.contract import Connector
from connectors.places import Outside, placed
from schemas.documents import load, told
from schemas.errors import NotNow, RegistrationError
from schemas.home import home
from schemas.kinds import connection_of
from schemas.reading import Connection
from schemas.registration import System
from schemas.secrets import private, secret


def open_system(system: System, via: str = "main") -> Connector:
    """An open connector; close it after use.

    Raises RegistrationError, SourceRefused or, outside the system's hours, NotNow before anything is asked of the far side.
    """
    system = _in_its_hours(system)
    connection, administrator = _connection(system, via)
    try:
        connection = placed(connection, administrator=administrator)
    except Outside as error:
        raise _leads_out(system, str(error)) from None
    how = importlib.import_module(f"connectors.{connection.connector}")
    connector: Connector = how.connect(connection, system, secret(home(), connection.secret, system.path))
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


def _connection(system: System, via: str) -> tuple[Connection, bool]:
    """The connection as it is to be used, and whether an administrator says so in connections.yml."""
    file = home() / "connections.yml"
    replaced = private(file)
    for path in (system.path, *system.formerly):
        entry = replaced.get(path)
        if isinstance(entry, dict) and via in entry:
            return _replaced(file, (path, via), entry[via]), True
    if via not in system.connections:
        known = "、".join(system.connections) or "（无）"
        raise RegistrationError(
            f"{system.path} 没有名为 {via} 的连接；有：{known}", f"{system.path} has no connection {via}; it has: {known}"
        )
    return _whole(system, via), False


def _whole(system: System, via: str) -> Connection:
    """The registration's own connection; one that leaves its words to connections.yml lacks them here."""
    connection = system.connections[via]
    try:
        if type(connection) is Connection:
            return Connection.model_validate(connection_of(connection.model_dump(exclude_unset=True), whole=True))
    except ValidationError as error:
        lacking = ", ".join(str(p["loc"][-1]) for p in error.errors() if p["loc"])
        raise RegistrationError(
            f"{system.path}: 连接 {via} 没有写明 {lacking}",
            f"{system.path}: the connection {via} lacks {lacking}",
            next_zh=f"写入 systems/{system.path}.yml 的 connection，或由管理员写入 $HUB_HOME/connections.yml",
            next_en=f"write it under connection in systems/{system.path}.yml, or have the administrator write it into $HUB_HOME/connections.yml",
        ) from None
    return connection


def _replaced(file: Path, where: tuple[str, str], written: object) -> Connection:
    """An entry of connections.yml in the words of its kind. Raises RegistrationError naming file and line, never a value."""
    try:
        return Connection.model_validate(connection_of(written, whole=True, administrator=True))
    except ValidationError as error:
        said = told(file, Connection, load(file)[1], error, where)
        raise RegistrationError(
            "连接有误：\n  " + "\n  ".join(zh for zh, _ in said),
            "connection refused:\n  " + "\n  ".join(en for _, en in said),
            next_zh=f"管理员修改 {file}",
            next_en=f"the administrator edits {file}",
        ) from None


def _leads_out(system: System, word: str) -> RegistrationError:
    return RegistrationError(
        f"{system.path}: {word} 指向不允许读取的位置：只能是 HUB_HOME/far 之内，或管理员在 connections.yml 写明的文件夹，且不能是枢纽自己的文件",
        f"{system.path}: {word} leads to where the hub may not read: only below HUB_HOME/far, or a folder an administrator names in "
        "connections.yml, and nothing of the hub's own",
        next_zh=f"修改 systems/{system.path}.yml 的 connection；其他位置由管理员写入 $HUB_HOME/connections.yml",
        next_en=f"edit connection in systems/{system.path}.yml; other places are written into $HUB_HOME/connections.yml by the administrator",
    )


def validate(system: System) -> list[tuple[str, str]]:
    """What stands between a registration that reads well and its far side, as sync would say it."""
    said: list[tuple[str, str]] = []
    for via in system.connections:
        try:
            connection, administrator = _connection(system, via)
            placed(connection, administrator=administrator)
        except Outside as error:
            refused = _leads_out(system, str(error))
            said.append((refused.zh, refused.en))
        except RegistrationError as error:
            said.append((error.zh, error.en))
    return said
