"""What the columns of an edition are, and the words an edition explains itself with.

    record type  ->  columns, masked by its words     edition file  ->  + titles, codes, sources, Chinese-named views

A number of a person that nobody gave a mask is masked by its type; level 4 that is neither masked nor shared plain stays out.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from schemas import moments
from schemas.city import City
from schemas.home import zone
from schemas.records import SQL_TYPES, Derived, DerivedColumn, Mask, Record, RecordField
from warehouse.masks import mask_sql
from warehouse.sql import literal, quoted

CHINESE = "中文"
IDENTIFIERS: tuple[Mask, ...] = ("id_number", "phone", "bank_card")  # masked, they keep a pseudonym to join by
_BY_TYPE: dict[str, Mask] = {"id_number": "id_number", "phone": "phone"}


@dataclass(frozen=True)
class EditionColumn:
    name: str
    title: str
    type: str  # of the record type's words, or pseudonym
    expr: str  # over the lake's table
    masked: str = ""  # the mask's word
    codes: str | None = None


def mask_of(field: RecordField | DerivedColumn) -> Mask | None:
    return field.mask or _BY_TYPE.get(field.type)


def columns_of(record: Record, have: set[str]) -> list[EditionColumn]:
    """An edition's columns of a shared record whose lake table has the columns `have`."""
    fields = {n: f for n, f in record.fields.items() if f.level < 4 or mask_of(f) or f.share == "plain"}
    hidden = any(i not in fields or mask_of(fields[i]) for i in record.identity)
    source = EditionColumn("_source", "来源数据集", "text", quoted("_source") if "_source" in have else "NULL::VARCHAR")
    return [_identity(hidden), *_columns(fields, have), source]


def derived_columns(derived: Derived, have: set[str]) -> list[EditionColumn]:
    hidden = any(mask_of(derived.columns[k]) for k in derived.key if k in derived.columns)
    return [_identity(hidden), *_columns(derived.columns, have)]


def _identity(hidden: bool) -> EditionColumn:
    """The row's own key; where it is made of a person's number, a pseudonym of it."""
    if hidden:
        return EditionColumn("_id", "记录标识（假名）", "pseudonym", 'pseudonym("_id")')
    return EditionColumn("_id", "记录标识", "text", quoted("_id"))


def _columns(fields: dict[str, RecordField] | dict[str, DerivedColumn], have: set[str]) -> list[EditionColumn]:
    made: list[EditionColumn] = []
    for name, field in fields.items():
        mask, column = mask_of(field), quoted(name)
        if name not in have:  # described since the last publish
            made.append(
                EditionColumn(
                    name,
                    field.title,
                    field.type,
                    f"NULL::{'VARCHAR' if mask and mask != 'birth_date' else SQL_TYPES[field.type]}",
                    mask or "",
                )
            )
            continue
        if mask == "birth_date" and field.type == "date":  # still a date, so that ages can be computed
            made.append(EditionColumn(name, f"{field.title}（只到年）", field.type, f"CAST(date_trunc('year', {column}) AS DATE)", mask))
            continue
        made.append(EditionColumn(name, field.title, field.type, mask_sql(mask, column) if mask else column, mask or "", field.codes))
        if mask in IDENTIFIERS:
            made.append(EditionColumn(f"{name}_pseudonym", f"{field.title}（假名）", "pseudonym", f"pseudonym({column})"))
    return made


Source = tuple[str, str, str, int, dt.datetime | None, dt.datetime | None]


@dataclass(frozen=True)
class Described:
    """What an edition says of itself, in its table `edition`; times are the city's."""

    audience: str
    generation: int
    snapshot: int
    definition: str
    whole_at: dt.datetime  # when the file this one was brought forward from was written whole


def describe(building: Path, city: City, plan: dict[str, list[EditionColumn]], sources: Sequence[Source], edition: Described) -> None:
    """Titles, code lists, sources and Chinese names, in a connection that has never seen the lake.

    A file that was brought forward has the names already: it means the same as the one it was copied from.
    """
    titles = {n: city.records[n].title if n in city.records else city.derived[n][0].title for n in plan}
    con = duckdb.connect(str(building), config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    try:
        con.execute("BEGIN")
        whole = not con.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = 'shared' AND table_name = 'edition'").fetchone()
        for ages in ("sources", "edition"):
            con.execute(f"DROP TABLE IF EXISTS shared.{ages}")
        shape = 'record VARCHAR, source VARCHAR, title VARCHAR, "rows" BIGINT, last_changed TIMESTAMP, last_confirmed TIMESTAMP'
        _table(con, "sources", shape, [s for s in sources if s[0] in plan])
        for clock in ("last_changed", "last_confirmed"):
            _comment(con, f"COLUMN shared.sources.{clock}", f"{zone()} 的当地时间")
        now = moments.local_now(zone()).replace(microsecond=0)
        shape = "audience VARCHAR, generation BIGINT, snapshot BIGINT, made_at TIMESTAMP, whole_at TIMESTAMP, definition VARCHAR"
        said = (edition.audience, edition.generation, edition.snapshot, now, edition.whole_at, edition.definition)
        _table(con, "edition", shape, [said])
        if whole:
            _name(con, city, plan, titles)
        con.execute("COMMIT")
        con.execute("CHECKPOINT")
    finally:
        con.close()


def _name(con: duckdb.DuckDBPyConnection, city: City, plan: dict[str, list[EditionColumn]], titles: dict[str, str]) -> None:
    fields = [(n, c.name, c.title, c.type, c.masked) for n, columns in plan.items() for c in columns]
    codes = [(name, code, title) for name, entries in city.codes.items() for code, title in entries.items()]
    _table(con, "fields", "record VARCHAR, field VARCHAR, title VARCHAR, type VARCHAR, masked VARCHAR", fields)
    _table(con, "codes", "list VARCHAR, code VARCHAR, title VARCHAR", codes)
    for name, columns in plan.items():
        _comment(con, f"TABLE shared.{quoted(name)}", titles[name])
        for column in columns:
            _comment(con, f"COLUMN shared.{quoted(name)}.{quoted(column.name)}", column.title)
    _views(con, city, plan, titles)


def _table(con: duckdb.DuckDBPyConnection, name: str, shape: str, rows: Sequence[tuple[object, ...]]) -> None:
    con.execute(f"CREATE TABLE shared.{name} ({shape})")
    if rows:
        values = ", ".join("(" + ", ".join(literal(v) for v in row) + ")" for row in rows)
        con.execute(f"INSERT INTO shared.{name} VALUES {values}")


def _comment(con: duckdb.DuckDBPyConnection, target: str, title: str) -> None:
    con.execute(f"COMMENT ON {target} IS {literal(title)}")


def _views(con: duckdb.DuckDBPyConnection, city: City, plan: dict[str, list[EditionColumn]], titles: dict[str, str]) -> None:
    """`中文.人口` with Chinese column names, codes as their words."""
    con.execute(f"CREATE SCHEMA {quoted(CHINESE)}")
    names = _distinct(titles.items())
    for name, columns in plan.items():
        heads = _distinct((c.name, c.title) for c in columns)
        select = ", ".join(f"{_word(city, c)} AS {quoted(heads[c.name])}" for c in columns)
        view = f"{quoted(CHINESE)}.{quoted(names[name])}"
        con.execute(f"CREATE VIEW {view} AS SELECT {select} FROM shared.{quoted(name)}")
        _comment(con, f"VIEW {view}", f"shared.{name}")


def _word(city: City, column: EditionColumn) -> str:
    """A code as its title; one that is not listed stays as it is."""
    listed = city.codes.get(column.codes or "", {})
    if not listed or column.masked:
        return quoted(column.name)
    whens = " ".join(f"WHEN {literal(code)} THEN {literal(title)}" for code, title in listed.items())
    return f"CASE {quoted(column.name)} {whens} ELSE {quoted(column.name)} END"


def _distinct(titles: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A title for every name; one that two share gets the name behind it."""
    titles = list(titles)
    often = Counter(title.casefold() for _, title in titles)
    return {name: title if often[title.casefold()] == 1 else f"{title}_{name}" for name, title in titles}
