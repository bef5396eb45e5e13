"""Started by test_docking_trouble in a process of its own: one whole delivery, killed by itself at a named moment."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from demo.province import prepare
from ledger.opening import open_ledger
from tests.docking.shared_city import CODE, city, system
from tests.docking.way_out import Path_
from warehouse.lake import Lake


def send(home: str, moment: str) -> None:
    """`moment` is `file function event`: die by SIGKILL when that function is called or returns."""
    way = _opened(home)
    _die_at(moment)
    way.send()


def heal(home: str, moment: str) -> None:
    """Ask the platform what it holds, then deliver."""
    way = _opened(home)
    _die_at(moment)
    way.look()
    way.send()


def withdraw(home: str, moment: str) -> None:
    """Take back what became unshared."""
    way = _opened(home)
    first, second = (
        system("civil_affairs/assistance", CODE, share="none", basis="某法第一条"),
        system("human_resources/pension", "306009/000007"),
    )
    way.city = city(systems=[first, second])
    _die_at(moment)
    way.withdraw()


def _opened(home: str) -> Path_:
    os.environ["HUB_HOME"] = home
    return Path_(Path(home), Lake(Path(home)), city(), open_ledger(Path(home)), prepare(Path(home)))


def _die_at(moment: str) -> None:
    file, function, event = moment.split()

    def die(frame: Any, what: str, _: object) -> None:
        if what == event and frame.f_code.co_name == function and frame.f_code.co_filename.endswith("/" + file):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(die)
