"""XZSP-04 电子证照共享系统（市级节点）: the index of certificates, their faces, uses and errors.

    City  ->  four front-end tables with CD_OPERATION, CD_TIME, CD_BATCH and a row status the hub writes back

The city node of 周口; the front end is a SQLite file here, DM8 in the original.
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
from demo.numbers import broken, numbered

MARKS = MarkNames("CD_OPERATION", "CD_TIME", "CD_BATCH", "EXCH_STATUS")
KINDS = {  # type code -> name, who issues it, its share
    "11100000000013338W001": ("中华人民共和国结婚证", "项城市民政局", 0.25),
    "11100000000013338W010": ("中华人民共和国残疾人证", "项城市残疾人联合会", 0.1),
    "11100000000013127D018": ("中华人民共和国机动车驾驶证", "周口市公安局交通警察支队", 0.55),
    "11100000MB0143028R022": ("不动产权证书", "项城市自然资源和规划局", 0.1),
}


def tables(city: InventedCity) -> dict[str, pa.Table]:
    """Times as texts: the file has no other."""
    certificate = _certificates(city)
    sound = certificate.filter(pc.is_valid(certificate["CERTIFICATE_NAME"]))
    return {
        "certificate": _texts(certificate),
        "face": _texts(_faces(city, sound)),
        "use": _texts(_uses(city, sound)),
        "error": _texts(_errors(city, sound)),
    }


def tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> dict[str, pa.Table]:
    """The n-th tick: a batch of six new certificates (one late), five that lose their force, two deleted."""
    rng = city.rng(f"approvals/certificates/tick {n}")
    table = before["certificate"]
    times = pc.strptime(table[MARKS.at], "%Y-%m-%d %H:%M:%S", "us")
    timed = table.set_column(table.schema.get_field_index(MARKS.at), MARKS.at, times)
    now = MARKS.newest(timed, "CERTIFICATE_ID")
    chosen = now.take(pa.array(some(rng, now.num_rows, 7)))
    ended = replaced(chosen.slice(0, 5), STATUS="注销")
    gone = emptied(chosen.slice(5, 2), ("CERTIFICATE_ID", *MARKS.names))
    new = _rows(city, rng, _adults(city, rng, 6), 50_000_000 + n * 100 + np.arange(6))
    ticked = (MARKS.ticked(city, n, new, "I", late=1), MARKS.ticked(city, n, ended, "U"), MARKS.ticked(city, n, gone, "D"))
    return before | {"certificate": with_more(table, *(_texts(t) for t in ticked))}


def _texts(table: pa.Table) -> pa.Table:
    at = table.schema.get_field_index(MARKS.at)
    return table.set_column(at, MARKS.at, said(table[MARKS.at])).combine_chunks()


def _adults(city: InventedCity, rng: np.random.Generator, rows: int) -> Rows:
    grown = np.flatnonzero(ages(city) > 20)
    return np.asarray(grown[rng.integers(0, len(grown), rows)])


def _rows(city: InventedCity, rng: np.random.Generator, who: Rows, serials: Rows) -> pa.Table:
    rows = len(who)
    person = city.residents.take(pa.array(who))
    codes = list(KINDS)
    shares = [share for _, _, share in KINDS.values()]
    kind = rng.choice(len(codes), rows, p=np.array(shares) / sum(shares))
    of = pa.array(kind)
    issued = days_before(rng, city.today, rows, 3000, 2)
    return pa.table(
        {
            "CERTIFICATE_ID": pc.binary_join_element_wise("1.2.156.3005.2", pa.array(codes).take(of), numbered("", serials, 10), "."),
            "CERTIFICATE_NAME": pa.array([name for name, _, _ in KINDS.values()]).take(of),
            "CERTIFICATE_TYPE_CODE": pa.array(codes).take(of),
            "CERTIFICATE_NUMBER": numbered("411681", serials, 10),
            "ISSUE_DEPT": pa.array([dept for _, dept, _ in KINDS.values()]).take(of),
            "CERTIFICATE_AREA_CODE": pa.repeat(pa.scalar("411681"), rows),
            "HOLDER_NAME": person["name"],
            "HOLDER_CODE": person["id_number"],
            "HOLDER_TYPE": pa.repeat(pa.scalar("自然人"), rows),
            "ISSUE_DATE": said(pa.array(issued), "%Y-%m-%d"),
            "VALID_FROM": said(pa.array(issued), "%Y-%m-%d"),
            "VALID_TO": pc.if_else(pa.array(kind == 2), said(pa.array(issued + np.timedelta64(3652, "D")), "%Y-%m-%d"), "9999-12-31"),
            "STATUS": picked(rng, ["有效", "过期", "注销", "吊销"], rows, [0.9, 0.05, 0.04, 0.01]),
        }
    ).combine_chunks()


def _certificates(city: InventedCity) -> pa.Table:
    """About three certificates for ten residents."""
    rng = city.rng("approvals/certificates/certificate")
    plan = PLANTED["approvals/certificates/certificate"]
    rows = 200 + round(300_000 * city.scale)
    table = MARKS.on(rng, city, _rows(city, rng, _adults(city, rng, rows), np.arange(rows) + 1))
    sizes = [plan[d] for d in ("older", "deleted", "unknown_code", "bad_check_digit", "identical")]
    older, gone, odd, wrong, twice = np.split(rng.choice(rows, sum(sizes), replace=False), np.cumsum(sizes)[:-1])
    ids = table["HOLDER_CODE"].combine_chunks()
    table = patched(patched(table, wrong, HOLDER_CODE=broken(ids, wrong).take(pa.array(wrong))), odd, STATUS="变更")
    return shuffled(
        rng,
        stacked(
            patched(table, older, CD_OPERATION="U"),
            MARKS.earlier(rng, table, older, STATUS="有效"),
            MARKS.went(rng, city, table.take(pa.array(gone)), ("CERTIFICATE_ID",)),
            table.take(pa.array(twice)),
        ),
    )


def _some_of(city: InventedCity, name: str, certificate: pa.Table, share: float) -> tuple[np.random.Generator, pa.Table]:
    rng = city.rng(f"approvals/certificates/{name}")
    ids = pc.unique(certificate["CERTIFICATE_ID"])
    return rng, pa.table({"CERTIFICATE_ID": ids.take(pa.array(some(rng, len(ids), max(int(len(ids) * share), 5))))})


def _faces(city: InventedCity, certificate: pa.Table) -> pa.Table:
    rng, of = _some_of(city, "face", certificate, 0.2)
    face = pc.binary_join_element_wise('{"编号":"', of["CERTIFICATE_ID"], '","照面":"样例"}', "")
    table = of.append_column("SURFACE_JSON", face).append_column("VERSION", pa.repeat(pa.scalar("1.0"), of.num_rows))
    return MARKS.on(rng, city, table)


def _uses(city: InventedCity, certificate: pa.Table) -> pa.Table:
    rng, of = _some_of(city, "use", certificate, 0.3)
    rows = of.num_rows
    table = pa.table(
        {
            "USE_ID": numbered("YZ", np.arange(rows) + 1, 9),
            "CERTIFICATE_ID": of["CERTIFICATE_ID"],
            "USER_ORG": picked(rng, ["政务服务大厅", "不动产登记中心", "医保服务中心"], rows),
            "USE_TIME": said(pa.array(days_before(rng, city.today, rows, 300, 1).astype("datetime64[s]"))),
            "AUTH_MODE": picked(rng, ["扫码", "人脸", "短信"], rows),
        }
    )
    return MARKS.on(rng, city, table)


def _errors(city: InventedCity, certificate: pa.Table) -> pa.Table:
    rng, of = _some_of(city, "error", certificate, 0.002)
    rows = of.num_rows
    table = pa.table(
        {
            "ERROR_ID": numbered("YC", np.arange(rows) + 1, 7),
            "CERTIFICATE_ID": of["CERTIFICATE_ID"],
            "ERROR_REMARK": picked(rng, ["照面信息与登记不符", "签章失效", "持证人姓名有误"], rows),
            "REPORT_TIME": said(pa.array(days_before(rng, city.today, rows, 200, 20).astype("datetime64[s]"))),
            "FIX_TIME": pa.nulls(rows, pa.string()),
        }
    )
    return MARKS.on(rng, city, table)
