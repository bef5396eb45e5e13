"""A small lake with shared rows of invented people, as the editions' and queries' tests need it."""

from schemas.city import City, Settings
from schemas.records import Derived, Record
from schemas.registration import Department, System
from warehouse import made
from warehouse.lake import Lake

NUMBERS = [f"999999{1950 + n % 60}{n % 12 + 1:02}{n % 28 + 1:02}{n:03}X" for n in range(200)]
PHONES = [f"1990000{n:04}" for n in range(200)]

RESIDENT = Record.model_validate(
    {
        "name": "resident",
        "title": "人口",
        "identity": ["id_number"],
        "fields": {
            "id_number": {"title": "公民身份号码", "type": "id_number", "required": True, "level": 3, "mask": "id_number"},
            "name": {"title": "姓名", "level": 3, "mask": "name"},
            "sex": {"title": "性别", "type": "code", "codes": "sex"},
            "birth_date": {"title": "出生日期", "type": "date", "level": 3, "mask": "birth_date"},
            "phone": {"title": "联系电话", "type": "phone", "level": 3},  # no mask given: masked by its type
            "fingerprint": {"title": "指纹", "level": 4},
            "living_address": {"title": "现住址", "level": 3, "mask": "address"},
            "income": {"title": "收入", "type": "decimal"},
            "home": {"title": "现住址", "level": 2},  # a title that another field has too
        },
    }
)
PARTY = Record.model_validate(
    {
        "name": "dispute_party",
        "title": "纠纷当事人",
        "identity": ["party_no"],
        "fields": {
            "party_no": {"title": "当事人编号", "required": True},
            "id_number": {"title": "公民身份号码", "type": "id_number", "level": 3, "mask": "id_number"},
        },
    }
)
FIGURES = Derived.model_validate(
    {
        "name": "city_figures",
        "title": "城市数字",
        "key": ["figure"],
        "uses": ["resident"],
        "columns": {"figure": {"title": "指标"}, "value": {"title": "数值", "type": "integer"}},
    }
)


def small_city(**records: Record) -> City:
    system = System.model_validate(
        {
            "path": "police/population",
            "title": "人口系统",
            "connector": "database",
            "datasets": {
                "resident": {
                    "title": "常住人口",
                    "record": "resident",
                    "read": {"table": "T", "key": ["ID"]},
                    "fields": {"id_number": "ID"},
                    "sample": [{"given": {"ID": "x"}, "rejected": "id_number"}],
                }
            },
        }
    )
    return City(
        Settings(title="某市", division="999999"),
        {"police": Department(name="police", title="公安局")},
        {system.path: system},
        {"resident": RESIDENT, "dispute_party": PARTY, **records},
        {"sex": {"1": "男", "2": "女"}},
        {"city_figures": (FIGURES, "SELECT 1")},
    )


def filled_lake(home) -> Lake:
    lake = Lake(home)
    with lake.writing("test") as tx:
        tx.execute("""CREATE TABLE shared.resident (_id VARCHAR, id_number VARCHAR, name VARCHAR, sex VARCHAR, birth_date DATE,
            phone VARCHAR, fingerprint VARCHAR, living_address VARCHAR, income DECIMAL(18, 2), _source VARCHAR,
            _sources STRUCT("source" VARCHAR, "key" VARCHAR)[])""")
        tx.execute("CREATE TABLE shared.dispute_party (_id VARCHAR, party_no VARCHAR, id_number VARCHAR, _source VARCHAR)")
        tx.execute("CREATE TABLE shared.city_figures (_id VARCHAR, figure VARCHAR, value BIGINT)")
        tx.execute("INSERT INTO shared.city_figures VALUES ('grids_urban', 'grids_urban', 473)")
        tx.execute(
            """INSERT INTO shared.resident SELECT id, id, '张三丰', '1', make_date(substr(id, 7, 4)::INT, 1, 1), phone, 'WHORL-SECRET',
                '河南省项城市水寨镇东大街5号', 10.5, 'police_population__resident', [struct_pack("source" := 's', "key" := id)]
            FROM (SELECT unnest($1) AS id, unnest($2) AS phone)""",
            [NUMBERS, PHONES],
        )
        tx.execute(
            "INSERT INTO shared.dispute_party SELECT 'P' || n, 'P' || n, id, 's' FROM (SELECT unnest($1) AS id, unnest(range(50)) AS n)",
            [NUMBERS[:50]],
        )
        for station, name, rows in (("shared", "resident", 200), ("shared", "dispute_party", 50), ("derived", "city_figures", 1)):
            made.append(tx, station, name, "r", made_from={}, definition="d", rows=rows, inserted=rows)
        made.append(tx, "standard", "police_population__resident", "r", made_from={}, definition="d", rows=210, inserted=210)
    return lake


def add_resident(lake: Lake, number: str) -> None:
    with lake.writing("one more") as tx:
        tx.execute("INSERT INTO shared.resident (_id, id_number) VALUES ($1, $1)", [number])
        (rows,) = tx.execute("SELECT count(*) FROM shared.resident").fetchone()
        made.append(tx, "shared", "resident", "r", made_from={}, definition="d", rows=rows, inserted=1)
