"""The words of files: the folder they lie in, which of them are read, when one is finished, how each format is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from connectors.files.formats.encodings import ENCODINGS, codec
from connectors.places import Place
from schemas.documents import wrong
from schemas.forms import Duration, Texts
from schemas.kinds import Kind
from schemas.patterns import Pattern
from schemas.reading import Connection, Read

BOOKS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".et")
TEXTS = (".csv", ".txt", ".tsv", ".dat")
_OF_INCREMENTS = frozenset({"cursor", "overlap", "lag", "null_cursor", "reconcile"})
_OF_TEXTS = frozenset({"encoding", "delimiter", "quote", "escape"})
_OF_BOOKS = frozenset({"sheet", "section", "until", "fill_down"})


def _below(pattern: str) -> str:
    """A pattern that stays in the folder."""
    for kind in (PurePosixPath, PureWindowsPath):
        if kind(pattern).is_absolute() or kind(pattern).drive or ".." in kind(pattern).parts:
            raise wrong("不能指向文件夹之外", "must not lead out of the folder", found=pattern)
    if "\\" in pattern or "\0" in pattern or not pattern.strip():
        raise wrong("不是文件名的样式", "is no pattern of file names", found=pattern)
    if pattern.count("**") > 1:  # each more walks every folder once again for every folder
        raise wrong("** 最多写一次", "** may stand in it once", found=pattern)
    return pattern


def _name(suffix: str) -> str:
    if "/" in suffix or "\\" in suffix or "\0" in suffix or not suffix:
        raise wrong("只能是文件名的结尾，例如 .ok", "must be the end of a file name, such as .ok", found=suffix)
    return suffix


def _encoding(declared: str) -> str:
    try:
        codec(declared)
    except LookupError:
        raise wrong(
            f"不能读取这种编码；可用：{'、'.join(ENCODINGS)}",
            f"not an encoding that is read; there are: {', '.join(ENCODINGS)}",
            found=declared,
        ) from None
    return declared


def _mark(mark: str) -> str:
    if len(mark) != 1 or not mark.isascii() or mark.isalnum() or mark in "\r\n\0":
        raise wrong("须是一个标点符号或制表符", "must be one sign or the tab character", found=mark)
    return mark


Glob = Annotated[str, AfterValidator(_below)]
Ending = Annotated[str, AfterValidator(_name)]
Encoding = Annotated[str, AfterValidator(_encoding)]
Mark = Annotated[str, AfterValidator(_mark)]
Lines = Annotated[
    tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(min_length=1), BeforeValidator(lambda v: [v] if isinstance(v, int) else v)
]


class FilesConnection(Connection):
    """The words of `connection:` for files."""

    connector: Literal["files"] = "files"
    folder: Place


class FilesRead(Read):
    """The words of `read:` for files."""

    files: Glob  # a pattern in the folder, for example person_*.csv
    complete_when: Ending | None = None  # the suffix of the control file that says: finished
    settled: Duration = dt.timedelta(seconds=5)  # without a control file: unchanged for this long
    parts: int | None = Field(default=None, ge=1)  # a batch is complete with that many files
    batch: Pattern | None = None  # a pattern with one group: the batch in a file name
    header: Lines = (1,)  # the lines that hold the column names, joined by `join`
    join: str = "/"
    encoding: Encoding | None = None  # of a text file; utf-8 without it
    delimiter: Mark = ","  # of a text file
    quote: Mark = '"'  # of a text file
    escape: Mark | None = (
        None  # of a text file: the sign before a quote inside a quoted value, such as a backslash; a doubled quote always is one
    )
    sheet: Annotated[int, Field(ge=1)] | str | None = None  # a name, a place (2), a pattern ("*月"), or "each"; the first by default
    section: str | None = None  # the title line above the table: it begins below that line and ends at a blank one
    header_from: str | None = None  # how the header line starts: `header` counts from it
    until: Texts = ()  # how the totals row starts, one or several words: it and what is below is left out
    fill_down: tuple[str, ...] = ()  # columns whose blank cells, merged or left out, take the value above

    @classmethod
    def usable(cls, said: Mapping[str, Any]) -> frozenset[str]:
        ending = _ending(said)
        other = _OF_BOOKS if ending in TEXTS else _OF_TEXTS if ending in BOOKS else frozenset()
        return super().usable(said) - other - _OF_INCREMENTS

    @classmethod
    def useless(cls, word: str, said: Mapping[str, Any]) -> tuple[str, str]:
        if word in _OF_INCREMENTS:
            return f"files 用不到 {word}：已读过的文件按内容识别", f"files has no use for {word}: what was read is known by its content"
        return f"{_ending(said)} 文件用不到它", f"{_ending(said)} files have no use for it"

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if self.parts and not self.batch:
            raise wrong("parts 须与 batch 一起写", "parts needs batch", "parts")
        if self.delimiter == self.quote:
            raise wrong("delimiter 与 quote 不能相同", "delimiter and quote must differ", "delimiter")
        return self


def _ending(said: Mapping[str, Any]) -> str:
    return PurePosixPath(str(said.get("files") or "")).suffix.lower()


KIND = Kind(FilesConnection, FilesRead)
