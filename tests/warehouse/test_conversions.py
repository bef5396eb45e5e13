"""Every word of `as:` turns text into a value or into NULL, and never raises, whatever the text is."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.far_side import id_number
from warehouse.conversions import FORMS, WORDS, Asked, text_of

CON = duckdb.connect(config={"threads": 1})


def converted(word: str, values: list[str | None], **asked) -> list[object]:
    """The values of one column after that word."""
    CON.execute("CREATE OR REPLACE TEMP TABLE t AS SELECT unnest(range(len($v))) AS n, unnest($v::VARCHAR[]) AS x", {"v": values})
    how = WORDS[word]
    made = how.convert("c", Asked(**{"zone": "Asia/Shanghai", **asked}))
    sql = f"SELECT {made} FROM (SELECT n, {how.clean('x')} AS c FROM (SELECT n, {text_of('x')} AS x FROM t)) ORDER BY n"
    return [r[0] for r in CON.execute(sql).fetchall()]


@pytest.mark.parametrize(
    ("word", "text", "value"),
    [
        ("text", "\u3000 张三\t", "张三"),
        ("text", " \u200b", None),
        ("integer", "１，234", 1234),
        ("integer", "12.0", 12),
        ("integer", "1.5", None),
        ("integer", "9223372036854775808", None),
        ("decimal", "1,234.50", Decimal("1234.50")),
        ("decimal", "￥300元", Decimal("300.00")),
        ("decimal", "1.239", None),
        ("decimal", "1.230", Decimal("1.23")),
        ("decimal", "待核定", None),
        ("date", "20240131", dt.date(2024, 1, 31)),
        ("date", "2024/1/31", dt.date(2024, 1, 31)),
        ("date", "2024年1月31日", dt.date(2024, 1, 31)),
        ("date", "2024-05-20 10:00:00", dt.date(2024, 5, 20)),
        ("date", "0000-00-00", None),
        ("date", "00000000", None),
        ("date", "2024-02-30", None),
        ("date", "9999-12-31", dt.date(9999, 12, 31)),
        ("datetime", "2024-05-20 10:00:00", dt.datetime(2024, 5, 20, 10)),
        ("datetime", "20240520100000", dt.datetime(2024, 5, 20, 10)),
        ("datetime", "2024-05-20T02:00:00Z", dt.datetime(2024, 5, 20, 10)),
        ("datetime", "2024-05-20T10:00:00+08:00", dt.datetime(2024, 5, 20, 10)),
        ("datetime", "2024-05-20", dt.datetime(2024, 5, 20)),
        ("datetime", "2024-05-20 25:00:00", None),
        ("integer", "1,5", None),
        ("integer", "3,1,2", None),
        ("integer", "1，5", None),
        ("integer", "1,2345", None),
        ("integer", ",123", None),
        ("integer", "1,234,567", 1234567),
        ("integer", "5%", None),
        ("integer", "1e3", None),
        ("integer", "（5）", None),
        ("integer", "+-5", None),
        ("decimal", "1,5", None),
        ("decimal", "12,34", None),
        ("decimal", "￥1,5元", None),
        ("decimal", "-￥5", Decimal("-5.00")),
        ("decimal", "￥-5", Decimal("-5.00")),
        ("decimal", "元5", None),
        ("decimal", "5元元", None),
        ("decimal", "5￥", None),
        ("decimal", "1,234,567.8", Decimal("1234567.80")),
        ("decimal", "1e3", None),
        ("date", "2026-03-02 下午3:00", dt.date(2026, 3, 2)),
        ("date", "2026-03-02 garbage", None),
        ("date", "2026-03-02 25:00", None),
        ("date", "2026-03-02T", None),
        ("date", "2026-03-02,2026-03-05", None),
        ("date", "20260230", None),
        ("date", "26-03-02", None),
        ("date", "2026-03-31T16:00:00Z", dt.date(2026, 4, 1)),
        ("date", "2026-03-31T16:00:00.000+0000", dt.date(2026, 4, 1)),
        ("datetime", "2026-03-02 下午3:00", dt.datetime(2026, 3, 2, 15)),
        ("datetime", "2026-03-02 上午12:30", dt.datetime(2026, 3, 2, 0, 30)),
        ("datetime", "2026-03-02 15:00 至 16:00", None),
        ("datetime", "2026-03-02 10:00:00+08", dt.datetime(2026, 3, 2, 10)),
        ("datetime", "1988-07-01T00:00:00Z", dt.datetime(1988, 7, 1, 9)),  # China had summer time
        ("datetime", "2024-05-20 10:00:00.123", dt.datetime(2024, 5, 20, 10, 0, 0, 123000)),
        ("boolean", "是", True),
        ("boolean", "N", False),
        ("boolean", "也许", None),
        ("id_number", "11010519491231002x", "11010519491231002X"),  # the specimen of the standard
        ("id_number", "110105491231002", "11010519491231002X"),
        ("id_number", "810000199408230021", "810000199408230021"),
        ("id_number", "820000199009010013", None),
        ("id_number", "１１０１０５１９４９１２３１００２Ｘ", "11010519491231002X"),
        ("id_number", "110105204912310027", None),
        ("uscc", "91350100M000100Y43", "91350100M000100Y43"),
        ("uscc", "91350100M000100Y44", None),
        ("phone", "+86 138-0013-8000", "13800138000"),
        ("phone", "(0394)4312345", "0394-4312345"),
        ("phone", "0394-4312345-801", "0394-4312345-801"),
        ("phone", "4312345", None),
        ("phone", "013812345678", "13812345678"),
        ("phone", "010-12345678", "010-12345678"),
        ("phone", "02112345678", "021-12345678"),
        ("phone", "0138-1234567", None),
        ("uscc", "9135O100M000100Y43", None),
        ("uscc", "B1350100M000100Y43", None),
    ],
)
def test_a_word_reads_what_departments_write(word, text, value):
    assert converted(word, [text]) == [value]


def test_an_unlisted_code_has_no_value_and_is_never_guessed():
    assert converted("code", ["1", "男", "3", None], codes={"1": "m", "男": "m"}) == ["m", "m", None, None]
    assert converted("code", ["1", "7"], listed=frozenset({"1", "2"})) == ["1", None]


def test_only_the_formats_that_are_named_are_tried():
    assert converted("date", ["2024.01", "2024-01-05"], formats=("yyyy.mm",)) == [dt.date(2024, 1, 1), None]
    assert converted("decimal", ["1,5", "1.234,50", "1.5"], formats=("decimal_comma",)) == [Decimal("1.50"), Decimal("1234.50"), None]
    assert converted("datetime", ["01/02/2026 下午3:05"], formats=("dd/mm/yyyy 上午h:mi",)) == [dt.datetime(2026, 2, 1, 15, 5)]
    assert converted("date", ["45322", "5"], formats=("excel_serial",)) == [dt.date(2024, 1, 31), None]


@given(st.lists(st.one_of(st.none(), st.text(max_size=24), st.text("0123456789-/.:年月日 TZ+Xx,，（）", max_size=22)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_no_text_makes_a_conversion_raise(values):
    texts = [v.replace("\x00", "") if v else v for v in values]
    for word in WORDS:
        assert len(converted(word, texts, listed=frozenset({"1"}))) == len(texts)
    for form in FORMS:
        converted("date", texts, formats=(form,))


@given(st.dates(dt.date(1850, 1, 1), dt.date(2100, 1, 1)))
@settings(max_examples=60, deadline=None)
def test_every_way_of_writing_a_date_gives_the_same_day(day):
    written = [day.isoformat(), day.strftime("%Y%m%d"), f"{day.year}/{day.month}/{day.day}", f"{day.year}年{day.month}月{day.day}日"]
    assert converted("date", written) == [day] * 4


@given(st.integers(0, 999), st.integers(0, 17), st.integers(1, 9))
@settings(max_examples=80, deadline=None)
def test_one_wrong_digit_is_always_noticed(n, place, by):
    good = id_number(n)
    digit = good[place]
    wrong = good[:place] + ("0" if digit == "X" else str((int(digit) + by) % 10)) + good[place + 1 :]
    assert converted("id_number", [good, wrong]) == [good, None]


@given(st.integers(-(10**12), 10**12), st.sampled_from(["{}", "{:,}", "{}.0", "{:,}.00"]))
@settings(max_examples=80, deadline=None)
def test_a_number_that_is_read_is_the_number_that_was_written(n, how):
    assert converted("integer", [how.format(n)]) == [n]


@given(st.text("0123456789,.￥元+- ", max_size=12))
@settings(max_examples=200, deadline=None)
def test_no_digit_is_ever_dropped_or_moved(text):
    (value,) = converted("decimal", [text])
    if value is not None:
        digits = (
            "".join(c for c in text if c.isdigit() or c == ".").rstrip("0").rstrip(".")
            if "." in text
            else "".join(c for c in text if c.isdigit())
        )
        assert abs(value) == Decimal(digits or "0")


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)), st.text(" abc下午:0Z+", max_size=6))
@settings(max_examples=150, deadline=None)
def test_a_moment_with_something_behind_it_is_read_whole_or_not_at_all(at, behind):
    plain = at.strftime("%Y-%m-%d %H:%M:%S")
    (value,) = converted("datetime", [plain + behind])
    from schemas.moments import local, read_any

    said = read_any((plain + behind).strip())
    assert value == (local(said, "Asia/Shanghai") if said is not None else None)
