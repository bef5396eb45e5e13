"""Reading a REST interface: every row once, all of them or none, and only what changed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.ceilings import Ceilings
from schemas.errors import SourceChanged, SourceUnavailable
from tests.connectors.paper_interface import INCREMENTAL, PAGES, WHEN, interface, opened, read, system, timed


def rows(count: int, **more: object) -> list[dict]:
    return [{"id": f"{n:04d}", "name": f"甲{n}", **more} for n in range(count)]


def plain(found: list[dict]) -> list[dict]:
    return [{"id": r["id"], "name": r["name"]} for r in found]


@pytest.fixture
def far():
    with interface() as made:
        yield made


@pytest.fixture(scope="module")
def long_lived():
    with interface() as made:
        yield made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(list(PAGES)),
    size=st.integers(1, 7),
    cap=st.integers(1, 9),
    values=st.lists(st.one_of(st.none(), st.text(max_size=5), st.booleans(), st.integers(), st.just(1.5)), max_size=12),
)
def test_any_rows_come_once_through_any_paging(long_lived, kind, size, cap, values):
    long_lived.kind, long_lived.cap = kind, cap
    long_lived.rows = [{"id": f"{n}", "name": v} for n, v in enumerate(values)]
    of = system({"page": {**PAGES[kind], "rows": size}})
    got, pull = read(opened(long_lived, of), of)
    assert [r["id"] for r in got] == [r["id"] for r in long_lived.rows]
    assert pull.whole == {""}


def test_nothing_is_concluded_before_the_last_page(far):
    far.rows = rows(8)
    of = system()
    pull = opened(far, of).pull(of.datasets["person"], None)
    for batch in pull.batches:
        assert batch.rows.num_rows
        assert not pull.whole
    assert pull.whole == {""}


def test_a_list_that_falls_short_of_its_total_is_never_believed(far):
    far.rows, far.total = rows(8), lambda page: 9
    of = system()
    with pytest.raises(SourceUnavailable, match="9 行") as error:
        read(opened(far, of), of)
    assert "civil_affairs/elderly/person" in error.value.zh
    assert "9 rows" in error.value.en
    assert error.value.next_zh


def test_a_total_that_differs_from_page_to_page_is_not_believed(far):
    far.rows, far.total = rows(8), lambda page: 8 + page
    of = system()
    with pytest.raises(SourceUnavailable):
        read(opened(far, of), of)


def test_a_row_that_slips_between_two_pages_is_missed_loudly(far):
    """One row is deleted while we read: all later ones move up, and the first of the next page is never seen."""
    far.rows = rows(9)

    def answer(path, query, headers, body):
        if query["page"] == "2" and len(far.rows) == 9:
            far.rows = far.rows[1:]

    far.answer = answer
    of = system()
    with pytest.raises(SourceUnavailable):
        read(opened(far, of), of)


def test_a_row_inserted_in_front_repeats_another_and_is_itself_missed_loudly(far):
    far.rows = rows(9)

    def answer(path, query, headers, body):
        if query["page"] == "2" and len(far.rows) == 9:
            far.rows = [{"id": "new", "name": "新"}, *far.rows]

    far.answer = answer
    of = system()
    with pytest.raises(SourceUnavailable):
        read(opened(far, of), of)


def test_a_row_that_moves_to_the_end_does_not_hide_the_one_that_slipped(far):
    """The total stays the same and as many rows come: only the keys tell."""
    far.rows = rows(9)

    def answer(path, query, headers, body):
        if query["page"] == "2" and far.rows[0]["id"] == "0000":
            far.rows = [*far.rows[1:], {"id": "0000", "name": "改"}]

    far.answer = answer
    of = system()
    with pytest.raises(SourceUnavailable):
        read(opened(far, of), of)


@pytest.mark.parametrize("repeated", [{"id": "0001", "name": "甲1"}, {"id": "0001", "name": "又一个"}])
def test_what_really_stands_twice_is_read_twice_and_then_believed(far, repeated):
    far.rows = [*rows(8), repeated]
    of = system()
    got, pull = read(opened(far, of), of)
    assert got == far.rows
    assert pull.whole == {""}
    assert {q["size"] for _, q in far.asked} == {"3", "2"}  # the second read breaks its pages elsewhere


def test_where_the_newest_decides_a_repeated_key_costs_no_second_read(far):
    far.rows = [*timed(0, 1, 2, 3), {"id": "0001", "name": "又一个", "t": WHEN.format(9)}]
    of = system({**INCREMENTAL, "duplicates": "newest"})
    got, _ = read(opened(far, of), of)
    assert len(got) == 5
    assert {q["size"] for _, q in far.asked} == {"3"}


def test_a_short_page_in_the_middle_is_not_the_end(far):
    far.rows = rows(8)

    def answer(path, query, headers, body):
        start = int(query["page"])
        some = far.rows[start : start + (1 if start == 3 else 3)]
        return 200, {}, {"data": {"total": 8, "list": some}}

    far.answer = answer
    of = system({"page": {**PAGES["offset"], "rows": 3}})
    assert len(read(opened(far, of), of)[0]) == 8


def test_a_parameter_that_has_no_effect_is_found_out_on_the_second_page(far):
    far.rows = rows(8)
    far.answer = lambda path, query, headers, body: (200, {}, {"data": {"total": 8, "list": far.rows[:3]}})
    of = system()
    with pytest.raises(SourceChanged, match="同一页"):
        read(opened(far, of), of)
    assert len(far.asked) == 2


def test_an_endless_last_page_is_an_error(far):
    far.rows = rows(8)

    def answer(path, query, headers, body):
        start = min((int(query["page"]) - 1) * 3, 6)
        return 200, {}, {"data": {"list": far.rows[start : start + 3]}}

    far.answer = answer
    of = system({"page": {"kind": "page", "rows": 3}})
    with pytest.raises(SourceChanged, match="没有尽头"):
        read(opened(far, of), of)
    assert len(far.asked) == 4


@pytest.mark.parametrize("kind", ["cursor", "link"])
def test_a_chain_that_leads_back_to_itself_is_an_error(far, kind):
    def answer(path, query, headers, body):
        n = len(far.asked)
        link = {"Link": f'<{far.url}/rows?page={n % 2 + 1}>; rel="next"'}
        return 200, link if kind == "link" else {}, {"data": {"next": f"c{n % 2}", "list": [{"id": str(n), "name": "x"}]}}

    far.answer = answer
    of = system({"page": {**PAGES[kind], "rows": 3}})
    with pytest.raises(SourceChanged, match="同一页"):
        read(opened(far, of), of)


def test_values_keep_the_text_they_came_with(far):
    body = b"""{"data": {"total": 2, "list": [
        {"id": 12345678901234567890123, "name": 1.10, "a": true, "b": {"x": 1.0, "y": ["\\u4e2d", null]}, "c": null, "d": "", "e": 1E+2},
        {"id": "2", "name": "text", "a": false, "b": [], "c": "\\ud800", "d": " x ", "e": -0}]}}"""
    far.answer = lambda *_: (200, {}, body)
    of = system(raw="不进入共享库")
    got, pull = read(opened(far, of), of)
    assert got == [
        {
            "id": "12345678901234567890123",
            "name": "1.10",
            "a": "true",
            "b": '{"x": 1.0, "y": ["中", null]}',
            "c": None,
            "d": "",
            "e": "1E+2",
        },
        {"id": "2", "name": "text", "a": "false", "b": "[]", "c": "\\ud800", "d": " x ", "e": "-0"},
    ]
    assert {str(t) for t in pull.schema.types} == {"string"}


def test_a_row_that_is_no_object_becomes_a_reject(far):
    far.rows = [{"id": "1", "name": "甲"}, "故障", {"id": "2", "name": "乙"}]
    of = system()
    pull = opened(far, of).pull(of.datasets["person"], None)
    (batch,) = pull.batches
    assert batch.rows.num_rows == 2
    assert batch.rejects.to_pylist() == [{"position": 1, "reason": "not_an_object", "raw": '["故障"]'.encode()}]
    assert pull.whole == {""}


def test_a_column_that_is_gone_is_named_with_those_that_are_there(far):
    far.rows = [{"id": "1", "full_name": "甲"}]
    of = system()
    with pytest.raises(SourceChanged, match=r"name.*full_name"):
        read(opened(far, of), of)


def test_a_column_some_rows_leave_out_is_empty_there(far):
    far.rows = [{"id": "1"}, {"id": "2", "name": "乙"}]
    of = system()
    assert read(opened(far, of), of)[0][0] == {"id": "1", "name": None}


def test_a_few_changed_rows_may_leave_out_what_is_empty(far):
    far.rows = timed(0, 1, 2)
    of = system({**INCREMENTAL, "overlap": "0 seconds"})
    _, first = read(opened(far, of), of)
    far.rows.append({"id": "9", "t": WHEN.format(30)})
    got, _ = read(opened(far, of), of, first.cursor)
    assert {"id": "9", "name": None, "t": WHEN.format(30)} in got
    for row in far.rows:
        row.pop("name", None)
    with pytest.raises(SourceChanged):
        read(opened(far, of), of, first.cursor)


def test_new_columns_are_told_and_ignored_ones_are_not(far):
    far.rows = rows(2, phone="1", noise="2")
    of = system(ignore=["noise"])
    got, pull = read(opened(far, of), of)
    assert [(r.kind, "phone" in r.said.zh, "noise" in r.said.zh) for r in pull.remarks] == [("columns", True, False)]
    assert set(got[0]) == {"id", "name"}


def test_raw_takes_every_column_but_the_ignored(far):
    far.rows = [{"id": "1", "a": 1, "noise": 2}, {"id": "2", "b": 3}]
    of = system(raw="不进入共享库", ignore=["noise"])
    got, _ = read(opened(far, of), of)
    assert got == [{"id": "1", "a": "1", "b": None}, {"id": "2", "a": None, "b": "3"}]


def test_raw_takes_a_field_first_seen_on_a_later_page(far):
    far.rows = [{"id": f"{n}", **({"phone": f"0394-{n}"} if n > 3 else {}), **({"name": "x"} if n in (0, 4) else {})} for n in range(6)]
    of = system({"page": {**PAGES["page"], "rows": 2}}, raw="不进入共享库")
    got, pull = read(opened(far, of), of)
    assert [{k: v for k, v in row.items() if v is not None} for row in got] == far.rows
    assert pull.whole == {""}


def test_a_row_that_stands_twice_is_known_again_when_its_page_had_fewer_columns(far):
    far.rows = [{"id": "1"}, {"id": "1"}, {"id": "2"}, {"id": "3", "more": "x"}]
    of = system({"page": {**PAGES["page"], "rows": 3}}, raw="不进入共享库")
    got, _ = read(opened(far, of), of)
    assert [r["id"] for r in got] == ["1", "1", "2", "3"]


def test_pages_smaller_than_asked_for_are_read_to_the_end_and_a_probe_does_not_stop_at_the_first(far):
    far.rows, far.cap = timed(0, 1), 2
    of = system({**INCREMENTAL, "page": {"kind": "page", "rows": 100}})
    _, first = read(opened(far, of), of)
    far.rows += timed(2)  # on the second page of the window
    assert opened(far, of).probe(of.datasets["person"], first.cursor) != "unchanged"
    assert len(read(opened(far, of), of, first.cursor)[0]) == 3


@pytest.mark.parametrize(
    ("kind", "address"),
    [("cursor", "{url}/rows?page={n}"), ("link", "{url}/rows?page={n}"), ("link", "?page={n}"), ("link", "/rows?page={n}")],
)
def test_the_next_pages_address_in_the_body_is_followed(far, kind, address):
    far.rows = rows(5)

    def answer(path, query, headers, body):
        page = int(query.get("page") or 1)
        following = address.format(url=far.url, n=page + 1) if page < 3 else None
        return 200, {}, {"data": {"next": following, "list": far.rows[(page - 1) * 2 : page * 2]}}

    far.answer = answer
    of = system({"page": {"kind": kind, "next": "data.next", "rows": 2}})
    assert plain(read(opened(far, of), of)[0]) == far.rows


@pytest.mark.parametrize("kind", ["cursor", "link"])
def test_an_address_of_another_host_in_the_body_is_told_nothing(far, kind):
    with interface() as other:
        far.answer = lambda *_: (200, {}, {"data": {"next": f"{other.url}/rows?page=2", "list": [{"id": "1", "name": "x"}]}})
        of = system({"page": {"kind": kind, "next": "data.next", "rows": 1}})
        with pytest.raises(SourceChanged, match="另一台主机"):
            read(opened(far, of, {"auth": "bearer"}, token="t-secret-9"), of)
        assert not other.asked


def test_empty_pages_that_never_end_are_an_error(far):
    far.answer = lambda *_: (200, {}, {"data": {"next": f"c{len(far.asked)}", "list": []}})
    of = system({"page": {**PAGES["cursor"], "rows": 3}})
    with pytest.raises(SourceChanged, match="没有尽头"):
        read(opened(far, of), of)
    assert len(far.asked) < 200


def test_pages_that_never_repeat_end_at_a_ceiling(far, monkeypatch):
    monkeypatch.setattr("connectors.rest.paging.ceilings", lambda: Ceilings(pages=20))
    far.answer = lambda *_: (200, {}, {"data": {"next": f"c{len(far.asked)}", "list": [{"id": str(len(far.asked)), "name": "x"}]}})
    of = system({"page": {**PAGES["cursor"], "rows": 3}})
    with pytest.raises(SourceChanged, match="没有尽头"):
        read(opened(far, of), of)
    assert len(far.asked) == 20


def test_an_empty_raw_list_still_has_its_key(far):
    of = system(raw="不进入共享库")
    got, pull = read(opened(far, of), of)
    assert (got, pull.schema.names, pull.whole) == ([], ["id"], {""})


def test_only_the_asked_for_rows_are_taken(far):
    far.rows = [{"id": "1", "name": "甲", "county": "01"}, {"id": "2", "name": "乙", "county": "02"}]
    of = system({"only": {"county": "01"}})
    assert [r["id"] for r in read(opened(far, of), of)[0]] == ["1"]


def test_a_list_that_is_not_where_it_is_said_to_be_tells_what_is_there(far):
    far.answer = lambda *_: (200, {}, {"data": {"total": 1, "records": []}})
    of = system()
    with pytest.raises(SourceChanged, match=r"data\.list.*records"):
        read(opened(far, of), of)


def test_a_null_list_is_empty_unless_the_total_says_otherwise(far):
    of = system()
    far.answer = lambda *_: (200, {}, {"data": None})
    assert read(opened(far, of), of)[0] == []
    far.answer = lambda *_: (200, {}, {"data": {"total": 5, "list": None}})
    with pytest.raises(SourceUnavailable):
        read(opened(far, of), of)
