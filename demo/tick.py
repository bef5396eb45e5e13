"""Time passes in the invented city: every system changes a little, in the way it really changes.

    the n-th tick  ->  rows added, changed, deleted, one late row a system; new exports in the drop folders

From the second tick on the pension system has a column nobody announced.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa

from demo.city import InventedCity, made
from demo.faults import lifted
from demo.postgres import Server, name_of
from demo.serve import current, outlet, remember, server_of, store
from demo.serve_files import deliver
from demo.sides import Side, note, noted, sides
from demo.stores import Difference


def tick(home: Path, times: int = 1) -> dict[str, dict[str, int]]:
    """That many ticks; system -> dataset -> rows written. The city must be up."""
    home = home.resolve()
    state = noted(home, "city")
    city = made(state["seed"], state["scale"])
    server = server_of(home)
    written: dict[str, dict[str, int]] = {}
    with lifted(home):
        for _ in range(times):
            _once(home, city, server, written)
    return written


def _once(home: Path, city: InventedCity, server: Server | None, written: dict[str, dict[str, int]]) -> None:
    n = noted(home, "city")["ticks"] + 1
    for side in sides(home).values():
        before = current(home, side)
        after = side.module.tick(city, before, n)
        for name, rows in _apply(home, side, before, after, server).items():
            counts = written.setdefault(side.path, {})
            counts[name] = counts.get(name, 0) + rows
    note(home, "city", {**noted(home, "city"), "ticks": n})


def _apply(home: Path, side: Side, before: dict[str, pa.Table], after: dict[str, pa.Table], server: Server | None) -> dict[str, int]:
    """Bring what differs to the far side; dataset -> rows added, changed or gone."""
    changed = {n: t for n, t in after.items() if t is not before[n] and not t.equals(before[n])}
    counts: dict[str, int] = {}
    with ExitStack() as open_:
        session = open_.enter_context(server.session(name_of(home, side.code))) if server and side.database else None
        for name, table in changed.items():
            dataset = side.system.datasets[name]
            difference = Difference(dataset, before[name], table)
            if name not in side.of("files"):
                store(home, side, session).change(outlet(side, name), dataset, difference)
            counts[name] = max(difference.rows.num_rows, difference.keys.num_rows)
    if set(changed) & set(side.of("files")):
        deliver(home, side, after)
    for name, table in changed.items():
        remember(home, side, name, table)
    return counts
