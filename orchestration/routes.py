"""The order of steps, in plain Python: for one system, and for what is shared. Dagster and the command line call these.

    sync      pull -> land -> (acknowledge) -> build -> check -> accept      one system, alone, one commit each
    publish   build what is due -> shared -> derived -> edition               everything
    deliver   package -> platform;  receipts   platform -> ledger

Each asks only what is due. A kill between two steps, a changed mapping and a sync by hand are the same ordinary case.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

from connectors.contract import Connector
from connectors.opening import open_system
from docking import deliver as sending
from docking import package, receipts
from docking.resources import leaving
from ledger.book import Ended, Ledger
from ledger.models import Delivery, Receipt
from ledger.opening import open_ledger
from schemas import home as homes
from schemas.city import City, read_city
from schemas.errors import AccountRefused, HubError, Moved, SystemUnreachable, Unforeseen
from schemas.registration import Dataset, System
from schemas.remarks import Remark, from_json
from warehouse import editions, landing, made, normalise, quality, shared, staging, suites
from warehouse.lake import Lake
from warehouse.landing import Changes, Landed
from warehouse.normalise import Candidate
from warehouse.quality import Verdict

log = logging.getLogger("lianshu")
_RECONCILE = {"daily": dt.timedelta(days=1), "weekly": dt.timedelta(days=7), "monthly": dt.timedelta(days=30)}


@dataclass(frozen=True)
class Hub:
    """Everything a route needs, open."""

    home: Path
    city: City
    lake: Lake
    ledger: Ledger

    @classmethod
    def open(cls, home: Path | None = None, city: City | None = None) -> Hub:
        """Open the lake and the ledger, and mend the ledger from the lake after a crash."""
        home = home or homes.home()
        hub = cls(home, city or read_city(), Lake(home), open_ledger(home))
        hub.ledger.mend(hub.lake.committed())
        return hub

    def close(self) -> None:
        self.lake.close()
        self.ledger.close()


class Tell(Protocol):
    """Told of every step as it happens."""

    def __call__(self, step: str, name: str, **facts: Any) -> None: ...


def _silent(step: str, name: str, **facts: Any) -> None:
    log.debug("%s %s %s", step, name, facts)


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
    hub: Hub, system: System, datasets: Iterable[str] | None = None, *, tell: Tell = _silent, run: str | None = None, again: bool = False
) -> Synced:
    """Read one system and accept what passes. A dataset that fails leaves the others done.

    `again` reads everything anew from the beginning. Raises Moved when another sync of the system is under way.
    """
    names = list(datasets or system.datasets)
    with hub.lake.sole(system.code):
        run = hub.ledger.start_run("sync", system.path, run=run)
        outcomes = {n: Outcome(system.table(n)) for n in names}
        status = "failed"
        try:
            with hub.lake.stage(run) as folder:
                _pull(hub, system, outcomes, run, folder, tell, again=again)
            _build(hub, system, outcomes, run, tell)
            status = "failed" if any(o.error for o in outcomes.values()) else "done"
        finally:
            first = next((o.error for o in outcomes.values() if o.error), None)
            hub.ledger.finish_run(run, status, first)
        hub.ledger.looked(run, {o.table: Ended(o.error, o.station, o.remarks) for o in outcomes.values()})
        hub.lake.tidy()
    return Synced(run, outcomes)


def _pull(hub: Hub, system: System, outcomes: dict[str, Outcome], run: str, folder: Path, tell: Tell, *, again: bool) -> None:
    """Stage every dataset, land what staged in one commit, then say so to the far side.

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
                outcome.state, outcome.error = "failed", _unforeseen(f"{system.path}/{name}", "读取", "reading", error)
                tell("failed", f"{system.path}/{name}", error=outcome.error)
                continue
            if changes:
                prepared.append(changes)
                outcome.state, outcome.landed = "unchanged" if changes.empty else "changed", changes
            tell("staged", f"{system.path}/{name}", state=outcome.state, changes=changes)
        landing.land(hub.lake, run, prepared, message=f"land {system.path}")
        for name, outcome in outcomes.items():
            if outcome.state != "failed":
                hub.ledger.confirm(outcome.table, run, changed=outcome.state == "changed")
                _acknowledge(system, name, outcome, opened, tell)
    finally:
        for connector in opened.values():
            connector.close()


def _unforeseen(what: str, doing_zh: str, doing_en: str, error: Exception) -> HubError:
    kind = type(error).__name__
    return Unforeseen(
        f"{what}: {doing_zh}时出现未预料的错误（{kind}），详情见枢纽日志",
        f"{what}: an unforeseen error while {doing_en} ({kind}); see the hub's log",
        next_zh="枢纽工程师查看日志",
        next_en="hub engineers look at the log",
    )


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
    incoming = staging.stage(pull, dataset.reading.key, folder / f"{outcome.table}.incoming.parquet", number=before.number + 1, run=run)
    outcome.notes = incoming.notes
    outcome.remarks += incoming.remarks
    changes = landing.prepare(hub.lake, dataset, outcome.table, incoming, before, wanted, folder, complete=since is None)
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
        and (confirmed or normalise.due(hub.city, system.datasets[n], o.table, states[o.table], done, blocked))
    ]
    for name, outcome in outcomes.items():
        last = done.get(outcome.table)
        outcome.accepted = bool(last) and name not in waiting and last == _latest(last, blocked.get(outcome.table))
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
        with hub.lake.writing(f"accept {system.path}", run=run) as tx:
            for name in ready:
                outcome = outcomes[name]
                assert outcome.candidate is not None
                assert outcome.verdict is not None
                normalise.accept(tx, outcome.candidate, run, blocked=not outcome.accepted)
                quality.keep(tx, outcome.table, outcome.candidate.landing, run, outcome.verdict)


def _checked(hub: Hub, system: System, name: str, outcome: Outcome, before: made.Made, landed: int, folder: Path) -> HubError | None:
    """The dataset's next standard rows and what their check says, or why there are none; the other datasets go on."""
    try:
        suite = suites.suite(hub.city, system, name)
        suites.save(suite, hub.home / "suites")
        candidate = normalise.build(hub.lake, hub.city, system, name, before, landed, folder)
        con = hub.lake.cursor()
        outcome.verdict = quality.check(
            con,
            candidate.relation,
            suite,
            last_rows=before.rows if before.number else None,
            step=candidate.step,
            before=quality.last(con, candidate.table, before.run) if candidate.step else None,
        )
    except HubError as error:  # a registration's own mistake
        return error
    except Exception as error:
        log.exception("%s/%s", system.path, name)
        return _unforeseen(f"{system.path}/{name}", "转换与检查", "converting and checking", error)
    outcome.candidate = candidate
    return None


def _latest(done: made.Made | None, blocked: made.Made | None) -> made.Made | None:
    """The one of two looks that was made from the newer landing."""
    if not done or not blocked:
        return done or blocked
    return blocked if sum(blocked.made_from.values()) > sum(done.made_from.values()) else done


def build(hub: Hub, system: System, datasets: Iterable[str] | None = None, *, tell: Tell = _silent, confirmed: bool = False) -> Synced:
    """Make what is due from what is landed. `confirmed`: a person has looked at a blocking finding and lets it pass."""
    names = [n for n in datasets or system.datasets if system.datasets[n].record]
    outcomes = {n: Outcome(system.table(n)) for n in names}
    with hub.lake.sole(system.code):
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


@dataclass
class Published:
    run: str
    tables: dict[str, shared.Prepared] = field(default_factory=dict)
    refused: dict[str, shared.Prepared] = field(default_factory=dict)
    failed: dict[str, HubError] = field(default_factory=dict)
    edition: Any = None


def publish(hub: Hub, *, tell: Tell = _silent, audiences: Iterable[str] = ("analyst",), confirmed: bool = False) -> Published:
    """Bring shared records, derived tables and editions up to what is accepted. One at a time; nothing is pulled.

    A record type or derived table that fails stays as it was, and the others go on.
    """
    with hub.lake.sole("publish", wait=600):
        _build_what_is_due(hub, tell)
        run = hub.ledger.start_run("publish", "")
        published = Published(run)
        status = "failed"
        try:
            with hub.lake.stage(run) as folder:
                _share(hub, published, run, folder, tell, confirmed=confirmed)
            for audience in audiences:
                published.edition = _edition(hub, audience, run, tell)
            status = "failed" if published.failed else "done"
        finally:
            hub.ledger.finish_run(run, status, next(iter(published.failed.values()), None))
    return published


def _build_what_is_due(hub: Hub, tell: Tell) -> None:
    """A mapping that changed, or a kill between landing and accept, is caught up here without the far side."""
    states = made.landing_states(hub.lake)
    done, blocked = made.newest(hub.lake, "standard"), made.newest(hub.lake, "blocked")
    for system in hub.city:
        waiting = [
            n
            for n, d in system.datasets.items()
            if system.running
            and d.record
            and system.table(n) in states
            and normalise.due(hub.city, d, system.table(n), states[system.table(n)], done, blocked)
        ]
        if waiting:
            try:
                build(hub, system, waiting, tell=tell)
            except Moved:
                log.info("%s is being synced; it is published next time", system.path)


def _share(hub: Hub, published: Published, run: str, folder: Path, tell: Tell, *, confirmed: bool) -> None:
    agreed = hub.ledger.agreements()
    for name, made_from in shared.due(hub.lake, hub.city, agreed).items():
        tell("share", name)
        prepared = _prepared(published, name, tell, partial(shared.prepare_record, hub.lake, hub.city, name, made_from, folder))
        if prepared:
            (published.refused if prepared.refused and not confirmed else published.tables)[name] = prepared
    if published.tables:
        with hub.lake.writing("publish", run=run) as tx:
            for prepared in published.tables.values():
                shared.write(tx, prepared, run)
    for name, (derived, sql) in hub.city.derived.items():
        states = shared.due_derived(hub.lake, derived, sql)
        if states:
            tell("derive", name)
            prepared = _prepared(published, name, tell, partial(shared.prepare_derived, hub.lake, derived, sql, states, folder))
            if not prepared:
                continue
            with hub.lake.writing(f"derive {name}", run=run) as tx:
                shared.write(tx, prepared, run)
            published.tables[name] = prepared
    for name, prepared in published.tables.items():
        tell("shared", name, prepared=prepared)
    for name, prepared in published.refused.items():
        tell("refused", name, prepared=prepared)


def _prepared(published: Published, name: str, tell: Tell, make: Callable[[], shared.Prepared]) -> shared.Prepared | None:
    """What was made, or None with the reason kept."""
    try:
        return make()
    except HubError as error:
        published.failed[name] = error
    except Exception as error:  # too large for the memory there is, or a derived table's own division by zero
        log.exception("shared.%s", name)
        published.failed[name] = _unforeseen(f"shared.{name}", "汇成共享库", "sharing", error)
    tell("failed", f"shared.{name}", error=published.failed[name])
    return None


def _edition(hub: Hub, audience: str, run: str, tell: Tell) -> Any:
    if not editions.due(hub.lake, hub.city, audience):
        return None
    tell("edition", audience)
    confirmed = {name: when for name, (when, _) in hub.ledger.confirmed().items()}
    return editions.export(hub.lake, hub.city, hub.home, audience, run, confirmed=confirmed)


@dataclass
class Delivered:
    run: str
    sent: list[Delivery] = field(default_factory=list)
    failed: dict[str, HubError] = field(default_factory=dict)
    answers: list[Receipt] = field(default_factory=list)


def deliver(hub: Hub, *, tell: Tell = _silent, again: bool = False, full: bool = False) -> Delivered:
    """Send what the platform has not got; one resource that fails leaves the others sent. Answers are collected first.

    `again`: also what was refused and has not changed since; `full`: everything, whatever the platform has taken.
    """
    with hub.lake.sole("deliver", wait=600):
        run = hub.ledger.start_run("deliver", "")
        done = Delivered(run)
        status = "failed"
        try:
            done.answers = _collect(hub, tell)
            waiting = list(leaving(hub.city)) if full else package.pending(hub.lake, hub.city, hub.ledger, hub.home, again=again)
            with hub.lake.reading_together() if waiting else nullcontext():
                for table in waiting:
                    _send(hub, table, run, done, tell, again=again, full=full)
            status = "failed" if done.failed else "done"
        finally:
            hub.ledger.finish_run(run, status, next(iter(done.failed.values()), None))
    return done


def _send(hub: Hub, table: str, run: str, done: Delivered, tell: Tell, *, again: bool, full: bool) -> None:
    """One resource's package; what goes wrong with it is kept, and the others go on."""
    try:
        made_now = package.make(hub.lake, hub.city, hub.ledger, hub.home, table, run, again=again, full=full)
        if made_now:
            tell("send", made_now.resource, delivery=made_now)
            done.sent.append(sending.deliver(hub.ledger, hub.home, made_now))
    except HubError as error:
        done.failed[table] = error
        tell("failed", table, error=error)


def collect(hub: Hub, *, tell: Tell = _silent) -> list[Receipt]:
    """Fetch the platform's answers; a refusal is kept word for word with its next step."""
    with hub.lake.sole("deliver", wait=600):
        return _collect(hub, tell)


def _collect(hub: Hub, tell: Tell) -> list[Receipt]:
    answers = receipts.collect(hub.ledger, hub.home, hub.city)
    for answer in answers:
        tell("receipt", str(answer.delivery), receipt=answer)
    return answers
