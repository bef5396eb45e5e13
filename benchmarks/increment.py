"""An incremental sync of 20,000 changed rows in 2,000,000, against the full load of the same table by the same route.

    python -m benchmarks.increment [--rows 2000000] [--changed 20000]

The full load runs in a process of its own, the rows are changed at the far side, the increment runs in another process
on the same lake. `work` leaves out starting Python and importing: a full load hides them, an increment does not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import far_table, measure
from benchmarks.landing import measured_ours
from benchmarks.measure import Measured

CASES = {"change": far_table.change}


def main(words: Sequence[str]) -> None:
    if measure.began(words, CASES):
        return
    asked = argparse.ArgumentParser(prog="python -m benchmarks.increment")
    asked.add_argument("--rows", type=int, default=2_000_000)
    asked.add_argument("--changed", type=int, default=20_000)
    given = asked.parse_args(words)
    print(measure.machine())
    measure.case("landing", "make", rows=given.rows)
    with tempfile.TemporaryDirectory(prefix="hub_bench_") as raw, tempfile.TemporaryDirectory(prefix="hub_bench_") as record:
        homes = {"landed": (Path(raw), False), "accepted": (Path(record), True)}
        full = {name: measured_ours(given.rows, accepted=a, cursor=True, home=h) for name, (h, a) in homes.items()}
        measure.case("increment", "change", rows=given.rows, changed=given.changed)
        step = {name: measured_ours(given.rows, accepted=a, cursor=True, home=h) for name, (h, a) in homes.items()}
        still = {name: measured_ours(given.rows, accepted=a, cursor=True, home=h) for name, (h, a) in homes.items()}
    _show(given.rows, given.changed, full, step, still)


def _show(rows: int, changed: int, full: dict[str, Measured], step: dict[str, Measured], still: dict[str, Measured]) -> None:
    def line(name: str, m: Measured, landed: bool = True) -> list[Any]:
        against = [m.work / full["landed"].work, m.work / full["accepted"].work] if landed else ["-", "-"]
        whole = [m.cpu / full["landed"].cpu, m.cpu / full["accepted"].cpu]
        return [name, m.cpu, m.work, round(m.peak_mb), m.said["received"], m.said["updated"], *against, *whole]

    measure.show(
        f"{changed:,} changed rows in {rows:,} x {far_table.COLUMNS} columns; ratios of CPU, work alone and the whole process",
        ["case", "CPU s", "of it work", "peak MB", "received", "updated", "work / full landed", "work / full accepted", "all / full landed", "all / full accepted"],
        [
            line("full load, landed", full["landed"]), line("full load, accepted", full["accepted"]),
            line("increment, landed", step["landed"]), line("increment, accepted", step["accepted"]),
            line("nothing changed, landed", still["landed"]), line("nothing changed, accepted", still["accepted"]),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
