"""`hub systems`: what is registered, whether it is sound, and the shape a registration has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub import completing, opening, screen
from schemas.errors import HubError, RegistrationError
from schemas.home import say, systems_folder

if TYPE_CHECKING:
    from schemas.city import City
    from schemas.registration import Dataset, System

app = typer.Typer(
    no_args_is_help=True, help=say("登记文件：列出、查看、校验、导出 JSON Schema。", "Registrations: list, show, validate, JSON Schema.")
)
AsJson = Annotated[bool, typer.Option("--json", help=say("以 JSON 输出", "print JSON"))]


@app.command("list", help=say("列出已登记的系统。", "List what is registered."))
def list_(
    department: Annotated[str | None, typer.Argument(help=say("只看一个部门", "one department only"))] = None,
    stage: Annotated[str | None, typer.Option(help=say("只看一个阶段", "one stage only"))] = None,
    as_json: AsJson = False,
) -> None:
    from schemas.registration import STAGES

    city, broken = opening.sound_city()
    if department and department not in city.departments:
        known = "、".join(city.departments)
        raise RegistrationError(f"没有部门 {department}；有：{known}", f"no department {department}; there are: {known}")
    if stage and stage not in STAGES:
        raise RegistrationError(f"没有阶段 {stage}；有：{'、'.join(STAGES)}", f"no stage {stage}; there are: {', '.join(STAGES)}")
    wanted = [s for s in city if department in (None, s.department) and stage in (None, s.stage)]
    if as_json:
        screen.print_json([_summary(s) for s in wanted])
        return
    titles = say("部门", "department"), say("系统", "system"), say("名称", "title"), say("阶段", "stage"), say("数据集", "datasets")
    made = screen.table(*titles, say("更新周期", "cycle"), right=[titles[4]])
    for s in wanted:
        name = _department(city, s)
        made.add_row(name, s.path, say(s.title, s.title_en or s.title), say(STAGES[s.stage], s.stage), str(len(s.datasets)), s.cycle)
    screen.out().print(made)
    screen.note(f"共 {len(wanted)} 个系统", f"{len(wanted)} systems")
    for path in broken:
        screen.note(f"登记有误，未列出：{path}", f"wrong registration, not listed: {path}")


def _summary(s: System) -> dict[str, Any]:
    return {
        "path": s.path, "title": s.title, "inventory": s.inventory, "stage": s.stage, "host": s.host, "cycle": s.cycle,
        "schedule": s.schedule, "connectors": sorted({c.connector for c in s.connections.values()}), "datasets": list(s.datasets),
    }  # fmt: skip


@app.command(help=say("查看一个系统的登记。", "Show one registration."))
def show(
    path: Annotated[str, typer.Argument(metavar="DEPARTMENT/SYSTEM", autocompletion=completing.paths)], as_json: AsJson = False
) -> None:
    city, broken = opening.sound_city()
    if path in broken:
        raise broken[path]
    system = city.system(path)
    if as_json:
        screen.print_json({"path": system.path, **system.model_dump(mode="json", by_alias=True, exclude_defaults=True)})
        return
    from schemas.registration import STAGES

    out = screen.out()
    out.print(
        screen.cell(f"{system.path}  {say(system.title, system.title_en or system.title)}  [{say(STAGES[system.stage], system.stage)}]"),
        style="bold",
    )
    facts = {
        say("部门", "department"): _department(city, system),
        say("清单编号", "inventory"): system.inventory,
        say("联系", "contact"): " ".join(w for w in (system.owner.contact, system.owner.phone, system.owner.vendor) if w),
        say("依据", "source"): _source(system),
        say("等保级别", "security level"): str(system.security_level or ""),
        say("协议", "protocol"): system.protocol,
        say("更新周期", "cycle"): system.cycle,
        say("调度", "schedule"): system.schedule or "",
        say("曾用路径", "formerly"): "、".join(system.formerly),
        say("接入方式", "connections"): "、".join(f"{n} = {c.connector}" for n, c in system.connections.items()),
        say("文件", "file"): str(systems_folder() / f"{system.path}.yml"),
    }
    for name, value in facts.items():
        if value:
            out.print(screen.cell(f"  {name}：{value}"))
    for name, dataset in system.datasets.items():
        _show_dataset(city, system, name, dataset)


def _department(city: City, system: System) -> str:
    there = city.departments[system.department]
    return say(there.title, there.title_en or there.title)


def _source(system: System) -> str:
    said = system.source
    return " ".join(str(w) for w in (said.document, said.confirmed_by, said.confirmed_on) if w) if said else ""


def _show_dataset(city: City, system: System, name: str, dataset: Dataset) -> None:
    goal = dataset.record or (say("原样保存：", "as it came: ") + dataset.raw if dataset.raw is not None else "—")
    screen.out().print(screen.cell(f"\n{system.path}/{name}  {dataset.title} → {goal}"), style="bold")
    record = city.records.get(dataset.record or "")
    if not record or not dataset.fields:
        return
    made = screen.table(say("字段", "field"), say("标题", "title"), say("类型", "type"), say("来自", "from"), say("必需", "holds"))
    for field, mapping in dataset.fields.items():
        spec = record.fields[field]
        origin = mapping.source or (f"= {mapping.value}" if mapping.value is not None else say("（切片）", "(slice)"))
        kind = f"{mapping.conversion or spec.type} {' '.join(mapping.format)}".strip()
        made.add_row(field, screen.cell(spec.title), kind, screen.cell(origin), "✓" if record.holds(field) else "")
    screen.out().print(made)


@app.command(help=say("校验登记：结构、映射、接入方式和样例。", "Validate registrations: shape, mapping, connection and samples."))
def validate(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DEPARTMENT/SYSTEM]…", autocompletion=completing.paths, help=say("默认全部", "all by default")),
    ] = None,
) -> None:
    city, broken = opening.sound_city()
    wanted = list(city)
    if paths:
        wanted = [s for p in paths for s in _named(city, broken, p)]
        broken = {p: e for p, e in broken.items() if any(p == q or p.startswith(f"{q}/") for q in paths)}
    zh, en = _wrong(city, wanted)
    for error in broken.values():
        zh += [line.strip() for line in error.zh.splitlines()[1:]]
        en += [line.strip() for line in error.en.splitlines()[1:]]
    if zh:
        raise RegistrationError(
            f"登记有误（{len(zh)} 处）：\n  " + "\n  ".join(zh),
            f"registrations refused ({len(en)} mistakes):\n  " + "\n  ".join(en),
            next_zh="修改后再次运行 hub systems validate",
            next_en="edit, then run hub systems validate again",
        )
    samples = sum(len(d.sample) for s in wanted for d in s.datasets.values())
    datasets = sum(len(s.datasets) for s in wanted)
    out = say(
        f"✓ {len(wanted)} 个系统、{datasets} 个数据集登记无误，{samples} 个样例通过",
        f"✓ {len(wanted)} systems, {datasets} datasets registered correctly, {samples} samples pass",
    )
    screen.out().print(screen.cell(out))
    from docking.cells import of_others

    for said in of_others(city, wanted):
        screen.note(said.zh, said.en)


def _named(city: City, broken: dict[str, RegistrationError], path: str) -> list[System]:
    if path in city.departments:
        return [s for s in city if s.department == path]
    return [] if path in broken else [city.system(path)]


def _wrong(city: City, wanted: list[System]) -> tuple[list[str], list[str]]:
    """What connector kinds, suites and samples say against registrations that read well."""
    from connectors.opening import validate as connection
    from warehouse import samples, suites

    zh: list[str] = []
    en: list[str] = []
    for system in wanted:
        if not system.running:
            continue
        said = [(f"{system.path}: {z}", f"{system.path}: {e}") for z, e in connection(system)]
        try:
            for name, dataset in system.datasets.items():
                if dataset.record:
                    suites.suite(city, system, name)
        except HubError as error:
            said.append((error.zh, error.en))
        said += samples.check(city, system)
        zh += [z for z, _ in said]
        en += [e for _, e in said]
    return zh, en


@app.command("format", help=say("把登记改写成统一的版式，注释不丢。", "Rewrite registrations into the one layout; no comment is lost."))
def format_(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DEPARTMENT/SYSTEM]…", autocompletion=completing.paths, help=say("默认全部", "all by default")),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help=say("只检查，不改写", "only look, write nothing"))] = False,
) -> None:
    folder = systems_folder()
    files = {f.relative_to(folder).with_suffix("").as_posix(): f for f in sorted(folder.glob("*/[!_]*.yml"))}
    for asked in paths or ():
        if not any(path == asked or path.startswith(f"{asked}/") for path in files):
            raise RegistrationError(
                f"没有登记 {asked}",
                f"there is no registration {asked}",
                next_zh="运行 hub systems list 查看已登记的系统",
                next_en="hub systems list shows what is registered",
            )
    wanted = {p: f for p, f in files.items() if not paths or any(p == a or p.startswith(f"{a}/") for a in paths)}
    other: list[str] = []
    faults: dict[str, HubError] = {}
    for path, file in wanted.items():
        try:
            if _laid_out(path, file, check=check):
                other.append(path)
        except HubError as error:  # the others are laid out all the same
            faults[path] = error
    if faults:
        raise RegistrationError(
            "\n".join(e.zh for e in faults.values()),
            "\n".join(e.en for e in faults.values()),
            next_zh="修改这些文件后再次运行，其余的不受影响",
            next_en="mend these files, then run this again; the others were not held up",
        )
    if check and other:
        raise RegistrationError(
            f"{len(other)} 个登记不是统一的版式：{'、'.join(other[:10])}",
            f"{len(other)} registrations are not laid out: {', '.join(other[:10])}",
            next_zh="运行 hub systems format",
            next_en="run hub systems format",
        )
    said = (
        say(f"{len(other)} 个登记已改写", f"{len(other)} registrations rewritten")
        if other
        else say(f"✓ {len(wanted)} 个登记都是统一的版式", f"✓ {len(wanted)} registrations are laid out")
    )
    screen.out().print(screen.cell(said))


def _laid_out(path: str, file: Path, *, check: bool) -> bool:
    """Whether the file is to look otherwise; written, unless it is only to be checked."""
    from schemas.documents import load, rewrite
    from schemas.layout import laid_out

    load(file)  # plain values in UTF-8, of a bounded size; anything else is refused with its line
    text = file.read_text("utf-8")
    try:
        made = laid_out(text)
        if made != text and not check:
            rewrite(file, made, load)
    except ValueError as error:
        zh, _, en = str(error).partition(" | ")
        raise RegistrationError(f"{path}.yml: {zh}", f"{path}.yml: {en}") from None
    except OSError as error:
        raise RegistrationError(f"无法写入 {path}.yml（{error.strerror}）", f"cannot write {path}.yml ({error.strerror})") from None
    return made != text


@app.command(help=say("导出登记模型的 JSON Schema，供编辑器补全。", "Export the JSON Schema of a registration, for editors."))
def schema(
    file: Annotated[Path | None, typer.Argument(help=say("写入文件；默认标准输出", "write to a file; stdout by default"))] = None,
    department: Annotated[bool, typer.Option("--department", help=say("_department.yml 的", "of _department.yml"))] = False,
) -> None:
    import json

    from schemas.registration import Department, System

    made = as_written((Department if department else System).model_json_schema(by_alias=True))
    text = json.dumps(made, ensure_ascii=False, indent=2) + "\n"
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise HubError(f"无法写入 {file}（{error.strerror}）", f"cannot write {file} ({error.strerror})") from None
    screen.note(f"已写入 {file}", f"written to {file}")


def as_written(schema: dict[str, Any]) -> dict[str, Any]:
    """The models' schema, with the short forms people write: `field: COLUMN`, `connector:` beside `connection:`, one value for a list."""
    made = dict(schema)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    properties = {n: p for n, p in made.get("properties", {}).items() if n not in ("path", "name")}
    made["required"] = [n for n in made.get("required", []) if n in properties]
    definitions = dict(made.get("$defs", {}))
    if "Connection" in definitions:
        properties["connector"] = {"type": "string"}
        properties["connection"] = {"type": "object"}
        definitions |= _of_each_kind()
    for name in ("FieldMap", "Filled"):
        if name in definitions:
            definitions[name] = {"anyOf": [{"type": "string"}, definitions[name]]}
    made["properties"] = properties
    if definitions:
        made["$defs"] = {n: _loosened(d) for n, d in definitions.items()}
    return made


def _of_each_kind() -> dict[str, Any]:
    """The words of `connection:` and `read:`: those of one kind or of another."""
    from schemas.kinds import kinds

    made: dict[str, Any] = {}
    for kind in kinds().values():
        for model in (kind.connection, kind.read):
            said = model.model_json_schema(by_alias=True)
            made |= said.pop("$defs", {})
            made[model.__name__] = {**said, "required": []}  # an inherited word, or one of connections.yml, need not stand here
    for name, word in (("Connection", "connection"), ("Read", "read")):
        made[name] = {"anyOf": [{"$ref": f"#/$defs/{getattr(k, word).__name__}"} for k in kinds().values()]}
    return made


def _loosened(node: Any) -> Any:
    """Durations and shares are written as texts; one text may stand for a list of texts; scalars in quotes or not."""
    if isinstance(node, list):
        return [_loosened(n) for n in node]
    if not isinstance(node, dict):
        return node
    made = {k: _loosened(v) for k, v in node.items()}
    if made.get("type") == "array" and made.get("items") in ({"type": "string"}, {"type": "integer"}):
        return {"anyOf": [made["items"], made], **({"default": made.pop("default")} if "default" in made else {})}
    if made.get("format") == "duration":
        return {**made, "format": "", "pattern": r"^\d+ (second|minute|hour|day|week|month)s?$"}
    return made
