"""The platform's front-end database (前置库): where it is, and what its tables look like.

    exchange_batch              one row a batch, written last: what was sent, and what became of it
    exchange_catalogue          the catalogue entry of each resource
    exchange_receipt            what the platform answers
    exchange_<resource>         the rows, with batch, op_type, op_time, row_key, row_hash, row_status

The address is the entry `province/platform` of $HUB_HOME/connections.yml, the account a name in $HUB_HOME/secrets.yml.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from docking.resources import slug
from schemas.errors import RegistrationError, SourceError, SourceRefused, SourceUnavailable
from schemas.secrets import private, secret

PLATFORM = "province/platform"
NEW, TAKEN, REFUSED = "0", "1", "3"  # row_status and batch_status: 0 new, 1 taken, 3 refused

TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "VARCHAR": sa.Text(),
    "BIGINT": sa.BigInteger(),
    "DECIMAL(18, 2)": sa.Numeric(18, 2).with_variant(sa.Text(), "sqlite"),  # SQLite would make a float of it
    "DATE": sa.Date().with_variant(sa.Text(), "sqlite"),
    "TIMESTAMP": sa.DateTime().with_variant(sa.Text(), "sqlite"),
    "BOOLEAN": sa.Boolean().with_variant(sa.Integer(), "sqlite"),
}
_TIME = sa.DateTime().with_variant(sa.Text(), "sqlite")

tables = sa.MetaData()
batches = sa.Table(
    "exchange_batch",
    tables,
    sa.Column("batch", sa.String(120), primary_key=True),
    sa.Column("resource", sa.String(80), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("previous", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    *(sa.Column(n, sa.BigInteger, nullable=False) for n in ("row_count", "inserted", "updated", "deleted", "total")),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("columns", sa.Text, nullable=False),  # JSON list of names, in the order they are hashed
    sa.Column("op_time", _TIME, nullable=False),
    sa.Column("batch_status", sa.String(1), nullable=False),
    sa.Column("err_code", sa.String(40)),
    sa.Column("err_msg", sa.Text),
)
catalogue = sa.Table(
    "exchange_catalogue",
    tables,
    sa.Column("resource", sa.String(80), primary_key=True),
    sa.Column("entry", sa.Text, nullable=False),
)
receipts = sa.Table(
    "exchange_receipt",
    tables,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("batch", sa.String(120), nullable=False),
    sa.Column("status", sa.String(1), nullable=False),
    sa.Column("code", sa.String(40), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("row_count", sa.BigInteger),
    sa.Column("total", sa.BigInteger),
    sa.Column("sha256", sa.String(64)),
    sa.Column("received_at", sa.DateTime, nullable=False),  # UTC
)


def rows_table(resource: str, columns: dict[str, str]) -> sa.Table:
    """The table of one resource; `columns` {name: SQL type} are its shared fields."""
    return sa.Table(
        f"exchange_{slug(resource)}",
        sa.MetaData(),
        sa.Column("batch", sa.String(120), nullable=False, index=True),
        sa.Column("op_type", sa.String(1), nullable=False),
        sa.Column("op_time", _TIME, nullable=False),
        sa.Column("row_key", sa.String(64), nullable=False),
        sa.Column("row_hash", sa.String(64), nullable=False),
        sa.Column("row_status", sa.String(1), nullable=False),
        *(sa.Column(name, TYPES[kind]) for name, kind in columns.items()),
    )


def open_platform(home: Path) -> sa.Engine:
    """An engine for the front-end database. Nothing is connected yet."""
    options = _entry(home)
    account = secret(home, options.get("secret"), PLATFORM)
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
            f"connections.yml 的 {PLATFORM}: 不支持 dialect {dialect}；可用 postgresql、sqlite",
            f"{PLATFORM} in connections.yml: dialect {dialect} is not known; postgresql and sqlite are",
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
def talking() -> Iterator[None]:
    """What the driver says, as one of our errors; its text may hold addresses and rows, so only its class is kept."""
    try:
        yield
    except OperationalError as error:
        said = str(error.orig).lower()
        if "password" in said or "authentication" in said or "permission" in said:
            raise SourceRefused(
                "省平台前置库拒绝登录或没有权限",
                "the platform's front-end database refuses the account",
                next_zh="请省平台核对前置库账号与权限，再更新 secrets.yml",
                next_en="have the platform check the account, then update secrets.yml",
            ) from None
        raise SourceUnavailable(
            "省平台前置库连接不上或中断，数据包保留在本地，下次继续报送",
            "the platform's front-end database does not answer; the package is kept and sent next time",
            next_zh="无需处理；持续不通请联系省平台运维",
            next_en="nothing to do; if it lasts, call the platform's operator",
        ) from None
    except DBAPIError as error:
        raise SourceError(
            f"省平台前置库报错（{type(error.orig).__name__}）",
            f"the platform's front-end database reports {type(error.orig).__name__}",
            next_zh="请省平台核对前置库表结构与权限",
            next_en="have the platform check its tables and our rights",
        ) from None


def _entry(home: Path) -> dict[str, Any]:
    found = private(home / "connections.yml").get(PLATFORM)
    if not found:
        raise RegistrationError(
            f"connections.yml 中没有 {PLATFORM}，不知道省平台前置库的地址",
            f"connections.yml has no {PLATFORM}: the platform's address is not known",
            next_zh=f"在 {home / 'connections.yml'} 中登记 {PLATFORM}",
            next_en=f"enter {PLATFORM} in {home / 'connections.yml'}",
        )
    return dict(found.get("main", found))
