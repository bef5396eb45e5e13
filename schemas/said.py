"""One sentence in both languages of the hub: Chinese first, English beside it."""

from __future__ import annotations

from typing import NamedTuple

from schemas.home import say


class Said(NamedTuple):
    """A Chinese/English pair that travels as one value; `str()` is the one the reader asked for."""

    zh: str
    en: str

    def __str__(self) -> str:
        return say(self.zh, self.en)

    def __bool__(self) -> bool:
        return bool(self.zh or self.en)


NOTHING = Said("", "")
