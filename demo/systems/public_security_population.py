"""GAJ-01 人口信息管理系统: residents, households, moves, deaths.

    City  ->  four front-end tables with OP_FLAG and OP_TIME behind a one-way gate (Oracle in the original)

The police database is GBK. Characters it lacks are home-made ones there and arrive as private-use characters; the
front-end database itself speaks UTF-8.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.changes import Rows
from demo.city import InventedCity
from demo.deaths import ages, mistaken, registered
from demo.dirt import days_before, emptied, patched, picked, replaced, said, shuffled, some, stacked
from demo.expected_b import PLANTED
from demo.front_end import MarkNames, with_more
from demo.numbers import broken, numbered
from demo.people import persons

MARKS = MarkNames("OP_FLAG", "OP_TIME")
HOME_MADE = {"𠮷": "\ue863", "𬱖": "\ue864", "㛃": "\ue865", "䶮": "\ue866", "𣲗": "\ue867", "𫖯": "\ue868"}  # not in GBK
RELATIONS = {"0": "02", "1": "10", "2": "20", "3": "30", "5": "51", "8": "97"}


def tables(city: InventedCity) -> dict[str, pa.Table]:
    return {"resident": _residents(city), "household": _households(city), "move": _moves(city), "death": _deaths(city)}


def tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> dict[str, pa.Table]:
    """The n-th tick: six newborns (one entered late), eight new phones, three people gone, two deaths."""
    return before | {"resident": _residents_tick(city, before["resident"], n), "death": _deaths_tick(city, before, n)}


def home_made(names: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The names as a GBK system with private characters keeps them."""
    for character, stand_in in HOME_MADE.items():
        names = pc.replace_substring(names, character, stand_in)
    return names


def _person_rows(rng: np.random.Generator, person: pa.Table, age: np.ndarray) -> pa.Table:
    rows = person.num_rows
    grown = age >= 22
    marital = np.where(grown, np.where(rng.random(rows) < 0.82, "20", np.where(rng.random(rows) < 0.5, "10", "30")), "10")
    schooling = np.array(["10", "20", "30", "40", "60", "70", "80", "90"], dtype=object)
    return pa.table(
        {
            "GMSFHM": person["id_number"],
            "XM": home_made(person["name"]),
            "CYM": pc.if_else(pa.array(rng.random(rows) < 0.02), "小名", pa.scalar(None, pa.string())),
            "XB": person["sex"],
            "MZ": person["ethnicity"],
            "CSRQ": said(person["birth_date"], "%Y%m%d"),
            "LXDH": pc.if_else(pa.array(rng.random(rows) < 0.7), person["phone"], pa.scalar(None, pa.string())),
            "HH": person["household_no"],
            "YHZGX": _relation(person["relation"]),
            "HYZK": pa.array(marital.astype(object), pa.string()),
            "WHCD": pa.array(schooling[rng.choice(8, rows, p=[0.01, 0.07, 0.09, 0.06, 0.12, 0.40, 0.20, 0.05])], pa.string()),
            "CSD": pa.repeat(pa.scalar("河南省项城市"), rows),
            "JG": pa.repeat(pa.scalar("河南省项城市"), rows),
            "HJDZ": pc.binary_join_element_wise("项城市", person["address"], ""),
            "XZQH": person["village_code"],
            "SSXZ": person["town_code"],
            "RYZT": pa.repeat(pa.scalar("0"), rows),
        }
    ).combine_chunks()


def _relation(codes: pa.ChunkedArray) -> pa.Array:
    """One digit of GB/T 4761 as the two digits the police use."""
    known = pa.array(list(RELATIONS))
    return pa.array(list(RELATIONS.values())).take(pc.index_in(codes, known).combine_chunks())


def _residents(city: InventedCity) -> pa.Table:
    rng = city.rng("public_security/population/resident")
    plan = PLANTED["public_security/population/resident"]
    table = _person_rows(rng, city.residents, ages(city))
    dead = registered(city)["resident"].to_numpy()
    table = MARKS.on(rng, city, patched(table, dead, RYZT="1"))
    alive = np.setdiff1d(np.arange(table.num_rows), dead)
    sizes = [plan[d] for d in ("bad_check_digit", "lower_case", "unknown_code", "zero_date", "deleted")]
    wrong, small, odd, zero, gone = np.split(rng.choice(alive, sum(sizes), replace=False), np.cumsum(sizes)[:-1])
    ids = table["GMSFHM"].combine_chunks()
    table = patched(table, wrong, GMSFHM=broken(ids, wrong).take(pa.array(wrong)))
    table = patched(table, small, GMSFHM=pc.binary_join_element_wise(pc.utf8_lower(ids.take(pa.array(small))), " ", ""))
    table = patched(patched(table, odd, MZ="66"), zero, CSRQ="00000000")
    marked = np.concatenate([wrong, small, odd, zero, gone])
    plain = np.setdiff1d(alive, marked)
    old = plain[some(rng, len(plain), plan["older"])]
    twice = np.setdiff1d(plain, old)[: plan["identical"]]
    return shuffled(
        rng,
        stacked(
            patched(table, old, OP_FLAG="U"),
            MARKS.earlier(rng, table, old, LXDH=None),
            MARKS.went(rng, city, table.take(pa.array(gone)), ("GMSFHM",)),
            table.take(pa.array(twice)),
        ),
    )


def _households(city: InventedCity) -> pa.Table:
    rng = city.rng("public_security/population/household")
    head = city.residents.filter(pc.equal(city.residents["relation"], "0")).combine_chunks()
    table = pa.table(
        {
            "HH": head["household_no"],
            "HZSFZ": head["id_number"],
            "HLX": picked(rng, ["1", "2"], head.num_rows, [0.93, 0.07]),
            "HJDZ": pc.binary_join_element_wise("项城市", head["address"], ""),
            "XZQH": head["village_code"],
        }
    )
    return shuffled(rng, MARKS.on(rng, city, table))


def _moves(city: InventedCity) -> pa.Table:
    rng = city.rng("public_security/population/move")
    rows = 40 + round(12_000 * city.scale)
    person = city.residents.take(pa.array(rng.integers(0, city.residents.num_rows, rows)))
    table = pa.table(
        {
            "BDBH": numbered("BD", np.arange(rows) + 1, 8),
            "GMSFHM": person["id_number"],
            "BDLX": picked(rng, ["11", "12", "21"], rows, [0.4, 0.3, 0.3]),
            "YZZ": person["address"],
            "XZZ": pc.binary_join_element_wise("项城市", person["address"], ""),
            "BDRQ": said(pa.array(days_before(rng, city.today, rows, 900, 1)), "%Y%m%d"),
        }
    )
    return shuffled(rng, MARKS.on(rng, city, table))


def _death_rows(city: InventedCity, rows: Rows, died: pa.Array, cancelled: pa.Array, reason: pa.Array) -> pa.Table:
    person = city.residents.take(pa.array(rows))
    columns = {
        "GMSFHM": person["id_number"],
        "XM": home_made(person["name"]),
        "SWRQ": said(died, "%Y%m%d"),
        "ZXRQ": said(cancelled, "%Y%m%d"),
        "ZXYY": reason,
        "XZQH": person["village_code"],
    }
    return pa.table(columns).combine_chunks()


def _deaths(city: InventedCity) -> pa.Table:
    rng = city.rng("public_security/population/death")
    plan = PLANTED["public_security/population/death"]
    dead = registered(city)
    rows = dead["resident"].to_numpy()
    reasons = picked(rng, ["1", "2"], len(rows), [0.98, 0.02])  # died; declared dead
    table = MARKS.on(rng, city, _death_rows(city, rows, dead["death_date"], dead["cancel_date"], reasons))
    errors = mistaken(city)
    day = pa.array(days_before(rng, city.today, len(errors), 200, 150))
    wrong = MARKS.on(rng, city, _death_rows(city, errors, day, day, pa.repeat(pa.scalar("1"), len(errors))))
    copies = table.take(pa.array(some(rng, len(rows), plan["identical"])))
    return shuffled(rng, stacked(table, wrong, MARKS.went(rng, city, wrong, ("GMSFHM",)), copies))


def _residents_tick(city: InventedCity, table: pa.Table, n: int) -> pa.Table:
    rng = city.rng(f"public_security/population/resident/tick {n}")
    now = MARKS.newest(table, "GMSFHM")
    living = now.filter(pc.equal(now["RYZT"], "0"))
    chosen = living.take(pa.array(some(rng, living.num_rows, 11)))
    called = patched(chosen.slice(0, 8), np.arange(8), LXDH=numbered("1990088", rng.integers(0, 9999, 8), 4))
    gone = emptied(chosen.slice(8, 3), ("GMSFHM", *MARKS.names))
    born = _newborns(city, rng, n)
    ids = city.residents["id_number"].take(pa.array(_dying(city, n)))
    dead = replaced(now.filter(pc.is_in(now["GMSFHM"], ids.combine_chunks())), RYZT="1")
    return with_more(
        table,
        MARKS.ticked(city, n, _person_rows(rng, born, np.zeros(born.num_rows)), "I", late=1),
        MARKS.ticked(city, n, called, "U"),
        MARKS.ticked(city, n, gone, "D"),
        MARKS.ticked(city, n, dead, "U"),
    )


def _newborns(city: InventedCity, rng: np.random.Generator, n: int) -> pa.Table:
    born = np.datetime64(city.today, "D") - np.arange(2, 8).astype("timedelta64[D]")
    where = rng.integers(0, city.villages.num_rows, len(born))
    return persons(rng, city.villages, where, born, first_sequence=500 + n % 200 * 2, first_number=9_000_000 + n * 10)


def _dying(city: InventedCity, n: int) -> Rows:
    """Two living residents over 90 or, in a small city, over 80, who die at the n-th tick."""
    age = ages(city)
    age[registered(city)["resident"].to_numpy()] = 0
    old = np.setdiff1d(np.flatnonzero(age > 80), mistaken(city))
    return old[np.argsort(-age[old], kind="stable")][(n - 1) * 2 % max(len(old) - 1, 1) :][:2]


def _deaths_tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> pa.Table:
    rows = _dying(city, n)
    day = pa.array(np.full(len(rows), np.datetime64(city.today, "D")))
    made = _death_rows(city, rows, day, day, pa.repeat(pa.scalar("1"), len(rows)))
    return with_more(before["death"], MARKS.ticked(city, n, made, "I"))
