"""MZJ-01 社会救助信息系统: subsistence allowance, destitute support, temporary relief, household means checks.

    City  ->  four CSV files a month, GB18030, whole; the first comes in two parts

Amounts are texts with commas, the number of a cancelled family is given to another one, and a few rows are broken:
bytes that are no GB 18030, a column too many.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from demo.changes import timed, without
from demo.city import InventedCity
from demo.deaths import ages, registered
from demo.dirt import days_before, patched, picked, replaced, said, shuffled, some, stacked
from demo.expected_b import PLANTED
from demo.numbers import broken, numbered

FILES = {"allowance": ["DB_1.csv", "DB_2.csv"], "destitute": ["TK.csv"], "relief": ["LSJZ.csv"], "means_check": ["HD.csv"]}
BROKEN = "省略"  # stands where the export wrote bytes that are no GB 18030
UNDECODABLE = b"\xff\xfe"
EXPORTED = "%Y/%m/%d %H:%M:%S"


def tables(city: InventedCity) -> dict[str, pa.Table]:
    """Texts, as the files hold them."""
    allowance = _allowances(city)
    return {
        "allowance": allowance,
        "destitute": _destitute(city),
        "relief": _relief(city),
        "means_check": _means_checks(city, allowance),
    }


def files(now: dict[str, pa.Table]) -> dict[str, bytes]:
    """The export of the month: file name -> bytes."""
    made: dict[str, bytes] = {}
    for name, table in now.items():
        parts = FILES[name]
        size = -(-table.num_rows // len(parts))
        for place, part in enumerate(parts):
            made[part] = _gb18030(table.slice(place * size, size))
    made["DB_1.csv"] = _ragged(made["DB_1.csv"], PLANTED["civil_affairs/assistance/allowance"]["ragged"])
    return made


def tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> dict[str, pa.Table]:
    """The n-th tick: a corrected export with five rows gone, six amounts changed, four families new on the list."""
    rng = city.rng(f"civil_affairs/assistance/tick {n}")
    table = before["allowance"]
    plain = np.flatnonzero(pc.not_equal(table["BZ"], BROKEN).to_numpy() & _single(table))
    rows = rng.choice(plain, 11, replace=False)
    changed = patched(table, np.sort(rows[5:]), BZJE="1,260.00")
    known = pc.is_in(city.residents["id_number"], pc.utf8_trim_whitespace(table["SFZH"]).combine_chunks())
    free = np.flatnonzero(pc.invert(known).to_numpy() & (ages(city) > 30))
    new = _member_rows(rng, city, rng.choice(free, 4, replace=False), numbered("XCT", n * 10 + np.arange(4), 6))
    return before | {"allowance": stacked(without(changed, np.sort(rows[:5])), new.cast(table.schema))}


def _single(table: pa.Table) -> Any:
    codes = table["SFZH"].combine_chunks().dictionary_encode().indices.to_numpy()
    return np.bincount(codes)[codes] == 1


def _gb18030(table: pa.Table) -> bytes:
    """As the vendor's export writes it: quotes around every text, CR LF; bytes that were lost on the way."""
    out = io.BytesIO()
    csv.write_csv(table, out, csv.WriteOptions(include_header=True, quoting_style="needed"))
    text = out.getvalue().decode("utf-8").replace("\n", "\r\n").encode("gb18030")
    return text.replace(BROKEN.encode("gb18030"), UNDECODABLE)


def _ragged(content: bytes, rows: int) -> bytes:
    """One column too many in the first rows."""
    lines = content.split(b"\r\n", rows + 1)
    return b"\r\n".join([lines[0], *(line + b',"x"' for line in lines[1 : rows + 1]), *lines[rows + 1 :]])


def _allowances(city: InventedCity) -> pa.Table:
    """Members of the families that get the allowance: about three of a hundred residents."""
    rng = city.rng("civil_affairs/assistance/allowance")
    plan = PLANTED["civil_affairs/assistance/allowance"]
    dead = np.zeros(city.residents.num_rows, dtype=bool)
    dead[registered(city)["resident"].to_numpy()] = True
    homes = city.residents["household_no"].combine_chunks().dictionary_encode().indices.to_numpy()
    poor = rng.random(int(homes.max()) + 1) < 0.03
    poor[homes[_rarely_named(city)]] = True
    who = np.flatnonzero(poor[homes] & ~dead)
    family = numbered("XC", np.unique(homes[who], return_inverse=True)[1] + 1, 7)
    table = _member_rows(rng, city, who, family)
    sizes = [plan[d] for d in ("bad_check_digit", "bad_bytes", "no_amount", "identical", "reused")]
    wrong, lost, unset, twice, source = np.split(rng.choice(len(who), sum(sizes), replace=False), np.cumsum(sizes)[:-1])
    ids = table["SFZH"].combine_chunks()
    table = patched(table, wrong, SFZH=broken(ids, wrong).take(pa.array(wrong)))
    table = patched(patched(table, lost, BZ=BROKEN), unset, BZJE="待核定")
    made = shuffled(rng, stacked(table, table.take(pa.array(twice)), _cancelled(rng, city, table, who, source)))
    return _broken_first(made, plan["ragged"])


def _rarely_named(city: InventedCity) -> Any:
    """A few people whose names GBK cannot write, so that a city of every size has such a family on the list."""
    names = city.residents["name"].to_pylist()
    return [row for row, name in enumerate(names) if max(name) > "\uffff"][:4]


def _broken_first(table: pa.Table, rows: int) -> pa.Table:
    """Rows that will be ragged stand first; they are additional, so that no family is lost with them."""
    first = replaced(table.slice(0, rows), JTBH=numbered("XCR", np.arange(rows), 6), TZNY=pa.nulls(rows, pa.string()))
    return stacked(first, table)


def _cancelled(rng: np.random.Generator, city: InventedCity, table: pa.Table, who: Any, rows: Any) -> pa.Table:
    """Families cancelled years ago whose number another family has now."""
    others = np.setdiff1d(np.flatnonzero(ages(city) > 40), who)
    old = _member_rows(rng, city, rng.choice(others, len(rows), replace=False), table["JTBH"].take(pa.array(rows)))
    return replaced(old, KSNY="2016.04", TZNY="2019.12", GXSJ="2019/12/28 10:00:00")


def _member_rows(rng: np.random.Generator, city: InventedCity, who: Any, family: Any) -> pa.Table:
    person = city.residents.take(pa.array(who))
    rows = person.num_rows
    return pa.table(
        {
            "XM": person["name"],
            "ZJLX": pa.repeat(pa.scalar("111"), rows),
            "SFZH": person["id_number"],
            "XB": pc.if_else(pc.equal(person["sex"], "1"), "男", "女"),
            "MZ": person["ethnicity"],
            "CSRQ": said(person["birth_date"], "%Y.%m.%d"),
            "LXDH": person["phone"],
            "JTBH": family,
            "YHZGX": person["relation"],
            "BZLX": picked(rng, ["城市低保", "农村低保"], rows, [0.3, 0.7]),
            "BZJE": picked(rng, ["320.00", "415.50", "1,080.00元", "1,260.00", "560"], rows),
            "KSNY": said(pa.array(days_before(rng, city.today, rows, 2200, 120)), "%Y.%m"),
            "TZNY": pa.nulls(rows, pa.string()),
            "YHKH": pc.binary_join_element_wise("9999 0099 99", numbered("", np.asarray(who) % 100, 2), numbered("", who, 8), " "),
            "CWDM": person["village_code"],
            "XZDM": person["town_code"],
            "BZ": pa.repeat(pa.scalar("正常"), rows),
            "GXSJ": said(timed(rng, city, rows), EXPORTED),
        }
    ).combine_chunks()


def _destitute(city: InventedCity) -> pa.Table:
    rng = city.rng("civil_affairs/assistance/destitute")
    old = np.flatnonzero(ages(city) > 60)
    who = some(rng, len(old), 30 + round(2_500 * city.scale))
    person = city.residents.take(pa.array(old[who]))
    rows = person.num_rows
    return pa.table(
        {
            "XM": person["name"],
            "SFZH": person["id_number"],
            "XB": pc.if_else(pc.equal(person["sex"], "1"), "男", "女"),
            "GYFS": picked(rng, ["集中", "分散"], rows, [0.3, 0.7]),
            "ZLNL": picked(rng, ["全自理", "半护理", "全护理"], rows, [0.7, 0.2, 0.1]),
            "BZJE": picked(rng, ["780.00", "1,020.00", "1,460.00"], rows),
            "CWDM": person["village_code"],
            "GXSJ": said(timed(rng, city, rows), EXPORTED),
        }
    ).combine_chunks()


def _relief(city: InventedCity) -> pa.Table:
    rng = city.rng("civil_affairs/assistance/relief")
    rows = 40 + round(3_000 * city.scale)
    person = city.residents.take(pa.array(rng.integers(0, city.residents.num_rows, rows)))
    day = pa.array(days_before(rng, city.today, rows, 700, 5))
    return pa.table(
        {
            "JZBH": numbered("LS", np.arange(rows) + 1, 8),
            "XM": person["name"],
            "SFZH": person["id_number"],
            "YY": picked(rng, ["疾病", "火灾", "交通事故", "就学"], rows),
            "JE": picked(rng, ["1,000.00", "2,500.00", "800"], rows),
            "PZRQ": said(day, "%Y.%m.%d"),
            "GXSJ": said(day, EXPORTED),
        }
    ).combine_chunks()


def _means_checks(city: InventedCity, allowance: pa.Table) -> pa.Table:
    rng = city.rng("civil_affairs/assistance/means_check")
    families = pc.unique(allowance["JTBH"])
    rows = len(families)
    day = pa.array(days_before(rng, city.today, rows, 360, 5))
    return pa.table(
        {
            "HDBH": numbered("HD", np.arange(rows) + 1, 8),
            "JTBH": families,
            "HDRQ": said(day, "%Y.%m.%d"),
            "HDJG": picked(rng, ["符合", "疑似不符"], rows, [0.96, 0.04]),
            "YSX": picked(rng, [None, "车辆", "工商登记"], rows, [0.96, 0.02, 0.02]),
            "GXSJ": said(day, EXPORTED),
        }
    ).combine_chunks()
