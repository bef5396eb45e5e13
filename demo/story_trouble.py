"""Chapter 6: time passes and three things go wrong at once; what stays fresh, what stands on earlier rows, whose move it is.

a tick + expired password + a 60 % shrink + kill -9  ->  one line a system
"""

from __future__ import annotations

import datetime as dt
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from answers.standing import Standing, standings
from demo import faults
from demo.expected import figures
from demo.page import Section
from demo.story_province import copies
from demo.story_telling import BAD, GOOD, HEADS, WARN, Telling, title_of
from demo.tick import tick
from hub import screen
from schemas.errors import HubError, Moved, SourceRefused
from schemas.home import ROOT
from schemas.said import Said

if TYPE_CHECKING:
    from orchestration.routes import Hub

KILLED = "political_legal/grid"
EXPIRED = faults.FAULTS["expired_password"].system
SHRUNK, SHRUNK_DATASET = "party_organisation/members", "organisation"
TRIES = 5  # a sync may be quicker than the kill
MOST_LINES = 9  # lines of progress after which the kill comes at the latest


def trouble(telling: Telling, section: Section) -> None:
    telling.before = copies(telling)
    written = tick(telling.home)
    since = dt.datetime.now(dt.UTC)
    rows = sum(sum(d.values()) for d in written.values())
    telling.line(f"时间前进一次：{len(written)} 个系统共变化 {rows} 行", f"one tick: {rows} rows changed in {len(written)} systems")
    faults.on(telling.home, "expired_password", EXPIRED)
    faults.on(telling.home, "shrink", SHRUNK, SHRUNK_DATASET)
    section.say(
        f"时间前进一次，{len(written)} 个系统共有 {rows} 行新增、修改或删除。同时：{_title(telling, EXPIRED).zh}的口令过期，"
        f"{_title(telling, SHRUNK).zh}这次只交来四成的行，而{_title(telling, KILLED).zh}正在同步时被强行中断，如同断电。",
        f"Time passes once: {rows} rows come, change or go in {len(written)} systems. Meanwhile the password of {_title(telling, EXPIRED).en} "
        f"expires, {_title(telling, SHRUNK).en} hands in two fifths of its rows, and a running sync of {_title(telling, KILLED).en} is cut off as by a power cut.",
    )
    _sync_the_others(telling)
    killed = _kill_a_running_sync(telling)
    _say_killed(telling, section, killed)
    _table(telling, section, _standings(telling.hub), since)
    _take_up(telling, section)
    _publish(telling, section)


def _title(telling: Telling, path: str) -> Said:
    return title_of(telling.city.system(path))


def _sync_the_others(telling: Telling) -> None:
    """Every other running system, in this process; what fails is the ledger's to tell."""
    from orchestration import routes

    for system, names in telling.city.select(None):
        if system.path == KILLED or system.stage != "in_service":
            continue
        try:
            routes.sync(telling.hub, system, names, tell=telling.told.tell)
        except HubError as error:
            telling.told.tell("failed", system.path, error=error)


@dataclass(frozen=True)
class Killed:
    """How a `hub sync` ended that was killed on its way."""

    command: str
    pid: int
    last: str  # the last line it printed
    seconds: float
    really: bool


def _command(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("hub")), *words]


def _start(telling: Telling, *words: str) -> subprocess.Popen[str]:
    """The real command, its progress on a pipe."""
    environment = {**os.environ, "HUB_HOME": str(telling.home), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        _command(*words), cwd=ROOT, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def _kill_a_running_sync(telling: Telling) -> Killed:
    """`hub sync`, killed after a random line of its progress. Should it be done before the kill, the next one reads everything."""
    killed = Killed("", 0, "", 0.0, really=False)
    for attempt in range(TRIES):
        words = ("sync", KILLED, *(["--again"] if attempt else []))
        killed = _killed(telling, words, random.randint(1, MOST_LINES), random.uniform(0, 0.15))
        if killed.really:
            break
    telling.line(f"kill -9 {killed.pid}（{killed.command}）", f"kill -9 {killed.pid} ({killed.command})")
    telling.promise(killed.really, "一次正在运行的同步被 kill -9", "a running sync was killed by kill -9")
    return killed


def _killed(telling: Telling, words: tuple[str, ...], lines: int, wait: float) -> Killed:
    began = time.monotonic()
    process = _start(telling, *words)
    assert process.stderr is not None
    last = ""
    for n, line in enumerate(process.stderr, 1):
        last = line.strip()
        if n == lines:
            break
    time.sleep(wait)
    process.kill()
    code = process.wait()
    process.stderr.close()
    return Killed(" ".join(("hub", *words)), process.pid, last, time.monotonic() - began, really=code == -9)


def _say_killed(telling: Telling, section: Section, killed: Killed) -> None:
    telling.close()  # the next one to open the hub closes what the kill left open
    run = telling.hub.ledger.last_runs("sync").get(KILLED)
    section.run(f"{killed.command} &\n… {killed.last}\nkill -9 {killed.pid}")
    ends = {
        "killed": Said("台账记为“中断”：没有写入任何数据", "The ledger has it as killed: nothing was written"),
        "done": Said(
            "归集已整体提交，台账据湖内记录补记完成；之后的步骤下次自动接上",
            "Landing was committed whole, so the ledger counts it as done; what follows is taken up next time",
        ),
    }
    end = ends.get(run.status if run else "", Said(run.status if run else "", run.status if run else ""))
    section.say(f"启动后 {killed.seconds:.1f} 秒中断。{end.zh}。", f"Cut off {killed.seconds:.1f} s after its start. {end.en}.")
    telling.promise(run is not None and run.status in ends, "被杀的运行在台账中有了结", "the killed run is closed in the ledger")


def _standings(hub: Hub) -> list[Standing]:
    return [s for s in standings(hub.city, {}, hub.lake, hub.ledger) if s.state != "quiet"]


def _table(telling: Telling, section: Section, found: list[Standing], since: dt.datetime) -> None:
    """One line a system: from when its rows are, whose move it is, and the next step."""
    rows, marks = [], []
    for one in found:
        says = _freshness(one, since)
        rows.append((_title(telling, one.path), says, *_move(one, since)))
        marks.append({"failed": BAD, "blocked": BAD}.get(one.state, GOOD if _is_fresh(one, since) else WARN))
    section.show([HEADS["system"], Said("数据", "data"), HEADS["whose"], HEADS["next"]], rows, marks)
    state = {s.path: s.state for s in found}
    fresh = sum(_is_fresh(s, since) for s in found)
    section.say(
        f"{len(found)} 个系统中 {fresh} 个是最新的；出错的系统继续用上一次验收的数据，并写明该谁处理，别的系统不受影响。",
        f"{fresh} of {len(found)} systems are fresh; those in trouble stand on the rows last accepted and say whose move it is, and no other system is touched.",
    )
    telling.promise(state.get(EXPIRED) == "failed", "口令过期的系统显示失败", "the system whose password expired shows as failed")
    whose = next((s.whose[0] for s in found if s.path == EXPIRED), "")
    telling.promise(whose == SourceRefused.whose_zh, "口令过期由系统主管部门处理", "an expired password is the owning department's move")
    telling.promise(
        state.get(SHRUNK) == "blocked", "骤减的交付被拦下，沿用昨天的数据", "the shrunken delivery is blocked and yesterday's rows stay"
    )
    late = [s.path for s in found if s.path not in (EXPIRED, SHRUNK, KILLED) and not _is_fresh(s, since)]
    telling.promise(not late, f"其余系统都是最新的 {'、'.join(late)}", f"every other system is fresh {', '.join(late)}")


def _is_fresh(one: Standing, since: dt.datetime) -> bool:
    """Looked at since the tick, and what was found is accepted."""
    return bool(one.confirmed and one.confirmed >= since) and not any(d.blocked or d.waiting for d in one.datasets)


def _freshness(one: Standing, since: dt.datetime) -> Said:
    if _is_fresh(one, since):
        held = one.total("held") or 0
        more = (f"，{held:,} 行未通过", f", {held:,} rows held") if held else ("", "")
        return Said(f"最新（{screen.when(one.confirmed)} 确认）{more[0]}", f"fresh (confirmed {screen.when(one.confirmed)}){more[1]}")
    if behind := [d for d in one.datasets if d.blocked]:
        names = "、".join(d.title for d in behind)
        rows = sum(d.standard or 0 for d in behind)
        return Said(f"{names}沿用上次验收的 {rows:,} 行", f"{', '.join(d.path for d in behind)} stands on the {rows:,} rows last accepted")
    if any(d.waiting for d in one.datasets):
        return Said("已归集，待转换验收；沿用上次验收的数据", "landed, not accepted yet; stands on the rows last accepted")
    then = min((d.confirmed for d in one.datasets if d.confirmed), default=None)
    return Said(
        f"沿用 {screen.when(then)} 确认的 {one.total('standard') or 0:,} 行",
        f"stands on {one.total('standard') or 0:,} rows confirmed at {screen.when(then)}",
    )


def _move(one: Standing, since: dt.datetime) -> tuple[Said, Said]:
    if _is_fresh(one, since) and one.state != "held":
        return Said("—", "—"), Said("", "")
    why = (f"{one.error[0]}；", f"{one.error[1]}; ") if one.error else ("", "")
    whose = one.whose if one.whose[0] else (Moved.whose_zh, Moved.whose_en)
    return Said(*whose), Said(why[0] + one.following[0], why[1] + one.following[1])


def _take_up(telling: Telling, section: Section) -> None:
    """The next sync takes up what the killed one left."""
    began = time.monotonic()
    process = _start(telling, "sync", KILLED)
    _, said = process.communicate(timeout=600)
    section.run(f"hub sync {KILLED}")
    ok = telling.promise(
        process.returncode == 0,
        f"被杀之后的下一次同步完成 {'' if process.returncode == 0 else said[-300:]}",
        "the sync after the kill succeeds",
    )
    one = next(s for s in _standings(telling.hub) if s.path == KILLED)
    section.say(
        f"下一次同步接着做完：{time.monotonic() - began:.1f} 秒，标准库 {one.total('standard') or 0:,} 行，没有丢失也没有重复。",
        f"The next sync takes it up: {time.monotonic() - began:.1f} s, {one.total('standard') or 0:,} rows in standard; nothing lost, nothing doubled.",
    )
    telling.promise(ok and not any(d.waiting or d.blocked for d in one.datasets), "被杀的系统已补齐", "the killed system has caught up")


def _publish(telling: Telling, section: Section) -> None:
    """What is shared goes on, with two systems standing on earlier rows."""
    from orchestration import routes

    routes.publish(telling.hub, tell=telling.told.tell)
    found = dict(telling.ask("SELECT figure, value FROM shared.city_figures").rows)
    wanted = figures(telling.ticks)
    moved = [n for n in wanted if wanted[n] != figures(telling.ticks - 1)[n]]
    said = "；".join(f"{n} {figures(telling.ticks - 1)[n]:,} → {found.get(n, 0):,}" for n in moved)
    section.say(
        f"共享库照常发布，指标随之变化：{said}。",
        f"What is shared is published all the same, and the figures move: {said.replace('；', '; ')}.",
    )
    wrong = [n for n, value in wanted.items() if found.get(n) != value]
    telling.promise(not wrong, f"时间前进后的指标正确 {wrong or ''}", f"the figures after the tick are right {wrong or ''}")
