"""Systems reached by a REST interface that answers with JSON.

    read.path, page by page  ->  Arrow batches (all VARCHAR)  +  the next cursor {"value": largest seen, "seen": print of its window}

A list that changes while it is read may lose a row between two pages. What came is therefore counted against what the
interface says there is, and a read that falls short is an error, never a smaller list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from connectors import rest_checking
from connectors.contract import Answer, Connector, Cursor, Finding, Found
from connectors.rest_client import Client, Options
from connectors.rest_paging import Sheet, sheets
from connectors.rest_rows import Latest, Tally, batch, column, keys_of, moment, sorted_out, written
from connectors.secrets import Secret
from connectors.wording import Who, gone
from schemas.errors import SourceChanged, SourceUnavailable
from schemas.pull import Batch, Pull
from schemas.registration import Dataset, Read, System

__all__ = ["WORDS", "Options", "connect", "sense"]

WORDS = frozenset({"path", "rows", "page", "since", "params", "cursor", "overlap", "lag", "only"})
"""The words of `read:` this kind understands, besides those of landing."""


def connect(options: Options, system: System, secret: Secret) -> Connector:
    return Rest(options, system, secret)


def sense(read: Read) -> Iterator[tuple[str, str]]:
    """What cannot be meant together."""
    if read.path is None:
        yield "rest 连接器须写 path", "the connector kind rest needs path"
    if read.page and read.page.kind == "cursor" and read.page.next is None:
        yield "page.kind: cursor 须写明 page.next", "page.kind: cursor needs page.next"
    if read.since and not read.cursor:
        yield "since 须与 cursor（更新时间列）一起写", "since needs cursor, the column of the change time"
    if read.whole not in (None, "all"):
        yield "rest 只能写 whole: all", "rest knows only whole: all"


class Rest:
    """An open way to one interface."""

    def __init__(self, options: Options, system: System, secret: Secret) -> None:
        self.system = system
        self.zone = ZoneInfo(system.timezone)
        self.client = Client(options, system.limits, secret)

    def check(self) -> list[Finding]:
        return rest_checking.findings(self.client, self.system)

    def discover(self) -> list[Found]:
        return rest_checking.found(self.client, self.system)

    def keys(self, dataset: Dataset) -> pa.RecordBatchReader | None:  # noqa: ARG002
        return None  # an interface hands out rows; a complete read costs the same

    def acknowledge(self, dataset: Dataset, notes: Mapping[str, Any]) -> None:
        """Nothing is said back."""

    def close(self) -> None:
        self.client.close()

    def probe(self, dataset: Dataset, since: Cursor | None) -> Answer:
        """One page of the window that was seen last time, compared with what it was then."""
        read = dataset.reading
        if not since or "seen" not in since or not read.since:
            return "cannot tell"
        who = Who.of(self.system, dataset)
        self.client.begin()
        pages = self._sheets(who, read, self._window(who, read, since))
        first = next(pages)
        pages.close()
        if (first.total is None and first.reply.following) or (first.total or 0) > len(first.rows):
            return "cannot tell"
        rows, _ = sorted_out(first.rows, 0)
        latest = self._latest(dataset, since)
        latest.add(rows, column(rows, str(read.cursor)))
        return "unchanged" if latest.digest() == since["seen"] and latest.value == since["value"] else "changed"

    def pull(self, dataset: Dataset, since: Cursor | None, asked: Mapping[str, Any] | None = None) -> Pull:  # noqa: ARG002
        read = dataset.reading
        who = Who.of(self.system, dataset)
        since = since if read.since else None  # without a window it is a complete read
        self.client.begin()
        window = self._window(who, read, since)
        pages = self._sheets(who, read, window)
        first = next(pages)
        rows, _ = sorted_out(first.rows, 0)
        names = list(dataset.columns) or [n for n in keys_of(rows) if n not in dataset.ignore]
        if not names:
            names = list(dict.fromkeys([*read.key, *([read.cursor] if read.cursor else [])]))
        pull = Pull(pa.schema([(n, pa.string()) for n in names]), iter(()))
        pull.batches = self._batches(who, dataset, since, window, _chained(first, pages), pull)
        return pull

    def _batches(
        self, who: Who, dataset: Dataset, since: Cursor | None, window: Mapping[str, str], pages: Iterator[Sheet], pull: Pull
    ) -> Iterator[Batch]:
        read = dataset.reading
        latest = self._latest(dataset, since) if read.cursor else None
        tally, stated, received, shaped = Tally(read.key), 0, 0, False
        known = {*pull.schema.names, *dataset.ignore}
        new: dict[str, None] = {}
        for sheet in pages:
            rows, rejects = sorted_out(sheet.rows, received)
            received += len(sheet.rows)
            stated = max(stated, sheet.total or 0)
            names = keys_of(rows)
            if rows and not shaped:
                self._shape(who, dataset, names)
                shaped = True
            new |= dict.fromkeys(n for n in names if n not in known)
            made = batch(rows, pull.schema)
            tally.add(made)
            if latest and rows:
                latest.add(rows, made.column(str(read.cursor)))
            yield Batch(_only(made, read), "", rejects)
        self._complete(who, dataset, window, pull.schema, tally, stated)
        if new:
            pull.notes["unmapped"] = sorted(new)
        if since is None:
            pull.whole = frozenset({""})
        if latest and latest.value is not None:
            pull.cursor = {"value": latest.value, "seen": latest.digest()}
        elif since:
            pull.cursor = dict(since)

    def _sheets(self, who: Who, read: Read, window: Mapping[str, str], size: int | None = None) -> Generator[Sheet, None, None]:
        return sheets(who, read, {**read.params, **window}, lambda path, params: self.client.ask(who, path, params), size)

    def _window(self, who: Who, read: Read, since: Cursor | None) -> dict[str, str]:
        """From the last value seen, less the overlap, up to now, less the lag; fixed before anything is read."""
        if not since or not read.since:
            return {}
        form, value = read.since.format, str(since["value"])
        at = moment(value, form, self.zone)
        if at is None and not value.isdigit():
            raise SourceChanged(
                f"{who}: 更新时间列 {read.cursor} 的值不是时间，无法作为 {read.since.lower}",
                f"{who}: the value of {read.cursor} is no time and cannot be used for {read.since.lower}",
                next_zh="核对 read.cursor 和 read.since.format",
                next_en="check read.cursor and read.since.format",
            )
        window = {read.since.lower: written(at - read.overlap, form, self.zone) if at else value}
        if read.since.upper and at:
            window[read.since.upper] = written(self._now() - read.lag, form, self.zone)
        return window

    def _now(self) -> dt.datetime:
        return dt.datetime.now(self.zone).replace(tzinfo=None)

    def _latest(self, dataset: Dataset, since: Cursor | None) -> Latest:
        return Latest(dataset.reading, self.zone, self._now(), since["value"] if since else None, dataset.columns)

    def _complete(self, who: Who, dataset: Dataset, window: Mapping[str, str], schema: pa.Schema, tally: Tally, stated: int) -> None:
        """All rows came that there are said to be. Raises SourceUnavailable when rows slipped between two pages.

        A list may really hold the same row or key several times. That is only believed when a second read, with pages that
        break elsewhere, brings the very same rows: rows repeated because the list moved do not repeat in the same way.
        """
        read = dataset.reading
        if tally.received < stated:
            raise _short(who, stated, tally)
        different = min(tally.rows, tally.keys) if read.duplicates == "hold" else tally.rows
        if different >= stated or not read.page or read.page.kind == "none":
            return
        again = Tally(read.key)
        for sheet in self._sheets(who, read, window, size=max(1, read.page.rows * 2 // 3)):
            again.add(batch(sorted_out(sheet.rows, 0)[0], schema))
        if not again.same(tally):
            raise _short(who, stated, tally)

    def _shape(self, who: Who, dataset: Dataset, names: list[str]) -> None:
        """Every column the registration names is in the list."""
        read = dataset.reading
        wanted = dict.fromkeys([*dataset.columns, *read.key, *([read.cursor] if read.cursor else [])])
        if missing := [n for n in wanted if n not in names]:
            raise gone(who, missing, names, f"接口 {read.path}", f"the interface {read.path}")


def _chained(first: Sheet, pages: Iterator[Sheet]) -> Iterator[Sheet]:
    yield first
    yield from pages


def _only(rows: pa.RecordBatch, read: Read) -> pa.RecordBatch:
    """The rows the registration asks for."""
    for name, values in read.only.items():
        rows = rows.filter(pc.is_in(rows.column(name), pa.array(values, pa.string())))
    return rows


def _short(who: Who, stated: int, tally: Tally) -> SourceUnavailable:
    return SourceUnavailable(
        f"{who}: 接口说共有 {stated} 行，实收 {tally.received} 行（不同的行 {tally.rows}，不同的主键 {tally.keys}）；"
        "翻页期间数据有变动，本次不采用",
        f"{who}: the interface says there are {stated} rows; {tally.received} came ({tally.rows} different rows, {tally.keys} keys): "
        "the list moved while it was read, nothing of it is used",
        next_zh="枢纽会重新读取；每次都这样时，请系统主管部门提供稳定排序，或修正总数",
        next_en="the hub reads again; if it is always so, ask the owner for a stable order, or a true total",
    )
