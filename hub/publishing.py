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
    from ledger.models import Delivery, Receipt, Stray
    from orchestration.routes import Hub, Plan, Published

_STATUS = {"prepared": ("待报送", "prepared"), "sent": ("待回执", "sent"), "taken": ("已入库", "taken"), "refused": ("被退回", "refused")}

_KINDS = {"full": ("全量", "full"), "changes": ("增量", "changes"), "withdrawal": ("撤回", "withdrawal"), "notice": ("撤销通知", "notice")}


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
    from answers.standing import held_back

    held = held_back(hub.lake)
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
    only_show: Annotated[
        bool, typer.Option("--show", help=say("只列出将撤回和报送的内容", "only show what would be taken back and sent"))
    ] = False,
    named: Annotated[
        list[str] | None,
        typer.Option(
            "--withdraw",
            metavar="RESOURCE",
            help=say("撤回登记已不在的资源（须写 --because）", "take back a resource whose registration is gone (needs --because)"),
        ),
    ] = None,
    because: Annotated[str, typer.Option("--because", help=say("撤回理由，记入台账", "why; entered in the ledger"))] = "",
) -> None:
    from hub.stages import who
    from orchestration import routes

    if named and not because.strip():
        raise RegistrationError("请写明撤回理由 --because", "say why with --because")
    city, broken = opening.sound_city()
    _complain(broken)
    with opening.whole_hub(city) as hub:
        plans = routes.plan(hub, again=again)
        if named and (unknown := sorted(set(named) - {w.resource for p in plans for w in p.withdrawals})):
            raise RegistrationError(
                f"平台不持有须撤回的资源 {'、'.join(unknown)}",
                f"no platform holds {', '.join(unknown)} without a right to",
                next_zh="hub deliver --show",
                next_en="hub deliver --show",
            )
        _show_plans(hub, plans, frozenset(named or ()), packages=only_show)
        if only_show:
            return
        with Told() as told:
            done = routes.deliver(hub, tell=told.tell, again=again, full=full, named=frozenset(named or ()))
        for resource in named or ():
            hub.ledger.decide("withdraw", resource, by=who(), because=because.strip(), run=done.run)
        for code in done.parted:
            screen.note(
                f"{code}：平台持有本枢纽台账中没有的数据包（枢纽恢复自旧备份），改用新编号全量报送",
                f"{code}: the platform holds packages this ledger does not know (restored from an older copy); sent in full under a fresh number",
            )
        _list(hub, done.sent)
        _answers(hub, done.answers)
        _strays(hub, done.strays)
        if not _left_behind(hub) and not done.sent and not done.failed:
            screen.note("没有待报送的数据", "nothing is waiting to be delivered")
        paths = _paths(hub)
        screen.show_errors({paths.get(table, table): error for table, error in done.failed.items()})
    if done.sent:
        screen.note("平台处理后运行 hub receipts 取回执", "run hub receipts once the platform has answered")
    raise typer.Exit(screen.FAILED if done.failed else 0)


def _show_plans(hub: Hub, plans: list[Plan], named: frozenset[str], *, packages: bool) -> None:
    """What is taken back, before it is sent; with `packages`, what is to be sent too."""
    paths, count = _paths(hub), say("平台现有行", "rows held")
    made = screen.table(
        say("平台", "platform"),
        say("资源", "resource"),
        say("数据集", "dataset"),
        say("动作", "to do"),
        count,
        say("原因", "why"),
        right=[count],
    )
    for plan in plans:
        for w in plan.withdrawals:
            doing = say("撤回", "take back")
            if w.asks and w.resource not in named:
                doing = say(
                    f"待人确认：hub deliver --withdraw {w.resource} --because …",
                    f"a person: hub deliver --withdraw {w.resource} --because …",
                )
            elif w.refused:
                doing = say("撤回被退回，处理后 hub deliver --again", "refused: mend it, then hub deliver --again")
            made.add_row(
                plan.platform,
                w.resource,
                screen.cell(paths.get(w.dataset, w.dataset)),
                doing,
                screen.number(w.rows),
                screen.cell(str(w.because)),
            )
        for table in plan.packages if packages else ():
            made.add_row(plan.platform, "", screen.cell(paths.get(table, table)), say("报送", "send"), "", "")
    if made.row_count:
        screen.out().print(made)
    elif packages:
        screen.note("没有待报送的数据", "nothing is waiting to be delivered")


def _strays(hub: Hub, strays: list[Stray]) -> None:
    """Answers to something else than we sent under the same number."""
    for stray in strays:
        delivery = hub.ledger.delivery(stray.delivery)
        assert delivery is not None
        screen.out().print(
            screen.cell(
                say(
                    f"? 回执 {stray.number} 的批次 {delivery.batch} 与我方数据包内容不同，另存，不计入：hub deliver 将换新编号报送",
                    f"? receipt {stray.number} answers other contents than our batch {delivery.batch}; kept apart, it counts for nothing: hub deliver sends under a fresh number",
                )
            ),
            style="yellow",
        )


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
        kind = say(*_KINDS.get(d.kind, (d.kind, d.kind)))
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
        strays: list[Stray] = []
        if not offline:
            with Told() as told:
                found = routes.collect(hub, tell=told.tell)
            answers, strays = found.receipts, found.strays
            refused = [a for a in answers if a.status == "refused"]
            if not answers and not strays:
                screen.note("没有新的回执", "no new receipts")
            _answers(hub, answers)
            _strays(hub, strays)
        if offline or not refused:
            deliveries = hub.ledger.deliveries(limit=30)
            _list(hub, deliveries)
            if not deliveries:
                screen.note("还没有报送过", "nothing has been delivered yet")
        different = _reconcile(hub, offline=offline) if reconcile else False
    raise typer.Exit(screen.FAILED if refused or strays or different else 0)


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


def _reconcile(hub: Hub, *, offline: bool) -> bool:
    from orchestration import routes

    numbers = [say("我方", "ours"), say("平台", "platform")]
    made = screen.table(
        say("对端", "with"),
        say("资源", "resource"),
        say("名称", "title"),
        say("序号", "no."),
        *numbers,
        say("结论", "verdict"),
        right=numbers,
    )
    statements = routes.compare(hub, offline=offline)
    for s in statements:
        counts = screen.number(s.ours), screen.number(s.theirs)
        made.add_row(s.platform, s.resource, screen.cell(s.title), str(s.sequence), *counts, screen.cell(str(s.said)))
    screen.out().print(made)
    return any(s.verdict in ("different", "should not") for s in statements)
