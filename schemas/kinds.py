"""A connector kind brings its own words; they are found by its name, in the one place where schemas looks into connectors.

    connector: files  ->  connectors/files/words.py  ->  KIND: the models of its connection and of its `read:`

Nothing here knows which kinds there are. The module `words` of a kind loads no driver, because every registration
is read with it.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schemas.reading import Connection, Read


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind declares: the words by which it is reached, and those by which it reads."""

    connection: type[Connection]
    read: type[Read]


def kind(name: str) -> Kind | None:
    """The kind of that name; only the one that is asked for is loaded, so that one cannot break another."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return None
    module = f"connectors.{name}.words"
    try:
        found = importlib.import_module(module).KIND
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            return None
        raise
    assert isinstance(found, Kind), f"{module}.KIND is no Kind"
    return found


def kinds() -> dict[str, Kind]:
    """Every kind there is, by name."""
    folders = importlib.import_module("connectors").__path__
    found = {m.name: kind(m.name) for m in pkgutil.iter_modules(folders) if m.ispkg}
    return {name: one for name, one in sorted(found.items()) if one}


@dataclass(frozen=True, slots=True)
class Unread:
    """A `read:` as it is written, on its way to the kind that understands it; `shared` are the words of the system's `reading:`."""

    kind: Kind | None
    words: Mapping[str, Any]
    shared: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inherited(self) -> dict[str, Any]:
        """What it takes from `reading:`: the words it has a use for and does not write itself."""
        if not self.kind:
            return {}
        usable = self.kind.read.usable({**self.shared, **self.words})
        return {word: value for word, value in self.shared.items() if word in usable and word not in self.words}

    @property
    def whole(self) -> dict[str, Any]:
        """Its words and the inherited ones. A word that is given as null is as if it stood nowhere."""
        known = self.kind.read.model_fields if self.kind else {}
        said = {**self.inherited, **self.words}
        return {word: value for word, value in said.items() if value is not None or word not in known}
