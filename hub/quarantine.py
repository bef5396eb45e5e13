"""`hub quarantine`: what was left out and why, counted, opened row by row, or taken away as a file for its owner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub import completing, opening, screen
from hub.trying import Plain
from schemas.home import say

if TYPE_CHECKING:
    from answers.held import HeldRow, HeldRows
    from schemas.city import City
    from schemas.registration import System
    from warehouse.lake import Lake

CHUNK = 10_000


def quarantine(
    pattern: Annotated[str | None, typer.Argument(metavar="[DEPARTMENT[/SYSTEM[/DATASET]]]", autocompletion=completing.paths)] = None,
    rows: Annotated[bool, typer.Option("--rows", help=say("逐行显示", "show the rows"))] = False,
    reason: Annotated[str | None, typer.Option("--reason", help=say("只看一种原因（机器词）", "one reason only (its word)"))] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help=say("最多显示几行", "rows shown at most"))] = 50,
    plain: Plain = False,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", help=say("写成给部门的 CSV 文件（- 为标准输出）", "a CSV file for the department (- is stdout)")),
    ] = None,
    excel: Annotated[
        Path | None,
        typer.Option(
            "--excel", help=say("写成给部门的 Excel 文件，错处标色", "an Excel file for the department, what is wrong is coloured")
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("以 JSON 输出计数", "print the counts as JSON"))] = False,
) -> None:
    city, _ = opening.sound_city()
    chosen = city.select(pattern)
    from answers.held import sheets

    with opening.lake_to_read() as lake:
        tables = [(s, n) for s, names in chosen for n in names if lake.has("quarantine", s.table(n))]
        if csv is not None or excel is not None:
            _save(sheets(lake, city, tables, only=reason, plain=plain), csv, excel, plain=plain)
        elif rows:
            _show(lake, city, tables, reason, limit, plain=plain)
        else:
            _count(lake, city, tables, reason, as_json=as_json)


def _count(lake: Lake, city: City, tables: list[tuple[System, str]], only: str | None, *, as_json: bool) -> None:
    counts = [c for system, name in tables for c in _counts(lake, city, system, name) if only in (None, c["reason"])]
    if as_json:
        screen.print_json(counts)
        return
    if not counts:
        screen.out().print(say("没有被隔离的行", "nothing is in quarantine"))
        return
    from warehouse.reasons import reason

    right = [say("行", "rows"), say("旧值仍在用", "older stands")]
    heads = [say(*t) for t in (("数据集", "dataset"), ("环节", "station"), ("字段", "field"), ("原因", "reason"), ("例", "such as"))]
    made = screen.table(*heads, *right, say("自", "since"), say("后果", "effect"), right=right)
    for c in counts:
        why = reason(c["reason"])
        effect = say("整行未通过", "row rejected") if c["holds"] else say("该值留空", "value left empty")
        examples = [e for e in c["examples"] if "**" not in e]
        cells = (c["dataset"], _station(c["station"]), c["title"] or c["field"], f"{say(why.zh, why.en)}\n{why.word}", "、".join(examples))
        numbers = (screen.number(c["rows"]), screen.number(c["stands"]) if c["holds"] else "")
        made.add_row(*(screen.cell(v) for v in cells), *numbers, screen.when(c["since"]), effect)
    screen.out().print(made)
    for why in dict.fromkeys(reason(c["reason"]) for c in counts):
        if why.next_zh:
            screen.out().print(screen.cell(f"{why.word}：{say(why.next_zh, why.next_en)}"), soft_wrap=True)
    screen.note("--rows 逐行查看，--excel 文件 下载交给部门", "--rows opens them, --excel FILE makes a file for the department")


def _station(word: str) -> str:
    return say(*{"landing": ("落地", "landing"), "standard": ("标准化", "standard")}.get(word, (word, word)))


def _counts(lake: Lake, city: City, system: System, name: str) -> Iterator[dict[str, Any]]:
    from answers import shown
    from warehouse.lake import table

    record = city.records.get(system.datasets[name].record or "")
    value = shown.failed_value(record, "field", "value")
    found = lake.cursor().execute(f"""
        SELECT station, coalesce(field, '') AS field, reason, holds, count(*) AS n, count(*) FILTER (WHERE holds AND stands) AS stands, min(since) AS since,
            list_sort(list(DISTINCT {value}))[1:3] AS examples
        FROM {table("quarantine", system.table(name))} GROUP BY ALL ORDER BY n DESC, field""")
    for station, field, word, holds, count, stands, since, examples in found.fetchall():
        title = record.fields[field].title if record and field in record.fields else ""
        yield {
            "dataset": f"{system.path}/{name}", "station": station, "field": field, "title": title, "reason": word, "holds": holds,
            "rows": count, "stands": stands, "since": since, "examples": [e for e in examples or [] if e is not None],
        }  # fmt: skip


def _select(lake: Lake, city: City, system: System, name: str, only: str | None, *, plain: bool) -> Any:
    """An open result: key, field, reason, value, since, the row as it is landed."""
    from answers import shown
    from schemas.names import OWN, source
    from warehouse.lake import table

    dataset = system.datasets[name]
    code = system.table(name)
    record = city.records.get(dataset.record or "")
    names = [source(n) for n in lake.columns("landing", code) if n not in OWN]
    value = shown.failed_value(record, "field", "value", plain=plain)
    row = shown.row_text(city, dataset, names, '"row"', plain=plain)
    raw = "CASE WHEN raw IS NOT NULL THEN hex(raw) END" if plain else "NULL"
    return lake.cursor().execute(
        f"SELECT {shown.key(city, dataset, '_key', plain=plain)}, station, coalesce(field, ''), reason, {value}, holds, stands, since,"
        f" coalesce({row}, {raw}) FROM {table('quarantine', code)} WHERE ? IS NULL OR reason = ? ORDER BY since, _key, field",
        [only, only],
    )


def _show(lake: Lake, city: City, tables: list[tuple[System, str]], only: str | None, limit: int, *, plain: bool) -> None:
    from warehouse.reasons import reason

    left = limit
    for system, name in tables:
        found = _select(lake, city, system, name, only, plain=plain).fetchmany(left)
        if not found:
            continue
        left -= len(found)
        made = screen.table(
            say("主键", "key"), say("字段", "field"), say("原因", "reason"), say("值", "value"), say("自", "since"), say("来时的行", "the row as sent"),
            title=f"{system.path}/{name}",
        )  # fmt: skip
        for key, _, field, word, value, _, _, since, row in found:
            why = reason(word)
            cells = (key, field, say(why.zh, why.en), value, screen.when(since), row)
            made.add_row(*(screen.cell(c) for c in cells))
        screen.out().print(made)
        if left <= 0:
            screen.note(
                f"只显示了 {limit} 行（--limit 增加，--excel 下载全部）", f"{limit} rows shown (--limit shows more, --excel takes all)"
            )
            break
    if left == limit:
        screen.out().print(say("没有被隔离的行", "nothing is in quarantine"))


_HEADS = (("位置", "place"), ("问题", "what is wrong"), ("请改为", "write instead"), ("现状", "meanwhile"), ("首次发现", "since"))


def _save(found: Iterator[HeldRows], csv: Path | None, excel: Path | None, *, plain: bool) -> None:
    """For the department: its own columns, what is wrong where, what to write instead."""
    from hub.tables import write_csv, write_excel

    own = [say(*h) for h in _HEADS]
    line = say("原文", "line")
    if excel is not None:
        made = ((s.title, [*own, *s.columns, line], _marked(s)) for s in found)
        count = write_excel(excel, made)
    else:
        assert csv is not None
        every = list(found)
        columns = list(dict.fromkeys(c for s in every for c in s.columns))
        heads = [say("数据集", "dataset"), *own, *columns, line]
        count = write_csv(csv, heads, ([s.title, *_own(r), *(r.values.get(c) for c in columns), r.text] for s in every for r in s.rows))
    screen.note(f"已写入 {excel or csv}，{count} 行", f"{count} rows written to {excel or csv}")
    if not plain:
        screen.note(
            "个人信息已脱敏；交给数据所属部门时加 --plain", "personal values are masked; add --plain for the department they belong to"
        )


def _own(row: HeldRow) -> list[object]:
    wrong, instead = [], []
    for p in row.problems:
        about = f"{p.column}：" if p.column else ""
        wrong.append(f"{about}{p.said}{f'（{p.value}）' if p.value else ''}")
        instead.append(f"{about}{p.instead}")
    return [str(row.place), "；".join(wrong), "；".join(dict.fromkeys(instead)), str(row.effect), screen.when(row.since)]


def _marked(sheet: HeldRows) -> Iterator[tuple[list[object], list[int]]]:
    at = {c: place for place, c in enumerate(sheet.columns, len(_HEADS))}
    for row in sheet.rows:
        bad = [at[c] for p in row.problems for c in p.column.split("、") if c in at]
        yield [*_own(row), *(row.values.get(c) for c in sheet.columns), row.text], bad or [1]
