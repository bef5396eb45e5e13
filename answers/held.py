"""Rows that wait in quarantine as their department sees them: its own columns, what is wrong in which, what to write instead.

    quarantine.<dataset>  ->  one sheet a dataset, one row a row of theirs

No word of the machine's. Bytes that could not be read are shown as text as far as they are text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from answers import shown
from schemas.city import City
from schemas.names import OWN, same, source
from schemas.registration import System
from schemas.said import Said
from warehouse.lake import table
from warehouse.reasons import reason
from warehouse.sql import literal

if TYPE_CHECKING:
    import datetime as dt

    from warehouse.lake import Lake

CHUNK = 5_000
_CODES = 12  # so many of a code list are written out


@dataclass(frozen=True)
class Problem:
    """What is wrong in one place of a row; `column` is the far side's own name, "" where it is the row as a whole."""

    column: str
    said: Said
    instead: Said
    value: str


@dataclass(frozen=True)
class HeldRow:
    place: Said  # file, and the line where it is known
    problems: tuple[Problem, ...]
    effect: Said
    since: dt.datetime
    values: dict[str, str | None]  # by the far side's own columns; empty where the line could not be read
    text: str  # such a line, as far as it is text


@dataclass(frozen=True)
class HeldRows:
    path: str
    title: str
    columns: tuple[str, ...]
    rows: Iterator[HeldRow]


def sheets(
    lake: Lake, city: City, datasets: Sequence[tuple[System, str]], *, only: str | None = None, plain: bool = False
) -> Iterator[HeldRows]:
    """One for every dataset of which something waits; each is to be read before the next."""
    for system, name in datasets:
        code = system.table(name)
        if not lake.has("quarantine", code):
            continue
        where = f"WHERE reason = {literal(only)}" if only else ""
        if not lake.cursor().execute(f"SELECT 1 FROM {table('quarantine', code)} {where} LIMIT 1").fetchone():
            continue
        landed = [source(n) for n in lake.columns("landing", code) if n not in OWN]
        key = [c for k in system.datasets[name].reading.key if (c := same(k, landed))]  # what a row is known by stands first
        columns = (*key, *(c for c in landed if c not in key))
        rows = _rows(lake, city, system, name, columns, where, plain=plain)
        yield HeldRows(f"{system.path}/{name}", system.datasets[name].title, columns, rows)


def _rows(lake: Lake, city: City, system: System, name: str, columns: tuple[str, ...], where: str, *, plain: bool) -> Iterator[HeldRow]:
    dataset = system.datasets[name]
    record = city.records.get(dataset.record or "")
    value = shown.failed_value(record, "field", "value", plain=plain)
    row = shown.row_text(city, dataset, columns, '"row"', plain=plain)
    found = lake.cursor().execute(f"""
        WITH entries AS (
            SELECT _key, _slice, raw, {row} AS "row", since, holds, stands,
                {{'field': coalesce(field, ''), 'reason': reason, 'value': {value}, 'place': value}} AS problem
            FROM {table("quarantine", system.table(name))} {where})
        SELECT _slice, raw, "row", min(since), bool_or(holds), bool_or(stands), list(problem ORDER BY problem.field)
        FROM entries GROUP BY _key, _slice, raw, "row" ORDER BY min(since), _slice, _key""")
    sources = {f: m.source or "" for f, m in dataset.fields.items()}
    key = tuple(dataset.reading.key)
    while chunk := found.fetchmany(CHUNK):
        for slice_, raw, text, since, holds, stands, problems in chunk:
            yield HeldRow(
                _place(slice_, problems[0]["place"] if raw is not None else None),
                tuple(_problem(p, sources, key, dataset.codes, read=raw is None) for p in problems),
                _effect(holds=holds, stands=stands),
                since,
                json.loads(text) if text else {},
                _text(raw, dataset.reading) if raw is not None and plain else "",
            )


def _place(slice_: str | None, line: str | None) -> Said:
    zh = [w for w in (f"文件 {slice_}" if slice_ else "", f"第 {line} 行" if line else "") if w]
    en = [w for w in (f"file {slice_}" if slice_ else "", f"line {line}" if line else "") if w]
    return Said("，".join(zh), ", ".join(en))


def _problem(found: dict[str, Any], sources: dict[str, str], key: tuple[str, ...], codes: Any, *, read: bool) -> Problem:
    why = reason(found["reason"])
    field = found["field"]
    column = sources.get(field, field) if field else "、".join(key) if found["reason"] in ("null_key", "differing_copies") else ""
    instead = why.instead
    allowed = list(codes.get(field, ())) if found["reason"] == "unmapped_code" else []
    if allowed:
        more = "…" if len(allowed) > _CODES else ""
        instead = Said(f"请改为 {'、'.join(allowed[:_CODES])}{more} 之一", f"write one of {', '.join(allowed[:_CODES])}{more}")
    return Problem(column, Said(why.zh, why.en), instead, (found["value"] or "") if read else "")


def _effect(*, holds: bool, stands: bool) -> Said:
    if not holds:
        return Said("这一行已采用，该项留空", "the row is used, this value is left empty")
    if stands:
        return Said("这一行未采用，以前的内容继续使用", "the row is not used; what it was before still is")
    return Said("这一行未采用", "the row is not used")


def _text(raw: bytes, read: Any) -> str:
    """The line as its declared encoding has it; only bytes that are no text there are written as such."""
    declared = str(getattr(read, "encoding", None) or "utf-8")
    return raw.decode("gb18030" if declared.lower().startswith("gb") else declared, "backslashreplace")
