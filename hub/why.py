"""`hub why`: from a figure, a shared row or a source row back to where it came from, and why the other rows were left out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from hub import opening, screen
from hub.trying import Plain
from schemas.errors import QueryRefused
from schemas.home import home, say

if TYPE_CHECKING:
    from answers.why import Explanation, Station, Step
    from schemas.city import City
    from schemas.registration import Dataset
    from warehouse.lake import Lake


def why(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FIGURE | TABLE/ID | DEPARTMENT/SYSTEM/DATASET/KEY",
            help=say(
                "指标名、共享表的一行（标识或假名）、或来源行；写 ? 列出指标",
                "a figure, a row of a shared table (by identity or pseudonym), or a source row; ? lists the figures",
            ),
        ),
    ],
    rows: Annotated[
        str | None,
        typer.Option("--rows", metavar="STEP", help=say("打开一步的行：序号或名称", "open the rows of a step: its number or word")),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help=say("最多显示几行", "rows shown at most"))] = 50,
    plain: Plain = False,
    as_json: Annotated[bool, typer.Option("--json", help=say("以 JSON 输出", "print JSON"))] = False,
) -> None:
    from answers import why as back
    from answers.why_derived import derived, identity_of

    city, _ = opening.sound_city()
    if target == "?":
        _list(city)
        return
    with opening.lake_to_read() as lake:
        first, _, rest = target.strip("/").partition("/")
        if not rest:
            explained = back.figure(lake, city, first)
            if rows is not None:
                _open(city, explained, rows, limit, plain=plain)
            elif as_json:
                _as_json(explained)
            else:
                _ladder(city, explained)
            if not explained.adds_up:
                raise typer.Exit(screen.FAILED)
        elif first in city.records:
            _stations(lake, city, back.row(lake, city, first, identity_of(lake, home(), first, rest)), target, plain=plain)
        elif first in city.derived:
            _stations(lake, city, derived(lake, city, first, identity_of(lake, home(), first, rest)), target, plain=plain)
        else:
            _stations(lake, city, _source(lake, city, target), target, plain=plain)


def _list(city: City) -> None:
    from answers.why import figures

    made = screen.table(say("指标", "figure"), say("名称", "title"), say("记录类型", "record type"))
    for name, (_, figure) in figures(city).items():
        made.add_row(name, screen.cell(say(figure.title, figure.title_en or figure.title)), figure.record)
    screen.out().print(made)


def _ladder(city: City, explained: Explanation) -> None:
    """The sum, one rung a line, and whether it is right."""
    out = screen.out()
    out.print(screen.cell(f"{explained.title}（{explained.name}）= {explained.value:,}"), style="bold")
    counts = [f"{'' if n == 0 else '+' if s.count > 0 else '−'}{abs(s.count):,}" for n, s in enumerate(explained.steps)]
    width = max((len(c) for c in [*counts, f"= {explained.value:,}"]), default=0)
    for n, (step, count) in enumerate(zip(explained.steps, counts, strict=True), 1):
        out.print(screen.cell(f"  {n:>2}  {count:>{width}}  {_words(city, step)}"))
    out.print(screen.cell(f"      {'─' * width}"))
    total = sum(s.count for s in explained.steps)
    mark = (
        say("✓ 相符", "✓ adds up")
        if explained.adds_up
        else say(f"✗ 各步合计 {total:,}，不相符", f"✗ the steps make {total:,}; it does not add up")
    )
    out.print(screen.cell(f"      {f'= {explained.value:,}':>{width}}  {mark}"), style="green" if explained.adds_up else "red")
    if not explained.adds_up:
        screen.note("先运行 hub publish；仍不相符请报告", "run hub publish first; report it if it still does not add up")
    screen.note(f"hub why {explained.name} --rows 序号 打开其中一步的行", f"hub why {explained.name} --rows N opens the rows of a step")


def _words(city: City, step: Step) -> str:
    """A step's sentence, its reason in words and its datasets by their paths."""
    from warehouse.reasons import REASONS

    said = say(step.zh, step.en)
    tables = {s.table(n): f"{s.path}/{n}" for s in city for n in s.datasets}
    for name in sorted(tables, key=len, reverse=True):
        said = said.replace(name, tables[name])
    for word, reason in REASONS.items():
        if f": {word}" in said:
            return said.replace(f": {word}", f"：{say(reason.zh, reason.en)}")
    return said


def _as_json(explained: Explanation) -> None:
    steps = [{"step": n, "word": s.word, "count": s.count, "zh": s.zh, "en": s.en} for n, s in enumerate(explained.steps, 1)]
    screen.print_json(
        {"figure": explained.name, "title": explained.title, "value": explained.value, "steps": steps, "adds_up": explained.adds_up}
    )


def _open(city: City, explained: Explanation, asked: str, limit: int, *, plain: bool) -> None:
    numbered = dict(enumerate(explained.steps, 1))
    chosen = [numbered[int(asked)]] if asked.isdigit() and int(asked) in numbered else [s for s in explained.steps if s.word == asked]
    if not chosen:
        known = "、".join(f"{n} {s.word}" for n, s in numbered.items())
        raise QueryRefused(f"没有这一步：{asked}；有：{known}", f"no such step: {asked}; there are: {known}")
    for step in chosen:
        screen.out().print(screen.cell(f"{step.count:+,}  {_words(city, step)}"), style="bold")
        names, found = _rows(city, explained, step, limit, plain=plain)
        screen.print_rows(names, found)
    screen.note(
        "hub why 部门/系统/数据集/主键 查看一行在各站的样子", "hub why DEPARTMENT/SYSTEM/DATASET/KEY shows one row at every station"
    )


def _rows(city: City, explained: Explanation, step: Step, limit: int, *, plain: bool) -> tuple[list[str], list[tuple[object, ...]]]:
    """The rows of a step; keys are masked as their columns are."""
    from answers import shown
    from warehouse.sql import literal, quoted

    con = explained.con
    names = [d[0] for d in con.execute(f"SELECT * FROM ({step.rows_sql}) LIMIT 0").description]
    whens = " ".join(
        f"WHEN {literal(s.table(n))} THEN {shown.key(city, d, quoted('key'), plain=plain)}"
        for s in city
        for n, d in s.datasets.items()
        if d.record and s.running
    )
    paths = " ".join(f"WHEN {literal(s.table(n))} THEN {literal(f'{s.path}/{n}')}" for s in city for n in s.datasets if s.running)
    special = {"key": f'CASE "source" {whens} END', "source": f'CASE "source" {paths} ELSE "source" END'}
    selected = ", ".join(
        f"{special.get(n) or shown.value(quoted(n), None, plain=plain)} AS {quoted(n)}" for n in names if n != "_id" or plain
    )
    found = con.execute(f"SELECT {selected} FROM ({step.rows_sql}) LIMIT {limit}")
    return [d[0] for d in found.description], found.fetchall()


def _source(lake: Lake, city: City, target: str) -> list[Station]:
    from answers import why as back

    parts = target.strip("/").split("/")
    if len(parts) < 4:
        raise QueryRefused(
            f"看不懂 {target}",
            f"cannot read {target}",
            next_zh="写指标名、记录类型/标识，或 部门/系统/数据集/主键；hub why ? 列出指标",
            next_en="give a figure, RECORD/ID, or DEPARTMENT/SYSTEM/DATASET/KEY; hub why ? lists the figures",
        )
    [(system, [name])] = city.select("/".join(parts[:3]))
    key = "/".join(parts[3:])
    return back.source(lake, system.table(name), key) or back.source(lake, system.table(name), key.replace("/", "\x1f"))


_OURS = {"raw", "run", "_run", "_number"}
_TITLES = {
    "_key": ("主键", "key"), "_copies": ("完全相同的份数", "identical copies"), "_slice": ("切片", "slice"), "_id": ("标识", "identity"),
    "_source": ("以谁为准", "who decides"), "_sources": ("来源", "sources"), "station": ("环节", "station"), "field": ("字段", "field"),
    "reason": ("原因", "reason"), "value": ("值", "value"), "row": ("来时的行", "the row as sent"), "holds": ("整行未通过", "row rejected"),
    "stands": ("沿用旧版", "older version stands"), "since": ("自", "since"),
}  # fmt: skip
_ORDER = {"landing": 0, "quarantine": 1, "standard": 2, "shared": 3}


def _stations(lake: Lake, city: City, stations: Iterable[Station], target: str, *, plain: bool) -> None:
    """Every station's row, from where it came in to where it is shared."""
    found = sorted(stations, key=lambda s: _ORDER.get(s.station, 9))
    if not found:
        raise QueryRefused(
            f"没有找到 {target}：未收到过这样的行",
            f"{target} is not found: no such row was ever received",
            next_zh="核对主键；对方是否已提供可用 hub status 查看",
            next_en="check the key; hub status shows what has been read",
        )
    by_table = {s.table(n): (f"{s.path}/{n}", d) for s in city for n, d in s.datasets.items()}
    for station in found:
        path, dataset = by_table.get(station.table, (station.table, None))
        _station(lake, city, station, path, dataset, plain=plain)


def _station(lake: Lake, city: City, station: Station, path: str, dataset: Dataset | None, *, plain: bool) -> None:
    from answers import shown

    con = lake.cursor()
    if dataset is None:
        of = station.table
        columns = city.records[of].fields if of in city.records else city.derived[of][0].columns
        row = shown.shared_row(con, columns, station.values, plain=plain)
        titles = {n: c.title for n, c in columns.items()}
    else:
        row = shown.landed_row(con, city, dataset, station.values, plain=plain)
        fields = city.records[dataset.record].fields if dataset.record in city.records else {}
        titles = {n: f.title for n, f in fields.items()} | {
            m.source: fields[n].title for n, m in dataset.fields.items() if m.source and n in fields
        }
    name = say(
        *{
            "landing": ("归集库", "landing"),
            "quarantine": ("隔离区", "quarantine"),
            "standard": ("标准库", "standard"),
            "shared": ("共享库", "shared"),
        }[station.station]
    )
    made = screen.table(say("列", "column"), say("标题", "title"), say("值", "value"), title=f"{name} · {path}")
    for column, value in row.items():
        if value not in (None, "") and column not in _OURS:
            made.add_row(
                screen.cell(column),
                screen.cell(titles.get(column) or say(*_TITLES.get(column, ("", "")))),
                screen.cell(_value(column, value)),
            )
    screen.out().print(made)


def _value(column: str, value: str) -> str:
    from warehouse.reasons import reason

    if column == "reason":
        return f"{say(reason(value).zh, reason(value).en)}（{value}）"
    if column == "since":
        return screen.when(dt.datetime.fromisoformat(value))
    if column in ("holds", "stands"):
        return say("是", "yes") if value == "True" else say("否", "no")
    if column == "_sources":
        return "；".join(f"{s['source']} {screen.joined(s['key'])}" for s in json.loads(value)) if value.startswith("[") else value
    return screen.joined(value)
