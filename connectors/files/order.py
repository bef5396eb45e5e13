"""Which of several file names is the newest: numbers inside a name count as numbers, never as text.

    名单_9月.csv, 名单_10月.csv   ->   9 before 10          名单_九月, 名单_十月   ->   9 before 10

Only names of one shape have an order: the same words around the numbers. 名单_终稿.csv is neither before nor after 名单_9月.csv.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_DIGITS = dict(zip("〇零一二三四五六七八九两", (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2), strict=True))
_CHINESE = re.compile("[〇零一二三四五六七八九十百两]+(?=[年月日季周号期批次旬])")
_PIECES = re.compile(r"\d+|\D+")

Natural = tuple[str | int, ...]


def natural(name: str) -> Natural:
    """The name as words and numbers, for comparing names of one shape."""
    plain = _CHINESE.sub(lambda found: str(_number(found[0])), unicodedata.normalize("NFKC", name))
    return tuple(int(piece) if piece.isdecimal() else piece for piece in _PIECES.findall(plain))


def shape(name: str) -> tuple[str, ...]:
    """The words of a name, with a mark where its numbers stand."""
    return tuple("#" if isinstance(piece, int) else piece for piece in natural(name))


def newest(names: Iterable[str]) -> str | None:
    """The newest of names of one shape; None when they have no common shape, or two of them say the same."""
    found = list(names)
    if len({shape(n) for n in found}) != 1:
        return None
    greatest = max(found, key=natural)
    return greatest if sum(natural(n) == natural(greatest) for n in found) == 1 else None


def _number(text: str) -> int:
    """A Chinese number below a thousand; digits in a row (二〇二六) count as such."""
    if not set(text) & set("十百"):
        return int("".join(str(_DIGITS[c]) for c in text))
    total, last = 0, None
    for c in text:
        if c in "十百":
            total += (last if last is not None else 1) * (10 if c == "十" else 100)
            last = None
        else:
            last = _DIGITS[c]
    return total + (last or 0)
