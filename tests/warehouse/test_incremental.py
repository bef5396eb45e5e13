"""What is brought forward by a small change is exactly what working everything out anew would give."""

import random
from contextlib import closing
from dataclasses import replace

import duckdb
import pytest

from schemas.records import Derived
from tests.warehouse.far_side import accept, city, land, pull_of, row, rows_of, system
from warehouse import edition_changes, editions, shared
from warehouse.lake import Lake

PATHS = ("public_security/population", "civil_affairs/assistance", "human_resources/pension")
BY_SEX = Derived.model_validate(
    {
        "name": "by_sex", "title": "按性别", "key": ["sex"], "uses": ["person"],
        "columns": {"sex": {"title": "性别"}, "people": {"title": "人数", "type": "integer"}},
    }
)  # fmt: skip
SQL = "SELECT coalesce(sex, '无') AS sex, count(*) AS people FROM shared.person GROUP BY 1"


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    yield lake
    lake.close()


@pytest.fixture(autouse=True)
def however_small(monkeypatch):
    """These tables are small: a change of any share of them counts as little."""
    monkeypatch.setattr(shared, "MOST", 0)
    monkeypatch.setattr(edition_changes, "MOST", 0.001)


def town():
    where = city(*(system(p) for p in PATHS))
    where.records["person"] = where.records["person"].model_copy(update={"authority": ("civil_affairs/assistance/person",)})
    return replace(where, derived={"by_sex": (BY_SEX, SQL)})


def publish(lake, where, *, full=False):
    """Shared records, derived tables and the edition; returns how many rows were worked out for the record."""
    looked = 0
    with lake.stage("publish") as folder:
        for name, made_from in shared.due(lake, where, full=full).items():
            prepared = shared.prepare_record(lake, where, name, made_from, folder, full=full)
            looked += prepared.inserted + prepared.updated + prepared.deleted
            with lake.writing("publish") as tx:
                shared.write(tx, prepared, "publish")
        if states := shared.due_derived(*where.derived["by_sex"], shared.made_so_far(lake), full=full):
            derived = shared.prepare_derived(lake, *where.derived["by_sex"], states, folder)
            looked += derived.inserted + derived.updated + derived.deleted
            with lake.writing("derive") as tx:
                shared.write(tx, derived, "publish")
    editions.export(lake, where, lake.home.parent, full=full)
    return looked


def seen(lake):
    """Every row of every table of the edition, without its order."""
    with closing(duckdb.connect(str(editions.current(lake.home.parent).path), read_only=True)) as con:
        names = [n for (n,) in con.execute("SELECT table_name FROM duckdb_tables() WHERE table_name <> 'edition' ORDER BY ALL").fetchall()]
        return {n: sorted(con.execute(f"FROM shared.{n}").fetchall(), key=repr) for n in names}


def far(dice):
    """What one office holds: people who move, share a number, or leave fields empty."""
    rows = {}
    for n in dice.sample(range(1, 25), dice.randint(8, 18)):
        rows[n] = row(n, XM=dice.choice(["", f"张{n}"]), SR=dice.choice(["", "1.00", "2.00"]), XB=dice.choice(["1", "2", ""]))
    return rows


def stir(dice, rows):
    """Inserts, updates, deletes, and rows that turn out to be about somebody else."""
    for _ in range(dice.randint(1, 4)):
        n = dice.randint(1, 30)
        match dice.choice(["put", "take", "other", "double"]):
            case "take":
                rows.pop(n, None)
            case "other" if n in rows:
                rows[n] = {**rows[n], "SFZH": row(dice.randint(1, 30))["SFZH"]}
            case "double" if n in rows:
                rows[n + 100] = {**rows[n], "NO": str(n + 100), "XM": f"重{n}"}
            case _:
                rows[n] = row(n, XM=dice.choice(["", f"改{n}"]), SR=dice.choice(["", "3.00"]))


def turn(dice, where):
    """Another authority, another mapping, a system that leaves or comes back, an authority for one field."""
    path = dice.choice(PATHS)
    record = where.records["person"]
    match dice.choice(["authority", "mapping", "stage", "field", "nothing", "nothing", "nothing"]):
        case "authority":
            where.records["person"] = record.model_copy(update={"authority": tuple(f"{p}/person" for p in dice.sample(PATHS, 2))})
        case "mapping":
            found = where.systems[path]
            dataset = found.datasets["person"]
            fields = {**dataset.fields, "name": dataset.fields[dice.choice(["name", "sex"])]}
            where.systems[path] = found.model_copy(update={"datasets": {"person": dataset.model_copy(update={"fields": fields})}})
        case "stage":
            found = where.systems[path]
            where.systems[path] = found.model_copy(update={"stage": "suspended" if found.stage == "in_service" else "in_service"})
        case "field":
            income = record.fields["income"].model_copy(update={"authority": (f"{path}/person",)})
            where.records["person"] = record.model_copy(update={"fields": {**record.fields, "income": income}})


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_a_random_history_brought_forward_equals_the_same_worked_out_anew(lake, seed):
    dice = random.Random(seed)
    where = town()
    rows = {p: far(dice) for p in PATHS}
    for step in range(5):
        if step:
            turn(dice, where)
        for path in dice.sample(PATHS, dice.randint(1, 3)) if step else PATHS:
            if step:
                stir(dice, rows[path])
            land(lake, where.systems[path], pull_of(rows[path].values()))
        for path in PATHS:
            accept(lake, where, where.systems[path])
        publish(lake, where)
        brought = seen(lake)
        assert publish(lake, where, full=True) == 0, "a full rebuild finds something to change"
        assert seen(lake) == brought


def test_one_changed_row_is_worked_out_by_itself(lake, monkeypatch):
    """Both sides of a changed identity, and no other; the edition is a copy of the last with these rows changed."""
    where = town()
    rows = {n: row(n) for n in range(1, 40)}
    for path in PATHS:
        land(lake, where.systems[path], pull_of(rows.values()))
        accept(lake, where, where.systems[path])
    publish(lake, where)
    asked = []
    real = shared.golden.statements
    monkeypatch.setattr(shared.golden, "statements", lambda *a, only="", **k: asked.append(only) or real(*a, only=only, **k))
    moved = {**rows, 5: {**rows[5], "SFZH": row(50)["SFZH"]}}
    land(lake, where.systems[PATHS[0]], pull_of(moved.values()))
    accept(lake, where, where.systems[PATHS[0]])
    with lake.stage("look") as folder:
        made_from = shared.due(lake, where)["person"]
        prepared = shared.prepare_record(lake, where, "person", made_from, folder)
    assert (prepared.inserted, prepared.updated, prepared.deleted) == (1, 1, 0)
    assert all(row(n)["SFZH"] in asked[0] for n in (5, 50))
    assert row(6)["SFZH"] not in asked[0]
    before = editions.current(lake.home.parent)
    publish(lake, where)
    after = editions.current(lake.home.parent)
    assert after.generation == before.generation + 1
    with closing(duckdb.connect(str(after.path), read_only=True)) as con:
        assert con.execute("SELECT made_at >= whole_at, count(*) FROM shared.edition, shared.person GROUP BY ALL").fetchone() == (True, 40)


def test_a_version_that_has_expired_means_working_everything_out(lake):
    where = town()
    for path in PATHS:
        land(lake, where.systems[path], pull_of([row(n) for n in range(1, 10)]))
        accept(lake, where, where.systems[path])
    publish(lake, where)
    land(lake, where.systems[PATHS[0]], pull_of([row(n, XM="新") for n in range(1, 12)]))
    accept(lake, where, where.systems[PATHS[0]])
    with lake.maintaining() as con:
        con.execute("CALL ducklake_expire_snapshots('lake', older_than => now() - INTERVAL 0 SECOND)")
    publish(lake, where)
    assert rows_of(lake, "shared.person", "count(*)") == [(11,)]
    assert publish(lake, where, full=True) == 0


def test_a_source_that_is_withdrawn_leaves_at_once_whatever_the_guard_says_of_its_share(lake, monkeypatch):
    where = town()
    for path, numbers in zip(PATHS, (range(1, 100), range(100, 105), range(105, 110)), strict=True):
        land(lake, where.systems[path], pull_of([row(n) for n in numbers]))
        accept(lake, where, where.systems[path])
    publish(lake, where)
    found = where.systems[PATHS[0]]
    where.systems[PATHS[0]] = found.model_copy(update={"stage": "retired"})
    with lake.stage("look") as folder:
        prepared = shared.prepare_record(lake, where, "person", shared.due(lake, where)["person"], folder)
    assert (prepared.deleted, prepared.withdrawn, prepared.refused) == (99, 99, False)
    monkeypatch.setattr(edition_changes, "apply", None)  # a copy of the last file would still hold its rows
    publish(lake, where)
    assert len(seen(lake)["person"]) == 10
