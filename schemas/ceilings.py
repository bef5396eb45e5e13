"""What a registration may ask for at most. Only whoever runs the hub raises it, in `$HUB_HOME/ceilings.yml`.

    limits, pages, rows, files of a registration  ->  refused above the ceiling, with whose move it is

A registration is written by somebody the hub does not know, and what it reads by somebody else again: neither may hold a
process for days or fill the disk.
"""

from __future__ import annotations

import datetime as dt
import functools
from pathlib import Path

from pydantic import Field

from schemas.documents import Closed, read
from schemas.errors import SourceChanged
from schemas.forms import Duration
from schemas.home import home


class Ceilings(Closed):
    """The words of `ceilings.yml`."""

    timeout: Duration = dt.timedelta(minutes=30)  # limits.timeout: one answer of a far side
    patience: Duration = dt.timedelta(hours=12)  # limits.patience: one read of one dataset
    rows: int = Field(default=200_000_000, ge=1)  # of one read; the largest table of the city has 40,000,000
    pages: int = Field(default=100_000, ge=1)  # of one read of an interface
    files: int = Field(default=10_000, ge=1)  # of one dataset
    file_bytes: int = Field(default=20 << 30, ge=1)  # of one file


def ceilings() -> Ceilings:
    """Those of this hub; the defaults where nobody wrote any."""
    path = home() / "ceilings.yml"
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    return _written(path, stamp)


@functools.lru_cache(maxsize=4)
def _written(path: Path, stamp: int) -> Ceilings:
    return read(path, Ceilings) if stamp else Ceilings()


def above(word: str, ceiling: object, zh: str, en: str, where: str) -> SourceChanged:
    """What came is more than this hub takes; `zh` and `en` say what, `where` whose it is."""
    return SourceChanged(
        f"{where}: {zh}，超过枢纽上限 {ceiling}，没有采用",
        f"{where}: {en}, above this hub's ceiling of {ceiling}; it was not used",
        next_zh=f"请系统主管部门确认；确属正常的，由枢纽运维人员在 ceilings.yml 中调高 {word}",
        next_en=f"ask the owner; if it is right, whoever runs the hub raises {word} in ceilings.yml",
    )
