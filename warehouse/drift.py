"""How the columns of a read differ from those landed: gone, come, retyped, and which of them is another by a new name.

    columns landed  +  columns that came  ->  remarks for the summary, the status and the quality page

Nothing is decided here. A column that is gone keeps its values in the rows that have not changed.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import duckdb

from schemas import names
from schemas.registration import Dataset
from schemas.remarks import Remark
from schemas.said import NOTHING, Said
from warehouse.lake import table
from warehouse.sql import one, quoted

_ALIKE = 0.9  # a column of which so many values are those of the one that is gone is that column
_LOOKED_AT = 12  # columns that came, for each that is gone: a table with another layout is no renaming
_ROWS = 20_000  # looked at to tell


def drift(
    con: duckdb.DuckDBPyConnection, dataset: Dataset, name: str, old: Mapping[str, str], new: Mapping[str, str], keyed: str, *, told: bool
) -> list[Remark]:
    """What is said of the columns. `told`: the far side says which columns it has, so that one which did not come is gone.

    `old` and `new` are {landed name: type}; `keyed` is the relation of what came.
    """
    if not old:
        return []
    ours = {*names.OWN, *(c for i in dataset.ignore if (c := names.landed_of(i, old)))}
    lost = [c for c in old if c not in new and c not in ours] if told else []
    come = [c for c in new if c not in old and c not in ours]
    found = [_retyped({c: (old[c], new[c]) for c in new if c in old and c not in ours and old[c] not in (new[c], "VARCHAR")})]
    renamed = {c: other for c in lost if (other := _other_name(con, name, c, come, old, new, keyed))}
    found += [_gone(lost, renamed, dataset), _come([c for c in come if c not in renamed.values()])]
    return [r for r in found if r]


def _other_name(
    con: duckdb.DuckDBPyConnection, name: str, lost: str, come: list[str], old: Mapping[str, str], new: Mapping[str, str], keyed: str
) -> str:
    """The column that came and holds the values of the one that is gone, or is named nearly like it; "" where there is none."""
    near = come[:_LOOKED_AT]
    same = [f"count(*) FILTER (WHERE CAST(n.{quoted(c)} AS VARCHAR) = CAST(t.{quoted(lost)} AS VARCHAR))" for c in near]
    if near:
        some = f"(SELECT * FROM {table('landing', name)} WHERE {quoted(lost)} IS NOT NULL LIMIT {_ROWS})"
        rows, *equal = one(con, f"SELECT count(*), {', '.join(same)} FROM {some} t JOIN {keyed} n USING (_key)")
        most = max(range(len(near)), key=lambda place: equal[place])
        if rows and equal[most] >= _ALIKE * rows:
            return near[most]
    alike = [c for c in near if old[lost] == new[c] and difflib.SequenceMatcher(None, names.fold(lost), names.fold(c)).ratio() >= 0.6]
    return alike[0] if alike else ""


def _gone(lost: list[str], renamed: Mapping[str, str], dataset: Dataset) -> Remark | None:
    if not lost:
        return None
    said = [names.source(c) for c in lost]
    guess = {names.source(c): names.source(n) for c, n in renamed.items()}
    zh, en = "、".join(said), ", ".join(said)
    if guess:
        zh += "；可能是改名：" + "、".join(f"{a} → {b}" for a, b in guess.items())
        en += "; perhaps renamed: " + ", ".join(f"{a} → {b}" for a, b in guess.items())
    following = Said("请系统主管部门确认；确实取消的写入 ignore", "ask the owner; where it is meant, write it under ignore")
    if dataset.record and guess:
        following = Said("请系统主管部门确认；改名的修改 fields", "ask the owner; where it is a renaming, edit fields")
    return Remark("columns", Said(f"对方不再提供列：{zh}", f"columns that are gone: {en}"), following)


def _come(come: list[str]) -> Remark | None:
    said = [names.source(c) for c in come]
    return Remark("columns", Said(f"对方新增列：{'、'.join(said)}", f"columns that came: {', '.join(said)}"), NOTHING) if said else None


def _retyped(kinds: Mapping[str, tuple[str, str]]) -> Remark | None:
    if not kinds:
        return None
    said = [f"{names.source(c)} {was} → {now}" for c, (was, now) in kinds.items()]
    return Remark(
        "columns",
        Said(f"列的类型变了，改按文本保存：{'、'.join(said)}", f"columns of another type, kept as text from now on: {', '.join(said)}"),
        Said("请系统主管部门确认", "ask the owner whether it is meant"),
    )
