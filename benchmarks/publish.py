"""What a publish costs after one tick of the invented city, against the first: the cost must follow the change.

    python -m benchmarks.publish [--scale 0.3] [--ticks 3]

In a hub folder of its own, with the far sides up. Ratios of one run; CPU of the whole process, start included.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Measured

HUB = [str(Path(sys.executable).with_name("hub"))]


def main(words: Sequence[str]) -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.publish")
    asked.add_argument("--scale", type=float, default=0.3)
    asked.add_argument("--ticks", type=int, default=3)
    given = asked.parse_args(words)
    print(measure.machine())
    with tempfile.TemporaryDirectory(prefix="hub_bench_") as folder:
        env = {"HUB_HOME": folder, "HUB_LANGUAGE": "en"}
        try:
            measure.run([*HUB, "demo", "up", "--scale", str(given.scale)], env)
            _measure(env, given.scale, given.ticks)
        finally:
            measure.run([*HUB, "demo", "down", "--erase"], env)


def _measure(env: dict[str, str], scale: float, ticks: int) -> None:
    first_sync, first = measure.run([*HUB, "sync"], env), measure.run([*HUB, "publish"], env)
    measure.run([*HUB, "sync"], env)  # overlaps settle
    measure.run([*HUB, "publish"], env)
    syncs, publishes = [], []
    for _ in range(ticks):
        measure.run([*HUB, "demo", "tick"], env)
        syncs.append(measure.run([*HUB, "sync"], env))
        publishes.append(measure.run([*HUB, "publish"], env))
    nothing = measure.run([*HUB, "publish"], env)
    full = measure.run([*HUB, "publish", "--full"], env)
    rows = [
        _row("first sync", [first_sync], first_sync),
        _row("sync after a tick", syncs, first_sync),
        _row("first publish", [first], first),
        _row("publish after a tick", publishes, first),
        _row("publish of nothing", [nothing], first),
        _row("publish --full", [full], first),
    ]
    measure.show(f"scale {scale:g}, {ticks} ticks, medians", ["case", "CPU s", "wall s", "peak MB", "% of the first"], rows)
    ways = [s.wall + p.wall for s, p in zip(syncs, publishes, strict=True)]
    print(f"tick to edition: {statistics.median(ways):.1f} s wall")


def _row(name: str, runs: Sequence[Measured], first: Measured) -> list[object]:
    cpu = statistics.median(m.cpu for m in runs)
    return [name, cpu, statistics.median(m.wall for m in runs), round(max(m.peak_mb for m in runs)), round(100 * cpu / first.cpu)]


if __name__ == "__main__":
    main(sys.argv[1:])
