"""XZSP-03 12345政务服务便民热线: tickets, their flow, closure, call-backs, the knowledge base.

    City  ->  five interfaces with pages, a token and an update time

A ticket withdrawn and issued again keeps its number, anonymous callers leave no phone, and some call from a second one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.changes import appended, moment, restamped, timed, without
from demo.city import InventedCity
from demo.dirt import moments, picked, replaced, said, shuffled, some, stacked
from demo.disputes import PLAN, Rows, callers, planted
from demo.grids import grid_of, grids
from demo.numbers import numbered, phones

ORDINARY = 1_000  # numbers up to here are the planted tickets'
APPEALS = ["咨询", "求助", "投诉", "举报", "建议", "表扬/其他"]
APPEAL_SHARES = [0.38, 0.27, 0.22, 0.05, 0.05, 0.03]
CLASSES = ["供水供暖", "市容环卫", "邻里噪音", "物业管理", "社保医保", "道路交通", "土地宅基地", "欠薪", "教育", "其他"]


def tables(city: InventedCity) -> dict[str, pa.Table]:
    """As the interfaces answer, times as texts."""
    rng = city.rng("approvals/hotline")
    tickets = stacked(_planted(rng, city), _ordinary(rng, city, 400 + round(60_000 * city.scale)))
    return {
        "ticket": _with_copies(rng, tickets),
        "ticket_flow": _flow(rng, city, tickets),
        "closure": _closures(rng, city, tickets),
        "call_back": _call_backs(rng, city, tickets),
        "knowledge": _knowledge(rng, city),
    }


def tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> dict[str, pa.Table]:
    """The n-th tick: six new tickets, five change state (status_code; one late), one is withdrawn for good."""
    rng = city.rng(f"approvals/hotline/tick {n}")
    who = rng.choice(callers(city), 6)
    at = np.full(6, np.datetime64(moment(city, n), "s"))
    new = _tickets(rng, city, who, city.residents["town_code"].take(pa.array(who)), at, 5_000_000 + 10 * n)
    ticket = before["ticket"]
    changed = restamped(city, n, ticket, some(rng, ticket.num_rows, 5), late=1, status_code="已办结")
    ordinary = np.flatnonzero(pc.greater(changed["ticket_no"], numbered("ZK12345", [ORDINARY], 8)[0]).to_numpy())
    return before | {"ticket": appended(without(changed, ordinary[:1]), replaced(new, update_time=said(pa.array(at))))}


def _planted(rng: np.random.Generator, city: InventedCity) -> pa.Table:
    """Tickets whose caller also stands in a dispute of the mediators, matches and look-alikes."""
    cases = planted(city)
    twice = np.flatnonzero(pc.equal(cases["kind"], "twice").to_numpy())
    rows = np.r_[np.arange(cases.num_rows), twice[: PLAN["called_again"]]]
    case = cases.take(pa.array(rows))
    days = case["called_on"].to_numpy() + np.where(np.arange(len(rows)) < cases.num_rows, 0, 2).astype("timedelta64[D]")
    at = days.astype("datetime64[s]") + rng.integers(8 * 3600, 18 * 3600, len(rows)).astype("timedelta64[s]")
    table = _tickets(rng, city, case["person"].to_numpy(), case["called_town"], at, 0)
    appeal = pc.if_else(pc.equal(case["kind"], "consultation"), "咨询", picked(rng, ["投诉", "求助", "举报"], len(rows), [0.6, 0.3, 0.1]))
    return replaced(table, appeal_type=appeal, content_class_code=picked(rng, ["邻里噪音", "土地宅基地", "物业管理"], len(rows)))


def _ordinary(rng: np.random.Generator, city: InventedCity, rows: int) -> pa.Table:
    who = rng.choice(callers(city), rows)
    at = moments(rng, city.now, rows, 390).to_numpy(zero_copy_only=False)
    home = city.residents["town_code"].take(pa.array(who)).to_numpy().copy()
    vague = rng.random(rows)
    home[vague < 0.05] = None
    home[vague > 0.99] = "411681"  # only the city is known
    table = _tickets(rng, city, who, pa.array(home, pa.string()), at, ORDINARY)
    second = pa.array(rng.random(rows) < 0.08)
    nobody = pa.array(rng.random(rows) < 0.06)
    phone = pc.if_else(second, phones(8_000_000 + who), table["caller_phone"].combine_chunks())
    none = pa.scalar(None, pa.string())
    return replaced(
        table,
        caller_phone=pc.if_else(nobody, none, phone),
        caller_name=pc.if_else(nobody, none, table["caller_name"].combine_chunks()),
        is_anonymous=pc.if_else(nobody, "1", "0"),
    )


def _tickets(rng: np.random.Generator, city: InventedCity, who: Rows, town: Any, at: Any, first: int) -> pa.Table:
    person = city.residents.take(pa.array(who))
    rows = len(who)
    kind = picked(rng, CLASSES, rows)
    called = pa.array(at.astype("datetime64[s]"))
    return pa.table(
        {
            "ticket_no": numbered("ZK12345", first + np.arange(rows) + 1, 8),
            "call_time": said(called),
            "channel_code": picked(rng, ["电话", "微信", "网站", "110转"], rows, [0.8, 0.12, 0.05, 0.03]),
            "caller_name": person["name"],
            "caller_phone": person["phone"],
            "caller_sex": pc.if_else(pc.equal(person["sex"], "1"), "男", "女"),
            "is_anonymous": pa.repeat(pa.scalar("0"), rows),
            "appeal_type": picked(rng, APPEALS, rows, APPEAL_SHARES),
            "content_class_code": kind,
            "title": pc.binary_join_element_wise("反映", kind, "问题", ""),
            "content": pc.binary_join_element_wise("来电人反映", person["address"], "附近", kind, "问题，请核实处理", ""),
            "occur_address": pc.binary_join_element_wise(person["address"], picked(rng, ["附近", "门口", "", "北二百米"], rows), ""),
            "region_code": town,
            "grid_code": grid_of(rng, grids(city), person["village"].to_numpy()),
            "lon": pa.array(np.round(114.89 + rng.normal(0, 0.09, rows), 6)),
            "lat": pa.array(np.round(33.44 + rng.normal(0, 0.07, rows), 6)),
            "urgency_code": picked(rng, ["一般", "紧急"], rows, [0.96, 0.04]),
            "undertake_org": picked(rng, ["城市管理局", "住建局", "人社局", "乡镇（街道）", "供水公司", "自然资源局"], rows),
            "limit_time": said(pa.array(at.astype("datetime64[s]") + np.timedelta64(5, "D"))),
            "status_code": picked(rng, ["待受理", "办理中", "已办结", "退回"], rows, [0.03, 0.12, 0.83, 0.02]),
            "is_repeat": picked(rng, ["0", "1"], rows, [0.93, 0.07]),
            "update_time": said(timed(rng, city, rows, 90)),
        }
    ).combine_chunks()


def _with_copies(rng: np.random.Generator, tickets: pa.Table) -> pa.Table:
    """Withdrawn versions that keep the number, and rows an unstable page order gave twice."""
    reissued = tickets.take(pa.array(some(rng, tickets.num_rows, PLAN["reissued"])))
    reissued = replaced(reissued, status_code="退回", undertake_org="信访局", update_time="2025-08-01 08:00:00")
    return shuffled(rng, stacked(tickets, reissued, tickets.take(pa.array(some(rng, tickets.num_rows, PLAN["identical"])))))


def _flow(rng: np.random.Generator, city: InventedCity, tickets: pa.Table) -> pa.Table:
    rows = 3 * tickets.num_rows
    step = np.tile(np.array(["受理", "派单", "签收"], dtype=object), tickets.num_rows)
    return pa.table(
        {
            "flow_id": numbered("LZ", np.arange(rows) + 1, 9),
            "ticket_no": tickets["ticket_no"].take(pa.array(np.arange(rows) // 3)),
            "action_code": pa.array(step, pa.string()),
            "from_org": pa.repeat(pa.scalar("12345热线办"), rows),
            "to_org": tickets["undertake_org"].take(pa.array(np.arange(rows) // 3)),
            "operator_name": picked(rng, ["话务员01", "话务员02", "话务员03", "话务员04"], rows),
            "action_time": said(moments(rng, city.now, rows, 390)),
            "opinion": picked(rng, ["请按职责办理", None], rows),
            "update_time": said(timed(rng, city, rows, 90)),
        }
    ).combine_chunks()


def _closed(tickets: pa.Table) -> pa.ChunkedArray:
    return tickets.filter(pc.equal(tickets["status_code"], "已办结"))["ticket_no"]


def _closures(rng: np.random.Generator, city: InventedCity, tickets: pa.Table) -> pa.Table:
    number = _closed(tickets)
    rows = len(number)
    return pa.table(
        {
            "ticket_no": number,
            "finish_time": said(moments(rng, city.now, rows, 380)),
            "result_desc": pa.repeat(pa.scalar("经核实已处理，并向来电人反馈"), rows),
            "solved_flag": picked(rng, ["1", "0"], rows, [0.9, 0.1]),
            "extension_times": pa.array(rng.choice(3, rows, p=[0.92, 0.06, 0.02])),
            "overdue_flag": picked(rng, ["0", "1"], rows, [0.95, 0.05]),
            "update_time": said(timed(rng, city, rows, 90)),
        }
    ).combine_chunks()


def _call_backs(rng: np.random.Generator, city: InventedCity, tickets: pa.Table) -> pa.Table:
    closed = _closed(tickets)
    number = closed.take(pa.array(some(rng, len(closed), int(len(closed) * 0.7))))
    rows = len(number)
    return pa.table(
        {
            "visit_id": numbered("HF", np.arange(rows) + 1, 9),
            "ticket_no": number,
            "visit_time": said(moments(rng, city.now, rows, 370)),
            "contact_flag": picked(rng, ["1", "0"], rows, [0.88, 0.12]),
            "solved_score": pa.array(rng.integers(1, 6, rows)),
            "satisfaction_code": picked(rng, ["满意", "基本满意", "不满意"], rows, [0.8, 0.14, 0.06]),
            "comment": pa.nulls(rows, pa.string()),
            "update_time": said(timed(rng, city, rows, 90)),
        }
    ).combine_chunks()


def _knowledge(rng: np.random.Generator, city: InventedCity) -> pa.Table:
    rows = 320
    topic = picked(rng, CLASSES, rows)
    return pa.table(
        {
            "kb_id": numbered("ZS", np.arange(rows) + 1, 5),
            "title": pc.binary_join_element_wise(topic, "办理指引", numbered("", np.arange(rows) + 1, 3), ""),
            "answer": pc.binary_join_element_wise("关于", topic, "，请持有效证件到所在乡镇（街道）便民服务中心办理。", ""),
            "task_code": numbered("11999999MB0000000", np.arange(rows) + 1, 4),
            "valid_to": pa.repeat(pa.scalar("2027-12-31"), rows),
            "org_name": picked(rng, ["城市管理局", "住建局", "人社局", "医保局"], rows),
            "update_time": said(timed(rng, city, rows, 300)),
        }
    ).combine_chunks()
