"""A registration carries its own test: its samples go through the same SQL as its rows.

datasets.<name>.sample  ->  normalise.select  ->  what differs from `expect` or `rejected`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb

from schemas.city import City
from schemas.errors import RegistrationError
from schemas.records import SQL_TYPES
from schemas.registration import Dataset, Sample, System
from warehouse import normalise
from warehouse.reasons import reason
from warehouse.sql import literal, quoted

Said = tuple[str, str]  # Chinese and English


def check(city: City, system: System) -> list[Said]:
    """What the samples of a system's datasets say against its mapping; empty when every sample becomes what it should."""
    said: list[Said] = []
    for name, dataset in system.datasets.items():
        if dataset.record and dataset.sample and dataset.fields:
            where = f"{system.path}/{name}"
            try:
                said += [(f"{where}: {zh}", f"{where}: {en}") for zh, en in check_dataset(city, system, name)]
            except RegistrationError as error:
                said.append((error.zh, error.en))
    return said


def check_dataset(city: City, system: System, name: str) -> list[Said]:
    """What the samples of one dataset say."""
    dataset = system.datasets[name]
    con = duckdb.connect(config={"threads": 1})
    con.execute("PRAGMA disable_optimizer")  # for a handful of rows, optimizing the statement is three quarters of the work
    try:
        found = candidates(con, city, system, name)
        return [said for n, sample in enumerate(dataset.sample, 1) for said in _against(con, city, dataset, sample, found[str(n)], n)]
    finally:
        con.close()


def candidates(con: duckdb.DuckDBPyConnection, city: City, system: System, name: str) -> dict[str, dict[str, Any]]:
    """The candidate row of every sample, by the sample's place (from 1)."""
    dataset = system.datasets[name]
    names = list(dict.fromkeys(c for s in dataset.sample for c in s.given if c != "_slice"))
    rows = ", ".join(
        f"({literal(str(n))}, {literal(str(s.given.get('_slice') or ''))}{''.join(', ' + _text(s.given.get(c)) for c in names)})"
        for n, s in enumerate(dataset.sample, 1)
    )
    source = f"(SELECT * FROM (VALUES {rows}) t(_key, _slice{''.join(', ' + quoted(c) for c in names)}))"
    found = con.execute(
        normalise.select(city, dataset, dict.fromkeys(names, "VARCHAR"), source, zone=system.timezone, where=f"{system.path}/{name}")
    )
    columns = [c[0] for c in found.description or []]
    return {r[0]: dict(zip(columns, r, strict=True)) for r in found.fetchall()}


def _text(value: object) -> str:
    return "CAST(NULL AS VARCHAR)" if value is None else literal(str(value))


def _against(
    con: duckdb.DuckDBPyConnection, city: City, dataset: Dataset, sample: Sample, row: dict[str, Any], place: int
) -> Iterator[Said]:
    record = city.records[dataset.record or ""]
    at = f"sample {place}"
    unknown = sorted(set(sample.given) - {m.source for m in dataset.fields.values()} - {"_slice"} - _read(dataset))
    if unknown:
        yield (
            f"{at}: given 中的列 {'、'.join(unknown)} 没有映射，也不是主键或游标",
            f"{at}: the given columns {', '.join(unknown)} are neither mapped nor key nor cursor",
        )
    held = {f["field"]: f["reason"] for f in row["_failed"] if record.holds(f["field"])}
    if sample.rejected is not None:
        if sample.rejected not in held:
            yield f"{at}: 应因 {sample.rejected} 被拒绝，实际通过", f"{at}: {sample.rejected} should reject it, but it passed"
        return
    for field, word in held.items():
        yield f"{at}: 被 {field} 拒绝（{reason(word).zh}）", f"{at}: rejected by {field} ({reason(word).en})"
    for field, expected in (sample.expect or {}).items():
        if field not in dataset.fields:
            yield f"{at}: expect 中的 {field} 没有映射", f"{at}: the expected {field} is not mapped"
        elif not _same(con, SQL_TYPES[record.fields[field].type], row[field], expected):
            yield (
                f"{at}: {field} 应为 {expected!s}，实际为 {row[field]!s}",
                f"{at}: {field} should be {expected!s}, found {row[field]!s}",
            )


def _read(dataset: Dataset) -> set[str]:
    """Columns that are pulled for other reasons than a field."""
    read = dataset.read
    if read is None:
        return set()
    marks = [read.marks.kind, read.marks.at, read.marks.batch, read.marks.receipt] if read.marks else []
    return {c for c in (*read.key, read.cursor, *read.only, *read.deleted, *marks, *dataset.ignore) if c}


def _same(con: duckdb.DuckDBPyConnection, kind: str, found: object, expected: object) -> bool:
    """Whether two values are one once both have the field's type: 100 and 100.00, a date and its text."""
    if expected is None or found is None:
        return found is expected
    sides = [str(v).lower() if isinstance(v, bool) else str(v) for v in (found, expected)]
    row = con.execute(f"SELECT coalesce(TRY_CAST(? AS {kind}) = TRY_CAST(? AS {kind}), false)", sides).fetchone()
    return bool(row and row[0])
