"""Where the hub keeps what it writes, and where the city's description is read from.

HUB_HOME     everything the hub writes (default `.hub`, mode 0700)
HUB_SYSTEMS  the departments and their systems (default `systems/`)
HUB_SCHEMAS  record types, code lists and derived tables (default this folder)
HUB_LANGUAGE zh (default) or en
HUB_TIMEZONE the zone whose clock people here read (default Asia/Shanghai); a system's own stands in its registration

The defaults are beside workspace.yaml, or in the folder one stands in where the hub is installed without its source.
"""

from __future__ import annotations

import os
from pathlib import Path

FOREIGN = ("far", "demo")  # folders of HUB_HOME where others put what the hub reads; all else in it the hub writes itself
_SOURCE = Path(__file__).resolve().parent.parent
ROOT = _SOURCE if (_SOURCE / "workspace.yaml").is_file() else Path.cwd()


def home() -> Path:
    """The hub's own folder, made if it is not there; only its owner may look inside."""
    folder = Path(os.environ.get("HUB_HOME") or ROOT / ".hub").resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def keep_private() -> None:
    """What this process writes is its owner's alone, and so is the hub's folder, whatever it was before. For entry points."""
    os.umask(0o077)
    folder = Path(os.environ.get("HUB_HOME") or ROOT / ".hub").resolve()
    if folder.is_dir() and folder.stat().st_mode & 0o077 and folder.stat().st_uid == os.getuid():
        folder.chmod(0o700)


def systems_folder() -> Path:
    return Path(os.environ.get("HUB_SYSTEMS") or ROOT / "systems").resolve()


def schemas_folder() -> Path:
    return Path(os.environ.get("HUB_SCHEMAS") or Path(__file__).parent).resolve()


def zone() -> str:
    """The zone whose clock people here read."""
    return os.environ.get("HUB_TIMEZONE") or "Asia/Shanghai"


def english() -> bool:
    """Whether the reader asked for English; the first language is Chinese."""
    return os.environ.get("HUB_LANGUAGE", "zh").lower().startswith("en")


def say(zh: str, en: str) -> str:
    """The one of two twins that the reader asked for."""
    return en if english() else zh
