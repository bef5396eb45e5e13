"""A small city whose shared record has a column of every type, for tests of what leaves it."""

import datetime as dt
import uuid
from decimal import Decimal

import pyarrow as pa

from schemas.city import City, Settings
from schemas.records import SQL_TYPES, Record
from schemas.registration import Department, System
from warehouse import made, shared
from warehouse.lake import Lake
from warehouse.sql import quoted

FIELDS = {
    "id_number": {"title": "公民身份号码", "type": "id_number", "share": "masked", "mask": "id_number"},
    "name": {"title": "姓名", "share": "masked", "mask": "name"},
    "phone": {"title": "联系电话", "type": "phone", "mask": "phone"},
    "secret_note": {"title": "内部备注"},
    "sex": {"title": "性别", "type": "code", "codes": "sex", "share": "plain"},
    "born": {"title": "出生日期", "type": "date", "share": "plain"},
    "seen_at": {"title": "更新时间", "type": "datetime", "share": "plain"},
    "amount": {"title": "金额", "type": "decimal", "share": "plain"},
    "members": {"title": "人口数", "type": "integer", "share": "plain"},
    "alive": {"title": "健在", "type": "boolean", "share": "plain"},
    "remark": {"title": "说明", "share": "plain"},
}
ALLOWANCE, PENSION = "civil_affairs_assistance__person", "human_resources_pension__person"
CODE = "306012/000001"


def record(**changed):
    return Record.model_validate({"name": "person", "title": "人员", "identity": ["id_number"], "fields": {**FIELDS, **changed}})


def system(path, code, **resource):
    return System.model_validate(
        {
            "path": path, "title": path.split("/")[1] + "系统", "connector": "database",
            "datasets": {
                "person": {
                    "title": f"{path.split('/')[0]}人员", "record": "person", "read": {"table": "T", "key": ["ID"]},
                    "resource": {"code": code, "share": "conditional", "condition": "限依法履职需要", **resource},
                    "fields": {"id_number": "ID"}, "sample": [{"given": {"ID": "1"}, "expect": {"id_number": "1"}}],
                }
            },
        }
    )  # fmt: skip


def city(of=None, *, profile=None, systems=None):
    systems = systems or [system("civil_affairs/assistance", CODE), system("human_resources/pension", "306009/000007")]
    return City(
        Settings(title="某市", division="999999", profile=profile or {}),
        {
            "civil_affairs": Department(name="civil_affairs", title="民政局", uscc="11999999MB0000001X"),
            "human_resources": Department(name="human_resources", title="人社局"),
        },
        {s.path: s for s in systems},
        {"person": of or record()},
        {"sex": {"1": "男", "2": "女"}},
        {},
    )


def row(n, **changed):
    return {
        "id_number": f"99999919900101{n:03d}X", "name": f"张某{n}", "phone": f"1990000{n:04d}", "secret_note": f"unshared {n}",
        "sex": "1" if n % 2 else "2", "born": dt.date(1990, 1, 1) + dt.timedelta(days=n),
        "seen_at": dt.datetime(2026, 11, 25, 10, 0, n % 60, 1000 * (n % 3)), "amount": Decimal(n * 125) / 100,
        "members": n, "alive": n % 3 == 0 if n % 5 else None, "remark": None if n % 4 == 0 else f'第{n}项，"引号"\n换行\\N',
        **changed,
    }  # fmt: skip


def share(lake: Lake, where: City, agreed=frozenset(), **tables):
    """Make these the accepted rows of each dataset table, and publish."""
    run = uuid.uuid4().hex
    fields = where.records["person"].fields
    kinds = {"_key": "VARCHAR", **{f: SQL_TYPES[s.type] for f, s in fields.items()}, "_number": "BIGINT"}
    with lake.writing("accept", run=run) as tx:
        for name, rows in tables.items():
            rows = list(rows)
            target = f"standard.{quoted(name)}"
            tx.execute(f"CREATE OR REPLACE TABLE {target} ({', '.join(f'{quoted(c)} {k}' for c, k in kinds.items())})")
            if rows:
                plain = [{**{f: r.get(f) for f in fields}, "_key": r["id_number"], "_number": 1} for r in rows]
                tx.register("incoming", pa.Table.from_pylist(plain))
                tx.execute(f"INSERT INTO {target} BY NAME SELECT * FROM incoming")
            made.append(tx, "standard", name, run, made_from={name: 1}, definition="d", rows=len(rows), inserted=1)
    with lake.stage(run) as folder:
        prepared = shared.prepare_record(lake, where, "person", shared.due(lake, where, agreed)["person"], folder)
        with lake.writing("publish", run=run) as tx:
            shared.write(tx, prepared, run)
