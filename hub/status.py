"""`hub status`: per system how fresh it is against its promise, what is held back, whose move it is and what comes next."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub import completing, opening, screen
from schemas.home import home, say

if TYPE_CHECKING:
    from answers.standing import DatasetStanding, Standing
    from schemas.city import City
    from schemas.errors import RegistrationError

_STATES = {
    "fine": ("正常", "fine", "green"),
    "incomplete": ("缺部分", "a part is missing", "yellow"),
    "held": ("有未通过的行", "rows held", "yellow"),
    "waiting": ("待标准化", "to be built", "yellow"),
    "late": ("超期", "late", "yellow"),
    "blocked": ("被拦下", "blocked", "red"),
    "never": ("未同步", "never synced", "yellow"),
    "failed": ("失败", "failed", "red"),
    "broken": ("登记有误", "wrong registration", "red"),
    "quiet": ("未接入", "not connected", "dim"),
}


def status(
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="[DEPARTMENT[/SYSTEM]]",
            autocompletion=completing.paths,
            help=say("写到系统则逐数据集显示", "a system shows its datasets"),
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help=say("包括尚未接入的系统", "systems that are not connected too"))] = False,
    funnel: Annotated[bool, typer.Option("--funnel", help=say("按阶段计数", "count systems by stage"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=say("以 JSON 输出", "print JSON"))] = False,
) -> None:
    city, broken = opening.sound_city()
    found = _standings(city, broken)
    if pattern:
        path = pattern.strip("/")
        if path not in (*city.departments, *broken):
            path = city.system(path).path
        found = [s for s in found if path in (s.path, s.department)]
    if funnel:
        _funnel(found, as_json=as_json)
        return
    shown = found if every or (pattern and "/" in pattern) else [s for s in found if s.state != "quiet"]
    if as_json:
        screen.print_json([_plain(s) for s in shown])
        return
    if pattern and "/" in pattern and len(shown) == 1:
        _one(shown[0])
    else:
        _table(shown)
        quiet = len(found) - len(shown)
        if quiet:
            screen.note(f"另有 {quiet} 个系统尚未接入（--all 或 --funnel 查看）", f"{quiet} more are not connected (--all or --funnel)")
        _docked(city)


def _docked(city: City) -> None:
    """What a platform holds and should not, or holds otherwise than we do."""
    from answers.docked import outstanding

    with opening.open_ledger() as ledger:
        for said in outstanding(city, ledger):
            screen.out().print(screen.cell(str(said)), style="red", soft_wrap=True)


def _standings(city: City, broken: dict[str, RegistrationError]) -> list[Standing]:
    from answers.standing import standings

    with ExitStack() as stack:
        ledger = stack.enter_context(opening.open_ledger())
        exists = (home() / "lake" / "catalogue.sqlite").exists()
        lake = stack.enter_context(opening.lake_to_read()) if exists else None
        return standings(city, broken, lake, ledger)


def _table(shown: list[Standing]) -> None:
    titles = [
        say(*t)
        for t in (
            ("系统", "system"), ("状态", "state"), ("最近确认", "confirmed"), ("最近变化", "changed"), ("距今/承诺", "age/promise"),
            ("落地行", "landed"), ("标准行", "standard"), ("未通过", "held"), ("问题，该谁处理", "problem, whose move"),
        )
    ]  # fmt: skip
    made = screen.table(*titles, right=titles[5:8])
    for s in shown:
        zh, en, style = _STATES[s.state]
        state = say(zh, en) + (say("，同步中", ", syncing") if s.running_now else "")
        made.add_row(
            screen.cell(f"{s.path}\n{s.title}"), f"[{style}]{state}[/]", screen.when(s.confirmed), screen.when(s.changed),
            f"{screen.age(s.age)}/{screen.age(s.promised)}", screen.number(s.total("landed")), screen.number(s.total("standard")),
            screen.number(s.total("held")), screen.cell(_move(s)),
        )  # fmt: skip
    out = screen.out()
    out.print(made)
    if following := {s.path: s.following for s in shown if s.following}:
        out.print(say("下一步：", "next steps:"), style="bold")
    for path, step in following.items():  # outside the table, where a command is never broken over two lines
        out.print(screen.cell(f"  {path}  → {step}"), soft_wrap=True)


def _move(s: Standing) -> str:
    return "\n".join([*(str(s.error).splitlines()[:1]), *([str(s.whose)] if s.whose else [])])


def _one(s: Standing) -> None:
    from schemas.registration import STAGES

    out = screen.out()
    zh, en, style = _STATES[s.state]
    out.print(screen.cell(f"{s.path}  {s.title}"), style="bold")
    since = f"，{say('自', 'since')} {screen.when(s.since)}" if s.since else ""
    out.print(screen.cell(f"{say('阶段', 'stage')}：{say(STAGES.get(s.stage, s.stage), s.stage)}{since}"))
    out.print(screen.cell(f"{say('状态', 'state')}：{say(zh, en)}"), style=style)
    out.print(screen.cell(f"{say('距今/承诺', 'age/promise')}：{screen.age(s.age)}/{screen.age(s.promised)}"))
    if not any(d.state == s.state for d in s.datasets):  # else the datasets speak for themselves, below
        for (zh, en), said in (
            (("最近错误", "last error"), s.error),
            (("该谁处理", "whose move"), s.whose),
            (("下一步", "next"), s.following),
        ):
            if said:
                out.print(screen.cell(f"{say(zh, en)}：{said}"), soft_wrap=True)
    numbers = [
        say(*t)
        for t in (
            ("落地行", "landed"),
            ("标准行", "standard"),
            ("未通过", "held"),
            ("其中沿用旧版", "older version stands"),
            ("留空的值", "left empty"),
        )
    ]
    made = screen.table(
        say("数据集", "dataset"), say("最近确认", "confirmed"), say("最近变化", "changed"), *numbers, say("状态", "state"), right=numbers
    )
    for d in s.datasets:
        counts = [screen.number(n) for n in (d.landed, d.standard, d.held, d.stands, d.findings)]
        made.add_row(screen.cell(f"{d.path}\n{d.title}"), screen.when(d.confirmed), screen.when(d.changed), *counts, _dataset_state(d))
    out.print(made)
    for d in s.datasets:
        _say(d)


def _say(d: DatasetStanding) -> None:
    """What one dataset has to tell: its own error, whose move it is, and a next step that can be copied whole."""
    out = screen.out()
    if d.state in ("fine", "quiet") and not d.remarks:
        return
    zh, en, style = _STATES[d.state]
    since = f"（{say('自', 'since')} {screen.when(d.failing_since)}）" if d.failing_since else ""
    out.print(screen.cell(f"\n{d.path}  {say(zh, en)}{since}"), style=style)
    if d.error:
        out.print(screen.cell(f"  {d.error}"))
    for remark in d.remarks:
        out.print(screen.cell(f"  · {remark.said}"))
    if d.whose:
        out.print(screen.cell(f"  {say('该谁处理', 'whose move')}：{d.whose}"))
    for following in dict.fromkeys(str(f) for f in (d.following, *(r.following for r in d.remarks)) if f):
        out.print(screen.cell(f"  {say('下一步', 'next')}：{following}"), soft_wrap=True)


def _dataset_state(d: DatasetStanding) -> str:
    if d.state == "fine" and not d.goal:
        return say("原样保存", "as it came")
    if d.state == "blocked":
        return say("被拦下，沿用上次", "blocked, last rows stay")
    zh, en, style = _STATES[d.state]
    return f"[{style}]{say(zh, en)}[/]"


def _funnel(found: list[Standing], *, as_json: bool) -> None:
    """How many systems have come as far as each stage, and how many have left the way."""
    from answers.standing import WAY
    from schemas.registration import STAGES

    reached = {stage: sum(s.reached in WAY[n:] for s in found) for n, stage in enumerate(WAY)}
    left = {stage: sum(s.stage == stage for s in found) for stage in STAGES if stage not in WAY}
    broken = sum(s.state == "broken" for s in found)
    if as_json:
        screen.print_json({"known": len(found), **reached, **left, **({"broken": broken} if broken else {})})
        return
    made = screen.table(say("到过的阶段", "stage reached"), say("系统数", "systems"), "", right=[say("系统数", "systems")])
    made.add_row(say("已知", "known"), str(len(found)), "█" * _width(len(found), len(found)), style="bold")
    for stage, count in reached.items():
        made.add_row(say(STAGES[stage], stage), str(count), "█" * _width(count, len(found)))
    for stage, count in left.items():
        if count:
            made.add_row(say(f"现已{STAGES[stage]}", f"now {stage}"), str(count), "", style="dim")
    if broken:
        made.add_row(say("登记有误", "wrong registration"), str(broken), "", style="red")
    screen.out().print(made)


def _width(count: int, of: int) -> int:
    return 0 if not count else max(1, round(40 * count / of))


def _plain(s: Standing) -> dict[str, Any]:
    made: dict[str, Any] = _twins(dataclasses.asdict(s))
    made["confirmed"], made["changed"], made["age"], made["late"] = s.confirmed, s.changed, s.age, s.late
    return made


def _twins(value: Any) -> Any:
    """Both languages of a sentence by their names; None where there is none."""
    from schemas.said import Said

    if isinstance(value, Said):
        return value._asdict() if value else None
    if isinstance(value, dict):
        return {k: _twins(v) for k, v in value.items()}
    return [_twins(v) for v in value] if isinstance(value, list | tuple) else value
