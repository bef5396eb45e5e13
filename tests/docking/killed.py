"""Started by test_docking_trouble in a process of its own: one whole delivery, killed by itself at a named moment."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from demo.province import prepare
from ledger.opening import open_ledger
from tests.docking.shared_city import city
from tests.docking.way_out import Path_
from warehouse.lake import Lake


def send(home: str, moment: str) -> None:
    """`moment` is `file function event`: die by SIGKILL when that function is called or returns."""
    file, function, event = moment.split()
    os.environ["HUB_HOME"] = home
    way = Path_(Path(home), Lake(Path(home)), city(), open_ledger(Path(home)), prepare(Path(home)))

    def die(frame: Any, what: str, _: object) -> None:
        if what == event and frame.f_code.co_name == function and frame.f_code.co_filename.endswith("/" + file):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(die)
    way.send()
