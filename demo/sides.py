"""The far sides of the demo: which systems are played, and what each hands out, as it was agreed when the city went up.

    systems/<department>/<system>.yml  ->  $HUB_HOME/demo/registered/…  ->  Side

A copy of the registrations is kept, so that a far side stays as it is while somebody edits its registration.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import demo.systems
from schemas.documents import read
from schemas.home import ROOT
from schemas.registration import Dataset, System

Kind = Literal["postgresql", "sqlite", "rest", "files"]


@dataclass(frozen=True)
class Side:
    """One system as it is played."""

    system: System
    module: ModuleType

    @property
    def path(self) -> str:
        return self.system.path

    @property
    def code(self) -> str:
        return self.system.path.replace("/", "_")

    @property
    def database(self) -> bool:
        return "postgresql" in self.kinds

    @property
    def kinds(self) -> set[Kind]:
        return {self.kind(d) for d in self.system.datasets.values()}

    def kind(self, dataset: Dataset) -> Kind:
        connection = self.system.connections[dataset.reading.via]
        if connection.connector == "database":
            return "sqlite" if connection.options.get("dialect") == "sqlite" else "postgresql"
        return "rest" if connection.connector == "rest" else "files"

    def of(self, *kinds: Kind) -> dict[str, Dataset]:
        """The datasets that go out that way."""
        return {name: d for name, d in self.system.datasets.items() if self.kind(d) in kinds}


def played() -> dict[str, Path]:
    """System path -> its registration in the repository, for every module in demo/systems."""
    modules = {m.name for m in pkgutil.iter_modules(demo.systems.__path__)}
    found = {p.relative_to(ROOT / "systems").with_suffix("").as_posix(): p for p in (ROOT / "systems").glob("*/*.yml")}
    return {path: file for path, file in sorted(found.items()) if path.replace("/", "_") in modules}


def keep(home: Path) -> None:
    """Keep the registrations as they are now; the far sides go by them until the city is made anew."""
    for path, file in played().items():
        kept = folder(home) / "registered" / f"{path}.yml"
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, kept)


def sides(home: Path) -> dict[str, Side]:
    """The systems of the city that is up, by path."""
    registered = folder(home) / "registered"
    made: dict[str, Side] = {}
    for file in sorted(registered.glob("*/*.yml")):
        path = file.relative_to(registered).with_suffix("").as_posix()
        made[path] = Side(read(file, System, path=path), importlib.import_module(f"demo.systems.{path.replace('/', '_')}"))
    return made


def folder(home: Path) -> Path:
    """Where the demo keeps its own things."""
    made = home / "demo"
    made.mkdir(parents=True, exist_ok=True, mode=0o700)
    return made


def noted(home: Path, name: str) -> dict[str, Any]:
    """A small JSON file of the demo's, empty if it is not there."""
    file = folder(home) / f"{name}.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def note(home: Path, name: str, content: dict[str, Any]) -> None:
    """Written beside and renamed, so that a reader sees the old or the new one."""
    file = folder(home) / f"{name}.json"
    half = file.with_suffix(".half")
    half.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")
    half.replace(file)
