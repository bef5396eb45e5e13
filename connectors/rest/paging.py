"""A long list handed out in pieces: by page number, offset, cursor, Link header, or all at once.

    ask, read, fixed parameters  ->  Sheet, Sheet, …

A far side that repeats itself, breaks off or never ends is an error here; whether all rows came is judged by the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from connectors.rest.client import Reply
from connectors.rest.json import held
from connectors.rest.words import Paging
from connectors.wording import Who, senseless
from schemas.ceilings import ceilings
from schemas.errors import SourceChanged
from schemas.reading import Read

_MOST_EMPTY = 100  # pages without a row that lead to another one
_COUNTED = ("page", "offset")

Ask = Callable[[str, Mapping[str, str] | None], Reply]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One piece of the list."""

    rows: list[Any]
    total: int | None  # how many there are in all, when the interface says so
    reply: Reply
    last: bool = True  # nothing seems to follow


def sheets(who: Who, read: Read, params: Mapping[str, str], ask: Ask, size: int | None = None) -> Generator[Sheet, None, None]:
    """The whole list, piece by piece. Raises SourceChanged when a piece is shaped otherwise or the far side goes in circles."""
    page: Paging = read.page
    wanted = min(size or page.rows, page.rows)
    link = str(read.path)
    asked: Mapping[str, str] | None = {**params, **({} if page.kind == "none" else {page.size: str(wanted)}), **_first(page)}
    received, before, seen, empty = 0, list[Any](), set[str](), 0
    number = _start(page)
    for _ in range(ceilings().pages):
        reply = ask(link, asked)
        rows, total = _rows(who, read, reply), _total(who, page, read, reply)
        if rows and rows == before:
            raise _circles(who, page, received)
        before = rows
        received += len(rows)
        following = _following(who, page, reply)
        full = received < total if total is not None else bool(rows)  # fewer than asked for may be all it gives at a time
        yield Sheet(rows, total, reply, following is None and not (page.kind in _COUNTED and full))
        if page.kind in _COUNTED:
            if not rows or (total is not None and received >= total):
                return
            number = number + 1 if page.kind == "page" else number + len(rows)
            asked = {**(asked or {}), page.number: str(number)}
            continue
        if following is None:
            return
        if following in seen:
            raise _circles(who, page, received)
        seen.add(following)
        empty = 0 if rows else empty + 1
        if empty > _MOST_EMPTY:
            break
        link, asked = (following, None) if _is_address(page, following) else (link, {**(asked or {}), page.number: following})
    raise _circles(who, page, received)


def _start(page: Paging) -> int:
    """An offset counts from nought unless somebody says otherwise."""
    return 0 if page.kind == "offset" and "start" not in page.model_fields_set else page.start


def _first(page: Paging) -> dict[str, str]:
    return {page.number: str(_start(page))} if page.kind in ("page", "offset", "link") else {}


def _rows(who: Who, read: Read, reply: Reply) -> list[Any]:
    """The list in the answer; null stands for an empty one."""
    try:
        found = held(reply.body, read.rows)
    except KeyError as missing:
        raise _shape(who, read.rows, "列表", "the list", missing.args[1]) from None
    if found is None:
        return []
    if not isinstance(found, list):
        raise _shape(who, read.rows, "列表", "the list", sorted(found) if isinstance(found, dict) else [])
    return found


def _total(who: Who, page: Paging, read: Read, reply: Reply) -> int | None:
    if page.total is None:
        return None
    try:
        found = held(reply.body, page.total)
    except KeyError as missing:
        raise _shape(who, page.total, "总数", "the total", missing.args[1]) from None
    if isinstance(found, str) and found.strip().isdigit():
        return int(found)
    if found is None and not _rows(who, read, reply):
        return 0
    raise _shape(who, page.total, "总数", "the total", [])


def _following(who: Who, page: Paging, reply: Reply) -> str | None:
    """The cursor or address of the next piece; absent, empty, null or false is the end."""
    if page.kind == "link" and page.next is None:
        return reply.following
    if page.kind not in ("cursor", "link"):
        return None
    if page.next is None:
        raise senseless(who, "page.kind: cursor 须写明 page.next", "page.kind: cursor needs page.next")
    try:
        found = held(reply.body, page.next)
    except KeyError:
        return None
    if not isinstance(found, str) or not found:
        return None
    return urljoin(reply.url, found) if page.kind == "link" else str(found)


def _is_address(page: Paging, following: str) -> bool:
    """Whether the next piece is asked for by its whole address, which holds every parameter."""
    return page.kind == "link" or following.startswith(("http://", "https://"))


def _shape(who: Who, path: str, zh: str, en: str, have: list[str]) -> SourceChanged:
    return SourceChanged(
        f"{who}: 应答中 {path or '最外层'} 处不是{zh}；那里现有：{'、'.join(have) or '无'}",
        f"{who}: the answer does not hold {en} at {path or 'its top'}; there is: {', '.join(have) or 'nothing'}",
        next_zh=f"请系统主管部门确认接口变更，再修改 systems/{who.system}.yml 的 read",
        next_en=f"ask the owner about the change, then edit read in systems/{who.system}.yml",
    )


def _circles(who: Who, page: Paging, received: int) -> SourceChanged:
    return SourceChanged(
        f"{who}: 接口重复给出同一页（已收 {received} 行），翻页参数 {page.number} 可能不起作用，或最后一页没有尽头",
        f"{who}: the interface gives the same page again (after {received} rows); its parameter {page.number} may have no effect, "
        "or its last page has no end",
        next_zh="核对 read.page 的 kind、number、start；有总数的请写明 page.total",
        next_en="check kind, number and start of read.page; give page.total if the interface has one",
    )
