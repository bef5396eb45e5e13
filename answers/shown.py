"""Rows of a dataset as engineers see them by default: personal values masked, in landing's columns as in standard's.

    a column + what it is mapped to  ->  one SQL expression

What no field names is still guarded: id, telephone and card numbers inside any text lose their middle.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import duckdb

from schemas.city import City
from schemas.names import same, source
from schemas.records import DerivedColumn, Mask, Record, RecordField
from schemas.registration import Dataset
from warehouse.masks import HIDDEN, mask_sql
from warehouse.sql import SEPARATOR, literal, quoted

Row = dict[str, str | None]

_NUMBERS = (
    (r"\b([1-9])\d{5}(?:1[89]|20)\d{8}(\d[0-9Xx])\b", r"\1***************\2"),
    (r"\b([1-9])\d{12}(\d{2})\b", r"\1************\2"),
    (r"\b(1[3-9]\d)\d{4}(\d{4})\b", r"\1****\2"),
    (r"\b\d{12,15}(\d{4})\b", r"************\1"),
)


def source_masks(city: City, dataset: Dataset) -> dict[str, Mask]:
    """The mask of every source column that is mapped to a masked field."""
    if not dataset.record or dataset.record not in city.records:
        return {}
    fields = city.records[dataset.record].fields
    return {m.source: mask for n, m in dataset.fields.items() if m.source and n in fields and (mask := fields[n].mask)}


def value(expr: str, mask: Mask | None, *, plain: bool = False) -> str:
    """A value as text; masked by its word, or guarded where it has none."""
    if plain:
        return f"CAST({expr} AS VARCHAR)"
    if mask:
        return mask_sql(mask, expr)
    shown = f"CAST({expr} AS VARCHAR)"
    for shape, kept in _NUMBERS:
        shown = f"regexp_replace({shown}, {literal(shape)}, {literal(kept)}, 'g')"
    return shown


def source_columns(city: City, dataset: Dataset, names: Iterable[str], *, plain: bool = False, of: str = "") -> list[str]:
    """Landing's columns as a select list."""
    masks = source_masks(city, dataset)
    return [f"{value(of + quoted(n), _mask(masks, source(n)), plain=plain)} AS {quoted(n)}" for n in names]


def _mask(masks: Mapping[str, Mask], name: str) -> Mask | None:
    """A column that is called otherwise in case only is the same column, and as personal."""
    known = same(name, masks)
    return masks[known] if known is not None else None


def fields(record: Record, names: Iterable[str], *, plain: bool = False, of: str = "") -> list[str]:
    """A record type's columns as a select list."""
    known = record.fields
    return [f"{value(of + quoted(n), known[n].mask if n in known else None, plain=plain)} AS {quoted(n)}" for n in names]


def key(city: City, dataset: Dataset, expr: str, *, plain: bool = False) -> str:
    """A key with its parts joined by a slash, each masked as its column is."""
    parts = dataset.read.key if dataset.read else ()
    masks = source_masks(city, dataset)
    if plain or not parts:
        return f"replace({value(expr, None, plain=plain)}, {SEPARATOR}, '/')"
    one = [value(f"string_split({expr}, {SEPARATOR})[{n}]", masks.get(c)) for n, c in enumerate(parts, 1)]
    return f"concat_ws('/', {', '.join(one)})"


def failed_value(record: Record | None, field: str, expr: str, *, plain: bool = False) -> str:
    """A rejected value, masked by the field that rejected it; `field` is the SQL of the field's name."""
    masked = {n: f.mask for n, f in record.fields.items() if f.mask} if record else {}
    if plain or not masked:
        return value(expr, None, plain=plain)
    whens = " ".join(f"WHEN {literal(n)} THEN {mask_sql(m, expr)}" for n, m in masked.items())
    return f"CASE {field} {whens} ELSE {value(expr, None)} END"


def row_text(city: City, dataset: Dataset, names: Iterable[str], expr: str, *, plain: bool = False) -> str:
    """A row that is kept as JSON text: its columns again as JSON, masked."""
    masks = source_masks(city, dataset)
    pairs = ", ".join(f"{literal(n)}, {value(_inside(expr, n), _mask(masks, n), plain=plain)}" for n in names)
    return f"CASE WHEN {expr} IS NOT NULL THEN CAST(json_object({pairs}) AS VARCHAR) END" if pairs else literal(HIDDEN)


def _inside(expr: str, name: str) -> str:
    path = "/" + name.replace("~", "~0").replace("/", "~1")
    return f"json_extract_string({expr}, {literal(path)})"


def landed_row(con: duckdb.DuckDBPyConnection, city: City, dataset: Dataset, row: Mapping[str, object], *, plain: bool = False) -> Row:
    """One row of landing, standard or quarantine, given as names and values."""
    record = city.records.get(dataset.record or "")
    masks = {**source_masks(city, dataset), **({n: f.mask for n, f in record.fields.items() if f.mask} if record else {})}
    selected = {n: value(_bound(place), _mask(masks, source(n)), plain=plain) for place, n in enumerate(row)}
    if "_key" in row:
        selected["_key"] = key(city, dataset, _bound(list(row).index("_key")), plain=plain)
    if "reason" in row and "value" in row:
        names = list(row)
        selected["value"] = failed_value(record, _bound(names.index("field")), _bound(names.index("value")), plain=plain)
        columns = [c for m in dataset.fields.values() if (c := m.source)] + list(dataset.read.key if dataset.read else ())
        selected["row"] = row_text(city, dataset, dict.fromkeys(columns), _bound(names.index("row")), plain=plain)
    return _one(con, selected, row)


def shared_row(
    con: duckdb.DuckDBPyConnection,
    columns: Mapping[str, RecordField] | Mapping[str, DerivedColumn],
    row: Mapping[str, object],
    *,
    plain: bool = False,
) -> Row:
    """One row of a shared record or a derived table with these columns."""
    masks = {n: c.mask for n, c in columns.items()}
    return _one(con, {n: value(_bound(place), masks.get(n), plain=plain) for place, n in enumerate(row)}, row)


def _bound(place: int) -> str:
    return f"t.c{place}"


def _one(con: duckdb.DuckDBPyConnection, selected: Mapping[str, str], row: Mapping[str, object]) -> Row:
    given = ", ".join(f"CAST(? AS VARCHAR) AS c{place}" for place in range(len(row)))
    made = con.execute(f"SELECT {', '.join(selected.values())} FROM (SELECT {given}) t", [_text(v) for v in row.values()]).fetchone()
    assert made is not None
    return dict(zip(selected, made, strict=True))


def _text(found: object) -> str | None:
    if found is None:
        return None
    return (
        found.hex() if isinstance(found, bytes) else json.dumps(found, ensure_ascii=False) if isinstance(found, list | dict) else str(found)
    )
