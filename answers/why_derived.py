"""The way back from a derived row, and from a pseudonym: which shared rows stand behind it.

    shared.<derived> row  ->  the rows of the record types it uses that carry its keys  ->  their sources
    pseudonym             ->  the identity it stands for

A derived table is plain SQL, so its rows are followed by what they carry: the identity of a record type, or, where a row
does not carry it whole, those of its own keys that the record type has.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from answers import why
from answers.why import Station
from schemas.city import City
from warehouse import keys
from warehouse.lake import Lake, table
from warehouse.masks import pseudonym_sql
from warehouse.sql import quoted

MOST = 20  # shared rows of one record type that are followed
_PSEUDONYM = re.compile(r"[0-9a-f]{32}")


def derived(lake: Lake, city: City, name: str, identity: str) -> list[Station]:
    """One derived row and, at every station, the rows it was computed from. Key parts are joined by '/' or U+001F."""
    if not lake.has("shared", name):
        return []
    asked = identity if "\x1f" in identity else identity.replace("/", "\x1f")
    found = why.fetched(lake.cursor(), f"SELECT * FROM {table('shared', name)} WHERE _id IN (?, ?)", [asked, identity])
    stations = [Station("shared", name, str(r["_id"]), r) for r in found]
    for row in found:
        for used in _records(city, name):
            for behind in _behind(lake, city, name, used, row):
                stations += why.row(lake, city, used, behind)
    return stations


def _records(city: City, name: str) -> list[str]:
    """The record types a derived table rests on, through other derived tables, too."""
    made: list[str] = []
    for used in city.derived[name][0].uses:
        made += [used] if used in city.records else _records(city, used)
    return list(dict.fromkeys(made))


def _behind(lake: Lake, city: City, name: str, record: str, row: dict[str, Any]) -> list[str]:
    """The identities of the shared rows of a record type that carry what the derived row carries."""
    whole = city.records[record].identity
    carried = whole if set(whole) <= set(row) else [k for k in city.derived[name][0].key if k in city.records[record].fields]
    if not carried or any(row[c] is None for c in carried) or not lake.has("shared", record):
        return []
    where = " AND ".join(f"{quoted(c)} = ?" for c in carried)
    found = lake.cursor().execute(
        f"SELECT _id FROM {table('shared', record)} WHERE {where} ORDER BY _id LIMIT {MOST}", [row[c] for c in carried]
    )
    return [r[0] for r in found.fetchall()]


def identity_of(lake: Lake, home: Path, name: str, asked: str, audience: str = "analyst") -> str:
    """What a pseudonym of this audience stands for in a shared table; anything else stays as it was asked."""
    if not _PSEUDONYM.fullmatch(asked) or not lake.has("shared", name):
        return asked
    pseudonym = pseudonym_sql("_id", keys.key(home, audience))
    row = lake.cursor().execute(f"SELECT _id FROM {table('shared', name)} WHERE {pseudonym} = ?", [asked]).fetchone()
    return str(row[0]) if row else asked
