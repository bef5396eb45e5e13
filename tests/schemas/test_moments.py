"""Python and SQL read and turn every moment alike, by the rules of its zone; what is not wholly of a form is none."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import moments

CON = duckdb.connect(config={"threads": 1})
ZONES = ("Asia/Shanghai", "Asia/Urumqi", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe", "UTC")
FORMS = tuple(
    moments.form(text)
    for text in (
        "yyyy-mm-dd", "yyyymmdd", "yyyy.mm", "yyyymm", "dd/mm/yyyy hh:mi", "yyyymmddhhmissfff", "yyyy年m月d日 hh时mi分ss秒", "epoch_ms", "epoch_s",
        "yyyy-mm-ddThh:mi:ss.fffffffffZ", "yyyy-mm-dd hh:mi:ss.ffffff+hh:mi", "yyyymmdd hhmiss+hhmi", "h:mi AM dd.mm.yyyy", "excel_serial",
    )
) + moments.CLOCKS  # fmt: skip


def in_sql(form: moments.Form, texts: list[str], zone: str, session: str = "UTC") -> list[dt.datetime | None]:
    CON.execute(f"SET TimeZone = '{session}'")
    made = CON.execute(f"SELECT {form.sql('x', zone)} FROM (SELECT unnest($v::VARCHAR[]) AS x)", {"v": texts})
    return [row[0] for row in made.fetchall()]


def in_python(form: moments.Form, text: str, zone: str) -> dt.datetime | None:
    found = form.read(text)
    try:
        return found and moments.local(found, zone)
    except OverflowError:
        return None


LOCAL = st.datetimes(dt.datetime(1850, 1, 1), dt.datetime(2100, 1, 1))
SUMMERS = st.datetimes(dt.datetime(1986, 4, 1), dt.datetime(1991, 10, 1))


@given(st.lists(st.one_of(LOCAL, SUMMERS), min_size=1, max_size=30), st.sampled_from(ZONES))
@example([dt.datetime(1986, 5, 4, 2, 30), dt.datetime(1991, 9, 15, 1, 30)], "Asia/Shanghai")
@settings(max_examples=60, deadline=None)
def test_a_wall_clock_is_the_same_instant_in_python_and_in_sql(clocks, zone):
    CON.execute("SET TimeZone = 'America/New_York'")
    sql = f"SELECT {moments.utc_sql(moments.instant_sql('x', zone))} FROM (SELECT unnest($v::TIMESTAMP[]) AS x)"
    found = [row[0] for row in CON.execute(sql, {"v": clocks}).fetchall()]
    assert found == [moments.instant(c, zone).replace(tzinfo=None) for c in clocks]


@given(st.lists(st.one_of(LOCAL, SUMMERS), min_size=1, max_size=30), st.sampled_from(ZONES))
@settings(max_examples=60, deadline=None)
def test_an_instant_is_the_same_wall_clock_in_python_and_in_sql(instants, zone):
    CON.execute("SET TimeZone = 'Asia/Tokyo'")
    sql = f"SELECT {moments.local_sql('u', zone)} FROM (SELECT timezone('UTC', unnest($v::TIMESTAMP[])) AS u)"
    found = [row[0] for row in CON.execute(sql, {"v": instants}).fetchall()]
    assert found == [moments.local(i.replace(tzinfo=dt.UTC), zone) for i in instants]


@given(st.one_of(LOCAL, SUMMERS), st.sampled_from(FORMS), st.sampled_from(ZONES))
@settings(max_examples=150, deadline=None)
def test_what_a_form_writes_it_reads_again_in_both_languages(at, form, zone):
    if not form.tokens and form.text not in ("epoch_ms", "epoch_s", "excel_serial"):
        return
    text = form.write(at, zone)
    assert in_sql(form, [text], zone) == [in_python(form, text, zone)]
    assert (again := form.read(text)) is None or form.write(again, zone) == text


@given(
    st.lists(st.text("0123456789-/.:TZ+ 年月日上下午AMPapm", max_size=30), min_size=1, max_size=20),
    st.sampled_from(FORMS),
    st.sampled_from(ZONES),
)
@example(["9999-12-31 23:30:00-10:00", "0001-01-01 00:00:00+14:00", "0000-01-01 00:00:00Z"], moments.ZONED[0], "UTC")
@example(
    ["2026-03-02 24:00:00", "2026-03-02 10:00:60", "2026-02-30 10:00:00", "2026-3-2 9:05", "infinity", "epoch"], moments.WALL[0], "UTC"
)
@settings(max_examples=150, deadline=None)
def test_any_text_is_read_alike_whatever_the_session(texts, form, zone):
    expected = [in_python(form, text, zone) for text in texts]
    assert in_sql(form, texts, zone) == expected
    assert in_sql(form, texts, zone, "America/New_York") == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02 garbage",
        "2026-03-02 10:00:00 x",
        "20260230",
        "26-03-02",
        "2026-03/02",
        "2026-03-02T",
        "下午3:00",
        "2026-03-02 下午15:00",
    ],
)
def test_a_text_with_something_else_in_it_is_no_moment(text):
    assert moments.read_any(text) is None


def test_a_bound_is_written_as_the_value_it_was_made_from():
    for text in ("2026-03-02T02:00:00.000Z", "2026-03-02 10:00:00.123+0800", "2026/03/02 15:04", "20260302", "2026-03-02 下午03:04"):
        form = moments.form_of(text)
        assert form is not None
        assert form.read(form.write(moments.read_any(text), "Asia/Shanghai")) == moments.read_any(text)
    assert moments.form("%Y-%m-%dT%H:%M:%SZ").write(dt.datetime(2026, 11, 20, 10), "Asia/Shanghai") == "2026-11-20T02:00:00Z"


@pytest.mark.parametrize("text", ["yy-mm-dd", "hh:mi", "yyyy-mm-dd ss", "yyyy-mm-dd'", "yyyy-mm-mm", "yyyy\\mm", "%Y-%m-%d %q", ""])
def test_what_is_no_form_is_refused_with_the_words_there_are(text):
    with pytest.raises(ValueError, match="yyyy-mm-dd hh:mi:ss"):
        moments.form(text)


def test_a_zone_that_does_not_exist_is_refused():
    assert moments.zone_of("Asia/Urumqi").key == "Asia/Urumqi"
    with pytest.raises(ValueError, match="Asia/Shangai"):
        moments.zone_of("Asia/Shangai")
