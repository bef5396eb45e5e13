"""MZJ-03 养老服务与高龄津贴系统: who gets an old-age allowance, certifications, payments, homes for the old.

    City  ->  four interfaces with offset and limit, a token and an update time

Payment goes on after a death until the certification lapses: `demo.deaths.still_paid` says for whom.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.changes import Rows, appended, moment, restamped, timed
from demo.city import InventedCity
from demo.deaths import MONTHS, ages, mistaken, month_of, registered, still_paid
from demo.dirt import patched, picked, replaced, said, shuffled, some, stacked
from demo.expected_b import ALLOWANCE, PLANTED
from demo.numbers import broken, numbered, usccs

NEVER = 1_000_000  # a month that never comes


def tables(city: InventedCity) -> dict[str, pa.Table]:
    """As the interfaces answer, times and months as texts."""
    who, last = _paid_until(city)
    return {
        "recipient": _recipients(city, who, last),
        "certification": _certifications(city, who),
        "payment": _payments(city, who, last),
        "home": _homes(city),
    }


def tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> dict[str, pa.Table]:
    """The n-th tick: five recipients have a new phone (one late), two more certifications."""
    rng = city.rng(f"civil_affairs/elderly/tick {n}")
    recipient, certification = before["recipient"], before["certification"]
    phones = numbered("1990097", rng.integers(0, 9999, 5), 4)
    new = replaced(certification.slice(0, 2), cert_id=numbered("GRT", n * 10 + np.arange(2), 9))
    new = replaced(new, update_time=moment(city, n).strftime("%Y-%m-%d %H:%M:%S"))
    return before | {
        "recipient": restamped(city, n, recipient, some(rng, recipient.num_rows, 5), late=1, phone=phones),
        "certification": appended(certification, new),
    }


def _paid_until(city: InventedCity) -> tuple[Rows, Rows]:
    """Residents who are or were over 80 in the last year, and the last month each was paid for (NEVER: still paid)."""
    now = int(month_of(np.array([city.today], dtype="datetime64[D]"))[0])
    ended = np.full(city.residents.num_rows, NEVER)
    dead = registered(city)
    ended[dead["resident"].to_numpy()] = month_of(dead["cancel_date"].to_numpy())
    ended[still_paid(city)["resident"].to_numpy()] = NEVER
    who = np.flatnonzero((ages(city) > 80) & (ended > now - MONTHS))
    return who, ended[who]


def _first_month(city: InventedCity, who: Rows) -> Rows:
    """The month of the eightieth birthday."""
    return month_of(city.residents["birth_date"].to_numpy()[who]) + 80 * 12


def _band(city: InventedCity, who: Rows) -> Rows:
    """0 for 80 to 89, 1 from 90, 2 from 100."""
    return np.digitize(ages(city)[who], [90, 100])


def _amount(city: InventedCity, who: Rows) -> Rows:
    return np.array([ALLOWANCE, 100, 300])[_band(city, who)]


def _month(months: Rows) -> pa.Array:
    return numbered("", (1970 + months // 12) * 100 + months % 12 + 1, 6)


def _recipients(city: InventedCity, who: Rows, last: Rows) -> pa.Table:
    rng = city.rng("civil_affairs/elderly/recipient")
    plan = PLANTED["civil_affairs/elderly/recipient"]
    person = city.residents.take(pa.array(who))
    rows = len(who)
    stopped = pa.array(last != NEVER)
    none = pa.scalar(None, pa.string())
    table = pa.table(
        {
            "name": person["name"],
            "cert_type": pa.repeat(pa.scalar("111"), rows),
            "id_no": person["id_number"],
            "sex_code": person["sex"],
            "ethnicity_code": person["ethnicity"],
            "birth_date": said(person["birth_date"], "%Y-%m-%d"),
            "phone": pc.if_else(pa.array(rng.random(rows) < 0.8), person["phone"], none),
            "village_code": person["village_code"],
            "town_code": person["town_code"],
            "age_band": pa.array(np.array(["80-89", "90-99", "100+"], dtype=object)[_band(city, who)], pa.string()),
            "monthly_amount": pa.array(_amount(city, who)),
            "start_month": _month(_first_month(city, who)),
            "stop_month": pc.if_else(stopped, _month(np.minimum(last, NEVER - 1) + 1), none),
            "stop_reason": pc.if_else(stopped, "死亡", none),
            "bank_card_no": numbered("9999009999", who, 9),
            "pay_status": pc.if_else(stopped, "停发", "发放"),
            "update_time": said(timed(rng, city, rows)),
        }
    ).combine_chunks()
    safe = np.flatnonzero(~np.isin(who, np.r_[still_paid(city)["resident"].to_numpy(), mistaken(city)]))
    chosen = rng.choice(safe[safe < rows - 1], plan["bad_check_digit"] + plan["again"], replace=False)
    wrong, twice = chosen[: plan["bad_check_digit"]], chosen[plan["bad_check_digit"] :]
    table = patched(table, wrong, id_no=broken(table["id_no"].combine_chunks(), wrong).take(pa.array(wrong)))
    again = replaced(table.take(pa.array(twice)), id_no=pc.binary_join_element_wise(table["id_no"].take(pa.array(twice)), " ", ""))
    return shuffled(rng, stacked(table, replaced(again, update_time="2025-03-01 08:00:00")))


def _payments(city: InventedCity, who: Rows, last: Rows) -> pa.Table:
    """A row for each month paid; a few fail, seven of them after a death."""
    rng = city.rng("civil_affairs/elderly/payment")
    plan = PLANTED["civil_affairs/elderly/payment"]
    now = int(month_of(np.array([city.today], dtype="datetime64[D]"))[0])
    first = np.maximum(_first_month(city, who), now - MONTHS + 1)
    until = np.minimum(last, now)
    months = np.maximum(until - first + 1, 0)
    until_of = np.repeat(first, months) + _counted(months)
    table = _payment_rows(city, rng, np.repeat(who, months), until_of)
    planted = np.isin(np.repeat(who, months), still_paid(city)["resident"].to_numpy())
    failed = rng.choice(np.flatnonzero(~planted), 5, replace=False)
    table = patched(table, failed, pay_result="0", fail_reason="账户状态异常")
    gone = np.flatnonzero((last < now) & (last != NEVER))[: plan["failed_after_death"]]
    after = replaced(_payment_rows(city, rng, who[gone], last[gone] + 1), pay_result="0", fail_reason="账户已注销")
    return shuffled(rng, stacked(table, after))


def _counted(lengths: Rows) -> Rows:
    """0, 1, 2 … for each length, one after the other."""
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.arange(len(starts)) - starts


def _payment_rows(city: InventedCity, rng: np.random.Generator, who: Rows, months: Rows) -> pa.Table:
    rows = len(who)
    day = months.astype("datetime64[M]").astype("datetime64[D]") + np.timedelta64(14, "D")
    text = said(pa.array(day), "%Y-%m-%d")
    return pa.table(
        {
            "pay_month": _month(months),
            "id_no": city.residents["id_number"].take(pa.array(who)),
            "amount": pa.array(_amount(city, who)),
            "pay_date": text,
            "pay_result": pa.repeat(pa.scalar("1"), rows),
            "fail_reason": pa.nulls(rows, pa.string()),
            "update_time": pc.binary_join_element_wise(text, said(timed(rng, city, rows), "%H:%M:%S"), " "),
        }
    ).combine_chunks()


def _certifications(city: InventedCity, who: Rows) -> pa.Table:
    rng = city.rng("civil_affairs/elderly/certification")
    rows = len(who)
    agent = rng.random(rows) < 0.2
    times = timed(rng, city, rows, 300)
    return pa.table(
        {
            "cert_id": numbered("GR", np.arange(rows) + 1, 9),
            "id_no": city.residents["id_number"].take(pa.array(who)),
            "cert_period": pa.repeat(pa.scalar(f"{city.today.year}上半年"), rows),
            "cert_way": pa.array(np.where(agent, "代认证", "人脸").astype(object), pa.string()),
            "cert_time": said(times),
            "cert_result": picked(rng, ["通过", "未通过"], rows, [0.97, 0.03]),
            "operator_id": numbered("CZ", rng.integers(0, 500, rows), 4),
            "agent_relation": pc.if_else(pa.array(agent), "子女", pa.scalar(None, pa.string())),
            "update_time": said(times),
        }
    ).combine_chunks()


def _homes(city: InventedCity) -> pa.Table:
    rng = city.rng("civil_affairs/elderly/home")
    place = city.towns
    beds = rng.integers(40, 260, place.num_rows)
    return pa.table(
        {
            "uscc": usccs(80_000_000 + np.arange(place.num_rows), "52"),
            "institution_name": pc.binary_join_element_wise(place["name"], "养老服务中心", ""),
            "bed_count": pa.array(beds),
            "occupied_count": pa.array((beds * 0.6).astype(np.int64)),
            "region_code": place["code"],
            "star_level": picked(rng, ["一星", "二星", "三星"], place.num_rows),
            "contact_phone": numbered("1990066", np.arange(place.num_rows), 4),
            "update_time": said(timed(rng, city, place.num_rows)),
        }
    ).combine_chunks()
