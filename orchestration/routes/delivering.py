"""What is shared goes to the upper platform, and its answers come back.

package  ->  platform        platform  ->  ledger
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field

from docking import deliver as sending
from docking import package, receipts
from docking.resources import leaving
from ledger.models import Delivery, Receipt
from orchestration.routes.opened import Hub, Tell, silent
from schemas.errors import HubError


@dataclass
class Delivered:
    run: str
    sent: list[Delivery] = field(default_factory=list)
    failed: dict[str, HubError] = field(default_factory=dict)
    answers: list[Receipt] = field(default_factory=list)


def deliver(hub: Hub, *, tell: Tell = silent, again: bool = False, full: bool = False) -> Delivered:
    """Send what the platform has not got; one resource that fails leaves the others sent. Answers are collected first.

    `again`: also what was refused and has not changed since; `full`: everything, whatever the platform has taken.
    """
    with hub.lake.sole("deliver", wait=600):
        run = hub.ledger.start_run("deliver", "")
        done = Delivered(run)
        status = "failed"
        try:
            done.answers = _collect(hub, tell)
            waiting = (
                list(leaving(hub.city, hub.ledger.agreements()))
                if full
                else package.pending(hub.lake, hub.city, hub.ledger, hub.home, again=again)
            )
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


def collect(hub: Hub, *, tell: Tell = silent) -> list[Receipt]:
    """Fetch the platform's answers; a refusal is kept word for word with its next step."""
    with hub.lake.sole("deliver", wait=600):
        return _collect(hub, tell)


def _collect(hub: Hub, tell: Tell) -> list[Receipt]:
    answers = receipts.collect(hub.ledger, hub.home, hub.city)
    for answer in answers:
        tell("receipt", str(answer.delivery), receipt=answer)
    return answers
