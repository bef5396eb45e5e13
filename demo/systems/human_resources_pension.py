"""RSJ-01 城乡居民养老保险系统: enrolment, contributions, benefits, eligibility certification.

    City  ->  four tables with an update time AAE036 (Oracle in the original), named as the social-insurance standard names them

The personal number AAC001 is not the identity number AAC002; sex AAC004 is 1, 2 or 9. From the second tick on the
enrolment table has a column nobody announced (AAE159).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.changes import LATE, moment, timed, without
from demo.city import InventedCity
from demo.deaths import ages, month_of, registered
from demo.dirt import days_before, patched, picked, replaced, said, shuffled, some, stacked
from demo.expected_b import PLANTED
from demo.numbers import broken, numbered

LEVELS = {"200": 0.55, "300": 0.2, "500": 0.12, "1000": 0.08, "3000": 0.05}
BENEFIT_MONTHS = 2
UNANNOUNCED = "AAE159"  # an e-mail address, from the second tick on


def tables(city: InventedCity) -> dict[str, pa.Table]:
    enrolment = _enrolment(city)
    return {
        "enrolment": enrolment,
        "contribution": _contributions(city, enrolment),
        "benefit": _benefits(city, enrolment),
        "certification": _certifications(city, enrolment),
    }


def tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> dict[str, pa.Table]:
    """The n-th tick: seven change their level (one late), two rows vanish; at the second a column appears."""
    rng = city.rng(f"human_resources/pension/tick {n}")
    table = before["enrolment"]
    if n >= 2 and UNANNOUNCED not in table.column_names:
        table = table.append_column(UNANNOUNCED, pa.nulls(table.num_rows, pa.string()))
    rows = some(rng, table.num_rows, 9)
    times = np.full(7, np.datetime64(moment(city, n), "us"))
    times[-1] -= np.timedelta64(LATE, "us")
    mail = {UNANNOUNCED: "yangli@example.invalid"} if UNANNOUNCED in table.column_names else {}
    changed = patched(table, rows[:7], AAA041="500", AAE036=pa.array(times), **mail)
    return before | {"enrolment": without(changed, rows[7:])}


def _enrolment(city: InventedCity) -> pa.Table:
    rng = city.rng("human_resources/pension/enrolment")
    plan = PLANTED["human_resources/pension/enrolment"]
    age = ages(city)
    who = np.flatnonzero((age > 16) & (rng.random(len(age)) < 0.62))
    person = city.residents.take(pa.array(who))
    rows = len(who)
    dead = np.isin(who, registered(city)["resident"].to_numpy())
    table = pa.table(
        {
            "AAC001": numbered("4116", 10_000_000 + who, 10),
            "AAC058": pa.repeat(pa.scalar("01"), rows),
            "AAC002": person["id_number"],
            "AAC003": person["name"],
            "AAC004": person["sex"],
            "AAC005": person["ethnicity"],
            "AAC006": said(person["birth_date"], "%Y%m%d"),
            "AAE005": person["phone"],
            "AAC049": said(pa.array(days_before(rng, city.today, rows, 5000, 30)), "%Y%m"),
            "AAA041": picked(rng, list(LEVELS), rows, list(LEVELS.values())),
            "AAC008": pa.array(np.where(dead & (rng.random(rows) < 0.8), "4", np.where(rng.random(rows) < 0.03, "2", "1"))),
            "AAB301": person["village_code"],
            "AAE036": timed(rng, city, rows),
        }
    ).combine_chunks()
    sizes = [plan[d] for d in ("bad_check_digit", "not_said", "no_time", "second_number")]
    wrong, unsaid, timeless, second = np.split(rng.choice(rows - 1, sum(sizes), replace=False), np.cumsum(sizes)[:-1])
    ids = table["AAC002"].combine_chunks()
    table = patched(table, wrong, AAC002=broken(ids, wrong).take(pa.array(wrong)))
    table = patched(patched(table, unsaid, AAC004="9"), timeless, AAE036=None)
    again = table.take(pa.array(second))
    past = pa.array(again["AAE036"].to_numpy() - np.timedelta64(900, "D"))
    again = replaced(again, AAC001=numbered("4117", 10_000_000 + second, 10), AAC008="4", AAE036=past)
    return shuffled(rng, stacked(table, again))


def _contributions(city: InventedCity, enrolment: pa.Table) -> pa.Table:
    """One a year and person under 60, for two years."""
    rng = city.rng("human_resources/pension/contribution")
    young = enrolment.filter(
        pc.and_(pc.greater(enrolment["AAC006"], f"{city.today.year - 60}0101"), pc.starts_with(enrolment["AAC001"], "4116"))
    )
    years = [str(city.today.year - 2), str(city.today.year - 1)]
    return stacked(*(_contributions_of(rng, city, young, year) for year in years))


def _contributions_of(rng: np.random.Generator, city: InventedCity, person: pa.Table, year: str) -> pa.Table:
    rows = person.num_rows
    return pa.table(
        {
            "AAE001": pa.repeat(pa.scalar(year), rows),
            "AAC001": person["AAC001"],
            "AAC002": person["AAC002"],
            "AAA041": person["AAA041"],
            "AAE022": pc.cast(person["AAA041"], pa.decimal128(10, 2)),
            "AAE023": pa.repeat(pa.scalar("30.00"), rows).cast(pa.decimal128(10, 2)),
            "AAE200": said(pa.array(days_before(rng, city.today, rows, 330, 30)), f"{year}%m%d"),
            "AAE036": timed(rng, city, rows),
        }
    ).combine_chunks()


def _benefits(city: InventedCity, enrolment: pa.Table) -> pa.Table:
    """The last months of everybody over 60."""
    rng = city.rng("human_resources/pension/benefit")
    old = pc.less_equal(enrolment["AAC006"], f"{city.today.year - 61}1231")
    person = enrolment.filter(pc.and_(old, pc.and_(pc.starts_with(enrolment["AAC001"], "4116"), pc.equal(enrolment["AAC008"], "1"))))
    now = int(month_of(np.array([city.today], dtype="datetime64[D]"))[0])
    return stacked(*(_benefits_of(rng, city, person, now - back) for back in range(BENEFIT_MONTHS)))


def _benefits_of(rng: np.random.Generator, city: InventedCity, person: pa.Table, month: int) -> pa.Table:
    rows = person.num_rows
    money = pa.decimal128(10, 2)
    account = np.round(rng.uniform(2, 90, rows), 2)
    return pa.table(
        {
            "AAE003": pa.repeat(pa.scalar(f"{1970 + month // 12}{month % 12 + 1:02d}"), rows),
            "AAC001": person["AAC001"],
            "AAC002": person["AAC002"],
            "AIC145": pa.repeat(pa.scalar("123.00"), rows).cast(money),
            "AIC146": pc.cast(pa.array(account), money, safe=False),
            "AIC160": pc.cast(pa.array(account + 123), money, safe=False),
            "AAE117": pa.repeat(pa.scalar("1"), rows),
            "AAE036": timed(rng, city, rows, 60),
        }
    ).combine_chunks()


def _certifications(city: InventedCity, enrolment: pa.Table) -> pa.Table:
    rng = city.rng("human_resources/pension/certification")
    old = enrolment.filter(pc.less_equal(enrolment["AAC006"], f"{city.today.year - 61}1231"))
    rows = old.num_rows
    when = days_before(rng, city.today, rows, 360, 2)
    return pa.table(
        {
            "RZBH": numbered("RZ", np.arange(rows) + 1, 10),
            "AAC002": old["AAC002"],
            "RZFS": picked(rng, ["人脸", "社保卡", "村级现场", "上门"], rows, [0.6, 0.1, 0.25, 0.05]),
            "RZSJ": said(pa.array(when.astype("datetime64[s]")), "%Y-%m-%d %H:%M:%S"),
            "RZJG": picked(rng, ["1", "0"], rows, [0.98, 0.02]),
            "XCRZRQ": said(pa.array(when + np.timedelta64(365, "D")), "%Y-%m-%d"),
            "AAE036": timed(rng, city, rows),
        }
    ).combine_chunks()
