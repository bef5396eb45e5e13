"""The story of the demo: eight chapters, each told as soon as it is known, and one page of it all.

the city up, loaded, asked, troubled, mended  ->  terminal, $HUB_HOME/demo/story.html, exit status 0 if every promise was kept
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from demo import faults
from demo.page import Section, as_html, print_section
from demo.sides import folder, noted
from demo.story_analyst import analyst, findings
from demo.story_city import forget, said, set_up
from demo.story_figures import funnel, thirteen
from demo.story_person import one_person
from demo.story_province import delivered
from demo.story_telling import Telling
from demo.story_trouble import trouble
from hub import opening, screen
from hub.progress import Told
from schemas.errors import HubError
from schemas.home import say
from schemas.said import Said

Chapter = Callable[[Telling, Section], None]
TITLE = Said("联枢：从登记到省平台", "Lianshu: from a registration to the province")


def next_steps(telling: Telling, section: Section) -> None:
    """What a reader can type now."""
    del telling
    section.say("对端和数据都留着，可以接着试：", "Far sides and data stay as they are; go on with:")
    rows = [
        ("hub status", Said("各系统多新、该谁处理、下一步", "how fresh each system is, whose move, what next")),
        ("hub why grid_staff_full_time", Said("一个数从哪些行来", "the rows behind a figure")),
        ('hub query "FROM 中文.城市治理指标"', Said("像分析员一样提问", "ask as an analyst does")),
        ("hub quality --docs", Said("检查结果，离线可看的 Data Docs", "what was checked, as Data Docs that need no network")),
        ("hub demo fault", Said("让对端出故障", "let a far side misbehave")),
        ("hub demo tick && hub sync", Said("时间前进，再同步", "time passes, then sync")),
        ("make dev", Said("在同一份数据上打开 Dagster 界面", "Dagster's own view of the same data")),
        ("docs/howto/add-a-system.md", Said("登记你自己的系统：写一个 YAML", "register a system of your own: one YAML")),
        ("hub demo down --erase", Said("收起演示", "put the demo away")),
    ]
    section.show([Said("输入", "type"), Said("看到", "and see")], rows)


CHAPTERS: tuple[tuple[Said, Chapter], ...] = (
    (Said("需要拿主意的两件事：跨部门才看得见", "Two things to decide on, which only show across departments"), findings),
    (Said("报道里的数，和它们的来历", "The article's figures, and where they come from"), thirteen),
    (Said("漏斗：112 个系统走到哪一步", "The funnel: how far the systems have come"), funnel),
    (Said("一个人的一行，从 GB18030 文件到回执", "One person's row, from a GB18030 file to the receipt"), one_person),
    (Said("分析员：不给原号，可用假名关联", "An analyst: no raw numbers, joins by pseudonym"), analyst),
    (Said("出了三种事之后", "After three things went wrong"), trouble),
    (Said("省平台的副本与我方的对账", "The province's copy against ours"), delivered),
    (Said("接下来输入什么", "What to type next"), next_steps),
)


def tell(home: Path, scale: float, seed: int, *, anew: bool = False) -> int:
    """Tell it all; 0 when everything it promised came out. Faults are lifted at the end, whatever happened."""
    opening.keep_log()
    if anew:
        forget(home)
    with Told() as told:
        telling = Telling(home.resolve(), seed, scale, told)
        try:
            set_up(telling)
            for number, (title, chapter) in enumerate(CHAPTERS, 1):
                _tell_one(telling, number, title, chapter)
        finally:
            if noted(home, "city"):
                faults.off(home)
            telling.close()
    return _close(telling)


def _tell_one(telling: Telling, number: int, title: Said, chapter: Chapter) -> None:
    """One chapter, shown at once. A chapter that cannot be told is a broken promise, and the next one begins."""
    section = Section(title)
    try:
        chapter(telling, section)
    except HubError as error:
        telling.promise(False, f"第 {number} 章：{error.zh}", f"chapter {number}: {error.en}")
        section.say(said(error), said(error))
    telling.sections.append(section)
    print_section(screen.out(), section, number)


def _close(telling: Telling) -> int:
    out = screen.out()
    page = write(telling)
    kept = len(telling.promises) - len(telling.broken)
    out.print()
    for promise in telling.broken:
        out.print(screen.cell(f"✗ {promise.said}"), style="red")
    out.print(screen.cell(say(
        f"{len(telling.promises)} 项核对，{kept} 项符合；用时 {telling.seconds:.0f} 秒", f"{len(telling.promises)} checks, {kept} kept; {telling.seconds:.0f} seconds"
    )), style="red" if telling.broken else "green")  # fmt: skip
    if telling.broken:
        out.print(screen.cell(say("若对端曾被重新生成：hub demo story --anew", "if the far sides were made anew: hub demo story --anew")))
    out.print(screen.cell(f"{say('页面', 'page')}：{page}"), soft_wrap=True)
    out.print(screen.cell(f"{say('接着输入', 'type next')}：hub status · make dev"))
    return screen.FAILED if telling.broken else 0


def write(telling: Telling) -> Path:
    """The page, whole under its name."""
    kept = len(telling.promises) - len(telling.broken)
    lead = Said(
        f"虚构的{telling.city.settings.title}，规模 {telling.scale:g}，{len(telling.invented.residents):,} 人；页上每个数都来自这一次运行。"
        f"{len(telling.promises)} 项核对，{kept} 项符合。",
        f"An invented {telling.city.settings.title_en}, scale {telling.scale:g}, {len(telling.invented.residents):,} residents; every number here "
        f"comes from this run. {len(telling.promises)} checks, {kept} kept.",
    )
    sections = [*telling.sections, _broken(telling)] if telling.broken else telling.sections
    page = folder(telling.home) / "story.html"
    half = page.with_suffix(".half")
    half.write_text(as_html(TITLE, lead, sections), "utf-8")
    half.replace(page)
    return page


def _broken(telling: Telling) -> Section:
    section = Section(Said("没有兑现的", "What did not come out"))
    section.show([Said("核对", "check")], [(p.said,) for p in telling.broken], ["bad"] * len(telling.broken))
    return section
