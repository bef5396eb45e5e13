"""Only what changed: windows of time, the mark that stands for them, and whether a read would bring anything."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from connectors.rest.words import Since
from schemas.errors import SourceChanged
from tests.connectors.paper_interface import INCREMENTAL, PAGES, WHEN, interface, opened, read, system, timed


@pytest.fixture
def far():
    with interface() as made:
        yield made


def test_only_the_window_is_read_again_and_it_is_not_whole(far):
    far.rows = timed(0, 1, 20, 30)
    of = system(INCREMENTAL)
    _, first = read(opened(far, of), of)
    assert first.cursor["value"] == WHEN.format(30)
    assert first.whole == {""}
    far.asked.clear()
    far.rows += timed(45)
    before = dt.datetime.now(ZoneInfo("Asia/Shanghai"))
    got, second = read(opened(far, of), of, first.cursor)
    assert [r["id"] for r in got] == ["0020", "0030", "0045"]
    assert (second.whole, second.cursor["value"]) == (frozenset(), WHEN.format(45))
    ((_, asked),) = far.asked
    assert asked["from"] == WHEN.format(20)
    assert asked["to"] >= f"{before:%Y-%m-%d %H:%M:%S}"


def test_the_lag_leaves_the_newest_alone(far):
    of = system({**INCREMENTAL, "lag": "5 minutes"})
    read(opened(far, of), of, {"value": WHEN.format(0)})
    bound = dt.datetime.fromisoformat(far.asked[0][1]["to"])
    behind = dt.datetime.now(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None) - bound
    assert dt.timedelta(minutes=5) <= behind < dt.timedelta(minutes=6)


def test_the_upper_bound_stays_where_it_was_while_pages_are_read(far):
    far.rows = timed(*range(30, 40))
    of = system(INCREMENTAL)
    read(opened(far, of), of, {"value": WHEN.format(35)})
    assert len(far.asked) > 1
    assert len({q["to"] for _, q in far.asked}) == 1


def test_a_cursor_never_moves_back_and_a_row_of_the_year_9999_does_not_move_it_either(far):
    far.rows = [*timed(0, 5), {"id": "x", "name": "错", "t": "9999-12-31 00:00:00"}]
    of = system(INCREMENTAL)
    _, first = read(opened(far, of), of)
    assert first.cursor["value"] == WHEN.format(5)
    far.rows = []
    _, second = read(opened(far, of), of, first.cursor)
    assert second.cursor["value"] == WHEN.format(5)


@pytest.mark.parametrize(
    ("form", "value", "asked"),
    [
        ("%Y-%m-%d %H:%M:%S", "2026-03-01T08:30:00", "2026-03-01 08:20:00"),
        ("%Y-%m-%d %H:%M:%S", "2026-03-01T00:30:00Z", "2026-03-01 08:20:00"),
        ("%Y%m%d%H%M%S", "20260301083000", "20260301082000"),
        ("%Y-%m-%dT%H:%M:%S", "2026-03-01 08:30:00.123", "2026-03-01T08:20:00"),
        ("seconds", "1772325000", "1772324400"),
        ("milliseconds", "1772325000000", "1772324400000"),
        ("%d/%m/%Y %H:%M:%S", "01/03/2026 08:30:00", "01/03/2026 08:20:00"),
        ("%Y-%m-%dT%H:%M:%SZ", "2026-03-01T00:30:00.456Z", "2026-03-01T00:20:00Z"),
        ("%Y-%m-%dT%H:%M:%SZ", "2026-03-01T08:30:00+08:00", "2026-03-01T00:20:00Z"),
        ("%Y-%m-%dT%H:%M:%SZ", "2026-03-01 08:30:00", "2026-03-01T00:20:00Z"),
        ("%Y-%m-%dT%H:%M:%S.%3fZ", "2026-03-01T00:30:00.456Z", "2026-03-01T00:20:00.456Z"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-03-01T00:30:00Z", "2026-03-01T08:20:00+0800"),
        ("%Y-%m-%dT%H:%M:%S%:z", "2026-03-01T00:30:00.000+0000", "2026-03-01T08:20:00+08:00"),
        ("%Y-%m-%d %H:%M:%S", "1772325000000", "2026-03-01 08:20:00"),
        ("%Y-%m-%d %H:%M", "2026-03-01 08:30:59", "2026-03-01 08:20"),
        ("%Y-%m-%d", "2026-03-01 00:05:00", "2026-02-28"),
        ("seconds", "2026-03-01T00:30:00.999Z", "1772324400"),
        ("milliseconds", "2026-03-01 08:30:00.0009", "1772324400000"),
    ],
)
def test_times_are_understood_as_they_come_and_asked_for_as_they_are_taken(far, form, value, asked):
    far.kind = "none"
    far.answer = lambda *_: (200, {}, {"data": {"total": 1, "list": [{"id": "1", "name": "甲", "t": value}]}})
    of = system({**INCREMENTAL, "since": {"lower": "from", "format": form}, "page": {"kind": "none"}})
    connector = opened(far, of)
    _, first = read(connector, of)
    assert first.cursor["value"] == value
    read(connector, of, first.cursor)
    assert far.asked[-1][1] == {"from": asked}
    assert connector.probe(of.datasets["person"], first.cursor) == "unchanged"


def test_the_largest_of_times_that_do_not_sort_as_text_is_found(far):
    far.rows = [{"id": "1", "name": "甲", "t": "31/01/2026 08:00:00"}, {"id": "2", "name": "乙", "t": "02/02/2026 08:00:00"}]
    of = system({**INCREMENTAL, "since": {"lower": "from", "format": "%d/%m/%Y %H:%M:%S"}})
    assert read(opened(far, of), of)[1].cursor["value"] == "02/02/2026 08:00:00"


def test_the_zone_a_window_is_asked_in_can_be_said(far):
    far.rows = [{"id": "1", "name": "甲", "t": "2026-03-01T08:30:00+08:00"}]
    far.answer = lambda *_: (200, {}, {"data": {"total": 1, "list": far.rows}})
    of = system({**INCREMENTAL, "since": {"lower": "from", "upper": "to", "zone": "UTC"}})
    _, first = read(opened(far, of), of)
    before = dt.datetime.now(dt.UTC)
    read(opened(far, of), of, first.cursor)
    assert far.asked[-1][1]["from"] == "2026-03-01 00:20:00"
    assert far.asked[-1][1]["to"] >= f"{before:%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("marks", "largest"),
    [
        (["2026-03-01T00:30:00Z", "2026-03-01T08:29:00+08:00"], 0),
        (["2026-03-01T08:29:00+08:00", "2026-03-01T00:30:00Z"], 1),
        (["2026-03-01 08:30:00", "2026-03-01T00:30:00.5Z", "2026-03-01 08:29:59"], 1),
        (["9", "10", "100000000000000000000", "99999999999999999999"], 2),
        (["2026-3-1 8:30:00", "2026-03-01 08:29:00"], 0),
    ],
)
def test_the_largest_mark_is_the_latest_whatever_it_looks_like(far, marks, largest):
    far.rows = [{"id": str(n), "name": "甲", "t": mark} for n, mark in enumerate(marks)]
    far.answer = lambda *_: (200, {}, {"data": {"total": len(marks), "list": far.rows}})
    of = system({**INCREMENTAL, "page": {"kind": "none"}})
    assert read(opened(far, of), of)[1].cursor["value"] == marks[largest]


@pytest.mark.parametrize("marks", [["9", "2026-03-01 08:30:00"], ["V1.2", "V1.10"], ["2026-03-01 08:30:00", "昨天"]])
def test_marks_without_one_order_are_refused(far, marks):
    far.rows = [{"id": str(n), "name": "甲", "t": mark} for n, mark in enumerate(marks)]
    far.answer = lambda *_: (200, {}, {"data": {"total": len(marks), "list": far.rows}})
    of = system({**INCREMENTAL, "page": {"kind": "none"}})
    with pytest.raises(SourceChanged, match="没有统一的次序"):
        read(opened(far, of), of)


def test_numbers_count_as_numbers(far):
    far.kind = "none"
    far.answer = lambda *_: (
        200,
        {},
        {"data": {"total": 2, "list": [{"id": "1", "name": "甲", "t": 9}, {"id": "2", "name": "乙", "t": 10}]}},
    )
    of = system({"cursor": "t", "since": {"lower": "from"}, "page": {"kind": "none"}})
    connector = opened(far, of)
    _, first = read(connector, of)
    assert first.cursor["value"] == "10"
    read(connector, of, first.cursor)
    assert far.asked[-1][1] == {"from": "10"}


def test_without_a_window_every_read_is_complete(far):
    far.rows = timed(0, 1)
    of = system({"cursor": "t"})
    got, pull = read(opened(far, of), of, {"value": WHEN.format(1)})
    assert (len(got), pull.whole) == (2, {""})


# --- whether a pull would bring anything


def test_nothing_changed_costs_one_request(far):
    far.rows = timed(*range(0, 40, 2))
    of = system({**INCREMENTAL, "page": {**PAGES["page"], "rows": 10}})
    _, first = read(opened(far, of), of)
    far.asked.clear()
    assert opened(far, of).probe(of.datasets["person"], first.cursor) == "unchanged"
    assert len(far.asked) == 1
    _, second = read(opened(far, of), of, first.cursor)
    assert second.cursor == first.cursor


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.append({"id": "late", "name": "同一秒", "t": rows[-1]["t"]}),
        lambda rows: rows.append({"id": "new", "name": "新", "t": WHEN.format(50)}),
        lambda rows: rows[-1].update(name="改"),
        lambda rows: rows.pop(),
    ],
)
def test_every_change_in_the_window_is_noticed_and_its_page_not_asked_for_twice(far, change):
    far.rows = timed(*range(0, 40, 2))
    of = system({**INCREMENTAL, "page": {**PAGES["page"], "rows": 10}})
    _, first = read(opened(far, of), of)
    change(far.rows)
    far.asked.clear()
    connector = opened(far, of)
    assert connector.probe(of.datasets["person"], first.cursor) == "changed"
    got, second = read(connector, of, first.cursor)
    assert len(far.asked) == 1
    assert got == [r for r in far.rows if r["t"] >= WHEN.format(28)]
    assert connector.probe(of.datasets["person"], second.cursor) == "unchanged"


@pytest.mark.parametrize("kind", ["page", "cursor", "link"])
def test_a_window_of_several_pages_cannot_be_told_from_its_first(far, kind):
    far.kind, far.rows = kind, timed(*range(40))
    of = system({**INCREMENTAL, "page": {**PAGES[kind], "rows": 3}})
    _, first = read(opened(far, of), of)
    assert opened(far, of).probe(of.datasets["person"], first.cursor) == "cannot tell"


def test_a_page_left_by_a_probe_is_not_used_for_another_read(far):
    far.rows = timed(*range(0, 40, 2))
    of = system({**INCREMENTAL, "page": {**PAGES["page"], "rows": 10}})
    _, first = read(opened(far, of), of)
    connector = opened(far, of)
    connector.probe(of.datasets["person"], first.cursor)
    got, pull = read(connector, of)
    assert (len(got), pull.whole) == (20, {""})


@pytest.mark.parametrize(
    ("words", "percent"),
    [
        ("yyyy-mm-dd hh:mi:ss", "%Y-%m-%d %H:%M:%S"),
        ("yyyy-mm-ddThh:mi:ss.fffZ", "%Y-%m-%dT%H:%M:%S.%3fZ"),
        ("yyyymmddhhmiss", "%Y%m%d%H%M%S"),
        ("yyyy-mm-dd hh:mi:ss+hh:mi", "%Y-%m-%d %H:%M:%S%:z"),
        ("seconds", "seconds"),
    ],
)
def test_a_window_is_written_in_the_words_of_every_other_date(words, percent):
    assert Since(lower="from", format=words).pattern == percent


@pytest.mark.parametrize("words", ["yyyy-qq", "上午hh", "yyyy-m-d", "now", ""])
def test_what_is_no_form_to_ask_in_is_refused(words):
    with pytest.raises(ValueError, match="yyyy-mm-dd"):
        Since(lower="from", format=words)
