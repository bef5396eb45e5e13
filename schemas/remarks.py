"""What a read that went well still has to tell: a part that has not come, a column that is new, values that were lost.

    connector, landing, check  ->  Remark  ->  the sync's own summary, the ledger, `hub status`

A remark never stops anything; what stops something is an error or a blocking finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from schemas.said import NOTHING, Said

Kind = Literal[
    "late",  # a part of what was promised has not come: which town, which batch
    "columns",  # columns gone, come, retyped, renamed, or mapped by nobody
    "values",  # values that could not be kept as they came, or that are empty now and were not before
    "rows",  # rows left out or kept against expectation
]


@dataclass(frozen=True, slots=True)
class Remark:
    """`said` names what was found with its counts, never a value of a row; `following` is the next step of whoever can take one."""

    kind: Kind
    said: Said
    following: Said = NOTHING


def as_json(remarks: Iterable[Remark]) -> list[dict[str, Any]]:
    return [{"kind": r.kind, "said": list(r.said), "following": list(r.following)} for r in remarks]


def from_json(found: Iterable[Mapping[str, Any]]) -> tuple[Remark, ...]:
    return tuple(Remark(f["kind"], Said(*f["said"]), Said(*f["following"])) for f in found)
