"""Where a platform's front-end database is, and what it says, as one of our errors.

The address is the entry `<platform>/platform` of $HUB_HOME/connections.yml, the account a name in $HUB_HOME/secrets.yml.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from schemas.errors import RegistrationError, SourceError, SourceRefused, SourceUnavailable
from schemas.secrets import private, secret


def open_engine(home: Path, platform: str) -> sa.Engine:
    """An engine for the front-end database. Nothing is connected yet."""
    name = f"{platform}/platform"
    options = _entry(home, name)
    account = secret(home, options.get("secret"), name)
    dialect = options.get("dialect", "postgresql")
    if dialect == "sqlite":
        path = Path(str(options.get("file", "")))
        url = sa.URL.create("sqlite", database=str(path if path.is_absolute() else home / path))
        engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": 60})
        sa.event.listen(engine, "connect", _own_transactions)
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return engine
    if dialect != "postgresql":
        raise RegistrationError(
            f"connections.yml 的 {name}: 不支持 dialect {dialect}；可用 postgresql、sqlite",
            f"{name} in connections.yml: dialect {dialect} is not known; postgresql and sqlite are",
        )
    url = sa.URL.create(
        "postgresql+psycopg",
        username=account.user,
        password=account.password,
        host=options.get("host"),
        port=options.get("port"),
        database=options.get("database"),
    )
    search = {"options": f"-csearch_path={options['schema']}"} if options.get("schema") else {}
    return sa.create_engine(url, hide_parameters=True, connect_args={"connect_timeout": 10, **search})


def _own_transactions(connection: Any, _: object) -> None:
    connection.isolation_level = None  # else the driver commits before it creates a table


@contextmanager
def talking(title: str) -> Iterator[None]:
    """What the driver says, as one of our errors; its text may hold addresses and rows, so only its class is kept."""
    try:
        yield
    except OperationalError as error:
        said = str(error.orig).lower()
        if "password" in said or "authentication" in said or "permission" in said:
            raise SourceRefused(
                f"{title}的前置库拒绝登录或没有权限",
                f"the front-end database of {title} refuses the account",
                next_zh="请平台核对前置库账号与权限，再更新 secrets.yml",
                next_en="have the platform check the account, then update secrets.yml",
            ) from None
        raise SourceUnavailable(
            f"{title}的前置库连接不上或中断，数据包保留在本地，下次继续报送",
            f"the front-end database of {title} does not answer; the package is kept and sent next time",
            next_zh="无需处理；持续不通请联系平台运维",
            next_en="nothing to do; if it lasts, call the platform's operator",
        ) from None
    except DBAPIError as error:
        raise SourceError(
            f"{title}的前置库报错（{type(error.orig).__name__}）",
            f"the front-end database of {title} reports {type(error.orig).__name__}",
            next_zh="请平台核对前置库表结构与权限",
            next_en="have the platform check its tables and our rights",
        ) from None


def _entry(home: Path, name: str) -> dict[str, Any]:
    found = private(home / "connections.yml").get(name)
    if not found:
        raise RegistrationError(
            f"{home / 'connections.yml'} 中没有 {name}，不知道平台前置库的地址",
            f"{home / 'connections.yml'} has no {name}: the address of the platform's front-end database is not known",
            next_zh=f"在 connections.yml 中登记 {name}: {{main: {{dialect: postgresql, host: …, port: …, database: …, secret: …}}}}；演示城市运行 hub demo up 即写入",
            next_en=f"enter {name}: {{main: {{dialect: postgresql, host: …, port: …, database: …, secret: …}}}} in connections.yml; for the invented city hub demo up does",
        )
    return dict(found.get("main", found))
