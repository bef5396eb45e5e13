"""What the chapters of the story share: where the run lives, what it has promised so far, and the doors it goes through.

home, seed, scale  ->  Telling  ->  sections, promises kept or broken
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.city import InventedCity, made
from demo.page import Section
from demo.sides import noted
from hub.progress import Told
from schemas.city import City as Registered
from schemas.city import read_city
from schemas.home import say
from schemas.said import Said

if TYPE_CHECKING:
    from orchestration.routes import Hub
    from warehouse.query import Answer

GOOD, WARN, BAD = "good", "warn", "bad"


@dataclass(frozen=True)
class Copy:
    """One resource on both sides: rows and a hash over all of them, each computed by its own side."""

    resource: str
    title: str
    ours: tuple[int, str]
    theirs: tuple[int, str]

    @property
    def equal(self) -> bool:
        return self.ours == self.theirs


@dataclass(frozen=True)
class Promise:
    """One thing that has to come out, and whether it did."""

    said: Said
    kept: bool


@dataclass
class Telling:
    """One run of the story."""

    home: Path
    seed: int
    scale: float
    told: Told
    city: Registered = field(default_factory=read_city)
    started: float = field(default_factory=time.monotonic)
    sections: list[Section] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    before: list[Copy] = field(default_factory=list)  # both copies before the tick
    person: str = ""  # the invented number chapter 3 follows
    opened: Hub | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def ticks(self) -> int:
        """How often time has passed at the far sides."""
        return int(noted(self.home, "city")["ticks"])

    @property
    def invented(self) -> InventedCity:
        return made(self.seed, self.scale)

    @property
    def broken(self) -> list[Promise]:
        return [p for p in self.promises if not p.kept]

    def promise(self, kept: bool, zh: str, en: str) -> bool:
        """Note what had to come out, and whether it has."""
        self.promises.append(Promise(Said(zh, en), bool(kept)))
        return bool(kept)

    def line(self, zh: str, en: str) -> None:
        """Progress, while it happens."""
        self.told.line(say(zh, en))

    @property
    def hub(self) -> Hub:
        """Lake and ledger, opened once; what a crash has left is mended on the way in."""
        from orchestration.routes import Hub

        self.opened = self.opened or Hub.open(self.home, self.city)
        return self.opened

    def close(self) -> None:
        """Until the hub is asked for again."""
        if self.opened:
            self.opened.close()
        self.opened = None

    def ask(self, sql: str, *, limit_rows: int = 1000) -> Answer:
        """One question to the edition, as an analyst asks it."""
        from warehouse.query import ask

        return ask(self.home, sql, limit_rows=limit_rows, who="demo story")


def title_of(system: Any) -> Said:
    """A system's name in both languages."""
    return Said(system.title, system.title_en or system.title)


def mark(good: bool) -> str:
    return GOOD if good else BAD


def tick_mark(good: bool) -> str:
    return "✓" if good else "✗"


HEADS = {
    "system": Said("系统", "system"),
    "rows": Said("行数", "rows"),
    "ours": Said("我方", "ours"),
    "theirs": Said("省平台", "province"),
    "next": Said("下一步", "next step"),
    "whose": Said("该谁处理", "whose move"),
}
