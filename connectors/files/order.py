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
_YEAR_LAST = re.compile(r"(?<!\d)\d{1,2}[-./_]\d{1,2}[-./_]\d{4}(?!\d)")
_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?")

Natural = tuple[str | int, ...]


def natural(name: str) -> Natural:
    """The name as words and numbers, for comparing names of one shape."""
    plain = _CHINESE.sub(lambda found: str(_number(found[0])), unicodedata.normalize("NFKC", name))
    return tuple(int(piece) if piece.isdecimal() else piece for piece in _PIECES.findall(plain))


def shape(name: str) -> tuple[str, ...]:
    """The words of a name, with a mark where its numbers stand."""
    return tuple("#" if isinstance(piece, int) else piece for piece in natural(name))


def in_order(names: Iterable[str]) -> list[str] | None:
    """The oldest first; None when they have no common shape, two say the same, or their dates are of another form than year first."""
    found = list(names)
    if len({shape(n) for n in found}) > 1 or len({natural(n) for n in found}) < len(found):
        return None
    if len(found) > 1 and any(_YEAR_LAST.search(unicodedata.normalize("NFKC", n)) for n in found):
        return None
    for texts in zip(*([str(piece) for piece in natural(n)] for n in found), strict=True):
        if all(map(_DATE.fullmatch, texts)) and len(set(map(len, texts))) > 1:  # 202612 is not before 20260901
            return None
    return sorted(found, key=natural)


def newest(names: Iterable[str]) -> str | None:
    """The newest of names of one shape; None when they have no common shape, or two of them say the same."""
    found = in_order(names)
    return found[-1] if found else None


def without_year(name: str) -> int | None:
    """The month of a name that says a month and no year: December is then no newer than the January after it."""
    plain = natural(name)
    months = [p for p, then in zip(plain, (*plain[1:], ""), strict=True) if isinstance(p, int) and str(then).startswith("月")]
    years = any(isinstance(p, int) and p >= 1900 for p in plain)
    return months[0] if len(months) == 1 and not years else None


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
