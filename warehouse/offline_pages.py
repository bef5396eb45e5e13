"""Built pages made readable without a network: nothing is fetched from another host, nothing runs, one style sheet of ours.

a folder of Data Docs  ->  the same folder, with style.css and an index that needs no script
"""

from __future__ import annotations

import datetime as dt
import html
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from schemas import moments
from schemas.home import say, zone

# Scripts want libraries from other hosts; the logo carries an id and the time to Great Expectations' owner; footers advertise.
_TAKEN_OUT = re.compile(
    r"<script\b.*?</script\s*>|<footer\b.*?</footer\s*>|<link\b[^>]*>|<img\b[^>]*>|<base\b[^>]*>"
    r"|\s(?:on\w+)\s*=\s*(?:\"[^\"]*\"|'[^']*')"
    r"|\s(?:href|src|action)\s*=\s*(?:\"\s*(?:\w+:)?//[^\"]*\"|'\s*(?:\w+:)?//[^']*')"
    r"|@import[^;]*;|url\(\s*['\"]?\s*(?:\w+:)?//[^)]*\)",
    re.IGNORECASE | re.DOTALL,
)

STYLE = """\
:root { --ink: #1f2430; --soft: #5b6472; --line: #d9dde3; --back: #f5f6f8; --good: #1a7f4b; --bad: #b3261e; --unsure: #9a6200; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 15px/1.6 "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei", sans-serif; }
.container-fluid, main { max-width: 1200px; margin: 0 auto; padding: 12px 24px; }
a { color: #1d5fa8; }
nav.navbar { height: auto !important; border-bottom: 1px solid var(--line); padding: 8px 24px; }
ol.breadcrumb, ul.nav { list-style: none; margin: 0; padding: 0; }
ol.breadcrumb li { display: inline; }
ol.breadcrumb li + li::before { content: " / "; color: var(--soft); }
table { border-collapse: collapse; width: 100%; margin: 8px 0; }
th, td { border-bottom: 1px solid var(--line); padding: 6px 10px; text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
.alert, .card-header { background: var(--back); border-left: 3px solid var(--line); padding: 8px 12px; }
.badge { background: var(--back); border: 1px solid var(--line); border-radius: 3px; padding: 0 4px; }
.text-danger, .bad { color: var(--bad); }
.text-success, .good { color: var(--good); }
.text-warning, .unsure { color: var(--unsure); }
.fa-times::before { content: "✗"; }
.fa-check-circle::before { content: "✓"; }
.fa-exclamation-triangle::before { content: "?"; }
i.fas { font-style: normal; font-weight: 700; }
.modal, .card.mb-3, .cooltip .top, .ml-1 > .btn, [hidden] { display: none; }
.sticky { position: static !important; }
code { overflow-wrap: anywhere; }
"""


@dataclass(frozen=True)
class Page:
    """One line of the index."""

    name: str
    title: str
    at: dt.datetime
    passed: int
    failed: int
    unchecked: int
    result: Path
    suite: Path


def clean(site: Path) -> None:
    """Take out of every page what another host would have to give, and all scripts. What is left reads the style sheet beside it."""
    shutil.rmtree(site / "static", ignore_errors=True)
    (site / "style.css").write_text(STYLE, "utf-8")
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        while (shorter := _TAKEN_OUT.sub("", text)) != text:  # what is taken out may have held another apart
            text = shorter
        link = f'<link rel="stylesheet" href="{os.path.relpath(site / "style.css", page.parent)}">'
        page.write_text(text.replace("</head>", f"{link}\n</head>", 1), "utf-8")


def index(site: Path, pages: Iterable[Page]) -> Path:
    """The first page: every dataset with what was found, the troubled ones first."""
    lines = "\n".join(_line(site, p) for p in sorted(pages, key=lambda p: (-p.failed, -p.unchecked, p.name)))
    heads = (
        say("数据集", "dataset"),
        say("检查时间", "checked at"),
        say("符合", "kept"),
        say("不符", "broken"),
        say("未能检查", "not checked"),
        say("规则", "promises"),
    )
    title = say("数据质量", "Data quality")
    path = site / "index.html"
    path.write_text(
        f'<!DOCTYPE html>\n<html lang="{say("zh-CN", "en")}">\n<head><meta charset="utf-8"><title>{title}</title>'
        f'<link rel="stylesheet" href="style.css"></head>\n<body><main><h1>{title}</h1>\n<table>\n'
        f"<thead><tr>{''.join(f'<th>{h}</th>' for h in heads)}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table></main></body>\n</html>\n",
        "utf-8",
    )
    return path


def _line(site: Path, page: Page) -> str:
    result, suite = (html.escape(p.relative_to(site).as_posix()) for p in (page.result, page.suite))
    at = moments.local(page.at, zone()).strftime("%Y-%m-%d %H:%M")
    counts = ((page.passed, "good"), (page.failed, "bad"), (page.unchecked, "unsure"))
    cells = "".join(f'<td class="{word if n else ""}">{n}</td>' for n, word in counts)
    return (
        f'<tr><td><a href="{result}">{html.escape(page.title or page.name)}</a><br><small>{html.escape(page.name)}</small></td><td>{at}</td>{cells}'
        f'<td><a href="{suite}">{say("查看", "show")}</a></td></tr>'
    )
