"""Invented people, a column at a time.

    rng, how many  ->  a table of persons (PERSONS)

Nothing here copies a real person: identity numbers carry a region that does not exist, phones count up from 19900000000.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from demo.names import names
from demo.numbers import id_numbers, numbered, phones, sequences

PERSONS = pa.schema(
    [
        ("id_number", pa.string()),
        ("name", pa.string()),
        ("sex", pa.string()),  # GB/T 2261.1
        ("ethnicity", pa.string()),  # GB/T 3304
        ("birth_date", pa.date32()),
        ("phone", pa.string()),
        ("village", pa.int32()),  # row of City.villages
        ("village_code", pa.string()),
        ("town_code", pa.string()),
        ("household_no", pa.string()),
        ("relation", pa.string()),  # GB/T 4761, one digit: 0 head, 1 spouse, 2 son, 3 daughter, 5 parent, 8 other
        ("address", pa.string()),
    ]
)

# Share of people in each ten years of age, as in an inland county with many old people.
_AGES = np.array([0.105, 0.125, 0.095, 0.135, 0.130, 0.160, 0.118, 0.086, 0.038, 0.0075, 0.0005])
_ETHNICITIES = {
    "01": 0.9765,
    "03": 0.0190,
    "11": 0.0015,
    "02": 0.0008,
    "15": 0.0006,
    "06": 0.0005,
    "08": 0.0005,
    "05": 0.0003,
    "97": 0.0003,
}

Rng = np.random.Generator
Dates = npt.NDArray[np.datetime64]


def births(rng: Rng, rows: int, today: dt.date, ages: tuple[int, int] | None = None) -> Dates:
    """Birth dates of people of those ages in years, or of the whole population."""
    if ages:
        days = rng.integers(ages[0] * 365 + 10, ages[1] * 365, rows)
    else:
        decade = rng.choice(len(_AGES), rows, p=_AGES / _AGES.sum())
        days = decade * 3652 + rng.integers(1, 3652, rows)
    return np.datetime64(today, "D") - days.astype("timedelta64[D]")


def persons(
    rng: Rng, villages: pa.Table, where: npt.NDArray[Any], born: Dates, *, first_sequence: int = 0, first_number: int = 0
) -> pa.Table:
    """People living in those villages (rows of `villages`), born on those days, in households of one to six."""
    rows = len(born)
    male = rng.random(rows) < 0.512
    ethnicity = np.array(list(_ETHNICITIES), dtype=object)[rng.choice(len(_ETHNICITIES), rows, p=_weights())]
    household, relation = _households(rng, where, born, male)
    place = villages.take(pa.array(where))
    full = pc.binary_join_element_wise(place["town_name"], place["short_name"], numbered("", household % 900 + 1, 3), "")
    return pa.table(
        [
            id_numbers(born, sequences(born, male, first_sequence)),
            names(rng, male, ethnicity),
            pa.array(np.where(male, "1", "2").astype(object), pa.string()),
            pa.array(ethnicity, pa.string()),
            pa.array(born.astype("datetime64[D]"), pa.date32()),
            phones(first_number + np.arange(rows)),
            pa.array(where, pa.int32()),
            place["code"],
            place["town_code"],
            pc.binary_join_element_wise(place["code"], numbered("", household + first_number, 7), ""),
            pa.array(relation, pa.string()),
            pc.binary_join_element_wise(full, "号", ""),
        ],
        schema=PERSONS,
    ).combine_chunks()


def _weights() -> npt.NDArray[np.float64]:
    shares = np.array(list(_ETHNICITIES.values()))
    return np.asarray(shares / shares.sum())


def _households(rng: Rng, where: npt.NDArray[Any], born: Dates, male: npt.NDArray[np.bool_]) -> tuple[Any, Any]:
    """A household number (the row of one member) and the relation to the head, neighbours within one village only."""
    rows = len(born)
    order = np.argsort(where, kind="stable")
    new = rng.random(rows) < 0.36
    new[0:1] = True
    new[1:] |= where[order][1:] != where[order][:-1]
    group = np.cumsum(new) - 1
    household = np.empty(rows, dtype=np.int64)
    household[order] = group
    eldest = np.lexsort((born, household))
    head = np.zeros(rows, dtype=bool)
    head[eldest[np.r_[True, np.diff(household[eldest]) != 0]]] = True
    heads = np.empty(int(household.max()) + 1 if rows else 0, dtype="datetime64[D]")
    heads[household[head]] = born[head]
    gap = (born - heads[household]).astype(np.int64) / 365.25
    relation = np.where(head, "0", np.where(gap < 14, "1", np.where(gap > 60, "8", np.where(male, "2", "3")))).astype(object)
    return household, relation
