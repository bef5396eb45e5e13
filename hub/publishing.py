"""`hub publish`, `hub deliver`, `hub receipts`: what is accepted becomes shared, and what is shared leaves as declared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub import opening, screen
from hub.progress import Told
from schemas.errors import HubError, RegistrationError
from schemas.home import say

if TYPE_CHECKING:
    from ledger.models import Delivery, Receipt
    from orchestration.routes import Hub, Published

_STATUS = {"prepared": ("待报送", "prepared"), "sent": ("待回执", "sent"), "taken": ("已入库", "taken"), "refused": ("被退回", "refused")}


def publish(
    confirmed: Annotated[
        bool,
        typer.Option(
            "--confirmed",
            help=say("已有人核实，允许共享库大幅减少（须写 --because）", "a person lets a record type shrink (needs --because)"),
        ),
    ] = False,
    because: Annotated[str, typer.Option("--because", help=say("放行理由，记入台账", "why; entered in the ledger"))] = "",
    full: Annotated[
        bool, typer.Option("--full", help=say("全部重新计算，不只是有变化的部分", "work everything out anew, not only what has changed"))
    ] = False,
) -> None:
    from hub.stages import who
    from orchestration import routes
    from warehouse.owners import may_publish

    if confirmed and not because.strip():
        raise RegistrationError("请写明放行理由 --because", "say why with --because")
    city, broken = opening.sound_city()
    _complain(broken)
    with opening.whole_hub(city) as hub:
        may_publish(hub.lake, city, broken)
        with Told() as told:
            published = routes.publish(hub, tell=told.tell, confirmed=confirmed, full=full)
        if confirmed:
            for name in published.tables:
                hub.ledger.decide("publish", name, by=who(), because=because.strip(), run=published.run)
        _report(hub, published)
    raise typer.Exit(screen.FAILED if published.refused or published.failed else 0)


def _complain(broken: dict[str, RegistrationError]) -> None:
    for path in broken:
        screen.note(
            f"登记有误，本次不含：{path}（hub systems validate 查看）", f"left out, wrong registration: {path} (see hub systems validate)"
        )


def _report(hub: Hub, published: Published) -> None:
    screen.show_errors(published.failed)
    if not published.tables and not published.refused:
        if not published.failed and not _left_behind(hub):
            screen.note("共享库已是最新", "what is shared is up to date")
    else:
        numbers = [say("新增", "new"), say("更新", "updated"), say("删除", "deleted"), say("行数", "rows")]
        made = screen.table(say("共享表", "shared table"), say("名称", "title"), *numbers, say("结果", "result"), right=numbers)
        for result, tables in (
            (say("已发布", "published"), published.tables),
            (say("减少过多，保持原样", "would shrink too much; kept"), published.refused),
        ):
            for name, p in tables.items():
                rows = p.before + p.inserted - p.deleted
                counts = [screen.number(n) for n in (p.inserted, p.updated, p.deleted, rows)]
                made.add_row(name, screen.cell(_title(hub, name)), *counts, result)
        screen.out().print(made)
        _left_behind(hub)
    if published.refused:
        names = "、".join(published.refused)
        raise HubError(
            f"{names} 将比上次减少五分之一以上，未发布",
            f"{names} would lose more than a fifth of its rows; not published",
            next_zh='核实各来源后运行 hub publish --confirmed --because "理由"',
            next_en='look at its sources, then hub publish --confirmed --because "…"',
        )
    if published.edition:
        screen.note(f"分析版已更新：{_edition(published.edition)}", f"edition renewed: {_edition(published.edition)}")


def _left_behind(hub: Hub) -> bool:
    """Say which datasets stand on older rows because their newest are blocked; whether there are any."""
    from answers.standing import facts

    held = facts(hub.lake).held_back()
    blocked = [path for table, path in _paths(hub).items() if table in held]
    for path in blocked:
        screen.note(
            f'{path} 的最新数据被拦下，未包括在内；核实无误则 hub accept {path} --because "理由"',
            f'the newest rows of {path} are blocked and left behind; if they are right, hub accept {path} --because "…"',
        )
    return bool(blocked)


def _title(hub: Hub, name: str) -> str:
    if name in hub.city.records:
        return hub.city.records[name].title
    return hub.city.derived[name][0].title if name in hub.city.derived else name


def _edition(edition: Any) -> str:
    path = getattr(edition, "path", edition)
    return getattr(path, "name", str(path))


def deliver(
    again: Annotated[
        bool, typer.Option("--again", help=say("被退回且未改动的也再报送", "also what was refused and has not changed since"))
    ] = False,
    full: Annotated[bool, typer.Option("--full", help=say("全部资源重新全量报送", "send every resource in full"))] = False,
) -> None:
    from orchestration import routes

    city, broken = opening.sound_city()
    _complain(broken)
    with opening.whole_hub(city) as hub:
        with Told() as told:
            done = routes.deliver(hub, tell=told.tell, again=again, full=full)
        _list(hub, done.sent)
        _answers(hub, done.answers)
        if not _left_behind(hub) and not done.sent and not done.failed:
            screen.note("没有待报送的数据", "nothing is waiting to be delivered")
        paths = _paths(hub)
        screen.show_errors({paths.get(table, table): error for table, error in done.failed.items()})
    if done.sent:
        screen.note("平台处理后运行 hub receipts 取回执", "run hub receipts once the platform has answered")
    raise typer.Exit(screen.FAILED if done.failed else 0)


def _paths(hub: Hub) -> dict[str, str]:
    """{dataset table: department/system/dataset}."""
    return {s.table(n): f"{s.path}/{n}" for s in hub.city for n in s.datasets}


def _list(hub: Hub, deliveries: Iterable[Delivery]) -> None:
    rows, paths = list(deliveries), _paths(hub)
    if not rows:
        return
    numbers = [
        say("序号", "no."),
        say("行数", "rows"),
        say("新增", "new"),
        say("更新", "updated"),
        say("删除", "deleted"),
        say("平台应有", "platform holds"),
    ]
    made = screen.table(
        say("资源", "resource"), say("数据集", "dataset"), say("类型", "kind"), *numbers, say("状态", "status"), right=numbers
    )
    for d in rows:
        kind = say(*{"full": ("全量", "full"), "changes": ("增量", "changes")}.get(d.kind, (d.kind, d.kind)))
        counts = [screen.number(n) for n in (d.rows, d.inserted, d.updated, d.deleted, d.total)]
        made.add_row(
            d.resource, paths.get(d.dataset, d.dataset), kind, str(d.sequence), *counts, say(*_STATUS.get(d.status, (d.status, d.status)))
        )
    screen.out().print(made)


def receipts(
    offline: Annotated[
        bool, typer.Option("--list", help=say("只列出台账中的最近报送，不询问平台", "only list the ledger's newest deliveries"))
    ] = False,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help=say("再与平台逐资源对账", "then compare with the platform, resource by resource"))
    ] = False,
) -> None:
    from orchestration import routes

    city, _ = opening.sound_city()
    with opening.whole_hub(city) as hub:
        refused: list[Receipt] = []
        if not offline:
            with Told() as told:
                answers = routes.collect(hub, tell=told.tell)
            refused = [a for a in answers if a.status == "refused"]
            if not answers:
                screen.note("没有新的回执", "no new receipts")
            _answers(hub, answers)
        if offline or not refused:
            deliveries = hub.ledger.deliveries(limit=30)
            _list(hub, deliveries)
            if not deliveries:
                screen.note("还没有报送过", "nothing has been delivered yet")
        different = _reconcile(hub) if reconcile else False
    raise typer.Exit(screen.FAILED if refused or different else 0)


def _answers(hub: Hub, answers: list[Receipt]) -> None:
    """What the platform said: its words, and for a refusal the next step."""
    paths = _paths(hub)
    for answer in answers:
        delivery = hub.ledger.delivery(answer.delivery)
        assert delivery is not None
        name = f"{delivery.resource}（{paths.get(delivery.dataset, delivery.dataset)}）#{delivery.sequence}"
        if answer.status == "taken":
            rows = screen.number(answer.rows)
            screen.out().print(screen.cell(say(f"✓ {name} 已入库，{rows} 行", f"✓ {name} taken, {rows} rows")), style="green")
            continue
        screen.out().print(screen.cell(say(f"✗ {name} 被退回", f"✗ {name} refused")), style="red")
        screen.out().print(screen.cell(f"  {say('平台原文：', 'the platform: ')}[{answer.code}] {answer.text}"))
        if following := say(delivery.next_zh, delivery.next_en):
            screen.out().print(screen.cell(f"  {say('下一步：', 'next: ')}{following}"))


def _reconcile(hub: Hub) -> bool:
    from docking.reconcile import reconcile

    numbers = [say("我方", "ours"), say("平台", "platform")]
    made = screen.table(say("资源", "resource"), say("名称", "title"), say("序号", "no."), *numbers, say("结论", "verdict"), right=numbers)
    statements = reconcile(hub.lake, hub.city, hub.ledger, hub.home)
    for s in statements:
        made.add_row(
            s.resource, screen.cell(s.title), str(s.sequence), screen.number(s.ours), screen.number(s.theirs), screen.cell(say(s.zh, s.en))
        )
    screen.out().print(made)
    return any(s.verdict == "different" for s in statements)
