"""Chapter 3: one invented person at every station, from the bytes of a GB18030 file to the province's receipt.

DB_*.csv -> landing -> standard -> shared -> edition, package -> province -> receipt
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from demo.page import Section
from demo.province import prepare
from demo.serve_files import drop
from demo.sides import sides
from demo.story_telling import Telling
from docking.resources import leaving
from schemas.said import Said
from warehouse.keys import key
from warehouse.sql import literal

if TYPE_CHECKING:
    from ledger.models import Delivery
    from orchestration.routes import Hub

SYSTEM, DATASET, RECORD = "civil_affairs/assistance", "allowance", "allowance"
TABLE = "civil_affairs_assistance__allowance"
RARE = r"[\x{10000}-\x{10FFFF}]"  # outside the basic plane: four bytes in GB 18030, not in GBK at all
UNUSUAL = r"[\x{3400}-\x{4DBF}堃犇喆翀]"  # not in GB 2312


@dataclass(frozen=True)
class Person:
    """The row at the stations inside the lake."""

    identity: str
    landed: dict[str, Any]
    standard: dict[str, Any]
    shared: dict[str, Any]


def one_person(telling: Telling, section: Section) -> None:
    person = _chosen(telling.hub)
    telling.person = person.shared["id_number"]
    sent = _sent(telling.hub, telling.home, person)
    section.say(
        "下面这个人是虚构的（行政区划代码 999999 不存在），所以可以不脱敏地展示；真实数据在这些命令里默认脱敏。",
        "This person is invented (no region has the code 999999), so the row may be shown in clear; real rows are masked by default.",
    )
    _bytes(telling, section, person)
    _stations(telling, section, person, sent)
    _receipt(telling, section, sent)
    section.run(f"hub why {RECORD}/{person.identity.replace(chr(31), '/')}")


def _chosen(hub: Hub) -> Person:
    """Somebody on the present list, if possible with a name GBK cannot write."""
    con = hub.lake.cursor()
    row = con.execute(f"""
        SELECT s._id, l._key
        FROM (SELECT _id, name, ended_on, unnest(_sources) AS source FROM shared.{RECORD}) s
        JOIN landing.{TABLE} l ON l._key = s.source.key
        JOIN standard.{TABLE} t USING (_key)
        WHERE s.source.source = '{TABLE}' AND s.ended_on IS NULL AND t.monthly_amount IS NOT NULL
        ORDER BY CASE WHEN regexp_matches(l.XM, '{RARE}') THEN 0 WHEN regexp_matches(l.XM, '{UNUSUAL}') THEN 1 ELSE 2 END, s._id
        LIMIT 1""").fetchone()
    assert row is not None, "no allowance is shared"

    def fetched(sql: str, value: str) -> dict[str, Any]:
        found = con.execute(sql, [value])
        return dict(zip([d[0] for d in found.description], found.fetchone() or (), strict=True))

    return Person(
        row[0],
        fetched(f"SELECT * FROM landing.{TABLE} WHERE _key = ?", row[1]),
        fetched(f"SELECT * FROM standard.{TABLE} WHERE _key = ?", row[1]),
        fetched(f"SELECT * FROM shared.{RECORD} WHERE _id = ?", row[0]),
    )


def _bytes(telling: Telling, section: Section, person: Person) -> None:
    """The line as it lies in the file, and the name byte by byte."""
    name, number = person.landed["XM"], person.landed["SFZH"]
    written = name.encode("gb18030")
    side = sides(telling.home)[SYSTEM]
    found = _line(drop(telling.home, side), written, str(number).encode())
    telling.promise(found is not None, "源文件里找到这一行", "the row is found in the source file")
    if found is None:
        return
    file, place, line = found
    section.say(
        f"源文件 {file} 第 {place} 行（GB18030）。姓名“{name}”共 {len(written)} 个字节：",
        f"Line {place} of the source file {file} (GB18030). The name {name} takes {len(written)} bytes:",
    )
    rows = [(c, f"U+{ord(c):04X}", c.encode("gb18030").hex(" ").upper(), _plane(c)) for c in name]
    section.show([Said("字", "character"), Said("码位", "code point"), Said("字节", "bytes"), Said("", "")], rows)
    text = line.decode("gb18030")
    section.say(f"整行：{text}", f"The whole line: {text}")


def _line(folder: Path, name: bytes, number: bytes) -> tuple[str, int, bytes] | None:
    for file in sorted(folder.glob("DB_*.csv")):
        for place, line in enumerate(file.read_bytes().split(b"\r\n"), 1):
            if name in line and number in line:
                return file.name, place, line
    return None


def _plane(character: str) -> Said:
    try:
        character.encode("gbk")
    except UnicodeEncodeError:
        return Said("GBK 写不出这个字", "GBK cannot write it")
    return Said("", "")


@dataclass(frozen=True)
class Sent:
    """What has left the building of this row."""

    delivery: Delivery  # the newest one with the row; the newest of all when that one's files have been cleared
    batch_row: dict[str, Any]  # empty then
    texts: tuple[str, ...]  # receipts, verbatim
    theirs: dict[str, Any]
    key: str


def _sent(hub: Hub, home: Path, person: Person) -> Sent | None:
    """The newest package that holds the row, the province's row, and what it answered."""
    resource = leaving(hub.city)[TABLE]
    secret = key(home, "platform")
    stands_for = _pseudonym(secret, person.identity)
    platform = prepare(home)
    try:
        theirs = next((r for r in platform.copy(resource.code) if r["row_key"] == stands_for), {})
    finally:
        platform.close()
    taken = hub.ledger.deliveries(resource=resource.code, status=("taken",))
    for delivery in taken:
        file = home / "packages" / delivery.platform / resource.slug / f"{delivery.sequence:06d}" / "rows.parquet"
        if not file.exists():
            continue
        rows = pq.read_table(file)
        mine = rows.filter(pc.equal(rows["row_key"], stands_for)).to_pylist()
        if mine:
            return Sent(delivery, mine[0], _texts(hub, delivery), theirs, stands_for)
    return Sent(taken[0], {}, _texts(hub, taken[0]), theirs, stands_for) if taken else None


def _texts(hub: Hub, delivery: Delivery) -> tuple[str, ...]:
    return tuple(r.text for r in hub.ledger.receipts(delivery.id))


def _pseudonym(secret: str, value: str) -> str:
    """As the warehouse makes it, made here once more by other means."""
    return hmac.new(bytes.fromhex(secret), value.encode(), "sha256").hexdigest()[:32]


FIELDS = ("name", "id_number", "monthly_amount", "started_on", "phone")


def _stations(telling: Telling, section: Section, person: Person, sent: Sent | None) -> None:
    mapping = telling.city.system(SYSTEM).datasets[DATASET].fields
    landed = {f: person.landed.get(mapping[f].source or "") for f in FIELDS}
    mine = _pseudonym(key(telling.home, "analyst"), person.identity)
    answer = telling.ask(f"SELECT * FROM shared.{RECORD} WHERE _id = {literal(mine)}")
    edition = dict(zip(answer.columns, answer.rows[0], strict=True)) if answer.rows else {}
    telling.promise(bool(edition), "分析版里找到这一行", "the row is found in the edition")
    title = telling.city.records[RECORD].fields
    heads = [Said("站", "station"), *(Said(title[f].title, f) for f in FIELDS), Said("标识", "known as")]
    rows = [
        _row(Said("归集库", "landing"), landed, _plain_key(person.landed["_key"])),
        _row(Said("标准库", "standard"), person.standard, _plain_key(person.standard["_key"])),
        _row(Said("共享库", "shared"), person.shared, _plain_key(person.identity)),
        _row(Said("分析版", "edition"), edition, Said(f"假名 {mine[:12]}…", f"pseudonym {mine[:12]}…")),
    ]
    if sent:
        number = sent.delivery.sequence
        if sent.batch_row:
            rows.append(
                _row(Said(f"数据包 {number}", f"package {number}"), sent.batch_row, f"{sent.batch_row['op_type']} {sent.key[:12]}…")
            )
        rows.append(_row(Said("省平台", "province"), sent.theirs, f"{sent.key[:12]}…"))
    section.show(heads, rows)
    section.say(
        "归集库原样保存对方给的写法；标准库转成日期、金额和代码；出楼的只有登记为可共享的列，并按登记脱敏，所以电话到此为止。",
        "Landing keeps what was sent as it was sent; standard has dates, amounts and codes; only columns declared as shared leave, masked as declared, so the telephone stays here.",
    )


def _row(station: Said, values: dict[str, Any], known: str | Said) -> tuple[object, ...]:
    return (station, *("—" if values.get(f) is None else str(values[f]) for f in FIELDS), known)


def _plain_key(text: str) -> str:
    """The parts of a key; the person's number has a column of its own."""
    return "/".join("…" if len(part) == 18 else part for part in text.split("\x1f"))


def _receipt(telling: Telling, section: Section, sent: Sent | None) -> None:
    kept = sent is not None and bool(sent.theirs) and bool(sent.texts)
    telling.promise(kept, "这一行在省平台副本里，并有回执", "the row is in the province's copy, and there is a receipt")
    if sent is None:
        return
    text = "；".join(sent.texts)
    if sent.batch_row:
        telling.promise(
            _leaving(sent.batch_row) == _leaving(sent.theirs),
            "省平台入库的行与数据包里的相同",
            "the row the province took equals the one in the package",
        )
        section.say(
            f"批次 {sent.delivery.batch} 的回执原文：“{text}”",
            f"The receipt of batch {sent.delivery.batch}, verbatim: “{text}”",
        )
    else:
        section.say(
            f"这一行当时所在的数据包已按保留数清理；该资源最近入库的批次 {sent.delivery.batch} 的回执原文：“{text}”",
            f"The files of the package this row went out with have been cleared since; the receipt of the newest batch taken, "
            f"{sent.delivery.batch}, verbatim: “{text}”",
        )


def _leaving(row: dict[str, Any]) -> dict[str, str]:
    """The shared columns as texts."""
    return {f: str(row[f]) for f in FIELDS if row.get(f) is not None}
