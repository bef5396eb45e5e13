"""The front-end database exchange (前置库): packages are put into tables the platform reads, its answers are read from others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from docking.platforms import Held, PlatformAnswer
from docking.platforms.front_end.address import open_engine, talking
from docking.platforms.front_end.sending import put
from docking.platforms.front_end.tables import NEW, TAKEN, batches, receipts, tables

_MOST = 500  # names in one question


class FrontEnd:
    """One platform's front-end database."""

    def __init__(self, engine: sa.Engine, title: str) -> None:
        self.engine = engine
        self.title = title

    def close(self) -> None:
        self.engine.dispose()

    def send(self, folder: Path, manifest: dict[str, Any]) -> None:
        with talking(self.title):
            tables.create_all(self.engine, checkfirst=True)
            with self.engine.begin() as connection:
                put(connection, folder, manifest)

    def newest(self, resources: Iterable[str]) -> dict[str, Held]:
        found: dict[str, Held] = {}
        with talking(self.title):
            if not sa.inspect(self.engine).has_table(batches.name):
                return {}
            largest = sa.select(batches.c.resource, sa.func.max(batches.c.sequence).label("sequence")).group_by(batches.c.resource)
            with self.engine.connect() as connection:
                for asked in _parts(resources):
                    top = largest.where(batches.c.resource.in_(asked)).subquery()
                    same = (batches.c.resource == top.c.resource) & (batches.c.sequence == top.c.sequence)
                    for b in connection.execute(sa.select(batches).join(top, same).order_by(batches.c.batch)):
                        found[b.resource] = Held(b.batch, b.sequence, b.sha256)
        return found

    def answers(self, names: Iterable[str]) -> list[PlatformAnswer]:
        found: list[PlatformAnswer] = []
        with talking(self.title):
            if not sa.inspect(self.engine).has_table(batches.name):
                return []
            with self.engine.connect() as connection:
                for asked in _parts(names):
                    standing = {b.batch: b for b in connection.execute(sa.select(batches).where(batches.c.batch.in_(asked)))}
                    said = connection.execute(sa.select(receipts).where(receipts.c.batch.in_(asked)).order_by(receipts.c.number)).all()
                    found += [_receipt(r, standing.get(r.batch)) for r in said]
                    silent = set(asked) - {r.batch for r in said}
                    found += [_status(b) for n, b in sorted(standing.items()) if n in silent and b.batch_status != NEW]
        return found


def open_exchange(home: Path, platform: str, title: str) -> FrontEnd:
    return FrontEnd(open_engine(home, platform), title)


def _parts(names: Iterable[str]) -> Iterable[list[str]]:
    ordered = sorted(names)
    return (ordered[start : start + _MOST] for start in range(0, len(ordered), _MOST))


def _receipt(row: Any, batch: Any | None) -> PlatformAnswer:
    return PlatformAnswer(
        batch=row.batch, digest=batch.sha256 if batch else "", number=str(row.number),
        received_at=row.received_at.replace(tzinfo=dt.UTC), taken=row.status == TAKEN, code=row.code, text=row.text,
        rows=row.row_count, total=row.total, sha256=row.sha256 or "",
    )  # fmt: skip


def _status(batch: Any) -> PlatformAnswer:
    taken = batch.batch_status == TAKEN
    return PlatformAnswer(
        batch=batch.batch, digest=batch.sha256, number="batch_status", received_at=dt.datetime.now(dt.UTC), taken=taken,
        code=batch.err_code or "", text=batch.err_msg or "（未收到回执，依据批次状态：" + ("已入库）" if taken else "已退回）"),
        rows=batch.row_count if taken else None, total=None, sha256="", receipt=False,
    )  # fmt: skip
