"""docs/howto/add-a-system.md is a test: its files are written, its commands run, what it shows must be in their output."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.home import ROOT
from tests.end_to_end import foreign_database
from warehouse.lake import Lake

PAGE = ROOT / "docs/howto/add-a-system.md"
SYSTEM = "market_regulation/street_shops"
BLOCK = re.compile(r"^```(yaml|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Newcomer:
    """Somebody with this page, a foreign database and an empty hub."""

    def __init__(self, root: Path) -> None:
        self.home, self.systems = root / "home", root / "systems"
        self.home.mkdir(mode=0o700)
        (self.systems / "market_regulation").mkdir(parents=True)
        for name in ("_city.yml", "market_regulation/_department.yml"):
            shutil.copy(ROOT / "systems" / name, self.systems / name)
        self.rows = foreign_database.build(self.home / "far" / "shops.sqlite")
        self.said = ""

    def yaml(self, content: str) -> None:
        """The whole file, or the part of it that the first line names."""
        first, _, text = content.partition("\n")
        path, _, part = first.removeprefix("# systems/").partition(": ")
        file = self.systems / path
        if not part:
            file.write_text(text, "utf-8")
            return
        lines = file.read_text("utf-8").splitlines(keepends=True)
        at = 0
        for depth, name in enumerate(part.split(".")):
            indent = "  " * depth
            at = next(n for n in range(at, len(lines)) if lines[n].startswith(f"{indent}{name}:"))
        behind = next((n for n in range(at + 1, len(lines)) if not lines[n].startswith(f"{indent} ")), len(lines))
        file.write_text("".join([*lines[:at], text, *lines[behind:]]), "utf-8")

    def sh(self, content: str) -> None:
        """Every command with the exit code 0."""
        self.said = ""
        environment = {
            **os.environ,
            "HUB_HOME": str(self.home),
            "HUB_SYSTEMS": str(self.systems),
            "HUB_LANGUAGE": "zh",
            "COLUMNS": "200",
            "PYTHONUTF8": "1",
        }
        hub = str(Path(sys.executable).with_name("hub"))
        for command in content.strip().splitlines():
            ran = subprocess.run(
                command.replace(".venv/bin/hub", hub), shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
            )
            assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
            self.said += ran.stdout + ran.stderr

    def text(self, content: str) -> None:
        """Every line, whatever the space between its words, as it was printed."""
        told = re.sub(r"\s+", " ", self.said)
        for line in filter(None, content.splitlines()):
            assert re.sub(r"\s+", " ", line.strip()) in told, f"{line}\n---\n{self.said}"


@pytest.mark.slow
def test_the_page_is_true_and_every_row_of_a_foreign_database_arrives(tmp_path):
    newcomer = Newcomer(tmp_path)
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    assert [kind for kind, _ in blocks].count("sh") >= 6
    for kind, content in blocks:
        getattr(newcomer, kind)(content)
    lake = Lake(newcomer.home, read_only=True)
    landed = {
        t: lake.con.execute(f'SELECT coalesce(sum(_copies), 0) FROM landing."market_regulation_street_shops__{t}"').fetchone()[0]
        for t in ("shop", "order", "shop_goods", "empty_stall", "photo", "table_1", "visits", "select")
    }
    assert list(landed.values()) == list(newcomer.rows.values())
    assert lake.con.execute('SELECT "Good\'s Name" FROM landing.market_regulation_street_shops__shop_goods ORDER BY 1').fetchone() == (
        'it\'s "hot"',
    )
    assert lake.con.execute("SELECT count(*), count(founded_on), count(representative) FROM shared.market_entity").fetchone() == (
        11,
        11,
        11,
    )
    lake.close()
    shown = subprocess.run(
        [Path(sys.executable).with_name("hub"), "status", SYSTEM],
        env={**os.environ, "HUB_HOME": str(newcomer.home), "HUB_SYSTEMS": str(newcomer.systems), "COLUMNS": "200"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode == 0
    assert "街边小店登记" in shown.stdout
