"""SGB-03 新就业群体服务平台: couriers and drivers, party building in private organisations, the courier councils' ledger.

    City  ->  two interfaces with pages and a token; one workbook kept by hand (小哥议事会台账)

The ledger has a sheet a month, two rows of headings with merged cells, meetings written once for all their items, and a
totals row under each sheet. Items are typed twice under a new number, or carried over into the next month.
"""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from openpyxl import Workbook
from openpyxl.styles import Alignment
from openpyxl.worksheet.worksheet import Worksheet

from demo.changes import appended, moment, restamped, timed
from demo.city import InventedCity
from demo.dirt import patched, picked, replaced, said, shuffled, some, stacked
from demo.expected import FIGURES, PLANTED
from demo.grids import grid_of, grids
from demo.numbers import broken, numbered, usccs

LEDGER = "小哥议事会台账.xlsx"
HEADINGS = {
    "基本情况": ["编号", "会议日期", "会议地点", "乡镇街道", "网格编码"],
    "议事事项": ["事项类别", "事项内容", "提出人"],
    "办理情况": ["承办单位", "办理结果", "办结日期", "更新时间"],
}
COLUMNS = [f"{group}/{name}" for group, names in HEADINGS.items() for name in names]
MONTHS = 11
TYPES = {"issue": "议题", "action": "实事行动", "dispute": "纠纷化解", "other": "其他"}
MATTERS = ["楼下电动车充电位不足", "小区禁止外卖车辆进入", "夜间休息驿站开放时间", "商圈取餐通道", "快递柜超时收费", "雨天积水路段提示"]


def tables(city: InventedCity) -> dict[str, pa.Table]:
    """As the interfaces answer; the ledger as a plain table with the sheet each row stands in."""
    return {"worker": _workers(city), "private_organisation": _organisations(city), "council_ledger": _ledger(city)}


def files(now: dict[str, pa.Table]) -> dict[str, bytes]:
    """The ledger as the workbook it is: file name -> bytes."""
    return {LEDGER: workbook(now["council_ledger"])}


def tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> dict[str, pa.Table]:
    """The n-th tick: three workers change their phone (phone; one late), the ledger gets one more item of no figure."""
    rng = city.rng(f"social_work/new_groups/tick {n}")
    worker, ledger = before["worker"], before["council_ledger"]
    phones = numbered("1990098", rng.integers(0, 9999, 3), 4)
    last = ledger.filter(pc.equal(ledger["sheet"], f"{MONTHS}月")).slice(0, 1)
    values = {"基本情况/编号": f"XG2026-T{n:03d}", "议事事项/事项类别": "其他", "议事事项/事项内容": f"临时动议第{n}项"}
    return before | {
        "worker": restamped(city, n, worker, some(rng, worker.num_rows, 3), late=1, phone=phones),
        "council_ledger": appended(
            ledger, replaced(last, **values, **{"办理情况/更新时间": moment(city, n).strftime("%Y-%m-%d %H:%M:%S")})
        ),
    }


def _workers(city: InventedCity) -> pa.Table:
    rng = city.rng("social_work/new_groups/worker")
    plan = PLANTED["social_work/new_groups/worker"]
    age = np.datetime64(city.today, "D") - city.residents["birth_date"].to_numpy()
    fit = np.flatnonzero((age > np.timedelta64(19 * 366, "D")) & (age < np.timedelta64(55 * 365, "D")))
    who = np.sort(rng.choice(fit, 120 + round(5_000 * city.scale), replace=False))
    person = city.residents.take(pa.array(who))
    rows = len(who)
    table = pa.table(
        {
            "worker_id": numbered("XJY", np.arange(rows) + 1, 7),
            "name": person["name"],
            "cert_type": pa.repeat(pa.scalar("111"), rows),
            "id_no": person["id_number"],
            "sex_code": person["sex"],
            "ethnicity_code": person["ethnicity"],
            "birth_date": said(person["birth_date"], "%Y-%m-%d"),
            "phone": person["phone"],
            "platform_name": picked(rng, ["甲外卖", "乙外卖", "丙快递", "丁快递", "戊出行"], rows),
            "work_type": picked(rng, ["外卖员", "快递员", "网约车司机", "货车司机", "其他"], rows, [0.45, 0.3, 0.15, 0.08, 0.02]),
            "region_code": person["town_code"],
            "update_time": said(timed(rng, city, rows)),
        }
    ).combine_chunks()
    wrong = some(rng, rows, plan["bad_check_digit"])
    table = patched(table, wrong, id_no=broken(table["id_no"].combine_chunks(), wrong).take(pa.array(wrong)))
    sound = np.setdiff1d(np.arange(rows), wrong)
    again = table.take(pa.array(np.sort(rng.choice(sound, plan["again"], replace=False))))
    again = replaced(again, worker_id=numbered("XJZ", np.arange(plan["again"]), 7), platform_name="乙外卖")
    return shuffled(rng, stacked(table, again))


def _organisations(city: InventedCity) -> pa.Table:
    rng = city.rng("social_work/new_groups/private_organisation")
    rows = 60 + round(1_500 * city.scale)
    people = rng.integers(3, 300, rows)
    town = rng.integers(0, city.towns.num_rows, rows)
    names = pc.binary_join_element_wise(
        "项城市", picked(rng, ["兴华", "永盛", "莲花", "沙颍", "千佛阁"], rows), numbered("", np.arange(rows), 4), "号商贸有限公司", ""
    )
    return pa.table(
        {
            "uscc": usccs(60_000_000 + np.arange(rows)),
            "org_name": names,
            "legal_rep_name": city.residents["name"].take(pa.array(rng.integers(0, city.residents.num_rows, rows))),
            "industry_code": picked(rng, ["5291", "6331", "5810", "1830", "6210"], rows),
            "employee_count": pa.array(people),
            "party_member_count": pa.array((people * rng.uniform(0, 0.15, rows)).astype(np.int64)),
            "party_org_code": numbered("994116", town + 1, 2),
            "update_time": said(timed(rng, city, rows)),
        }
    ).combine_chunks()


def _ledger(city: InventedCity) -> pa.Table:
    """Every item once, then what hands made of it."""
    rng = city.rng("social_work/new_groups/council_ledger")
    plan = PLANTED["social_work/new_groups/council_ledger"]
    sizes = {
        "issue": FIGURES["council_issues"],
        "action": FIGURES["council_actions"],
        "dispute": FIGURES["council_disputes"],
        "other": plan["other"],
        "unknown": plan["unknown_code"],
    }
    kinds = np.repeat(list(sizes), list(sizes.values()))
    items = _items(rng, city, rng.permutation(kinds))
    counted = np.flatnonzero(pc.is_in(items["议事事项/事项类别"], pa.array([TYPES[t] for t in ("issue", "action", "dispute")])).to_numpy())
    chosen = rng.choice(counted, plan["retyped"] + plan["carried_over"], replace=False)
    retyped = items.take(pa.array(np.sort(chosen[: plan["retyped"]])))
    retyped = replaced(retyped, **{"基本情况/编号": numbered("XG2026-", 5000 + np.arange(plan["retyped"]), 4)})
    carried = items.take(pa.array(np.sort(chosen[plan["retyped"] :])))
    carried = replaced(carried, sheet=pa.array([f"{min(int(s[:-1]) + 1, MONTHS)}月" for s in carried["sheet"].to_pylist()]))
    return stacked(items, retyped, carried)


def _items(rng: np.random.Generator, city: InventedCity, kinds: Any) -> pa.Table:
    rows = len(kinds)
    meetings = np.sort(rng.choice(MONTHS * 28, 96, replace=False))
    meeting = np.sort(rng.integers(0, len(meetings), rows))
    held = np.array([np.datetime64(f"2026-{m // 28 + 1:02d}-{m % 28 + 1:02d}") for m in meetings])[meeting]
    held = np.minimum(held, np.datetime64(city.today, "D"))
    month = held.astype("datetime64[M]").astype(int) % 12 + 1
    hosts = rng.choice(city.villages.num_rows, len(meetings))[meeting]
    host = city.villages.take(pa.array(hosts))
    village = city.villages["short_name"].take(pa.array(np.arange(rows) * 37 % city.villages.num_rows))
    matter = pa.array(MATTERS).take(pa.array((np.arange(rows) // city.villages.num_rows * 3 + rng.integers(0, 3, rows)) % len(MATTERS)))
    words = {**TYPES, "unknown": "待定"}
    done = pa.array(np.minimum(held + rng.integers(2, 40, rows).astype("timedelta64[D]"), np.datetime64(city.today, "D")))
    open_ = pa.array(rng.random(rows) < 0.1)
    return pa.table(
        {
            "sheet": pa.array([f"{m}月" for m in month]),
            "基本情况/编号": numbered("XG2026-", np.arange(rows) + 1, 4),
            "基本情况/会议日期": pa.array(held),
            "基本情况/会议地点": pc.binary_join_element_wise(host["short_name"], "党群服务中心", ""),
            "基本情况/乡镇街道": host["town_name"],
            "基本情况/网格编码": grid_of(rng, grids(city), hosts),
            "议事事项/事项类别": pa.array([words[k] for k in kinds]),
            "议事事项/事项内容": pc.binary_join_element_wise(village, matter, ""),
            "议事事项/提出人": city.residents["name"].take(pa.array(rng.integers(0, city.residents.num_rows, rows))),
            "办理情况/承办单位": picked(rng, ["市委社会工作部", "城市管理局", "住建局", "所在社区", None], rows, [0.2, 0.2, 0.2, 0.3, 0.1]),
            "办理情况/办理结果": pc.if_else(open_, "办理中", "已解决"),
            "办理情况/办结日期": pc.if_else(open_, pa.scalar(None, pa.date32()), done),
            "办理情况/更新时间": said(pa.array(held.astype("datetime64[s]") + np.timedelta64(17 * 3600, "s"))),
        }
    ).combine_chunks()


def workbook(ledger: pa.Table) -> bytes:
    """One sheet a month: a title, two rows of headings, meetings merged over their items, a totals row, a line below it."""
    book = Workbook()
    for empty in book.worksheets:
        book.remove(empty)
    rows = ledger.to_pylist()
    for name in dict.fromkeys(r["sheet"] for r in sorted(rows, key=lambda r: int(r["sheet"][:-1]))):
        _sheet(book.create_sheet(name), name, [r for r in rows if r["sheet"] == name])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet(sheet: Worksheet, name: str, rows: list[dict[str, Any]]) -> None:
    sheet.append([f"项城市小哥议事会工作台账（2026年{name}）"])
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(COLUMNS))
    sheet["A1"].alignment = Alignment(horizontal="center")
    sheet.append([g if n == 0 else None for g, names in HEADINGS.items() for n in range(len(names))])
    column = 1
    for names in HEADINGS.values():
        sheet.merge_cells(start_row=2, start_column=column, end_row=2, end_column=column + len(names) - 1)
        column += len(names)
    sheet.append([n for names in HEADINGS.values() for n in names])
    previous: tuple[Any, ...] = ()
    first = 4
    for place, row in enumerate(rows, start=4):
        meeting = (row["基本情况/会议日期"], row["基本情况/会议地点"])
        if meeting == previous:
            row = {**row, "基本情况/会议日期": None, "基本情况/会议地点": None}  # noqa: PLW2901
        else:
            _merged(sheet, first, place - 1)
            first, previous = place, meeting
        sheet.append([_cell(row[c]) for c in COLUMNS])
    _merged(sheet, first, len(rows) + 3)
    sheet.append(["合计", None, None, None, None, f"{len(rows)}项"])
    sheet.append(["填表人：", None, None, "审核人："])


def _merged(sheet: Worksheet, first: int, last: int) -> None:
    """The date and place of a meeting, written once over its items."""
    if last > first:
        for column in (2, 3):
            sheet.merge_cells(start_row=first, start_column=column, end_row=last, end_column=column)


def _cell(value: Any) -> Any:
    """Dates were typed as text in the first quarter, and as dates since."""
    if isinstance(value, dt.date) and value.month <= 3:
        return value.strftime("%Y.%m.%d")
    return value
