"""Where a registration may lead: below HUB_HOME/far, or below a folder that an administrator named; to nothing of the hub's own.

    a place as it is written  ->  placed()  ->  the real path, every link followed
    a file found in it        ->  inside()  ->  the real path, every link followed

Every path that a registration, a file name, an archive member or a link can lead to is decided by `inside`.
"""

from __future__ import annotations

import typing
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationInfo

from schemas.documents import wrong
from schemas.home import FOREIGN, home
from schemas.reading import Connection


class Outside(Exception):
    """A path that leads to where nobody may send the hub."""


def inside(path: Path, root: Path) -> Path:
    """The real path. Raises Outside unless it lies below the root and is nothing that the hub itself writes."""
    real, base, own = path.resolve(), root.resolve(), home()
    foreign = any(real.is_relative_to((own / name).resolve()) for name in FOREIGN)
    if not real.is_relative_to(base) or (real.is_relative_to(own) and not foreign):
        raise Outside(path.name)
    return real


def _relative(place: str, info: ValidationInfo) -> str:
    if (info.context or {}).get("administrator"):
        return place
    for kind in (PurePosixPath, PureWindowsPath):
        if kind(place).is_absolute() or kind(place).drive or ".." in kind(place).parts or not place.strip():
            raise wrong(
                "只能是 HUB_HOME/far 下的相对路径；绝对路径由管理员写入 $HUB_HOME/connections.yml",
                "must be a path relative to HUB_HOME/far; an administrator writes absolute paths into $HUB_HOME/connections.yml",
            )
    return place


_PLACE = AfterValidator(_relative)
Place = Annotated[str, _PLACE]
"""A word of a connection that names a file or folder of this machine."""


def placed(connection: Connection, *, administrator: bool) -> Connection:
    """The connection with its places as real paths. Raises Outside with the word whose place may not be read."""
    found = {}
    for word, field in type(connection).model_fields.items():
        written = getattr(connection, word)
        if written is None or not (_PLACE in field.metadata or _names_a_place(field.annotation)):
            continue
        path = Path(written)
        far = home() / "far"
        try:
            found[word] = str(inside(path, path) if administrator and path.is_absolute() else inside(far / path, far))
        except Outside:
            raise Outside(word) from None
    return connection.model_copy(update=found)


def _names_a_place(annotation: Any) -> bool:
    return any(part is _PLACE or _names_a_place(part) for part in typing.get_args(annotation))
