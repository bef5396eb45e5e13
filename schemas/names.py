"""The far side's column names become the lake's, and back again.

    Name, name, _key, ''   ->   Name, ~6E~ame, ~5F~key, ~~

The lake's names are blind to case (A-Z only), and five of them are the hub's own (OWN). A name that can neither meet another
nor one of ours is landed as it is. In any other, the characters that stand in the way are written as `~`, their code in
hexadecimal, `~`: the first of a name of ours, `~` itself, NUL, and the letters in which a name differs from one that it would
otherwise meet. An empty name is `~~`. `source` reads every landed name back; registrations, screens and what is kept for
people go on naming the source. Columns of the hub's own that never leave a staged file are called `~kind` and so on: no landed
name holds a `~` alone.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Iterable

from schemas.errors import SourceChanged

OWN = ("_key", "_slice", "_copies", "_number", "_run")  # what landing adds to every row
_RESERVED = frozenset((*OWN, "file_row_number"))  # and what the reader of staged files calls a row's place
LONGEST = 4000  # characters; a header of one endless line is no name
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_ESCAPED = re.compile(r"~([0-9A-F]*)~")


def fold(name: str) -> str:
    """The name as the lake compares it."""
    return name.translate(_LOWER)


def source(landed: str) -> str:
    """The far side's own name of a landed column."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "", landed)


def landing(names: Iterable[str], kept: Collection[str] = ()) -> dict[str, str]:
    """{source name: landed name} of one read's columns, in their order.

    `kept` are the columns that are landed already: a name keeps the one it has, and one that differs from it in case only,
    with no other claim to it in this read, is the same column renamed. Raises SourceChanged for what cannot be a column.
    """
    wanted = list(names)
    _refuse(wanted)
    stands = {source(k): k for k in kept if fold(k) not in OWN}
    found = {n: stands[n] for n in wanted if n in stands}
    taken = {fold(k): k for k in found.values()}
    free = {fold(k): k for k in stands.values() if fold(k) not in taken}
    for name in sorted(n for n in wanted if n not in found):
        plain = _plain(name)
        one = free.pop(fold(plain), plain)
        if fold(one) in taken:
            one = _apart(name, source(taken[fold(one)]))
        found[name] = one
        taken[fold(one)] = one
    return {n: found[n] for n in wanted}


def same(name: str, names: Collection[str]) -> str | None:
    """The one of `names` that is this name, exact or else in another case; None when none is."""
    return name if name in names else {fold(n): n for n in names}.get(fold(name))


def landed_of(name: str, columns: Collection[str]) -> str | None:
    """The landed column of a source name, exact or else in another case; None when it is not there."""
    by_source = {source(c): c for c in columns if c not in OWN}
    found = same(name, by_source)
    return by_source[found] if found is not None else None


def _plain(name: str) -> str:
    """The landed name as long as no other meets it."""
    if not name:
        return "~~"
    plain = re.sub(r"[~\x00]", lambda found: _code(found[0]), name)
    return _code(plain[0]) + plain[1:] if fold(plain) in _RESERVED else plain


def _apart(name: str, other: str) -> str:
    """The landed name with the letters in which it differs from `other` written as codes."""
    if len(name) != len(other):
        return "".join(map(_code, name))
    return "".join(_code(c) if c != o or c in "~\x00" else c for c, o in zip(name, other, strict=True))


def _code(character: str) -> str:
    return f"~{ord(character):X}~"


def _refuse(names: list[str]) -> None:
    repeated = sorted({n for n in names if names.count(n) > 1}) if len(set(names)) < len(names) else []
    long = [n for n in names if len(n) > LONGEST]
    if repeated:
        raise SourceChanged(
            f"列名重复：{'、'.join(repeated[:5])}",
            f"columns of the same name: {', '.join(repeated[:5])}",
            next_zh="请系统主管部门让每一列的名称不同",
            next_en="ask the owner to give every column a name of its own",
        )
    if long:
        raise SourceChanged(
            f"列名超过 {LONGEST} 个字符：{long[0][:40]}…",
            f"a column name of more than {LONGEST} characters: {long[0][:40]}…",
            next_zh="请检查表头行或分隔符的登记；或请系统主管部门改短",
            next_en="check the registered header line and delimiter, or ask the owner for a shorter name",
        )
