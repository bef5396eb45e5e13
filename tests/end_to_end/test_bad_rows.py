"""Rows that are wrong: each waits in quarantine with its reason, its last accepted version stays, the others go on."""

import random

import pytest

from demo.province import Province, prepare
from docking.resources import leaving
from orchestration.routes import build, collect, deliver
from tests.end_to_end.town import SYSTEM, TABLE, row
from tests.warehouse.far_side import id_number


def test_differing_rows_of_one_key_are_all_held_and_a_copy_is_only_counted(town, far):
    far.put(*(row(n) for n in range(1, 6)))
    town.sync()
    far.put(row(2, XM="另一人"), row(3))  # 2 says two things, 3 says the same twice
    outcome = town.sync()
    assert outcome.error is None
    assert town.count("landing") == town.count() == 5
    assert {(k, f, r, s) for k, _, f, r, s in town.held()} == {("2", "", "differing_copies", True)}
    assert town.rows(f"standard.{TABLE}", "name", "_key = '2'") == [("张2",)]
    assert town.rows(f"landing.{TABLE}", "_copies", "_key = '3'") == [(2,)]
    far.run("DELETE FROM T WHERE NO = '2' AND XM = '另一人'")
    town.sync()
    assert (town.held(), town.count()) == ([], 5)


def test_rows_without_a_key_are_held_and_delete_nothing(town, far):
    far.put(*(row(n) for n in range(1, 6)))
    town.sync()
    far.set("NO = '4'", NO=None)
    outcome = town.sync()
    assert outcome.error is None
    assert town.count("landing") == town.count() == 5  # the fourth may be the row without a key: it is not gone
    assert [(station, reason) for _, station, _, reason, _ in town.held()] == [("landing", "null_key")]
    far.set("NO IS NULL", NO="4")
    town.sync()
    assert (town.held(), town.count()) == ([], 5)


def test_a_wrong_check_digit_a_date_of_zeros_and_an_unknown_code_are_told_apart(town, far):
    wrong = id_number(2)[:-1] + ("0" if id_number(2)[-1] != "0" else "1")
    far.put(row(1), row(2, SFZH=wrong), row(3, CSRQ="0000-00-00"), row(4, XB="7"))
    outcome = town.sync()
    assert outcome.accepted
    assert [h[0] for h in town.rows(f"standard.{TABLE}", "_key")] == ["1", "3", "4"]
    assert town.rows(f"standard.{TABLE}", "_key, born IS NULL, sex IS NULL", "_key <> '1'") == [("3", True, False), ("4", False, True)]
    told = {(k, field): (value, holds) for k, field, value, holds in town.rows(f"quarantine.{TABLE}", "_key, field, value, holds")}
    assert told == {("2", "id_number"): (wrong, True), ("3", "born"): ("0000-00-00", False), ("4", "sex"): ("7", False)}
    far.set("NO = '2'", SFZH=id_number(2))
    far.set("NO = '3'", CSRQ="1980-02-29")
    far.set("NO = '4'", XB="2")
    town.sync()
    assert (town.held(), town.count()) == ([], 4)


def test_an_empty_full_read_is_blocked_until_a_person_lets_it_pass(town, far):
    far.put(*(row(n) for n in range(1, 81)))
    town.sync()
    town.publish()
    far.run("ALTER TABLE T RENAME TO SPARE", "CREATE TABLE T AS SELECT * FROM SPARE LIMIT 0")
    outcome = town.sync()
    assert (outcome.error, outcome.blocked, outcome.accepted) == (None, True, False)
    assert (town.count("landing"), town.count()) == (0, 80)
    town.publish()
    assert town.count("shared", "person") == 80
    far.run("INSERT INTO T SELECT * FROM SPARE")  # they notice: nothing had to be done here
    assert town.sync().accepted
    assert town.count() == 80
    assert not town.publish().tables
    far.run("DELETE FROM T")  # and now they mean it
    town.sync()
    passed = build(town.hub, town.hub.city.system(SYSTEM), confirmed=True)
    assert passed.outcomes["person"].accepted
    assert town.count() == 0
    assert not town.publish().refused  # one decision carries through
    assert town.count("shared", "person") == 0


@pytest.fixture
def province(town, far) -> Province:
    made = prepare(town.home)
    yield made
    made.close()


def test_good_rows_turned_bad_stay_where_they_were_accepted_up_to_the_province(town, far, province):
    """Five of a hundred known good rows lose their number; three of them get it back, two are deleted."""
    far.put(*(row(n) for n in range(1, 101)))
    town.sync()
    town.publish()
    carry(town, province)
    before = {s: town.rows(t) for s, t in (("standard", f"standard.{TABLE}"), ("shared", "shared.person"))}
    at_the_province = province.copy("306001/1")
    assert len(at_the_province) == 100
    bad = random.Random(7).sample(range(1, 101), 5)
    for n in bad:
        far.set(f"NO = '{n}'", SFZH="11010119000101001", XM="改坏")
    outcome = town.sync()
    assert outcome.accepted
    assert before == {s: town.rows(t) for s, t in (("standard", f"standard.{TABLE}"), ("shared", "shared.person"))}
    assert {(k, stands) for k, _, _, _, stands in town.held()} == {(str(n), True) for n in bad}
    town.publish()
    assert not carry(town, province)
    assert province.copy("306001/1") == at_the_province
    for n in bad[:3]:
        far.set(f"NO = '{n}'", SFZH=id_number(n), XM=f"改好{n}")
    for n in bad[3:]:
        far.run(f"DELETE FROM T WHERE NO = '{n}'")
    town.sync()
    town.publish()
    [sent] = carry(town, province)
    assert (sent.inserted, sent.updated, sent.deleted) == (0, 3, 2)
    assert len(province.copy("306001/1")) == 98
    assert town.held() == []


def carry(town, province):
    """Deliver, let the province work, take its answers in; returns what was sent."""
    done = deliver(town.hub)
    assert not done.failed
    assert {a.status for a in province.process()} <= {"1"}
    collect(town.hub)
    assert list(leaving(town.hub.city)) == [TABLE]
    return done.sent
