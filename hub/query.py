"""`hub query` and `hub fields`: questions to the analysts' edition. The lake is never asked; what is masked stays masked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub import opening, screen
from hub.stages import who
from schemas.errors import QueryRefused
from schemas.home import english, home, say

if TYPE_CHECKING:
    from warehouse.query import Answer

SHOWN, MOST = 1000, 1_000_000
Vertical = Annotated[
    bool | None,
    typer.Option("--vertical/--table", help=say("一行一个值（默认看宽度）", "one value a line (by default where a table does not fit)")),
]
Audience = Annotated[str, typer.Option("--audience", help=say("使用对象", "whose edition"))]


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help=say("一条 SELECT；- 表示从标准输入读", "one SELECT; - reads it from stdin"))],
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            min=1,
            max=MOST,
            help=say("最多返回几行（屏幕 1000，CSV 一百万）", "rows returned at most (1000 on the screen, a million as CSV)"),
        ),
    ] = None,
    seconds: Annotated[int, typer.Option("--seconds", min=1, max=3600, help=say("最长运行秒数", "seconds it may take"))] = 30,
    csv: Annotated[Path | None, typer.Option("--csv", help=say("写入 CSV 文件（- 为标准输出）", "write a CSV file (- is stdout)"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("以 JSON 输出", "print JSON"))] = False,
    vertical: Vertical = None,
    audience: Audience = "analyst",
) -> None:
    from warehouse.query import ask

    most = limit or (MOST if csv is not None else SHOWN)
    answer = ask(home(), sys.stdin.read() if sql == "-" else sql, audience, limit_rows=most, seconds=seconds, who=who())
    if csv is not None:
        from hub.tables import write_csv

        if answer.truncated:
            raise QueryRefused(
                f"结果超过一次能取的 {most} 行或 64 MB，没有写文件：一个缺行的文件看起来是完整的",
                f"the answer is more than {most} rows or 64 MB; no file was written, for one that lacks rows looks whole",
                next_zh="用 WHERE 分批取，或用 --limit 增加行数",
                next_en="take it in parts with WHERE, or raise --limit",
            )
        count = write_csv(csv, answer.columns, answer.rows)
        screen.note(f"已写入 {csv}，{count} 行", f"{count} rows written to {csv}")
    elif as_json:
        screen.print_json([dict(zip(answer.columns, r, strict=True)) for r in answer.rows])
    else:
        titles = {} if english() else _titles()
        heads = [f"{c}\n{titles[c]}" if c in titles and titles[c] != c else c for c in answer.columns]
        screen.print_rows(heads, answer.rows, vertical=vertical)
    _about(answer, most)


def _titles() -> dict[str, str]:
    """Chinese titles of field names, where all record types agree on one."""
    city, _ = opening.sound_city()
    found: dict[str, set[str]] = {}
    named = [(n, f.title) for r in city.records.values() for n, f in r.fields.items()]
    named += [(n, c.title) for d, _ in city.derived.values() for n, c in d.columns.items()]
    for name, title in named:
        found.setdefault(name, set()).add(title)
    return {n: next(iter(t)) for n, t in found.items() if len(t) == 1}


def _about(answer: Answer, limit: int) -> None:
    screen.note(
        f"{answer.table.num_rows} 行，{answer.seconds:.2f} 秒，{answer.audience} 第 {answer.generation} 版",
        f"{answer.table.num_rows} rows, {answer.seconds:.2f} s, {answer.audience} edition {answer.generation}",
    )
    if answer.truncated:
        screen.note(f"结果不止这些：只取了前 {limit} 行以内（--limit 增加）", f"there is more: cut at {limit} rows (--limit raises it)")


def fields(
    record: Annotated[str | None, typer.Argument(help=say("只看一个表", "one table only"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("以 JSON 输出", "print JSON"))] = False,
    audience: Audience = "analyst",
) -> None:
    from warehouse.query import ask

    rows = ask(home(), "SELECT record, field, title, type, masked FROM shared.fields", audience, limit_rows=100_000, who=who()).rows
    known = list(dict.fromkeys(r[0] for r in rows))
    if record is not None and record not in known:
        raise QueryRefused(f"没有表 {record}；有：{'、'.join(known)}", f"there is no table {record}; there are: {', '.join(known)}")
    chosen = [r for r in rows if record in (None, r[0])]
    if as_json:
        screen.print_json([dict(zip(("record", "field", "title", "type", "masked"), r, strict=True)) for r in chosen])
    elif record is None:
        _tables(audience)
    else:
        heads = [say(*t) for t in (("字段", "field"), ("名称", "title"), ("类型", "type"), ("脱敏", "masked"))]
        screen.print_rows(heads, [r[1:] for r in chosen], title=f"shared.{record}")


def _tables(audience: str) -> None:
    """Every table, its Chinese view and its sources with their age."""
    from warehouse.query import ask

    views = dict(ask(home(), "SELECT comment, view_name FROM duckdb_views() WHERE schema_name = '中文'", audience, who=who()).rows)
    rows = ask(
        home(),
        "SELECT f.record, count(DISTINCT f.field), (SELECT string_agg(s.source || ' ' || s.\"rows\", ' · ' ORDER BY s.source) FROM shared.sources s"
        " WHERE s.record = f.record) FROM shared.fields f GROUP BY f.record ORDER BY f.record",
        audience,
        limit_rows=10_000,
        who=who(),
    ).rows
    made = screen.table(say("表", "table"), say("中文视图", "Chinese view"), say("字段", "fields"), say("来源（行）", "sources (rows)"))
    for record, count, sources in rows:
        view = views.get(f"shared.{record}")
        made.add_row(f"shared.{record}", f'中文."{view}"' if view else "", str(count), screen.cell(sources))
    screen.out().print(made)
    screen.note("hub fields 表名 查看字段", "hub fields TABLE lists its fields")
