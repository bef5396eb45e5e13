"""Who has died according to the police, and who was still paid an old-age allowance after that.

    City  ->  registered: resident, death_date, cancel_date      still_paid: the same, with the town and the months

Every town has two to four people who are still paid, at every scale (63 in all), each between 80 and 89 years old.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from demo.city import InventedCity

MONTHS = 12  # of payments kept, the city's present month included
PER_TOWN = (3, 2, 4)  # people still paid, by the town's place in the list, over and over
REVIVED = 5  # deaths registered by mistake and taken back: paid, and rightly so


def month_of(dates: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Months since 1970."""
    return dates.astype("datetime64[M]").astype(np.int64)


def ages(city: InventedCity) -> npt.NDArray[np.float64]:
    born = city.residents["birth_date"].to_numpy()
    return np.asarray((np.datetime64(city.today, "D") - born).astype(np.int64) / 365.25)


@lru_cache(maxsize=2)
def _chosen(held: _Held) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Living residents over 80 (rows of residents): those still paid after a death, and those whose death is a mistake."""
    city = held.city
    age = ages(city)
    living = np.ones(len(age), dtype=bool)
    living[city.deaths["resident"].to_numpy()] = False
    pool = np.flatnonzero(living & (age > 80.5) & (age < 89.5))
    towns = city.residents["town_code"].to_numpy(zero_copy_only=False)[pool]
    paid: list[int] = []
    revived: list[int] = []
    for place, town in enumerate(city.towns["code"].to_pylist()):
        here = pool[towns == town]
        wanted = min(PER_TOWN[place % len(PER_TOWN)], max(len(here) - 1, 0))  # less only where a small city lacks the people
        paid += here[:wanted].tolist()
        revived += here[wanted : wanted + 1].tolist()
    return np.array(paid), np.array(revived[:REVIVED])


class _Held:
    """A city that may stand in a cache: two of one seed and scale are the same."""

    def __init__(self, city: InventedCity) -> None:
        self.city = city

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and (self.city.seed, self.city.scale) == (other.city.seed, other.city.scale)

    def __hash__(self) -> int:
        return hash((self.city.seed, self.city.scale))


def still_paid(city: InventedCity) -> pa.Table:
    """resident, town_code, death_date, cancel_date, months: paid in each of the months after the one of the registration."""
    rows, _ = _chosen(_Held(city))
    months = np.arange(len(rows)) % 6 + 1
    first = (np.datetime64(city.today, "M") - months.astype("timedelta64[M]")).astype("datetime64[D]")
    cancelled = first + (np.arange(len(rows)) % 26).astype("timedelta64[D]")
    return pa.table(
        {
            "resident": pa.array(rows, pa.int32()),
            "town_code": city.residents["town_code"].take(pa.array(rows)),
            "death_date": pa.array(cancelled - (3 + np.arange(len(rows)) % 19).astype("timedelta64[D]")),
            "cancel_date": pa.array(cancelled),
            "months": pa.array(months, pa.int32()),
        }
    ).combine_chunks()


def mistaken(city: InventedCity) -> npt.NDArray[np.int64]:
    """Residents whose death was registered and taken back."""
    return _chosen(_Held(city))[1]


def registered(city: InventedCity) -> pa.Table:
    """resident, death_date, cancel_date of everybody the police count as dead, in the order of the register."""
    names = ["resident", "death_date", "cancel_date"]
    both = pa.concat_tables([city.deaths.select(names), still_paid(city).select(names)])
    return both.sort_by([("cancel_date", "ascending"), ("resident", "ascending")]).combine_chunks()
