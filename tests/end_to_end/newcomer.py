"""A how-to is a test: its files are written, its commands run, what it shows must be in their output."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from schemas.home import ROOT

BLOCK = re.compile(r"^```(yaml|csv|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Newcomer:
    """Somebody with a page and an empty hub."""

    def __init__(self, root: Path, department: str) -> None:
        self.home, self.systems, self.schemas = root / "home", root / "systems", root / "schemas"
        self.home.mkdir(mode=0o700)
        self.far = self.home / "far"
        self.far.mkdir(mode=0o700)
        (self.systems / department).mkdir(parents=True)
        for name in ("_city.yml", f"{department}/_department.yml"):
            shutil.copy(ROOT / "systems" / name, self.systems / name)
        for name in ("records", "codes", "derived"):
            shutil.copytree(ROOT / "schemas" / name, self.schemas / name)
        self.said = ""

    def follow(self, page: str) -> list[str]:
        """Do what the page says; returns the kinds of its blocks."""
        blocks = BLOCK.findall((ROOT / "docs/howto" / page).read_text("utf-8"))
        for kind, content in blocks:
            getattr(self, kind)(content)
        return [kind for kind, _ in blocks]

    def csv(self, content: str) -> None:
        first, _, text = content.partition("\n")
        (self.schemas / first.removeprefix("# schemas/")).write_text(text, "utf-8")

    def yaml(self, content: str) -> None:
        """The whole file, or the part of it that the first line names."""
        first, _, text = content.partition("\n")
        path, _, part = first.removeprefix("# ").partition(": ")
        file = self.systems.parent / path
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
            "HUB_SCHEMAS": str(self.schemas),
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
