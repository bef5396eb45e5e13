"""What the engineers' view says of a dataset: counts, columns, lineage, findings. No values of rows, no secrets.

Dagster keeps this in its own files and shows it without a login.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from orchestration.standing import Newest
from schemas.city import City
from schemas.errors import HubError
from schemas.records import SQL_TYPES
from schemas.registration import Dataset, System

COUNTS = ("received", "copies", "inserted", "updated", "deleted", "held", "rejected")
_NUMBERED = re.compile(
    r"(?<!\d)(\d{15,17}[\dXx]|\d{15}|1[3-9]\d{9})(?![\dXx])"
)  # what may be a person's number, in a cursor or a file name
_LONGEST = 400


def landed(system: System, name: str) -> dg.AssetKey:
    return dg.AssetKey(["landing", system.code, name])


def accepted(system: System, name: str) -> dg.AssetKey:
    return dg.AssetKey(["standard", system.code, name])


def of_landing(system: System, name: str, standing: Newest) -> dict[str, Any]:
    row = standing.landed
    return {
        "dagster/row_count": int(row.get("rows") or 0),
        "dagster/table_name": f"landing.{system.table(name)}",
        "dagster/column_schema": dg.TableSchema([dg.TableColumn(c, t) for c, t in standing.columns.items() if not c.startswith("_")]),
        "cursor": shown(row.get("value")),
        "number": int(row.get("number") or 0),
        **{c: int(row.get(c) or 0) for c in COUNTS},
    }


def of_standard(city: City, system: System, name: str, standing: Newest) -> dict[str, Any]:
    dataset = system.datasets[name]
    record = city.records[dataset.record or ""]
    row = standing.accepted
    return {
        "dagster/row_count": int(row.get("rows") or 0),
        "dagster/table_name": f"standard.{system.table(name)}",
        "dagster/column_schema": dg.TableSchema(
            [
                dg.TableColumn(
                    field,
                    SQL_TYPES[spec.type],
                    description=spec.title,
                    tags={"level": str(spec.level), "share": spec.share},
                    constraints=dg.TableColumnConstraints(nullable=not record.holds(field)),
                )
                for field, spec in record.fields.items()
            ]
        ),
        "dagster/column_lineage": lineage(dataset, landed(system, name)),
        **{c: int(row.get(c) or 0) for c in ("inserted", "updated", "deleted")},
    }


def lineage(dataset: Dataset, source: dg.AssetKey) -> dg.TableColumnLineage:
    """Which landing column every standard field is made of."""
    return dg.TableColumnLineage(
        {field: [dg.TableColumnDep(asset_key=source, column_name=m.source)] for field, m in dataset.fields.items() if m.source}
    )


def shown(cursor: str | None) -> str:
    """A cursor for people's eyes: short, and without anything that may be a person's number."""
    text = _NUMBERED.sub("…", json.dumps(json.loads(cursor), ensure_ascii=False)) if cursor else ""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def check(asset: dg.AssetKey, standing: Newest) -> dg.AssetCheckResult:
    """The last look at a dataset as one check: red when it warns or blocks, and when it could not be made."""
    if standing.finding is None:
        return dg.AssetCheckResult(
            asset_key=asset,
            check_name="quality",
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description="尚未检查 not checked yet",
            metadata={"state": "not checked"},
        )
    results = standing.finding["results"]
    unchecked = [r for r in results if r["exception_info"]["raised_exception"]]
    failed = [r for r in results if not r["success"] and r not in unchecked]
    telling = [r for r in failed if _severity(r) != "inform"]
    state = "blocked" if standing.blocking else "failed" if telling else "not checked" if unchecked else "passed"
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name="quality",
        passed=state == "passed",
        severity=dg.AssetCheckSeverity.ERROR if standing.blocking else dg.AssetCheckSeverity.WARN,
        description=_SAID[state],
        metadata={
            "state": state,
            "expectations": len(results),
            "failed": len(failed),
            "not_checked": len(unchecked),
            **({"findings": dg.MetadataValue.md("\n".join(_findings(failed, unchecked)))} if failed or unchecked else {}),
        },
    )


_SAID = {
    "blocked": "有阻断项，标准库保留上次接受的数据 blocked: the rows last accepted stay",
    "failed": "有不符合项 some expectations failed",
    "not checked": "有未能检查的项 some expectations could not be checked",
    "passed": "符合 as promised",
}


def _severity(result: Mapping[str, Any]) -> str:
    return str(result["expectation_config"].get("meta", {}).get("severity", "warn"))


def _findings(failed: list[dict[str, Any]], unchecked: list[dict[str, Any]]) -> Iterator[str]:
    """Counts by field and rule; the sample values that a result holds stay in the lake."""
    yield "| 字段 field | 规则 rule | 程度 severity | 不符 unexpected | 共 of |"
    yield "|---|---|---|---:|---:|"
    for result in failed + unchecked:
        meta = result["expectation_config"].get("meta", {})
        where = result["expectation_config"]["kwargs"].get("column", "")
        said = result["result"]
        counts = (
            "? | ?"
            if result in unchecked
            else f"{said.get('unexpected_count', said.get('observed_value', ''))} | {said.get('element_count', '')}"
        )
        yield f"| {meta.get('field') or where} | {meta.get('rule', '')} | {_severity(result)} | {counts} |"


def failure(about: str, errors: Mapping[str, HubError], *, again: bool) -> dg.Failure:
    """A run that ends red: what went wrong, whose move it is. Tried again only when all of it is transient."""
    told = {name: f"{e} ▸ {e.whose_zh} | {e.en} ▸ {e.whose_en}" for name, e in errors.items()}
    transient = all(e.transient for e in errors.values())
    kinds = "、".join(sorted({type(e).__name__ for e in errors.values()}))
    return dg.Failure(f"{about}: {kinds}", metadata=told, allow_retries=transient and again)


def unforeseen(about: str, error: Exception) -> dg.Failure:
    """A fault of ours. Its text may hold a person's data, so only its class is shown here; the service's log has the rest."""
    return dg.Failure(f"{about}: {type(error).__name__}", metadata={"next": "查看服务日志 see the log of the service"}, allow_retries=False)
