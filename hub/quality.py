"""`hub quality`: what the newest checks found, dataset by dataset, and Great Expectations' own pages of it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub import completing, opening, screen
from schemas.home import home, say
from warehouse.sql import listed

if TYPE_CHECKING:
    from warehouse.lake import Lake


def quality(
    pattern: Annotated[str | None, typer.Argument(metavar="[DEPARTMENT[/SYSTEM[/DATASET]]]", autocompletion=completing.paths)] = None,
    every: Annotated[bool, typer.Option("--all", help=say("符合的检查也列出", "list the checks that pass, too"))] = False,
    docs: Annotated[
        bool, typer.Option("--docs", help=say("生成 Data Docs 页面（离线可看）", "render Data Docs, readable offline"))
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=say("以 GX 结果格式输出", "print GX results"))] = False,
) -> None:
    from answers.standing import held_back

    city, _ = opening.sound_city()
    chosen = [(s, n) for s, datasets in city.select(pattern) for n in datasets]
    names = {s.table(n): f"{s.path}/{n}" for s, n in chosen}
    titles = {s.table(n): f"{s.title} · {s.datasets[n].title}" for s, n in chosen}
    with opening.lake_to_read() as lake:
        found = _newest(lake, list(names))
        held = held_back(lake)
        blocked = [path for table, path in names.items() if table in held]
    if docs:
        _render(list(found.values()), titles)
        return
    if as_json:
        screen.print_json({names[t]: r for t, r in found.items()})
        return
    if not found:
        screen.out().print(say("还没有检查结果", "nothing has been checked yet"))
        _columns(names)
        return
    _table(found, names, blocked, every=every)
    _columns(names)


def _columns(names: dict[str, str]) -> None:
    """How the far sides' columns differ from what was landed, as the last look found it."""
    from ledger.opening import open_ledger
    from schemas.remarks import from_json

    with closing(open_ledger(home())) as ledger:
        looks = ledger.looks()
    for table, path in names.items():
        for remark in from_json(looks[table].remarks) if table in looks else ():
            if remark.kind in ("columns", "values"):
                screen.out().print(screen.cell(f"! {path}  {remark.said}"), style="yellow", soft_wrap=True)


def _newest(lake: Lake, names: list[str]) -> dict[str, dict[str, Any]]:
    """The newest result of every dataset, in GX's own shape."""
    rows = lake.cursor().execute(
        f"SELECT dataset, arg_max(result, (number, written_at)) FROM hub.findings WHERE dataset IN {listed(names)} GROUP BY dataset ORDER BY dataset"
    )
    return {dataset: json.loads(result) for dataset, result in rows.fetchall()}


def _table(found: dict[str, dict[str, Any]], names: dict[str, str], blocked: list[str], *, every: bool) -> None:
    right = [say("应查", "checked"), say("不符", "failed")]
    made = screen.table(
        say("数据集", "dataset"),
        "",
        say("字段", "field"),
        say("规则", "rule"),
        *right,
        say("级别", "severity"),
        say("说明", "finding"),
        right=right,
    )
    good = 0
    for table, result in found.items():
        for one in result["results"]:
            mark, style = _mark(one)
            good += mark == "✓"
            if mark != "✓" or every:
                made.add_row(names[table], f"[{style}]{mark}[/]", *_cells(one))
    if made.row_count:
        screen.out().print(made)
    total = sum(len(r["results"]) for r in found.values())
    screen.out().print(
        screen.cell(say(f"{len(found)} 个数据集，{total} 项检查，{good} 项符合", f"{len(found)} datasets, {total} checks, {good} pass"))
    )
    for path in blocked:
        screen.note(
            f"被拦下：{path}（核实后 hub accept {path} --because …）", f"blocked: {path} (hub accept {path} --because … once confirmed)"
        )


def _mark(one: dict[str, Any]) -> tuple[str, str]:
    if one["exception_info"].get("raised_exception"):
        return "?", "yellow"
    if one["success"]:
        return "✓", "green"
    severity = one["expectation_config"].get("meta", {}).get("severity")
    return ("✗", "red") if severity == "block" else ("!", "yellow")


def _cells(one: dict[str, Any]) -> list[Any]:

    from warehouse.verdicts import Result

    result = Result.from_json(one)
    meta = result.expectation.get("meta", {})
    severity = say(*_SEVERITIES.get(str(meta.get("severity")), ("", str(meta.get("severity", "")))))
    counts = [screen.number(result.judged), screen.number(result.unexpected_count)] if result.observed is None else ["—", "—"]
    if result.verdict == "not checked":
        counts = ["—", "—"]
    return [screen.cell(meta.get("field") or ""), str(meta.get("rule", "")), *counts, severity, screen.cell(say(*result.said()))]


_SEVERITIES = {"inform": ("提示", "inform"), "warn": ("警告", "warn"), "block": ("拦下", "block")}


def _render(results: list[dict[str, Any]], titles: dict[str, str]) -> None:
    from warehouse import data_docs

    screen.note("正在生成，约需十几秒", "rendering; this takes some seconds")
    index: Path = data_docs.build(results, home() / "docs" / "quality", titles)
    screen.out().print(screen.cell(f"{index}"), soft_wrap=True)
