"""ZZB-03 党建引领双报到平台: members who report to a community, service centres, grids and their party organisations, visits.

    City  ->  four interfaces with pages, a token and an update time

The platform copied branches and groups from the national system years ago and never followed their changes; only it
knows the households of members (党员中心户) and those volunteers who came through their party organisation.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.changes import Rows, appended, moment, restamped, timed
from demo.city import InventedCity
from demo.dirt import days_before, moments, patched, picked, replaced, said, shuffled, some, stacked
from demo.expected import PLANTED
from demo.grids import grid_of, grids, organisations, workers
from demo.numbers import broken, numbered, phones

PLAN = PLANTED["party_organisation/double_registration/check_in"]
KINDS = {"grid_branch": "网格党支部", "grid_group": "网格党小组", "member_household": "党员中心户"}


def tables(city: InventedCity) -> dict[str, pa.Table]:
    """As the interfaces answer, times as texts."""
    true = organisations(city)
    return {
        "check_in": _check_ins(city),
        "service_centre": _centres(city),
        "grid_organisation": _grid_organisations(city, true),
        "visit": _visits(city),
    }


def tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> dict[str, pa.Table]:
    """The n-th tick: four more check-ins of known volunteers, service hours of six changed (one late), one visit deleted."""
    rng = city.rng(f"party_organisation/double_registration/tick {n}")
    check_in, visit = before["check_in"], before["visit"]
    known = check_in.filter(pc.is_in(check_in["id_no"], _known(city)))
    more = known.take(pa.array(some(rng, known.num_rows, 4)))
    now = said(pa.array(np.full(4, np.datetime64(moment(city, n), "s"))))
    more = replaced(more, checkin_id=numbered("BDN", n * 10 + np.arange(4), 7), checkin_time=now, update_time=now)
    changed = restamped(city, n, check_in, some(rng, check_in.num_rows, 6), late=1, service_hours=[2.5, 3.0, 4.0, 1.5, 6.0, 8.0])
    return before | {"check_in": appended(changed, more), "visit": visit.slice(1)}


def _known(city: InventedCity) -> pa.Array:
    return city.workers["id_number"].combine_chunks().take(pa.array(workers("volunteer_elsewhere")))


def _check_ins(city: InventedCity) -> pa.Table:
    """People of the grid platform in the post they had when they reported, volunteers known here only; many report more than once."""
    rng = city.rng("party_organisation/double_registration/check_in")
    both = np.r_[workers("leader"), workers("full_time"), workers("volunteer")]
    both = np.sort(rng.choice(both, PLAN["also_grid_staff"], replace=False))
    only, wrong = workers("volunteer_elsewhere"), workers("bad_number_elsewhere")
    once = np.r_[only, both]
    who = np.r_[once, rng.choice(once, PLAN["again"], replace=False), wrong]
    person = city.workers.take(pa.array(who))
    rows = len(who)
    town = pc.index_in(person["town_code"], city.towns["code"].combine_chunks()).to_numpy()
    branch = pc.binary_join_element_wise(numbered("994116", town + 1, 2), numbered("", person["village"].to_numpy() + 1, 4), "")
    checked = moments(rng, city.now, rows, 700)
    table = pa.table(
        {
            "checkin_id": numbered("BD", np.arange(rows) + 1, 8),
            "name": person["name"],
            "id_no": person["id_number"],
            "party_org_code": branch,
            "community_code": person["village_code"],
            "post": _posts(rng, who, both),
            "checkin_time": said(checked),
            "service_hours": pa.array(rng.integers(1, 40, rows) / 2),
            "update_time": said(timed(rng, city, rows)),
        }
    ).combine_chunks()
    last = np.arange(rows - len(wrong), rows)
    table = patched(table, last, id_no=broken(table["id_no"].combine_chunks(), last).take(pa.array(last)))
    return shuffled(rng, stacked(table, table.take(pa.array(some(rng, rows - len(wrong), PLAN["identical"])))))


def _posts(rng: np.random.Generator, who: Rows, both: Rows) -> pa.Array:
    """报到岗位. Some who are volunteers now still stand here as full-time staff."""
    former = rng.choice(both[np.isin(both, workers("volunteer"))], PLAN["former_full_time"], replace=False)
    leads = np.isin(who, workers("leader"))
    full = np.isin(who, np.r_[workers("full_time"), former])
    return pa.array(np.where(leads, "网格长", np.where(full, "专职网格员", "志愿者")).astype(object), pa.string())


def _centres(city: InventedCity) -> pa.Table:
    rng = city.rng("party_organisation/double_registration/service_centre")
    place = city.villages
    rows = place.num_rows
    town = pc.index_in(place["town_code"], city.towns["code"].combine_chunks()).to_numpy()
    return pa.table(
        {
            "center_code": numbered("DQ", np.arange(rows) + 1, 5),
            "center_name": pc.binary_join_element_wise(place["short_name"], "党群服务中心", ""),
            "party_org_code": pc.binary_join_element_wise(numbered("994116", town + 1, 2), numbered("", np.arange(rows) + 1, 4), ""),
            "address": pc.binary_join_element_wise(place["town_name"], place["short_name"], "001号", ""),
            "region_code": place["code"],
            "grid_code": place["code"],
            "lon": pa.array(np.round(114.89 + rng.normal(0, 0.09, rows), 6)),
            "lat": pa.array(np.round(33.44 + rng.normal(0, 0.07, rows), 6)),
            "open_hours": picked(rng, ["8:00-18:00", "08:30-17:30", "全天"], rows),
            "contact_phone": phones(9_000_000 + np.arange(rows)),
            "update_time": said(timed(rng, city, rows)),
        }
    ).combine_chunks()


def _grid_organisations(city: InventedCity, true: pa.Table) -> pa.Table:
    rng = city.rng("party_organisation/double_registration/grid_organisation")
    plan = PLANTED["party_organisation/double_registration/grid_organisation"]
    households = _rows(rng, city, true.filter(pc.equal(true["kind"], "member_household")))
    copied = true.filter(pc.not_equal(true["kind"], "member_household"))
    stale = _rows(rng, city, copied.take(pa.array(some(rng, copied.num_rows, plan["stale"]))))
    stale = replaced(
        stale, party_org_name=pc.replace_substring(stale["party_org_name"], "网格党", "联合党"), update_time="2023-06-01 09:00:00"
    )
    groups = np.flatnonzero(pc.equal(stale["org_type"], KINDS["grid_group"]).to_numpy())
    stale = patched(stale, rng.choice(groups, plan["wrong_kind"], replace=False), org_type=KINDS["grid_branch"])
    base = grids(city)
    again = households.take(pa.array(some(rng, households.num_rows, plan["second_grid"])))
    special = base.filter(pc.equal(base["kind"], "special"))["grid_code"].combine_chunks()
    again = replaced(again, grid_code=special.take(pa.array(rng.integers(0, len(special), plan["second_grid"]))))
    extra = households.take(pa.array(rng.integers(0, households.num_rows, plan["dissolved"] + plan["unknown_code"])))
    extra = replaced(extra, party_org_code=numbered("9941169", np.arange(extra.num_rows), 9))
    gone = replaced(extra.slice(0, plan["dissolved"]), state="已撤销")
    unknown = replaced(extra.slice(plan["dissolved"]), org_type="党员活动点")
    identical = households.take(pa.array(some(rng, households.num_rows, plan["identical"])))
    return shuffled(rng, stacked(households, stale, again, gone, unknown, identical))


def _rows(rng: np.random.Generator, city: InventedCity, true: pa.Table) -> pa.Table:
    rows = true.num_rows
    return pa.table(
        {
            "party_org_code": true["code"],
            "party_org_name": true["name"],
            "org_type": pa.array([KINDS[k] for k in true["kind"].to_pylist()]),
            "grid_code": true["grid_code"],
            "grid_leader_name": city.workers["name"].combine_chunks().take(true["secretary"].combine_chunks()),
            "state": pa.repeat(pa.scalar("正常"), rows),
            "effective_date": said(pa.array(days_before(rng, city.today, rows, 2500, 60)), "%Y-%m-%d"),
            "update_time": said(timed(rng, city, rows)),
        }
    ).combine_chunks()


def _visits(city: InventedCity) -> pa.Table:
    rng = city.rng("party_organisation/double_registration/visit")
    rows = 200 + round(40_000 * city.scale)
    who = rng.integers(0, city.residents.num_rows, rows)
    home = city.residents.take(pa.array(who))
    visited = moments(rng, city.now, rows, 390)
    visitors = city.workers["name"].combine_chunks().take(pa.array(rng.choice(workers("volunteer"), rows)))
    issue = picked(rng, ["用水用电", "道路", "低保", "医保", "邻里", "无"], rows, [0.1, 0.1, 0.1, 0.1, 0.1, 0.5])
    return pa.table(
        {
            "visit_id": numbered("ZF", np.arange(rows) + 1, 9),
            "grid_code": grid_of(rng, grids(city), home["village"].to_numpy()),
            "visitor_name": visitors,
            "household_id": home["household_no"],
            "visit_time": said(visited),
            "issue_type": issue,
            "issue_desc": pc.binary_join_element_wise("走访了解：", issue, ""),
            "update_time": said(timed(rng, city, rows)),
        }
    ).combine_chunks()
