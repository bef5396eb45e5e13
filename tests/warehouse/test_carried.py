import datetime as dt
import random
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from tests.warehouse import far_side, nasty_rows
from warehouse import carried, made, normalise, quality, suites
from warehouse.carried import Increment
from warehouse.lake import Lake
from warehouse.verdicts import Verdict

TABLE = "civil_affairs_assistance__person"
AFTER = "(SELECT * FROM stood ANTI JOIN gone USING (_key) UNION ALL BY NAME SELECT * FROM come)"


def counts(verdict: Verdict) -> list[tuple[object, ...]]:
    return [(r.verdict, r.element_count, r.missing_count, r.unexpected_count, r.observed) for r in verdict.results]


def promising(kind: str, **more: int) -> dict[str, object]:
    """A suite of one expectation of the column n."""
    return {"name": "t", "expectations": [{"type": kind, "kwargs": {"column": "n", **more}, "meta": {}}], "meta": {}}


def nasty(con: duckdb.DuckDBPyConnection, rng: random.Random, rows: int, name: str, keep: float = 1.0) -> None:
    """A table of nasty rows, of which a share is kept."""
    nasty_rows.fill(con, rng, rows)
    con.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM nasty WHERE random() < {keep}")


@pytest.mark.parametrize("seed", range(12))
def test_carried_counts_are_those_of_a_whole_pass(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows deleted, replaced, sent again as they were and added; a value that moves from one row to another."""
    rng = random.Random(seed)
    con = duckdb.connect()
    con.execute(f"SELECT setseed({seed / 100})")
    nasty(con, rng, 80, "stood")
    con.execute("ALTER TABLE stood ADD COLUMN number VARCHAR; UPDATE stood SET number = _key")  # nothing repeats
    nasty(con, rng, 100, "come", 0.2)
    con.execute("ALTER TABLE come ADD COLUMN number VARCHAR; UPDATE come SET number = _key")
    if seed % 3 == 1:
        con.execute("UPDATE come SET number = 'k' || (80 - substr(_key, 2)::INT)")  # numbers of rows that stand
    con.execute("CREATE TABLE gone AS SELECT * FROM stood WHERE _key IN (SELECT _key FROM come) OR random() < 0.05")
    con.execute("INSERT INTO come BY NAME SELECT * FROM gone WHERE _key NOT IN (SELECT _key FROM come) AND random() < 0.5")
    suite = nasty_rows.suite(rng)
    suite["expectations"].append(
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "number"}, "meta": {"severity": "block"}}
    )
    before = Verdict.from_json(quality.check(con, "stood", suite, last_rows=None).as_json())
    whole = quality.check(con, AFTER, suite, last_rows=None)
    monkeypatch.setattr(quality, "_select", None)  # no whole pass may be made
    stepped = quality.check(con, AFTER, suite, last_rows=None, step=Increment("stood", "gone", "come"), before=before)
    assert counts(stepped) == counts(whole)
    assert stepped.counted_at == before.counted_at


def test_a_new_value_that_stands_elsewhere_is_found() -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE stood AS SELECT 'k' || i AS _key, i AS n FROM range(9) r(i)")
    con.execute("CREATE TABLE gone AS SELECT * FROM stood WHERE n = 3")
    suite = promising("expect_column_values_to_be_unique")
    before = quality.check(con, "stood", suite, last_rows=None)
    for value, repeated in ((3, 0), (4, 2), (99, 0), ("NULL", 0)):
        con.execute(f"CREATE OR REPLACE TABLE come AS SELECT 'k3' AS _key, {value} AS n")
        found = quality.check(con, AFTER, suite, last_rows=None, step=Increment("stood", "gone", "come"), before=before).results[0]
        assert (found.unexpected_count, found.missing_count) == (repeated, int(value == "NULL"))


def test_after_a_week_every_row_is_counted_again() -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE stood AS SELECT 'k' || i AS _key, i AS n FROM range(9) r(i)")
    suite = promising("expect_column_values_to_not_be_null")
    now = quality.check(con, "stood", suite, last_rows=None)
    same = Increment("stood", "(SELECT * FROM stood LIMIT 0)", "(SELECT * FROM stood LIMIT 0)")
    old = replace(now, counted_at=dt.datetime.now(dt.UTC) - carried.OLDEST - dt.timedelta(minutes=1))
    assert quality.check(con, "stood", suite, last_rows=None, step=same, before=now).counted_at == now.counted_at
    assert quality.check(con, "stood", suite, last_rows=None, step=same, before=old).counted_at > now.counted_at


def test_a_verdict_of_other_promises_carries_nothing() -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE stood AS SELECT 'k' || i AS _key, i AS n FROM range(9) r(i)")
    one, other = (promising("expect_column_values_to_be_between", min_value=low) for low in (0, 5))
    before = quality.check(con, "stood", one, last_rows=None)
    same = Increment("stood", "(SELECT * FROM stood LIMIT 0)", "(SELECT * FROM stood LIMIT 0)")
    assert quality.check(con, "stood", other, last_rows=None, step=same, before=before).results[0].unexpected_count == 5


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_what_normalise_calls_a_step_is_the_whole_difference(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows changed, gone, added, gone bad and sent again as they were, accepted round after round."""
    monkeypatch.setattr(normalise, "LARGE", 0)
    monkeypatch.setattr(normalise, "SMALL", 0)
    rng = random.Random(seed)
    lake, of = Lake(tmp_path), far_side.system()
    where = far_side.city(of)
    suite = suites.suite(where, of, "person")
    rows = {n: far_side.row(n) for n in range(1, 60)}
    before: Verdict | None = None
    steps = 0
    for turn in range(6):
        far_side.land(lake, of, far_side.pull_of(rows.values()))
        accepted, landed = made.newest(lake, "standard").get(TABLE, made.Made()), made.landing_states(lake)[TABLE]
        with lake.stage(f"turn{turn}") as folder:
            candidate = normalise.build(lake, where, of, "person", accepted, landed, folder)
            last = accepted.rows if accepted.number else None  # the first count is held against nothing
            whole = quality.check(lake.cursor(), candidate.relation, suite, last_rows=last)
            found = quality.check(lake.cursor(), candidate.relation, suite, last_rows=last, step=candidate.step, before=before)
            assert counts(found) == counts(whole)
            assert before is None or found.counted_at == before.counted_at, "every row was read again"
            before = found
            with lake.writing("accept", run=f"turn{turn}") as tx:
                normalise.accept(tx, candidate, f"turn{turn}", blocked=False)
        steps += bool(candidate.step)
        for n in rng.sample(sorted(rows), 7):
            rows[n] = far_side.row(
                n, **rng.choice([{"XM": "改名"}, {"SFZH": "123"}, {"SFZH": far_side.id_number(1)}, {"XB": "7"}, {"SR": None}])
            )
        for n in rng.sample(sorted(rows), 2):
            del rows[n]
        rows[max(rows) + 1] = far_side.row(max(rows) + 1)
    assert steps == 5
