"""The invented city put through the real warehouse without any server: what its systems say, landed, accepted, published."""

from __future__ import annotations

import importlib
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from demo.city import InventedCity
from schemas.city import City as Registered
from schemas.pull import Batch, Pull
from schemas.registration import Dataset, System
from warehouse import landing, made, normalise, quality, shared, staging, suites
from warehouse.lake import Lake
from warehouse.verdicts import Verdict

SYSTEMS = (
    "political_legal/grid",
    "political_legal/mediation",
    "approvals/hotline",
    "party_organisation/members",
    "party_organisation/double_registration",
    "social_work/new_groups",
)


def module(path: str):
    return importlib.import_module(f"demo.systems.{path.replace('/', '_')}")


def said(city: InventedCity) -> dict[str, dict[str, pa.Table]]:
    """Every system's tables."""
    return {path: module(path).tables(city) for path in SYSTEMS}


def as_read(dataset: Dataset, table: pa.Table, kind: str) -> pa.Table:
    """The columns a connector would pull; everything but a database's rows as text, ledger dates as they were typed."""
    table = table.select([c for c in (dataset.columns or table.column_names) if c in table.column_names])
    if kind == "database":
        return table
    return pa.table({name: _text(table[name]) for name in table.column_names})


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_date(column.type):
        typed = pc.less_equal(pc.month(column), 3)
        return pc.if_else(typed, pc.strftime(column, "%Y.%m.%d"), pc.strftime(column, "%Y-%m-%d"))
    return column.cast(pa.string())


def sync(lake: Lake, where: Registered, of: System, tables: dict[str, pa.Table]) -> dict[str, Verdict]:
    """Land and accept every dataset of a system, one commit each; gives what the checks said."""
    run = uuid.uuid4().hex
    with lake.stage(run) as folder:
        landing.land(lake, run, [_landed(lake, of, n, tables[n], run, folder) for n in of.datasets], message="land")
        done, states = made.newest(lake, "standard"), made.landing_states(lake)
        candidates, verdicts = {}, {}
        for name in (n for n, d in of.datasets.items() if d.record):
            code = of.table(name)
            last = done.get(code, made.Made())
            candidates[name] = normalise.build(lake, where, of, name, last, states[code], folder)
            suite = suites.suite(where, of, name)
            verdicts[name] = quality.check(lake.cursor(), candidates[name].relation, suite, last_rows=last.rows if last.number else None)
        with lake.writing("accept", run=run) as tx:
            for name, candidate in candidates.items():
                normalise.accept(tx, candidate, run, blocked=bool(verdicts[name].blocking))
    return verdicts


def _landed(lake: Lake, of: System, name: str, table: pa.Table, run: str, folder: Path) -> landing.Changes:
    dataset, code = of.datasets[name], of.table(name)
    table = as_read(dataset, table, of.connections[dataset.reading.via].connector)
    whole = frozenset() if dataset.reading.incremental else frozenset({""})
    pull = Pull(table.schema, (Batch(b) for b in table.to_batches()), None, whole)
    before = landing.landed(lake, code)
    incoming = staging.stage(pull, dataset.reading.key, folder / f"{code}.incoming.parquet", number=before.number + 1, run=run)
    return landing.prepare(lake, dataset, code, incoming, before, landing.definition(of, dataset), folder)


def publish(lake: Lake, where: Registered) -> None:
    """Shared records whose contributors are here, then the derived tables that need nothing else."""
    with lake.stage("publish") as folder:
        ready = {n: states for n, states in shared.due(lake, where).items() if states}
        prepared = [shared.prepare_record(lake, where, n, states, folder) for n, states in ready.items()]
        with lake.writing("publish") as tx:
            for one in prepared:
                shared.write(tx, one, "publish")
        for name in ("city_figures", "dispute_twice"):
            derived = shared.prepare_derived(
                lake, *where.derived[name], shared.due_derived(*where.derived[name], shared.made_so_far(lake)), folder
            )
            with lake.writing("derive") as tx:
                shared.write(tx, derived, "publish")
