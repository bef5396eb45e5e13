"""What every way of reaching a system must be able to do, or say that it cannot.

    Connector.pull(dataset, since)  ->  Arrow batches, each with the slice it belongs to, and the next cursor

A connector reads; it never decides what a row means and never opens the warehouse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from schemas.pull import REJECTS, Batch, Cursor, Pull
from schemas.registration import Dataset
from schemas.said import Said

__all__ = ["REJECTS", "Batch", "Column", "Connector", "Cursor", "Finding", "Found", "Probed", "Pull"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a diagnosis a clerk can act on. `ok` is None when it could not be checked."""

    what: str
    ok: bool | None
    zh: str
    en: str
    next_zh: str = ""
    next_en: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str  # the far side's own word
    nullable: bool = True
    title: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A table, endpoint or file pattern at the far side."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    rows: int | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)  # further words of `read:`, as they were found
    hints: tuple[Said, ...] = ()  # what a person should ask or may add; it cannot be told from what is there


Probed = Literal["changed", "unchanged", "cannot tell"]


class Connector(Protocol):
    """An open way to one system. Close it after use; one thread at a time."""

    def check(self) -> list[Finding]:
        """Reachable, rights, clock, encoding; never raises for what the far side does wrong."""

    def discover(self) -> list[Found]:
        """What is there."""

    def probe(self, dataset: Dataset, since: Cursor | None) -> Probed:
        """Whether a pull would bring anything, without pulling."""

    def pull(self, dataset: Dataset, since: Cursor | None) -> Pull:
        """Rows since the cursor, or all without one.

        Raises SourceUnavailable, SourceRefused or SourceChanged, before or while the batches are read.
        """

    def acknowledge(self, dataset: Dataset, notes: Mapping[str, Any]) -> None:
        """Tell the far side what has been landed; called after the commit, may be repeated."""

    def close(self) -> None:
        """Let go."""
