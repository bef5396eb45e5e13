"""What leaves in a resource is decided a cell at a time, by who gave it."""

import random

import pytest

from docking import packing
from docking.cells import of_others
from docking.resources import leaving
from schemas.permission import against_carrying
from tests.docking.shared_city import ALLOWANCE, CODE, PENSION, city, record, row, share, system
from tests.docking.way_out import open_path
from warehouse import keys
from warehouse.lake import Lake

ELDERLY = "civil_affairs_elderly__person"
MARKS = {PENSION: "社", ALLOWANCE: "民", ELDERLY: "老"}
OPEN = {"share": "unconditional", "condition": ""}


@pytest.fixture
def small(tmp_path, monkeypatch):
    made = open_path(tmp_path, f"sqlite:///{tmp_path / 'province.sqlite'}", monkeypatch)
    yield made
    made.lake.close()
    made.ledger.close()


def three(**resources):
    """The pension office decides, then assistance, then care for the elderly; each with its own resource."""
    given = {"human_resources/pension": "306009/000007", "civil_affairs/assistance": CODE, "civil_affairs/elderly": "306012/000002"}
    systems = [system(path, code, **resources.get(path.split("/")[1], {})) for path, code in given.items()]
    person = record().model_copy(update={"authority": tuple(f"{p}/person" for p in given)})
    return city(of=person, systems=systems)


def without_resource(where, path):
    found = where.systems[path]
    where.systems[path] = found.model_copy(update={"datasets": {"person": found.datasets["person"].model_copy(update={"resource": None})}})
    return where


def test_another_departments_value_stays_out_of_a_conditional_resource(small):
    small.city = three()
    small.share(**{PENSION: [row(1, remark=None)], ALLOWANCE: [row(1, remark="民政给的")], ELDERLY: []})
    assert small.send(PENSION).status == "taken"
    assert [r["remark"] for r in small.theirs("306009/000007")] == [None]
    assert small.send(ALLOWANCE) is None, "the row leaves once, in the resource of the office that decides it"


@pytest.mark.parametrize(
    ("giver", "leaves"),
    [
        (OPEN, True),
        ({**OPEN, "level": 4}, False),  # of a higher level than the resource it would go in
        ({"condition": "另一用途"}, False),
    ],
)
def test_a_value_goes_along_where_its_own_permission_asks_for_no_more(small, giver, leaves):
    small.city = three(assistance=giver)
    small.share(**{PENSION: [row(1, remark=None)], ALLOWANCE: [row(1, remark="民政给的")], ELDERLY: []})
    small.send(PENSION)
    assert [r["remark"] for r in small.theirs("306009/000007")] == ["民政给的" if leaves else None]


def test_the_same_department_under_the_same_condition_may_fill_its_own_gaps():
    where = three()
    elderly, assistance = where.systems["civil_affairs/elderly"], where.systems["civil_affairs/assistance"]
    assert not against_carrying(elderly, "person", assistance, "person")
    other = three(elderly={"condition": "另一用途"}).systems["civil_affairs/elderly"]
    assert against_carrying(other, "person", assistance, "person")


def test_the_next_contributor_that_may_leave_gives_the_value_and_carries_the_row(small):
    """The office that decides has no resource: its values stay here, the row leaves with the next one's own."""
    small.city = without_resource(three(), "human_resources/pension")
    theirs = row(1, remark="社保的秘密", members=999)
    small.share(**{PENSION: [theirs], ALLOWANCE: [row(1, remark="民政给的", members=None)], ELDERLY: [row(1, members=5)]})
    assert small.send(ALLOWANCE).status == "taken"
    [left] = small.theirs()
    assert (left["remark"], left["members"]) == ("民政给的", 5)


def test_what_is_never_shared_gives_nothing_to_anybody(small):
    small.city = three(pension={"share": "none", "condition": "", "basis": "某法第一条"})
    small.share(**{PENSION: [row(1, remark="不予共享"), row(2)], ALLOWANCE: [row(1, remark=None)], ELDERLY: []})
    assert small.lake.cursor().execute("SELECT remark, _source FROM shared.person").fetchall() == [(None, ALLOWANCE)]


def test_cells_of_a_dataset_that_lost_its_right_stay_out_before_the_next_publish(small):
    """A delivery between the change and the publish, or after a publish that was held by its guard."""
    small.city = three(assistance=OPEN)
    small.share(**{PENSION: [row(1, remark=None)], ALLOWANCE: [row(1, remark="民政给的")], ELDERLY: []})
    small.city = three(assistance={"share": "none", "condition": "", "basis": "某法第一条"})
    small.send(PENSION)
    assert [r["remark"] for r in small.theirs("306009/000007")] == [None]


def test_a_field_with_an_authority_of_its_own_leaves_in_that_authoritys_resource(small):
    small.city = three()
    person = small.city.records["person"]
    fields = {**person.fields, "amount": person.fields["amount"].model_copy(update={"authority": ("civil_affairs/assistance/person",)})}
    small.city.records["person"] = person.model_copy(update={"fields": fields})
    small.share(**{PENSION: [row(1, amount=1)], ALLOWANCE: [row(1, amount=2, remark="民政")], ELDERLY: []})
    assert small.lake.cursor().execute("SELECT amount::INTEGER, _source, _from['amount'] FROM shared.person").fetchall() == [
        (2, PENSION, 2)
    ]
    small.send(PENSION)
    small.send(ALLOWANCE)
    assert [r["amount"] for r in small.theirs("306009/000007")] == [1], "its own, for the other office's may not go along"
    assert [(r["amount"], r["remark"]) for r in small.theirs()] == [(2, "民政")]


def canary(n, source):
    marks = {"name": f"甲{source}{n}", "secret_note": f"密{source}{n}", "remark": f"注{source}{n}", "phone": f"电{source}{n}"}
    return row(n, **marks)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_permissions_no_cell_leaves_that_its_giver_did_not_allow(tmp_path, seed):
    dice = random.Random(seed)
    forms = [OPEN, {"level": 4}, {"condition": "另一用途"}, {}, {"share": "none", "condition": "", "basis": "某法"}]
    chosen = {name: dice.choice(forms) for name in ("pension", "assistance", "elderly")}
    where = three(**chosen)
    if dice.random() < 0.5:
        where = without_resource(where, "human_resources/pension")
    rows = {
        t: [
            {f: v for f, v in canary(n, MARKS[t]).items() if f == "id_number" or dice.random() < 0.6} for n in dice.sample(range(1, 30), 20)
        ]
        for t in (PENSION, ALLOWANCE, ELDERLY)
    }
    lake = Lake(tmp_path)
    share(lake, where, **rows)
    systems = {s.table("person"): s for s in where}
    sent = leaving(where)
    with lake.reading() as con:
        version = packing.newest_version(con)
        for name, resource in sent.items():
            found = packing.contents(con, resource, keys.key(tmp_path, "platform"), version, None)
            left = [r for (r,) in con.execute("SELECT remark FROM _package WHERE remark IS NOT NULL").fetchall()]
            allowed = {
                MARKS[t] for t in rows
                if t in sent and not against_carrying(systems[t], "person", systems[name], "person")
            }  # fmt: skip
            assert {r[1] for r in left} <= allowed, (name, chosen)
            assert found.total == con.execute("SELECT count(*) FROM _package").fetchone()[0]
    first = {}
    for name in [t for t in (PENSION, ALLOWANCE, ELDERLY) if t in sent]:
        for one in rows[name]:
            first.setdefault(one["id_number"], name)
    with lake.reading() as con:
        for name, resource in sent.items():
            assert packing.copy_of(con, resource, "00" * 32, version)[0] == sum(t == name for t in first.values())
    lake.close()


def test_validation_says_where_a_resource_has_columns_only_another_dataset_fills():
    where = three(assistance=OPEN)
    given = where.systems["civil_affairs/assistance"]
    dataset = given.datasets["person"]
    more = dataset.model_copy(update={"fields": {**dataset.fields, "remark": dataset.fields["id_number"]}})
    where.systems[given.path] = given.model_copy(update={"datasets": {"person": more}})
    told = [said.en for said in of_others(where, list(where))]
    assert len(told) == 2
    assert all("carries remark of civil_affairs/assistance/person" in t for t in told)
    closed = three()
    closed.systems[given.path] = closed.systems[given.path].model_copy(
        update={
            "datasets": {
                "person": more.model_copy(
                    update={"resource": dataset.resource.model_copy(update={"share": "conditional", "condition": "另"})}
                )
            }
        }
    )
    assert all("leave empty" in said.en for said in of_others(closed, [closed.systems["human_resources/pension"]]))
