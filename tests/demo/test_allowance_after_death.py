"""The old-age allowance paid after a death is found, person by person, in spite of every planted defect; and so are the defects."""

from __future__ import annotations

import pytest

from demo.city import InventedCity
from demo.deaths import registered, still_paid
from demo.expected_b import PLANTED, overpaid, suspected
from schemas.city import read_city
from tests.demo.city_lake import module, sync
from warehouse import shared
from warehouse.lake import Lake

SYSTEMS = (
    "public_security/population",
    "market_regulation/entities",
    "human_resources/pension",
    "civil_affairs/assistance",
    "civil_affairs/elderly",
    "approvals/certificates",
)
DERIVED = ("allowance_after_death", "allowance_after_death_by_town")


pytestmark = pytest.mark.slow  # the story tells the same of the whole city


@pytest.fixture(scope="module")
def city():
    return InventedCity.make(scale=0.01)


@pytest.fixture(scope="module")
def synced(tmp_path_factory, city):
    where, lake = read_city(), Lake(tmp_path_factory.mktemp("lake"))
    verdicts = {path: sync(lake, where, where.system(path), module(path).tables(city)) for path in SYSTEMS}
    with lake.stage("publish") as folder:
        ready = {n: states for n, states in shared.due(lake, where).items() if states}
        prepared = [shared.prepare_record(lake, where, n, states, folder) for n, states in ready.items()]
        with lake.writing("publish") as tx:
            for one in prepared:
                shared.write(tx, one, "publish")
        for name in DERIVED:
            derived = shared.prepare_derived(
                lake, *where.derived[name], shared.due_derived(*where.derived[name], shared.made_so_far(lake)), folder
            )
            with lake.writing("derive") as tx:
                shared.write(tx, derived, "publish")
    yield lake, verdicts
    lake.close()


def rows(synced, query):
    return synced[0].cursor().execute(query).fetchall()


def held(synced, table, field):
    return rows(synced, f"SELECT count(DISTINCT _key) FROM quarantine.{table} WHERE field = '{field}' AND station = 'standard'")[0][0]


def test_no_planted_defect_blocks_a_dataset(synced):
    assert [f"{path}/{name}" for path, of in synced[1].items() for name, verdict in of.items() if verdict.blocking] == []


def test_every_town_has_exactly_the_planted_people_and_money(synced, city):
    found = rows(synced, "SELECT town_code, people, monthly_amount FROM shared.allowance_after_death_by_town")
    assert {town: (people, int(money)) for town, people, money in found} == suspected(city)
    assert rows(synced, "SELECT sum(paid_amount) FROM shared.allowance_after_death")[0][0] == overpaid(city)


def test_the_finding_is_of_the_same_size_in_a_larger_city(city):
    assert suspected(InventedCity.make(scale=0.03)) == suspected(city)
    assert sum(people for people, _ in suspected(city).values()) == 63


def test_exactly_the_planted_people_are_suspected(synced, city):
    planted = city.residents["id_number"].take(still_paid(city)["resident"]).to_pylist()
    assert {r[0] for r in rows(synced, "SELECT id_number FROM shared.allowance_after_death")} == set(planted)
    assert sum(rows(synced, "SELECT months FROM shared.allowance_after_death")[n][0] for n in range(len(planted))) * 50 == overpaid(city)


def test_a_death_taken_back_is_no_death(synced, city):
    assert rows(synced, "SELECT count(*) FROM shared.death") == [(registered(city).num_rows,)]


def test_the_planted_defects_are_held_and_nothing_else(synced):
    plan = PLANTED
    assert (
        held(synced, "public_security_population__resident", "id_number") == plan["public_security/population/resident"]["bad_check_digit"]
    )
    entity = plan["market_regulation/entities/entity"]
    assert held(synced, "market_regulation_entities__entity", "uscc") == entity["old_number"] + entity["letter_o"]
    assert held(synced, "human_resources_pension__enrolment", "id_number") == plan["human_resources/pension/enrolment"]["bad_check_digit"]
    assert held(synced, "civil_affairs_assistance__allowance", "id_number") == plan["civil_affairs/assistance/allowance"]["bad_check_digit"]
    assert held(synced, "civil_affairs_elderly__recipient", "id_number") == plan["civil_affairs/elderly/recipient"]["bad_check_digit"]
    assert held(synced, "approvals_certificates__certificate", "state") == plan["approvals/certificates/certificate"]["unknown_code"]


def test_a_person_under_two_pension_numbers_is_one_and_the_present_number_counts(synced):
    doubled = rows(
        synced,
        "SELECT count(*) FROM shared.pension WHERE len(_sources) > 1 AND person_no LIKE '4116%' AND state <> 'ended' OR person_no LIKE '4117%'",
    )
    assert doubled[0][0] <= PLANTED["human_resources/pension/enrolment"]["second_number"]
    assert rows(synced, "SELECT count(*) FROM shared.pension WHERE person_no LIKE '4117%'") == [(0,)]


def test_a_family_number_given_again_mixes_no_families(synced):
    reused = rows(synced, "SELECT count(*) FROM shared.allowance WHERE ended_on IS NOT NULL")[0][0]
    assert reused == PLANTED["civil_affairs/assistance/allowance"]["reused"]
