"""What a driver says, as an error that tells whose move it is. The driver's own text may hold data or a password: only its code is shown."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from connectors.database.session import Unconnected
from connectors.patience import Late
from connectors.wording import Who, silent
from schemas.errors import AccountRefused, HubError, SourceChanged, SourceRefused, SourceUnavailable, SystemUnreachable

_REFUSED = {  # SQLSTATE classes and MySQL error numbers
    "28000", "28P01", "42501", "3D000", "1044", "1045", "1049", "1142", "1143", "1227", "1698", "1130", "4151", "1370",
}  # fmt: skip
_CHANGED = {"42P01", "42703", "42883", "42804", "22P02", "22007", "22008", "1146", "1054", "1356", "1064", "3F000"}
_REFUSED_WORDS = re.compile(
    r"password authentication failed|no pg_hba\.conf entry|permission denied|access denied|no password supplied|role \S+ does not exist"
    r"|not permitted to log in|password (?:has )?expired|database \S+ does not exist|attempt to write a readonly|unable to open database file",
    re.IGNORECASE,
)
_CHANGED_WORDS = re.compile(
    r"no such table|no such column|does not exist|file is not a database|unknown column|invalid.*utf-?8|utf-8", re.IGNORECASE
)
_SLOW = {"57014", "1969", "3024", "1317"}


def translated(error: BaseException, who: Who, place: str, *, password: str = "") -> HubError:
    """The error to raise instead; never chained to the driver's."""
    if isinstance(error, HubError):
        return error
    connected = not isinstance(error, Unconnected)
    if not connected:
        error, who = error.__cause__ or error, Who(who.system)  # it is about the whole system
    unreachable = SourceUnavailable if connected else SystemUnreachable
    if isinstance(error, Late):
        return silent(who, error.seconds, f"数据库 {place}", f"the database {place}", unreachable)
    if isinstance(error, FileNotFoundError):
        who = Who(who.system)
        return SystemUnreachable(
            f"{who}: 数据库文件 {place} 不存在",
            f"{who}: there is no database file {place}",
            next_zh="确认文件已经送到，或修改 connections.yml 的 file",
            next_en="see whether the file has been delivered, or edit file in connections.yml",
        )
    code, text = _code(error), _plain(error)
    shown = (f"（代码 {code}）", f" (code {code})") if code else ("", "")
    if password and len(password) > 2:
        text = text.replace(password, "***")
    if code in _REFUSED or (not code and _REFUSED_WORDS.search(text)):
        refused = SourceRefused if connected else AccountRefused
        return refused(
            f"{who}: 数据库 {place} 拒绝了我们的账号{shown[0]}：用户名、密码、库名或权限不对",
            f"{who}: the database {place} refused our account{shown[1]}: user, password, database name or permission",
            next_zh="请系统主管部门核对账号与只读权限，然后更新密钥库",
            next_en="ask the owning department about the account and its read permission, then update the secret",
        )
    shown = (f"（代码 {code or type(error).__name__}）", f" (code {code or type(error).__name__})")
    if code in _CHANGED or isinstance(error, pa.ArrowInvalid | UnicodeDecodeError) or (not code and _CHANGED_WORDS.search(text)):
        return SourceChanged(
            f"{who}: {place} 的应答与登记不符{shown[0]}：表、列、类型或编码有变化",
            f"{who}: the answer of {place} is not what is registered{shown[1]}: table, column, type or encoding",
            next_zh=f"运行 hub try {who} 查看现状，请系统主管部门说明变更",
            next_en=f"run hub try {who} to see it, and ask the owner about the change",
        )
    if code in _SLOW:
        return SourceUnavailable(
            f"{who}: 查询超过时限，已被 {place} 中止{shown[0]}",
            f"{who}: the query took too long and was ended by {place}{shown[1]}",
            next_zh="枢纽会自动重试；经常发生时请为增量列建索引，或调大 limits.timeout",
            next_en="the hub tries again; if it happens often, have the cursor column indexed or raise limits.timeout",
        )
    return unreachable(
        f"{who}: 连不上数据库 {place}，或连接中断{shown[0]}",
        f"{who}: the database {place} cannot be reached or the connection broke{shown[1]}",
        next_zh="枢纽会自动重试；持续不通请系统运维单位检查网络、端口和服务",
        next_en="the hub tries again; if it lasts, have the operator look at network, port and service",
    )


def _code(error: BaseException) -> str:
    origin: Any = getattr(error, "orig", None) or error
    state = getattr(origin, "sqlstate", None)
    if state:
        return str(state)
    args = getattr(origin, "args", ())
    if type(origin).__module__.startswith("pymysql") and args and isinstance(args[0], int):
        return str(args[0])
    found = re.search(r"SQLSTATE[ =:]+(\w{5})", _plain(origin))
    return found[1] if found else ""


def _plain(error: BaseException) -> str:
    origin = getattr(error, "orig", None) or error
    return str(origin)
