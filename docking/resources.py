"""Which datasets have a right to leave, and which of their columns. Nothing else in docking decides that.

A dataset leaves when nothing stands against it (`schemas.permission`): its system is in service, its agreement, where one
is required, is on file, and its resource is shared. Of its record type only the fields declared `share: plain` or
`share: masked` go along.
"""

from __future__ import annotations

from dataclasses import dataclass

from docking.cells import Cells, cells_of, described
from schemas.city import City
from schemas.errors import RegistrationError
from schemas.permission import against_leaving
from schemas.records import SQL_TYPES, Record
from schemas.registration import Dataset, System
from schemas.registration import Sharing as Registered
from warehouse import made
from warehouse.masks import mask_sql, pseudonym_sql
from warehouse.sql import quoted

OWN = ("batch", "op_type", "op_time", "row_key", "row_hash", "row_status")  # the front-end table's own columns


@dataclass(frozen=True)
class ResourceColumn:
    name: str
    title: str
    type: str  # as it leaves: a masked column is text
    sql_type: str
    mask: str | None
    codes: str | None

    @property
    def sql(self) -> str:
        """The column as it leaves. NUL, which PostgreSQL cannot hold, is left out."""
        value = mask_sql(self.mask, quoted(self.name)) if self.mask else quoted(self.name)  # type: ignore[arg-type]
        return f"replace({value}, chr(0), '')" if self.sql_type == "VARCHAR" else value


@dataclass(frozen=True)
class Resource:
    """One shared dataset as the platform knows it."""

    system: System
    dataset: Dataset
    table: str  # the dataset's table name
    record: Record
    columns: tuple[ResourceColumn, ...]
    cells: Cells

    @property
    def registered(self) -> Registered:
        assert self.dataset.resource is not None
        return self.dataset.resource

    @property
    def code(self) -> str:
        return self.registered.code

    @property
    def slug(self) -> str:
        """The code where a slash may not stand: tables and folders."""
        return slug(self.code)

    def row_key(self, key: str) -> str:
        """What stands for the row at the platform: the same thing in every resource, and nobody's number."""
        return pseudonym_sql("_id", key)


def definition(resource: Resource, key: str) -> str:
    """What a change of means: the platform's copy is of another kind now, send everything."""
    marked = made.fingerprint(key)  # the key itself never enters a fingerprint's source as it is kept
    return made.fingerprint(
        resource.code,
        marked,
        resource.row_key("00" * 32),
        [(c.name, c.sql_type, c.sql) for c in resource.columns],
        described(resource.cells),
    )


def slug(code: str) -> str:
    return code.replace("/", "_")


def leaving(city: City, agreed: frozenset[str] = frozenset()) -> dict[str, Resource]:
    """{dataset table: resource} of everything that may leave, by resource code. `agreed`: tables whose agreement is on file."""
    found = [
        resource_of(city, system, name, dataset, agreed)
        for system in city
        for name, dataset in system.datasets.items()
        if not against_leaving(system, name, agreed)
    ]
    return {r.table: r for r in sorted(found, key=lambda r: r.code) if r.columns}


def resource_of(city: City, system: System, name: str, dataset: Dataset, agreed: frozenset[str] = frozenset()) -> Resource:
    """The resource a dataset is, whether it may leave or not."""
    record = city.records[dataset.record or ""]
    if taken := sorted(set(OWN) & set(record.fields)):
        raise RegistrationError(
            f"记录类型 {record.name} 的字段 {'、'.join(taken)} 与前置库的固定列同名",
            f"fields {', '.join(taken)} of record type {record.name} are columns of the front-end tables themselves",
            next_zh="在 schemas/records 中改名",
            next_en="rename them in schemas/records",
        )
    columns = tuple(
        ResourceColumn(
            name=field,
            title=spec.title,
            type=spec.type if spec.share == "plain" else "text",
            sql_type=SQL_TYPES[spec.type] if spec.share == "plain" else "VARCHAR",
            mask=spec.mask if spec.share == "masked" else None,
            codes=spec.codes if spec.share == "plain" else None,
        )
        for field, spec in record.fields.items()
        if spec.share != "no"
    )
    return Resource(system, dataset, system.table(name), record, columns, cells_of(city, system, name, agreed))
