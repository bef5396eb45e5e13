"""The invented city gives the figures it was made for, through the real warehouse and in spite of every planted defect."""

from __future__ import annotations

import pytest

from answers import why
from demo.city import InventedCity
from demo.expected import DISPUTES_TWICE, FIGURES, PLANTED, figures
from schemas.city import read_city
from tests.demo.city_lake import SYSTEMS, module, publish, said, sync
from warehouse.lake import Lake

SCALE = 0.01


pytestmark = pytest.mark.slow  # the story tells the same of the whole city


@pytest.fixture(scope="module")
def where():
    return read_city()


@pytest.fixture(scope="module")
def city():
    return InventedCity.make(scale=SCALE)


@pytest.fixture(scope="module")
def tables(city):
    return said(city)


@pytest.fixture(scope="module")
def synced(tmp_path_factory, where, tables):
    lake = Lake(tmp_path_factory.mktemp("lake"))
    verdicts = {path: sync(lake, where, where.system(path), tables[path]) for path in SYSTEMS}
    publish(lake, where)
    yield lake, verdicts
    lake.close()


def value_of(lake):
    return dict(lake.cursor().execute("SELECT figure, value FROM shared.city_figures").fetchall())


def test_every_figure_is_exact(synced):
    lake, _ = synced
    assert value_of(lake) == FIGURES


def test_no_planted_defect_blocks_a_dataset(synced):
    _, verdicts = synced
    assert [f"{path}/{name}" for path, of in verdicts.items() for name, verdict in of.items() if verdict.blocking] == []


def test_hub_why_adds_up_for_every_figure(synced, where):
    lake, _ = synced
    for name in FIGURES:
        explained = why.figure(lake, where, name)
        assert explained.adds_up, [(s.word, s.count, s.zh) for s in explained.steps]
        assert len(explained.steps) > 1, f"{name}: counting the landed rows would have given the figure"


def test_counting_what_was_sent_gives_another_number_for_every_figure(synced, where):
    """As landed, without a condition; and with the figure's own, every copy of a row counted."""
    lake, _ = synced
    con = lake.cursor()
    for name, figure in where.derived["city_figures"][0].figures.items():
        tables = [s.table(n) for s, n, _ in where.contributors(figure.record)]
        landed = sum(con.execute(f'SELECT count(*) FROM landing."{t}"').fetchone()[0] for t in tables)
        sent = sum(
            con.execute(
                f'SELECT coalesce(sum(_copies), 0) FROM landing."{t}" WHERE _key IN (SELECT _key FROM standard."{t}" WHERE {figure.where})'
            ).fetchone()[0]
            for t in tables
        )
        assert FIGURES[name] not in (landed, sent), name


def test_the_planted_rejects_stand_in_quarantine(synced):
    lake, _ = synced
    expected = {
        ("political_legal_grid__grid_staff", "id_number"): PLANTED["political_legal/grid/grid_staff"]["bad_check_digit"],
        ("political_legal_grid__grid_staff", "role"): PLANTED["political_legal/grid/grid_staff"]["unknown_code"],
        ("political_legal_grid__grid", "kind"): PLANTED["political_legal/grid/grid"]["unknown_code"],
        ("party_organisation_members__organisation", "kind"): PLANTED["party_organisation/members/organisation"]["unknown_code"],
        ("party_organisation_double_registration__check_in", "id_number"): PLANTED["party_organisation/double_registration/check_in"][
            "bad_check_digit"
        ],
        ("party_organisation_double_registration__grid_organisation", "kind"): PLANTED[
            "party_organisation/double_registration/grid_organisation"
        ]["unknown_code"],
        ("social_work_new_groups__council_ledger", "type"): PLANTED["social_work/new_groups/council_ledger"]["unknown_code"],
        ("political_legal_mediation__dispute", "town_code"): PLANTED["political_legal/mediation/dispute"]["unknown_code"],
    }
    con = lake.cursor()
    found = {
        (table, field): con.execute(f'SELECT count(*) FROM quarantine."{table}" WHERE field = ?', [field]).fetchone()[0]
        for table, field in expected
    }
    assert found == expected


def test_no_source_key_has_differing_copies(synced):
    """A defect nobody planned would be held here and change the figures without being seen."""
    lake, _ = synced
    con = lake.cursor()
    tables = [r[0] for r in con.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'quarantine'").fetchall()]
    held = {t: con.execute(f"SELECT count(*) FROM quarantine.\"{t}\" WHERE station = 'landing'").fetchone()[0] for t in tables}
    assert {t: n for t, n in held.items() if n} == {}


def test_disputes_that_two_systems_know_are_the_planted_ones(synced):
    lake, _ = synced
    row = lake.cursor().execute("SELECT count(*), sum(tickets), max(abs(days_after)) FROM shared.dispute_twice").fetchone()
    assert row[0] == DISPUTES_TWICE
    assert row[1] == DISPUTES_TWICE + PLANTED["approvals/hotline/ticket"]["called_again"]
    assert row[2] <= 15


@pytest.mark.slow
def test_two_ticks_change_the_figures_as_said(tmp_path, where, city, tables):
    lake = Lake(tmp_path)
    now = dict(tables)
    for n in range(3):
        now = {path: module(path).tick(city, of, n) if n else of for path, of in now.items()}
        for path in SYSTEMS:
            sync(lake, where, where.system(path), now[path])
        publish(lake, where)
        assert value_of(lake) == figures(n)
        assert lake.cursor().execute("SELECT count(*) FROM shared.dispute_twice").fetchone()[0] == DISPUTES_TWICE
    lake.close()


def test_the_sql_of_the_figures_and_their_conditions_are_the_same(where):
    derived, sql = where.derived["city_figures"]
    for name, figure in derived.figures.items():
        assert f"SELECT '{name}'" in sql
        assert f"FROM shared.{figure.record} WHERE {figure.where}" in sql
    assert set(derived.figures) == set(FIGURES)
