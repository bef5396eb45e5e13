"""`hub try`: a few rows of a system at every station, printed; nothing is written, nothing is acknowledged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hub import completing, opening, screen
from schemas.errors import HubError, RegistrationError
from schemas.home import say

if TYPE_CHECKING:
    from answers.walk import Row, Walk
    from schemas.city import City
    from schemas.registration import Dataset

Plain = Annotated[bool, typer.Option("--plain", help=say("显示未脱敏的个人信息", "show personal values unmasked"))]


def try_(
    path: Annotated[str, typer.Argument(metavar="DEPARTMENT/SYSTEM[/DATASET]", autocompletion=completing.paths)],
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, max=1000, help=say("每个数据集读取几行", "rows of each dataset"))] = 20,
    show: Annotated[
        int,
        typer.Option("--show", min=0, help=say("逐站展示几行（有问题的行另外展示）", "rows shown station by station, beside faulty ones")),
    ] = 2,
    plain: Plain = False,
) -> None:
    from answers.walk import walk

    city, broken = opening.sound_city()
    if "/" not in path.strip("/"):
        raise RegistrationError(f"请写到系统：{path}/…", f"name a system: {path}/…")
    chosen = opening.chosen(city, broken, path)
    opening.keep_log()
    failed = False
    for system, names in chosen:
        for name in names:
            dataset = system.datasets[name]
            goal = dataset.record or say("原样保存", "kept as it came")
            screen.out().print(screen.cell(f"\n{system.path}/{name}  {dataset.title} → {goal}"), style="bold")
            try:
                _print(city, dataset, walk(city, system, name, rows, plain=plain), show)
            except HubError as error:
                screen.show_error(error)
                failed = True
    screen.note("没有写入数据湖，也没有回写对方", "nothing was written to the lake, nothing was said to the far side")
    raise typer.Exit(screen.FAILED if failed else 0)


def _print(city: City, dataset: Dataset, walk: Walk, show: int) -> None:
    out, changes = screen.out(), walk.landed
    out.print(
        screen.cell(
            say(
                f"  读取 {changes.received} 行 → 落地 {changes.inserted} 行（重复 {changes.copies}，留置 {changes.held}，不可读 {changes.rejected}）",
                f"  read {changes.received} rows → landed {changes.inserted} (copies {changes.copies}, held {changes.held}, unreadable {changes.rejected})",
            )
        )
    )
    _print_left_out(walk)
    if not dataset.record:
        names = list(walk.columns)
        screen.print_rows(names, ([r.sent[n] for n in names] for r in walk.rows[: max(show, 5)]))
        return
    held = sum(r.held for r in walk.rows)
    findings = sum(len(r.failed) for r in walk.rows if not r.held)
    out.print(
        screen.cell(
            say(
                f"  转换 {len(walk.rows)} 行 → 通过 {len(walk.rows) - held} 行，未通过 {held} 行，留空的值 {findings} 个",
                f"  converted {len(walk.rows)} rows → {len(walk.rows) - held} pass, {held} rejected, {findings} values left empty",
            )
        )
    )
    faulty = [r for r in walk.rows if r.failed]
    fine = [r for r in walk.rows if not r.failed]
    for row in fine[:show] + faulty[:10]:
        _print_row(city, dataset, row)
    _print_checks(walk)


def _print_left_out(walk: Walk) -> None:
    from warehouse.reasons import reason

    for key, word, row in walk.left_out[:10]:
        why = say(reason(word).zh, reason(word).en)
        screen.out().print(screen.cell(f"  ✗ {screen.joined(key)} {why} {row}"), style="yellow")


def _print_row(city: City, dataset: Dataset, row: Row) -> None:
    """One row: each field with what was sent, what it became, and what is wrong with it."""
    from warehouse.reasons import reason

    record = city.records[dataset.record or ""]
    wrong = {f: reason(word) for f, word, _ in row.failed}
    mark = say("未通过", "rejected") if row.held else say("通过", "passes")
    made = screen.table(
        say("字段", "field"), say("标题", "title"), say("来自", "from"), say("来时", "as sent"), say("标准值", "standard"), say("问题", "problem"),
        title=f"  {say('主键', 'key')} {row.key} · {mark}",
    )  # fmt: skip
    for field in row.fields:
        mapping = dataset.fields[field]
        sent = row.sent.get(mapping.source) if mapping.source else (mapping.value or say("（切片）", "(slice)"))
        problem = say(wrong[field].zh, wrong[field].en) if field in wrong else ""
        cells = [screen.cell(v) for v in (record.fields[field].title, mapping.source, sent, row.fields[field], problem)]
        made.add_row(field, *cells, style="red" if field in wrong else None)
    screen.out().print(made)


def _print_checks(walk: Walk) -> None:
    if walk.verdict is None:
        return
    out = screen.out()
    good = len(walk.verdict.results) - len(walk.verdict.failed) - len(walk.verdict.unchecked)
    out.print(
        screen.cell(say(f"  检查 {len(walk.verdict.results)} 项，符合 {good} 项", f"  {len(walk.verdict.results)} checks, {good} pass"))
    )
    for result in [*walk.verdict.failed, *walk.verdict.unchecked]:
        mark = "?" if result.verdict == "not checked" else {"block": "✗", "warn": "!", "inform": "·"}.get(result.severity, "!")
        out.print(screen.cell(f"  {mark} {say(*result.said())}"))
