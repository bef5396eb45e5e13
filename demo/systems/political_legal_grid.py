"""ZFW-01 综治网格化服务管理平台: grids, the people who work in them, events, who and what is there.

    City  ->  five front-end tables with op_flag and op_time (KingbaseES; the demo serves them from PostgreSQL)

A key may stand there more than once: an earlier version, the present one, a deletion that carries the key alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.changes import Rows, appended, earlier, marked, newest, stamped, went
from demo.city import InventedCity
from demo.dirt import days_before, moments, patched, picked, replaced, shuffled, some, stacked
from demo.expected import PLANTED
from demo.grids import TASKS, grid_of, grids, workers
from demo.numbers import broken, numbered

GRID_TYPES = {"parent": "00", "urban": "01", "rural": "02", "special": "03"}
ROLES = {"leader": "10", "full_time": "20", "part_time": "30", "volunteer": "40", "police": "50", "building_head": "70"}
EMPLOYMENT = {"leader": "1", "full_time": "1", "part_time": "2", "volunteer": "3", "police": "1", "building_head": "3"}
EVENTS = ["环境卫生", "安全隐患", "矛盾纠纷", "市政设施", "占道经营", "消防隐患", "民生诉求", "秸秆焚烧"]


def tables(city: InventedCity) -> dict[str, pa.Table]:
    """As the platform's front-end database holds them."""
    base = grids(city)
    return {
        "grid": _grids(city, base),
        "grid_staff": _staff(city, base),
        "grid_event": _events(city, base),
        "population": _population(city, base),
        "house": _houses(city, base),
    }


def tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> dict[str, pa.Table]:
    """The n-th tick (1, 2, …): three full-time staff join, two part-time ones leave the table, four phones change, ten events come."""
    return before | {
        "grid_staff": _staff_tick(city, before["grid_staff"], n),
        "grid_event": _event_tick(city, before["grid_event"], n),
        "population": _population_tick(city, before["population"], n),
    }


def _grids(city: InventedCity, base: pa.Table) -> pa.Table:
    rng = city.rng("political_legal/grid/grid")
    plan = PLANTED["political_legal/grid/grid"]
    extra = _extra_grids(rng, city, plan["unknown_code"] + plan["abolished"] + plan["deleted"])
    whole = stacked(base, extra)
    types = [GRID_TYPES[k] for k in whole["kind"].to_pylist()]
    rows = whole.num_rows
    households = rng.integers(40, 420, rows)
    table = marked(rng, city, pa.table(
        {
            "grid_code": whole["grid_code"],
            "grid_name": whole["grid_name"],
            "grid_type": pa.array(types),
            "parent_region_code": whole["town_code"],
            "village_code": whole["village_code"],
            "area_m2": pa.array(np.round(rng.uniform(8e3, 9e5, rows), 1)),
            "household_count": pa.array(households, pa.int32()),
            "population": pa.array((households * 2.8).astype(np.int32)),
            "party_org_code": pa.nulls(rows, pa.string()),
            "boundary_wkt": pa.repeat(pa.scalar("POLYGON((114.88 33.45,114.89 33.45,114.89 33.46,114.88 33.45))"), rows),
            "status": pa.repeat(pa.scalar("1"), rows),
        }
    ))  # fmt: skip
    first = base.num_rows
    unknown = np.arange(first, first + plan["unknown_code"])
    abolished = unknown[-1] + 1 + np.arange(plan["abolished"])
    deleted = abolished[-1] + 1 + np.arange(plan["deleted"])
    table = patched(table, unknown, grid_type="9")
    table = patched(table, abolished, status="0")
    old = some(rng, first, plan["older"])
    renamed = pc.binary_join_element_wise(table["grid_name"].take(pa.array(old)), "（原）", "")
    swapped = picked(rng, ["01", "02"], len(old))
    kinds = base["kind"].to_numpy(zero_copy_only=False)
    each = plan["padded"] // 3  # urban, rural, special
    padded = table.take(
        pa.array(np.concatenate([rng.choice(np.flatnonzero(kinds == k), each, replace=False) for k in GRID_TYPES if k != "parent"]))
    )
    padded = earlier(rng, padded, np.arange(plan["padded"]), grid_code=pc.binary_join_element_wise(padded["grid_code"], " ", ""))
    now = patched(table, old, op_flag="U")
    made = stacked(
        now,
        earlier(rng, table, old, grid_name=renamed, grid_type=swapped),
        went(rng, table.take(pa.array(deleted)), "grid_code"),
        padded,
        now.take(pa.array(some(rng, first, plan["identical"]))),
    )
    return shuffled(rng, made)


def _extra_grids(rng: np.random.Generator, city: InventedCity, count: int) -> pa.Table:
    """Grids that no figure counts."""
    place = city.villages.take(pa.array(np.sort(rng.integers(0, city.villages.num_rows, count))))
    kinds = np.where(place["urban"].to_numpy(), "urban", "rural").astype(object)
    codes = pc.binary_join_element_wise(place["code"], numbered("J", 900 + np.arange(count), 3), "")
    return pa.table(
        {
            "grid_code": codes,
            "grid_name": pc.binary_join_element_wise(place["short_name"], "临时网格", ""),
            "kind": pa.array(kinds, pa.string()),
            "village": pc.index_in(place["code"], city.villages["code"].combine_chunks()),
            "village_code": place["code"],
            "town_code": place["town_code"],
        }
    ).combine_chunks()


def _staff(city: InventedCity, base: pa.Table) -> pa.Table:
    rng = city.rng("political_legal/grid/grid_staff")
    plan = PLANTED["political_legal/grid/grid_staff"]
    table = marked(rng, city, _staff_rows(rng, city, base))
    place = _places()
    table = patched(
        table, place["bad_number"], id_no=broken(table["id_no"].combine_chunks(), place["bad_number"]).take(pa.array(place["bad_number"]))
    )
    table = patched(table, place["bad_role"], role_code="99")
    left = days_before(rng, city.today, plan["left"], 700, 20)
    table = patched(table, place["left"], end_date=pa.array(left))
    counted = np.r_[place["leader"], place["full_time"], place["part_time"], place["volunteer"]]
    again = _second_grids(rng, base, table, rng.choice(counted, plan["second_grid"], replace=False))
    old = np.sort(rng.choice(counted, plan["older"], replace=False))
    now = patched(table, old, op_flag="U")
    made = stacked(
        now,
        earlier(rng, table, old, role_code="70", employment_type="3", phone=pa.nulls(len(old), pa.string())),
        again,
        went(rng, table.take(pa.array(place["deleted"])), "staff_id"),
        now.take(pa.array(np.sort(rng.choice(counted, plan["identical"], replace=False)))),
    )
    return shuffled(rng, made)


def _places() -> dict[str, Rows]:
    """The rows of the staff table that each task fills: workers in their order, without those only the party platform knows."""
    kept = [t for t in TASKS if t not in ("volunteer_elsewhere", "bad_number_elsewhere", "spare")]
    places: dict[str, Rows] = {}
    first = 0
    for task in kept:
        size = len(workers(task))
        places[task] = np.arange(first, first + size)
        first += size
    return places


def _staff_rows(rng: np.random.Generator, city: InventedCity, base: pa.Table) -> pa.Table:
    who = np.concatenate([workers(t) for t in _places()])
    tasks = np.concatenate([np.full(len(rows), task, dtype=object) for task, rows in _places().items()])
    odd = ~np.isin(tasks, list(ROLES))
    tasks[odd] = np.array(["full_time", "part_time", "volunteer"], dtype=object)[rng.integers(0, 3, int(odd.sum()))]
    return _people(rng, city, base, who, tasks)


def _people(rng: np.random.Generator, city: InventedCity, base: pa.Table, who: Rows, tasks: Any) -> pa.Table:
    person = city.workers.take(pa.array(who))
    grid = pc.if_else(pa.array(tasks == "leader"), person["village_code"], grid_of(rng, base, person["village"].to_numpy()))
    return pa.table(
        {
            "staff_id": numbered("WGY", who + 1, 6),
            "name": person["name"],
            "cert_type": pa.repeat(pa.scalar("111"), len(who)),
            "id_no": person["id_number"],
            "sex_code": person["sex"],
            "ethnicity_code": person["ethnicity"],
            "birth_date": person["birth_date"],
            "phone": person["phone"],
            "role_code": pa.array([ROLES[t] for t in tasks]),
            "employment_type": pa.array([EMPLOYMENT[t] for t in tasks]),
            "grid_code": grid,
            "start_date": pa.array(days_before(rng, city.today, len(who), 2000, 420)),
            "end_date": pa.nulls(len(who), pa.date32()),
            "political_code": picked(rng, ["01", "03", "13"], len(who), [0.35, 0.1, 0.55]),
        }
    ).combine_chunks()


def _second_grids(rng: np.random.Generator, base: pa.Table, table: pa.Table, rows: Rows) -> pa.Table:
    """The same people under a second staff number, the identity number typed in lower case or with blanks."""
    old = earlier(rng, table, rows)
    special = base.filter(pc.equal(base["kind"], "special"))["grid_code"].combine_chunks()
    ids = pc.binary_join_element_wise(pc.utf8_lower(old["id_no"]), picked(rng, ["", " ", "  "], len(rows)), "")
    return replaced(
        old,
        staff_id=numbered("WGZ", np.arange(len(rows)) + 1, 6),
        id_no=ids,
        grid_code=special.take(pa.array(rng.integers(0, len(special), len(rows)))),
    )


def _events(city: InventedCity, base: pa.Table) -> pa.Table:
    rng = city.rng("political_legal/grid/grid_event")
    rows = 300 + round(150_000 * city.scale)
    return shuffled(rng, marked(rng, city, _event_rows(rng, city, base, np.arange(rows))))


def _event_rows(rng: np.random.Generator, city: InventedCity, base: pa.Table, serials: Rows) -> pa.Table:
    rows = len(serials)
    inside = base.filter(pc.not_equal(base["kind"], "parent"))
    where = inside.take(pa.array(rng.integers(0, inside.num_rows, rows)))
    reported = moments(rng, city.now, rows, 390)
    hours = rng.integers(2, 200, rows).astype("timedelta64[h]")
    state = rng.choice(5, rows, p=[0.03, 0.05, 0.10, 0.80, 0.02])
    finished = pa.array(reported.to_numpy(zero_copy_only=False) + hours, mask=state != 3)
    kind = picked(rng, EVENTS, rows)
    lon, lat = _points(rng, rows)
    return pa.table(
        {
            "event_no": numbered("WGSJ", serials + 1, 9),
            "event_name": pc.binary_join_element_wise(where["grid_name"], kind, ""),
            "event_type_code": kind,
            "level_code": picked(rng, ["1", "2", "3", "4"], rows, [0.01, 0.04, 0.25, 0.7]),
            "source_code": picked(rng, ["1", "2", "3", "4", "5"], rows, [0.7, 0.15, 0.08, 0.04, 0.03]),
            "report_time": reported,
            "reporter_id": numbered("WGY", 502 + rng.integers(0, 3600, rows), 6),
            "region_code": where["town_code"],
            "grid_code": where["grid_code"],
            "lon": lon,
            "lat": lat,
            "event_desc": pc.binary_join_element_wise("巡查发现", kind, "问题，已拍照上报", ""),
            "status_code": pa.array(np.array(["0", "1", "2", "3", "9"], dtype=object)[state], pa.string()),
            "limit_time": pa.array(reported.to_numpy(zero_copy_only=False) + np.timedelta64(7, "D")),
            "finish_time": finished,
            "result_desc": pc.if_else(pa.array(state == 3), "已处置到位", pa.scalar(None, pa.string())),
        }
    ).combine_chunks()


def _points(rng: np.random.Generator, rows: int) -> tuple[pa.Array, pa.Array]:
    return pa.array(np.round(114.89 + rng.normal(0, 0.09, rows), 6)), pa.array(np.round(33.44 + rng.normal(0, 0.07, rows), 6))


def _population(city: InventedCity, base: pa.Table) -> pa.Table:
    """Who lives here: most registered residents, and people registered elsewhere. Some of the dead are still on the list."""
    rng = city.rng("political_legal/grid/population")
    plan = PLANTED["political_legal/grid/population"]
    dead = np.zeros(city.residents.num_rows, dtype=bool)
    dead[city.deaths["resident"].to_numpy()] = True
    here = np.flatnonzero(np.where(dead, rng.random(len(dead)) < 0.15, rng.random(len(dead)) < 0.94))
    registered = min(city.workers.num_rows, city.residents.num_rows // 4)
    elsewhere = city.workers.slice(registered, round(400 * city.scale) + 60)
    person = stacked(city.residents.take(pa.array(here)), elsewhere)
    kinds = np.where(np.arange(person.num_rows) < len(here), "1", "2").astype(object)
    table = marked(rng, city, _inhabitants(rng, base, person, pa.array(kinds, pa.string())))
    odd = rng.choice(len(here), plan["bad_check_digit"] + plan["passport"], replace=False)
    wrong, foreign = odd[: plan["bad_check_digit"]], odd[plan["bad_check_digit"] :]
    table = patched(table, wrong, id_no=broken(table["id_no"].combine_chunks(), wrong).take(pa.array(wrong)))
    table = patched(table, foreign, cert_type="414", id_no=numbered("E", 99_000_000 + np.arange(len(foreign)), 8))
    again = earlier(rng, table, some(rng, len(here), plan["again"]), pop_id=numbered("PX", np.arange(plan["again"]), 9))
    return shuffled(rng, stacked(table, again, table.take(pa.array(some(rng, len(here), plan["identical"])))))


def _inhabitants(rng: np.random.Generator, base: pa.Table, person: pa.Table, kinds: pa.Array) -> pa.Table:
    rows = person.num_rows
    lon, lat = _points(rng, rows)
    sex = person["sex"].to_numpy(zero_copy_only=False).copy()
    words = rng.random(rows) < 0.01  # typed by hand in the first years
    sex[words] = np.where(sex[words] == "1", "男", "女")
    return pa.table(
        {
            "pop_id": numbered("P", np.arange(rows) + 1, 9),
            "name": person["name"],
            "cert_type": pa.repeat(pa.scalar("111"), rows),
            "id_no": person["id_number"],
            "sex_code": pa.array(sex, pa.string()),
            "ethnicity_code": person["ethnicity"],
            "birth_date": person["birth_date"],
            "phone": pc.if_else(pa.array(rng.random(rows) < 0.9), person["phone"], pa.scalar(None, pa.string())),
            "pop_type": kinds,
            "household_id": person["household_no"],
            "relation_code": person["relation"],
            "residence_address": person["address"],
            "hukou_address": person["address"],
            "region_code": person["village_code"],
            "town_code": person["town_code"],
            "grid_code": grid_of(rng, base, person["village"].to_numpy()),
            "lon": lon,
            "lat": lat,
        }
    ).combine_chunks()


def _houses(city: InventedCity, base: pa.Table) -> pa.Table:
    rng = city.rng("political_legal/grid/house")
    heads = city.residents.filter(pc.equal(city.residents["relation"], "0")).combine_chunks()
    rows = heads.num_rows
    lon, lat = _points(rng, rows)
    return shuffled(rng, marked(rng, city, pa.table(
        {
            "house_id": numbered("FW", np.arange(rows) + 1, 9),
            "std_addr_code": pc.binary_join_element_wise(heads["village_code"], numbered("A", np.arange(rows) + 1, 8), ""),
            "house_use": picked(rng, ["01", "02", "03"], rows, [0.9, 0.06, 0.04]),
            "owner_name": heads["name"],
            "owner_id_no": heads["id_number"],
            "rent_flag": picked(rng, ["0", "1"], rows, [0.93, 0.07]),
            "region_code": heads["village_code"],
            "grid_code": grid_of(rng, base, heads["village"].to_numpy()),
            "lon": lon,
            "lat": lat,
        }
    )))  # fmt: skip


def _staff_tick(city: InventedCity, table: pa.Table, n: int) -> pa.Table:
    rng = city.rng(f"political_legal/grid/grid_staff/tick {n}")
    spare = workers("spare")
    joining = _people(rng, city, grids(city), spare[(np.arange(3) + 3 * (n - 1)) % len(spare)], np.full(3, "full_time", dtype=object))
    added = stamped(city, n, _marks(joining), "I", late=1)
    now = newest(table, "staff_id")
    own = now.filter(pc.and_(pc.starts_with(now["staff_id"], "WGY"), pc.is_null(now["end_date"])))
    part = own.filter(pc.and_(pc.equal(own["role_code"], "30"), pc.invert(pc.is_in(own["id_no"], _shared_ids(now))))).slice(0, 2)
    full = own.filter(pc.equal(own["role_code"], "20"))
    moved = full.take(pa.array(some(rng, full.num_rows, 4)))
    phones = numbered("1990099", rng.integers(0, 9999, 4), 4)
    gone = replaced(stamped(city, n, part, "D"), **dict.fromkeys(("name", "cert_type", "id_no", "phone", "role_code", "grid_code")))
    return appended(table, added, stamped(city, n, replaced(moved, phone=phones), "U"), gone)


def _shared_ids(now: pa.Table) -> pa.Array:
    """People who also stand there under a second number: deleting one row would not lose them."""
    return pc.utf8_upper(pc.utf8_trim_whitespace(now.filter(pc.starts_with(now["staff_id"], "WGZ"))["id_no"])).combine_chunks()


def _event_tick(city: InventedCity, table: pa.Table, n: int) -> pa.Table:
    rng = city.rng(f"political_legal/grid/grid_event/tick {n}")
    serials = 500_000_000 + n * 100 + np.arange(10)
    added = stamped(city, n, _marks(_event_rows(rng, city, grids(city), serials)), "I", late=1)
    now = newest(table, "event_no")
    open_ = now.filter(pc.not_equal(now["status_code"], "3")).slice(0, 5)
    closed = replaced(stamped(city, n, open_, "U"), status_code="3", finish_time=pa.scalar(city.now).as_py(), result_desc="已处置到位")
    return appended(table, added, closed)


def _population_tick(city: InventedCity, table: pa.Table, n: int) -> pa.Table:
    rng = city.rng(f"political_legal/grid/population/tick {n}")
    rows = table.take(pa.array(some(rng, table.num_rows, 8)))
    rows = rows.filter(pc.not_equal(rows["op_flag"], "D"))
    return appended(table, stamped(city, n, replaced(rows, residence_address="花园街道迎泰社区001号"), "U"))


def _marks(table: pa.Table) -> pa.Table:
    """Room for the marks, to be stamped."""
    empty = pa.nulls(table.num_rows, pa.timestamp("us"))
    flags = pa.nulls(table.num_rows, pa.string())
    return table.append_column("update_time", empty).append_column("op_flag", flags).append_column("op_time", empty)
