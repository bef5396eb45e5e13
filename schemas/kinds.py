"""A connector kind brings its own words; they are found by its name, in the one place where schemas looks into connectors.

    connector: files             ->  connectors/files/words.py  ->  KIND: the models of its connection and of its `read:`
    connection, read, reading    ->  Connection, Read in the words of that kind

Nothing here knows which kinds there are. The module `words` of a kind loads no driver, because every registration
is read with it.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.documents import unknown, validated, wrong
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


def connection_of(value: object, *, whole: bool = False, administrator: bool = False) -> object:
    """The connection in the words of its kind. No mistake in it repeats a value: it might be a password.

    A registration may leave every one of them to connections.yml; where it is used, it must be `whole`.
    """
    if not isinstance(value, dict):
        return value
    name = value.get("connector")
    if not isinstance(name, str):
        return validated(Connection, value, quiet=True)
    found = kind(name)
    if found is None:
        known = list(kinds())
        raise wrong(f"没有连接方式 {name}；有：{'、'.join(known)}", f"no connector {name}; there are: {', '.join(known)}", "connector")
    if not whole and not set(value) - set(Connection.model_fields):
        return validated(Connection, value, quiet=True)
    return validated(found.connection, value, quiet=True, administrator=administrator)


def read_of(value: object) -> object:
    """The words of `read:` in those of its kind, with what it inherits."""
    if not isinstance(value, Unread):
        return value
    if value.kind is None:  # the connection is told to be wrong already
        return Read.model_construct()
    model, said = value.kind.read, value.whole
    usable = model.usable(said)
    foreign = [w for w in said if w in model.model_fields and w not in usable]
    if foreign:
        raise unknown(foreign[0], sorted(usable), model.useless(foreign[0], said))
    return validated(model, said)


def towards_its_kind(dataset: Any, connections: Any, shared: Mapping[str, Any]) -> Any:
    """The dataset, its `read:` marked with the kind of the connection it goes by."""
    if not isinstance(dataset, dict) or not isinstance(dataset.get("read"), dict):
        return dataset
    words = dataset["read"]
    via = words.get("via", shared.get("via", "main"))
    way = connections.get(via) if isinstance(connections, dict) and isinstance(via, str) else None
    name = way.get("connector") if isinstance(way, dict) else getattr(way, "connector", None)
    return {**dataset, "read": Unread(kind(name) if isinstance(name, str) else None, words, shared)}


def all_used(shared: Mapping[str, Any], reads: list[Unread]) -> None:
    """Every word of `reading:` is one that at least one dataset can have. Raises ValidationError."""
    known = {word for r in reads if r.kind for word in r.kind.read.usable({**shared, **r.words})}
    for word in shared:
        if known and word not in known:
            raise wrong(
                f"没有一个数据集用得到 reading.{word}；可用：{'、'.join(sorted(known))}",
                f"no dataset has a use for reading.{word}; there are: {', '.join(sorted(known))}",
                "reading", word,
            )  # fmt: skip
