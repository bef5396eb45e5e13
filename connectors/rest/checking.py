"""A diagnosis of a REST interface that a clerk can act on, and what its lists hold.

Client, System  ->  Findings  |  Founds
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from connectors.contract import Column, Finding, Found
from connectors.rest.client import Client
from connectors.rest.json import Number
from connectors.rest.latest import MarkForm
from connectors.rest.paging import Sheet, sheets
from connectors.rest.rows import keys_of, sorted_out
from connectors.rest.words import NUMBER
from connectors.wording import Who
from schemas.errors import SourceError, SourceUnavailable
from schemas.registration import Dataset, System
from schemas.said import Said

_SKEW = 60  # seconds a far clock may be off without anybody having to act
_SAMPLE = 20


def findings(client: Client, system: System) -> list[Finding]:
    """Cipher, then every list: reachable, admitted, in the registered shape; then the clock."""
    client.begin(tries=1)
    made = [_cipher(client)]
    date = None
    silent = False
    for name, dataset in _lists(system):
        what = f"{system.path}/{name}"
        if silent:
            made.append(Finding(what, None, "接口不通，没有检查", "not checked, the interface does not answer"))
            continue
        try:
            sheet = _sample(client, system, dataset)
            made += _window(client, system, dataset, sheet)
        except SourceError as error:
            silent = isinstance(error, SourceUnavailable)
            made.append(Finding(what, False, error.zh, error.en, error.next_zh, error.next_en))
            continue
        date = sheet.reply.date or date
        made.append(_shape(what, dataset, sheet))
    made.append(_clock(date))
    return made


def found(client: Client, system: System) -> list[Found]:
    """The registered lists; an interface does not say what else it has."""
    client.begin()
    made = []
    for _, dataset in _lists(system):
        sheet = _sample(client, system, dataset)
        rows, _ = sorted_out(sheet.rows, 0)
        columns = tuple(Column(n, _type([r.get(n) for r in rows])) for n in keys_of(rows))
        made.append(Found(str(dataset.reading.path), columns, dataset.reading.key, sheet.total, hints=_UNSAID))
    return made


_UNSAID = (
    Said(
        "接口本身说不出：删除了哪些行、时间属于哪个时区、列表是否完整、修改是否都会更新时间；请问系统主管部门后写入 read",
        "no answer tells which rows were deleted, the zone of its times, whether the list is whole, whether every change moves its time:"
        " ask the owner, then write it under read",
    ),
)


def _lists(system: System) -> Iterator[tuple[str, Dataset]]:
    for name, dataset in system.datasets.items():
        if dataset.read and dataset.read.path:
            yield name, dataset


def _sample(client: Client, system: System, dataset: Dataset, window: Mapping[str, str] | None = None) -> Sheet:
    who, read = Who.of(system, dataset), dataset.reading
    return next(sheets(who, read, {**read.params, **(window or {})}, lambda path, params: client.ask(who, path, params), _SAMPLE))


def _window(client: Client, system: System, dataset: Dataset, every: Sheet) -> list[Finding]:
    """Whether the interface heeds the window of time: nothing has changed in the next ten years."""
    since = dataset.reading.since
    if since is None or since.format == NUMBER or not every.rows:
        return []
    begin = dt.datetime.now(dt.UTC) + dt.timedelta(days=3650)
    asked = MarkForm.of(since, ZoneInfo(system.timezone)).written(int(begin.timestamp()) * 1_000_000)
    if not _sample(client, system, dataset, {since.lower: asked}).rows:
        return []
    what = f"{Who.of(system, dataset)}.since"
    return [
        Finding(
            what, False, f"接口不理会参数 {since.lower}：要十年以后的数据，仍给出数据", f"the interface does not heed {since.lower}: asked for rows of ten years from now, it gives some",
            "核对 read.since 的参数名和 format；接口确实不支持的，去掉 since", "check the names and the format of read.since; drop since if the interface has none",
        )
    ]  # fmt: skip


def _cipher(client: Client) -> Finding:
    url = client.options.url
    if url.startswith("http://"):
        return Finding(
            "TLS",
            None,
            "接口没有加密（http），口令和个人信息在网上可见",
            "the interface is not encrypted (http)",
            "请系统主管部门提供 https",
            "ask for https",
        )
    if not client.options.verify:
        return Finding(
            "TLS",
            None,
            "没有核验证书（verify: false）",
            "the certificate is not verified (verify: false)",
            "请运维单位更换证书后去掉 verify",
            "have the certificate replaced, then drop verify",
        )
    return Finding("TLS", True, "加密并核验证书", "encrypted, certificate verified")


def _shape(what: str, dataset: Dataset, sheet: Sheet) -> Finding:
    rows, _ = sorted_out(sheet.rows, 0)
    names = keys_of(rows)
    if not rows:
        return Finding(what, None, "可以访问，但没有一行数据，无法核对列", "reachable, but without rows its columns cannot be compared")
    wanted = dict.fromkeys([*dataset.columns, *dataset.reading.key, *([dataset.reading.cursor] if dataset.reading.cursor else [])])
    missing = [n for n in wanted if n not in names]
    if missing:
        return Finding(
            what, False, f"缺少登记的列 {'、'.join(missing)}；现有列：{'、'.join(names)}",
            f"lacks the registered columns {', '.join(missing)}; columns now: {', '.join(names)}",
            "请系统主管部门确认变更后修改 fields 或 ignore", "ask the owner, then edit fields or ignore",
        )  # fmt: skip
    count = "" if sheet.total is None else str(sheet.total)
    return Finding(what, True, f"可以访问，列齐全，共 {count or '未知'} 行", f"reachable, all columns there, {count or 'unknown'} rows")


def _clock(date: str | None) -> Finding:
    try:
        at = parsedate_to_datetime(date or "")
    except ValueError:
        return Finding("clock", None, "接口没有说它的时间", "the interface does not tell its time")
    off = (at - dt.datetime.now(dt.UTC)).total_seconds()
    if abs(off) <= _SKEW:
        return Finding("clock", True, f"对方时钟相差 {off:.0f} 秒", f"its clock is off by {off:.0f} s")
    return Finding(
        "clock", False, f"对方时钟相差 {off:.0f} 秒", f"its clock is off by {off:.0f} s",
        "请系统运维单位校时；此前把 read.overlap 调到大于此差", "have the clock set; until then raise read.overlap above it",
    )  # fmt: skip


def _type(values: list[object]) -> str:
    for value in values:
        if value is not None:
            return (
                "number"
                if isinstance(value, Number)
                else {str: "string", bool: "boolean", dict: "object", list: "array"}.get(type(value), "?")
            )
    return "null"
