"""Before the first chapter: the far sides and the province up, everything loaded through Dagster, receipts matched.

nothing, or the city as the last story left it  ->  an edition that can be asked, a province that has taken what was sent
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from demo import faults, province, serve
from demo.sides import noted, played
from demo.story_telling import Telling
from hub import screen
from ledger.opening import open_ledger
from orchestration.first_load import run_everything
from schemas.errors import HubError, RegistrationError
from schemas.home import say

LOADED = ("lake", "editions", "packages", "dagster")  # what came of the far sides, in HUB_HOME
JOBS = {
    "first_load": ("十二个系统：读取、落地、转换、检查、验收", "twelve systems: read, land, convert, check, accept"),
    "publish": ("汇成共享库，计算指标，导出分析版", "share, compute figures, export the edition"),
    "deliver": ("编目、打包、报送省平台", "catalogue, package, deliver to the province"),
}


class OtherCity(HubError):
    """The lake holds what another invented city said."""

    whose_zh, whose_en = "运行演示的人", "whoever runs the demo"


def forget(home: Path) -> None:
    """Begin anew: the demo's far sides and everything the hub has loaded. Connections, secrets and keys stay."""
    if os.environ.get("HUB_LEDGER"):
        raise RegistrationError(
            "HUB_LEDGER 指向外部台账，--anew 不清理它",
            "HUB_LEDGER names a ledger of its own, which --anew does not empty",
            next_zh="换一个 HUB_HOME，或清空该台账后重试",
            next_en="use another HUB_HOME, or empty that ledger first",
        )
    serve.down(home, erase=True)
    for name in LOADED:
        shutil.rmtree(home / name, ignore_errors=True)
    for file in home.glob("ledger.sqlite*"):
        file.unlink()


def set_up(telling: Telling) -> None:
    """Everything up and loaded. Raises OtherCity where the lake was loaded from another one."""
    home = telling.home
    _same_city(telling)
    if noted(home, "city"):
        faults.off(home)
    telling.line("启动十二个系统的对端与省平台……", "bringing up twelve far sides and the province…")
    running = serve.up(home, telling.scale, telling.seed, tell=telling.told.line)
    rows = sum(running.rows.values())
    telling.line(
        f"对端{'已生成' if running.made else '仍在运行'}：{rows:,} 行，接口 {running.url}，前置库 {running.database or 'SQLite'}",
        f"far sides {'made' if running.made else 'still up'}: {rows:,} rows, interfaces {running.url}, front ends {running.database or 'SQLite'}",
    )
    fresh = not (home / "demo" / "province.json").exists()
    province.prepare(home).close()
    if _loaded(telling):
        telling.line("各系统此前已全部加载，不重读", "every system has been loaded before; nothing is read again")
    else:
        telling.close()
        _load(telling)
    _answered(telling, everything=fresh)


def _same_city(telling: Telling) -> None:
    if serve.stands(telling.home, telling.scale, telling.seed):
        return
    ledger = open_ledger(telling.home)
    try:
        known = {d.partition("__")[0] for d in ledger.confirmed()}
    finally:
        ledger.close()
    if known & {path.replace("/", "_") for path in played()}:
        raise OtherCity(
            f"{telling.home} 里的数据来自另一座虚构城市（规模、种子或演示程序不同）",
            f"the data in {telling.home} came from another invented city (scale, seed or version of the demo)",
            next_zh="hub demo story --anew 清空后重来，或换一个 HUB_HOME",
            next_en="hub demo story --anew begins again, or use another HUB_HOME",
        )


def _loaded(telling: Telling) -> bool:
    """Whether every dataset has been looked at, and every system's last run went well."""
    confirmed, runs = telling.hub.ledger.confirmed(), telling.hub.ledger.last_runs("sync")
    in_service = [s for s in telling.city if s.stage == "in_service"]
    return all(s.path in runs and runs[s.path].status == "done" and all(s.table(n) in confirmed for n in s.datasets) for s in in_service)


def _load(telling: Telling) -> None:
    """The three jobs in Dagster, in this process."""
    from orchestration.instance import quiet

    quiet()
    ran = run_everything(telling.home, tell=_teller(telling), city=telling.city)
    for name, job in ran.items():
        zh, en = JOBS.get(name, (name, name))
        failed = "；".join(f"{step}：{why}" for step, why in job.failed.items())
        telling.promise(job.success, f"Dagster 作业 {name}（{zh}）{failed}", f"the Dagster job {name} ({en}) {failed}")


def _teller(telling: Telling) -> Callable[..., None]:
    def tell(step: str, name: str, **facts: Any) -> None:
        if step == "job":
            zh, en = JOBS.get(name, (name, name))
            telling.line(f"Dagster {name}：{zh}", f"Dagster {name}: {en}")
        elif step != "job done":
            telling.told.tell(step, name, **facts)

    return tell


def _answered(telling: Telling, *, everything: bool) -> None:
    """The platform works, its receipts come in. A platform that is new gets everything, whatever an older one had taken."""
    from orchestration import routes

    hub = telling.hub
    routes.publish(hub, tell=telling.told.tell)
    afresh = everything and bool(hub.ledger.deliveries(status=("taken",), limit=1))
    routes.deliver(hub, tell=telling.told.tell, again=True, full=afresh)
    answers = province.process(telling.home)
    routes.collect(hub)
    open_ = hub.ledger.deliveries(status=("prepared", "sent"))
    taken = sum(a.status == province.TAKEN for a in answers)
    telling.line(f"省平台处理 {len(answers)} 个批次，入库 {taken} 个", f"the province worked on {len(answers)} batches and took {taken}")
    telling.promise(
        not open_,
        f"每个报送批次都有回执（未回 {len(open_)} 个）",
        f"every batch delivered has its receipt ({len(open_)} without)",
    )


def said(error: HubError) -> str:
    """What, whose move, next step: one line in the reader's language."""
    what, whose, following = screen.said(error)
    return f"{what}（{say('该谁处理', 'whose move')}：{whose}；{say('下一步', 'next')}：{following}）"
