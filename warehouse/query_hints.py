"""What an analyst is told when an edition does not answer: in Chinese first, with what to ask instead.

the worker's refusal or DuckDB's error  ->  QueryRefused
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from schemas.errors import QueryRefused

_NOT_HERE = re.compile(r"\b(landing|standard|quarantine|hub|lake)\b|__")
_RAW = re.compile(r"^_key$|^_sources?$|raw|plain|明文|原始|身份证|身份号|证件|idcard|id_?card|sfz|zjhm|cert", re.IGNORECASE)
_ID_LITERAL = re.compile(r"'([1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx])'")
_MOBILE_LITERAL = re.compile(r"'(1[3-9]\d{9})'")

_PSEUDONYM = (
    "证件号码、手机号等在这里已脱敏，不能按原号查询或取出；关联请用同名的 _pseudonym 列，例如 JOIN … USING (id_number_pseudonym)",
    "identifiers are masked here and cannot be asked for; join by the _pseudonym column, for example USING (id_number_pseudonym)",
)
_SEE = ("可查的表和字段见：FROM shared.fields", "for tables and fields see: FROM shared.fields")

_REFUSED = {
    "several": ("一次只能问一个语句", "one statement at a time", "去掉分号后的语句，分次提问", "ask the statements one after the other"),
    "empty": ("没有可执行的语句", "there is no statement", "写一个 SELECT", "write a SELECT"),
    "deep": ("语句嵌套过深", "the statement is nested too deeply", "拆成较小的查询", "ask in smaller pieces"),
    "memory": ("查询占用的内存超过上限", "the query needs more memory than it may have", "先筛选或汇总，再排序、连接", "filter or aggregate before sorting or joining"),
}  # fmt: skip


def raw_number(sql: str) -> QueryRefused | None:
    """A statement that looks for a person by number finds nothing in masked columns; say so instead."""
    if _ID_LITERAL.search(sql) or _MOBILE_LITERAL.search(sql):
        zh, en = _PSEUDONYM
        return QueryRefused("语句里写有证件号码或手机号", "the statement names an id or telephone number", next_zh=zh, next_en=en)
    return None


def worker_died(why: str, seconds: int, memory: str) -> QueryRefused:
    if why == "time":
        return QueryRefused(
            f"查询超过 {seconds} 秒，已停止",
            f"the query took more than {seconds} seconds and was stopped",
            next_zh="先筛选或汇总；大表之间连接须写连接条件",
            next_en="filter or aggregate first; give a condition to joins of large tables",
        )
    zh, en, next_zh, next_en = _REFUSED["memory"]
    return QueryRefused(f"{zh}（{memory}），已停止", f"{en} ({memory}) and was stopped", next_zh=next_zh, next_en=next_en)


def explained(said: dict[str, Any], audience: str) -> QueryRefused:
    """What the worker said, for a person."""
    reason, name = said.get("refused"), said.get("name", "")
    if reason in _REFUSED:
        zh, en, next_zh, next_en = _REFUSED[reason]
        return QueryRefused(zh, en, next_zh=next_zh, next_en=next_en)
    if reason == "masked":
        return _masked(name, said.get("instead", ""))
    if reason == "not_select":
        return QueryRefused(
            f"只能查询（SELECT），不能执行 {name}",
            f"only SELECT is answered, not {name}",
            next_zh="改写为 SELECT；PIVOT 请写明 IN (…)" if name in ("CREATE", "MULTI") else "改写为 SELECT",
            next_en="write a SELECT; give PIVOT its IN (…)" if name in ("CREATE", "MULTI") else "write a SELECT",
        )
    if reason == "function":
        return QueryRefused(
            f"这里不提供 {name}：查询只读 {audience} 版本里的表，不读文件、设置和其他来源",
            f"{name} is not offered: a query reads the {audience} edition's tables, no files, settings or other sources",
            next_zh=_SEE[0],
            next_en=_SEE[1],
        )
    return _failed(said)


def _masked(name: str, pseudonym: str) -> QueryRefused:
    """A masked column may be shown, not compared: two people whose masked numbers look alike are not one."""
    next_zh = f"改用 {pseudonym}（同一人在各表中相同）" if pseudonym else "改用记录标识 _id、各证件号码的 _pseudonym 列，或未脱敏的字段"
    next_en = (
        f"use {pseudonym}, which is the same for one person in every table"
        if pseudonym
        else "use _id, a _pseudonym column, or a plain field"
    )
    return QueryRefused(
        f"{name} 已脱敏，不同的值看起来会相同，不能用来比较、关联、分组、去重或模糊查询；只能显示和计数",
        f"{name} is masked and different values look alike: it cannot be compared, joined, grouped, made distinct or searched; it may be shown and counted",
        next_zh=next_zh,
        next_en=next_en,
    )


def _failed(said: dict[str, Any]) -> QueryRefused:
    """DuckDB's own error, with the names that may have been meant."""
    message = re.split(r"\n\s*\n|\nLINE \d+:|\nCandidate|\nDid you mean", said.get("message", ""))[0].strip()
    fields = [tuple(f) for f in said.get("fields", [])]
    if column := re.search(r'(?:Referenced column|column named|Referenced table) "([^"]+)"', message):
        return _unknown_column(column[1], fields)
    if table := re.search(r'(?:Table|Catalog|Schema|View) with name "?([^\s"!]+)"? does not exist', message):
        return _unknown_table(table[1], message, said)
    if said.get("error") == "PermissionException":
        return QueryRefused(
            "查询不能读写文件或改动设置", "a query cannot read or write files or change settings", next_zh=_SEE[0], next_en=_SEE[1]
        )
    return QueryRefused(
        f"语句无法执行：{message}", f"the statement failed: {message}", next_zh="按提示修改语句", next_en="mend the statement"
    )


def _unknown_column(name: str, fields: list[tuple[Any, ...]]) -> QueryRefused:
    known = {str(word).lower(): f for f in fields for word in (f[1], f[2])}  # by name and by Chinese title
    short = name.rsplit(".", maxsplit=1)[-1].lower()
    near = [known[w] for w in difflib.get_close_matches(short, known, n=4, cutoff=0.5)]
    near += [f for w, f in known.items() if len(short) > 1 and short in w and f not in near][:3]
    listed = "、".join(dict.fromkeys(f"{f[1]}（{f[2]}）" for f in near))
    masked = bool(_RAW.search(short)) or any(f[3] in ("id_number", "phone", "bank_card") for f in near)
    hints_zh = [f"相近的有：{listed}"] * bool(listed) + [_PSEUDONYM[0]] * masked + [_SEE[0]]
    hints_en = [f"near it: {', '.join(dict.fromkeys(str(f[1]) for f in near))}"] * bool(listed) + [_PSEUDONYM[1]] * masked + [_SEE[1]]
    return QueryRefused(f"没有字段 {name}", f"there is no field {name}", next_zh="；".join(hints_zh), next_en="; ".join(hints_en))


def _unknown_table(name: str, message: str, said: dict[str, Any]) -> QueryRefused:
    tables = [str(t) for t in said.get("tables", [])]
    listed = "、".join(tables)
    if _NOT_HERE.search(name) or _NOT_HERE.search(message):
        return QueryRefused(
            f"这里没有 {name}：原始行和标准化行不向分析人员开放，只有共享数据",
            f"{name} is not here: landed and standard rows are not open to analysts, only shared data is",
            next_zh=f"可查：{listed}；{_PSEUDONYM[0]}",
            next_en=f"there are: {', '.join(tables)}; {_PSEUDONYM[1]}",
        )
    return QueryRefused(
        f"没有表 {name}",
        f"there is no table {name}",
        next_zh=f"可查：{listed}；中文名见模式 中文，字段见 shared.fields",
        next_en=f"there are: {', '.join(tables)}; see shared.fields for fields",
    )
