"""Who is the same, and whose word counts for what: the one room of both questions.

    a row of standard.<dataset>  ->  `_id`, the key of its shared record
    record type + registrations  ->  its contributors in the order of their word, for the row and for single fields

Every station that needs the key of a shared record, or the order of its sources, asks here. Links between records
(two numbers of one person) will be followed here too, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.city import City
from schemas.permission import against_sharing
from schemas.records import Derived, Record
from warehouse.sql import key_text, quoted

Orders = Mapping[str, tuple[str, ...]]  # by field, where it has an authority of its own: dataset tables, the first that has a value decides


def key_of(record: Record, *, of: str = "") -> str:
    """SQL for the key of the shared record a row belongs to; `of` is the alias of the row's table."""
    return key_text([f"{of}.{quoted(i)}" if of else quoted(i) for i in record.identity])


def key_of_derived(derived: Derived) -> str:
    return key_text([quoted(k) for k in derived.key])


def contributors(city: City, record: str, agreed: frozenset[str] = frozenset()) -> list[str]:
    """Dataset tables that make a shared record, the authoritative first; none that has no right to be in it."""
    return [s.table(n) for s, n, _ in city.contributors(record) if not against_sharing(s, n, agreed)]


def orders(city: City, record: str, tables: Sequence[str]) -> Orders:
    """The order of these contributors for every field that declares an authority of its own (一数一源)."""
    named = {s.table(n): [f"{p}/{n}" for p in (*s.formerly, s.path)] for s, n, _ in city.contributors(record)}
    found = {}
    for field, spec in city.records[record].fields.items():
        if spec.authority:
            rank = {path: place for place, path in enumerate(spec.authority)}
            found[field] = tuple(sorted(tables, key=lambda t: min((rank.get(p, len(rank)) for p in named.get(t, ())), default=len(rank))))
    return found
