"""A far side made of plain rows, for tests of what happens after the pull."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

import pyarrow as pa

from schemas.city import City, Settings
from schemas.pull import REJECTS, Batch, Pull
from schemas.records import Record
from schemas.registration import Department, System
from warehouse import landing, made, normalise, staging
from warehouse.lake import Lake

PERSON = Record.model_validate(
    {
        "name": "person",
        "title": "人员",
        "identity": ["id_number"],
        "fields": {
            "id_number": {"title": "公民身份号码", "type": "id_number", "mask": "id_number", "share": "masked", "level": 3},
            "name": {"title": "姓名", "mask": "name", "share": "masked", "level": 3},
            "sex": {"title": "性别", "type": "code", "codes": "sex", "share": "plain"},
            "born": {"title": "出生日期", "type": "date"},
            "income": {"title": "收入", "type": "decimal", "share": "plain"},
        },
    }
)
CODES = {"sex": {"0": "未知", "1": "男", "2": "女", "9": "未说明"}}
LISTED = {"key": ["NO"], "table": "T"}


def id_number(n: int) -> str:
    """An invented number with a valid check character and a region that does not exist."""
    first = f"99999919800101{n % 1000:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return first + "10X98765432"[sum(int(d) * w for d, w in zip(first, weights, strict=True)) % 11]


def system(path: str = "civil_affairs/assistance", read: Mapping[str, object] = LISTED, **more: object) -> System:
    return System.model_validate(
        {
            "path": path,
            "title": "救助",
            "connector": "files" if "files" in read else "database",
            "datasets": {
                "person": {
                    "title": "人员",
                    "record": "person",
                    "read": dict(read),
                    "fields": {"id_number": "SFZH", "name": "XM", "sex": "XB", "born": "CSRQ", "income": "SR"},
                    "codes": {"sex": {"1": "1", "2": "2"}},
                    "sample": [{"given": {"SFZH": id_number(1)}, "expect": {"id_number": id_number(1)}}],
                    **more,
                }
            },
        }
    )


def city(*systems: System) -> City:
    return City(
        Settings(title="某市", division="999999"),
        {"civil_affairs": Department(name="civil_affairs", title="民政局")},
        {s.path: s for s in systems},
        {"person": PERSON},
        CODES,
        {},
    )


def row(n: int, **changed: object) -> dict[str, object]:
    return {"NO": str(n), "SFZH": id_number(n), "XM": f"张{n}", "XB": "1", "CSRQ": "1980-01-01", "SR": "100.00", **changed}


def pull_of(
    rows: Iterable[Mapping[str, object]], *, whole: Iterable[str] = ("",), cursor: dict | None = None, rejects: list | None = None
) -> Pull:
    """Rows of one slice (or of the slice each names under `_slice`)."""
    rows = [dict(r) for r in rows]
    slices = sorted({str(r.pop("_slice", "")) for r in [dict(r) for r in rows]}) or [""]
    schema = pa.schema([(c, pa.string()) for c in ([k for k in (rows[0] if rows else row(0)) if k != "_slice"])])

    def batches():
        for s in slices:
            mine = [{k: v for k, v in r.items() if k != "_slice"} for r in rows if str(r.get("_slice", "")) == s]
            yield Batch(pa.RecordBatch.from_pylist(mine, schema=schema), s)
        if rejects:
            yield Batch(
                None,
                rejects[0][0],
                pa.RecordBatch.from_pylist([{"position": p, "reason": r, "raw": b} for _, p, r, b in rejects], schema=REJECTS),
            )

    return Pull(schema, batches(), cursor, frozenset(whole))


def land(lake: Lake, of: System, pull: Pull, dataset: str = "person", *, complete: bool = True) -> landing.Changes:
    run = uuid.uuid4().hex
    name = of.table(dataset)
    before = landing.landed(lake, name)
    with lake.stage(run) as folder:
        key, there = of.datasets[dataset].reading.key, lake.columns("landing", name)
        told = landing.numbers(lake, name, key, there)
        incoming = staging.stage(pull, key, folder / "in.parquet", number=before.number + 1, run=run, landed=there, numbers=told)
        changes = landing.prepare(
            lake, of.datasets[dataset], name, incoming, before, landing.definition(of, of.datasets[dataset]), folder, complete=complete
        )
        if not changes.empty or changes.cursor != before.cursor:
            landing.land(lake, run, [changes], message="test")
    return changes


def accept(lake: Lake, where: City, of: System, dataset: str = "person", *, blocked: bool = False) -> normalise.Candidate:
    run = uuid.uuid4().hex
    name = of.table(dataset)
    before = made.newest(lake, "standard").get(name, made.Made())
    with lake.stage(run) as folder:
        candidate = normalise.build(lake, where, of, dataset, before, made.landing_states(lake)[name], folder)
        with lake.writing("accept", run=run) as tx:
            normalise.accept(tx, candidate, run, blocked=blocked)
    return candidate


def rows_of(lake: Lake, table: str, columns: str = "*", where: str = "true") -> list[tuple]:
    return lake.cursor().execute(f"SELECT {columns} FROM {table} WHERE {where} ORDER BY ALL").fetchall()
