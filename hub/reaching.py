"""`hub check` and `hub discover`: whether a system can be reached, and what is there."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from hub import completing, opening, screen
from schemas.errors import HubError, RegistrationError
from schemas.home import say, systems_folder
from schemas.said import Said

if TYPE_CHECKING:
    from connectors.contract import Finding, Found
    from schemas.registration import System

SHOWN = 40  # columns of one table on the screen
OneSystem = Annotated[
    str,
    typer.Argument(
        metavar="DEPARTMENT/SYSTEM",
        autocompletion=completing.paths,
        help=say("例如 civil_affairs/assistance", "such as civil_affairs/assistance"),
    ),
]


def reachable(path: str) -> System:
    """A system that has a way in, whatever its stage."""
    city, broken = opening.sound_city()
    if path in broken:
        raise broken[path]
    system = city.system(path)
    if not system.connections:
        raise RegistrationError(
            f"{system.path} 没有登记接入方式（connector、connection）",
            f"{system.path} has no way in (connector, connection)",
            next_zh=f"在 {systems_folder() / (system.path + '.yml')} 写明 connector 和 connection",
            next_en=f"write connector and connection in {systems_folder() / (system.path + '.yml')}",
        )
    return system


def check(path: OneSystem) -> None:
    from connectors.opening import open_system

    system = reachable(path)
    failed = False
    for way in system.connections:
        screen.out().print(
            screen.cell(f"{system.path} {system.title}" + (f"（{way}）" if len(system.connections) > 1 else "")), style="bold"
        )
        try:
            with closing(open_system(system, way)) as connector:
                findings = connector.check()
        except HubError as error:
            screen.show_error(error)
            failed = True
            continue
        failed |= any(f.ok is False for f in findings)
        for finding in findings:
            _print_finding(finding)
    raise typer.Exit(screen.FAILED if failed else 0)


def _print_finding(finding: Finding) -> None:
    mark, style = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}[finding.ok]
    screen.out().print(screen.cell(f"  {mark} {say(finding.zh, finding.en)}"), style=style)
    following = say(finding.next_zh, finding.next_en)
    if following and finding.ok is not True:
        screen.out().print(screen.cell(f"    {say('下一步：', 'next: ')}{following}"))


def discover(
    path: OneSystem,
    only: Annotated[str, typer.Option("--only", help=say("只看名字含此文字的表", "only tables whose name contains this"))] = "",
    write: Annotated[
        bool,
        typer.Option(
            "--write", help=say("把尚未登记的表写进登记文件（原样保存）", "write tables not yet registered into the registration, as raw")
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=say("以 JSON 输出", "print JSON"))] = False,
) -> None:
    import dataclasses

    from connectors.opening import open_system
    from hub import draft

    system = reachable(path)
    found: dict[str, list[Found]] = {}
    for way in system.connections:
        with closing(open_system(system, way)) as connector:
            found[way] = [f for f in connector.discover() if only.lower() in f.name.lower()]
    if as_json:
        screen.print_json({way: [dataclasses.asdict(f) for f in there] for way, there in found.items()})
    else:
        for there in found.values():
            _print_found(there)
    if write:
        added = draft.add(systems_folder() / f"{system.path}.yml", system, found)
        screen.note(
            f"已向 {systems_folder() / (system.path + '.yml')} 写入 {len(added)} 个数据集：{'、'.join(added) or '无新增'}",
            f"{len(added)} datasets written to {systems_folder() / (system.path + '.yml')}: {', '.join(added) or 'none new'}",
        )
        screen.note(
            f"下一步：hub try {system.path}，再 hub sync {system.path}", f"next: hub try {system.path}, then hub sync {system.path}"
        )


def _print_found(there: list[Found]) -> None:
    made = screen.table(say("表", "table"), say("主键", "key"), say("行数", "rows"), say("列", "columns"), right=[say("行数", "rows")])
    for one in there:
        columns = [f"{c.name} {c.type}{f'（{c.title}）' if c.title else ''}" for c in one.columns[:SHOWN]]
        more = f" … +{len(one.columns) - SHOWN}" if len(one.columns) > SHOWN else ""
        made.add_row(
            screen.cell(one.name), screen.cell("、".join(one.key)), screen.number(one.rows), screen.cell("，".join(columns) + more)
        )
    screen.out().print(made)
    for hint, names in _hints(there).items():
        screen.note(f"{'、'.join(names)}：{hint.zh}", f"{', '.join(names)}: {hint.en}")
    screen.note(f"共 {len(there)} 个", f"{len(there)} in all")


def _hints(there: list[Found]) -> dict[Said, list[str]]:
    """What nobody can tell from what is there, with the tables it is said of."""
    found: dict[Said, list[str]] = {}
    for one in there:
        for hint in one.hints:
            found.setdefault(hint, []).append(one.name)
    return found
