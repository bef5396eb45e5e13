"""Routes that do as they are told: rows that are given are landed and accepted in a real lake, errors that are given are raised."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from schemas.city import City
from schemas.errors import HubError
from schemas.registration import System
from tests.warehouse import far_side
from warehouse.lake import Lake

VERDICT = {"success": True, "results": [], "meta": {"blocking": False}}


def expectation(
    rule: str = "range", severity: str = "block", *, good: bool = False, raised: bool = False, found: object = 1
) -> dict[str, Any]:
    """One result in Great Expectations' schema."""
    return {
        "success": good,
        "expectation_config": {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "income"},
            "meta": {"rule": rule, "severity": severity, "field": "income"},
        },
        "result": {} if raised else {"element_count": 10, "unexpected_count": 3, "partial_unexpected_list": [found]},
        "exception_info": {"raised_exception": raised, "exception_message": "gone" if raised else None},
    }


def system(path: str, datasets: tuple[str, ...] = ("person", "other"), raw: dict[str, Any] | None = None, **more: Any) -> System:
    """A running system whose datasets are all persons."""
    plain = far_side.system(path).model_dump(by_alias=True, exclude={"path", "datasets", "connections"})
    person = far_side.system(path).datasets["person"].model_dump(by_alias=True, mode="json", exclude_none=True)
    person["read"] = {"table": "T", "key": ["NO"]}
    person["expect"] = {}
    return System.model_validate(
        {
            **plain,
            "connector": "database",
            "path": path,
            "limits": {},
            "datasets": {d: dict(person) for d in datasets} | (raw or {}),
            **more,
        }
    )


@dataclass
class FakeSteps:
    """Stands for orchestration.steps.Steps."""

    home: Path
    city: City
    errors: dict[str, HubError | Exception] = field(default_factory=dict)  # by dataset table, or by system path for the whole sync
    findings: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by dataset table
    rows: int = 3
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lake = Lake(self.home)
        self.hub = SimpleNamespace(lake=self.lake, home=self.home, city=self.city)

    def close(self) -> None:
        self.lake.close()

    def sync(self, of: System, datasets: list[str]) -> Any:
        self.asked.append((of.path, tuple(datasets)))
        if of.path in self.errors:
            raise self.errors[of.path]
        outcomes = {name: self._one(of, name) for name in datasets}
        failed = {n: o.error for n, o in outcomes.items() if o.error}
        return SimpleNamespace(run="r1", outcomes=outcomes, failed=failed)

    def _one(self, of: System, name: str) -> Any:
        table = of.table(name)
        if table in self.errors:
            return SimpleNamespace(table=table, state="failed", error=self.errors[table], accepted=False)
        far_side.land(self.lake, of, far_side.pull_of([far_side.row(n) for n in range(self.rows)]), name)
        results = self.findings.get(table, [])
        blocking = any(not r["success"] and r["expectation_config"]["meta"]["severity"] == "block" for r in results)
        far_side.accept(self.lake, self.city, of, name, blocked=blocking)
        with self.lake.writing("findings") as tx:
            said = json.dumps({"success": not results, "results": results, "meta": {}})
            tx.execute(
                "INSERT INTO hub.findings VALUES ('r1', ?, 1, ?, ?, ?, now() AT TIME ZONE 'UTC')", [table, said, not results, blocking]
            )
        return SimpleNamespace(table=table, state="changed", error=None, accepted=not blocking)
