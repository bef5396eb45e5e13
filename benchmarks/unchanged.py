"""The twelve systems of the demo with nothing changed: what it costs to look, by `hub sync` and as Dagster runs.

    python -m benchmarks.unchanged [--scale 0.01] [--profile 25]

In a hub folder of its own, with the far sides up. Everything is synced twice before anything is measured, so that
overlaps have settled and Dagster's tables are there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.measure import Measured, Stopwatch

HUB = [str(Path(sys.executable).with_name("hub"))]
PARTS = {
    "connectors": ("/connectors/",),
    "warehouse": ("/warehouse/",),
    "ledger": ("/ledger/",),
    "routes": ("/orchestration/", "/schemas/", "/hub/"),
    "duckdb": ("_duckdb", "duckdb"),
    "sqlite (ledger, Dagster, far sides)": ("sqlite3",),
    "sqlalchemy": ("/sqlalchemy/",),
    "psycopg, pymysql": ("/psycopg", "/pymysql/"),
    "requests, urllib3": ("/requests/", "/urllib3/", "/http/", "socket", "ssl"),
    "pyarrow": ("/pyarrow/", "pyarrow"),
    "dagster": ("/dagster", "dagster"),
    "yaml, pydantic": ("/yaml/", "/pydantic"),
    "typer, rich": ("/typer/", "/rich/", "/click/"),
    "openpyxl, calamine, numpy": ("/openpyxl/", "/python_calamine", "/numpy/"),
}


def syncs() -> dict[str, Any]:
    """routes.sync of every running system in this process, each timed."""
    watch = Stopwatch()
    from orchestration import routes
    from schemas.city import read_city
    from schemas.home import home

    city = read_city()
    reading = watch.lap()
    hub = routes.Hub.open(home(), city)
    start = watch.lap()
    systems: dict[str, list[Any]] = {}
    for system, names in city.select(None):
        synced = routes.sync(hub, system, names)
        states = Counter(o.state for o in synced.outcomes.values())
        systems[system.path] = [watch.lap(), len(names), dict(states)]
    hub.close()
    return {"start": reading + start, "reading": reading, "work": sum(s[0] for s in systems.values()), "systems": systems}


def one_run() -> dict[str, Any]:
    """Dagster's first_load job: every system in one run, in this process."""
    watch = Stopwatch()
    from orchestration.first_load import run_everything

    start = watch.lap()
    ran = run_everything(jobs=("first_load",))
    return {"start": start, "work": watch.lap(), "success": all(r.success for r in ran.values())}


def runs(only: str = "") -> dict[str, Any]:
    """One run a system in this process, each timed; with `only`, one system's."""
    watch = Stopwatch()
    import dagster as dg

    from orchestration.definitions import definitions_of
    from orchestration.instance import prepare
    from orchestration.steps import Steps
    from schemas.city import read_city
    from schemas.home import home

    prepare(home())
    city = read_city()
    repository = definitions_of(city)
    systems: dict[str, list[Any]] = {}
    start, good = 0.0, True
    with dg.DagsterInstance.get() as instance:
        for system, names in city.select(only or None):
            job = repository.resolve_job_def(f"sync_{system.code}")
            start += watch.lap()
            steps = Steps.open(city)
            result = job.execute_in_process(instance=instance, resources={"steps": steps}, raise_on_error=False, run_config=_QUIET)
            steps.close()
            good = good and result.success
            systems[system.path] = [watch.lap(), len(names), {}]
    return {"start": start, "work": sum(s[0] for s in systems.values()), "systems": systems, "success": good}


_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def profiled(of: str, top: int) -> dict[str, Any]:
    """The case `of` with every thread of ours profiled by its own CPU clock; the top functions and the parts they belong to."""
    import pstats

    before = time.process_time()
    with _every_thread() as profiles:
        {"syncs": syncs, "one_run": one_run}[of]()
    total = time.process_time() - before
    stats = pstats.Stats(profiles[0])
    for profile in profiles[1:]:
        profile.create_stats()
        if profile.stats:
            stats.add(profile)
    parts: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for (file, _, name), (_, times, own, _, _) in stats.stats.items():  # type: ignore[attr-defined]
        parts[_part(file, name)] += own
        label = f"{_short(file)}:{name}"
        functions[label] += own
        calls[label] += times
    seen = sum(parts.values())
    parts["threads that are not Python's (DuckDB's)"] = max(total - seen, 0)
    return {"total": total, "parts": parts.most_common(), "top": [[f, own, calls[f]] for f, own in functions.most_common(top)]}


@contextmanager
def _every_thread() -> Iterator[list[Any]]:
    import cProfile

    profiles = [cProfile.Profile(time.thread_time)]
    plain = threading.Thread.run

    def run(self: threading.Thread) -> None:
        mine = cProfile.Profile(time.thread_time)
        profiles.append(mine)
        mine.enable()
        try:
            plain(self)
        finally:
            mine.disable()

    threading.Thread.run = run  # type: ignore[method-assign]
    profiles[0].enable()
    try:
        yield profiles
    finally:
        profiles[0].disable()
        threading.Thread.run = plain  # type: ignore[method-assign]


_REST = "Python's builtins, called from all of these"


def _part(file: str, name: str) -> str:
    where = f"{file} {name}" if file == "~" else file
    if "importlib" in file or name in (
        "<built-in method marshal.loads>",
        "<built-in method builtins.exec>",
        "<built-in method _imp.create_dynamic>",
        "<built-in method builtins.compile>",
    ):
        return "importing"
    if "/site-packages/" not in file and file != "~" and str(measure.ROOT) not in file:
        return "python's own library"
    inside = where.partition("/site-packages")[2] or where
    return next((part for part, marks in PARTS.items() if any(m in inside for m in marks)), _REST if file == "~" else "other")


def _short(file: str) -> str:
    if file == "~":
        return ""
    inside = file.partition("/site-packages/")[2] or file.removeprefix(f"{measure.ROOT}/")
    return inside if not inside.startswith("/") else Path(inside).name


CASES: dict[str, Callable[..., dict[str, Any]]] = {"syncs": syncs, "one_run": one_run, "runs": runs, "profiled": profiled}


def main(words: Sequence[str]) -> None:
    if measure.began(words, CASES):
        return
    asked = argparse.ArgumentParser(prog="python -m benchmarks.unchanged")
    asked.add_argument("--scale", type=float, default=0.01)
    asked.add_argument("--profile", type=int, default=25, help="how many functions to show; 0: no profile")
    given = asked.parse_args(words)
    print(measure.machine())
    with tempfile.TemporaryDirectory(prefix="hub_bench_") as folder:
        env = {"HUB_HOME": folder, "HUB_LANGUAGE": "en"}
        try:
            measure.run([*HUB, "demo", "up", "--scale", str(given.scale)], env)
            _measure(env, given.profile)
        finally:
            measure.run([*HUB, "demo", "down", "--erase"], env)


def _measure(env: dict[str, str], top: int) -> None:
    found = {"hub sync, everything for the first time": measure.run([*HUB, "sync"], env)}
    measure.run([*HUB, "sync"], env)
    measure.case("unchanged", "one_run", env)
    found["hub sync, nothing changed"] = measure.run([*HUB, "sync"], env)
    found["routes.sync in one process"] = routes = measure.case("unchanged", "syncs", env)
    found["Dagster, one run over everything"] = measure.case("unchanged", "one_run", env)
    found["Dagster, a run a system, one process"] = each = measure.case("unchanged", "runs", env)
    found["Dagster, one system's run, its own process"] = measure.case("unchanged", "runs", env, only="market_regulation/entities")
    _show(found, routes, each)
    if top:
        for of in ("syncs", "one_run"):
            _show_profile(of, measure.case("unchanged", "profiled", env, of=of, top=top).said)


def _show(found: dict[str, Measured], routes: Measured, each: Measured) -> None:
    count, datasets = len(routes.said["systems"]), sum(s[1] for s in routes.said["systems"].values())
    one = "Dagster, one system's run, its own process"
    rows = []
    for name, m in found.items():
        systems, sets = (1, next(iter(m.said["systems"].values()))[1]) if name == one else (count, datasets)
        rows.append([name, m.cpu, m.work, m.wall, round(m.peak_mb), m.cpu / systems, m.cpu / sets, m.work / systems, m.work / sets])
    measure.show(
        f"{count} systems, {datasets} datasets",
        ["case", "CPU s", "of it work", "wall s", "peak MB", "CPU / system", "CPU / dataset", "work / system", "work / dataset"],
        rows,
    )
    measure.show(
        "Work by system, CPU s",
        ["system", "datasets", "routes.sync", "a dataset", "Dagster run", "what was found"],
        [
            [path, n, cpu, cpu / n, each.said["systems"][path][0], ", ".join(f"{v} {k}" for k, v in states.items())]
            for path, (cpu, n, states) in routes.said["systems"].items()
        ],
    )


def _show_profile(of: str, said: dict[str, Any]) -> None:
    what = {"syncs": "routes.sync in one process", "one_run": "Dagster, one run over everything"}[of]
    total = said["total"]
    measure.show(
        f"Where it goes: {what}, imports included (profiled: {total:.1f} CPU s)",
        ["part", "own CPU s", "share %"],
        [[p, own, round(100 * own / total)] for p, own in said["parts"]],
    )
    measure.show("The functions with most CPU of their own", ["function", "own CPU s", "calls"], said["top"])


if __name__ == "__main__":
    main(sys.argv[1:])
