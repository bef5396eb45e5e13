"""Every word of `as:` turns text into a value or into NULL, and never raises, whatever the text is."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.far_side import id_number
from warehouse.conversions import DATE_FORMATS, WORDS, Asked, text_of

CON = duckdb.connect(config={"threads": 1})


def converted(word: str, values: list[str | None], **asked) -> list[object]:
    """The values of one column after that word."""
    CON.execute("CREATE OR REPLACE TEMP TABLE t AS SELECT unnest(range(len($v))) AS n, unnest($v::VARCHAR[]) AS x", {"v": values})
    how = WORDS[word]
    made = how.convert("c", Asked(**asked))
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
    ],
)
def test_a_word_reads_what_departments_write(word, text, value):
    assert converted(word, [text]) == [value]


def test_an_unlisted_code_has_no_value_and_is_never_guessed():
    assert converted("code", ["1", "男", "3", None], codes={"1": "m", "男": "m"}) == ["m", "m", None, None]
    assert converted("code", ["1", "7"], listed=frozenset({"1", "2"})) == ["1", None]


def test_only_the_formats_that_are_named_are_tried():
    assert converted("date", ["2024.01", "2024-01-05"], formats=("yyyy.mm",)) == [dt.date(2024, 1, 1), None]
    assert converted("date", ["45322", "5"], formats=("excel_serial",)) == [dt.date(2024, 1, 31), None]


@given(st.lists(st.one_of(st.none(), st.text(max_size=24), st.text("0123456789-/.:年月日 TZ+Xx,，（）", max_size=22)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_no_text_makes_a_conversion_raise(values):
    texts = [v.replace("\x00", "") if v else v for v in values]
    for word in WORDS:
        assert len(converted(word, texts, listed=frozenset({"1"}))) == len(texts)
    for form in DATE_FORMATS:
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
