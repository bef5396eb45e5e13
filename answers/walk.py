"""A few rows of one dataset along the whole path, in a lake of their own that is thrown away.

    open_system -> pull -> stage -> land -> build -> check          nothing of the real lake is touched, nothing acknowledged

The code is the routes' own, station by station; only the lake is another.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from answers import shown
from connectors.opening import open_system
from schemas.home import home
from schemas.names import OWN, source
from schemas.pull import Batch, Pull
from warehouse import landing, made, normalise, quality, staging, suites
from warehouse.lake import Lake, table
from warehouse.sql import literal, quoted
from warehouse.verdicts import Verdict

if TYPE_CHECKING:
    from schemas.city import City
    from schemas.registration import Dataset, System

RUN = "try"


@dataclass(frozen=True)
class Row:
    """One row at its stations. Values are as they may be shown."""

    key: str
    sent: dict[str, str | None]
    fields: dict[str, str | None]
    failed: list[tuple[str, str, str | None]]  # field, reason, value
    held: bool


@dataclass
class Walk:
    """What became of the rows of one dataset."""

    landed: landing.Changes
    columns: dict[str, str]  # as they are landed
    left_out: list[tuple[str, str, str]] = field(default_factory=list)  # key, reason, row: what landing held back
    rows: list[Row] = field(default_factory=list)
    verdict: Verdict | None = None


def walk(city: City, system: System, name: str, rows: int, *, plain: bool = False) -> Walk:
    """Raises what the connector raises."""
    dataset = system.datasets[name]
    folder = Path(tempfile.mkdtemp(prefix="try.", dir=home()))
    try:
        lake = Lake(folder)
        try:
            return _walk(lake, city, system, name, dataset, rows, folder, plain=plain)
        finally:
            lake.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _walk(lake: Lake, city: City, system: System, name: str, dataset: Dataset, rows: int, folder: Path, *, plain: bool) -> Walk:
    code = system.table(name)
    before = landing.landed(lake, code)
    with closing(open_system(system, dataset.reading.via)) as connector:
        pull = connector.pull(dataset, None)
        incoming = staging.stage(_first(pull, rows), dataset.reading.key, folder / "incoming.parquet", number=1, run=RUN)
    changes = landing.prepare(lake, dataset, code, incoming, before, landing.definition(system, dataset), folder)
    landing.land(lake, RUN, [changes], message="try")
    landed = {n: t for n, t in lake.columns("landing", code).items() if n not in OWN}
    done = Walk(changes, {source(n): t for n, t in landed.items()})
    done.left_out = _left_out(lake, city, dataset, code, list(done.columns), plain=plain)
    if not dataset.record:
        done.rows = _raw(lake, city, dataset, code, list(landed), plain=plain)
        return done
    states = made.landing_states(lake)
    candidate = normalise.build(lake, city, system, name, made.Made(), states.get(code, 0), folder)
    done.verdict = quality.check(lake.cursor(), candidate.relation, suites.suite(city, system, name), last_rows=None)
    done.rows = _rows(lake, city, dataset, candidate, list(landed), plain=plain)
    return done


def _first(pull: Pull, rows: int) -> Pull:
    """The first rows of a stream; nothing may be concluded from what is missing in it."""

    def batches() -> Iterator[Batch]:
        left = rows
        for batch in pull.batches:
            if batch.rows is None:
                yield batch
                continue
            some = batch.rows.slice(0, left)
            left -= some.num_rows
            yield Batch(some, batch.slice, batch.rejects)
            if left <= 0:
                break
        close = getattr(pull.batches, "close", None)
        if close:
            close()

    return Pull(pull.schema, batches(), None, frozenset())


def _left_out(lake: Lake, city: City, dataset: Dataset, code: str, names: list[str], *, plain: bool) -> list[tuple[str, str, str]]:
    key = shown.key(city, dataset, "_key", plain=plain)
    row = shown.row_text(city, dataset, names, '"row"', plain=plain)
    found = lake.cursor().execute(
        f"SELECT coalesce({key}, ''), reason, coalesce({row}, '') FROM {table('quarantine', code)} WHERE station = 'landing' ORDER BY ALL"
    )
    return [(key, reason, row) for key, reason, row in found.fetchall()]


def _raw(lake: Lake, city: City, dataset: Dataset, code: str, names: list[str], *, plain: bool) -> list[Row]:
    columns = ", ".join(shown.source_columns(city, dataset, names, plain=plain))
    found = lake.cursor().execute(f"SELECT {shown.key(city, dataset, '_key', plain=plain)}, {columns} FROM {table('landing', code)}")
    return [Row(r[0] or "", dict(zip(map(source, names), r[1:], strict=True)), {}, [], held=False) for r in found.fetchall()]


def _rows(lake: Lake, city: City, dataset: Dataset, candidate: normalise.Candidate, names: list[str], *, plain: bool) -> list[Row]:
    """Landed and converted side by side."""
    record = candidate.record
    mapped = [f for f in record.fields if f in dataset.fields]
    sent = ", ".join(
        f"{quoted(n)} := {v.rpartition(' AS ')[0]}"
        for n, v in zip(names, shown.source_columns(city, dataset, names, plain=plain, of="l."), strict=True)
    )
    made_of = ", ".join(
        f"{quoted(n)} := {v.rpartition(' AS ')[0]}" for n, v in zip(mapped, shown.fields(record, mapped, plain=plain, of="c."), strict=True)
    )
    value = shown.failed_value(record, "x.field", "x.value", plain=plain)
    found = lake.cursor().execute(f"""
        SELECT {shown.key(city, dataset, "c._key", plain=plain)}, struct_pack({sent}), struct_pack({made_of}),
            list_transform(c._failed, x -> {{'field': x.field, 'reason': x.reason, 'value': {value}}})
        FROM read_parquet({literal(str(candidate.looked))}) c JOIN {table("landing", candidate.table)} l USING (_key)
        ORDER BY c._key""")
    return [
        Row(k or "", {source(n): v for n, v in s.items()}, m, _failures(f), any(record.holds(x["field"]) for x in f))
        for k, s, m, f in found.fetchall()
    ]


def _failures(found: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    return [(f["field"], f["reason"], f["value"]) for f in found]
