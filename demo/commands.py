"""`hub demo`: bring the invented city up and down, let time pass in it, let things go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from demo import faults, province, serve
from demo.city import SEED
from demo.sides import noted, sides
from demo.tick import tick as let_pass
from schemas.errors import HubError
from schemas.home import home, say

app = typer.Typer(
    name="demo",
    help=say("虚构城市：十二个系统的对端", "the invented city: twelve far sides"),
    no_args_is_help=True,
    add_completion=False,
)
console = Console()


@app.command(help=say("启动全部对端，并写好连接与口令", "start every far side; write connections and secrets"))
def up(
    scale: Annotated[float, typer.Option(min=0.01, max=1.0, help=say("规模，1 = 103 万人", "1 = 1,030,000 residents"))] = 0.01,
    seed: Annotated[int, typer.Option(help=say("随机种子", "random seed"))] = SEED,
    anew: Annotated[bool, typer.Option("--anew", help=say("重新生成", "make it anew"))] = False,
) -> None:
    running = serve.up(home(), scale, seed, tell=lambda text: console.print(text, markup=False, soft_wrap=True), anew=anew)
    province.prepare(home()).close()  # so that hub deliver knows the platform's address
    rows = sum(running.rows.values())
    state = say("已生成", "made") if running.made else say("已在运行", "already up")
    database = running.database or say("SQLite（没有可用的 PostgreSQL）", "SQLite (no PostgreSQL to be had)")
    console.print(say(
        f"虚构城市{state}：{len(sides(running.home))} 个系统，{rows:,} 行，规模 {scale:g}；接口 {running.url}，前置库 {database}",
        f"invented city {state}: {len(sides(running.home))} systems, {rows:,} rows, scale {scale:g}; interfaces {running.url}, front ends {database}",
    ), markup=False, soft_wrap=True)  # fmt: skip


@app.command(help=say("时间前进：各系统新增、修改、删除", "time passes: rows come, change and go"))
def tick(times: Annotated[int, typer.Option("--times", "-n", min=1)] = 1) -> None:
    _must_be_up()
    for system, datasets in let_pass(home(), times).items():
        console.print(f"{system:42}" + "  ".join(f"{name} {rows}" for name, rows in datasets.items()), markup=False, soft_wrap=True)


@app.command(help=say("让某个对端出故障；不写名称则列出", "let a far side misbehave; lists the ways without a name"))
def fault(
    name: Annotated[str | None, typer.Argument()] = None,
    off: Annotated[bool, typer.Option("--off", help=say("恢复（不写名称则全部恢复）", "back to normal (all without a name)"))] = False,
    system: Annotated[str | None, typer.Option(help=say("系统", "system"))] = None,
    dataset: Annotated[str | None, typer.Option(help=say("数据集", "dataset"))] = None,
    column: Annotated[str | None, typer.Option(help=say("列", "column"))] = None,
) -> None:
    if name is None and not off:
        return _list()
    _must_be_up()
    try:
        if off:
            ended = faults.off(home(), name)
            return console.print(say("已恢复：", "back to normal: ") + ("、".join(ended) or say("没有故障", "nothing was wrong")))
        entry = faults.on(home(), str(name), system, dataset, column)
    except HubError as error:
        console.print(say(error.zh, error.en), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    where = "/".join(v for v in (entry["system"], entry["dataset"], entry["column"]) if v)
    console.print(f"{name}  {where}", markup=False, soft_wrap=True)
    return None


@app.command(help=say("停止对端；--erase 连同数据", "stop the far sides; --erase with their data"))
def down(erase: Annotated[bool, typer.Option("--erase", help=say("删除数据库和文件", "databases and files too"))] = False) -> None:
    serve.down(home(), erase=erase)
    console.print(say("虚构城市已停止", "the invented city is down"))


@app.command(help=say("对端是否在运行", "whether the far sides answer"))
def status() -> None:
    state = noted(home(), "city")
    if not state:
        return console.print(say("虚构城市未启动：hub demo up", "the invented city is not up: hub demo up"))
    port, server = serve.alive(home()), serve.server_of(home())
    stopped = say("未运行", "does not answer")
    console.print(say(f"规模 {state['scale']:g}，第 {state['ticks']} 次变化", f"scale {state['scale']:g}, after {state['ticks']} ticks"))
    console.print(say("接口：", "interfaces: ") + (f"127.0.0.1:{port}" if port else stopped))
    where = "SQLite" if not state.get("server") else "{}:{}".format(*server.address) if server else stopped
    console.print(say("前置库：", "front ends: ") + where)
    for name, entries in faults.active(home()).items():
        console.print(say("故障：", "fault: ") + f"{name}  " + "、".join(e["system"] for e in entries), style="red")
    return None


@app.command(
    help=say("完整演示：启动、加载、八章故事、一个离线页面", "the whole demo: up, loaded, a story in eight chapters, one offline page")
)
def story(
    scale: Annotated[float, typer.Option(min=0.01, max=1.0, help=say("规模，1 = 103 万人", "1 = 1,030,000 residents"))] = 0.01,
    seed: Annotated[int, typer.Option(help=say("随机种子", "random seed"))] = SEED,
    anew: Annotated[
        bool,
        typer.Option(
            "--anew",
            help=say("先清空 HUB_HOME 里的湖、台账、分析版和数据包", "first empty HUB_HOME of lake, ledger, editions and packages"),
        ),
    ] = False,
) -> None:
    from demo.story import tell

    raise typer.Exit(tell(home(), scale, seed, anew=anew))


@app.command("province", help=say("让省平台处理等待中的批次", "let the province work through the batches that wait"))
def let_province_work(
    refuse: Annotated[
        str | None,
        typer.Option("--refuse", metavar="RESOURCE", help=say("退回该资源的下一个批次", "refuse the next batch of that resource")),
    ] = None,
) -> None:
    from demo.story_platform import work

    _must_be_up()
    for batch, taken, text in work(home(), refuse):
        console.print(f"{'✓' if taken else '✗'} {batch}  {text}", style="green" if taken else "red", markup=False, soft_wrap=True)


def _list() -> None:
    table = Table(say("故障", "fault"), say("表现", "what happens"), say("默认发生在", "where, by default"))
    on = faults.active(home())
    for name, fault_ in faults.FAULTS.items():
        place = "/".join(v for v in (fault_.system, fault_.dataset, fault_.column) if v)
        table.add_row(f"[red]{name}[/red]" if name in on else name, say(fault_.zh, fault_.en), place)
    console.print(table)


def _must_be_up() -> None:
    if not noted(Path(home()), "city"):
        console.print(say("虚构城市未启动，先运行 hub demo up", "the invented city is not up; run hub demo up first"), style="red")
        raise typer.Exit(1)
