"""A small city on disk: two departments over SQLite files, one of them never there, and a hub home of its own."""

from __future__ import annotations

import sqlite3
import textwrap
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner, Result

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def id_number(n: int) -> str:
    """An invented number with a valid check character and a region that does not exist."""
    first = f"99999919800101{n % 1000:03d}"
    return first + "10X98765432"[sum(int(d) * w for d, w in zip(first, WEIGHTS, strict=True)) % 11]


RECORD = """
title: 人员
identity: [id_number]
fields:
  id_number: {title: 公民身份号码, type: id_number, required: true, level: 3, share: masked, mask: id_number}
  name: {title: 姓名, required: true, level: 3, share: masked, mask: name}
  sex: {title: 性别, type: code, codes: sex, share: plain}
  born: {title: 出生日期, type: date, level: 3, share: masked, mask: birth_date}
  income: {title: 月收入, type: decimal, share: plain}
rules:
  - {rule: unique, field: id_number, severity: block}
"""
REGISTRATION = """
# A small register of recipients.
title: 社会救助信息系统
connector: database
connection: {dialect: sqlite, file: nowhere.sqlite}
datasets:
  person:
    title: 救助对象
    record: person
    read: {table: T_PERSON, key: [BH]}
    fields: {id_number: SFZH, name: XM, sex: {from: XB, as: code}, born: CSRQ, income: SR}
    codes: {sex: {"男": "1", "女": "2"}}
    sample:
      - given: {BH: "1", SFZH: "NUMBER", XM: 张某, XB: 男, CSRQ: "1980-01-01", SR: "100"}
        expect: {id_number: "NUMBER", sex: "1", born: 1980-01-01, income: 100.00}
      - given: {BH: "2", SFZH: "123", XM: 李某, XB: 女, CSRQ: "19800101", SR: ""}
        rejected: id_number
  note:
    title: 备注
    raw: 只作查阅
    read: {table: T_NOTE, key: [ID]}
""".replace("NUMBER", id_number(1))
OTHER = """
title: 养老机构
connector: database
connection: {dialect: postgresql, host: 127.0.0.1, port: 1, database: none}
datasets:
  home:
    title: 机构
    raw: 只作查阅
    read: {table: T_HOME, key: [ID]}
"""
DERIVED = """
title: 救助指标
key: [figure]
uses: [person]
columns:
  figure: {title: 指标}
  value: {title: 数值, type: integer}
figures:
  recipients: {title: 救助人数, title_en: recipients, record: person, where: "income is not null"}
"""
DERIVED_SQL = "SELECT 'recipients' AS figure, count(*) AS value FROM shared.person WHERE income IS NOT NULL"


@dataclass
class SmallCity:
    """Where everything lies. `hub(...)` runs a command in this process with its environment set."""

    home: Path
    systems: Path
    schemas: Path
    source: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"HUB_HOME": str(self.home), "HUB_SYSTEMS": str(self.systems), "HUB_SCHEMAS": str(self.schemas), "HUB_LANGUAGE": "zh"}

    def hub(self, *words: str, env: dict[str, str] | None = None) -> Result:
        from hub.cli import app

        return CliRunner().invoke(app, list(words), env={**self.environment, "COLUMNS": "240", **(env or {})}, catch_exceptions=True)

    def write(self, path: str, text: str) -> Path:
        file = self.systems / f"{path}.yml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    def sql(self, *statements: str) -> None:
        con = sqlite3.connect(self.source)
        with con:
            for statement in statements:
                con.execute(statement)
        con.close()

    def people(self, numbers: range, **changed: str) -> None:
        con = sqlite3.connect(self.source)
        with con:
            for n in numbers:
                row = {"BH": str(n), "SFZH": id_number(n), "XM": f"张{n}丰", "XB": "男", "CSRQ": "1980-01-01", "SR": "100.00", **changed}
                con.execute("INSERT OR REPLACE INTO T_PERSON VALUES (:BH, :SFZH, :XM, :XB, :CSRQ, :SR)", row)
        con.close()


def build(folder: Path) -> SmallCity:
    city = SmallCity(folder / "home", folder / "systems", folder / "schemas", folder / "far_side.sqlite")
    city.home.mkdir(mode=0o700)
    for place in (city.systems, city.schemas / "records", city.schemas / "codes", city.schemas / "derived"):
        place.mkdir(parents=True)
    (city.systems / "_city.yml").write_text('title: 某市\ndivision: "999999"\n', "utf-8")
    city.write("civil_affairs/_department", "title: 民政局\n")
    city.write("civil_affairs/assistance", REGISTRATION)
    (city.schemas / "records" / "person.yml").write_text(RECORD, "utf-8")
    (city.schemas / "codes" / "sex.csv").write_text("code,title\n0,未知\n1,男\n2,女\n", "utf-8")
    (city.schemas / "derived" / "assistance_figures.yml").write_text(DERIVED, "utf-8")
    (city.schemas / "derived" / "assistance_figures.sql").write_text(DERIVED_SQL, "utf-8")
    connections = city.home / "connections.yml"
    connections.write_text(
        textwrap.dedent(f"""
            "civil_affairs/assistance": {{main: {{connector: database, dialect: sqlite, file: "{city.source}"}}}}
        """),
        "utf-8",
    )
    connections.chmod(0o600)
    city.sql(
        "CREATE TABLE T_PERSON (BH TEXT PRIMARY KEY, SFZH TEXT, XM TEXT, XB TEXT, CSRQ TEXT, SR TEXT)",
        "CREATE TABLE T_NOTE (ID INTEGER PRIMARY KEY, TEXT TEXT)",
        "INSERT INTO T_NOTE VALUES (1, '电话 19900001234'), (2, NULL)",
    )
    city.people(range(1, 21))
    return city
