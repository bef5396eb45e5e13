"""A candidate held against what is accepted: what no rule about one row sees, and each small step hides.

    candidate + accepted rows + the accepted counts of a week and a month ago  ->  results beside the suite's own

shrink    fewer rows than a week or a month ago: the count that stood then, or the oldest since, or since a person's decision
changed   the share of accepted rows that differ; the field that differs most is named. A mapping that we changed is our own
          doing, so this guard is silent when the definition differs
emptied   values of a mapped field that were there and are empty now; some are told, many block
held      rows rejected, of those looked at, the first load too: probably the mapping

A blocking result is passed as any other: by a person, with `hub accept`. The decision carries through publishing.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import duckdb

from schemas.promises import Bound, Expect
from schemas.registration import Dataset
from warehouse.delta import KIND
from warehouse.expectations import ROWS
from warehouse.lake import Lake, table
from warehouse.normalise import Candidate
from warehouse.sql import literal, one, quoted
from warehouse.verdicts import Result

SMALL = 50  # rows up to which any share may change
FEW = 5  # values emptied that block nothing
MANY = 20  # values emptied that may block by their share of the rows that came
HELD = 10  # rejected rows from which their share says something
_WINDOWS = (("week", 7), ("month", 30))


@dataclass(frozen=True)
class _Moved:
    """How the accepted rows that come again differ."""

    rows: int  # that differ in a field that counts
    had: dict[str, int]  # field: of the rows that came, those with a value before
    differs: dict[str, int]
    emptied: dict[str, int]


def results(con: duckdb.DuckDBPyConnection, dataset: Dataset, candidate: Candidate) -> list[Result]:
    """What the guards find; nothing where there is nothing to say."""
    found = list(_shrunk(con, dataset.expect, candidate))
    if candidate.before.rows and candidate.updated:
        moved = _moved(con, dataset, candidate)
        found += [*_changed(dataset.expect, candidate, moved), *_emptied(con, dataset.expect.emptied, candidate, moved)]
    bound = dataset.expect.held
    if bound and candidate.held >= HELD and candidate.held > bound.max * candidate.examined:
        found.append(_result("held", bound, candidate.held, candidate.examined))
    return found


def decided(lake: Lake, made_from: Iterable[str], since: Mapping[str, int]) -> bool:
    """Whether a person let any of these datasets pass its check after the state it had: that decision holds for what is made of it."""
    later = [f"(m.name = {literal(t)} AND m.number > {since.get(t, 0)})" for t in made_from]
    asked = f"""
        SELECT 1 FROM hub.made m JOIN hub.findings f ON f.run = m.run AND f.dataset = m.name
        WHERE m.station = 'standard' AND f.blocking AND ({" OR ".join(later) or "false"}) LIMIT 1"""
    return lake.ask.execute(asked).fetchone() is not None


def _result(rule: str, bound: Bound, bad: int, judged: int, *, field: str = "", title: str = "", severity: str = "") -> Result:
    meta = {"rule": rule, "severity": severity or bound.severity, "origin": "registration", "field": field, "title": title}
    kwargs = {"column": field or "_key", "mostly": 1 - bound.max}
    return Result({"type": f"expect_few_{rule}", "kwargs": kwargs, "meta": meta}, verdict=False, element_count=judged, unexpected_count=bad)


def _shrunk(con: duckdb.DuckDBPyConnection, expect: Expect, candidate: Candidate) -> Iterator[Result]:
    bound = expect.shrink
    if not bound or not candidate.before.number:
        return
    rows = candidate.before.rows + candidate.inserted - candidate.deleted
    for (word, days), stood in zip(_WINDOWS, _stood(con, candidate.table), strict=True):
        most = max(bound.max, getattr(bound, word))
        if stood and rows < math.ceil(stood * max(1 - Fraction(str(most)), Fraction(0))):
            meta = {"rule": "shrink", "severity": bound.severity, "origin": "registration", "last_rows": stood, "max": most, "days": days}
            expectation = {"type": ROWS, "kwargs": {"min_value": math.ceil(stood * (1 - most))}, "meta": meta}
            yield Result(expectation, verdict=False, element_count=rows, observed=rows)
            return


def _stood(con: duckdb.DuckDBPyConnection, name: str) -> tuple[int, ...]:
    """For every window the accepted count so many days ago, or the oldest there is since; a person's decision begins anew."""
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    oldest = 'arg_min("rows", number)'
    then = (
        f'coalesce(arg_max("rows", number) FILTER (WHERE written_at <= {literal(now - dt.timedelta(days=d))}), {oldest})'
        for _, d in _WINDOWS
    )
    counts = one(
        con,
        f"""
        WITH accepted AS (
            SELECT m.number, m."rows", m.written_at,
                m.run IN (SELECT run FROM hub.findings WHERE dataset = {literal(name)} AND blocking) AS decided
            FROM hub.made m WHERE station = 'standard' AND name = {literal(name)}),
        since AS (
            SELECT * FROM accepted WHERE number >= (SELECT coalesce(max(number) FILTER (WHERE decided), 0) FROM accepted))
        SELECT {", ".join(then)} FROM since""",
    )
    return tuple(int(c or 0) for c in counts)


def _moved(con: duckdb.DuckDBPyConnection, dataset: Dataset, candidate: Candidate) -> _Moved:
    """One pass over the accepted rows that come again otherwise."""
    there = {r[0] for r in con.execute(f"DESCRIBE {table('standard', candidate.table)}").fetchall()}
    fields = [f for f in candidate.record.fields if f in dataset.fields and f in there]
    left_out = dataset.expect.changed.leave_out if dataset.expect.changed else ()
    counting = [f"n.{quoted(f)} IS DISTINCT FROM t.{quoted(f)}" for f in fields if f not in left_out]
    asked = [f"count(*) FILTER (WHERE {' OR '.join(counting) or 'false'})"]
    for f in fields:
        n, t = f"n.{quoted(f)}", f"t.{quoted(f)}"
        asked += [
            f"count({t})",
            f"count(*) FILTER (WHERE {n} IS DISTINCT FROM {t})",
            f"count(*) FILTER (WHERE {t} IS NOT NULL AND {n} IS NULL)",
        ]
    stood = candidate.step.gone if candidate.step else table("standard", candidate.table)
    row = con.execute(f"SELECT {', '.join(asked)} FROM {candidate.rows} n JOIN {stood} t USING (_key) WHERE n.{KIND} = 'U'").fetchone()
    assert row is not None
    had, differs, emptied = (dict(zip(fields, row[1 + place :: 3], strict=True)) for place in range(3))
    return _Moved(row[0], had, differs, emptied)


def _changed(expect: Expect, candidate: Candidate, moved: _Moved) -> Iterator[Result]:
    bound, stood = expect.changed, candidate.before.rows
    if not bound or stood <= SMALL or candidate.definition != candidate.before.definition or moved.rows <= bound.max * stood:
        return
    counts = {f: n for f, n in moved.differs.items() if f not in bound.leave_out}
    for field in sorted(counts, key=lambda f: -counts[f]):
        if counts[field] > bound.max * stood:
            yield _result("changed", bound, counts[field], stood, field=field, title=candidate.record.fields[field].title)
    yield _result("changed", bound, moved.rows, stood)


def _emptied(con: duckdb.DuckDBPyConnection, bound: Bound | None, candidate: Candidate, moved: _Moved) -> Iterator[Result]:
    lost = {f: n for f, n in moved.emptied.items() if n}
    if not bound or not lost:
        return
    counted = ", ".join(f"count({quoted(f)})" for f in lost)
    row = con.execute(f"SELECT {counted} FROM {table('standard', candidate.table)}").fetchone()
    assert row is not None
    for (field, count), stood in zip(lost.items(), row, strict=True):
        many = count > FEW and (count > bound.max * stood or (count >= MANY and count * 2 > moved.had[field]))
        yield _result(
            "emptied", bound, count, stood, field=field, title=candidate.record.fields[field].title, severity="" if many else "warn"
        )
