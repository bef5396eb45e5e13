"""A story in sections becomes lines in a terminal and one self-contained page that asks nobody for anything.

list[Section]  ->  terminal (rich)   |   story.html (inline style and script, Chinese with an English switch)
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table as Grid

from schemas.home import english
from schemas.said import Said


class Bar(NamedTuple):
    """A share of the whole, drawn."""

    share: float


@dataclass(frozen=True)
class Para:
    text: Said


@dataclass(frozen=True)
class Code:
    """A command and, if any, what it printed."""

    text: str


@dataclass(frozen=True)
class Table:
    heads: Sequence[Said]
    rows: Sequence[Sequence[object]]
    marks: Sequence[str] = ()  # one a row: good, warn, bad or nothing
    numbers: frozenset[int] = frozenset()  # columns that are set to the right


Block = Para | Code | Table


@dataclass
class Section:
    title: Said
    blocks: list[Block] = field(default_factory=list)

    def say(self, zh: str, en: str) -> None:
        self.blocks.append(Para(Said(zh, en)))

    def run(self, text: str) -> None:
        self.blocks.append(Code(text))

    def show(self, heads: Sequence[Said], rows: Sequence[Sequence[object]], marks: Sequence[str] = (), numbers: Sequence[int] = ()) -> None:
        self.blocks.append(Table(heads, rows, marks, frozenset(numbers)))


def _cell(value: object) -> str:
    if isinstance(value, Said):
        return str(value)
    if isinstance(value, Bar):
        return "█" * max(1, round(value.share * _BLOCKS))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)


_BLOCKS = 24  # of the longest bar in a terminal
_COLOURS = {"good": "green", "warn": "yellow", "bad": "red"}


def print_section(console: Console, section: Section, number: int) -> None:
    """One section as it is known, so that nobody waits for the last one."""
    console.print()
    console.print(Panel(f"[bold]{number}. {escape(str(section.title))}[/]", border_style="cyan", expand=False))
    for block in section.blocks:
        match block:
            case Para(text):
                console.print(escape(str(text)))
            case Code(text):
                console.print(f"[dim]$ {escape(text)}[/]")
            case Table(heads, rows, marks, numbers):
                grid = Grid(show_edge=False, header_style="bold")
                for n, head in enumerate(heads):
                    grid.add_column(escape(str(head)), justify="right" if n in numbers else "left", overflow="fold")
                for n, row in enumerate(rows):
                    style = _COLOURS.get(marks[n], "") if n < len(marks) else ""
                    grid.add_row(*(escape(_cell(c)) for c in row), style=style)
                console.print(grid)


def _both(zh: str, en: str) -> str:
    return f'<span lang="zh">{html.escape(zh)}</span><span lang="en">{html.escape(en)}</span>'


def _html(block: Block) -> str:
    match block:
        case Para(text):
            return f"<p>{_both(text.zh, text.en)}</p>"
        case Code(text):
            return f"<pre>{html.escape(text)}</pre>"
        case Table(heads, rows, marks, numbers):
            return _html_table(heads, rows, marks, numbers)
    raise TypeError(block)


def _html_table(heads: Sequence[Said], rows: Sequence[Sequence[object]], marks: Sequence[str], numbers: frozenset[int]) -> str:
    """A table; what is too wide for a narrow screen becomes a card a row there, each value under its own head."""
    wide = len(heads) > 5 or (len(heads) > 3 and any(len(_cell(c)) > _LONG for row in rows for c in row))
    head = "".join(f'<th class="{_right(n, numbers)}" scope="col">{_both(*h)}</th>' for n, h in enumerate(heads))
    body = "".join(
        f'<tr class="{html.escape(marks[r]) if r < len(marks) else ""}">'
        + "".join(_html_cell(c, _right(n, numbers), heads[n] if wide else None) for n, c in enumerate(row))
        + "</tr>"
        for r, row in enumerate(rows)
    )
    cards = ' class="cards"' if wide else ""
    return f'<div class="wide"><table{cards}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _html_cell(value: object, side: str, head: Said | None) -> str:
    label = f'<span class="head">{_both(*head)}</span>' if head and any(head) else ""
    match value:
        case Said():
            shown = _both(*value)
        case Bar(share):
            shown = f'<i class="bar" style="width:{share * 100:.1f}%"></i>'
        case _:
            shown = html.escape(_cell(value))
    nothing = "" if shown and any(value if isinstance(value, Said) else (shown,)) else " nothing"
    long = " long" if len(_cell(value)) > _LONG else ""
    return f'<td class="{side}{nothing}{long}">{label}<span>{shown}</span></td>'


_LONG = 40  # characters


def _right(n: int, numbers: frozenset[int]) -> str:
    return "number" if n in numbers else ""


def as_html(title: Said, lead: Said, sections: Sequence[Section]) -> str:
    """The whole story as one page; nothing on it is fetched from anywhere."""
    parts = "".join(
        f'<section id="s{n}"><h2><b>{n}</b>{_both(*s.title)}</h2>{"".join(map(_html, s.blocks))}</section>'
        for n, s in enumerate(sections, 1)
    )
    index = "".join(f'<a href="#s{n}">{n} {_both(*s.title)}</a>' for n, s in enumerate(sections, 1))
    return (
        f'<!doctype html><html lang="zh-CN" data-language="{"en" if english() else "zh"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
        f"<title>{html.escape(title.zh)}</title><style>{_STYLE}</style></head><body>"
        f'<header><div><h1>{_both(*title)}</h1><p>{_both(*lead)}</p></div><button id="switch" type="button">English</button></header>'
        f"<nav>{index}</nav><main>{parts}</main><script>{_SCRIPT}</script></body></html>\n"
    )


_STYLE = """
:root{--ink:#1c2430;--soft:#5d6b7c;--line:#dfe5ec;--paper:#fff;--ground:#f4f6f9;--mark:#0b5cad;--good:#0f7b3f;--warn:#9a6200;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf1;--soft:#9aa8b8;--line:#334050;--paper:#18202b;--ground:#10161f;--mark:#7db7f2;--good:#62c98a;--warn:#e0b050;--bad:#f08a80}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.65 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif}
header{display:flex;gap:1rem;justify-content:space-between;align-items:flex-start;max-width:64rem;margin:0 auto;padding:2rem 1.25rem 0.5rem}
h1{font-size:1.6rem;line-height:1.3;margin:0}header p{color:var(--soft);margin:.4rem 0 0}
button{font:inherit;border:1px solid var(--line);background:var(--paper);color:var(--ink);border-radius:.4rem;padding:.35rem .9rem;cursor:pointer;white-space:nowrap}
nav{max-width:64rem;margin:0 auto;padding:.5rem 1.25rem;display:flex;flex-wrap:wrap;gap:.4rem}
nav a{color:var(--mark);text-decoration:none;border:1px solid var(--line);border-radius:1rem;padding:.1rem .7rem;font-size:.85rem;background:var(--paper)}
main{max-width:64rem;margin:0 auto;padding:.5rem 1.25rem 4rem}
section{background:var(--paper);border:1px solid var(--line);border-radius:.6rem;padding:1.1rem 1.25rem;margin:1rem 0;scroll-margin-top:1rem}
h2{font-size:1.15rem;margin:0 0 .6rem;display:flex;gap:.6rem;align-items:baseline}h2 b{color:var(--mark)}
p{margin:.5rem 0;overflow-wrap:anywhere}pre{background:var(--ground);border-radius:.4rem;padding:.7rem .9rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.86rem;margin:.6rem 0}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem;margin:.6rem 0}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:break-word}th{color:var(--soft);font-weight:600;white-space:nowrap}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.good td:first-child{box-shadow:inset 3px 0 var(--good)}tr.warn td:first-child{box-shadow:inset 3px 0 var(--warn)}tr.bad td:first-child{box-shadow:inset 3px 0 var(--bad)}
.cards td:not(.number){min-width:6.5em}td.long{overflow-wrap:anywhere}.cards td.long{min-width:16em}.head{display:none}.bar{display:block;height:.9em;margin-top:.35em;background:var(--mark);border-radius:2px;min-width:3px}td:has(.bar){width:60%}td:has(.bar) span{display:block}
@media (max-width:44rem){
main,nav,header{padding-left:.7rem;padding-right:.7rem}section{padding:.9rem .8rem}h1{font-size:1.35rem}th,td{padding:.3rem .4rem;overflow-wrap:anywhere}th,th.number{white-space:normal;overflow-wrap:normal}td:first-child{min-width:4em}
.cards thead{display:none}.cards tr{display:block;border-bottom:1px solid var(--line);padding:.45rem 0 .45rem .6rem}
.cards td{display:flex;gap:1rem;justify-content:space-between;border:0;padding:.1rem 0;white-space:normal;text-align:right;min-width:0!important}
.cards td:first-child{font-weight:600;text-align:left;box-shadow:none!important}.cards td:first-child .head{display:none}
.cards .head{display:block;color:var(--soft);flex:none;text-align:left}.cards .nothing{display:none}
.cards tr.good{box-shadow:inset 3px 0 var(--good)}.cards tr.warn{box-shadow:inset 3px 0 var(--warn)}.cards tr.bad{box-shadow:inset 3px 0 var(--bad)}}
@media print{
:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--ground:#fff}@page{margin:16mm 14mm}body{font-size:10.5pt}
nav,button,pre{display:none}header,main{max-width:none;padding:0}section{border:0;border-top:1px solid var(--line);border-radius:0;padding:.6rem 0;margin:.4rem 0}
h2{break-after:avoid}tr,p{break-inside:avoid}thead{display:table-header-group}.wide{overflow:visible}table{font-size:9.5pt}.bar{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
[data-language=zh] [lang=en],[data-language=en] [lang=zh]{display:none}
"""
_SCRIPT = """
const root=document.documentElement,button=document.getElementById('switch');
const show=()=>{button.textContent=root.dataset.language==='zh'?'English':'中文'};
button.onclick=()=>{root.dataset.language=root.dataset.language==='zh'?'en':'zh';show()};show();
"""
