"""SCJ-01 市场主体登记系统: entities, shareholders, changes, cancellations.

    City  ->  four front-end tables with OPERATEFLAG and OPERATETIME (Oracle in the original)

Sole traders share the table with companies. Entities registered before 2015 that never came back still carry their
15-digit registration number where the 18 characters of the USCC should be; some codes were typed with the letter O.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.changes import Rows
from demo.city import InventedCity
from demo.deaths import ages
from demo.dirt import days_before, emptied, patched, picked, replaced, said, shuffled, some, stacked
from demo.expected_b import PLANTED
from demo.front_end import MarkNames, with_more
from demo.numbers import numbered, usccs

MARKS = MarkNames("OPERATEFLAG", "OPERATETIME")
TRADES = ["商贸", "餐饮", "服装", "建材", "农资", "运输", "超市", "家电维修", "种植", "养殖"]
WORDS = ["兴华", "永盛", "福源", "沙颍", "莲溪", "天安", "恒达", "宏运", "同心", "春晖"]
KINDS = {"9500": 0.72, "1130": 0.18, "1213": 0.03, "9100": 0.07}  # sole trader, private limited, listed, farmers' cooperative


def tables(city: InventedCity) -> dict[str, pa.Table]:
    entity = _entities(city)
    sound = entity.filter(pc.and_(pc.equal(pc.utf8_length(entity["UNISCID"]), 18), pc.is_valid(entity["ENTNAME"])))
    return {
        "entity": entity,
        "shareholder": _shareholders(city, sound),
        "change": _changes(city, sound),
        "cancellation": _cancellations(city, sound),
    }


def tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> dict[str, pa.Table]:
    """The n-th tick: five new entities (one late), ten change their address, two are struck off the front end."""
    rng = city.rng(f"market_regulation/entities/tick {n}")
    table = before["entity"]
    now = MARKS.newest(table, "PRIPID")
    chosen = now.take(pa.array(some(rng, now.num_rows, 12)))
    moved = replaced(chosen.slice(0, 10), DOM=pc.binary_join_element_wise(chosen["DOM"].slice(0, 10), "（迁址）", ""))
    gone = emptied(chosen.slice(10, 2), ("PRIPID", *MARKS.names))
    new = _rows(city, rng, 40_000_000 + n * 100 + np.arange(5))
    ticked = (MARKS.ticked(city, n, new, "I", late=1), MARKS.ticked(city, n, moved, "U"), MARKS.ticked(city, n, gone, "D"))
    return before | {"entity": with_more(table, *ticked)}


def entities(city: InventedCity) -> int:
    """How many there are: about one for twelve residents."""
    return 120 + round(87_000 * city.scale)


def _rows(city: InventedCity, rng: np.random.Generator, serials: Rows) -> pa.Table:
    rows = len(serials)
    grown = np.flatnonzero(ages(city) > 20)
    owner = city.residents.take(pa.array(grown[rng.integers(0, len(grown), rows)]))
    kind = picked(rng, list(KINDS), rows, list(KINDS.values()))
    sole = pc.equal(kind, "9500")
    stem = pc.binary_join_element_wise(picked(rng, WORDS, rows), numbered("", serials % 100_000, 5), "")
    place = city.villages.take(pc.cast(owner["village"], pa.int64()))
    name = pc.if_else(
        sole,
        pc.binary_join_element_wise("项城市", place["town_name"], stem, picked(rng, TRADES, rows), "店", ""),
        pc.binary_join_element_wise("项城市", stem, picked(rng, TRADES, rows), "有限公司", ""),
    )
    founded = days_before(rng, city.today, rows, 7000, 3)
    return pa.table(
        {
            "PRIPID": numbered("4116810000", serials, 9),
            "UNISCID": pc.if_else(sole, usccs(serials, "92"), usccs(serials, "91")),
            "REGNO": numbered("4116816", serials % 100_000_000, 8),
            "ENTNAME": name,
            "LEREP": owner["name"],
            "ENTTYPE": kind,
            "REGCAP": pc.if_else(sole, pa.scalar("0"), picked(rng, ["10", "50.00", "100", "500.5", "1,000"], rows)),
            "REGCAPCUR": pa.repeat(pa.scalar("156"), rows),
            "ESTDATE": said(pa.array(founded), "%Y-%m-%d"),
            "OPTO": picked(rng, [None, "9999-12-31", "2045-12-31"], rows, [0.5, 0.3, 0.2]),
            "INDUSTRYCO": picked(rng, ["5219", "6210", "5231", "5175", "0111", "0311", "5430", "8122"], rows),
            "OPSCOPE": pa.repeat(pa.scalar("一般项目：食品销售；\n日用百货销售"), rows),
            "DOM": owner["address"],
            "VILLAGE": owner["village_code"],
            "TOWN": owner["town_code"],
            "REGORG": pa.repeat(pa.scalar("411681"), rows),
            "REGSTATE": picked(rng, ["1", "2", "3"], rows, [0.86, 0.04, 0.10]),
        }
    ).combine_chunks()


def _entities(city: InventedCity) -> pa.Table:
    rng = city.rng("market_regulation/entities/entity")
    plan = PLANTED["market_regulation/entities/entity"]
    table = MARKS.on(rng, city, _rows(city, rng, 1_000_000 + np.arange(entities(city))))
    sizes = [plan[d] for d in ("old_number", "letter_o", "zero_date", "deleted", "older", "identical")]
    old, typed, zero, gone, older, twice = np.split(rng.choice(table.num_rows, sum(sizes), replace=False), np.cumsum(sizes)[:-1])
    table = patched(table, old, UNISCID=table["REGNO"].take(pa.array(old)))
    wrong = pc.replace_substring(table["UNISCID"].take(pa.array(typed)), "0", "O", max_replacements=1)
    table = patched(patched(table, typed, UNISCID=wrong), zero, ESTDATE="0000-00-00")
    return shuffled(
        rng,
        stacked(
            patched(table, older, OPERATEFLAG="U"),
            MARKS.earlier(rng, table, older, LEREP="原负责人"),
            MARKS.went(rng, city, table.take(pa.array(gone)), ("PRIPID",)),
            table.take(pa.array(twice)),
        ),
    )


def _shareholders(city: InventedCity, entity: pa.Table) -> pa.Table:
    rng = city.rng("market_regulation/entities/shareholder")
    firms = entity.filter(pc.not_equal(entity["ENTTYPE"], "9500"))
    two = firms.take(pa.array(np.repeat(np.arange(firms.num_rows), 2)))
    person = city.residents.take(pa.array(rng.integers(0, city.residents.num_rows, two.num_rows)))
    share = np.round(rng.uniform(1, 300, two.num_rows), 2)
    table = pa.table(
        {
            "UNISCID": two["UNISCID"],
            "INV": pc.binary_join_element_wise(person["name"], numbered("", np.arange(two.num_rows) % 2 + 1, 1), ""),
            "CERNO": person["id_number"],
            "INVTYPE": pa.repeat(pa.scalar("20"), two.num_rows),
            "SUBCONAM": pc.cast(pa.array(share), pa.string()),
            "ACCONAM": pc.cast(pa.array(np.round(share / 2, 2)), pa.string()),
        }
    )
    return MARKS.on(rng, city, table.combine_chunks())


def _changes(city: InventedCity, entity: pa.Table) -> pa.Table:
    rng = city.rng("market_regulation/entities/change")
    rows = 30 + round(15_000 * city.scale)
    whose = entity.take(pa.array(rng.integers(0, entity.num_rows, rows)))
    table = pa.table(
        {
            "BGBH": numbered("BG", np.arange(rows) + 1, 9),
            "UNISCID": whose["UNISCID"],
            "ALTITEM": picked(rng, ["住所", "法定代表人", "经营范围", "注册资本"], rows),
            "ALTBE": whose["DOM"],
            "ALTAF": pc.binary_join_element_wise(whose["DOM"], "（新）", ""),
            "ALTDATE": said(pa.array(days_before(rng, city.today, rows, 900, 1)), "%Y-%m-%d"),
        }
    )
    return MARKS.on(rng, city, table.combine_chunks())


def _cancellations(city: InventedCity, entity: pa.Table) -> pa.Table:
    rng = city.rng("market_regulation/entities/cancellation")
    closed = entity.filter(pc.equal(entity["REGSTATE"], "3"))
    codes = pc.unique(closed["UNISCID"])
    rows = len(codes)
    table = pa.table(
        {
            "UNISCID": codes,
            "CANTYPE": picked(rng, ["1", "2"], rows, [0.9, 0.1]),
            "CANDATE": said(pa.array(days_before(rng, city.today, rows, 900, 1)), "%Y-%m-%d"),
            "CANREA": picked(rng, ["决议解散", "自主歇业", "依法吊销"], rows),
        }
    )
    return MARKS.on(rng, city, table)
