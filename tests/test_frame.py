"""What holds for the whole repository."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.test_imports import ROOT, imports, modules

LARGEST = 1 << 20
LONGEST = 500
MACHINE = re.compile(r"""(?<![\w.$}/-])/(?:work/|root/|home/\w|Users/\w|mnt/\w|private/|opt/(?:wheels|pypi))""")
NEEDS_ANNOTATIONS = re.compile(r"^\s*@dg\.(multi_asset|asset|op|sensor|schedule|asset_check|definitions|resource)\b", re.MULTILINE)


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    named = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return [ROOT / n for n in named if n and (ROOT / n).is_file()]


def python() -> list[Path]:
    return [p for p in tracked() if p.suffix == ".py"]


def test_no_file_is_larger_than_a_megabyte():
    assert not [p for p in tracked() if p.stat().st_size > LARGEST]


def test_no_python_file_is_longer_than_500_lines():
    assert not {str(p.relative_to(ROOT)): n for p in python() if (n := len(p.read_text("utf-8").splitlines())) > LONGEST}


def machine_paths(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if MACHINE.search(line)]


def test_no_file_names_a_folder_of_somebodys_machine():
    texts = [
        p for p in tracked() if p.suffix in {".py", ".yml", ".yaml", ".md", ".toml", ".lock", ".sql", ""} and p.name != "test_frame.py"
    ]
    assert not {str(p.relative_to(ROOT)): found for p in texts if (found := machine_paths(p.read_text("utf-8")))}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('open("/root/data.csv")', True),
        ("see /home/zhang/hub", True),
        ("https://host/home/zhang", False),
        ("docs/root/x", False),
        ("/usr/bin/env", False),
    ],
)
def test_a_machines_folder_is_recognised(line, found):
    assert bool(machine_paths(line)) is found


def test_dagster_finds_the_hub_from_the_root_of_the_repository():
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text("utf-8"))
    (location,) = [entry["python_module"] for entry in workspace["load_from"]]
    assert location["location_name"] == "lianshu"
    assert (ROOT / location["working_directory"] / Path(*location["module_name"].split("."))).with_suffix(".py").exists()


def test_dagster_reads_the_workspace():
    from dagster._core.workspace.load_target import WorkspaceFileTarget

    (origin,) = WorkspaceFileTarget([str(ROOT / "workspace.yaml")]).create_origins()
    assert origin.location_name == "lianshu"


def test_modules_that_dagster_reads_have_no_postponed_annotations():
    assert not [
        m for m, p in modules() if NEEDS_ANNOTATIONS.search(text := p.read_text("utf-8")) and "from __future__ import annotations" in text
    ]
    assert NEEDS_ANNOTATIONS.search((ROOT / "orchestration" / "assets.py").read_text("utf-8"))


def test_every_module_says_what_passes_through_it():
    silent = [m for m, p in modules() if (text := p.read_text("utf-8")).strip() and not ast.get_docstring(ast.parse(text))]
    assert not [m for m in silent if ".versions." not in m]


def test_the_lock_names_no_index_and_pins_everything():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert not re.search(r"https?://|--index-url|--find-links|^-i ", lock, re.MULTILINE)
    required = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert required
    assert all("==" in line for line in required)


def test_what_is_declared_is_in_the_lock():
    import tomllib

    said = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*said["dependencies"], *(d for group in said["optional-dependencies"].values() for d in group)]
    names = {re.split(r"[\[<>=~! ]", w)[0].lower().replace("_", "-") for w in wanted}
    locked = {
        line.split("==")[0].split("[")[0].lower() for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines() if "==" in line
    }
    assert names <= locked


def test_the_tests_themselves_need_no_product_of_another_machine():
    assert not [p for p in python() for n in imports(p) if n.split(".")[0] in ("dlt", "connectorx") and "benchmarks" not in p.parts]
