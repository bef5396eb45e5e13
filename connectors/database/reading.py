"""Databases: PostgreSQL, MySQL/MariaDB, SQLite.

a table  ->  Arrow batches of one state of it, the next cursor
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.contract import Column, Cursor, Finding, Found, Probed, Pull
from connectors.database.checking import findings
from connectors.database.dialects import Field
from connectors.database.pulling import compare, prepare
from connectors.database.reach import Reach
from connectors.database.receipts import write_receipts
from connectors.patience import within
from connectors.wording import Who
from schemas.registration import Dataset
from schemas.said import Said


class Database(Reach):
    def check(self) -> list[Finding]:
        return findings(self)

    def discover(self) -> list[Found]:
        who = Who(self.system.path)

        def look() -> list[Found]:
            session = self.session()
            try:
                found = self.dialect.tables(session.connection)
                return [self._found(name, rows, self.dialect.fields(session.connection, name)) for name, rows in found]
            finally:
                session.close()

        try:
            return within(self.limits.patience.total_seconds(), look)
        except Exception as error:  # noqa: BLE001 - translated
            raise self.failure(error, who) from None

    @staticmethod
    def _found(name: str, rows: int | None, fields: list[Field]) -> Found:
        columns = tuple(Column(f.name, f.type, f.nullable, f.title) for f in fields)
        key = tuple(f.name for f in fields if f.key)
        return Found(name, columns, key, rows, hints=tuple(_cursors(fields)) if key else ())

    def probe(self, dataset: Dataset, since: Cursor | None) -> Probed:
        """Unchanged when the largest value, the rows near it and the rows without one are as they were."""
        if since is None or "value" not in since or not dataset.reading.incremental:
            return "cannot tell"
        who = Who.of(self.system, dataset)
        try:
            return within(self.limits.timeout.total_seconds(), lambda: compare(self, who, dataset, since))
        except Exception as error:  # noqa: BLE001 - translated
            raise self.failure(error, who) from None

    def pull(self, dataset: Dataset, since: Cursor | None) -> Pull:
        who = Who.of(self.system, dataset)
        try:
            return prepare(self, who, dataset, since)
        except Exception as error:  # noqa: BLE001 - translated
            self.close()
            raise self.failure(error, who) from None

    def acknowledge(self, dataset: Dataset, notes: Mapping[str, Any]) -> None:
        """Mark the rows of the landed window as taken. Failing loses nothing: it is said again next time."""
        changes = dataset.reading.changes
        if not changes or not changes.receipt or "upto" not in notes:
            return
        who = Who.of(self.system, dataset)
        try:
            within(self.limits.timeout.total_seconds(), lambda: write_receipts(self, dataset, notes))
        except Exception as error:  # noqa: BLE001 - translated
            raise self.failure(error, who) from None


_CHANGED = re.compile(r"upd|modif|chang|last|gxsj|xgsj|czsj|更新|修改|变更", re.IGNORECASE)


def _cursors(fields: list[Field]) -> Iterator[Said]:
    """A column that looks like the time of the last change. Whether it is kept up nobody can tell from the table."""
    for f in fields:
        if f.order != "none" and f.family in ("instant", "moment") and _CHANGED.search(f.name):
            yield Said(
                f"可能的增量列 cursor: {f.name}, overlap: 10 minutes, reconcile: weekly（先确认每次修改都会更新它；它看不到删除）",
                f"perhaps cursor: {f.name}, overlap: 10 minutes, reconcile: weekly (ask first whether every change moves it; it sees no deletion)",
            )
            return
