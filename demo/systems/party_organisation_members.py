"""ZZB-01 全国党员管理信息系统（县级导出）: party organisations, members, elections.

    City  ->  three CSV files a month, GB18030, whole

The national system pads its codes with blanks to a fixed width and writes dates as 2026.03.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from demo.changes import timed
from demo.city import InventedCity
from demo.dirt import days_before, patched, picked, replaced, said, shuffled, some, stacked
from demo.expected import PLANTED
from demo.grids import organisations
from demo.numbers import broken, numbered, usccs

KINDS = {"committee": "11", "general_branch": "21", "branch": "31", "grid_branch": "3W", "grid_group": "4W"}
WIDTH = 20  # of a code, in the export
ID_WIDTH = 20
FILES = {"organisation": "DZZ.csv", "member": "DY.csv", "election": "HJ.csv"}  # each export replaces the last one
ORGANS = 40


def tables(city: InventedCity) -> dict[str, pa.Table]:
    """Texts, as the files hold them."""
    organisation = _organisations(city)
    return {"organisation": organisation, "member": _members(city), "election": _elections(city)}


def files(now: dict[str, pa.Table]) -> dict[str, bytes]:
    """The export: file name -> bytes."""
    return {FILES[name]: _gb18030(table) for name, table in now.items()}


def tick(city: InventedCity, before: dict[str, pa.Table], n: int) -> dict[str, pa.Table]:
    """The n-th tick: a new export with two new members, one gone, three secretaries changed (SJXM)."""
    rng = city.rng(f"party_organisation/members/tick {n}")
    member, organisation = before["member"], before["organisation"]
    adults = np.flatnonzero(city.residents["birth_date"].to_numpy() < np.datetime64("2000-01-01"))
    new = _member_rows(rng, city, rng.choice(adults, 2, replace=False))
    known = pc.is_in(new["GMSFHM"], member["GMSFHM"].combine_chunks())
    member = stacked(member.slice(1), new.filter(pc.invert(known)).cast(member.schema))
    once = np.flatnonzero(pc.ends_with(organisation["ZZDM"], " ").to_numpy() & _single(organisation["ZZDM"]))
    changed = np.sort(rng.choice(once, 3, replace=False))
    return before | {"member": member, "organisation": patched(organisation, changed, SJXM=["王新任", "李新任", "张新任"])}


def _single(keys: pa.ChunkedArray) -> Any:
    """Which rows have a key that no other row has."""
    codes = keys.combine_chunks().dictionary_encode().indices.to_numpy()
    return np.bincount(codes)[codes] == 1


def _gb18030(table: pa.Table) -> bytes:
    out = io.BytesIO()
    csv.write_csv(table, out, csv.WriteOptions(include_header=True, quoting_style="needed"))
    return out.getvalue().decode("utf-8").replace("\n", "\r\n").encode("gb18030")


def _padded(codes: Any, width: int) -> pa.Array:
    return pc.utf8_rpad(codes, width=width, padding=" ")


def _organisations(city: InventedCity) -> pa.Table:
    rng = city.rng("party_organisation/members/organisation")
    plan = PLANTED["party_organisation/members/organisation"]
    true = organisations(city)
    true = true.filter(pc.is_in(true["kind"], pa.array(["grid_branch", "grid_group"])))
    grid = _organisation_rows(rng, city, true)
    above = _above(rng, city)
    unknown = replaced(
        grid.slice(0, plan["unknown_code"]), ZZLB="X9", ZZDM=_padded(numbered("99411699", np.arange(plan["unknown_code"]), 4), WIDTH)
    )
    old = grid.take(pa.array(some(rng, grid.num_rows, plan["repadded"])))
    repadded = replaced(old, ZZDM=_padded(old["ZZDM"], WIDTH + 4), ZZMC=pc.binary_join_element_wise("原", old["ZZMC"], ""))
    repadded = replaced(repadded, GXSJ="2024.05.06")
    identical = grid.take(pa.array(some(rng, grid.num_rows, plan["identical"])))
    return shuffled(rng, stacked(above, grid, unknown, repadded, identical))


def _organisation_rows(rng: np.random.Generator, city: InventedCity, true: pa.Table) -> pa.Table:
    rows = true.num_rows
    kinds = pa.array([KINDS[k] for k in true["kind"].to_pylist()])
    secretary = city.workers["name"].combine_chunks().take(true["secretary"].combine_chunks())
    return _rows(
        rng, city, codes=true["code"], names=true["name"], parents=true["parent_code"], kinds=kinds, secretaries=secretary,
        regions=true["village_code"], members=rng.integers(3, 60, rows), uscc=pa.nulls(rows, pa.string()),
    )  # fmt: skip


def _above(rng: np.random.Generator, city: InventedCity) -> pa.Table:
    """The town committees, and the committees, general branches and branches of the city's organs; no figure counts them."""
    towns = city.towns.num_rows
    sizes = {"committee": towns + ORGANS, "general_branch": 60, "branch": 380}
    kinds = np.repeat(list(sizes), list(sizes.values()))
    rows = len(kinds)
    codes = stacked(
        pa.table({"c": numbered("994116", np.arange(towns) + 1, 2)}),
        pa.table({"c": numbered("994116", 5000 + np.arange(rows - towns), 4)}),
    )["c"]
    names = [f"{n}党委" for n in city.towns["name"].to_pylist()] + [f"市直机关第{i + 1}党组织" for i in range(rows - towns)]
    people = city.residents["name"].combine_chunks().take(pa.array(rng.integers(0, city.residents.num_rows, rows)))
    return _rows(
        rng, city, codes=codes, names=pa.array(names), parents=pa.repeat(pa.scalar("994116"), rows),
        kinds=pa.array([KINDS[k] for k in kinds]), secretaries=people, regions=pa.repeat(pa.scalar("411681"), rows),
        members=rng.integers(8, 900, rows), uscc=usccs(70_000_000 + np.arange(rows), "11"),
    )  # fmt: skip


def _rows(
    rng: np.random.Generator, city: InventedCity, *, codes: Any, names: Any, parents: Any, kinds: Any, secretaries: Any, regions: Any,
    members: Any, uscc: Any,
) -> pa.Table:  # fmt: skip
    rows = len(codes)
    return pa.table(
        {
            "ZZDM": _padded(codes, WIDTH),
            "ZZMC": names,
            "SJZZDM": _padded(parents, WIDTH),
            "ZZLB": kinds,
            "TYSHXYDM": uscc,
            "SJXM": secretaries,
            "XZQHDM": regions,
            "DYS": pc.cast(pa.array(members), pa.string()),
            "CLRQ": said(pa.array(days_before(rng, city.today, rows, 9000, 200)), "%Y.%m"),
            "GXSJ": said(timed(rng, city, rows), "%Y.%m.%d"),
        }
    ).combine_chunks()


def _members(city: InventedCity) -> pa.Table:
    """About one resident in twenty-two."""
    rng = city.rng("party_organisation/members/member")
    plan = PLANTED["party_organisation/members/member"]
    born = city.residents["birth_date"].to_numpy()
    grown = np.flatnonzero((born < np.datetime64(city.today) - np.timedelta64(19 * 366, "D")) & (rng.random(len(born)) < 0.06))
    table = _member_rows(rng, city, grown)
    wrong = some(rng, table.num_rows, plan["bad_check_digit"])
    bare = pc.utf8_trim_whitespace(table["GMSFHM"]).combine_chunks()
    table = patched(table, wrong, GMSFHM=_padded(broken(bare, wrong).take(pa.array(wrong)), ID_WIDTH))
    return shuffled(rng, stacked(table, table.take(pa.array(some(rng, table.num_rows, plan["identical"])))))


def _member_rows(rng: np.random.Generator, city: InventedCity, who: Any) -> pa.Table:
    person = city.residents.take(pa.array(who))
    rows = person.num_rows
    age = person["birth_date"].to_numpy() + (rng.integers(19, 21, rows) * 366).astype("timedelta64[D]")
    joined = np.minimum(age + rng.integers(0, 4000, rows).astype("timedelta64[D]"), np.datetime64(city.today, "D"))
    full = pa.array(joined + np.timedelta64(365, "D"))
    probationary = pa.array(joined > np.datetime64(city.today, "D") - np.timedelta64(365, "D"))
    village = pc.cast(person["village"], pa.int64()).to_numpy()
    town = pc.index_in(person["town_code"], city.towns["code"].combine_chunks()).to_numpy()
    branch = pc.binary_join_element_wise(numbered("994116", town + 1, 2), numbered("", village + 1, 4), "")
    state = pc.if_else(probationary, "2", "1")
    return pa.table(
        {
            "XM": person["name"],
            "ZJLX": pa.repeat(pa.scalar("111"), rows),
            "GMSFHM": _padded(person["id_number"], ID_WIDTH),
            "XBDM": person["sex"],
            "MZDM": person["ethnicity"],
            "CSRQ": said(person["birth_date"], "%Y.%m.%d"),
            "LXDH": person["phone"],
            "ZZDM": _padded(branch, WIDTH),
            "RDRQ": said(pa.array(joined), "%Y.%m"),
            "ZZRQ": pc.if_else(probationary, pa.scalar(None, pa.string()), said(full, "%Y.%m")),
            "XLDM": picked(rng, ["10", "20", "30", "40", "60", "70", "80"], rows, [0.02, 0.14, 0.2, 0.1, 0.2, 0.26, 0.08]),
            "ZZMMDM": pc.if_else(probationary, "02", "01"),
            "DYZT": state,
            "GXSJ": said(timed(rng, city, rows), "%Y.%m.%d"),
        }
    ).combine_chunks()


def _elections(city: InventedCity) -> pa.Table:
    rng = city.rng("party_organisation/members/election")
    true = organisations(city)
    branches = true.filter(pc.equal(true["kind"], "grid_branch"))["code"]
    rows = len(branches)
    held = days_before(rng, city.today, rows, 1000, 30)
    return pa.table(
        {
            "ZZDM": _padded(branches, WIDTH),
            "JC": pc.cast(pa.array(rng.integers(2, 9, rows)), pa.string()),
            "HJRQ": said(pa.array(held), "%Y.%m"),
            "RQNX": pa.repeat(pa.scalar("3"), rows),
            "XCHJRQ": said(pa.array(held + np.timedelta64(3 * 365, "D")), "%Y.%m"),
            "WYS": pc.cast(pa.array(rng.integers(3, 8, rows)), pa.string()),
            "GXSJ": said(timed(rng, city, rows), "%Y.%m.%d"),
        }
    ).combine_chunks()
