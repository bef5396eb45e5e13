"""What a driver says, as an error that tells whose move it is. The driver's own text may hold data or a password: only its code is shown.

    a driver's error  ->  its class and code  ->  SourceUnavailable | SourceRefused | SourceChanged, each cause with words of its own

A fault of form is never called a far side that cannot be reached, and a fault of ours is none of the far side's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from connectors.database.session import Unconnected
from connectors.patience import Late
from connectors.wording import Who, silent
from schemas.errors import AccountRefused, HubError, SourceChanged, SourceError, SourceRefused, SourceUnavailable, SystemUnreachable
from schemas.said import Said
from schemas.secrets import Secret


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that goes wrong with databases: how drivers say it, and how we do."""

    error: type[SourceError]
    whole: type[SourceError]  # the same, when no connection was made: it is about the whole system
    codes: frozenset[str]  # SQLSTATE, its class of two characters, or MySQL's number
    words: re.Pattern[str]  # for drivers that give no code
    said: Said  # after the database's place
    following: Said


def _cause(error: type[SourceError], whole: type[SourceError], codes: str, words: str, said: Said, following: Said) -> Cause:
    return Cause(error, whole, frozenset(codes.split()), re.compile(words, re.IGNORECASE), said, following)


_CAUSES = (
    _cause(
        SourceRefused, AccountRefused, "28000 28P01 1045 1698 4151 1130 1862",
        r"password authentication failed|no pg_hba\.conf entry|access denied for user|no password supplied|role \S+ does not exist"
        r"|not permitted to log in|password (?:has )?expired",
        Said("拒绝了我们的账号：用户名或口令不对，或不许从这里登录", "refused our account: user or password, or no login from here"),
        Said("请系统主管部门核对账号和口令，然后更新密钥库", "ask the owning department about the account, then update the secret"),
    ),
    _cause(
        SourceRefused, AccountRefused, "3D000 1049 1044", r"(unknown )?database \S+ does not exist|unknown database",
        Said("没有登记的库名，或账号不能使用它", "has no database of the registered name, or our account may not use it"),
        Said("请系统主管部门确认库名与授权，再修改 connection.database", "ask the owner about the database's name, then edit connection.database"),
    ),
    _cause(
        SourceRefused, AccountRefused, "42501 1142 1143 1227 1370 25006", r"permission denied|attempt to write a readonly|command denied",
        Said("不许账号做这件事：缺少权限", "does not let our account do this: a permission is missing"),
        Said("请系统主管部门授予 SELECT 权限（回写的表另需 UPDATE）", "ask the owner to grant SELECT, and UPDATE where receipts are written"),
    ),
    _cause(
        SourceRefused, AccountRefused, "2026 3159", r"certificate|\bSSL\b|\bTLS\b",
        Said("的加密连接没有建立：证书不受信任，或对方不提供加密", "made no encrypted connection: its certificate is not trusted, or it offers none"),
        Said("请系统运维单位配置证书；证书无误的，核对 connection.ssl", "have the operator set up its certificate; if that is right, check connection.ssl"),
    ),
    _cause(
        SourceUnavailable, SystemUnreachable, "53100 53200 53400 1021 1114 1037 1038 1041", r"disk is full|disk full|no space left|out of memory",
        Said("的磁盘或内存已满", "has no disk space or memory left"),
        Said("请系统运维单位清理空间；枢纽会自动重试", "have the operator make room; the hub tries again"),
    ),
    _cause(
        SourceUnavailable, SystemUnreachable, "55P03 40P01 40001 1205 1213", r"is locked|lock timeout|deadlock|lock wait",
        Said("中的表正被别的程序锁住", "has the table locked by another program"),
        Said("枢纽会自动重试；经常发生时请系统运维单位错开批处理时间", "the hub tries again; if it happens often, have the operator move batch jobs"),
    ),
    _cause(
        SourceUnavailable, SystemUnreachable, "53300 1040 1203 1226", r"too many (?:clients|connections)|remaining connection slots",
        Said("的连接数已满", "has no connection left for us"),
        Said("枢纽会自动重试；经常发生时请系统运维单位为枢纽保留连接", "the hub tries again; if it happens often, have a connection reserved for it"),
    ),
    _cause(
        SourceUnavailable, SystemUnreachable, "57014 1969 3024 1317", r"statement timeout|max_statement_time",
        Said("中止了查询：超过时限", "ended the query: it took too long"),
        Said(
            "枢纽会自动重试；经常发生时请为增量列建索引，或调大 limits.timeout",
            "the hub tries again; if it happens often, have the cursor column indexed or raise limits.timeout",
        ),
    ),
    _cause(
        SourceChanged, SourceChanged, "42 22 3F 0A 21 1146 1054 1356 1064 1109 1055 1267 1292 1305 1366 1525",
        r"no such (?:table|column|function)|does not exist|file is not a database|malformed|unknown column|utf-?8"
        r"|syntax error|operator does not exist|invalid input",
        Said("的应答与登记不符：表、列、视图、类型或编码有变化", "does not answer as registered: a table, column, view, type or encoding has changed"),
        Said("", ""),
    ),
)  # fmt: skip
_VAGUE = ("", "42000", "HY000")  # codes that say nothing
_STATE = 5  # characters of a SQLSTATE; its first two are its class
_OURS = (TypeError, KeyError, AttributeError, AssertionError, IndexError, NameError, RecursionError)


def translated(error: BaseException, who: Who, place: str, secret: Secret | None = None) -> BaseException:
    """The error to raise instead, never chained to the driver's; a mistake of our own program as it is."""
    if isinstance(error, (HubError, *_OURS)):
        return error
    connected = not isinstance(error, Unconnected)
    if not connected:
        error, who = error.__cause__ or error, Who(who.system)  # it is about the whole system
    if isinstance(error, Late):
        return silent(who, error.seconds, f"数据库 {place}", f"the database {place}", SourceUnavailable if connected else SystemUnreachable)
    if isinstance(error, FileNotFoundError):
        return _no_file(Who(who.system), place)
    code = _code(error)
    text = secret.scrub(_plain(error)) if secret else _plain(error)
    shown = code or type(error).__name__
    if cause := _found(error, code, text):
        zh, en = cause.following
        kind = cause.error if connected else cause.whole
        return kind(
            f"{who}: 数据库 {place} {cause.said.zh}（代码 {shown}）",
            f"{who}: the database {place} {cause.said.en} (code {shown})",
            next_zh=zh or f"运行 hub try {who} 查看现状，请系统主管部门说明变更",
            next_en=en or f"run hub try {who} to see it, and ask the owner about the change",
        )
    return (SourceUnavailable if connected else SystemUnreachable)(
        f"{who}: 连不上数据库 {place}，或连接中断（代码 {shown}）",
        f"{who}: the database {place} cannot be reached or the connection broke (code {shown})",
        next_zh="枢纽会自动重试；持续不通请系统运维单位检查网络、端口和服务",
        next_en="the hub tries again; if it lasts, have the operator look at network, port and service",
    )


def _found(error: BaseException, code: str, text: str) -> Cause | None:
    """By its code; without one by the driver's words; a class of errors that is about form is one of form whatever it says."""
    for cause in _CAUSES:
        if code in cause.codes:
            return cause
    if code in _VAGUE:
        for cause in _CAUSES:
            if cause.words.search(text):
                return cause
    for cause in _CAUSES:
        if len(code) == _STATE and code[:2] in cause.codes:
            return cause
    return _CAUSES[-1] if isinstance(error, _FORM) else None


_FORM = (
    duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError, sa.exc.ProgrammingError, sa.exc.DataError, sa.exc.NotSupportedError,
    sa.exc.CompileError, pa.ArrowInvalid, pa.ArrowTypeError, UnicodeDecodeError, ValueError,
)  # fmt: skip


def _no_file(who: Who, place: str) -> SystemUnreachable:
    return SystemUnreachable(
        f"{who}: 数据库文件 {place} 不存在",
        f"{who}: there is no database file {place}",
        next_zh="确认文件已经送到，或修改 connections.yml 的 file",
        next_en="see whether the file has been delivered, or edit file in connections.yml",
    )


def _code(error: BaseException) -> str:
    origin: Any = getattr(error, "orig", None) or error
    args = getattr(origin, "args", ())
    if type(origin).__module__.startswith("pymysql") and args and isinstance(args[0], int):
        return str(args[0])  # finer than its SQLSTATE, which is 42000 for half of everything
    state = getattr(origin, "sqlstate", None)
    if state:
        return str(state)
    found = re.search(r"SQLSTATE[ =:]+(\w{5})", _plain(origin))
    return found[1] if found else ""


def _plain(error: BaseException) -> str:
    origin = getattr(error, "orig", None) or error
    return str(origin)
