"""A diagnosis of the way to a database, that a clerk can act on: reachable, rights, clock, encoding."""

from __future__ import annotations

import datetime as dt

from connectors.contract import Finding
from connectors.database.dialects import path
from connectors.database.marks import refusal
from connectors.database.reach import Reach
from connectors.database.session import Session
from connectors.patience import within
from connectors.wording import Who
from schemas.errors import HubError

SKEW = dt.timedelta(minutes=2)


def findings(database: Reach) -> list[Finding]:
    """Never raises for what the far side does wrong."""
    who = Who(database.system.path)
    wait = database.limits.timeout.total_seconds()
    try:
        session = within(wait, database.session)
    except Exception as error:
        said = database.failure(error, who)
        if not isinstance(said, HubError):
            raise
        return [Finding("reachable", False, said.zh, said.en, said.next_zh, said.next_en)]
    try:
        return [
            Finding("reachable", True, f"已连上 {database.place}", f"connected to {database.place}"),
            *within(wait, lambda: [*_rights(database, session), _clock(database, session), _encoding(database, session)]),
        ]
    except Exception as error:
        said = database.failure(error, who)
        if not isinstance(said, HubError):
            raise
        return [Finding("answers", False, said.zh, said.en, said.next_zh, said.next_en)]
    finally:
        session.close()


def _rights(database: Reach, session: Session) -> list[Finding]:
    found = []
    for name, dataset in database.system.datasets.items():
        read = dataset.read
        if read is None or read.table is None:
            continue
        there = database.dialect.fields(session.connection, read.table)
        if there:
            found.append(
                Finding(f"rights {name}", True, f"{read.table} 可读，{len(there)} 列", f"{read.table} can be read, {len(there)} columns")
            )
            mark = read.changes.at if read.changes else read.cursor
            by = [f for f in there if f.name == mark]
            who = Who(database.system.path, name)
            if by and (refused := refusal(who, database.dialect, session.connection, path(database.dialect, read.table), by[0])):
                found.append(Finding(f"cursor {name}", False, refused.zh, refused.en, refused.next_zh, refused.next_en))
            continue
        found.append(
            Finding(
                f"rights {name}",
                False,
                f"{read.table} 不存在或无权读取",
                f"{read.table} is not there or may not be read",
                "请系统主管部门确认表名，并授予 SELECT 权限",
                "ask the owner to confirm the table's name and to grant SELECT",
            )
        )
    return found


def _clock(database: Reach, session: Session) -> Finding:
    theirs = database.dialect.clock(session.connection)
    if theirs is None:
        return Finding("clock", None, "本地文件没有自己的时钟", "a local file has no clock of its own")
    skew = theirs - dt.datetime.now(dt.UTC)
    seconds = round(skew.total_seconds())
    if abs(skew) <= SKEW:
        return Finding("clock", True, f"时钟相差 {seconds} 秒", f"the clocks differ by {seconds} s")
    return Finding(
        "clock",
        False,
        f"对方时钟与枢纽相差 {seconds} 秒",
        f"its clock differs from ours by {seconds} s",
        "请系统运维单位校时；校时前请把 read.overlap 设得大于该差值",
        "ask the operator to set the clock; until then keep read.overlap larger than that",
    )


def _encoding(database: Reach, session: Session) -> Finding:
    word = database.dialect.encoding(session.connection)
    if word.upper() in ("SQL_ASCII", "LATIN1", "LATIN2"):
        return Finding(
            "encoding",
            False,
            f"数据库编码为 {word}，汉字可能是错存的",
            f"the database's encoding is {word}; Chinese text may be stored wrongly",
            "请抽查含汉字的列；必要时按原编码导出",
            "look at columns with Chinese text; export them in their real encoding if needed",
        )
    return Finding("encoding", True, f"编码 {word}", f"encoding {word}")
