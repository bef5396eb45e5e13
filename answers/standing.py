"""Where every system and dataset stands: what the lake holds, what the ledger says, and whose move it is.

hub.cursors, hub.made, quarantine.*  +  runs, confirmations, stages  ->  one Standing a system
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.errors import HubError, RegistrationError
from schemas.registration import PROMISED, System
from warehouse import made
from warehouse.lake import Lake, table
from warehouse.sql import literal

if TYPE_CHECKING:
    from ledger.book import Ledger
    from ledger.models import Run, Stage
    from schemas.city import City


@dataclass
class DatasetStanding:
    """One dataset. Times are UTC; None means never."""

    path: str
    table: str
    title: str
    goal: str  # the record type, or "" for what is kept as it came
    confirmed: dt.datetime | None = None
    changed: dt.datetime | None = None
    landed: int | None = None
    standard: int | None = None
    held: int = 0  # rows
    stands: int = 0  # of those: an older version is still in standard
    findings: int = 0  # values left empty
    blocked: bool = False  # a blocking finding keeps the newest landing out
    waiting: bool = False  # landed, and not built yet


@dataclass
class Standing:
    """One system, and the move that is due."""

    path: str
    title: str
    department: str
    stage: str
    since: dt.datetime | None
    cycle: str
    promised: dt.timedelta
    datasets: list[DatasetStanding] = field(default_factory=list)
    running_now: bool = False
    error: tuple[str, str] | None = None  # of the last sync, Chinese and English
    whose: tuple[str, str] = ("", "")
    following: tuple[str, str] = ("", "")  # the next step
    state: str = "fine"  # fine, held, waiting, late, blocked, never, failed, broken; quiet: not read at its stage

    @property
    def confirmed(self) -> dt.datetime | None:
        """When the dataset looked at longest ago was looked at; None while one never was."""
        times = [d.confirmed for d in self.datasets]
        return min((t for t in times if t), default=None) if all(times) else None

    @property
    def changed(self) -> dt.datetime | None:
        return max((d.changed for d in self.datasets if d.changed), default=None)

    @property
    def age(self) -> dt.timedelta | None:
        return dt.datetime.now(dt.UTC) - self.confirmed if self.confirmed else None

    @property
    def late(self) -> bool:
        return self.age is not None and self.age > self.promised

    def total(self, name: str) -> int | None:
        counts = [getattr(d, name) for d in self.datasets if getattr(d, name) is not None]
        return sum(counts) if counts else None


def standings(city: City, broken: Mapping[str, RegistrationError], lake: Lake | None, ledger: Ledger) -> list[Standing]:
    """Every registered system, the broken ones too. `lake` is None before the first sync."""
    known = facts(lake) if lake else Facts()
    confirmed = ledger.confirmed()
    stages, runs = ledger.stages(), ledger.last_runs("sync")
    found = []
    for system in city:
        one = _standing(system, stages.get(system.path), runs.get(system.path))
        one.datasets = [_dataset(system, name, known, confirmed) for name in system.datasets]
        _judge(one, system, runs.get(system.path))
        found.append(one)
    return sorted(found + [_broken(path, error) for path, error in broken.items() if "/" in path], key=lambda s: s.path)


@dataclass
class Facts:
    """What the lake says of every dataset table."""

    cursors: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: dict[str, made.Made] = field(default_factory=dict)
    blocked: dict[str, made.Made] = field(default_factory=dict)
    quarantine: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def held_back(self) -> set[str]:
        """Tables whose newest landing a blocking finding keeps out of standard."""
        return {t for t, look in self.blocked.items() if t not in self.done or look.made_from.get(t, 0) > self.done[t].made_from.get(t, 0)}


def facts(lake: Lake) -> Facts:
    con = lake.cursor()
    found = con.execute("""
        SELECT dataset, arg_max("rows", number), max(state), max(written_at) FILTER (WHERE number = state)
        FROM hub.cursors GROUP BY dataset""")
    cursors = {d: {"rows": r, "state": s, "changed": w.replace(tzinfo=dt.UTC) if w else None} for d, r, s, w in found.fetchall()}
    names = [
        r[0]
        for r in con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name = 'quarantine'"
        ).fetchall()
    ]
    return Facts(cursors, made.newest(lake, "standard"), made.newest(lake, "blocked"), _quarantine(con, names))


def _quarantine(con: Any, names: list[str]) -> dict[str, tuple[int, int, int]]:
    """{dataset table: rows held, of those with an older version standing, values left empty}."""
    if not names:
        return {}
    counts = (
        "count(DISTINCT _key) FILTER (WHERE holds), count(DISTINCT _key) FILTER (WHERE holds AND stands), count(*) FILTER (WHERE NOT holds)"
    )
    union = " UNION ALL ".join(f"SELECT {literal(n)}, {counts} FROM {table('quarantine', n)}" for n in names)
    return {name: (held, stands, findings) for name, held, stands, findings in con.execute(union).fetchall()}


def _standing(system: System, stage: Stage | None, run: Run | None) -> Standing:
    since = stage.since if stage and stage.stage == system.stage else None
    one = Standing(system.path, system.title, system.department, system.stage, since, system.cycle, PROMISED[system.cycle])
    one.running_now = bool(run and run.status == "open")
    if run and run.status in ("failed", "killed") and run.message_zh:
        one.error = run.message_zh, run.message_en
    return one


def _dataset(system: System, name: str, known: Facts, confirmed: Mapping[str, tuple[dt.datetime, str]]) -> DatasetStanding:
    dataset, code = system.datasets[name], system.table(name)
    one = DatasetStanding(f"{system.path}/{name}", code, dataset.title, dataset.record or "")
    cursor = known.cursors.get(code)
    one.confirmed = confirmed[code][0] if code in confirmed else None
    if cursor is None:
        return one
    one.landed, one.changed = cursor["rows"], cursor["changed"]
    one.held, one.stands, one.findings = known.quarantine.get(code, (0, 0, 0))
    if not dataset.record:
        return one
    done = known.done.get(code)
    one.standard = done.rows if done else None
    accepted = done.made_from.get(code, 0) if done else 0
    one.blocked = code in known.held_back()
    one.waiting = not one.blocked and accepted < cursor["state"]
    return one


_OWNER = ("系统主管部门", "the owning department")
_ENGINEERS = (HubError.whose_zh, HubError.whose_en)


def _judge(one: Standing, system: System, run: Run | None) -> None:
    """What stands out most, whose move it is, and the next step."""
    blocked = [d.path for d in one.datasets if d.blocked]
    held = sum(d.held for d in one.datasets)
    if not system.running:
        one.state = "quiet"
    elif not system.datasets:
        one.state, one.whose, one.following = "never", _ENGINEERS, _twice(f"hub discover {one.path} --write")
    elif one.error and run:
        one.state, one.whose, one.following = "failed", (run.whose_zh, run.whose_en), (run.next_zh, run.next_en)
    elif one.confirmed is None:
        one.state, one.whose, one.following = "never", _ENGINEERS, _twice(f"hub sync {one.path}")
    elif blocked:
        one.state, one.whose = "blocked", _OWNER
        one.following = (
            f'核实数据；无误则 hub accept {blocked[0]} --because "理由"',
            f'confirm the data; if they are right, hub accept {blocked[0]} --because "…"',
        )
    elif one.late:
        one.state, one.whose, one.following = "late", _ENGINEERS, _twice(f"hub sync {one.path}")
    elif any(d.waiting for d in one.datasets):
        one.state, one.whose, one.following = "waiting", _ENGINEERS, _twice(f"hub build {one.path}")
    elif held:
        one.state, one.whose, one.following = "held", _OWNER, _twice(f"hub quarantine {one.path}")


def _twice(command: str) -> tuple[str, str]:
    return command, command


def _broken(path: str, error: RegistrationError) -> Standing:
    lines = error.zh.splitlines(), error.en.splitlines()
    one = Standing(path, "", path.split("/", maxsplit=1)[0], "", None, "other", PROMISED["other"], state="broken")
    one.error = (lines[0][1].strip() if len(lines[0]) > 1 else error.zh), (lines[1][1].strip() if len(lines[1]) > 1 else error.en)
    one.whose, one.following = (error.whose_zh, error.whose_en), (error.next_zh, error.next_en)
    return one
