"""Take in what the platform has answered.

    the platform's answers  ->  receipts, and the delivery as taken or refused, in the ledger

An answer is for a package only when it answers the same contents: number and digest. One that bears a number of ours and
another digest, or none, is kept apart and books nothing. A receipt's text is kept as it came; its next step is looked up
in the platform's profile. Where the platform has answered a batch but its receipt got lost, the batch's own status counts
as the answer, and says so.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from docking.package import RECALLED
from docking.platforms import Exchange, PlatformAnswer
from docking.profile import refusal
from docking.way import Way
from ledger.models import Delivery, Receipt, Stray

_MOST = 500  # of the packages we took back, how many are still asked after
_WAIT = dt.timedelta(minutes=10)  # a receipt may come later than the batch's status


@dataclass
class Collected:
    """What was not known yet."""

    receipts: list[Receipt] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)


def collect(way: Way, exchange: Exchange, *, wait: dt.timedelta = _WAIT) -> Collected:
    """Every new answer. `wait`: how long a missing receipt is waited for before the batch's status counts."""
    open_, found = _unanswered(way), Collected()
    for answer in exchange.answers(open_) if open_ else ():
        delivery = open_[answer.batch]
        if answer.digest != delivery.sha256:
            stray = _stray(delivery, answer)
            if answer.receipt and way.ledger.astray(stray):
                found.strays.append(stray)
        elif answer.receipt or _overdue(delivery, wait):
            receipt = _receipt(delivery, answer)
            if _keep(way, receipt):
                found.receipts.append(receipt)
    return found


def _unanswered(way: Way) -> dict[str, Delivery]:
    """Deliveries whose answer may be waiting; those we took back included, for the platform may have got them first."""
    waiting = way.ledger.deliveries(platform=way.platform, status=("prepared", "sent"))
    recalled = [d for d in way.ledger.deliveries(platform=way.platform, status=("refused",), limit=_MOST) if d.code == RECALLED]
    return {d.batch: d for d in [*waiting, *recalled]}


def _overdue(delivery: Delivery, wait: dt.timedelta) -> bool:
    return dt.datetime.now(dt.UTC) - (delivery.sent_at or delivery.prepared_at) >= wait


def _receipt(delivery: Delivery, answer: PlatformAnswer) -> Receipt:
    return Receipt(
        delivery=delivery.id,
        number=answer.number,
        received_at=answer.received_at,
        status="taken" if answer.taken else "refused",
        code=answer.code,
        text=answer.text,
        rows=answer.rows,
        total=answer.total,
        sha256=answer.sha256,
    )


def _stray(delivery: Delivery, answer: PlatformAnswer) -> Stray:
    return Stray(
        delivery=delivery.id,
        number=answer.number,
        received_at=answer.received_at,
        status="taken" if answer.taken else "refused",
        code=answer.code,
        text=answer.text,
        digest=answer.digest,
    )


def _keep(way: Way, receipt: Receipt) -> bool:
    if receipt.status == "taken":
        return way.ledger.answered(receipt)
    step = refusal(way.city, way.platform, receipt.code)
    return way.ledger.answered(receipt, next_zh=step.next_zh, next_en=step.next_en)
