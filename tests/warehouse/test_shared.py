"""Accepted rows of all systems become one row an identity, and every figure leads back to its source rows."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from answers import why
from schemas.records import Derived
from tests.warehouse.far_side import accept, city, id_number, land, pull_of, row, rows_of, system
from warehouse import shared
from warehouse.lake import Lake

FIRST, SECOND = system("public_security/population"), system("civil_affairs/assistance")
MEN = Derived.model_validate(
    {
        "name": "figures",
        "title": "指标",
        "key": ["figure"],
        "uses": ["person"],
        "columns": {"figure": {"title": "指标"}, "value": {"title": "数值", "type": "integer"}},
        "figures": {"men": {"title": "男性", "record": "person", "where": "sex = '1'"}},
    }
)
MEN_SQL = "SELECT 'men' AS figure, count(*) AS value FROM shared.person WHERE sex = '1'"


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    yield lake
    lake.close()


@pytest.fixture
def where():
    made = city(FIRST, SECOND)
    made.records["person"] = made.records["person"].model_copy(update={"authority": ("public_security/population/person",)})
    return replace(made, derived={"figures": (MEN, MEN_SQL)})


def publish(lake, where):
    with lake.stage("publish") as folder:
        for name, made_from in shared.due(lake, where).items():
            prepared = shared.prepare_record(lake, where, name, made_from, folder)
            if not prepared.refused:
                with lake.writing("publish") as tx:
                    shared.write(tx, prepared, "publish")
        if states := shared.due_derived(MEN, MEN_SQL, shared.made_so_far(lake)):
            derived = shared.prepare_derived(lake, MEN, MEN_SQL, states, folder)
            with lake.writing("derive") as tx:
                shared.write(tx, derived, "publish")


def both(lake, where, first, second):
    for of, rows in ((FIRST, first), (SECOND, second)):
        land(lake, of, pull_of(rows))
        accept(lake, where, of)
    publish(lake, where)


def test_the_authority_decides_and_others_fill_the_gaps(lake, where):
    both(lake, where, [row(1, XM="真名", SR="")], [row(1, NO="x", XM="旧名", SR="5.00")])
    assert rows_of(lake, "shared.person", "name, income::VARCHAR, _source, len(_sources)") == [
        ("真名", "5.00", "public_security_population__person", 2)
    ]


def test_publishing_twice_writes_once(lake, where):
    both(lake, where, [row(1)], [row(2)])
    before = lake.snapshot()
    publish(lake, where)
    assert lake.snapshot() == before


def test_a_deletion_at_the_authority_leaves_the_other_source(lake, where):
    both(lake, where, [row(1, XM="真名")], [row(1, XM="旧名")])
    land(lake, FIRST, pull_of([]))
    accept(lake, where, FIRST)
    publish(lake, where)
    assert rows_of(lake, "shared.person", "name, _source") == [("旧名", "civil_affairs_assistance__person")]


def test_a_record_type_that_would_shrink_beyond_its_guard_stays(lake, where):
    both(lake, where, [row(n) for n in range(1, 101)], [])
    land(lake, FIRST, pull_of([row(n) for n in range(1, 41)]))
    accept(lake, where, FIRST)
    publish(lake, where)
    assert rows_of(lake, "shared.person", "count(*)") == [(100,)]


def test_a_system_that_is_not_in_service_shares_nothing(lake, where):
    trial = FIRST.model_copy(update={"stage": "trial"})
    where.systems[trial.path] = trial
    both(lake, where, [row(1)], [row(2)])
    assert rows_of(lake, "shared.person", "_source") == [("civil_affairs_assistance__person",)]


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_the_steps_of_a_figure_add_up_exactly(lake, where, seed):
    """Duplicates, stale copies, rejects, held versions and disagreements in random mixture, over three rounds."""
    dice = random.Random(seed)

    def some():
        rows = []
        for n in dice.sample(range(1, 60), 40):
            bad = {"SFZH": "坏"} if dice.random() < 0.1 else {}
            one = row(n, XB=dice.choice("1127"), **bad)
            rows += [one] * dice.choice([1, 1, 1, 2])
            if dice.random() < 0.15:
                rows.append({**one, "NO": f"{n}b"})
        return rows

    for _ in range(3):
        both(lake, where, some(), some())
        explained = why.figure(lake, where, "men")
        assert explained.adds_up, explained.steps
        assert explained.value == rows_of(lake, "shared.person", "count(*)", "sex = '1'")[0][0]
        for step in explained.steps:
            _, opened = explained.rows(step)
            assert step.word in ("received", "copies") or len(opened) == abs(step.count)


def test_every_station_of_one_row_can_be_seen(lake, where):
    both(lake, where, [row(1)], [row(1, NO="x", XM="旧名")])
    stations = why.row(lake, where, "person", id_number(1))
    assert [(s.station, s.table) for s in stations] == [
        ("shared", "person"),
        ("standard", "public_security_population__person"),
        ("landing", "public_security_population__person"),
        ("standard", "civil_affairs_assistance__person"),
        ("landing", "civil_affairs_assistance__person"),
    ]


def test_a_row_that_is_missing_says_why(lake, where):
    both(lake, where, [row(1, SFZH="123")], [])
    stations = why.row(lake, where, "person", "123")
    assert [(s.station, s.values.get("reason")) for s in stations] == [("quarantine", "bad_id_number"), ("landing", None)]
