"""The invented city every far side tells its own part of.

    seed, scale  ->  City: towns, villages, residents, workers, deaths

Towns and villages are the real ones of 411681; every person in them is made up. One seed gives one city, byte for
byte, and each system draws from a stream of its own (`City.rng`), so that a new system changes nothing in the others.
"""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from demo.people import births, persons

SEED = 411681
RESIDENTS = 1_030_000
WORKERS = 15_000  # people with a task in the city's grids; as many at every scale, for the figures do not scale
TODAY = dt.date(2026, 11, 24)
FACTS = Path(__file__).parent / "facts"


@dataclass(frozen=True)
class InventedCity:
    """What is true in the invented city; systems may say otherwise."""

    seed: int
    scale: float
    today: dt.date
    villages: pa.Table  # code, name, town_code, town_name, short_name, urban
    towns: pa.Table  # code, name
    residents: pa.Table  # demo.people.PERSONS; the first rows are the workers registered here
    workers: pa.Table  # demo.people.PERSONS; the same at every scale, 20 to 64 years old
    deaths: pa.Table  # resident (row of residents), death_date, cancel_date

    @classmethod
    def make(cls, seed: int = SEED, scale: float = 0.01, today: dt.date = TODAY) -> InventedCity:
        """The city of that seed; `scale` 1 has 1,030,000 residents. Takes a few seconds at scale 1."""
        villages = _villages()
        workers = _workers(seed, villages, today)
        residents = _residents(seed, villages, workers, round(RESIDENTS * scale), today)
        towns = villages.group_by(["town_code", "town_name"], use_threads=False).aggregate([]).rename_columns(["code", "name"])
        return cls(seed, scale, today, villages, towns, residents, workers, _deaths(seed, residents, today))

    def rng(self, name: str) -> np.random.Generator:
        """A stream of random numbers that belongs to that name alone."""
        return _rng(self.seed, name)

    @property
    def now(self) -> dt.datetime:
        """Eight in the morning of the city's day, in Asia/Shanghai."""
        return dt.datetime.combine(self.today, dt.time(8))


@lru_cache(maxsize=2)
def made(seed: int = SEED, scale: float = 0.01) -> InventedCity:
    """The same city, made once a process."""
    return InventedCity.make(seed, scale)


def _rng(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _villages() -> pa.Table:
    text = pa.string()
    kinds = csv.ConvertOptions(column_types={"code": text, "name": text, "town_code": text, "town_name": text})
    table = csv.read_csv(FACTS / "villages.csv", convert_options=kinds).combine_chunks()
    short = pc.replace_substring_regex(table["name"], "(居民委员会|村民委员会)$", "")
    urban = pc.less(pc.utf8_slice_codeunits(table["code"], 9, 12), "200")  # 001-199 are 居委会
    return table.append_column("short_name", short).append_column("urban", urban)


def _workers(seed: int, villages: pa.Table, today: dt.date) -> pa.Table:
    rng = _rng(seed, "workers")
    born = births(rng, WORKERS, today, (20, 64))
    where = np.arange(WORKERS) % villages.num_rows
    return persons(rng, villages, where, born)


def _residents(seed: int, villages: pa.Table, workers: pa.Table, rows: int, today: dt.date) -> pa.Table:
    """At a small scale most workers are registered elsewhere, or the city would have no children."""
    rng = _rng(seed, "residents")
    here = workers.slice(0, min(WORKERS, rows // 4))
    others = rows - here.num_rows
    weight = np.where(villages["urban"].to_numpy(), 2.5, 1.0)
    where = rng.choice(villages.num_rows, others, p=weight / weight.sum())
    born = births(rng, others, today)
    made = persons(rng, villages, where, born, first_sequence=200, first_number=WORKERS)
    return pa.concat_tables([here, made]).combine_chunks()


def _deaths(seed: int, residents: pa.Table, today: dt.date) -> pa.Table:
    """Deaths of the last three years among those who are no workers; the old die more often."""
    rng = _rng(seed, "deaths")
    day = np.datetime64(today, "D")
    born = residents["birth_date"].to_numpy()
    age = (day - born).astype(np.int64) / 365.25
    chance = np.select([age < 40, age < 60, age < 70, age < 80, age < 90], [0.001, 0.006, 0.03, 0.09, 0.22], 0.40)
    chance[: min(WORKERS, residents.num_rows // 4)] = 0
    dead = np.flatnonzero((rng.random(len(age)) < chance) & (age > 1))
    back = np.minimum(rng.integers(5, 3 * 365, len(dead)), (age[dead] * 365 - 30).astype(np.int64))
    died = day - back.astype("timedelta64[D]")
    cancelled = np.minimum(died + rng.integers(1, 120, len(dead)).astype("timedelta64[D]"), day - np.timedelta64(1, "D"))
    return pa.table({"resident": pa.array(dead, pa.int32()), "death_date": pa.array(died), "cancel_date": pa.array(cancelled)})
