"""Disputes that two systems hear of: who called 12345 and also went to the mediators.

    City  ->  the planted cases, each with what makes it match or only look like a match

Callers, parties and planted people are different residents (by row modulo 3), so nothing matches by chance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from demo.city import InventedCity
from demo.dirt import days_before
from demo.expected import PLANTED

Rows = npt.NDArray[np.int64]
PLAN = PLANTED["approvals/hotline/ticket"]
KINDS = ("twice", "other_town", "long_ago", "consultation")


def callers(city: InventedCity) -> Rows:
    return _grown(city, 0)


def parties(city: InventedCity) -> Rows:
    return _grown(city, 1)


def planted(city: InventedCity) -> pa.Table:
    """The cases: person (row of City.residents), kind, happened_on, town_code, called_on, called_town."""
    rng = city.rng("disputes")
    kinds = np.repeat(KINDS, [PLAN[k] for k in KINDS])
    rows = len(kinds)
    who = np.sort(rng.choice(_grown(city, 2), rows, replace=False))
    town = city.residents["town_code"].take(pa.array(who))
    happened = days_before(rng, city.today, rows, 330, 40)
    called = happened + np.where(kinds == "long_ago", -60, rng.integers(-10, 11, rows)).astype("timedelta64[D]")
    towns = city.towns["code"].to_numpy()
    place = np.searchsorted(towns, town.to_numpy())
    elsewhere = towns[(place + np.where(kinds == "other_town", 1, 0)) % len(towns)]
    return pa.table(
        {
            "person": pa.array(who, pa.int32()),
            "kind": pa.array(kinds.astype(object), pa.string()),
            "happened_on": pa.array(happened),
            "town_code": town,
            "called_on": pa.array(called),
            "called_town": pa.array(elsewhere, pa.string()),
        }
    ).combine_chunks()


def _grown(city: InventedCity, part: int) -> Rows:
    born = city.residents["birth_date"].to_numpy()
    grown = born < np.datetime64(city.today, "D") - np.timedelta64(19 * 366, "D")
    return np.flatnonzero(grown & (np.arange(len(born)) % 3 == part))
