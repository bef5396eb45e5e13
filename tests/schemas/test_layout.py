"""One layout for every registration: the same content, every comment, and nothing more to change the second time."""

from __future__ import annotations

import pytest
import yaml

from schemas.layout import laid_out
from tests.test_imports import ROOT

MESSY = """\
# who sends it
inventory: X-01   # of the survey
title: 甲系统
connector: database
connection: {dialect: sqlite, database: a.db}


datasets:
  one:
    fields:
      id_number: {as: id_number, from: SFZH}
      note: null
    record: resident
    title: 甲
    read:
      table: T
      key:
      - SFZH
    sample:
    - {given: {SFZH: "1", XM: '样例 # 甲'}, rejected: id_number} # why
  # the second
  two: {title: 乙, raw: 先归集, read: {table: U}}
  three: {title: 丙}

  four: {title: 丁}
"""

LAID_OUT = """\
# who sends it
title: 甲系统
inventory: X-01 # of the survey
connector: database
connection: {dialect: sqlite, database: a.db}

datasets:
  one:
    title: 甲
    record: resident
    read: {table: T, key: [SFZH]}
    fields:
      id_number: {from: SFZH, as: id_number}
      note: null
    sample:
      - given:
          SFZH: "1"
          XM: '样例 # 甲'
        rejected: id_number # why

  # the second
  two:
    title: 乙
    raw: 先归集
    read: {table: U}

  three: {title: 丙}
  four: {title: 丁}
"""


def test_words_in_their_order_samples_a_value_a_line_and_every_comment():
    assert laid_out(MESSY) == LAID_OUT
    assert laid_out(LAID_OUT) == LAID_OUT
    assert yaml.safe_load(LAID_OUT) == yaml.safe_load(MESSY)


def test_a_mapping_that_is_too_long_for_a_line_has_a_line_each():
    columns = ", ".join(f"COLUMN_NUMBER_{n}" for n in range(12))
    text = f"title: 甲\ndatasets:\n  one:\n    title: 乙\n    read: {{table: T, columns: [{columns}]}}\n"
    made = laid_out(text)
    assert "    read:\n      table: T\n      columns:\n        - COLUMN_NUMBER_0\n" in made
    assert laid_out(made) == made


def test_words_do_not_pass_a_comment_on_a_line_of_its_own():
    text = "title: 甲\n# of the survey of 2024\nsecurity_level: 3\nhost: city\n"
    assert laid_out(text) == text


def test_a_text_of_several_lines_is_left_to_a_person():
    with pytest.raises(ValueError, match="多行文本"):
        laid_out("title: |\n  甲\n\n  乙\nhost: city\n")


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", "text\n", "a: 1\na: 2\n", ""])
def test_what_is_no_registration_is_refused_in_two_languages(text):
    with pytest.raises(ValueError, match=r"[\u4e00-\u9fff].* \| .*[a-z]"):
        laid_out(text)


def test_every_registration_of_the_city_is_laid_out():
    files = sorted((ROOT / "systems").glob("*/[!_]*.yml"))
    assert len(files) == 112
    assert [f.name for f in files if laid_out(f.read_text("utf-8")) != f.read_text("utf-8")] == []
