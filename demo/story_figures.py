"""How far the city's systems have come, and the figures of the article with the sum behind one of them."""

from __future__ import annotations

from answers import why
from answers.standing import WAY
from demo.expected import FIGURES, figures
from demo.page import Bar, Section
from demo.story_telling import Telling, mark
from schemas.registration import STAGES
from schemas.said import Said
from warehouse.reasons import REASONS

SHOWN = "grid_staff_full_time"


def funnel(telling: Telling, section: Section) -> None:
    """112 known, 112 surveyed, 12 in service: whoever has reached a stage counts there."""
    systems = list(telling.city)
    counts = {stage: sum(s.stage in WAY[n:] for s in systems) for n, stage in enumerate(WAY)}
    departments = len(telling.city.departments)
    section.say(
        f"全市已知 {len(systems)} 个系统，分属 {departments} 个部门；其中 {counts['in_service']} 个已正式接入，下面的一切都来自它们。",
        f"{len(systems)} systems are known in {departments} departments; {counts['in_service']} of them are in service, and all that follows comes from these.",
    )
    rows = [(Said("已知", "known"), len(systems), Bar(1))]
    rows += [(Said(STAGES[stage], stage.replace("_", " ")), n, Bar(n / len(systems))) for stage, n in counts.items() if n]
    section.show([Said("到过的阶段", "stage reached"), Said("系统数", "systems"), Said("", "")], rows, numbers=[1])
    section.run("hub status --funnel")
    telling.promise(len(systems) == 112 and counts["in_service"] == 12, "已知 112 个系统、正式 12 个", "112 systems known, 12 in service")


def thirteen(telling: Telling, section: Section) -> None:
    """Every figure out of the edition, beside what the article says and what counting landed rows would say."""
    ticks = telling.ticks
    expected = figures(ticks)
    found = {f: (title, value) for f, title, value in telling.ask("SELECT figure, title, value FROM shared.city_figures").rows}
    telling.line(f"第一个指标：{found.get(SHOWN, ('', None))[1]}", f"the first figure: {found.get(SHOWN, ('', None))[1]}")
    section.say(
        f"报道中的 13 个数，由共享库用 SQL 计算，分析员从脱敏的分析版查得（启动后 {telling.seconds:.0f} 秒）。对端有重复、旧副本和错值，"
        "直接数收到的行会得到另一个数。" + (f"此前时间已前进 {ticks} 次，应得数随之变化。" if ticks else ""),
        f"The article's 13 figures, computed by SQL over what is shared, as an analyst reads them from the masked edition ({telling.seconds:.0f} "
        "seconds after the start). The far sides hold duplicates, stale copies and wrong values: counting the rows that came in gives another number."
        + (f" Time has passed {ticks} times before, and what must come out has moved along." if ticks else ""),
    )
    _table(telling, section, found, expected)
    section.run('hub query "SELECT figure, title, value FROM shared.city_figures"')
    _ladder(telling, section)


def _table(telling: Telling, section: Section, found: dict[str, tuple[str, int]], expected: dict[str, int]) -> None:
    rows, marks = [], []
    known = why.figures(telling.city)
    for name, wanted in expected.items():
        title, value = found.get(name, (name, None))
        received = why.figure(telling.hub.lake, telling.city, name).steps[0].count
        english = known[name][1].title_en or name
        ok = telling.promise(value == wanted, f"{title}应为 {wanted:,}，得到 {value}", f"{english}: {wanted:,} must come out, got {value}")
        telling.promise(
            received != wanted, f"{title}：直接数收到的行应得到另一个数", f"{english}: counting landed rows must give another number"
        )
        rows.append((Said(title, english), FIGURES[name], wanted, value, received))
        marks.append(mark(ok))
    heads = [
        Said("指标", "figure"), Said("报道", "article"), Said("应得", "expected"), Said("得到", "found"),
        Said("若直接数收到的行", "if landed rows were counted"),
    ]  # fmt: skip
    section.show(heads, rows, marks, numbers=[1, 2, 3, 4])


def _ladder(telling: Telling, section: Section) -> None:
    """From the figure back to the rows that were received; the steps add up."""
    explained = why.figure(telling.hub.lake, telling.city, SHOWN)
    section.say(
        f"{explained.title}为什么是 {explained.value:,}：每一步都可打开看行，各步之和正好等于这个数。",
        f"Why {SHOWN} is {explained.value:,}: every step opens its rows, and the steps add up to exactly this number.",
    )
    rows: list[tuple[object, ...]] = [(n, _signed(n, s.count), _words(s)) for n, s in enumerate(explained.steps, 1)]
    rows.append(("", f"= {sum(s.count for s in explained.steps):,}", Said("合计", "sum")))
    section.show(
        [Said("步", "step"), Said("行", "rows"), Said("原因", "reason")], rows, [*[""] * len(explained.steps), mark(explained.adds_up)], [1]
    )
    section.run(f"hub why {SHOWN}\nhub why {SHOWN} --rows 2")
    telling.promise(explained.adds_up, f"hub why {SHOWN} 各步之和相符", f"the steps of hub why {SHOWN} add up")


def _signed(n: int, count: int) -> str:
    return f"{count:,}" if n == 1 else f"{'+' if count > 0 else '−'}{abs(count):,}"


def _words(step: why.Step) -> Said:
    """A step's sentence, its machine word in people's words."""
    for word, reason in REASONS.items():
        if f": {word}" in step.zh:
            return Said(step.zh.replace(f": {word}", f"：{reason.zh}"), step.en.replace(f": {word}", f": {reason.en}"))
    return Said(step.zh, step.en)
