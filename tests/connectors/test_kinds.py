"""A kind brings its own words: adding one edits nothing outside its folder."""

from __future__ import annotations

import sys
from contextlib import closing

import pytest

import connectors
from connectors.opening import open_system
from schemas.documents import read as read_file
from schemas.errors import RegistrationError
from schemas.kinds import kind, kinds
from schemas.registration import System

WORDS = '''"""A toy: it counts."""

from typing import Literal

from pydantic import Field

from connectors.places import Place
from schemas.kinds import Kind
from schemas.reading import Connection, Read


class CounterConnection(Connection):
    connector: Literal["counter"] = "counter"
    dial: Place


class CounterRead(Read):
    up_to: int = Field(ge=1)


KIND = Kind(CounterConnection, CounterRead)
'''
INIT = '''"""A toy: it counts."""

import pyarrow as pa

from schemas.pull import Batch, Pull


class Counter:
    def __init__(self, connection, system):
        self.connection, self.system = connection, system

    def check(self):
        return []

    def discover(self):
        return []

    def probe(self, dataset, since):
        return "cannot tell"

    def pull(self, dataset, since):
        rows = pa.record_batch({"N": [str(n + 1) for n in range(dataset.reading.up_to)]})
        return Pull(rows.schema, iter([Batch(rows, "", None)]), whole=frozenset({""}))

    def acknowledge(self, dataset, notes):
        pass

    def close(self):
        pass


def connect(connection, system, secret):
    return Counter(connection, system)
'''
REGISTRATION = """title: 计数器
connector: counter
connection: {dial: a}
datasets:
  number:
    title: 数
    raw: test
    read: {up_to: 3, key: [N]}
"""


@pytest.fixture
def counter(tmp_path, monkeypatch):
    """The toy kind, put beside the others."""
    folder = tmp_path / "kinds" / "counter"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(INIT, "utf-8")
    (folder / "words.py").write_text(WORDS, "utf-8")
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, str(folder.parent)])
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    yield
    for name in [n for n in sys.modules if n.startswith("connectors.counter")]:
        del sys.modules[name]


def registered(tmp_path, text: str) -> System:
    path = tmp_path / "counter.yml"
    path.write_text(text, "utf-8")
    return read_file(path, System, path="department/counter")


def test_a_kind_that_is_put_beside_the_others_is_found_by_its_name(counter):
    assert "counter" in kinds()
    assert kind("fax") is None


@pytest.mark.usefixtures("counter")
def test_its_registration_is_read_in_its_own_words_and_its_rows_come(tmp_path):
    of = registered(tmp_path, REGISTRATION)
    with closing(open_system(of)) as opened:
        assert opened.connection.dial == str((tmp_path / "home" / "far" / "a").resolve())
        pull = opened.pull(of.datasets["number"], None)
        assert [b.rows.to_pydict() for b in pull.batches] == [{"N": ["1", "2", "3"]}]


@pytest.mark.usefixtures("counter")
@pytest.mark.parametrize(
    ("right", "wrong", "line", "named"),
    [
        ("up_to: 3", "upto: 3", 8, "did you mean up_to"),
        ("up_to: 3", "up_to: 0", 8, "up_to"),
        ("dial: a", "dail: a", 3, "did you mean dial"),
        ("dial: a", "dial: /etc", 3, "HUB_HOME/far"),
    ],
)
def test_a_wrong_word_of_it_is_told_as_any_other(tmp_path, right, wrong, line, named):
    with pytest.raises(RegistrationError) as caught:
        registered(tmp_path, REGISTRATION.replace(right, wrong))
    assert any(f"counter.yml:{line}:" in said and named in said for said in caught.value.en.splitlines())
