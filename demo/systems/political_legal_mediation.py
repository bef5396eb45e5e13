"""ZFW-03 矛盾纠纷多元化解平台: disputes, their parties, the four slips, results.

    City  ->  four interfaces with pages, a token and an update time

Some of these disputes came over the 12345 hotline too (demo/disputes.py); neither system knows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.changes import appended, moment, restamped, timed
from demo.city import InventedCity
from demo.dirt import days_before, moments, picked, replaced, said, shuffled, some, stacked
from demo.disputes import Rows, parties, planted
from demo.expected import PLANTED
from demo.grids import grid_of, grids
from demo.numbers import numbered

TYPES = ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "99"]
TYPE_SHARES = [0.16, 0.27, 0.12, 0.09, 0.03, 0.07, 0.02, 0.06, 0.1, 0.03, 0.02, 0.01, 0.02]


def tables(city: InventedCity) -> dict[str, pa.Table]:
    """As the interfaces answer, times as texts."""
    rng = city.rng("political_legal/mediation")
    shared = planted(city)
    plan = PLANTED["political_legal/mediation/dispute"]
    others = rng.choice(parties(city), 120 + round(8_000 * city.scale) + plan["unknown_code"])
    who = np.r_[shared["person"].to_numpy(), others]
    happened = np.r_[shared["happened_on"].to_numpy(), days_before(rng, city.today, len(others), 380, 2)]
    disputes = _disputes(rng, city, who, happened, 0)
    unknown = np.arange(len(who) - plan["unknown_code"], len(who))
    disputes = _with_unknown_town(disputes, unknown)
    old = disputes.take(pa.array(some(rng, len(who), plan["older"])))
    old = replaced(old, status_code="1", update_time="2025-10-08 09:00:00")  # pages that shift under the reader give both
    return {
        "dispute": shuffled(rng, stacked(disputes, old)),
        "dispute_party": shuffled(rng, _parties(rng, city, who, disputes["event_no"])),
        "slip": _slips(rng, city, disputes["event_no"], happened),
        "resolution": _resolutions(rng, city, disputes, happened),
    }


def tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> dict[str, pa.Table]:
    """The n-th tick: two new disputes with their parties, four change state (status_code; one late), a slip is deleted."""
    rng = city.rng(f"political_legal/mediation/tick {n}")
    who = rng.choice(parties(city), 2)
    happened = np.full(2, np.datetime64(city.today, "D"))
    new = _disputes(rng, city, who, happened, 500_000 + 10 * n)
    now = said(pa.array(np.full(2, np.datetime64(moment(city, n), "s"))))
    people = _parties(rng, city, who, new["event_no"])
    people = replaced(people, update_time=pa.chunked_array([now, now]))
    dispute = before["dispute"]
    changed = restamped(city, n, dispute, some(rng, dispute.num_rows, 4), late=1, status_code="3")
    return before | {
        "dispute": appended(changed, replaced(new, update_time=now)),
        "dispute_party": appended(before["dispute_party"], people),
        "slip": before["slip"].slice(1),
    }


def _disputes(rng: np.random.Generator, city: InventedCity, who: Rows, happened: Any, first: int) -> pa.Table:
    home = city.residents.take(pa.array(who))
    rows = len(who)
    kind = picked(rng, TYPES, rows, TYPE_SHARES)
    money = np.round(rng.gamma(1.2, 9000, rows), 2)
    return pa.table(
        {
            "event_no": numbered("MD2026", first + np.arange(rows) + 1, 7),
            "event_name": pc.binary_join_element_wise(home["address"], "纠纷", ""),
            "happen_date": said(pa.array(happened.astype("datetime64[D]")), "%Y-%m-%d"),
            "happen_place": home["address"],
            "event_size_code": picked(rng, ["1", "2", "3"], rows, [0.85, 0.12, 0.03]),
            "dispute_type_code": kind,
            "involved_count": pa.array(rng.integers(2, 9, rows)),
            "involved_amount": pa.array(np.where(rng.random(rows) < 0.4, 0.0, money)),
            "event_desc": pa.repeat(pa.scalar("双方协商未果，申请调解"), rows),
            "involved_org": pa.nulls(rows, pa.string()),
            "resolve_limit_date": said(pa.array(happened.astype("datetime64[D]") + np.timedelta64(30, "D")), "%Y-%m-%d"),
            "region_code": home["town_code"],
            "grid_code": grid_of(rng, grids(city), home["village"].to_numpy()),
            "lon": pa.array(np.round(114.89 + rng.normal(0, 0.09, rows), 6)),
            "lat": pa.array(np.round(33.44 + rng.normal(0, 0.07, rows), 6)),
            "source_code": picked(rng, ["1", "2", "3"], rows),
            "risk_level": picked(rng, ["低", "中", "高"], rows, [0.8, 0.16, 0.04]),
            "status_code": picked(rng, ["1", "2", "3", "9"], rows, [0.08, 0.17, 0.73, 0.02]),
            "update_time": said(timed(rng, city, rows, 60)),
        }
    ).combine_chunks()


def _with_unknown_town(table: pa.Table, rows: Rows) -> pa.Table:
    """A town of another county, which the platform's picker also offers."""
    mask = np.zeros(table.num_rows, dtype=bool)
    mask[rows] = True
    return replaced(table, region_code=pc.if_else(pa.array(mask), "411699999", table["region_code"].combine_chunks()))


def _parties(rng: np.random.Generator, city: InventedCity, who: Rows, dispute: Any) -> pa.Table:
    """Who asked for mediation, and the other side."""
    other = rng.choice(parties(city), len(who))
    rows = 2 * len(who)
    person = city.residents.take(pa.array(np.r_[who, other]))
    codes = dispute.combine_chunks() if isinstance(dispute, pa.ChunkedArray) else dispute
    role = np.repeat(["申请人", "被申请人"], len(who)).astype(object)
    return pa.table(
        {
            "party_id": pc.binary_join_element_wise(
                pa.concat_arrays([codes, codes]), numbered("", np.arange(rows) // len(who) + 1, 2), "-"
            ),
            "event_no": pa.concat_arrays([codes, codes]),
            "name": person["name"],
            "cert_type": pa.repeat(pa.scalar("111"), rows),
            "id_no": person["id_number"],
            "sex_code": person["sex"],
            "ethnicity_code": person["ethnicity"],
            "birth_date": said(person["birth_date"], "%Y-%m-%d"),
            "phone": person["phone"],
            "party_role": pa.array(role, pa.string()),
            "address": person["address"],
            "update_time": said(timed(rng, city, rows, 60)),
        }
    ).combine_chunks()


def _slips(rng: np.random.Generator, city: InventedCity, dispute: Any, happened: Any) -> pa.Table:
    """接单、派单、销单、访单, one of each."""
    count = len(dispute)
    rows = 4 * count
    kind = np.tile(np.array(["接单", "派单", "销单", "访单"], dtype=object), count)
    issued = np.repeat(happened.astype("datetime64[s]"), 4) + (np.tile(np.arange(4), count) * 4 * 86400 + 34_000).astype("timedelta64[s]")
    issued = np.minimum(issued, np.datetime64(city.now, "s"))
    return pa.table(
        {
            "slip_id": numbered("D", np.arange(rows) + 1, 9),
            "event_no": dispute.take(pa.array(np.arange(rows) // 4)),
            "slip_type": pa.array(kind, pa.string()),
            "from_org": picked(rng, ["综治中心", "村（社区）"], rows),
            "to_org": picked(rng, ["司法所", "派出所", "自然资源所", "人民调解委员会"], rows),
            "assignee_name": city.workers["name"].take(pa.array(rng.integers(0, 501, rows))),
            "issue_time": said(pa.array(issued)),
            "limit_time": said(pa.array(issued + np.timedelta64(7, "D"))),
            "done_time": said(moments(rng, city.now, rows, 60)),
            "result_code": picked(rng, ["1", "2"], rows, [0.9, 0.1]),
            "visit_satisfaction": picked(rng, ["满意", "基本满意", "不满意", None], rows, [0.2, 0.04, 0.01, 0.75]),
            "update_time": said(timed(rng, city, rows, 60)),
        }
    ).combine_chunks()


def _resolutions(rng: np.random.Generator, city: InventedCity, disputes: pa.Table, happened: Any) -> pa.Table:
    done = np.flatnonzero(pc.equal(disputes["status_code"], "3").to_numpy())
    rows = len(done)
    ended = happened[done].astype("datetime64[D]") + rng.integers(1, 30, rows).astype("timedelta64[D]")
    return pa.table(
        {
            "event_no": disputes["event_no"].take(pa.array(done)),
            "resolve_way_code": picked(rng, ["1", "2", "3", "5"], rows, [0.8, 0.1, 0.05, 0.05]),
            "resolve_org_name": picked(rng, ["人民调解委员会", "司法所", "综治中心"], rows),
            "resolve_person_name": city.workers["name"].take(pa.array(rng.integers(0, 501, rows))),
            "is_success": picked(rng, ["1", "0"], rows, [0.94, 0.06]),
            "resolve_date": said(pa.array(ended), "%Y-%m-%d"),
            "agreement_no": numbered("XY", done + 1, 8),
            "exam_date": said(pa.array(ended + np.timedelta64(3, "D")), "%Y-%m-%d"),
            "exam_advise": pa.repeat(pa.scalar("同意"), rows),
            "update_time": said(timed(rng, city, rows, 60)),
        }
    ).combine_chunks()
