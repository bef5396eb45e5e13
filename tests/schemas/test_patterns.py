"""No pattern that anybody writes takes longer than its text, and one that cannot be used is told when it is loaded."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager

import pytest

from schemas import patterns
from schemas.city import read_city
from schemas.errors import RegistrationError
from schemas.kinds import kind
from tests.orchestration import small_city

SLOW = ["^((a+)+)$", "^(a|aa)+$", "(a*)*$", "^(.*a){12}$", "(x+x+)+y", "^([a-zA-Z]+)*$"]


@contextmanager
def at_once():
    """A pattern that backtracks over thirty letters would take longer than the universe is old."""

    def late(*_):
        raise AssertionError("it takes for ever")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    try:
        yield
    finally:
        signal.alarm(0)


@pytest.mark.parametrize("pattern", SLOW)
def test_no_pattern_takes_longer_than_its_text(pattern):
    with at_once():
        assert patterns.found(pattern, ["a" * 20_000 + "!", "x" * 20_000, "b"])[-1] in (None, "", "b")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (r"_(\d+)月", ["10", None, None]),
        (r"\d{6}", [None, "202601", None]),
        (r"(?i)ABC", [None, None, "abc"]),
        ("名单|abc", ["名单", None, "abc"]),
        (r"^\d", [None, "2", None]),
    ],
)
def test_the_first_group_counts_or_the_whole(pattern, found):
    assert patterns.found(pattern, ["名单_10月.csv", "202601.csv", "x\nabc"]) == found


def test_a_name_that_is_no_text_is_looked_at_all_the_same():
    assert patterns.found(r"(\d+)", [os.fsdecode(b"\xb0\xd7_12.csv")]) == ["12"]


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?<=x)a", "(?=a)", "(a{1000}){1000}", "a" * 1001])
def test_a_pattern_the_engine_does_not_know_is_refused_when_it_is_loaded(tmp_path, pattern):
    read = kind("files").read
    with pytest.raises(ValueError, match="RE2"):
        read.model_validate({"files": "*.csv", "batch": pattern})
    _, systems, schemas = small_city.write(tmp_path)
    rule = {"rule": "pattern", "field": "name", "pattern": pattern}
    small_city.put(schemas / "records/person.yml", {**small_city.RECORD, "rules": [rule]})
    with pytest.raises(RegistrationError, match="RE2") as refused:
        read_city(systems, schemas)
    assert "person.yml" in str(refused.value)


def test_a_pattern_of_file_names_walks_every_folder_once():
    read = kind("files").read
    assert read.model_validate({"files": "**/*.csv"})
    with pytest.raises(ValueError, match="\\*\\*"):
        read.model_validate({"files": "**/**/**/*.csv"})
