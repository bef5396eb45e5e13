"""The whole city as it is registered: departments, systems, record types, code lists and derived tables.

    systems/ + schemas/  ->  City

Everything that can be wrong between two files is found here, all at once.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from schemas.documents import Closed, Path_, load, read, refused
from schemas.errors import NotRegistered, RegistrationError
from schemas.forms import Name
from schemas.home import schemas_folder, systems_folder
from schemas.records import Derived, Record, read_codes, read_derived, read_records
from schemas.registration import Dataset, Department, System


class Upper(Closed):
    """An upper platform that resources are delivered to; its address is the entry `<name>/platform` of connections.yml."""

    title: str = ""
    exchange: Name = "front_end"  # a folder in docking/platforms
    only: tuple[str, ...] = ()  # 信息资源代码; without it, everything that may leave
    profile: dict[str, Any] = Field(default_factory=dict)  # facts that no published text confirms; read by docking


class Settings(Closed):
    """`systems/_city.yml`: the one settings file another city replaces."""

    title: str
    title_en: str = ""
    division: str = Field(pattern=r"^\d{6}$")  # GB/T 2260
    platforms: dict[Name, Upper] = Field(default_factory=lambda: {"province": Upper()})

    @model_validator(mode="before")
    @classmethod
    def _one_platform(cls, value: Any) -> Any:
        """`platform:` and `profile:` are short for one platform named province."""
        if not isinstance(value, dict) or not {"platform", "profile"} & set(value):
            return value
        if "platforms" in value:
            raise ValueError("platform/profile 与 platforms 只能写一种 | either platform/profile or platforms, not both")
        rest = {k: v for k, v in value.items() if k not in ("platform", "profile")}
        return {**rest, "platforms": {"province": {"title": value.get("platform", ""), "profile": value.get("profile") or {}}}}


@dataclass(frozen=True)
class City:
    settings: Settings
    departments: dict[str, Department]
    systems: dict[str, System]  # by path
    records: dict[str, Record]
    codes: dict[str, dict[str, str]]
    derived: dict[str, tuple[Derived, str]]

    def system(self, path: str) -> System:
        """The system at that path, a former path included. Raises RegistrationError naming what is near."""
        for system in self.systems.values():
            if path == system.path or path in system.formerly:
                return system
        near = [p for p in self.systems if path.split("/", maxsplit=1)[0] in p]
        near = near or difflib.get_close_matches(path, [*self.systems, *self.departments], 5)
        there = near or list(self.departments)
        raise NotRegistered(
            f"没有登记系统 {path}；{'相近的有' if near else '有'}：{'、'.join(there)}",
            f"no system {path} is registered; {'near it' if near else 'there are'}: {', '.join(there)}",
            next_zh="hub systems list 列出全部系统",
            next_en="hub systems list lists them all",
        )

    def select(self, pattern: str | None) -> list[tuple[System, list[str]]]:
        """Systems and datasets that `department[/system[/dataset]]` names; all running ones without it."""
        if not pattern:
            return [(s, list(s.datasets)) for s in self.systems.values() if s.running]
        parts = pattern.strip("/").split("/")
        if len(parts) == 1 and parts[0] in self.departments:
            return [(s, list(s.datasets)) for s in self.systems.values() if s.running and s.department == parts[0]]
        system = self.system("/".join(parts[:2]))
        if len(parts) > 2:
            if parts[2] not in system.datasets:
                known = "、".join(system.datasets)
                raise NotRegistered(
                    f"{system.path} 没有数据集 {parts[2]}；有：{known}", f"{system.path} has no dataset {parts[2]}; it has: {known}"
                )
            return [(system, [parts[2]])]
        return [(system, list(system.datasets))]

    def contributors(self, record: str) -> list[tuple[System, str, Dataset]]:
        """Datasets whose accepted rows make that shared record, the authoritative first (一数一源)."""
        found = [(s, n, d) for s in self.systems.values() if s.stage == "in_service" for n, d in s.datasets.items() if d.record == record]
        order = {name: n for n, name in enumerate(self.records[record].authority)}

        def rank(entry: tuple[System, str, Dataset]) -> tuple[int, str]:
            system, name, _ = entry
            paths = [f"{p}/{name}" for p in (*system.formerly, system.path)]
            return min(order.get(p, len(order)) for p in paths), paths[0]  # the first path it had: a move changes no figure

        return sorted(found, key=rank)

    def __iter__(self) -> Iterator[System]:
        return iter(self.systems.values())


def read_city(systems: Path | None = None, schemas: Path | None = None, *, broken: dict[str, RegistrationError] | None = None) -> City:
    """Walk `systems/` and `schemas/`. Raises one RegistrationError with every mistake in every file.

    With `broken`, a system whose registration is wrong is left out and put there by its path, so that the others go on.
    """
    systems = systems or systems_folder()
    schemas = schemas or schemas_folder()
    if not systems.is_dir():
        raise refused(systems, [f"{systems}: 没有这个文件夹（HUB_SYSTEMS）"], [f"{systems}: no such folder (HUB_SYSTEMS)"])
    records, codes, derived = read_records(schemas), read_codes(schemas), read_derived(schemas)
    departments: dict[str, Department] = {}
    found: dict[str, System] = {}
    wrong: dict[str, list[tuple[str, str]]] = {}  # by system, by department, or "" for what concerns all
    for folder in sorted(p for p in systems.iterdir() if p.is_dir()):
        for path in sorted(folder.glob("*.yml")):
            place = folder.name if path.name == "_department.yml" else f"{folder.name}/{path.stem}"
            try:
                if place == folder.name:
                    departments[place] = read(path, Department, name=place)
                else:
                    found[place] = read(path, System, path=place)
                    for said in _against(found[place], path, records, codes):
                        wrong.setdefault(place, []).append(said)
            except RegistrationError as error:
                told = zip(error.zh.splitlines()[1:] or [error.zh], error.en.splitlines()[1:] or [error.en], strict=False)
                wrong.setdefault(place, []).extend(told)
        if folder.name not in departments and folder.name not in wrong and any(folder.glob("*.yml")):
            missing = f"{folder}/_department.yml: 缺少部门登记", f"{folder}/_department.yml: the department is not registered"
            wrong.setdefault(folder.name, []).append(missing)
    for places, said in _between(found, records, codes):
        for place in places:
            wrong.setdefault(place, []).append(said)
    if wrong and (broken is None or "" in wrong):
        every = list(dict.fromkeys(said for told in wrong.values() for said in told))
        raise refused(systems, [z.strip() for z, _ in every], [e.strip() for _, e in every])
    if broken is not None:
        broken |= {
            p: refused(
                systems / (f"{p}.yml" if "/" in p else f"{p}/_department.yml"), [z.strip() for z, _ in told], [e.strip() for _, e in told]
            )
            for p, told in wrong.items()
        }
        found = {p: s for p, s in found.items() if p not in wrong and s.department not in wrong}
    settings = read(systems / "_city.yml", Settings)
    return City(settings, departments, found, records, codes, derived)


def _against(system: System, path: Path, records: dict[str, Record], codes: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    """What a registration says that its record types or code lists do not allow."""
    _, lines = load(path)

    def at(*where: str) -> str:
        place: Path_ = where
        while place and place not in lines:
            place = place[:-1]
        return f"{path}:{lines.get(place, 1)}: {'.'.join(where)}"

    for name, dataset in system.datasets.items():
        if not dataset.record:
            continue
        record = records.get(dataset.record)
        if record is None:
            known = "、".join(records)
            yield (
                f"{at('datasets', name, 'record')}: 没有记录类型 {dataset.record}；有：{known}",
                f"{at('datasets', name, 'record')}: no record type {dataset.record}; there are: {known}",
            )
            continue
        if not system.running:
            continue
        for field in sorted(set(dataset.fields) - set(record.fields)):
            known = "、".join(record.fields)
            yield (
                f"{at('datasets', name, 'fields', field)}: 记录类型 {record.name} 没有字段 {field}；有：{known}",
                f"{at('datasets', name, 'fields', field)}: record type {record.name} has no field {field}; it has: {known}",
            )
        for field in sorted({f for f in record.fields if record.must(f)} - set(dataset.fields)):
            yield (
                f"{at('datasets', name, 'fields')}: 缺少 {record.name} 的必需字段 {field}",
                f"{at('datasets', name, 'fields')}: the deciding field {field} of {record.name} is not mapped",
            )
        for field, mapping in dataset.codes.items():
            listed = codes.get(record.fields[field].codes or "", {}) if field in record.fields else {}
            for value in sorted(set(mapping.values()) - set(listed)):
                known = "、".join(list(listed)[:30])
                yield (
                    f"{at('datasets', name, 'codes', field)}: 代码表中没有 {value!r}；有：{known}",
                    f"{at('datasets', name, 'codes', field)}: {value!r} is not in the code list; it has: {known}",
                )


def _between(
    found: dict[str, System], records: dict[str, Record], codes: dict[str, dict[str, str]]
) -> Iterator[tuple[tuple[str, ...], tuple[str, str]]]:
    """What two files say that cannot both be, and the systems it concerns."""
    holders: dict[str, str] = {}
    for system in found.values():
        for path in (system.path, *system.formerly):
            code = path.replace("/", "_")
            if holders.setdefault(code, system.path) != system.path:
                yield (
                    (system.path, holders[code]),
                    (
                        f"{system.path} 与 {holders[code]} 的代号都是 {code}",
                        f"{system.path} and {holders[code]} both have the code {code}",
                    ),
                )
    resources: dict[str, str] = {}
    for system in found.values():
        for name, dataset in system.datasets.items():
            if dataset.resource and resources.setdefault(dataset.resource.code, f"{system.path}/{name}") != f"{system.path}/{name}":
                other = resources[dataset.resource.code]
                yield (
                    (system.path, other.rpartition("/")[0]),
                    (
                        f"{system.path}/{name} 与 {other} 的信息资源代码相同：{dataset.resource.code}",
                        f"{system.path}/{name} and {other} have the same resource code {dataset.resource.code}",
                    ),
                )
    for record in records.values():
        for field, spec in record.fields.items():
            if spec.codes and spec.codes not in codes:
                yield (
                    ("",),
                    (
                        f"schemas/records/{record.name}.yml: fields.{field}.codes: 没有代码表 {spec.codes}",
                        f"schemas/records/{record.name}.yml: fields.{field}.codes: no code list {spec.codes}",
                    ),
                )


def files_seen() -> str:
    """Something that differs when a registration, a record type, a code list or a derived table has been added, changed or removed."""
    folders = [(systems_folder(), ("*.yml", "*/*.yml")), (schemas_folder(), ("records/*.yml", "codes/*.csv", "derived/*"))]
    found = sorted(f for folder, patterns in folders for pattern in patterns for f in folder.glob(pattern))
    stats = [(str(f), s.st_mtime_ns, s.st_size) for f in found if (s := f.stat())]
    return hashlib.sha256(repr(stats).encode()).hexdigest()
