"""Where every system and dataset stands: what the lake holds, what the ledger says, and whose move it is.

hub.cursors, hub.made, quarantine.*  +  runs, confirmations, stages  ->  one Standing a system
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from schemas.errors import HubError, RegistrationError
from schemas.registration import PROMISED, System
from schemas.remarks import Remark, from_json
from schemas.said import NOTHING, Said
from warehouse import made
from warehouse.lake import Lake, columns_of, table
from warehouse.sql import literal

if TYPE_CHECKING:
    from ledger.book import Ledger
    from ledger.models import Look, Run, Stage
    from schemas.city import City


State = Literal["fine", "incomplete", "held", "waiting", "late", "blocked", "never", "failed", "broken", "quiet"]
WAY: tuple[str, ...] = ("surveyed", "asked", "answered", "testing", "trial", "in_service")  # the stages in the order they are reached
HARM: dict[State, int] = {  # what stands out more; quiet: not read at its stage
    "quiet": 0, "fine": 1, "incomplete": 2, "held": 3, "waiting": 4, "late": 5, "never": 6, "blocked": 7, "failed": 8, "broken": 9,
}  # fmt: skip


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
    state: State = "fine"
    error: Said = NOTHING  # of its own last look
    failing_since: dt.datetime | None = None
    whose: Said = NOTHING
    following: Said = NOTHING  # the next step, as it can be typed
    remarks: tuple[Remark, ...] = ()


@dataclass
class Standing:
    """One system, and the move that is due."""

    path: str
    title: Said
    department: str
    stage: str
    since: dt.datetime | None
    cycle: str
    promised: dt.timedelta
    reached: str  # the furthest stage of the way it has come to, whatever stage it is in now
    datasets: list[DatasetStanding] = field(default_factory=list)
    running_now: bool = False
    state: State = "fine"
    error: Said = NOTHING  # of what stands out most
    whose: Said = NOTHING
    following: Said = NOTHING

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
    stages, runs, looks = ledger.stages(), ledger.last_runs("sync"), ledger.looks()
    found = []
    for system in city:
        one = _standing(system, stages.get(system.path), runs.get(system.path), _reached(system, ledger))
        one.datasets = [_dataset(system, name, known, confirmed, looks.get(system.table(name))) for name in system.datasets]
        _sum_up(one, system, runs.get(system.path))
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
        return _held_back(self.done, self.blocked)


def held_back(lake: Lake) -> set[str]:
    """The same, where nothing else is asked."""
    return _held_back(made.newest(lake, "standard"), made.newest(lake, "blocked"))


def _held_back(done: Mapping[str, made.Made], blocked: Mapping[str, made.Made]) -> set[str]:
    return {t for t, look in blocked.items() if t not in done or look.made_from.get(t, 0) > done[t].made_from.get(t, 0)}


def facts(lake: Lake, only: Iterable[str] | None = None) -> Facts:
    """Of every dataset table, or of those that are asked about: counting what waits in quarantine costs 10 ms a table."""
    con = lake.cursor()
    found = con.execute("""
        SELECT dataset, arg_max("rows", number), max(state), max(written_at) FILTER (WHERE number = state)
        FROM hub.cursors GROUP BY dataset""")
    cursors = {d: {"rows": r, "state": s, "changed": w.replace(tzinfo=dt.UTC) if w else None} for d, r, s, w in found.fetchall()}
    names = [n for n in (cursors if only is None else only) if columns_of(con, "quarantine", n)]
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


def _reached(system: System, ledger: Ledger) -> str:
    """A suspended or retired system had come as far as the ledger says it had."""
    if system.stage in WAY:
        return system.stage
    been = [s.stage for s in ledger.stage_history(system.path) if s.stage in WAY]
    return max(been, key=WAY.index, default="in_service" if system.datasets else WAY[0])


def _standing(system: System, stage: Stage | None, run: Run | None, reached: str) -> Standing:
    since = stage.since if stage and stage.stage == system.stage else None
    one = Standing(
        system.path,
        Said(system.title, system.title_en or system.title),
        system.department,
        system.stage,
        since,
        system.cycle,
        PROMISED[system.cycle],
        reached,
    )
    one.running_now = bool(run and run.status == "open")
    return one


def _dataset(
    system: System, name: str, known: Facts, confirmed: Mapping[str, tuple[dt.datetime, str]], look: Look | None
) -> DatasetStanding:
    dataset, code = system.datasets[name], system.table(name)
    one = DatasetStanding(f"{system.path}/{name}", code, dataset.title, dataset.record or "")
    one.confirmed = confirmed[code][0] if code in confirmed else None
    one.remarks = from_json(look.remarks) if look else ()
    cursor = known.cursors.get(code)
    if cursor is not None:
        one.landed, one.changed = cursor["rows"], cursor["changed"]
        one.held, one.stands, one.findings = known.quarantine.get(code, (0, 0, 0))
    if cursor is not None and dataset.record:
        done = known.done.get(code)
        one.standard = done.rows if done else None
        accepted = done.made_from.get(code, 0) if done else 0
        one.blocked = code in known.held_back()
        one.waiting = not one.blocked and accepted < cursor["state"]
    _judge(one, system, look)
    return one


_OWNER = Said("系统主管部门", "the owning department")
_ENGINEERS = Said(HubError.whose_zh, HubError.whose_en)


def _judge(one: DatasetStanding, system: System, look: Look | None) -> None:
    """What stands out most of one dataset, whose move it is, and the next step."""
    age = dt.datetime.now(dt.UTC) - one.confirmed if one.confirmed else None
    late = [r for r in one.remarks if r.kind == "late"]
    if not system.running:
        one.state = "quiet"
    elif look and look.failed:
        one.state, one.failing_since = "failed", look.since
        one.error = Said(look.message_zh, look.message_en)
        one.whose, one.following = Said(look.whose_zh, look.whose_en), Said(look.next_zh, look.next_en)
    elif one.confirmed is None:
        one.state, one.whose, one.following = "never", _ENGINEERS, _typed(f"hub sync {one.path}")
    elif one.blocked:
        one.state, one.whose = "blocked", _OWNER
        one.following = Said(
            f'核实数据；无误则 hub accept {one.path} --because "理由"',
            f'confirm the data; if they are right, hub accept {one.path} --because "…"',
        )
    elif age and age > PROMISED[system.cycle]:
        one.state, one.whose, one.following = "late", _ENGINEERS, _typed(f"hub sync {one.path}")
    elif one.waiting:
        one.state, one.whose, one.following = "waiting", _ENGINEERS, _typed(f"hub build {one.path}")
    elif one.held:
        one.state, one.whose, one.following = "held", _OWNER, _typed(f"hub quarantine {one.path}")
    elif late:
        one.state, one.whose, one.following = "incomplete", _OWNER, late[0].following


def _sum_up(one: Standing, system: System, run: Run | None) -> None:
    """The system is as its worst dataset is; a run that ended before any dataset was looked at speaks for itself."""
    worst = max(one.datasets, key=lambda d: HARM[d.state], default=None)
    if not system.running:
        one.state = "quiet"
    elif worst is None:
        one.state, one.whose, one.following = "never", _ENGINEERS, _typed(f"hub discover {one.path} --write")
    else:
        one.state, one.error, one.whose, one.following = worst.state, worst.error, worst.whose, worst.following
    if system.running and one.state != "failed" and run and run.status in ("failed", "killed") and run.message_zh:
        one.state, one.error = "failed", Said(run.message_zh, run.message_en)
        one.whose, one.following = Said(run.whose_zh, run.whose_en), Said(run.next_zh, run.next_en)


def _typed(command: str) -> Said:
    return Said(command, command)


def _broken(path: str, error: RegistrationError) -> Standing:
    lines = error.zh.splitlines(), error.en.splitlines()
    one = Standing(path, NOTHING, path.split("/", maxsplit=1)[0], "", None, "other", PROMISED["other"], "", state="broken")
    first = [said[1].strip() if len(said) > 1 else whole for said, whole in zip(lines, (error.zh, error.en), strict=True)]
    one.error = Said(*first)
    one.whose, one.following = Said(error.whose_zh, error.whose_en), Said(error.next_zh, error.next_en)
    return one
