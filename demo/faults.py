"""What goes wrong at far sides, on purpose and one thing at a time.

    fault, system  ->  the far side misbehaves until it is told not to

A fault never touches the hub: each is something a real department, vendor or network does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from psycopg import sql

from demo.postgres import let_in, name_of
from demo.serve import current, outlet, server_of
from demo.serve_files import deliver
from demo.sides import Kind, Side, note, noted, sides
from schemas.errors import RegistrationError

TAMPERING = ("vanished_column", "changed_type")  # what is done to the columns of a table
FORMER = "_old"  # behind the name of a column that a vendor has renamed


@dataclass(frozen=True)
class Fault:
    """One way of misbehaving, where it can be had, and where it happens unless somebody says otherwise."""

    zh: str
    en: str
    kinds: tuple[Kind, ...]
    system: str
    dataset: str | None = None
    column: str | None = None


FAULTS: dict[str, Fault] = {
    "expired_password": Fault(
        "口令过期或密钥停用：数据库角色被拒绝登录，接口返回“密码已过期”",
        "password expired or key withdrawn: the database refuses the role, the interface says so in a 200",
        ("postgresql", "rest"), "human_resources/pension",
    ),
    "shrink": Fault(
        "数据骤减：本次交付只剩四成", "one dataset loses 60 % of its rows", ("files", "rest"), "civil_affairs/assistance", "allowance",
    ),
    "unstable_total": Fault(
        "总数不稳：每翻一页，总数都不同", "the total differs from page to page", ("rest",), "political_legal/mediation", "dispute",
    ),
    "vanished_column": Fault(
        "列消失：厂商升级后改了列名", "a column is gone: the vendor renamed it", ("postgresql", "rest", "files"),
        "market_regulation/entities", "entity", "REGSTATE",
    ),
    "changed_type": Fault(
        "类型变化：数字列变成带单位的文字", "a number becomes a text with its unit", ("postgresql", "rest", "files"),
        "political_legal/grid", "grid", "household_count",
    ),
    "half_written": Fault(
        "文件没写完：只有三分之二，且没有 .ok", "a file of two thirds, without its .ok", ("files",), "civil_affairs/assistance", "allowance",
    ),
    "slow": Fault("响应缓慢：每次应答等 3 秒", "every answer takes three seconds", ("rest",), "approvals/hotline"),
    "down": Fault("接口不通：连接被直接断开", "the connection is closed without an answer", ("rest",), "approvals/hotline"),
    "truncated_page": Fault(
        "应答截断：JSON 只有前三分之二", "only the first two thirds of the JSON", ("rest",), "party_organisation/double_registration",
    ),
}  # fmt: skip


def on(home: Path, name: str, system: str | None = None, dataset: str | None = None, column: str | None = None) -> dict[str, Any]:
    """Switch a fault on; says where. Raises RegistrationError for a fault or system there is none of."""
    fault = _known(name)
    home = home.resolve()
    elsewhere = system is not None and system != fault.system
    entry = {
        "system": system or fault.system,
        "dataset": dataset or (None if elsewhere else fault.dataset),
        "column": column or (None if elsewhere else fault.column),
    }
    side = _side(home, name, fault, entry)
    faults = noted(home, "faults")
    if entry not in faults.get(name, []):
        note(home, "faults", {**faults, name: [*faults.get(name, []), entry]})
        _act(home, side, name, entry, wrong=True)
    return entry


def off(home: Path, name: str | None = None) -> list[str]:
    """Switch a fault off, or all of them; says which."""
    home = home.resolve()
    faults = noted(home, "faults")
    ended = [n for n in faults if name in (None, n) and faults[n]]
    note(home, "faults", {n: entries for n, entries in faults.items() if n not in ended})
    for fault in ended:
        for entry in faults[fault]:
            _act(home, sides(home)[entry["system"]], fault, entry, wrong=False)
    return ended


@contextmanager
def lifted(home: Path) -> Iterator[None]:
    """Tables as they were before their columns were tampered with, for as long as it takes to change rows in them."""
    tampered = [(name, entry) for name in TAMPERING for entry in noted(home, "faults").get(name, [])]
    played = sides(home)
    for name, entry in tampered:
        _tamper(home, played[entry["system"]], name, entry, wrong=False)
    try:
        yield
    finally:
        for name, entry in tampered:
            _tamper(home, played[entry["system"]], name, entry, wrong=True)


def active(home: Path) -> dict[str, list[dict[str, Any]]]:
    return {name: entries for name, entries in noted(home, "faults").items() if entries}


def _known(name: str) -> Fault:
    if name not in FAULTS:
        known = "、".join(FAULTS)
        raise RegistrationError(f"没有名为 {name} 的故障；有：{known}", f"no fault named {name}; there are: {known}")
    return FAULTS[name]


def _side(home: Path, name: str, fault: Fault, entry: dict[str, Any]) -> Side:
    played = sides(home)
    side = played.get(entry["system"])
    if side is None:
        known = "、".join(played)
        raise RegistrationError(
            f"演示城市没有系统 {entry['system']}；有：{known}", f"the demo has no system {entry['system']}; it has: {known}"
        )
    datasets = side.system.datasets
    if entry["dataset"] and entry["dataset"] not in datasets:
        known = "、".join(datasets)
        raise RegistrationError(
            f"{side.path} 没有数据集 {entry['dataset']}；有：{known}", f"{side.path} has no dataset {entry['dataset']}; it has: {known}"
        )
    ways = {side.kind(datasets[entry["dataset"]])} if entry["dataset"] else side.kinds
    if "postgresql" in ways and server_of(home) is None:
        ways = {"sqlite", *(ways - {"postgresql"})}
    if not ways & set(fault.kinds):
        raise RegistrationError(
            f"{side.path} 的接入方式（{'、'.join(sorted(ways))}）不会出现故障 {name}；可用于：{'、'.join(fault.kinds)}",
            f"{side.path} ({', '.join(sorted(ways))}) cannot have the fault {name}; it needs: {', '.join(fault.kinds)}",
        )
    if fault.column and not (entry["dataset"] and entry["column"]):
        raise RegistrationError(f"故障 {name} 须写明数据集和列", f"the fault {name} needs a dataset and a column")
    return side


def _act(home: Path, side: Side, name: str, entry: dict[str, Any], *, wrong: bool) -> None:
    """What has to be done now; interfaces look at faults.json themselves."""
    if "files" in side.kinds and (entry["dataset"] is None or entry["dataset"] in side.of("files")):
        deliver(home, side, current(home, side))
    server = server_of(home)
    if name == "expired_password" and side.database and server:
        let_in(server, name_of(home, side.code), not wrong)
    elif name in TAMPERING:
        _tamper(home, side, name, entry, wrong=wrong)


def _tamper(home: Path, side: Side, name: str, entry: dict[str, Any], *, wrong: bool) -> None:
    """Change a column of a database's table, or change it back."""
    server = server_of(home)
    if not side.database or server is None:
        return
    act = {"vanished_column": _renamed, "changed_type": _retyped}[name]
    rows = current(home, side)[entry["dataset"]]
    with server.session(name_of(home, side.code)) as session:
        act(session, sql.Identifier(outlet(side, entry["dataset"])), entry["column"], rows, wrong)


def _renamed(session: Any, table: sql.Identifier, column: str, _: pa.Table, wrong: bool) -> None:
    names = [sql.Identifier(column), sql.Identifier(column + FORMER)]
    session.execute(sql.SQL("ALTER TABLE {} RENAME COLUMN {} TO {}").format(table, *(names if wrong else reversed(names))))


def _retyped(session: Any, table: sql.Identifier, column: str, rows: pa.Table, wrong: bool) -> None:
    """A unit behind every value, and back again."""
    kind = "integer" if pa.types.is_integer(rows.schema.field(column).type) else "numeric"
    name = sql.Identifier(column)
    if wrong:
        told = sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE varchar USING {} || '户'").format(table, name, name)
    else:
        told = sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE " + kind + " USING rtrim({}, '户')::" + kind).format(table, name, name)
    session.execute(told)
