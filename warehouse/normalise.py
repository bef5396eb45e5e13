"""Landed rows become rows of a record type; a row that cannot keeps its reason.

    landing.<table>  ->  candidate (a file)  ->  standard.<table>, key by key

Only rows that changed since the last acceptance are converted. When a key's new version is rejected, its last accepted
version stays, marked in quarantine; only a deletion by the source removes a row.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import duckdb

from schemas import moments, names
from schemas.city import City
from schemas.errors import RegistrationError
from schemas.records import SQL_TYPES, Record
from schemas.registration import Dataset, FieldMap, System
from warehouse import made, row_keys
from warehouse.carried import LARGE, SMALL, Increment
from warehouse.conversions import WORDS, Asked, Word, text_of
from warehouse.delta import KIND, Counts, Delta, apply, compared, grow, staged, standing
from warehouse.difference import row_text
from warehouse.lake import Lake, table
from warehouse.made import Made
from warehouse.sql import columns, few_rows, literal, one, quoted


@dataclass(frozen=True, kw_only=True)
class Candidate(Delta):
    """What a dataset's standard rows would become."""

    record: Record
    landing: int  # the landing state it was made from
    before: Made
    looked: Path  # one row a key that was looked at: fields, and what failed
    relation: str  # SQL for the whole of standard.<table> as it would be
    step: Increment | None  # how it differs from what is accepted, where that is little
    examined: int
    held: int  # rows held back
    findings: int  # values left empty
    removed: bool  # whether landed rows may have gone since


RULE = 2  # rises when the same words of a registration make other values of the same rows


def definition(city: City, system: System, name: str) -> str:
    """What a standard table is made with: mapping, codes, record type and its code lists, rules and expectations, time zone."""
    dataset = system.datasets[name]
    record = city.records[dataset.record or ""]
    lists = {f.codes: city.codes[f.codes] for f in record.fields.values() if f.codes}
    return made.fingerprint(dataset.fields, dataset.codes, dataset.expect, record, lists, system.timezone, RULE)


def due(city: City, system: System, name: str, landing: int, done: dict[str, Made], blocked: dict[str, Made]) -> bool:
    """Whether what is landed of a dataset, or how it is read, differs from what the last look was made from."""
    table_ = system.table(name)
    asked = ({table_: landing}, definition(city, system, name))
    looks = [m for m in (done.get(table_), blocked.get(table_)) if m]
    return not any((m.made_from, m.definition) == asked for m in looks)


def select(city: City, dataset: Dataset, landed: dict[str, str], source: str, *, zone: str, where: str = "") -> str:
    """The one statement that turns landed rows into candidates: `_key`, the fields, and `_failed`, what could not be read.

    `_failed` lists (field, reason, value) of every text that has no value, and every empty field that must have one.
    `zone` is the one whose wall clocks the system shows; `where` names the dataset in the RegistrationError of a mapping that asks for a conversion there is not.
    """
    record = city.records[dataset.record or ""]
    fields = record.fields
    texts, cleaned, values, failures = [], [], [], []
    for name, spec in fields.items():
        mapping = dataset.fields.get(name)
        column = quoted(name)
        if mapping is None:
            values.append(f"CAST(NULL AS {SQL_TYPES[spec.type]}) AS {column}")
            continue
        word = _word(where or dataset.title, name, mapping, spec.type)
        there = names.landed_of(mapping.source, landed) if mapping.source is not None else None
        direct = there is not None and _widens(landed[there], spec.type)
        came = _came(mapping, landed, zone, as_it_is=direct)
        texts.append(f"{came if direct else text_of(came)} AS {quoted('t ' + name)}")
        cleaned.append(f"{quoted('t ' + name) if direct else word.clean(quoted('t ' + name))} AS {quoted('c ' + name)}")
        asked = Asked(mapping.format, dataset.codes.get(name), frozenset(city.codes[spec.codes]) if spec.codes else frozenset(), zone)
        made_of = quoted("c " + name) if direct else word.convert(quoted("c " + name), asked)
        sheet_error = _sheet_error(quoted("t " + name))
        if spec.type == "text" and not direct:
            made_of = f"CASE WHEN NOT coalesce({sheet_error}, false) THEN {made_of} END"
            failures.append(_failure(sheet_error, name, word.reason, quoted("t " + name)))
        values.append(f"CAST({made_of} AS {SQL_TYPES[spec.type]}) AS {column}")
        text = f"CAST({quoted('t ' + name)} AS VARCHAR)"
        if not direct and spec.type != "text":
            failures.append(_failure(f"{quoted('t ' + name)} IS NOT NULL AND {column} IS NULL", name, word.reason, text))
        if record.must(name):
            failures.append(_failure(f"{quoted('t ' + name)} IS NULL", name, "required", "NULL"))
    failed = f"list_filter([{', '.join(failures)}], x -> x IS NOT NULL)" if failures else _NOTHING
    kept = ", ".join(quoted(n) for n in fields)
    return f"""
WITH texts AS (
    SELECT _key, {", ".join(texts) or "NULL AS nothing"}
    FROM {source}),
cleaned AS (
    SELECT *, {", ".join(cleaned) or "NULL AS nothing2"}
    FROM texts),
converted AS (
    SELECT *, {", ".join(values)}
    FROM cleaned)
SELECT _key, {kept}, {failed} AS _failed
FROM converted"""


_EXACT = {
    "integer": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"),
    "date": ("DATE",),
    "datetime": ("TIMESTAMP", "DATE"),
    "boolean": ("BOOLEAN",),
}


def _widens(landed: str, wanted: str) -> bool:
    """Whether every value of the landed type is one of the wanted type, so that nothing needs to be read from text."""
    if wanted == "decimal" and (said := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", landed)):
        return int(said[2]) <= 2 and int(said[1]) - int(said[2]) <= 16  # into DECIMAL(18, 2)
    return landed in _EXACT.get(wanted, ())


_NOTHING = 'CAST([] AS STRUCT(field VARCHAR, reason VARCHAR, "value" VARCHAR)[])'


def _word(where: str, field: str, mapping: FieldMap, natural: str) -> Word:
    """The conversion a mapping asks for. Raises RegistrationError naming the words there are."""
    said = mapping.conversion or natural
    word = WORDS.get(said)
    if word is None:
        raise RegistrationError(
            f"{where}: fields.{field}.as: 没有转换 {said}；有：{'、'.join(WORDS)}",
            f"{where}: fields.{field}.as: no conversion {said}; there are: {', '.join(WORDS)}",
            next_zh="修改登记后运行 hub systems validate",
            next_en="edit the registration, then run hub systems validate",
        )
    if unknown := [f for f in mapping.format if word.refuses(f)]:
        raise RegistrationError(
            f"{where}: fields.{field}.format: {said} 不认识 {'、'.join(unknown)}；可写：{'、'.join(word.formats) or '（无）'}",
            f"{where}: fields.{field}.format: {said} does not know {', '.join(unknown)}; it knows: {', '.join(word.formats) or '(none)'}",
            next_zh="修改登记后运行 hub systems validate",
            next_en="edit the registration, then run hub systems validate",
        )
    return word


def _came(mapping: FieldMap, landed: dict[str, str], zone: str, *, as_it_is: bool = False) -> str:
    """Where a value comes from; a number with a fraction as the one text its value has, so that 1.00 is the code 1."""
    if mapping.value is not None:
        return literal(mapping.value)
    if mapping.part == "slice":
        return "_slice"
    assert mapping.source is not None
    column = names.landed_of(mapping.source, landed)
    if column is None:
        return "NULL"
    kind = landed[column]
    if kind == "TIMESTAMP WITH TIME ZONE":  # never as the session's zone happens to show it
        return moments.local_sql(quoted(column), zone)
    fraction = kind.startswith("DECIMAL") or kind in ("DOUBLE", "FLOAT")
    return row_keys.text(quoted(column), kind) if fraction and not as_it_is else quoted(column)


def _failure(condition: str, field: str, reason: str, value: str) -> str:
    why = f"CASE WHEN {value} = '#NO_VALUE!' THEN 'formula_without_value' WHEN {_sheet_error(value)} THEN 'error_cell' ELSE {literal(reason)} END"
    return f"CASE WHEN {condition} THEN {{'field': {literal(field)}, 'reason': {why if value != 'NULL' else literal(reason)}, 'value': {value}}} END"


# What a spreadsheet shows where it could not calculate, in a workbook as in a CSV saved from it; no person is called so.
_SHEET_ERRORS = (
    "#DIV/0!",
    "#N/A",
    "#NAME?",
    "#NULL!",
    "#NUM!",
    "#REF!",
    "#VALUE!",
    "#SPILL!",
    "#CALC!",
    "#GETTING_DATA",
    "#ERROR!",
    "#NO_VALUE!",
)


def _sheet_error(text: str) -> str:
    return f"CASE WHEN starts_with({text}, '#') THEN list_contains([{', '.join(map(literal, _SHEET_ERRORS))}], {text}) ELSE false END"


def _holding(record: Record) -> str:
    """The failures that hold the row, of the list `_failed`."""
    deciding = [f for f in record.fields if record.holds(f)]
    return f"list_filter(_failed, x -> x.field IN ({', '.join(map(literal, deciding)) or 'NULL'}))"


def build(lake: Lake, city: City, system: System, name: str, before: Made, landing: int, folder: Path) -> Candidate:
    """Convert what changed since `before`; writes files only."""
    dataset = system.datasets[name]
    code = system.table(name)
    record = city.records[dataset.record or ""]
    con = lake.cursor()
    made_with = definition(city, system, name)
    everything = before.definition != made_with or code not in before.made_from
    landed_columns = lake.columns("landing", code)
    types = {"_key": "VARCHAR", **{n: SQL_TYPES[f.type] for n, f in record.fields.items()}}
    standard = standing("standard", code, lake.columns("standard", code), types)
    since = "true" if everything else f"_number > {before.made_from[code]}"
    looked = folder / f"{code}.candidate.parquet"
    source = f"(SELECT * FROM {table('landing', code)} WHERE {since})"
    statement = select(city, dataset, landed_columns, source, zone=system.timezone, where=f"{system.path}/{name}")
    with nullcontext() if everything else few_rows(con):
        con.execute(f"COPY ({statement}) TO {literal(str(looked))} (COMPRESSION zstd, COMPRESSION_LEVEL 1)")
    candidate = f"read_parquet({literal(str(looked))})"
    good = f"(SELECT * FROM {candidate} WHERE len({_holding(record)}) = 0)"
    removed = everything or _deleted_since(con, code, before.made_from.get(code, 0))
    fields = columns(record.fields)
    step = None if everything else _step(con, standard, good, fields, before.rows, code, removed, folder)
    examined, held, findings = one(
        con,
        f"SELECT count(*), count(*) FILTER (WHERE len({_holding(record)}) > 0), coalesce(sum(len(_failed)), 0)::BIGINT - "
        f"coalesce(sum(len({_holding(record)})), 0)::BIGINT FROM {candidate}",
    )
    stay = f"SELECT _key, {fields} FROM {standard}"
    if before.rows:
        accepted = step.gone if step else standard
        differs = compared(good, accepted, record.fields, also=f"{landing}::BIGINT AS _number")
        if removed:
            differs += f" UNION ALL BY NAME SELECT _key, 'D' AS {KIND} FROM {accepted} t ANTI JOIN {table('landing', code)} l USING (_key)"
        rows, counts = staged(con, differs, folder / f"{code}.accepted.parquet")
        come = f" t ANTI JOIN {rows} c USING (_key) UNION ALL BY NAME SELECT _key, {fields} FROM {rows} WHERE {KIND} <> 'D'"
        relation = f"({stay}{come if any(counts.values()) else ''})"
    else:  # nothing to compare with: every good row is new
        rows = f"(SELECT _key, {fields}, {landing}::BIGINT AS _number, 'I' AS {KIND} FROM {good})"
        counts = Counts(inserted=examined - held)
        relation = f"(SELECT _key, {fields} FROM {good})"
    return Candidate(
        station="standard", table=code, definition=made_with, rows=rows, **counts, record=record, landing=landing, before=before,
        looked=looked, relation=relation, step=step, removed=removed, examined=examined, held=held, findings=findings,
    )  # fmt: skip


def _deleted_since(con: duckdb.DuckDBPyConnection, code: str, number: int) -> bool:
    row = con.execute(f"SELECT coalesce(sum(deleted), 0) FROM hub.cursors WHERE dataset = {literal(code)} AND number > {number}").fetchone()
    return bool(row and row[0])


def _step(
    con: duckdb.DuckDBPyConnection, standard: str, good: str, fields: str, rows: int, code: str, removed: bool, folder: Path
) -> Increment | None:
    """The accepted versions of the few rows that come, and of those that are gone from landing, taken out in one look."""
    few = con.execute(f"SELECT count(*) * {SMALL} < {rows} FROM {good}").fetchone()
    if rows < LARGE or not few or not few[0]:
        return None
    path = folder / f"{code}.stood.parquet"
    away = f"UNION ALL SELECT _key, {fields} FROM {standard} t ANTI JOIN {table('landing', code)} l USING (_key)" if removed else ""
    stood = f"SELECT _key, {fields} FROM {standard} WHERE _key IN (SELECT _key FROM {good}) {away}"
    con.execute(f"COPY ({stood}) TO {literal(str(path))} (COMPRESSION zstd, COMPRESSION_LEVEL 1)")
    return Increment(
        f"(SELECT _key, {fields} FROM {standard})", f"read_parquet({literal(str(path))})", f"(SELECT _key, {fields} FROM {good})"
    )


def accept(tx: duckdb.DuckDBPyConnection, candidate: Candidate, run: str, *, blocked: bool, so_far: made.Numbers | None = None) -> None:
    """Make the candidate the current rows of its dataset, in the caller's transaction.

    A blocked candidate writes what is wrong with it and nothing else: yesterday's rows stay.
    """
    code, target = candidate.table, table("standard", candidate.table)
    types = {n: SQL_TYPES[f.type] for n, f in candidate.record.fields.items()}
    grow(tx, "standard", code, {"_key": "VARCHAR", **types, "_number": "BIGINT"})
    if not blocked:
        apply(tx, candidate)
    _quarantine(tx, candidate, run)
    row = tx.execute(f"SELECT count(*) FROM {target}").fetchone()
    counts = (0, 0, 0) if blocked else (candidate.inserted, candidate.updated, candidate.deleted)
    made.append(
        tx,
        "blocked" if blocked else "standard",
        code,
        run,
        made_from={code: candidate.landing},
        definition=candidate.definition,
        rows=int(row[0]) if row else 0,
        inserted=counts[0],
        updated=counts[1],
        deleted=counts[2],
        so_far=so_far,
    )


def _quarantine(tx: duckdb.DuckDBPyConnection, candidate: Candidate, run: str) -> None:
    """The station's entries about the keys just examined are replaced; the first date of a lasting one stays."""
    code = candidate.table
    target = table("quarantine", code)
    rows = f"read_parquet({literal(str(candidate.looked))})"
    landed = [r[0] for r in tx.execute(f"DESCRIBE {table('landing', code)}").fetchall() if r[0] not in names.OWN]
    has_old = tx.execute(f"SELECT 1 FROM {target} WHERE station = 'standard' LIMIT 1").fetchone()
    if has_old:
        tx.execute(
            f"CREATE OR REPLACE TEMP TABLE _since AS SELECT _key, field, reason, min(since) AS since FROM {target}"
            f" WHERE station = 'standard' GROUP BY ALL"
        )
        gone = f" OR _key NOT IN (SELECT _key FROM {table('landing', code)})" if candidate.removed else ""
        tx.execute(f"DELETE FROM {target} WHERE station = 'standard' AND (_key IN (SELECT _key FROM {rows}){gone})")
    else:
        tx.execute("CREATE OR REPLACE TEMP TABLE _since (_key VARCHAR, field VARCHAR, reason VARCHAR, since TIMESTAMP)")
    if candidate.held or candidate.findings:
        deciding = [f for f in candidate.record.fields if candidate.record.holds(f)]
        tx.execute(f"""
            INSERT INTO {target} BY NAME
            SELECT r._key, l._slice, 'standard' AS station, r.f.field AS field, r.f.reason AS reason, r.f.value AS "value",
                {row_text(landed, "l.")} AS "row", r.f.field IN ({", ".join(map(literal, deciding)) or "NULL"}) AS holds,
                s._key IS NOT NULL AS stands, coalesce(o.since, now() AT TIME ZONE 'UTC') AS since, {literal(run)} AS run
            FROM (SELECT _key, unnest(_failed) AS f FROM {rows} WHERE len(_failed) > 0) r
            JOIN {table("landing", code)} l USING (_key)
            LEFT JOIN {table("standard", code)} s USING (_key)
            LEFT JOIN _since o ON o._key = r._key AND o.field = r.f.field AND o.reason = r.f.reason""")
    tx.execute("DROP TABLE _since")
