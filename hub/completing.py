"""What a shell may offer for a department, a system or a dataset: names from the files there are, none of them parsed whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.home import systems_folder

_DATASETS = re.compile(r"^datasets:\s*(?:#.*)?$", re.MULTILINE)
_NAME = re.compile(r"^  ([a-z][a-z0-9_]*):", re.MULTILINE)


def paths(incomplete: str) -> list[str]:
    """Every department, department/system and, once a system is named, department/system/dataset that begins like this."""
    return sorted(p for p in _known(incomplete) if p.startswith(incomplete))


def systems(incomplete: str) -> list[str]:
    """Systems only."""
    return [p for p in paths(incomplete) if p.count("/") == 1]


def _known(incomplete: str) -> Iterator[str]:
    for file in systems_folder().glob("*/*.yml"):
        if file.stem.startswith("_"):
            continue
        path = f"{file.parent.name}/{file.stem}"
        yield file.parent.name
        yield path
        if incomplete.startswith(path):
            yield from (f"{path}/{name}" for name in _datasets(file.read_text("utf-8")))


def _datasets(text: str) -> list[str]:
    begins = _DATASETS.search(text)
    return _NAME.findall(text[begins.end() :]) if begins else []
