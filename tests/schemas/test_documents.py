"""A registration is typed by hand, or by somebody who means harm: it is read as plain values or refused with its line."""

import ast
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.documents import LARGEST, load, read
from schemas.errors import RegistrationError
from schemas.registration import System
from tests.test_imports import ROOT

HOSTILE = {
    "nested too deeply": "[" * 200_000,
    "lists in lists": "- " * 200_000 + "x",
    "an object": 'a: !!python/object/apply:os.system ["true"]',
    "a tag of its own": "a: !mine x",
    "a set": "a: !!set {x}",
    "an alias": "a: &x [1]\nb: *x",
    "laughs": "a: &x [lol]\nb: &y [*x, *x]\nc: [*y, *y]",
    "a merge": "a: {<<: {b: 1}}",
    "a key twice": "a: 1\na: 2",
    "a list as key": "? [a]\n: b",
    "a number as key": "1: a",
    "yes as key": "yes: a",
    "two documents": "a: 1\n---\nb: 2",
    "a day that does not exist": "a: 2024-02-30",
    "a zone that does not exist": "a: 2024-01-01T00:00:00+99:00",
    "a number of 5,000 digits": "a: " + "9" * 5000,
    "not base64": "a: !!binary x",
    "a NUL": "a\x00: b",
    "never closed": 'a: "b',
    "too large": "a: " + "x" * LARGEST,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_not_plain_is_refused_with_its_file(tmp_path, text):
    path = tmp_path / "grid.yml"
    path.write_text(text, "utf-8")
    with pytest.raises(RegistrationError) as refused:
        load(path)
    assert str(path) in refused.value.zh
    assert str(path) in refused.value.en
    assert len(refused.value.zh) < 600
    assert refused.value.next_zh


@pytest.mark.parametrize(("text", "place"), [("a: 1\nb:\n  c: !x y", ":3: b.c"), ("a: 1\n\na: 2", ":3: a"), ("a:\n- 1\n- *x\n", ":3")])
def test_the_line_and_the_path_are_named(tmp_path, text, place):
    path = tmp_path / "grid.yml"
    path.write_text(text, "utf-8")
    with pytest.raises(RegistrationError) as refused:
        load(path)
    assert f"{path}{place}" in refused.value.zh


def test_bytes_that_are_no_utf8_are_refused(tmp_path):
    path = tmp_path / "grid.yml"
    path.write_bytes("title: 网格".encode("gb18030"))
    with pytest.raises(RegistrationError, match="YAML"):
        load(path)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text("abc:-[]{}&*!?|>'\"#%@, \n\t1.~é网\x00", max_size=80).map(lambda t: t.encode())))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yml"
    path.write_bytes(content)
    try:
        load(path)
    except RegistrationError as refused:
        assert str(path) in refused.zh


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12)
    | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdefg", min_size=1, max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(plain)
def test_what_yaml_writes_is_read_back(tmp_path_factory, value):
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data):
            return True

    path = tmp_path_factory.getbasetemp() / "round.yml"
    path.write_text(yaml.dump(value, Dumper=Plain, allow_unicode=True), "utf-8")
    assert load(path)[0] == value


CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize(
    ("word", "value", "zh", "en"),
    [
        ("security_level", "high", "应是整数", "valid integer"),
        ("security_level", 9, "应不大于 5", "less than or equal to 5"),
        ("host", "moon", "只能是", "'local'"),
        ("title", [1], "应是文字", "valid string"),
        ("datasets", [], "应是“键: 值”结构", "valid dictionary"),
        ("schedule", "sometimes", "schedule 可写", "schedule is hourly"),
        ("owner", "甲", "应是“键: 值”结构", "valid dictionary"),
        ("connections", {"main": {"connector": "rest", "url": "ftp://a"}}, "开头的地址", "must be an address"),
        ("connections", {"main": {"connector": "rest", "url": "https://a", "auth": 3}}, "只能是", "Input should be"),
        ("formerly", 3, "应是列表", "valid tuple"),
    ],
)
def test_every_wrong_value_is_told_in_either_language_alone(tmp_path, word, value, zh, en):
    file = tmp_path / "a.yml"
    file.write_text(yaml.safe_dump({"title": "t", "stage": "surveyed", word: value}), "utf-8")
    with pytest.raises(RegistrationError) as refused:
        read(file, System, path="a/a")
    assert zh in refused.value.zh
    assert "Input should" not in refused.value.zh
    assert en in refused.value.en
    assert not CHINESE.search(refused.value.en.replace("甲", ""))


def test_a_validator_says_what_is_wrong_in_both_languages():
    """A message with Chinese in it has its English behind a bar, in every module of models."""
    modules = [*(ROOT / "schemas").glob("*.py"), *(ROOT / "connectors").glob("*/words.py")]
    said = [
        (module.name, node.lineno, ast.unparse(node.exc.args[0]))
        for module in modules
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and getattr(node.exc.func, "id", "") == "ValueError"
        and node.exc.args
    ]
    assert len(said) > 20
    assert [s for s in said if CHINESE.search(s[2]) and " | " not in s[2]] == []
