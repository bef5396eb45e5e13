"""What is shared goes to the upper platforms, what may be there no longer is taken back, and their answers come in.

answers, what the platform holds  ->  withdrawal, package  ->  platform        platform  ->  ledger
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from docking import deliver as sending
from docking import package, parted, platforms, receipts, reconcile, withdrawal
from docking.platforms import Exchange
from docking.reconcile import Statement
from docking.way import Way, ways
from docking.withdrawal import Withdrawal
from ledger.models import Delivery, Receipt, Stray
from orchestration.routes.opened import Hub, Tell, silent, told
from schemas.errors import HubError


@dataclass
class Delivered:
    run: str
    sent: list[Delivery] = field(default_factory=list)
    failed: dict[str, HubError] = field(default_factory=dict)  # by dataset table, or <platform>/platform
    answers: list[Receipt] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    parted: list[str] = field(default_factory=list)  # resources of which the platform holds what we do not know


@dataclass(frozen=True)
class Plan:
    """What a delivery would do, for one platform."""

    platform: str
    withdrawals: list[Withdrawal]
    packages: list[str]  # dataset tables


def docked(hub: Hub) -> list[Way]:
    return ways(hub.home, hub.city, hub.lake, hub.ledger)


def plan(hub: Hub, *, again: bool = False) -> list[Plan]:
    """What is to be taken back and what is to be sent; nobody is asked and nothing is written."""
    return [Plan(w.platform, withdrawal.owed(w.city, w.ledger, w.platform), package.pending(w, again=again)) for w in docked(hub)]


def deliver(hub: Hub, *, tell: Tell = silent, again: bool = False, full: bool = False, named: frozenset[str] = frozenset()) -> Delivered:
    """Send what the platforms have not got; one resource or platform that fails leaves the others sent.

    Answers are collected first, and the platform is asked what it holds: a home that is an older copy of itself sends
    everything under fresh numbers. `again`: also what was refused and has not changed since; `full`: everything, whatever
    the platform has taken; `named`: resources without a registration that a person takes back.
    """
    with told(hub.home), hub.lake.sole("deliver", wait=600):
        run = hub.ledger.start_run("deliver", "")
        done = Delivered(run)
        status = "failed"
        try:
            for way in docked(hub):
                if not _concerned(way):
                    continue
                try:
                    with _open(way) as exchange:
                        _deliver(way, exchange, run, done, tell, again=again, full=full, named=named)
                except HubError as error:
                    done.failed[f"{way.platform}/platform"] = error
                    tell("failed", f"{way.platform}/platform", error=error)
            status = "failed" if done.failed else "done"
        finally:
            hub.ledger.finish_run(run, status, next(iter(done.failed.values()), None))
    return done


def _delivered(way: Way) -> bool:
    return bool(way.ledger.deliveries(platform=way.platform, limit=1))


def _concerned(way: Way) -> bool:
    """Whether the platform has, or is to have, anything of ours; else its address need not be known."""
    return bool(way.leaving()) or _delivered(way)


def _deliver(
    way: Way, exchange: Exchange, run: str, done: Delivered, tell: Tell, *, again: bool, full: bool, named: frozenset[str]
) -> None:
    answers, strays = _collect(way, exchange, tell)
    done.answers += answers
    done.strays += strays
    for code in parted.look(way, exchange):
        done.parted.append(code)
        tell("parted", code)
    back = withdrawal.due(way, again=again, named=named)
    waiting = list(way.leaving()) if full else package.pending(way, again=again)
    with way.lake.reading_together() if back or waiting else nullcontext():
        for one in back:
            tell("withdraw", one.resource, withdrawal=one)
            with _failing(one.dataset or one.resource, done, tell):
                _send(way, exchange, withdrawal.make(way, one, run), done, tell)
        for table in waiting:
            with _failing(table, done, tell):
                _send(way, exchange, package.make(way, table, run, again=again, full=full), done, tell)


@contextmanager
def _failing(name: str, done: Delivered, tell: Tell) -> Iterator[None]:
    """What goes wrong with one resource is kept, and the others go on."""
    try:
        yield
    except HubError as error:
        done.failed[name] = error
        tell("failed", name, error=error)


def _send(way: Way, exchange: Exchange, made_now: Delivery | None, done: Delivered, tell: Tell) -> None:
    if made_now:
        tell("send", made_now.resource, delivery=made_now)
        done.sent.append(sending.deliver(way, exchange, made_now))


@contextmanager
def _open(way: Way) -> Iterator[Exchange]:
    exchange = platforms.open_exchange(way.home, way.city, way.platform)
    try:
        yield exchange
    finally:
        exchange.close()


def collect(hub: Hub, *, tell: Tell = silent) -> receipts.Collected:
    """Fetch the platforms' answers; a refusal is kept word for word with its next step."""
    found = receipts.Collected()
    with told(hub.home), hub.lake.sole("deliver", wait=600):
        for way in docked(hub):
            if not _delivered(way):
                continue
            with _open(way) as exchange:
                answers, strays = _collect(way, exchange, tell)
            found.receipts += answers
            found.strays += strays
    return found


def _collect(way: Way, exchange: Exchange, tell: Tell) -> tuple[list[Receipt], list[Stray]]:
    found = receipts.collect(way, exchange)
    for answer in found.receipts:
        tell("receipt", str(answer.delivery), receipt=answer)
    return found.receipts, found.strays


def compare(hub: Hub, *, offline: bool = False) -> list[Statement]:
    """Every platform's copy against ours; what differs is sent in full by the next delivery. `offline`: by receipts alone."""
    found: list[Statement] = []
    with told(hub.home), hub.lake.sole("deliver", wait=600):
        for way in docked(hub):
            if not offline and _delivered(way):
                with _open(way) as exchange:
                    parted.look(way, exchange)
            found += reconcile.reconcile(way)
    return found
