"""Take in what the platform has answered.

    exchange_receipt  ->  receipts, and the delivery as taken or refused, in the ledger

A receipt's text is kept as it came. Its next step is looked up in the city's profile. Where the platform has answered a
batch but its receipt got lost, the batch's own status counts as the answer, and says so.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from docking.package import WITHDRAWN
from docking.platform import NEW, TAKEN, batches, open_platform, receipts, talking
from docking.profile import refusal
from ledger.book import Ledger
from ledger.models import Delivery, Receipt
from schemas.city import City

_MOST = 500  # batches asked about at once
_WAIT = dt.timedelta(minutes=10)  # a receipt may come later than the batch's status


def collect(ledger: Ledger, home: Path, city: City, *, wait: dt.timedelta = _WAIT) -> list[Receipt]:
    """Every receipt that was not known yet. `wait`: how long a missing receipt is waited for before the batch's status counts."""
    open_ = _unanswered(ledger)
    if not open_:
        return []
    engine = open_platform(home)
    try:
        with talking():
            found = _answers(engine, open_, wait)
    finally:
        engine.dispose()
    return [r for r in found if _keep(ledger, city, r)]


def _unanswered(ledger: Ledger) -> dict[str, Delivery]:
    """Deliveries whose answer may be waiting; those we took back included, for the platform may have got them first."""
    waiting = ledger.deliveries(status=("prepared", "sent"))
    taken_back = [d for d in ledger.deliveries(status=("refused",), limit=_MOST) if d.code == WITHDRAWN]
    return {d.batch: d for d in [*waiting, *taken_back]}


def _answers(engine: sa.Engine, open_: dict[str, Delivery], wait: dt.timedelta) -> list[Receipt]:
    if not sa.inspect(engine).has_table(batches.name):
        return []
    found: list[Receipt] = []
    names = sorted(open_)
    with engine.connect() as connection:
        for start in range(0, len(names), _MOST):
            asked = names[start : start + _MOST]
            said = connection.execute(sa.select(receipts).where(receipts.c.batch.in_(asked)).order_by(receipts.c.number)).all()
            found += [_receipt(open_[r.batch], r) for r in said]
            silent = sorted(set(asked) - {r.batch for r in said})
            marked = sa.select(batches).where(batches.c.batch.in_(silent), batches.c.batch_status != NEW)
            found += [_from_status(open_[b.batch], b) for b in connection.execute(marked) if _overdue(open_[b.batch], wait)]
    return found


def _overdue(delivery: Delivery, wait: dt.timedelta) -> bool:
    return dt.datetime.now(dt.UTC) - (delivery.sent_at or delivery.prepared_at) >= wait


def _receipt(delivery: Delivery, row: Any) -> Receipt:
    return Receipt(
        delivery=delivery.id,
        number=str(row.number),
        received_at=row.received_at.replace(tzinfo=dt.UTC),
        status="taken" if row.status == TAKEN else "refused",
        code=row.code,
        text=row.text,
        rows=row.row_count,
        total=row.total,
        sha256=row.sha256 or "",
    )


def _from_status(delivery: Delivery, row: Any) -> Receipt:
    taken = row.batch_status == TAKEN
    return Receipt(
        delivery=delivery.id,
        number="batch_status",
        received_at=dt.datetime.now(dt.UTC),
        status="taken" if taken else "refused",
        code=row.err_code or "",
        text=row.err_msg or "（未收到回执，依据批次状态：" + ("已入库）" if taken else "已退回）"),
        rows=row.row_count if taken else None,
        total=None,
        sha256="",
    )


def _keep(ledger: Ledger, city: City, receipt: Receipt) -> bool:
    if receipt.status == "taken":
        return ledger.answered(receipt)
    step = refusal(city, receipt.code)
    return ledger.answered(receipt, next_zh=step.next_zh, next_en=step.next_en)
