"""One way out: what the hub holds, and the upper platform at the other end.

packages/<platform>/<resource>/<number>/    the files
keys/platform, keys/platform.<name>         under which its row keys are made: two platforms cannot put theirs together
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from docking.profile import Profile, profile
from docking.resources import Resource, leaving, slug
from ledger.book import Ledger
from schemas.city import City
from schemas.permission import PLATFORM_ASKS_OTHERS
from schemas.said import NOTHING, Said
from warehouse import keys
from warehouse.lake import Lake

FIRST = "province"  # the one platform there was before they had names: its key and its packages lie where they lay


@dataclass(frozen=True)
class Way:
    home: Path
    city: City
    lake: Lake
    ledger: Ledger
    platform: str

    @property
    def profile(self) -> Profile:
        return profile(self.city, self.platform)

    @property
    def key(self) -> str:
        return keys.key(self.home, "platform" if self.platform == FIRST else f"platform.{self.platform}")

    def leaving(self) -> dict[str, Resource]:
        """{dataset table: resource} of everything that may leave for this platform."""
        return {t: r for t, r in leaving(self.city, self.ledger.agreements()).items() if not against(self.city, self.platform, r.code)}

    def folder(self, code: str) -> Path:
        return self.home / "packages" / self.platform / slug(code)


def against(city: City, platform: str, code: str) -> Said:
    """Why a resource that may leave does not go to that platform."""
    only = city.settings.platforms[platform].only
    return PLATFORM_ASKS_OTHERS if only and code not in only else NOTHING


def ways(home: Path, city: City, lake: Lake, ledger: Ledger) -> list[Way]:
    """One a platform. Packages of a home from before platforms had names are moved to where they belong."""
    _settle(home / "packages")
    return [Way(home, city, lake, ledger, name) for name in city.settings.platforms]


def _settle(packages: Path) -> None:
    if not any(old.name[:1].isdigit() for old in packages.glob("*/")):
        return
    with FileLock(packages / ".lock", timeout=600):
        (packages / FIRST).mkdir(mode=0o700, exist_ok=True)
        for old in packages.glob("*/"):  # a platform's name begins with a letter, a resource's code with a digit
            if old.name[:1].isdigit():
                old.rename(packages / FIRST / old.name)
