"""Every word of every kind and format is either used by the code that reads, or refused with those that are allowed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from schemas.home import ROOT
from schemas.kinds import kinds
from schemas.registration import System

COMMON = ["connectors/*.py", "warehouse/*.py", "orchestration/**/*.py", "schemas/registration.py", "schemas/reading.py", "answers/*.py"]
DATASETS = {
    "database": [{"table": "T"}],
    "files": [{"files": "*.csv"}, {"files": "*.xlsx"}],
    "rest": [{"path": "p"}],
}
SAMPLES = {  # a value each word may have, where it is no text
    "via": "main", "key": ["a"], "duplicates": "newest", "newest_by": "b", "cursor": "b", "overlap": "1 hours", "lag": "1 hours",
    "null_cursor": "skip", "whole": "all", "append": True, "reconcile": "weekly", "only": {"a": "1"}, "deleted": {"a": "1"},
    "changes": {"kind": "k", "at": "t"}, "header": 2, "until": "合计", "fill_down": ["a"], "sheet": "名单", "section": "x",
    "encoding": "gb18030", "delimiter": ";", "quote": "'", "escape": "\\", "settled": "1 hours", "complete_when": ".ok", "parts": 2,
    "batch": "(\\d+)", "page": {"kind": "page"}, "since": {"lower": "from"}, "params": {"a": "1"}, "rows": "data.list",
}  # fmt: skip
NEEDS = {
    "newest_by": {"duplicates": "newest"}, "parts": {"batch": "(\\d+)"}, "cursor": {"key": ["a"]}, "since": {"cursor": "b", "key": ["a"]},
    "overlap": {"cursor": "b", "key": ["a"]}, "lag": {"cursor": "b", "key": ["a"]}, "null_cursor": {"cursor": "b", "key": ["a"]},
    "reconcile": {"cursor": "b", "key": ["a"]}, "changes": {"key": ["a"]},
}  # fmt: skip
CASES = [(kind, said, word) for kind, datasets in DATASETS.items() for said in datasets for word in kinds()[kind].read.model_fields]


def used(*patterns: str) -> set[str]:
    """Every name that code takes from something: `read.word`, getattr(read, "word")."""
    found: set[str] = set()
    for path in (p for pattern in patterns for p in Path(ROOT).glob(pattern)):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
    return found


def test_every_kind_is_looked_at():
    assert set(DATASETS) == set(kinds())


@pytest.mark.parametrize("kind", sorted(DATASETS))
def test_every_word_is_used_by_code(kind):
    code = used(*COMMON, f"connectors/{kind}/**/*.py")
    full = {"cursor": "b", "changes": {"kind": "k"}}
    usable = {w for said in DATASETS[kind] for w in kinds()[kind].read.usable({**said, **full})}
    words = {*usable, *kinds()[kind].connection.model_fields}
    assert words - code == set(), f"{kind}: accepted, and read by nobody"
    assert "no_such_word" not in code


@pytest.mark.parametrize(("kind", "said", "word"), CASES, ids=lambda v: v if isinstance(v, str) else next(iter(v.values())))
def test_a_word_without_a_use_is_refused_with_those_that_have_one(kind, said, word):
    read = kinds()[kind].read
    beside = NEEDS.get(word, {}) if kind != "files" or "cursor" not in NEEDS.get(word, {}) else {}
    content = {**said, **beside, word: SAMPLES.get(word, "x")}
    content = {**content, **said} if word in said else content
    connection = {"database": {"dialect": "sqlite", "file": "f"}, "files": {"folder": "f"}, "rest": {"url": "http://h/x"}}[kind]

    def load():
        return System.model_validate({
            "path": "a/b", "title": "t", "connections": {"main": {"connector": kind, **connection}},
            "datasets": {"t": {"title": "t", "raw": "x", "read": content}},
        }).datasets["t"].reading  # fmt: skip

    if word in read.usable(content):
        assert getattr(load(), word) is not None
    else:
        with pytest.raises(ValueError) as refused:
            load()
        told = str(refused.value)
        assert word in told
        assert read.useless(word, content) != ("", "")


@pytest.mark.parametrize("kind", ["database", "rest"])
@pytest.mark.parametrize("word", ["overlap", "lag", "null_cursor", "reconcile"])
def test_what_belongs_to_a_cursor_is_refused_without_one(kind, word):
    read = kinds()[kind].read
    [said] = DATASETS[kind]
    assert word not in read.usable({**said, word: SAMPLES[word]})
    assert read.useless(word, said) != ("", "")
