"""A CSV file of a declared encoding becomes Arrow batches of text; what cannot be read keeps its bytes.

    bytes -> whole lines -> decoded (bad lines set aside) -> UTF-8 -> pyarrow.csv -> batches, rejects

A line break, a comma or a quote is never part of a longer character in UTF-8 or GB18030, so bytes are cut at line
breaks and only the lines around a bad byte are looked at one by one.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.csv as pacsv

from connectors.files.formats.encodings import codec
from schemas.pull import REJECTS, Batch
from schemas.reading import Read

CHUNK = 4 << 20
_BOMS = {"utf-8": b"\xef\xbb\xbf", "gb18030": b"\x84\x31\x95\x33"}
_PRIVATE = re.compile("[\ue000-\uf8ff]")
# GB 18030-2022 moved these from the private-use area to their own characters; Python's codec is of 2000.
_MOVED = dict(
    zip(
        [0xE78D, 0xE78E, 0xE78F, 0xE790, 0xE791, 0xE792, 0xE793, 0xE794, 0xE795, 0xE796, 0xE81E, 0xE826, 0xE82B, 0xE82C, 0xE832, 0xE843, 0xE854, 0xE864],
        [0xFE10, 0xFE12, 0xFE11, 0xFE13, 0xFE14, 0xFE15, 0xFE16, 0xFE17, 0xFE18, 0xFE19, 0x9FB4, 0x9FB5, 0x9FB6, 0x9FB7, 0x9FB8, 0x9FB9, 0x9FBA, 0x9FBB],
        strict=True,
    )
)  # fmt: skip
_HEAD = 1 << 20  # a header longer than this is not one
_TOO_MANY = 0.2  # of the first lines undecodable: the encoding is another one


class NotAsDeclared(Exception):
    """The file is of another encoding than its registration says."""


class NoHeader(Exception):
    """The header line is not there yet."""


@dataclass
class CsvFile:
    """One file, being read. `digest` and the counts are right once the batches have been taken."""

    path: Path
    read: Read
    private_use: int = 0
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)
    _rejects: list[tuple[int, str, bytes]] = field(default_factory=list)
    _line: int = 0
    _first: bool = True

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def header(self) -> list[str]:
        """Column names. Raises NoHeader for a file without a whole header line, NotAsDeclared for another encoding."""
        with self.path.open("rb") as file:
            return self._header(file)[0]

    def _header(self, file: IO[bytes]) -> tuple[list[str], int]:
        """(names, bytes up to the first row)."""
        name = codec(self.read.encoding)
        head = file.read(_HEAD)
        start = len(_BOMS.get(name, b"")) if head.startswith(_BOMS.get(name, b"\0\0\0\0")) else 0
        if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise NotAsDeclared("UTF-16")
        end, lines = start, []
        for _ in range(self.read.header[-1]):
            cut = head.find(b"\n", end)
            if cut < 0:
                raise NoHeader
            lines.append(head[end : cut + 1])
            end = cut + 1
        _verify(head, name)
        try:
            texts = [line.decode(name).rstrip("\r\n") for line in lines]
        except UnicodeDecodeError:
            raise NotAsDeclared(self.read.encoding or "utf-8") from None
        try:
            rows = [next(csv.reader([t], delimiter=self.read.delimiter, quotechar=self.read.quote), []) for t in texts]
        except csv.Error:  # a lone carriage return inside the line: two bytes a character, and no mark to say so
            raise NotAsDeclared("UTF-16?") from None
        named = [rows[n - 1] for n in self.read.header]
        width = max(map(len, named))
        padded = [[*r, *[""] * (width - len(r))] for r in named]
        return [self.read.join.join(p.strip() for p in parts if p.strip()) for parts in zip(*padded, strict=True)], end

    def batches(self, columns: Sequence[str], slice_: str) -> Iterator[Batch]:
        """The named columns as text, batch by batch; rows that could not be read come with the batch after them."""
        with self.path.open("rb") as file:
            names, start = self._header(file)
            file.seek(0)
            self._hash.update(file.read(start))
            self._line = self.read.header[-1]
            source = _Utf8(self, file)
            options = pacsv.ReadOptions(column_names=_distinct(names), block_size=CHUNK, use_threads=False)
            parsing = pacsv.ParseOptions(
                delimiter=self.read.delimiter,
                quote_char=self.read.quote,
                newlines_in_values=self._quotes(),
                invalid_row_handler=self._ragged,
            )
            converting = pacsv.ConvertOptions(
                include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
            )
            try:
                reader = pacsv.open_csv(pa.PythonFile(source, mode="r"), options, parsing, converting)
            except pa.ArrowInvalid as error:
                if "Empty CSV" not in str(error):
                    raise
                reader = iter(())
            for rows in reader:
                yield Batch(rows, slice_, self._take_rejects())
            if self._rejects:
                yield Batch(None, slice_, self._take_rejects())

    def _quotes(self) -> bool:
        """Whether any value is quoted; only then may one hold a line break, which costs the parser a second look."""
        mark = self.read.quote.encode("ascii")
        with self.path.open("rb") as file:
            return any(mark in chunk for chunk in iter(lambda: file.read(CHUNK), b""))

    def _ragged(self, row: pacsv.InvalidRow) -> str:
        number = row.number if row.number is not None else 0
        self._rejects.append((number, "ragged", row.text.encode(codec(self.read.encoding), "replace")))
        return "skip"

    def _take_rejects(self) -> pa.RecordBatch | None:
        found, self._rejects = self._rejects, []
        if not found:
            return None
        return pa.RecordBatch.from_pydict(
            {"position": [f[0] for f in found], "reason": [f[1] for f in found], "raw": [f[2] for f in found]}, schema=REJECTS
        )

    def decoded(self, lines: bytes) -> str:
        """The lines as text; those with bytes that are no characters are set aside."""
        name = codec(self.read.encoding)
        text = self._decoded(lines, name, self._line)
        self._line += lines.count(b"\n")
        if name == "gb18030" and not text.isascii() and (found := _PRIVATE.findall(text)):
            text = text.translate(_MOVED)
            self.private_use += len(_PRIVATE.findall(text)) if len(found) else 0
        return text

    def _decoded(self, lines: bytes, name: str, line: int) -> str:
        """Text up to the next bad byte, without its line, and so on; every good byte is decoded twice at most."""
        texts, at = [], 0
        while at < len(lines):
            try:
                texts.append(lines[at:].decode(name))
                break
            except UnicodeDecodeError as error:
                bad = at + error.start
            start = lines.rfind(b"\n", at, bad) + 1 or at
            end = lines.find(b"\n", bad) + 1 or len(lines)
            texts.append(lines[at:start].decode(name))
            line += lines.count(b"\n", at, start) + 1
            self._rejects.append((line, "undecodable", lines[start:end].rstrip(b"\r\n")))
            at = end
        return "".join(texts)


def _verify(head: bytes, name: str) -> None:
    """The declared encoding against the first lines. Chinese text that is valid UTF-8 is never GB18030 by chance."""
    lines = head[: head.rfind(b"\n") + 1]
    if lines.isascii():
        return
    if name == "gb18030":
        try:
            lines.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            if len(re.findall(rb"[\xe2-\xef][\x80-\xbf]{2}", lines)) >= 4:
                raise NotAsDeclared("UTF-8")
    try:
        lines.decode(name)
    except UnicodeDecodeError:
        each = lines.splitlines()
        bad = sum(not _reads(line, name) for line in each[:2000])
        if bad > _TOO_MANY * min(len(each), 2000) and bad > 1:
            raise NotAsDeclared(name) from None


def _reads(line: bytes, name: str) -> bool:
    try:
        line.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def _distinct(names: list[str]) -> list[str]:
    """Column names, each once; a second one of the same name gets a number, so that it cannot be taken for the first."""
    seen: dict[str, int] = {}
    made = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return made


class _Utf8(io.RawIOBase):
    """The rest of a file as UTF-8, whole lines at a time."""

    def __init__(self, owner: CsvFile, file: IO[bytes]) -> None:
        super().__init__()
        self._owner, self._file = owner, file
        self._rest, self._ready, self._at = b"", b"", 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while self._at >= len(self._ready):
            if not self._more():
                return b""
        end = len(self._ready) if size < 0 else self._at + size
        out = self._ready[self._at : end]
        self._at += len(out)
        return out

    def _more(self) -> bool:
        chunk = self._file.read(CHUNK)
        if not chunk and not self._rest:
            return False
        self._owner._hash.update(chunk)  # noqa: SLF001
        lines = self._rest + chunk
        cut = lines.rfind(b"\n") + 1 if chunk else len(lines)
        self._rest = lines[cut:]
        self._ready, self._at = self._owner.decoded(lines[:cut]).encode("utf-8"), 0
        return True
