"""`hub sync`, `hub build`, `hub accept`: one system after the other; one that fails leaves the others done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from hub import completing, opening, screen
from hub.progress import Told
from schemas.errors import HubError, RegistrationError
from schemas.home import say

if TYPE_CHECKING:
    from answers.standing import Facts
    from orchestration.routes import Outcome, Synced
    from schemas.registration import System

Pattern = Annotated[
    str | None,
    typer.Argument(
        metavar="[DEPARTMENT[/SYSTEM[/DATASET]]]",
        autocompletion=completing.paths,
        help=say("默认全部运行中的系统", "every running system by default"),
    ),
]


@dataclass
class Summary:
    """What became of a whole command."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)  # by department/system/dataset
    stopped: dict[str, HubError] = field(default_factory=dict)  # systems that did not run at all
    facts: Facts | None = None  # what the lake says afterwards

    @property
    def code(self) -> int:
        wrong = self.stopped or any(o.error or (o.blocked and not o.accepted) for o in self.outcomes.values())
        return screen.FAILED if wrong else 0


def sync(
    pattern: Pattern = None,
    again: Annotated[bool, typer.Option("--again", help=say("从头全部重读", "read everything anew from the beginning"))] = False,
) -> None:
    from answers.standing import facts
    from orchestration import routes

    city, broken = opening.sound_city()
    chosen = opening.chosen(city, broken, pattern)
    with opening.whole_hub(city) as hub:
        tally = _each(chosen, lambda system, names, told: routes.sync(hub, system, names, tell=told.tell, again=again))
        tally.facts = facts(hub.lake, [o.table for o in tally.outcomes.values()])
    tally.stopped |= {p: e for p, e in broken.items() if not pattern or p.startswith(pattern.split("/")[0] + "/")}
    _report(tally)
    raise typer.Exit(tally.code)


def build(pattern: Pattern = None) -> None:
    from answers.standing import facts
    from orchestration import routes

    city, broken = opening.sound_city()
    chosen = opening.chosen(city, broken, pattern)
    with opening.whole_hub(city) as hub:
        tally = _each(chosen, lambda system, names, told: routes.build(hub, system, names, tell=told.tell))
        tally.facts = facts(hub.lake, [o.table for o in tally.outcomes.values()])
    _report(tally)
    raise typer.Exit(tally.code)


def accept(
    path: Annotated[str, typer.Argument(metavar="DEPARTMENT/SYSTEM/DATASET", autocompletion=completing.paths)],
    because: Annotated[str, typer.Option("--because", help=say("放行理由，记入台账", "why it may pass; entered in the ledger"))],
) -> None:
    from answers.standing import facts, held_back
    from hub.stages import who
    from orchestration import routes

    city, broken = opening.sound_city()
    if path.strip("/").count("/") != 2:
        raise RegistrationError(f"请写到数据集：department/system/dataset，收到 {path}", f"name one dataset, got {path}")
    if not because.strip():
        raise RegistrationError("请写明放行理由 --because", "say why with --because")
    [(system, [name])] = opening.chosen(city, broken, path)
    if not system.datasets[name].record:
        raise RegistrationError(f"{path} 原样保存，没有检查可放行", f"{path} is kept as it came; there is no check to pass")
    with opening.whole_hub(city) as hub:
        if system.table(name) not in held_back(hub.lake):
            screen.note(f"{path} 没有被拦下的数据，无需放行", f"nothing of {path} is blocked; there is nothing to let pass")
            return
        tally = _each([(system, [name])], lambda s, names, told: routes.build(hub, s, names, tell=told.tell, confirmed=True))
        if not tally.code:
            run = next(r.id for r in hub.ledger.runs(system=system.path, limit=1))
            hub.ledger.decide("accept", system.table(name), by=who(), because=because.strip(), run=run)
        tally.facts = facts(hub.lake, [o.table for o in tally.outcomes.values()])
    _report(tally)
    raise typer.Exit(tally.code)


def _each(chosen: list[tuple[System, list[str]]], route: Callable[[System, list[str], Told], Synced]) -> Summary:
    """One system after the other. What stops one is kept, and the next one begins."""
    tally = Summary()
    with Told(sum(len(names) for _, names in chosen)) as told:
        for system, names in chosen:
            try:
                synced = route(system, names, told)
            except Exception as raised:  # noqa: BLE001  # whatever happens to one system, the next one begins
                error = raised if isinstance(raised, HubError) else screen.unforeseen(raised)
                tally.stopped[system.path] = error
                told.tell("failed", system.path, error=error)
            else:
                tally.outcomes |= {f"{system.path}/{n}": o for n, o in synced.outcomes.items()}
            told.dataset_done(len(names))
    return tally


def _report(tally: Summary) -> None:
    numbers = [
        say(*t)
        for t in (
            ("收到", "received"),
            ("新增", "new"),
            ("更新", "updated"),
            ("删除", "deleted"),
            ("未通过", "rejected"),
            ("标准库", "standard"),
        )
    ]
    made = screen.table(say("数据集", "dataset"), say("结果", "result"), *numbers, say("检查", "checks"), right=numbers)
    for path, outcome in tally.outcomes.items():
        made.add_row(path, *_row(outcome, tally.facts))
    if tally.outcomes:
        screen.out().print(made)
    for path, outcome in tally.outcomes.items():
        if outcome.blocked and not outcome.accepted and outcome.verdict:
            _say_blocked(path, outcome)
    for path, outcome in tally.outcomes.items():
        for remark in outcome.remarks:
            screen.out().print(screen.cell(f"! {path}  {remark.said}"), style="yellow")
            if remark.following:
                screen.out().print(screen.cell(f"    {say('下一步：', 'next: ')}{remark.following}"), soft_wrap=True)
    screen.show_errors({**{p: o.error for p, o in tally.outcomes.items() if o.error}, **tally.stopped})
    failed = sum(1 for o in tally.outcomes.values() if o.error) + len(tally.stopped)
    if failed:
        screen.note(f"{failed} 项失败，其余已完成", f"{failed} failed; the others are done")


def _row(outcome: Outcome, facts: Facts | None) -> list[str]:
    """Result, what this read brought, and where the dataset stands now."""
    landed = outcome.landed
    counts = [screen.number(n) for n in (landed.received, landed.inserted, landed.updated, landed.deleted)] if landed else ["—"] * 4
    done = facts.done.get(outcome.table) if facts else None
    held = facts.quarantine.get(outcome.table, (0, 0, 0))[0] if facts and outcome.table in facts.cursors else None
    return [_result(outcome), *counts, screen.number(held), screen.number(done.rows if done else None), _checks(outcome.verdict)]


def _result(outcome: Outcome) -> str:
    if outcome.error:
        return say("失败", "failed")
    if outcome.blocked and not outcome.accepted:
        return say("被拦下，沿用上次", "blocked; last rows stay")
    if outcome.candidate is not None and outcome.landed is None:
        return say("已重建", "rebuilt")
    return say(*{"changed": ("有变化", "changed"), "unchanged": ("无变化", "unchanged")}.get(outcome.state, (outcome.state, outcome.state)))


def _checks(verdict: object) -> str:
    from warehouse.verdicts import Verdict

    if not isinstance(verdict, Verdict):
        return "—"
    failed, unchecked = len(verdict.failed), len(verdict.unchecked)
    parts = [say(f"{failed} 项不符", f"{failed} failed")] if failed else []
    parts += [say(f"{unchecked} 项未能检查", f"{unchecked} not checked")] if unchecked else []
    return "，".join(parts) or "✓"


def _say_blocked(path: str, outcome: Outcome) -> None:
    console = screen.err()
    console.print(
        screen.cell(say(f"✗ {path} 被拦下，标准库沿用上次的数据", f"✗ {path} is blocked; the standard rows stay as they were")), style="red"
    )
    assert outcome.verdict is not None
    for result in outcome.verdict.failed:
        if result.severity == "block":
            console.print(screen.cell(f"  {say(*result.said())}"))
    console.print(screen.cell(say("  该谁处理：系统主管部门确认数据", "  whose move: the owning department confirms the data")))
    console.print(
        screen.cell(
            say(
                f'  下一步：数据有误则等对方更正后重新同步；确认无误则 hub accept {path} --because "理由"',
                f'  next: if the data are wrong, wait for the owner and sync again; if they are right, hub accept {path} --because "…"',
            )
        )
    )
