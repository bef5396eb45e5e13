"""`hub lake`: what the lake holds, as engineers may see it, and its nightly care.

What is asked of it is masked by nobody, so every question leaves a line in $HUB_HOME/audit/lake.jsonl.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from hub import opening, screen
from hub.query import Vertical
from hub.stages import who
from schemas.errors import RegistrationError
from schemas.home import home, say

app = typer.Typer(no_args_is_help=True, help=say("数据湖：概况与维护。", "The lake: what it holds, and its care."))


@app.command(help=say("备份目录，合并小文件，清理过期版本。", "Back up the catalogue, merge small files, forget old versions."))
def maintain(
    keep_days: Annotated[int, typer.Option("--keep-days", help=say("版本保留天数", "days that versions are kept"))] = 90,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=say("只说会做什么", "only say what would be done"))] = False,
) -> None:
    from warehouse import maintenance
    from warehouse.lake import Lake

    with opening.lake_to_read():
        pass  # says so when there is no lake
    lake = Lake(home())
    try:
        with screen.err().status(say("维护中，写入者需稍候", "maintaining; writers wait meanwhile")):
            report = maintenance.maintain(lake, home(), keep_days=keep_days, dry_run=dry_run)
    finally:
        lake.close()
    made = screen.table("", say("数量", "count"), right=[say("数量", "count")])
    if report.backup:
        made.add_row(say("目录备份", "backup of the catalogue"), screen.cell(report.backup))
    for zh, en, count in (
        ("数据文件（之前）", "data files before", report.files_before),
        ("数据文件（之后）", "data files after", report.files_after),
        ("过期版本", "versions expired", report.expired),
        ("删除的旧文件", "old files removed", report.removed),
        ("清理的孤儿文件", "orphans removed", report.orphans),
    ):
        made.add_row(say(zh, en), screen.number(count))
    made.add_row(say("用时", "took"), f"{sum(report.seconds.values()):.1f} s")
    screen.out().print(made)


@app.command(help=say("数据湖概况：位置、版本、各站行数。", "Where the lake is, its version, rows at every station."))
def info(as_json: Annotated[bool, typer.Option("--json", help=say("以 JSON 输出", "print JSON"))] = False) -> None:
    from warehouse.sql import one

    with opening.lake_to_read() as lake:
        con = lake.cursor()
        files = one(
            con, "SELECT count(*), coalesce(sum(file_count), 0), coalesce(sum(file_size_bytes), 0) FROM ducklake_table_info('lake')"
        )
        stations = con.execute(
            "SELECT schema_name, count(*), sum(estimated_size)::BIGINT FROM duckdb_tables() WHERE database_name = 'lake' GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        facts = {"home": str(lake.home), "snapshot": lake.snapshot(), "tables": files[0], "files": int(files[1]), "bytes": int(files[2])}
    if as_json:
        screen.print_json({**facts, "stations": {s: {"tables": t, "rows": r} for s, t, r in stations}})
        return
    out = screen.out()
    for zh, en, value in (
        ("位置", "place", facts["home"]),
        ("当前版本", "version now", facts["snapshot"]),
        ("数据文件", "data files", f"{screen.number(int(files[1]))}（{int(files[2]) / 1e6:,.1f} MB）"),
    ):
        out.print(screen.cell(f"{say(zh, en)}：{value}"), soft_wrap=True)
    made = screen.table(say("库", "station"), say("表", "tables"), say("行", "rows"), right=[say("表", "tables"), say("行", "rows")])
    for name, tables, rows in stations:
        made.add_row(say(*_STATIONS.get(name, (name, name))), str(tables), screen.number(rows))
    out.print(made)


@app.command(help=say("列出湖中的表和行数。", "List the tables of the lake and their rows."))
def tables(
    station: Annotated[
        str | None, typer.Argument(help=say("landing、quarantine、standard、shared 或 hub", "landing, quarantine, standard, shared or hub"))
    ] = None,
) -> None:
    with opening.lake_to_read() as lake:
        rows = lake.cursor().execute(
            "SELECT schema_name, table_name, estimated_size, column_count FROM duckdb_tables()"
            " WHERE database_name = 'lake' AND schema_name = coalesce(?, schema_name) ORDER BY ALL",
            [station],
        )
        found = rows.fetchall()
    screen.print_rows([say(*t) for t in (("库", "station"), ("表", "table"), ("行", "rows"), ("列", "columns"))], found)


@app.command(
    help=say("不再属于任何登记的数据：列出，核实后删除。", "Data that no registration owns any more: listed, and dropped by name.")
)
def orphans(
    drop: Annotated[str | None, typer.Option("--drop", metavar="TABLE", help=say("删除这一个", "drop this one"))] = None,
    because: Annotated[str, typer.Option("--because", help=say("删除理由，记入台账", "why it may go; entered in the ledger"))] = "",
) -> None:
    from warehouse import owners

    city, broken = opening.sound_city()
    if drop is None:
        with opening.lake_to_read() as lake:
            found = owners.orphaned(lake, city)
        screen.print_rows([say(*t) for t in (("数据集", "dataset"), ("落地行", "rows landed"))], list(found.items()))
        if broken:
            screen.note(
                f"登记有误、无法判断归属：{'、'.join(broken)}", f"broken registrations, whose data may be among these: {', '.join(broken)}"
            )
        return
    if broken:
        raise next(iter(broken.values()))
    if not because.strip():
        raise RegistrationError("请写明删除理由 --because", "say why with --because")
    with opening.whole_hub(city) as hub:
        known = owners.orphaned(hub.lake, city)
        if drop not in known:
            there = "、".join(known) or say("（无）", "(none)")
            raise RegistrationError(f"{drop} 不在无主数据中；有：{there}", f"{drop} is not among the orphans; there are: {there}")
        owners.drop(hub.lake, drop)
        hub.ledger.decide("drop", drop, by=who(), because=because.strip())
    screen.note(f"已删除 {drop}；旧版本随 hub lake maintain 清除", f"{drop} is dropped; its old versions go with hub lake maintain")


@app.command(
    help=say(
        "工程师直接查询数据湖（未脱敏，留痕）。分析请用 hub query。", "Ask the lake itself: unmasked, audited. Analysts use hub query."
    )
)
def query(
    sql: Annotated[
        str,
        typer.Argument(
            metavar="SQL", help=say("例如 FROM landing.<代号>__<数据集> LIMIT 5", "such as FROM landing.<code>__<dataset> LIMIT 5")
        ),
    ],
    limit: Annotated[int, typer.Option("--limit", min=1, help=say("最多显示几行", "rows shown at most"))] = 1000,
    csv: Annotated[
        Path | None, typer.Option("--csv", help=say("全部写入 CSV 文件（- 为标准输出）", "write all to a CSV file (- is stdout)"))
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("以 JSON 输出", "print JSON"))] = False,
    vertical: Vertical = None,
) -> None:
    from hub.tables import write_csv
    from warehouse.asking import selected

    sql = sys.stdin.read() if sql == "-" else sql
    with opening.lake_to_read() as lake:
        _audit(sql)
        found = selected(lake, sql)
        names = [c[0] for c in found.description]
        if csv is not None:
            count = write_csv(csv, names, iter(found.fetchone, None))
            screen.note(f"已写入 {csv}，{count} 行", f"{count} rows written to {csv}")
        elif as_json:
            screen.print_json([dict(zip(names, r, strict=True)) for r in found.fetchmany(limit)])
        else:
            screen.print_rows(names, found.fetchmany(limit), vertical=vertical)


def _audit(sql: str) -> None:
    """Who asked what, before it is answered."""
    folder = home() / "audit"
    folder.mkdir(mode=0o700, exist_ok=True)
    line = {"who": who(), "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"), "sql": sql[:100_000]}
    handle = os.open(folder / "lake.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as out:
        out.write(json.dumps(line, ensure_ascii=False) + "\n")


_STATIONS = {
    "hub": ("台账（hub）", "hub"),
    "landing": ("归集库（landing）", "landing"),
    "quarantine": ("隔离区（quarantine）", "quarantine"),
    "standard": ("标准库（standard）", "standard"),
    "shared": ("共享库（shared）", "shared"),
}
