"""Where Dagster keeps its own records: $HUB_HOME/dagster, with the settings of dagster.yaml beside this file.

python -m orchestration.instance                         prints the folder
python -m orchestration.instance run dagster dev …       runs a command of Dagster there; one that serves pages
                                                         takes up changed registrations by itself
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from orchestration import reloading
from schemas import home as homes

SETTINGS = Path(__file__).with_name("dagster.yaml")


def prepare(home: Path | None = None) -> Path:
    """The instance's folder, ready, and named in DAGSTER_HOME for this process and its children.

    Settings that a site has changed in the folder stay as they are: a copy whose first line is not ours is left alone.
    """
    folder = (home or homes.home()) / "dagster"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ours = SETTINGS.read_text("utf-8")
    settings = folder / "dagster.yaml"
    found = settings.read_text("utf-8") if settings.exists() else ""
    if found != ours and (not found or found.splitlines()[0] == ours.splitlines()[0]):
        unfinished = folder / f"dagster.yaml.{os.getpid()}"
        unfinished.write_text(ours, "utf-8")
        unfinished.replace(settings)
    os.environ["DAGSTER_HOME"] = str(folder)
    quiet()
    return folder


def quiet() -> None:
    """Nobody outside hears of what runs here."""
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    os.environ["GX_ANALYTICS_ENABLED"] = "false"


def main(words: list[str]) -> None:
    folder = prepare()
    if not words:
        print(folder)
        return
    command = Path(sys.executable).with_name(words[1])
    if served := reloading.address(words[1:]):
        subprocess.Popen([sys.executable, "-m", reloading.__name__, str(served[0]), served[1], str(os.getpid())], stdin=subprocess.DEVNULL)
    os.execv(command, [str(command), *words[2:]])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
