"""The catalogue entries of what may leave: 政务信息资源目录, as the guide of 2017 names the elements.

    registrations + record types  ->  catalogue.json, catalogue.xlsx (the platform's import form), catalogue.problems.json

Deterministic: the same registrations give the same bytes. An entry with a required element missing stays out of the
import form and is named instead. Columns that are not shared appear nowhere.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docking.profile import CatalogueWords
from docking.resources import Resource, ResourceColumn, leaving
from schemas.city import City

SHARE_TYPES = {"unconditional": "无条件共享", "conditional": "有条件共享"}
CYCLES = {
    "realtime": "实时", "daily": "每日", "weekly": "每周", "monthly": "每月",
    "quarterly": "每季度", "half_yearly": "每半年", "yearly": "每年", "other": "其他",
}  # fmt: skip
ITEM_TYPES = {  # 信息项 data types of the guide: the letter and its word
    "text": "字符型C", "code": "字符型C", "id_number": "字符型C", "uscc": "字符型C", "phone": "字符型C",
    "integer": "整型I", "decimal": "货币型Y", "date": "日期型D", "datetime": "日期时间型T", "boolean": "逻辑型L",
}  # fmt: skip
REQUIRED = (
    "信息资源分类", "信息资源名称", "信息资源代码", "信息资源提供方", "信息资源提供方代码", "信息资源摘要",
    "信息资源格式", "信息项信息", "共享类型", "共享条件", "共享方式", "开放属性", "更新周期",
)  # fmt: skip
LONGEST = {"信息资源名称": 50, "信息资源摘要": 256}
_STILL = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip file can state

GUIDE = CatalogueWords()  # the guide's own words

Entry = dict[str, Any]


@dataclass(frozen=True)
class Written:
    entries: dict[str, Entry]  # by resource code
    problems: dict[str, list[str]]  # by resource code, in Chinese; such an entry is not in the import form


def entries(city: City, agreed: frozenset[str] = frozenset(), words: CatalogueWords = GUIDE) -> dict[str, Entry]:
    """One entry for every resource that may leave, by its code. `agreed`: tables whose agreement is on file."""
    return {r.code: entry(city, r, words) for r in leaving(city, agreed).values()}


def entry(city: City, resource: Resource, words: CatalogueWords = GUIDE) -> Entry:
    department = city.departments[resource.system.department]
    registered = resource.registered
    number = registered.code.split("/")[0]
    share, cycle = registered.share, resource.system.cycle
    return {
        "信息资源分类": words.classes.get(number, number),
        "信息资源名称": resource.dataset.title,
        "信息资源代码": registered.code,
        "信息资源提供方": department.title,
        "信息资源提供方代码": department.uscc or "",
        "信息资源摘要": f"{department.title}{resource.system.title}的{resource.dataset.title}，由{city.settings.title}数据枢纽归集、标准化后共享。",
        "信息资源格式": words.format,
        "信息项信息": [_item(column, words) for column in resource.columns],
        "共享类型": words.share_type.get(share, SHARE_TYPES[share]),
        "共享条件": registered.condition if share == "conditional" else "无条件",
        "共享方式": words.way,
        "开放属性": "0",
        "更新周期": words.cycle.get(cycle, CYCLES[cycle]),
        "数据分级": registered.level,
        "所属系统": resource.system.title,
        "关联资源代码": "",
    }


def _item(column: ResourceColumn, words: CatalogueWords) -> dict[str, str]:
    return {
        "名称": column.title,
        "字段": column.name,
        "数据类型": words.item_type.get(column.type, ITEM_TYPES[column.type]),
        "代码表": column.codes or "",
        "脱敏": "是" if column.mask else "否",
    }


def problems(made: dict[str, Entry]) -> dict[str, list[str]]:
    """What keeps an entry out of the import form, by resource code."""
    names = [e["信息资源名称"] for e in made.values()]
    found: dict[str, list[str]] = {}
    for code, one in made.items():
        said = [f"缺少{element}" for element in REQUIRED if not one[element]]
        said += [f"{element}超过 {most} 字" for element, most in LONGEST.items() if len(one[element]) > most]
        if names.count(one["信息资源名称"]) > 1:
            said.append(f"信息资源名称“{one['信息资源名称']}”重复")
        if said:
            found[code] = said
    return found


def withdrawn(before: Entry, because: str, *, items: bool) -> Entry:
    """The entry of a resource that is given no longer; with its items only where rows are still named by them."""
    return {**before, "信息项信息": before["信息项信息"] if items else [], "目录状态": "已撤销", "撤销原因": because}


def write(city: City, folder: Path, agreed: frozenset[str] = frozenset(), words: CatalogueWords = GUIDE) -> Written:
    """Write the catalogue as JSON and as the platform's import form."""
    made = entries(city, agreed, words)
    wrong = problems(made)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalogue.json").write_bytes(as_json(list(made.values())))
    (folder / "catalogue.problems.json").write_bytes(as_json(wrong))
    (folder / "catalogue.xlsx").write_bytes(_form([e for code, e in made.items() if code not in wrong]))
    return Written(made, wrong)


def as_json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=isinstance(value, dict)) + "\n").encode()


def _form(made: list[Entry]) -> bytes:
    """Two sheets: one row a resource, one row an item."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    resources, items = book.active, book.create_sheet("信息项")
    assert resources is not None
    resources.title = "信息资源"
    heads = [*(e for e in REQUIRED if e != "信息项信息"), "数据分级", "所属系统", "关联资源代码"]
    resources.append(heads)
    items.append(["信息资源代码", "序号", "名称", "字段", "数据类型", "代码表", "脱敏"])
    for one in made:
        resources.append([_shown(one[h]) for h in heads])
        for n, item in enumerate(one["信息项信息"], 1):
            items.append([_shown(v) for v in (one["信息资源代码"], n, *item.values())])
    for sheet in (resources, items):
        sheet.freeze_panes = "A2"
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for row in sheet.iter_rows(min_row=2):
            for cell in row:
                if isinstance(cell.value, str):
                    cell.data_type = "s"  # a title that begins with = is still a title
    book.properties.creator = "lianshu"
    book.properties.created = dt.datetime(*_STILL, tzinfo=dt.UTC)
    written = io.BytesIO()
    book.save(written)
    return _still(written.getvalue())


_UNSHOWN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def _shown(value: object) -> object:
    """A control character of a title, which no cell can hold, as what stands for one."""
    return _UNSHOWN.sub("\ufffd", value) if isinstance(value, str) else value


def _still(workbook: bytes) -> bytes:
    """The workbook without the time of its writing."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>1980-01-01T00:00:00Z", content)
            new.writestr(zipfile.ZipInfo(name, _STILL), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()
