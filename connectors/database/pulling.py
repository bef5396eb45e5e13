"""A pull of one table: what is asked for, through which window, and what may be concluded at its end.

Everything about one pull is read in one transaction: the count, the largest cursor value, the rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from connectors.contract import Batch, Cursor, Probed, Pull
from connectors.database.dialects import Dialect, Field, path, rows
from connectors.database.expected import first_incomplete
from connectors.database.marks import refusal
from connectors.database.reach import Reach, Reading
from connectors.database.window import Window, all_of, earlier, written
from connectors.patience import paced, steady, within
from connectors.wording import Who, gone, senseless, unmapped
from schemas.errors import SourceChanged, SourceUnavailable
from schemas.registration import Dataset
from schemas.remarks import Remark
from schemas.said import Said

BATCH = 100_000
_AHEAD = dt.timedelta(days=1)  # a clock that jumped, or 9999-12-31 for "for ever"


@dataclass(frozen=True)
class Wanted:
    """What a dataset asks of a table as it is now."""

    table: str  # quoted
    fields: list[Field]
    window: Window | None
    only: tuple[str, ...]
    unmapped: tuple[str, ...]
    rows: int | None  # an estimate


def wanted(database: Reach, who: Who, dataset: Dataset, since: Cursor | None) -> Wanted:
    """Look at the table and the clock; the connection is closed again."""
    session = database.session()
    try:
        dialect, read = database.dialect, dataset.reading
        assert read.table is not None
        told = dialect.fields(session.connection, read.table)
        if not told:
            raise _no_table(database, who, session.connection, read.table)
        by_name = {f.name: f for f in told}
        names = _named(dataset, by_name)
        if missing := [n for n in dict.fromkeys([*names, *_needed(dataset)]) if n not in by_name]:
            raise gone(who, missing, by_name, f"表 {read.table}", f"the table {read.table}")
        only = tuple(_only(who, dialect, by_name[c], values) for c, values in read.only.items())
        at = read.changes.at if read.changes else read.cursor
        window = _window(database, who, dataset, by_name[at], only, since, session.connection) if at else None
        expected = _expected(dialect, session.connection, read.table, window)
        unmapped = tuple(n for n in by_name if n not in names and n not in dataset.ignore and n not in _needed(dataset))
        return Wanted(path(dialect, read.table), [by_name[n] for n in names], window, only, unmapped, expected)
    finally:
        session.close()


def _named(dataset: Dataset, by_name: dict[str, Field]) -> list[str]:
    return list(dataset.columns) or [n for n in by_name if n not in dataset.ignore]


def _needed(dataset: Dataset) -> list[str]:
    read = dataset.reading
    changes = read.changes
    more = [c for c in (changes.kind, changes.at, changes.batch, changes.receipt) if c] if changes else []
    return [*read.key, *([read.cursor] if read.cursor else []), *read.only, *read.deleted, *more]


def _only(who: Who, dialect: Dialect, field: Field, values: tuple[str, ...]) -> str:
    try:
        return dialect.among(field, values)
    except ValueError:
        raise senseless(
            who,
            f"read.only 中 {field.name} 的值 {'、'.join(values)} 不全是类型 {field.type} 的值",
            f"read.only: not all of {', '.join(values)} are values of {field.name}, whose type is {field.type}",
        ) from None


def _expected(dialect: Dialect, connection: sa.Connection, table: str, window: Window | None) -> int | None:
    """How many rows will come, roughly: counted where the window is small against the table."""
    estimate = dialect.estimate(connection, table)
    if window is None or window.last is None or (estimate is not None and estimate < BATCH // 5):
        return estimate
    counted = rows(connection, f"SELECT count(*) FROM {path(dialect, table)}{all_of([*window.base, *window.seen()])}")
    return int(counted[0][0])


def _window(
    database: Reach, who: Who, dataset: Dataset, field: Field, only: tuple[str, ...], since: Cursor | None, connection: sa.Connection
) -> Window:
    read, dialect = dataset.reading, database.dialect
    assert read.table is not None
    table = path(dialect, read.table)
    if refused := refusal(who, dialect, connection, table, field):
        raise refused
    last = since.get("value") if since else None
    lower = earlier(last, read.overlap) if last is not None else None
    if last is not None and lower is None:
        raise senseless(
            who,
            f"增量列 {field.name} 的值不是时间，不能使用 overlap",
            f"the cursor column {field.name} holds no times, overlap cannot be used",
        )
    bound = None
    like = last or _sample(database, connection, table, field)
    now = dialect.clock(connection) or dt.datetime.now(dt.UTC)
    ceiling = written(now + _AHEAD, field, like, database.system.timezone) or field.highest or None
    if read.lag:
        bound = written(now - read.lag, field, like, database.system.timezone)
        if bound is None and like is not None:
            raise senseless(
                who, f"增量列 {field.name} 的值不是时间，不能使用 lag", f"the cursor column {field.name} holds no times, lag cannot be used"
            )
    before = first_incomplete(dialect, connection, table, read.changes, field, since) if read.changes else None
    return Window(dialect, field, only, read.null_cursor == "read", last, lower, bound, before, ceiling)


def _sample(database: Reach, connection: sa.Connection, table: str, field: Field) -> str | None:
    column = database.dialect.quoted(field.name)
    found = rows(connection, f"SELECT {field.text} FROM {table} WHERE {column} = (SELECT max({column}) FROM {table})")
    return str(found[0][0]) if found else None


def _no_table(database: Reach, who: Who, connection: sa.Connection, table: str) -> SourceChanged:
    now = [name for name, _ in database.dialect.tables(connection)]
    near = [n for n in now if n.lower().rpartition(".")[2] == table.lower().rpartition(".")[2]]
    shown = near or now[:20]
    more = "" if len(shown) == len(now) or near else f" …({len(now)})"
    return SourceChanged(
        f"{who}: 找不到登记的表 {table}（或无权读取）；现有：{'、'.join(shown) or '没有可读的表'}{more}",
        f"{who}: the registered table {table} is not there or may not be read; there are: {', '.join(shown) or 'no readable tables'}{more}",
        next_zh=f"请系统主管部门确认表名与授权，再修改 systems/{who.system}.yml 的 read.table",
        next_en=f"ask the owner about the table's name and grants, then edit read.table in systems/{who.system}.yml",
    )


def prepare(database: Reach, who: Who, dataset: Dataset, since: Cursor | None) -> Pull:
    """The pull, with its schema known and its transaction open."""
    wait = database.limits.timeout.total_seconds()
    ask = within(wait, lambda: wanted(database, who, dataset, since))
    reading = within(wait, lambda: database.reader(ask.rows))
    window = ask.window
    counted = within(database.limits.patience.total_seconds(), lambda: _look(database, reading, ask))
    fields = [f.as_text() if f.name in counted.odd else f for f in ask.fields]
    where = window.rows(counted.upper) if window else all_of(list(ask.only))
    sql = f"SELECT {_select(database.dialect, fields)} FROM {ask.table}{where}"
    pull = Pull(pa.schema([pa.field(f.name, f.arrow) for f in fields]), iter(()))
    if ask.unmapped:
        pull.remarks.append(unmapped(ask.unmapped))
    if window and window.before is not None:
        since_zh, since_en = f"{window.field.name} ≥ {window.before}", f"{window.field.name} >= {window.before}"
        pull.remarks.append(
            Remark(
                "late",
                Said(f"有批次没有到齐，{since_zh} 的行等到齐后再读", f"a batch is incomplete; rows with {since_en} wait until it is whole"),
                Said(
                    "请对方补齐该批次，或更正批次登记表中的行数", "have them complete the batch, or mend its row count in the control table"
                ),
            )
        )
    pull.batches = _batches(database, who, dataset, reading, pull, sql, fields, ask, counted, since)
    return pull


def _select(dialect: Dialect, fields: list[Field]) -> str:
    return ", ".join(f.select if f.select == dialect.quoted(f.name) else f"{f.select} AS {dialect.quoted(f.name)}" for f in fields)


@dataclass(frozen=True)
class Counted:
    rows: int
    upper: str | None  # the largest value in the window
    forward: bool  # whether it is at or after the last cursor
    odd: frozenset[str]  # columns with a value Arrow cannot carry


def _look(database: Reach, reading: Reading, ask: Wanted) -> Counted:
    """One pass at the far side, in the transaction the rows will be read in."""
    dialect, window = database.dialect, ask.window
    odd = [f for f in ask.fields if f.odd]
    upper, forward = None, True
    if window:
        column = dialect.quoted(window.field.name)
        # compared as the column itself: SQLite forgets a column's type once it has been aggregated
        ahead = f"{column} >= {dialect.value(window.field, window.last)}" if window.last is not None else "1 = 1"
        flag = f"max(CASE WHEN {ahead} THEN 1 ELSE 0 END) AS b"
        top = f"SELECT max({column}) AS {column}, {flag} FROM {ask.table}{all_of([*window.base, *window.seen()])}"
        found = reading.one(f"SELECT {window.field.text} AS a, b FROM ({top}) t")
        upper, forward = (None if found[0] is None else str(found[0])), bool(found[1])
    where = window.rows(upper) if window else all_of(list(ask.only))
    strange = "".join(f", coalesce(max(CASE WHEN {f.odd} THEN 1 ELSE 0 END), 0) AS o{n}" for n, f in enumerate(odd))
    row = reading.one(f"SELECT count(*) AS n{strange} FROM {ask.table}{where}")
    return Counted(int(row[0]), upper, forward, frozenset(f.name for f, flag in zip(odd, row[1:], strict=True) if flag))


@dataclass
class End:
    """What is known once the last row has been taken."""

    cursor: Cursor | None = None


def _batches(
    database: Reach, who: Who, dataset: Dataset, reading: Reading, pull: Pull, sql: str, fields: list[Field],
    ask: Wanted, counted: Counted, since: Cursor | None,
) -> Iterator[Batch]:  # fmt: skip
    limits, end, seen = database.limits, End(since), 0
    size = BATCH if reading.fast else min(20_000, limits.rows_per_second or BATCH)

    def stream() -> Iterator[pa.RecordBatch]:
        """In a thread of its own, to the end: the transaction and its driver are never touched from two."""
        try:
            yield from reading.stream(sql, fields, size)
            end.cursor = _next(dataset, reading, ask, counted, since)
        finally:
            reading.close()

    database.hand_over(reading)
    try:
        timed = steady(stream(), limits.timeout.total_seconds(), limits.patience.total_seconds())
        for batch in paced(timed, lambda b: b.num_rows, limits.rows_per_second):
            seen += batch.num_rows
            yield Batch(batch)
    except Exception as error:  # noqa: BLE001 - translated
        raise database.failure(error, who) from None
    if seen < counted.rows:
        raise _short(who, seen, counted.rows)
    pull.cursor = end.cursor
    if not dataset.reading.changes and (since is None or not dataset.reading.incremental):
        pull.whole = frozenset({""})
    if dataset.reading.changes and pull.cursor:
        pull.notes |= {"upto": pull.cursor["value"], "from": ask.window.lower if ask.window else None, "rows": seen}


def _short(who: Who, seen: int, expected: int) -> SourceUnavailable:
    return SourceUnavailable(
        f"{who}: 应有 {expected} 行，只读到 {seen} 行，本次结果作废",
        f"{who}: {expected} rows were there, only {seen} arrived; this read is void",
        next_zh="枢纽会自动重试；反复发生时请系统运维单位检查数据库",
        next_en="the hub tries again; if it repeats, have the operator look at the database",
    )


def _next(dataset: Dataset, reading: Reading, ask: Wanted, counted: Counted, since: Cursor | None) -> Cursor | None:
    """The largest value seen, and how many rows stood near it, so that a later look can tell whether anything moved."""
    window = ask.window
    if window is None:
        return None
    value = counted.upper if counted.upper is not None and counted.forward else window.last
    if value is None:
        return since
    cursor: Cursor = {"value": value, **_standing(reading.one, dataset, ask, value)}
    return cursor


def _standing(one: Any, dataset: Dataset, ask: Wanted, value: str) -> dict[str, Any]:
    window = ask.window
    assert window is not None
    standing: dict[str, Any] = {"near": int(one(f"SELECT count(*) AS n FROM {ask.table}{window.near(value, dataset.reading.overlap)}")[0])}
    if window.nulls:
        standing["nulls"] = int(one(f"SELECT count(*) AS n FROM {ask.table}{all_of([*window.base, f'({window.empty()})'])}")[0])
    for ahead in window.ahead():
        standing["ahead"] = int(one(f"SELECT count(*) AS n FROM {ask.table}{all_of([*window.base, ahead])}")[0])
    return standing


def compare(database: Reach, who: Who, dataset: Dataset, since: Cursor) -> Probed:
    """Whether the far side stands as it did at that cursor."""
    ask = wanted(database, who, dataset, since)
    session = database.session()
    try:
        counted = _look(database, session, Wanted(ask.table, [], ask.window, ask.only, (), None))
        if counted.upper is not None and counted.forward and counted.upper != since["value"]:
            return "changed"
        now = _standing(session.one, dataset, ask, since["value"])
        if now.get("nulls") or now.get("ahead"):
            return "cannot tell"  # a row without a mark that means anything may have changed
        return "unchanged" if now == {k: since.get(k) for k in now} else "changed"
    finally:
        session.close()
