"""The true grids of the invented city, the people who work in them and the party organisations that lead them.

    City  ->  TASKS (rows of City.workers), grids, party organisations

Three systems tell of these in their own words; this is what they should agree on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from demo.city import WORKERS, InventedCity
from demo.dirt import picked, stacked
from demo.expected import FIGURES, PLANTED
from demo.numbers import numbered

_CHECK_IN = PLANTED["party_organisation/double_registration/check_in"]
_STAFF = PLANTED["political_legal/grid/grid_staff"]
_PLACES = ["第一中学", "中心市场", "人民医院", "产业园区", "汽车站", "文化公园", "批发城", "职业学校", "物流园", "商业广场"]


def _tasks() -> dict[str, slice]:
    """Who does what: rows of City.workers. Worker n lives in village n % 501, so the first 501 lead one village each."""
    sizes = {
        "leader": FIGURES["grid_leaders"],
        "full_time": FIGURES["grid_staff_full_time"],
        "part_time": FIGURES["grid_staff_part_time"],
        "volunteer": FIGURES["grid_volunteers"] - _CHECK_IN["only_here"],
        "volunteer_elsewhere": _CHECK_IN["only_here"],
        "police": 120,
        "building_head": 600,
        "left": _STAFF["left"],
        "deleted": _STAFF["deleted"],
        "bad_number": _STAFF["bad_check_digit"],
        "bad_role": _STAFF["unknown_code"],
        "bad_number_elsewhere": _CHECK_IN["bad_check_digit"],
    }
    tasks: dict[str, slice] = {}
    first = 0
    for name, size in sizes.items():
        tasks[name] = slice(first, first + size)
        first += size
    tasks["spare"] = slice(first, WORKERS)  # taken on by ticks
    return tasks


TASKS = _tasks()


def workers(task: str) -> npt.NDArray[np.int64]:
    """Their rows in City.workers."""
    return np.arange(WORKERS)[TASKS[task]]


def grids(city: InventedCity) -> pa.Table:
    """grid_code, grid_name, kind, village (where it lies, a row of City.villages), village_code (as on record), town_code; parents first."""
    rng = city.rng("grids")
    urban = city.villages["urban"].to_numpy()
    parents = _in_villages(city, np.arange(city.villages.num_rows), "parent")
    return stacked(
        parents,
        _in_villages(city, _spread(rng, np.flatnonzero(urban), FIGURES["grids_urban"]), "urban"),
        _in_villages(city, _spread(rng, np.flatnonzero(~urban), FIGURES["grids_rural"]), "rural"),
        _special(city, rng),
    )


def _spread(rng: np.random.Generator, villages: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Every village at least once, the rest by chance."""
    return np.sort(np.r_[villages, rng.choice(villages, count - len(villages))])


def _ordinals(groups: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """1, 2, 3 within each run of equal values."""
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.r_[starts, len(groups)])) + 1


def _in_villages(city: InventedCity, where: npt.NDArray[np.int64], kind: str) -> pa.Table:
    place = city.villages.take(pa.array(where))
    code, name = place["code"].combine_chunks(), place["short_name"].combine_chunks()
    if kind == "parent":
        codes, names = code, pc.binary_join_element_wise(name, "总网格", "")
    else:
        ordinal = _ordinals(where)
        codes = pc.binary_join_element_wise(code, numbered("J", ordinal, 3), "")
        names = pc.binary_join_element_wise(name, "第", pc.cast(pa.array(ordinal), pa.string()), "网格", "")
    return _table(codes, names, kind, pa.array(where, pa.int32()), code, place["town_code"].combine_chunks())


def _special(city: InventedCity, rng: np.random.Generator) -> pa.Table:
    """Schools, markets, hospitals: they lie in a town; for some a village is on record."""
    count = FIGURES["grids_special"]
    known = count - PLANTED["political_legal/grid/grid"]["no_village"]
    where = np.sort(rng.integers(0, city.villages.num_rows, count))
    place = city.villages.take(pa.array(where))
    has_village = np.zeros(count, dtype=bool)
    has_village[rng.choice(count, known, replace=False)] = True
    mask = pa.array(~has_village)
    towns = place["town_code"].combine_chunks()
    ordinal = _ordinals(towns.to_numpy(zero_copy_only=False))
    codes = pc.binary_join_element_wise(towns, numbered("000Z", ordinal, 3), "")
    names = pc.binary_join_element_wise(
        place["town_name"], picked(rng, _PLACES, count), "专属网格", pc.cast(pa.array(ordinal), pa.string()), ""
    )
    villages = pc.if_else(mask, pa.scalar(None, pa.string()), place["code"].combine_chunks())
    return _table(codes, names.combine_chunks(), "special", pa.array(where, pa.int32()), villages, towns)


def _table(codes: pa.Array, names: pa.Array, kind: str, village: pa.Array, village_code: pa.Array, town_code: pa.Array) -> pa.Table:
    kinds = pa.repeat(pa.scalar(kind), len(codes))
    return pa.table(
        {"grid_code": codes, "grid_name": names, "kind": kinds, "village": village, "village_code": village_code, "town_code": town_code}
    )


def grid_of(rng: np.random.Generator, base: pa.Table, villages: Any) -> pa.Array:
    """The code of one base grid in each of those villages (rows of City.villages)."""
    inside = base.filter(pc.is_in(base["kind"], pa.array(["urban", "rural"]))).sort_by("village")
    owner = inside["village"].to_numpy()
    where = np.asarray(villages, dtype=np.int64)
    first = np.searchsorted(owner, where, "left")
    size = np.searchsorted(owner, where, "right") - first
    return inside["grid_code"].combine_chunks().take(pa.array(first + rng.integers(0, 1 << 30, len(where)) % size))


def organisations(city: InventedCity) -> pa.Table:
    """code, name, kind, parent_code, village_code, grid_code, secretary (row of City.workers).

    Town committees, a branch for each village, groups in the grids, and households of members (known to the city only).
    """
    rng = city.rng("party organisations")
    base = grids(city)
    codes = _branch_codes(city)
    leaders = workers("leader")
    branches = _organisations(
        codes, city.villages["short_name"], "网格党支部", "grid_branch", _committee_codes(city), city.villages["code"],
        base["grid_code"].slice(0, len(codes)), leaders,
    )  # fmt: skip
    inside = base.filter(pc.not_equal(base["kind"], "parent")).sort_by("village")
    return stacked(branches, _below(rng, city, inside, "grid_group"), _below(rng, city, inside, "member_household"))


def _committee_codes(city: InventedCity) -> pa.Array:
    town = pc.index_in(city.villages["town_code"], city.towns["code"].combine_chunks())
    return numbered("994116", town.to_numpy() + 1, 2)


def _branch_codes(city: InventedCity) -> pa.Array:
    return pc.binary_join_element_wise(_committee_codes(city), numbered("", np.arange(city.villages.num_rows) + 1, 4), "")


def _below(rng: np.random.Generator, city: InventedCity, inside: pa.Table, kind: str) -> pa.Table:
    """Groups, at most one a grid; households of members, any number a grid."""
    group = kind == "grid_group"
    count = FIGURES["grid_party_groups" if group else "party_households"]
    chosen = np.sort(rng.choice(inside.num_rows, count, replace=not group))
    where = inside.take(pa.array(chosen))
    village = where["village"].to_numpy()
    parent = _branch_codes(city).take(pa.array(village))
    serial = numbered("1" if group else "7", _ordinals(village), 3)
    helpers = rng.choice(np.r_[workers("full_time"), workers("volunteer")], count)
    secretaries = workers("full_time")[rng.permutation(FIGURES["grid_staff_full_time"])[np.arange(count) % FIGURES["grid_staff_full_time"]]]
    return _organisations(
        pc.binary_join_element_wise(parent, serial, ""), where["grid_name"], "党小组" if group else "党员中心户", kind, parent,
        city.villages["code"].take(pa.array(village)), where["grid_code"], secretaries if group else helpers, ordinals=None if group else _ordinals(chosen),
    )  # fmt: skip


def _organisations(
    codes: Any, places: Any, suffix: str, kind: str, parents: Any, villages: Any, grid_codes: Any, secretaries: Any, ordinals: Any = None
) -> pa.Table:
    serial = "" if ordinals is None else pc.cast(pa.array(ordinals), pa.string())
    table = pa.table(
        {
            "code": codes,
            "name": pc.binary_join_element_wise(places, suffix, serial, ""),
            "kind": pa.repeat(pa.scalar(kind), len(codes)),
            "parent_code": parents,
            "village_code": villages,
            "grid_code": grid_codes,
            "secretary": pa.array(secretaries, pa.int32()),
        }
    )
    return table.combine_chunks()
