"""What lies in a folder, as datasets that could be registered: files that differ by a number, a date or a town are one.

赵集镇_202609.csv, 李寨镇_202610.csv   ->   *_*.csv, with its columns, encoding, delimiter and header line
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from connectors.contract import Column, Found
from connectors.files.formats import text_evidence
from connectors.files.formats.csv import CsvFile, NoHeader
from connectors.files.formats.excel import Workbook
from connectors.files.formats.refused import Refused
from connectors.files.words import BOOKS, FilesRead

_TOTALS = ("合计", "总计", "共计", "小计")
_LINES = range(1, 7)  # where a header may stand under its titles
_VARIES = re.compile(r"\d+")
_GLOB = re.compile(r"([*?[])")


@dataclass(frozen=True)
class _Looked:
    """One file: how it is read and what columns that gives."""

    name: str
    columns: tuple[str, ...]
    reading: tuple[tuple[str, Any], ...]


def found(paths: Iterable[Path]) -> list[Found]:
    """A Found for every pattern of files alike in ending, columns and how they are read."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for path in paths:
        if one := _looked(path):
            groups.setdefault((path.suffix.lower(), one.columns, one.reading), []).append(one.name)
    every = [n for names in groups.values() for n in names]
    made = []
    for (_, columns, reading), names in groups.items():
        shown = tuple(Column(c, "text") for c in columns)
        made += [Found(pattern, shown, reading=dict(reading)) for pattern in _patterns(names, every)]
    return sorted(made, key=lambda f: f.name)


def _looked(path: Path) -> _Looked | None:
    if path.suffix.lower() in BOOKS:
        return _book(path)
    encoding = _encoding(path)
    for line in _LINES:
        for delimiter in (",", "\t", ";", "|"):
            said: dict[str, Any] = {"encoding": encoding, "delimiter": delimiter, "header": line}
            try:
                names = CsvFile(path, FilesRead.model_validate({"files": "*", **said})).header()
            except (Refused, NoHeader, OSError, ValidationError):
                continue
            said = {k: v for k, v in said.items() if v != {"encoding": "utf-8", "delimiter": ",", "header": 1}[k]}
            return _Looked(path.name, tuple(names), tuple(said.items()))
    return None


def _book(path: Path) -> _Looked | None:
    for line in _LINES:
        try:
            table = Workbook(path, FilesRead(files="*", header=(line,))).tables[0]
        except (Refused, OSError):
            continue
        said: dict[str, Any] = {} if line == 1 else {"header": line}
        last = next((str(c[-1]).strip() for c in table.columns if c and str(c[-1]).strip()), "")
        if totals := next((t for t in _TOTALS if "".join(last.split()).startswith(t)), None):
            said["until"] = totals
        return _Looked(path.name, tuple(table.names), tuple(said.items()))
    return None


def _encoding(path: Path) -> str:
    """The one of those that Chinese text comes in under which it is everyday Chinese."""
    with path.open("rb") as file:
        head = file.read(1 << 20)
    lines = head[: head.rfind(b"\n") + 1]
    if text_evidence.reads(lines, "utf-8"):
        return "utf-8"
    texts = {name: lines.decode(name) for name in ("gb18030", "big5") if text_evidence.reads(lines, name)}
    return max(texts, key=lambda name: text_evidence.everyday(texts[name]), default="gb18030")


def _patterns(names: list[str], every: list[str]) -> list[str]:
    """One pattern for all of them if it takes in no other file, else one for those that differ by numbers only, else their names."""
    if len(names) == 1:
        return [_plain(names[0])]
    stems = [n.removesuffix(Path(n).suffix) for n in names]
    before = _shared(stems).rstrip("0123456789")
    after = _shared([s[len(before) :][::-1] for s in stems])[::-1].lstrip("0123456789")
    together = f"{_plain(before)}*{_plain(after)}{Path(names[0]).suffix}"
    if {n for n in every if Path(n).match(together)} == set(names):
        return [together]
    by_shape: dict[str, list[str]] = {}
    for name in names:
        by_shape.setdefault(_VARIES.sub("*", _plain(unicodedata.normalize("NFC", name))), []).append(name)
    made: list[str] = []
    for shape, alike in by_shape.items():
        fits = len(alike) > 1 and {n for n in every if Path(n).match(shape)} == set(alike)
        made += [shape] if fits else [_plain(n) for n in alike]
    return made


def _shared(texts: list[str]) -> str:
    """What they all begin with."""
    alike = itertools.takewhile(lambda each: len(set(each)) == 1, zip(*texts, strict=False))
    return "".join(each[0] for each in alike)


def _plain(name: str) -> str:
    return _GLOB.sub(r"[\1]", name)
