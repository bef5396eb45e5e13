"""What a dataset promises, as a Great Expectations suite in plain JSON.

    rules of the record type + what its fields imply + `expect:` of the registration  ->  {"name", "expectations", "meta"}

A promise about a field the dataset does not map is left out: the registration already says that the source has no such
column. What Great Expectations has no type for stands on a computed column (`meta.computed`), so that it can check it too.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemas.city import City
from schemas.errors import RegistrationError
from schemas.forms import Severity
from schemas.records import SQL_TYPES, Record, Rule
from schemas.registration import Dataset, System
from warehouse.expectations import ROWS, Expectation, Uncompilable, compiled, resolved

SEVERITIES: dict[str, str] = {"inform": "info", "warn": "warning", "block": "critical"}  # Great Expectations' own words


def suite(city: City, system: System, dataset: str) -> dict[str, Any]:
    """The suite of one dataset, named after its table. Raises RegistrationError for a rule that cannot be checked."""
    registered = system.datasets[dataset]
    record = city.records[registered.record] if registered.record else None
    made = _Suite(record, registered)
    if record:
        for rule in record.rules:
            if {rule.field, *rule.fields} - {None} <= made.mapped:
                made.rule(rule)
        made.imply(city.codes)
    made.expect()
    found: dict[str, Any] = {"name": system.table(dataset), "expectations": made.expectations, "meta": made.meta()}
    for expectation in resolved(found, 1):
        try:
            compiled(expectation, found["meta"]["columns"])
        except Uncompilable as error:
            where = f"{system.path}/{dataset} {expectation['meta']['rule']} {expectation['meta'].get('field', '')}".strip()
            raise RegistrationError(f"{where}: {error.zh}", f"{where}: {error.en}") from None
    return found


def save(found: dict[str, Any], folder: Path) -> Path:
    """The suite as a file of Great Expectations' own JSON; written only when it differs."""
    path = folder / f"{found['name']}.json"
    text = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
    if not path.is_file() or path.read_text("utf-8") != text:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(text, "utf-8")
        fresh.replace(path)
    return path


class _Suite:
    """A suite being put together."""

    def __init__(self, record: Record | None, dataset: Dataset) -> None:
        self.record = record
        self.dataset = dataset
        self.mapped: set[str | None] = set(dataset.fields)
        self.computed: dict[str, dict[str, Any]] = {}
        self.expectations: list[Expectation] = []

    def meta(self) -> dict[str, Any]:
        columns = {n: SQL_TYPES[f.type] for n, f in self.record.fields.items()} if self.record else {}
        made = {n: "VARCHAR" if c["as"] == "key" else "BOOLEAN" for n, c in self.computed.items()}
        return {"record": self.record.name if self.record else None, "columns": {**columns, **made}, "computed": self.computed}

    def add(self, kind: str, rule: str, origin: str, severity: Severity, *, field: str = "", share: float = 1.0, **kwargs: Any) -> None:
        given = {k: v.isoformat() if isinstance(v, dt.date) else v for k, v in kwargs.items() if v is not None}
        meta: dict[str, Any] = {"rule": rule, "severity": severity, "origin": origin}
        if field:
            meta["field"] = field
            names = [self.record.fields[f].title for f in field.split(" + ") if f in self.record.fields] if self.record else []
            meta["title"] = "、".join(names)
            if kind != ROWS:
                given.setdefault("column", field)
        if share < 1:
            given["mostly"] = share
        self.expectations.append({"type": kind, "kwargs": given, "meta": meta, "severity": SEVERITIES[severity]})

    def imply(self, codes: dict[str, dict[str, str]]) -> None:
        """What a field's own words promise, where no rule says it already.

        Conversion has seen to most of it; here the whole table is held to it, rows accepted long ago included.
        """
        assert self.record is not None
        said = {(e["meta"]["rule"], e["meta"].get("field")) for e in self.expectations}
        for name in (f for f in self.record.fields if f in self.mapped):
            spec = self.record.fields[name]
            if spec.required and ("required", name) not in said:
                self.rule(Rule(rule="required", field=name))
            if spec.codes:
                kind = "expect_column_values_to_be_in_set"
                self.add(kind, "codes", "record", "warn", field=name, value_set=sorted(codes[spec.codes]))
            if spec.type in ("id_number", "uscc") and ("check_digit", name) not in said:
                self.rule(Rule(rule="check_digit", field=name))
        if set(self.record.identity) <= self.mapped and ("unique", " + ".join(self.record.identity)) not in said:
            self.rule(Rule(rule="unique", fields=self.record.identity))

    def rule(self, rule: Rule) -> None:
        """One rule of the record type."""
        fields = rule.fields or ((rule.field,) if rule.field else ())
        if rule.rule != "rows" and (not fields or (len(fields) > 1 and rule.rule != "unique")):
            raise RegistrationError(f"规则 {rule.rule} 须写明 field", f"the rule {rule.rule} needs a field")
        field = " + ".join(fields)
        kind, kwargs = self._kind(rule, fields)
        self.add(kind, rule.rule, "record", rule.severity, field=field, share=rule.mostly, **kwargs)

    def _kind(self, rule: Rule, fields: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
        match rule.rule:
            case "required" | "filled":
                return "expect_column_values_to_not_be_null", {}
            case "unique":
                column = self._compute(" + ".join(fields), "key", fields) if len(fields) > 1 else fields[0]
                return "expect_column_values_to_be_unique", {"column": column}
            case "pattern":
                return "expect_column_values_to_match_regex", {"regex": rule.pattern}
            case "check_digit":
                column = self._compute(f"{fields[0]} check digit", self._type(fields[0]), fields)
                return "expect_column_values_to_be_in_set", {"column": column, "value_set": [True]}
            case "range":
                return "expect_column_values_to_be_between", {"min_value": rule.min, "max_value": rule.max}
            case "in":
                return "expect_column_values_to_be_in_set", {"value_set": [self._value(fields[0], v) for v in rule.values]}
            case "rows":
                return ROWS, {"min_value": rule.min, "max_value": rule.max}

    def _type(self, field: str) -> str:
        return self.record.fields[field].type if self.record else "text"

    def _compute(self, name: str, way: str, fields: tuple[str, ...]) -> str:
        if way not in ("key", "id_number", "uscc"):
            raise RegistrationError(f"{fields[0]} 的类型 {way} 没有校验位", f"{fields[0]} is of type {way}, which has no check digit")
        self.computed[name] = {"as": way, "fields": list(fields)}
        return name

    def _value(self, field: str, text: str) -> Any:
        """A listed value as the field's type writes it."""
        try:
            match self._type(field):
                case "integer":
                    return int(text)
                case "decimal":
                    return float(text)
                case "boolean":
                    return {"true": True, "false": False}[text]
        except (ValueError, KeyError):
            raise RegistrationError(f"{field} 的取值 {text!r} 类型不符", f"{field}: {text!r} is not of the field's type") from None
        return text

    def expect(self) -> None:
        """What this one source promises."""
        for kind, kwargs, share, rule, field, severity in _promised(self.dataset):
            self.add(kind, rule, "registration", severity, field=field, share=share, **kwargs)
            if rule in ("shrink", "grow"):
                bound, parameter = ("min_value", "fewest_rows") if rule == "shrink" else ("max_value", "most_rows")
                made = self.expectations[-1]
                made["kwargs"] = {bound: {"$PARAMETER": parameter}}
                made["meta"]["max"] = kwargs["max"]


def _promised(dataset: Dataset) -> Iterator[tuple[str, dict[str, Any], float, str, str, Severity]]:
    expect = dataset.expect
    if expect.shrink:
        yield ROWS, {"max": expect.shrink.max}, 1.0, "shrink", "", expect.shrink.severity
    if expect.grow:
        yield ROWS, {"max": expect.grow.max}, 1.0, "grow", "", expect.grow.severity
    if expect.rows:
        yield ROWS, {"min_value": expect.rows.min, "max_value": expect.rows.max}, 1.0, "rows", "", expect.rows.severity
    for field, filled in expect.filled.items():
        yield "expect_column_values_to_not_be_null", {}, filled.min, "filled", field, filled.severity
    for field, span in expect.range.items():
        bounds = {"min_value": span.min, "max_value": span.max}
        yield "expect_column_values_to_be_between", bounds, span.mostly, "range", field, span.severity
