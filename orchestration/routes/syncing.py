"""One system, from its far side to the standard library.

pull -> land -> (acknowledge) -> build -> check -> accept      one commit for what landed, one for what passed
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from connectors.contract import Connector
from connectors.opening import open_system
from ledger.book import Ended
from orchestration.routes.opened import Hub, Tell, foreseen, silent, told, unforeseen
from schemas.errors import AccountRefused, HubError, SystemUnreachable
from schemas.registration import Dataset, System
from schemas.remarks import Remark, from_json
from warehouse import guards, landing, made, mapping, normalise, quality, space, staging, suites
from warehouse.landing import Changes, Landed
from warehouse.normalise import Candidate
from warehouse.verdicts import Verdict

log = logging.getLogger("lianshu")
_RECONCILE = {"daily": dt.timedelta(days=1), "weekly": dt.timedelta(days=7), "monthly": dt.timedelta(days=30)}


@dataclass
class Outcome:
    """What became of one dataset in one sync."""

    table: str
    state: str = "unchanged"  # unchanged, changed or failed: what the far side had for us
    error: HubError | None = None
    landed: Changes | None = None
    station: Literal["read", "build"] = "read"  # where the error arose
    notes: dict[str, Any] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    candidate: Candidate | None = None
    verdict: Verdict | None = None
    accepted: bool = False  # standard now stands on what is landed

    @property
    def blocked(self) -> bool:
        return bool(self.verdict and self.verdict.blocking)


@dataclass(frozen=True)
class Synced:
    run: str
    outcomes: dict[str, Outcome]

    @property
    def failed(self) -> dict[str, HubError]:
        return {n: o.error for n, o in self.outcomes.items() if o.error}


def sync(
    hub: Hub, system: System, datasets: Iterable[str] | None = None, *, tell: Tell = silent, run: str | None = None, again: bool = False
) -> Synced:
    """Read one system and accept what passes. A dataset that fails leaves the others done.

    `again` reads everything anew from the beginning. Raises Moved when another sync of the system is under way.
    """
    names = list(datasets or system.datasets)
    with told(hub.home), hub.lake.sole(system.code):
        run = hub.ledger.start_run("sync", system.path, run=run)
        outcomes = {n: Outcome(system.table(n)) for n in names}
        status, stopped = "failed", None
        try:
            with hub.lake.stage(run) as folder:
                _pull(hub, system, outcomes, run, folder, tell, again=again)
            _build(hub, system, outcomes, run, tell)
            status = "failed" if any(o.error for o in outcomes.values()) else "done"
        except Exception as error:
            stopped = foreseen(error, hub.home)
            raise
        finally:
            first = stopped or next((o.error for o in outcomes.values() if o.error), None)
            hub.ledger.finish_run(run, status, first)
        hub.ledger.looked(run, {o.table: Ended(o.error, o.station, o.remarks) for o in outcomes.values()})
        hub.lake.tidy()
    return Synced(run, outcomes)


def _pull(hub: Hub, system: System, outcomes: dict[str, Outcome], run: str, folder: Path, tell: Tell, *, again: bool) -> None:
    """Stage every dataset, land what staged in one commit (or each by itself, where one cannot be), then say so to the far side.

    A connection that does not answer, or turns our account away, is not tried again for the datasets after it.
    """
    opened: dict[str, Connector] = {}
    dead: dict[str, HubError] = {}
    prepared: list[Changes] = []
    stand = landing.all_landed(hub.lake, [o.table for o in outcomes.values()])
    try:
        for name, outcome in outcomes.items():
            dataset = system.datasets[name]
            via = dataset.reading.via
            if via in dead:
                outcome.state, outcome.error = "failed", dead[via]
                tell("not tried", f"{system.path}/{name}", error=dead[via])
                continue
            tell("pull", f"{system.path}/{name}")
            try:
                if via not in opened:
                    opened[via] = open_system(system, via)
                changes = _stage(hub, system, dataset, outcome, stand[outcome.table], opened[via], run, folder, again=again)
            except HubError as error:
                outcome.state, outcome.error = "failed", error
                tell("failed", f"{system.path}/{name}", error=error)
                if isinstance(error, SystemUnreachable | AccountRefused):
                    dead[via] = error
                continue
            except Exception as error:  # a driver's own bug must not stop the other datasets
                log.exception("%s/%s", system.path, name)
                outcome.state, outcome.error = "failed", unforeseen(f"{system.path}/{name}", "读取", "reading", error)
                tell("failed", f"{system.path}/{name}", error=outcome.error)
                continue
            if outcome.error:  # a part could not be read; the others are landed all the same
                tell("failed", f"{system.path}/{name}", error=outcome.error)
            if changes:
                prepared.append(changes)
                outcome.state, outcome.landed = "unchanged" if changes.empty else "changed", changes
            tell("staged", f"{system.path}/{name}", state=outcome.state, changes=changes)
        whole = {c.table: c for c in prepared}
        not_landed = _together_or_alone(
            list(whole), lambda some: landing.land(hub.lake, run, [whole[t] for t in some], message=f"land {system.path}"), hub.home
        )
        for name, outcome in outcomes.items():
            if outcome.table in not_landed:
                outcome.landed = None
                _not_written(system, name, outcome, not_landed[outcome.table], "落地", "landing", tell)
        for name, outcome in outcomes.items():
            if outcome.state != "failed":
                hub.ledger.confirm(outcome.table, run, changed=outcome.state == "changed")
                _acknowledge(system, name, outcome, opened, tell)
    finally:
        for connector in opened.values():
            connector.close()


def _together_or_alone(names: list[str], commit: Callable[[list[str]], None], home: Path) -> dict[str, Exception]:
    """Commit all of them together; where that fails, each by itself. Returns those that could not be, and why."""
    if not names:
        return {}
    try:
        commit(names)
    except Exception as error:
        if space.full(error, home):
            raise
        if len(names) == 1:
            return {names[0]: error}
        log.warning("not together: %s", type(error).__name__)
    else:
        return {}
    return {name: error for one in names for name, error in _together_or_alone([one], commit, home).items()}


def _not_written(system: System, name: str, outcome: Outcome, error: Exception, zh: str, en: str, tell: Tell) -> None:
    """A fault of one dataset in the common commit is its own; what it had stays."""
    where = f"{system.path}/{name}"
    if not isinstance(error, HubError):
        log.error("%s", where, exc_info=error)
        error = unforeseen(where, zh, en, error)
    outcome.state, outcome.error = "failed", error
    tell("failed", where, error=error)


def _stage(
    hub: Hub,
    system: System,
    dataset: Dataset,
    outcome: Outcome,
    before: Landed,
    connector: Connector,
    run: str,
    folder: Path,
    *,
    again: bool,
) -> Changes | None:
    """Pull one dataset into files and compare it with what is landed; None when nothing has changed."""
    wanted = landing.definition(system, dataset)
    complete = again or before.definition != wanted or _reconcile(dataset, before)
    since = None if complete else before.cursor
    if since is not None and connector.probe(dataset, since) == "unchanged":
        return None
    pull = connector.pull(dataset, since)
    landed = hub.lake.columns("landing", outcome.table)
    incoming = staging.stage(
        pull, dataset.reading.key, folder / f"{outcome.table}.incoming.parquet", number=before.number + 1, run=run,
        landed=landed, numbers=landing.numbers(hub.lake, outcome.table, dataset.reading.key, landed),
    )  # fmt: skip
    outcome.notes = incoming.notes
    outcome.remarks += incoming.remarks
    outcome.error = next(iter(incoming.failures), None)
    changes = landing.prepare(hub.lake, dataset, outcome.table, incoming, before, wanted, folder, complete=since is None)
    outcome.remarks += changes.drift
    same = changes.empty and changes.cursor == before.cursor and before.definition == wanted and before.number and not complete
    return None if same else changes


def _reconcile(dataset: Dataset, before: Landed) -> bool:
    """Whether it is time to read an incremental source from its beginning, to find what was deleted without a mark."""
    every = dataset.reading.reconcile
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return bool(every) and (before.complete_at is None or now - before.complete_at > _RECONCILE[every or ""])


def _acknowledge(system: System, name: str, outcome: Outcome, opened: dict[str, Connector], tell: Tell) -> None:
    """Tell the far side what has been landed. Failing here loses nothing: it is said again next time."""
    try:
        opened[system.datasets[name].reading.via].acknowledge(system.datasets[name], outcome.notes)
    except HubError as error:
        log.warning("%s/%s: %s", system.path, name, error)
        tell("not acknowledged", f"{system.path}/{name}", error=error)


def _build(hub: Hub, system: System, outcomes: dict[str, Outcome], run: str, tell: Tell, *, confirmed: bool = False) -> None:
    """Convert, check and accept whatever is due, in one commit; the far side is not needed."""
    states = made.landing_states(hub.lake)
    done, blocked = made.newest(hub.lake, "standard"), made.newest(hub.lake, "blocked")
    waiting = [
        n
        for n, o in outcomes.items()
        if system.datasets[n].record
        and o.table in states
        and (confirmed or normalise.due(hub.city, system, n, states[o.table], done, blocked))
    ]
    for name, outcome in outcomes.items():
        last = done.get(outcome.table)
        newest = _latest(last, blocked.get(outcome.table))
        outcome.accepted = bool(last) and name not in waiting and last == newest
        if newest and newest != last and name not in waiting:  # what is blocked says so until somebody decides
            outcome.verdict = quality.last(hub.lake.cursor(), outcome.table, newest.run)
    if not waiting:
        return
    with hub.lake.stage(f"{run}.build") as folder:
        for name in waiting:
            outcome = outcomes[name]
            before = done.get(outcome.table) or made.Made()
            tell("build", f"{system.path}/{name}")
            if error := _checked(hub, system, name, outcome, before, states[outcome.table], folder):
                outcome.state, outcome.error, outcome.station = "failed", error, "build"
                tell("failed", f"{system.path}/{name}", error=error)
                continue
            outcome.accepted = confirmed or not outcome.blocked
            tell("checked", f"{system.path}/{name}", verdict=outcome.verdict, candidate=outcome.candidate)
        ready = [n for n in waiting if outcomes[n].candidate]
        if not ready:
            return

        def accept(some: list[str]) -> None:
            with hub.lake.writing(f"accept {system.path}", run=run) as tx:
                so_far = made.numbers(tx, "standard") | made.numbers(tx, "blocked")
                for name in some:
                    outcome = outcomes[name]
                    assert outcome.candidate is not None
                    assert outcome.verdict is not None
                    normalise.accept(tx, outcome.candidate, run, blocked=not outcome.accepted, so_far=so_far)
                    quality.keep(tx, outcome.table, outcome.candidate.landing, run, outcome.verdict)

        for name, fault in _together_or_alone(ready, accept, hub.home).items():
            outcomes[name].accepted, outcomes[name].station = False, "build"
            _not_written(system, name, outcomes[name], fault, "验收", "accepting", tell)


def _checked(hub: Hub, system: System, name: str, outcome: Outcome, before: made.Made, landed: int, folder: Path) -> HubError | None:
    """The dataset's next standard rows and what their check says, or why there are none; the other datasets go on."""
    try:
        suite = suites.suite(hub.city, system, name)
        suites.save(suite, hub.home / "suites")
        mapping.points_at_what_is_landed(system, name, hub.lake.columns("landing", outcome.table))
        if before.definition != normalise.definition(hub.city, system, name):
            mapping.keeps_its_samples(hub.city, system, name)
        candidate = normalise.build(hub.lake, hub.city, system, name, before, landed, folder)
        con = hub.lake.cursor()
        outcome.verdict = quality.check(
            con,
            candidate.relation,
            suite,
            last_rows=before.rows if before.number else None,
            step=candidate.step,
            before=quality.last(con, candidate.table, before.run) if candidate.step else None,
        ).beside(guards.results(con, system.datasets[name], candidate))
    except HubError as error:  # a registration's own mistake
        return error
    except Exception as error:
        log.exception("%s/%s", system.path, name)
        return unforeseen(f"{system.path}/{name}", "转换与检查", "converting and checking", error)
    outcome.candidate = candidate
    return None


def _latest(done: made.Made | None, blocked: made.Made | None) -> made.Made | None:
    """The one of two looks that was made from the newer landing."""
    if not done or not blocked:
        return done or blocked
    return blocked if sum(blocked.made_from.values()) > sum(done.made_from.values()) else done


def build(hub: Hub, system: System, datasets: Iterable[str] | None = None, *, tell: Tell = silent, confirmed: bool = False) -> Synced:
    """Make what is due from what is landed. `confirmed`: a person has looked at a blocking finding and lets it pass."""
    names = [n for n in datasets or system.datasets if system.datasets[n].record]
    outcomes = {n: Outcome(system.table(n)) for n in names}
    with told(hub.home), hub.lake.sole(system.code):
        run = hub.ledger.start_run("build", system.path)
        status = "failed"
        try:
            _build(hub, system, outcomes, run, tell, confirmed=confirmed)
            _built(hub, run, outcomes)
            status = "failed" if any(o.error for o in outcomes.values()) else "done"
        finally:
            hub.ledger.finish_run(run, status)
    return Synced(run, outcomes)


def _built(hub: Hub, run: str, outcomes: dict[str, Outcome]) -> None:
    """What building says of a dataset takes the place of what building said before, never of what reading did."""
    before = hub.ledger.looks()
    new = {
        o.table: Ended(o.error, "build", from_json(look.remarks) if look else ())
        for o in outcomes.values()
        for look in (before.get(o.table),)
        if o.error or (look and look.failed == "build")
    }
    hub.ledger.looked(run, new)
