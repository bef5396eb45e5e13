"""Record types: what a row means once it has left its system. `schemas/records/<record>.yml`, code lists, derived tables."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from schemas.documents import Closed, read, refused
from schemas.forms import Name, Severity, Share
from schemas.patterns import Pattern

Type = Literal["text", "integer", "decimal", "date", "datetime", "boolean", "code", "id_number", "uscc", "phone"]
SQL_TYPES: dict[str, str] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "decimal": "DECIMAL(18, 2)",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "boolean": "BOOLEAN",
    "code": "VARCHAR",
    "id_number": "VARCHAR",
    "uscc": "VARCHAR",
    "phone": "VARCHAR",
}
Mask = Literal["name", "id_number", "phone", "address", "bank_card", "birth_date", "text"]


class RecordField(Closed):
    title: str
    type: Type = "text"
    codes: Name | None = None  # a list in schemas/codes, for type code
    required: bool = False  # an empty value holds the row
    decides: bool = False  # a value that cannot be converted holds the row; otherwise the column stays empty, with a finding
    level: int = Field(default=2, ge=1, le=4)
    share: Literal["plain", "masked", "no"] = "no"  # its right to leave the building
    authority: tuple[str, ...] = ()  # 一数一源 for this field alone, where another than the record's decides it
    mask: Mask | None = None  # how an analyst (and, if share is masked, the platform) sees it

    @model_validator(mode="after")
    def _sense(self) -> RecordField:
        if (self.type == "code") != (self.codes is not None):
            raise ValueError(
                "type: code 须写明 codes（代码表名），其他类型不写 | type: code needs codes (the name of a code table), other types have none"
            )
        if self.share == "masked" and not self.mask:
            raise ValueError("share: masked 须写明 mask | share: masked needs mask")
        return self


class Rule(Closed):
    """One promise every source of this record type is held to; compiled to a Great Expectations expectation."""

    rule: Literal["required", "unique", "pattern", "check_digit", "range", "in", "filled", "rows"]
    field: Name | None = None
    fields: tuple[Name, ...] = ()
    pattern: Pattern | None = None
    min: int | float | str | None = None
    max: int | float | str | None = None
    values: tuple[str, ...] = ()
    mostly: Share = 1.0
    severity: Severity = "warn"


class Record(Closed):
    name: Name = Field(exclude=True)
    title: str
    identity: tuple[Name, ...]  # what makes rows of two systems the same thing
    authority: tuple[str, ...] = ()  # 一数一源: <department>/<system>/<dataset>, the earlier wins; others follow in path order
    newest: Name | None = None  # among rows of one source for one identity, the field whose largest value decides
    fields: dict[Name, RecordField]
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _sense(self) -> Record:
        named = {
            *self.identity,
            *([self.newest] if self.newest else []),
            *(r.field for r in self.rules if r.field),
            *(f for r in self.rules for f in r.fields),
        }
        if unknown := sorted(named - set(self.fields)):
            raise ValueError(f"{'、'.join(unknown)} 不在 fields 中 | {', '.join(unknown)}: no such entry in fields")
        return self

    def must(self, field: str) -> bool:
        """Whether an empty value of this field holds the row."""
        return field in self.identity or self.fields[field].required

    def holds(self, field: str) -> bool:
        """Whether a value of this field that cannot be converted holds the row."""
        return self.must(field) or self.fields[field].decides


class DerivedColumn(Closed):
    title: str
    type: Type = "text"
    codes: Name | None = None
    mask: Mask | None = None


class Figure(Closed):
    """How one figure is counted, for `hub why`: the rows of one record type that meet a condition."""

    title: str
    title_en: str = ""
    record: Name
    where: str  # SQL over the record type's fields; written by the city's engineers, never by a user


class Derived(Closed):
    """`schemas/derived/<name>.yml` beside `<name>.sql`: computed over shared record types after each publish."""

    name: Name = Field(exclude=True)
    title: str
    key: tuple[Name, ...]
    uses: tuple[Name, ...]  # record types, and derived tables built before it
    columns: dict[Name, DerivedColumn]
    figures: dict[Name, Figure] = Field(default_factory=dict)


def read_records(folder: Path) -> dict[str, Record]:
    return {p.stem: read(p, Record, name=p.stem) for p in sorted((folder / "records").glob("*.yml"))}


def read_codes(folder: Path) -> dict[str, dict[str, str]]:
    """Every list in `codes/*.csv` (UTF-8, columns code and title) as {code: title}."""
    lists: dict[str, dict[str, str]] = {}
    for path in sorted((folder / "codes").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if not rows or not {"code", "title"} <= set(rows[0]):
            raise refused(path, [f"{path}: 代码表须有 code、title 两列"], [f"{path}: needs the columns code and title"])
        if len({r["code"] for r in rows}) != len(rows):
            raise refused(path, [f"{path}: 代码重复"], [f"{path}: a code is given twice"])
        lists[path.stem] = {r["code"]: r["title"] for r in rows}
    return lists


def read_derived(folder: Path) -> dict[str, tuple[Derived, str]]:
    """Every derived table with its SQL, in the order they can be built."""
    found = {
        p.stem: (read(p, Derived, name=p.stem), p.with_suffix(".sql").read_text("utf-8"))
        for p in sorted((folder / "derived").glob("*.yml"))
    }
    ordered: dict[str, tuple[Derived, str]] = {}
    while len(ordered) < len(found):
        ready = [n for n, (d, _) in found.items() if n not in ordered and not (set(d.uses) & set(found)) - set(ordered)]
        if not ready:
            rest = "、".join(sorted(set(found) - set(ordered)))
            raise refused(folder / "derived", [f"{rest}: 互相引用"], [f"{rest}: use each other"])
        ordered |= {n: found[n] for n in ready}
    return ordered
