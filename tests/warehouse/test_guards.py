"""A candidate that takes away, overwrites or empties too much is not believed, in one step or in many."""

from __future__ import annotations

import pytest

from schemas.city import City
from tests.warehouse.far_side import accept, city, land, pull_of, row, system
from warehouse import guards, made, normalise
from warehouse.lake import Lake
from warehouse.verdicts import Result

TABLE = "civil_affairs_assistance__person"


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    yield lake
    lake.close()


def many(n: int, **changed: object) -> list[dict[str, object]]:
    return [row(i, **changed) for i in range(n)]


def found(lake: Lake, rows: list[dict[str, object]], of=None, *, where: City | None = None) -> dict[str, list[Result]]:
    """What the guards say of these rows once they are landed."""
    of = of or system()
    land(lake, of, pull_of(rows))
    before = made.newest(lake, "standard").get(TABLE, made.Made())
    with lake.stage("guarded") as folder:
        candidate = normalise.build(lake, where or city(of), of, "person", before, made.landing_states(lake)[TABLE], folder)
        results = guards.results(lake.cursor(), of.datasets["person"], candidate)
    by_rule: dict[str, list[Result]] = {}
    for one in results:
        by_rule.setdefault(one.expectation["meta"]["rule"], []).append(one)
    return by_rule


def blocking(results: dict[str, list[Result]]) -> set[str]:
    return {rule for rule, each in results.items() for r in each if r.severity == "block"}


def accepted(lake: Lake, rows: list[dict[str, object]], of=None) -> None:
    of = of or system()
    land(lake, of, pull_of(rows))
    accept(lake, city(of), of)


def test_nineteen_per_cent_a_day_is_stopped_before_half_is_gone(lake):
    accepted(lake, many(100))
    assert found(lake, many(81)) == {}
    accept(lake, city(system()), system())
    assert blocking(found(lake, many(66))) == {"shrink"}


def test_a_persons_decision_is_where_counting_begins_anew(lake):
    accepted(lake, many(100))
    accepted(lake, many(60))
    assert blocking(found(lake, many(55))) == {"shrink"}
    run = made.newest(lake, "standard")[TABLE].run
    with lake.writing("decided") as tx:
        tx.execute(f"INSERT INTO hub.findings VALUES ('{run}', '{TABLE}', 2, '{{}}', false, true, now())")
    assert found(lake, many(54)) == {}


def test_a_table_overwritten_is_not_believed_and_its_fields_are_named(lake):
    accepted(lake, many(60))
    said = found(lake, many(60, XM="某", SR="0"))
    assert blocking(said) == {"changed"}
    assert {r.expectation["meta"]["field"] for r in said["changed"]} == {"name", "income", ""}


def test_half_a_table_changed_a_small_one_or_one_we_mapped_otherwise_is_believed(lake):
    accepted(lake, many(60))
    assert "changed" not in found(lake, [*many(30, SR="7"), *many(60)[30:]])
    other = system(codes={"sex": {"1": "2", "2": "1"}})
    assert "changed" not in found(lake, many(60), other)
    small = Lake(lake.home.parent / "small")
    accepted(small, many(50))
    assert "changed" not in found(small, many(50, SR="7"))
    small.close()


def test_a_field_that_differs_in_every_read_can_be_left_out(lake):
    of = system(expect={"changed": {"max": "50%", "leave_out": ["income"]}})
    accepted(lake, many(60), of)
    assert found(lake, many(60, SR="7"), of) == {}


def test_a_column_that_turns_to_another_form_does_not_empty_its_field(lake):
    accepted(lake, many(60))
    said = found(lake, [*many(20, CSRQ="一九八〇年"), *many(60)[20:]])
    assert blocking(said) == {"emptied"}
    [one] = said["emptied"]
    assert (one.expectation["meta"]["field"], one.unexpected_count) == ("born", 20)


def test_a_few_emptied_values_are_told_and_block_nothing(lake):
    accepted(lake, many(60))
    said = found(lake, [*many(3, CSRQ="不详"), *many(60)[3:]])
    assert not blocking(said)
    assert said["emptied"][0].said()[1].startswith("born: 3 of 60 rows")


def test_rows_held_nearly_all_are_told_as_the_mappings_fault_on_the_first_load_too(lake):
    said = found(lake, [*many(11, SFZH="12"), *many(12)[11:]])
    assert blocking(said) == {"held"}
    assert "probably the mapping" in said["held"][0].said()[1]


def test_a_guards_finding_is_kept_and_read_back_as_it_was(lake):
    accepted(lake, many(60))
    [first, *_] = found(lake, many(60, XM="某"))["changed"]
    assert Result.from_json(first.as_json()).said() == first.said()
