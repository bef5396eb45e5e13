"""Systems reached by a REST interface that answers with JSON.

    read.path, page by page  ->  Arrow batches (all VARCHAR)  +  the next cursor: the largest value seen, a print of its window

A list that changes while it is read may lose a row between two pages. What came is therefore counted against what the
interface says there is, and a read that falls short is an error, never a smaller list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import Cursor, Finding, Found, Probed
from connectors.patience import paced
from connectors.rest import checking
from connectors.rest.client import Client
from connectors.rest.latest import Latest, MarkForm, Mixed
from connectors.rest.paging import Sheet, sheets
from connectors.rest.rows import Tally, batch, column, keys_of, sorted_out
from connectors.rest.words import RestConnection
from connectors.wording import Who, gone, unmapped
from schemas.errors import SourceChanged, SourceUnavailable
from schemas.pull import Batch, Pull
from schemas.reading import Read
from schemas.registration import Dataset, System
from schemas.secrets import Secret


@dataclass(frozen=True)
class _Begun:
    """A read whose first page is there; a probe leaves it to the pull that follows."""

    who: Who
    dataset: Dataset
    since: Cursor | None
    window: Mapping[str, str]
    first: Sheet
    rest: Iterator[Sheet]

    def sheets(self) -> Iterator[Sheet]:
        yield self.first
        yield from self.rest


class Rest:
    """An open way to one interface."""

    def __init__(self, options: RestConnection, system: System, secret: Secret) -> None:
        self.system = system
        self.zone = ZoneInfo(system.timezone)
        self.client = Client(options, system.limits, secret)
        self._begun: _Begun | None = None

    def check(self) -> list[Finding]:
        clean = self.client.scrub
        return [
            replace(f, zh=clean(f.zh), en=clean(f.en), next_zh=clean(f.next_zh), next_en=clean(f.next_en))
            for f in checking.findings(self.client, self.system)
        ]

    def discover(self) -> list[Found]:
        with self.client.unsaid():
            return checking.found(self.client, self.system)

    def acknowledge(self, dataset: Dataset, notes: Mapping[str, Any]) -> None:
        """Nothing is said back."""

    def close(self) -> None:
        self.client.close()

    def probe(self, dataset: Dataset, since: Cursor | None) -> Probed:
        """One page of the window that was seen last time, compared with what it was then."""
        read = dataset.reading
        if not since or "seen" not in since or not read.since:
            return "cannot tell"
        with self.client.unsaid():
            begun = self._begun = self._begin(Who.of(self.system, dataset), dataset, since)
        first = begun.first
        if not first.last:
            return "cannot tell"
        rows, _ = sorted_out(first.rows, 0)
        latest = self._latest(dataset, since)
        _see(latest, begun.who, read, rows, column(rows, str(read.cursor)))
        return "unchanged" if latest.digest() == since["seen"] and latest.value == since["value"] else "changed"

    def pull(self, dataset: Dataset, since: Cursor | None) -> Pull:
        read = dataset.reading
        who = Who.of(self.system, dataset)
        since = since if read.since else None  # without a window it is a complete read
        begun, self._begun = self._begun, None
        with self.client.unsaid():
            if begun is None or begun.dataset is not dataset or begun.since != since:
                begun = self._begin(who, dataset, since)
            rows, _ = sorted_out(begun.first.rows, 0)
            if rows:
                self._shape(who, begun, keys_of(rows))
        needed = _needed(read)
        names = list(dataset.columns) or [n for n in keys_of(rows) if n in needed or n not in dataset.ignore] or needed
        pull = Pull(pa.schema([(n, pa.string()) for n in names]), iter(()), told=False)
        pull.batches = paced(
            self._unsaid(self._batches(who, begun, pull)), lambda b: b.rows.num_rows if b.rows else 0, self.system.limits.rows_per_second
        )
        return pull

    def _unsaid(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        with self.client.unsaid():
            yield from batches

    def _batches(self, who: Who, begun: _Begun, pull: Pull) -> Iterator[Batch]:
        dataset, since, read = begun.dataset, begun.since, begun.dataset.reading
        latest = self._latest(dataset, since) if read.since else None
        tally, stated, received, shaped = Tally(read.key), 0, 0, bool(begun.first.rows)
        schema, new = pull.schema, dict[str, None]()
        for sheet in begun.sheets():
            rows, rejects = sorted_out(sheet.rows, received)
            received += len(sheet.rows)
            stated = max(stated, sheet.total or 0)
            names = keys_of(rows)
            if rows and not shaped:
                self._shape(who, begun, names)
                shaped = True
            if more := [n for n in names if n not in schema.names and n not in dataset.ignore]:
                new |= dict.fromkeys(more)
                if dataset.raw is not None:
                    schema = pa.schema([*schema, *((n, pa.string()) for n in more)])
            made = batch(rows, schema)
            tally.add(made)
            tally.unreadable += rejects.num_rows if rejects else 0
            if latest and rows:
                _see(latest, who, read, rows, made.column(str(read.cursor)))
            yield Batch(_only(made, read), "", rejects)
        self._complete(who, begun, schema, tally, stated)
        if new and dataset.raw is None:
            pull.remarks.append(unmapped(sorted(new)))
        if since is None:
            pull.whole = frozenset({""})
        if latest and latest.value is not None:
            pull.cursor = {"value": latest.value}
            if seen := latest.digest():
                pull.cursor["seen"] = seen
        elif since:
            pull.cursor = dict(since)

    def _begin(self, who: Who, dataset: Dataset, since: Cursor | None) -> _Begun:
        self.client.begin()
        window = self._window(who, dataset.reading, since)
        pages = self._sheets(who, dataset.reading, window)
        return _Begun(who, dataset, since, window, next(pages), pages)

    def _sheets(self, who: Who, read: Read, window: Mapping[str, str], size: int | None = None) -> Generator[Sheet, None, None]:
        return sheets(who, read, {**read.params, **window}, lambda path, params: self.client.ask(who, path, params), size)

    def _window(self, who: Who, read: Read, since: Cursor | None) -> dict[str, str]:
        """From the last value seen, less the overlap, up to now, less the lag; fixed before anything is read."""
        if not since or not read.since:
            return {}
        marks, value = self._marks(read), str(since["value"])
        order = marks.order(value)
        if order is None:
            raise _orderless(who, read)
        kind, at = order
        if kind == "number":
            return {read.since.lower: str(at)}
        window = {read.since.lower: marks.written(at - read.overlap // dt.timedelta(microseconds=1))}
        if read.since.upper:
            until = self._now() - read.lag - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
            window[read.since.upper] = marks.written(until // dt.timedelta(microseconds=1))
        return window

    def _marks(self, read: Read) -> MarkForm:
        return MarkForm.of(read.since, self.zone)

    def _now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def _latest(self, dataset: Dataset, since: Cursor | None) -> Latest:
        read = dataset.reading
        return Latest(self._marks(read), read.overlap, self._now(), str(since["value"]) if since else None, dataset.columns)

    def _complete(self, who: Who, begun: _Begun, schema: pa.Schema, tally: Tally, stated: int) -> None:
        """All rows came that there are said to be. Raises SourceUnavailable when rows slipped between two pages.

        A list may really hold the same row or key several times. That is only believed when a second read, with pages that
        break elsewhere, brings the very same rows: rows repeated because the list moved do not repeat in the same way.
        """
        read = begun.dataset.reading
        if tally.received + tally.unreadable < stated:
            raise _short(who, stated, tally)
        different = min(tally.rows, tally.keys) if read.duplicates == "hold" else tally.rows
        if different >= stated or not read.page or read.page.kind == "none":
            return
        again = Tally(read.key)
        for sheet in self._sheets(who, read, begun.window, size=max(1, read.page.rows * 2 // 3)):
            rows, rejects = sorted_out(sheet.rows, 0)
            again.add(batch(rows, schema))
            again.unreadable += rejects.num_rows if rejects else 0
        if not again.same(tally):
            raise _short(who, stated, tally)

    def _shape(self, who: Who, begun: _Begun, names: list[str]) -> None:
        """Every column the registration names is in the list. Raises SourceChanged."""
        read = begun.dataset.reading
        needed = _needed(read)
        missing = [n for n in dict.fromkeys([*begun.dataset.columns, *needed]) if n not in names]
        if missing and begun.since and not set(missing) & set(needed):  # a few rows, of an interface that leaves out what is empty?
            every = next(self._sheets(who, read, {}))
            names = list(dict.fromkeys([*names, *keys_of(sorted_out(every.rows, 0)[0])]))
            missing = [n for n in missing if n not in names]
        if missing:
            raise gone(who, missing, names, f"接口 {read.path}", f"the interface {read.path}")


def _needed(read: Read) -> list[str]:
    """The columns without which the rows cannot be told apart, ordered or chosen."""
    return list(dict.fromkeys([*read.key, *([read.cursor] if read.cursor else []), *read.only, *read.deleted]))


def _only(rows: pa.RecordBatch, read: Read) -> pa.RecordBatch:
    """The rows the registration asks for."""
    for name, values in read.only.items():
        rows = rows.filter(pc.is_in(rows.column(name), pa.array(values, pa.string())))
    return rows


def _see(latest: Latest, who: Who, read: Read, rows: list[dict[str, Any]], values: pa.Array) -> None:
    try:
        latest.add(rows, values)
    except Mixed:
        raise _orderless(who, read) from None


def _orderless(who: Who, read: Read) -> SourceChanged:
    return SourceChanged(
        f"{who}: 更新时间列 {read.cursor} 的值没有统一的次序（既有时间又有数字，或两者都不是），不能用作增量列",
        f"{who}: the values of the cursor column {read.cursor} have no one order (times beside numbers, or neither)",
        next_zh="核对 read.cursor 和 read.since.format；接口没有可靠的更新时间的，去掉 cursor 和 since，每次全量读取",
        next_en="check read.cursor and read.since.format; without a reliable change time drop cursor and since and read it whole",
    )


def _short(who: Who, stated: int, tally: Tally) -> SourceUnavailable:
    return SourceUnavailable(
        f"{who}: 接口说共有 {stated} 行，实收 {tally.received} 行（不同的行 {tally.rows}，不同的主键 {tally.keys}）；"
        "翻页期间数据有变动，本次不采用",
        f"{who}: the interface says there are {stated} rows; {tally.received} came ({tally.rows} different rows, {tally.keys} keys): "
        "the list moved while it was read, nothing of it is used",
        next_zh="枢纽会重新读取；每次都这样时，请系统主管部门提供稳定排序，或修正总数",
        next_en="the hub reads again; if it is always so, ask the owner for a stable order, or a true total",
    )
