"""Any column name is landed under a name that meets no other, and is read back from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import names
from schemas.errors import SourceChanged

NAMES = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        st.text("aAbB~_", max_size=4),
        st.sampled_from(
            [*names.OWN, *(n.upper() for n in names.OWN), "file_row_number", "~5F~key", "姓名", "a.b", 'q"x', "x\ny", "", "列" * 300]
        ),
    ),
    unique=True,
    max_size=8,
)


def landed(wanted: list[str], kept: list[str] | None = None) -> dict[str, str]:
    return names.landing(wanted, kept or [])


@given(NAMES)
def test_landed_names_meet_neither_each_other_nor_the_hubs_own_and_read_back(wanted):
    made = landed(wanted)
    assert list(made) == wanted
    folded = [names.fold(n) for n in [*made.values(), *names.OWN]]
    assert len(set(folded)) == len(folded)
    assert [names.source(n) for n in made.values()] == wanted


@given(NAMES, NAMES)
def test_a_column_keeps_its_landed_name_whatever_comes_beside_it(first, second):
    before = landed(first)
    after = landed(second, list(before.values()))
    folded = [names.fold(n) for n in after.values()]
    assert len(set(folded)) == len(folded)
    for name in set(first) & set(second):
        assert after[name] == before[name]


@pytest.mark.parametrize("plain", ["NFZJHM", "姓名", "a.b", "_id", "select", "_kind", "x y", "第一节/人数"])
def test_a_plain_name_is_landed_as_it_is(plain):
    assert landed([plain]) == {plain: plain}


def test_a_column_renamed_in_case_only_is_the_same_column():
    assert landed(["id", "NAME"], ["id", "name"]) == {"id": "id", "NAME": "name"}
    assert names.landed_of("NAME", ["id", "name"]) == "name"


def test_a_name_that_comes_back_beside_its_twin_finds_its_own_column():
    made = landed(["Name", "name"])
    assert landed(["name"], list(made.values())) == {"name": made["name"]}


@pytest.mark.parametrize("bad", [["a", "a"], ["x" * 5000]])
def test_what_cannot_be_a_column_is_refused_by_name(bad):
    with pytest.raises(SourceChanged, match=bad[-1][:20]):
        landed(bad)
