"""Run a case in a fresh process and say what it cost.

    a case's name and what it is asked  ->  CPU seconds, wall seconds, peak memory, and what it printed last, as JSON

A benchmark's own process stays small and imports no driver: Linux counts what a process held before it became another
one towards the other's peak.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
QUIET = {"DAGSTER_DISABLE_TELEMETRY": "1", "GX_ANALYTICS_ENABLED": "false", "RUNTIME__DLTHUB_TELEMETRY": "false", "PYTHONUTF8": "1"}


@dataclass(frozen=True)
class Measured:
    """What one process cost, its children included."""

    cpu: float
    wall: float
    peak_mb: float
    said: dict[str, Any] = field(default_factory=dict)  # its last line

    @property
    def work(self) -> float:
        """CPU seconds without starting Python and importing, where the case tells them apart."""
        return float(self.said.get("work", self.cpu))


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end. Raises RuntimeError with what it wrote when it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        child = subprocess.Popen(command, stdout=out, stderr=err, cwd=ROOT, env={**os.environ, **QUIET, **(env or {})})
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        written, complained = out.read().decode("utf-8", "replace"), err.read().decode("utf-8", "replace")
    if child.returncode:
        raise RuntimeError(f"{' '.join(command[:6])} … ended with {child.returncode}\n{(written + complained)[-4000:]}")
    return Measured(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, _last(written))


def _last(written: str) -> dict[str, Any]:
    line = written.strip().rpartition("\n")[2]
    return json.loads(line) if line.startswith("{") else {}


def case(module: str, name: str, env: Mapping[str, str] | None = None, **asked: Any) -> Measured:
    """One case of `python -m benchmarks.<module>`, in a process of its own."""
    return run([sys.executable, "-m", f"benchmarks.{module}", "--case", name, json.dumps(asked)], env)


def cheapest(times: int, measure: Callable[[], Measured]) -> Measured:
    """The run with the fewest CPU seconds: what another process did to the machine meanwhile is not ours to show."""
    return min((measure() for _ in range(times)), key=lambda m: m.cpu)


def began(words: Sequence[str], cases: Mapping[str, Callable[..., dict[str, Any]]]) -> bool:
    """Run the case that the command line names and print its JSON; False when it names none."""
    if words[:1] != ["--case"]:
        return False
    print(json.dumps(cases[words[1]](**json.loads(words[2])), ensure_ascii=False))
    return True


class Stopwatch:
    """CPU seconds of this process, all its threads included, since the last look."""

    def __init__(self) -> None:
        self._at = time.process_time()

    def lap(self) -> float:
        now = time.process_time()
        took, self._at = now - self._at, now
        return took


def show(title: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table as Markdown, numbers on the right."""
    shown = [[_cell(c) for c in row] for row in rows]
    widths = [max(len(r[n]) for r in [list(head), *shown]) for n in range(len(head))]
    print(f"\n{title}\n")
    for row in [list(head), ["-" * w for w in widths], *shown]:
        print("| " + " | ".join(c.ljust(w) if n == 0 else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True))) + " |")
    sys.stdout.flush()


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def machine() -> str:
    """The class of machine, for the heading: cores, memory, load; no names."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}"
