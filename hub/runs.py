"""`hub runs`: the newest runs in one list, whether a person, a schedule or Dagster started them."""

from __future__ import annotations

from typing import Annotated

import typer

from hub import completing, opening, screen
from schemas.home import say

_ENDS = {
    "open": ("进行中", "running", "yellow"),
    "done": ("完成", "done", "green"),
    "failed": ("失败", "failed", "red"),
    "killed": ("被中断", "killed", "red"),
}
_KINDS = {
    "sync": ("同步", "sync"),
    "build": ("标准化", "build"),
    "publish": ("发布", "publish"),
    "deliver": ("报送", "deliver"),
    "receipts": ("回执", "receipts"),
}


def runs(
    pattern: Annotated[
        str | None,
        typer.Argument(metavar="[DEPARTMENT[/SYSTEM]]", autocompletion=completing.paths, help=say("只看其中的", "only of these")),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help=say("只看没有完成的", "only those that did not end well"))] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help=say("最多显示几次", "runs shown at most"))] = 30,
    as_json: Annotated[bool, typer.Option("--json", help=say("以 JSON 输出", "print JSON"))] = False,
) -> None:
    path = (pattern or "").strip("/")
    with opening.open_ledger() as ledger:
        found = ledger.runs(limit=10_000 if path or failed else limit)
    wanted = [
        r
        for r in found
        if (not path or r.system == path or r.system.startswith(f"{path}/")) and (not failed or r.status in ("failed", "killed"))
    ][:limit]
    if as_json:
        names = ("id", "kind", "system", "started_at", "ended_at", "status", "message_zh", "message_en", "next_zh", "next_en")
        screen.print_json([{n: getattr(r, n) for n in names} for r in wanted])
        return
    made = screen.table(
        say("开始", "started"),
        say("用时", "took"),
        say("做什么", "kind"),
        say("系统", "system"),
        say("结果", "result"),
        say("问题", "problem"),
    )
    for r in wanted:
        zh, en, style = _ENDS.get(r.status, (r.status, r.status, ""))
        took = f"{(r.ended_at - r.started_at).total_seconds():.1f} s" if r.ended_at else "—"
        said = say(r.message_zh, r.message_en).splitlines()
        made.add_row(
            screen.when(r.started_at), took, say(*_KINDS.get(r.kind, (r.kind, r.kind))), r.system, f"[{style}]{say(zh, en)}[/]",
            screen.cell(said[0] if said else ""),
        )  # fmt: skip
    screen.out().print(made)
    for following in dict.fromkeys(say(r.next_zh, r.next_en) for r in wanted if r.status in ("failed", "killed")):
        if following:
            screen.out().print(screen.cell(f"{say('下一步', 'next')}：{following}"), soft_wrap=True)
