"""A CSV file of a declared encoding becomes Arrow batches of text; what cannot be read keeps its bytes.

    bytes -> whole lines -> decoded (bad lines set aside) -> whole records (malformed ones set aside) -> pyarrow.csv -> batches, rejects

A line break, a comma or a quote is never part of a longer character in UTF-8 or GB18030, so bytes are cut at line
breaks and only the lines around a bad byte are looked at one by one.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.csv as pacsv

from connectors.files.formats import text_evidence
from connectors.files.formats.csv_records import Records
from connectors.files.formats.encodings import codec
from connectors.files.formats.refused import Refused
from connectors.files.formats.text_evidence import Witness
from connectors.files.formats.workbook_table import distinct
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
LONGEST_LINE = 2 << 20  # bytes; half of what the parser takes at once
MOST_COLUMNS = 5000
MOST_MALFORMED = 100_000  # lines; a file with more is another file than the registered one
_OWNER = (
    "请系统主管部门确认导出格式，再修改 read 的 header、header_from 或 delimiter",
    "ask the owner about the export, then edit header, header_from or delimiter",
)


class NoHeader(Exception):
    """The header line is not there yet."""


def ends_whole(path: Path) -> bool:
    """Whether the last line of a file has its end."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read(1) in (b"\n", b"\r")


@dataclass
class CsvFile:
    """One file, being read. `digest` and the counts are right once the batches have been taken."""

    path: Path
    read: Read
    private_use: int = 0
    rows: int = 0
    ragged: int = 0
    set_aside: list[int] = field(default_factory=list)  # the lines that could not be read
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)
    _rejects: list[tuple[int, str, bytes]] = field(default_factory=list)
    _taken_out: list[int] = field(default_factory=list)  # the numbers of lines that never reach the parser
    _line: int = 0
    _passed: str = ""  # the text last given to the parser, from line _passed_from on and so far looked through to _passed_at
    _passed_from: int = 0
    _passed_at: int = 0
    _endless: bool = False

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def header(self) -> list[str]:
        """Column names, each once. Raises NoHeader for a file that is not written so far, Refused for what is no such file."""
        with self.path.open("rb") as file:
            return self._header(file)[0]

    def _header(self, file: IO[bytes]) -> tuple[list[str], int, int]:
        """(names, bytes up to the first row, lines up to it)."""
        name = codec(self.read.encoding)
        head = file.read(_HEAD)
        text_evidence.is_text(head)
        start = len(_BOMS.get(name, b"")) if head.startswith(_BOMS.get(name, b"\0\0\0\0")) else 0
        if b"\n" not in head:
            if len(head) < _HEAD:
                raise NoHeader
            raise _too_long(1)
        lines = head[start : head.rfind(b"\n") + 1].splitlines(keepends=True)
        above = self._above(lines, name)
        texts = self._texts(lines[above:], name)
        reader = csv.reader(texts, delimiter=self.read.delimiter, quotechar=self.read.quote, escapechar=self._escape, strict=True)
        try:
            records = list(itertools.islice(reader, self.read.header[-1]))
        except csv.Error as error:
            raise Refused(f"表头的引号不成对或过长（{error}）", f"the header is malformed or too long ({error})", *_OWNER) from None
        if len(records) < self.read.header[-1]:
            raise Refused(
                f"只有 {len(records)} 行，没有登记的表头行 {self.read.header[-1]}",
                f"it has {len(records)} lines and no line {self.read.header[-1]} for its header",
                *_OWNER,
            )
        taken = above + reader.line_num
        names = self._named([records[n - 1] for n in self.read.header], lines[taken:])
        return names, start + sum(map(len, lines[:taken])), taken

    def _above(self, lines: list[bytes], name: str) -> int:
        """How many lines stand above the header."""
        words = self.read.header_from
        if not words:
            return 0
        for n, line in enumerate(lines):
            if line.decode(name, "replace").strip(" \ufeff" + self.read.quote).startswith(words):
                return n
        raise Refused(f"没有以“{words}”开头的表头行", f"no line starts with {words}", *_OWNER)

    def _texts(self, lines: list[bytes], name: str) -> Iterator[str]:
        for line in lines:
            try:
                yield line.decode(name)
            except UnicodeDecodeError:
                looks = (
                    "UTF-8"
                    if name != "utf-8" and text_evidence.reads(line, "utf-8")
                    else "GB18030（GBK）"
                    if text_evidence.reads(line, "gb18030")
                    else ""
                )
                raise text_evidence.refused_as(looks, self.read.encoding or "utf-8") from None

    def _named(self, rows: list[list[str]], below: list[bytes]) -> list[str]:
        width = max(map(len, rows), default=0)
        if width > MOST_COLUMNS:
            raise Refused(
                f"表头有 {width} 列，最多 {MOST_COLUMNS} 列", f"its header has {width} columns; {MOST_COLUMNS} is the most", *_OWNER
            )
        padded = [[*r, *[""] * (width - len(r))] for r in rows]
        names = [self.read.join.join(p.strip() for p in parts if p.strip()) for parts in zip(*padded, strict=True)]
        filled = sum(map(bool, names))
        if not filled:
            raise Refused(f"第 {self.read.header[-1]} 行没有列名（空行）", f"line {self.read.header[-1]} has no column names", *_OWNER)
        mark = self.read.delimiter.encode("ascii")
        first = next((line for line in below if line.strip()), b"")
        if filled == 1 and (after := first.count(mark) + 1) > 1:
            raise Refused(
                f"第 {self.read.header[-1]} 行只有一个标题，不是表头；下一行有 {after} 列",
                f"line {self.read.header[-1]} is a title, no header; the next line has {after} columns",
                *_OWNER,
            )
        if width == 1 and (other := _divided(names[0], first)):
            raise Refused(
                f"只有一列，看起来以 {other!r} 分列，登记的是 {self.read.delimiter!r}",
                f"it has one column and looks divided by {other!r}; {self.read.delimiter!r} is registered",
                *_OWNER,
            )
        return distinct(names, range(len(names)))

    @property
    def _escape(self) -> str | None:
        return getattr(self.read, "escape", None)

    def batches(self, columns: Sequence[str], slice_: str) -> Iterator[Batch]:
        """The named columns as text, batch by batch; rows that could not be read come with the batch after them.

        A column that this file has not got is empty. Raises Refused at the end of a file whose whole content speaks against
        what it is registered as.
        """
        with self.path.open("rb") as file:
            names, start, self._line = self._header(file)
            self._passed_from = self._line
            file.seek(0)
            self._hash.update(file.read(start))
            witness = Witness(codec(self.read.encoding), self.read.encoding or "utf-8")
            quotes = self._quotes()
            records = Records(self.read.delimiter, self.read.quote, self._escape, self._line) if quotes or self._escape else None
            source = _Utf8(self, file, witness, records)
            there = [c for c in columns if c in set(names)]
            reader = self._reader(source, names, there, quotes=quotes)
            for rows in reader:
                self.rows += rows.num_rows
                yield Batch(rows, slice_, self._take_rejects())
            if self._endless:
                raise _too_long(self._line + 1)
            witness.verdict()
            if not self.rows and self.ragged:
                raise Refused(
                    f"表头有 {len(names)} 列，{self.ragged} 个数据行的列数都不同",
                    f"its header has {len(names)} columns and none of its {self.ragged} rows has",
                    *_OWNER,
                )
            if self._rejects:
                yield Batch(None, slice_, self._take_rejects())

    def _reader(self, source: _Utf8, names: list[str], columns: list[str], *, quotes: bool) -> Iterator[pa.RecordBatch]:
        options = pacsv.ReadOptions(column_names=names, block_size=CHUNK, use_threads=False)
        parsing = pacsv.ParseOptions(
            delimiter=self.read.delimiter,
            quote_char=self.read.quote,
            escape_char=self._escape or False,
            newlines_in_values=quotes or bool(self._escape),
            invalid_row_handler=self._ragged,
        )
        converting = pacsv.ConvertOptions(
            include_columns=columns, column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
        )
        try:
            yield from pacsv.open_csv(pa.PythonFile(source, mode="r"), options, parsing, converting)
        except pa.ArrowInvalid as error:
            if self._malformed_throughout:
                raise _malformed() from None
            if "Empty CSV" not in str(error):
                raise

    def _quotes(self) -> bool:
        """Whether any value is quoted; only then are records more than lines."""
        mark = self.read.quote.encode("ascii")
        with self.path.open("rb") as file:
            return any(mark in chunk for chunk in iter(lambda: file.read(CHUNK), b""))

    def _ragged(self, row: pacsv.InvalidRow) -> str:
        self.ragged += 1
        if self._malformed_throughout:
            return "error"
        self._rejects.append((self._line_of(row.text), "ragged", row.text.encode(codec(self.read.encoding), "replace")))
        return "skip"

    @property
    def _malformed_throughout(self) -> bool:
        return len(self.set_aside) + len(self._rejects) > MOST_MALFORMED

    def _line_of(self, record: str) -> int:
        """The line of a record the parser turned away. They come in the order of the file, so each is looked for behind the last."""
        at = self._passed.find(record, self._passed_at)
        while at > 0 and self._passed[at - 1] != "\n":  # a part of a longer line is not it
            at = self._passed.find(record, at + 1)
        if at < 0:
            return self._physical(self._passed_from + 1)
        self._passed_from += self._passed.count("\n", self._passed_at, at)
        self._passed_at = at
        found = self._physical(self._passed_from + 1)
        self._passed_from += record.count("\n")
        self._passed_at += len(record)
        return found

    def _pass(self, text: str) -> None:
        """Remember what goes to the parser, which reads a little ahead of what it has told."""
        if len(self._passed) > 2 * CHUNK:
            start = max(self._passed_at, len(self._passed) - CHUNK)
            self._passed_from += self._passed.count("\n", self._passed_at, start)
            self._passed, self._passed_at = self._passed[start:], 0
        self._passed += text

    def _take_rejects(self) -> pa.RecordBatch | None:
        found, self._rejects = self._rejects, []
        self.set_aside += [line for line, _, _ in found]
        if not found:
            return None
        return pa.RecordBatch.from_pydict(
            {"position": [f[0] for f in found], "reason": [f[1] for f in found], "raw": [f[2] for f in found]}, schema=REJECTS
        )

    def decoded(self, lines: bytes, witness: Witness, records: Records | None, *, last: bool) -> str:
        """The lines as text; those with bytes that are no characters, and records that are malformed, are set aside."""
        if self._malformed_throughout:
            raise _malformed()
        name = codec(self.read.encoding)
        before = len(self._rejects)
        text = self._decoded(lines, name, self._line)
        witness.saw(lines, bad=len(self._rejects) - before, good=not text.isascii())
        self._line += lines.count(b"\n")
        if name == "gb18030" and not text.isascii() and (found := _PRIVATE.findall(text)):
            text = text.translate(_MOVED)
            self.private_use += len(_PRIVATE.findall(text)) if len(found) else 0
        self._pass(text)
        if records is None:
            return text
        text = records.take(text, last=last)
        self._rejects += [(self._physical(line), reason, one.encode(name, "replace")) for line, reason, one in records.faults]
        records.faults.clear()
        return text

    def _physical(self, line: int) -> int:
        """The number of a line in the file, of its number among those that were decoded."""
        for out in self._taken_out:
            line += out <= line
        return line

    def _decoded(self, lines: bytes, name: str, line: int) -> str:
        """Text up to the next bad byte, without its line, and so on; every good byte is decoded twice at most."""
        texts, at = [], 0
        strange = text_evidence.utf8_lines(lines) if name == "gb18030" else iter(())
        other = next(strange, len(lines))
        while at < len(lines):
            try:
                texts.append(lines[at:other].decode(name))
                if other == len(lines):
                    break
                line += texts[-1].count("\n")
                at = bad = other
                other = next(strange, len(lines))
            except UnicodeDecodeError as error:
                bad = at + error.start
            start = lines.rfind(b"\n", at, bad) + 1 or at
            end = lines.find(b"\n", bad) + 1 or len(lines)
            texts.append(lines[at:start].decode(name))
            line += lines.count(b"\n", at, start) + 1
            self._taken_out.append(line)
            self._rejects.append((line, "undecodable", lines[start:end].rstrip(b"\r\n")))
            at = end
        return "".join(texts)


def _divided(header: str, first: bytes) -> str | None:
    """The sign that stands as often in the only name as in the row below it."""
    return next((s for s in ",;\t|" if header.count(s) and header.count(s) == first.count(s.encode("ascii"))), None)


def _malformed() -> Refused:
    return Refused(f"已有 {MOST_MALFORMED} 行以上不合格式", f"more than {MOST_MALFORMED} lines are malformed", *_OWNER)


def _too_long(line: int) -> Refused:
    return Refused(
        f"第 {line} 行超过 {LONGEST_LINE >> 20} MB，不是一行数据",
        f"line {line} is longer than {LONGEST_LINE >> 20} MB; that is no row",
        *_OWNER,
    )


class _Utf8(io.RawIOBase):
    """The rest of a file as UTF-8, whole records at a time."""

    def __init__(self, owner: CsvFile, file: IO[bytes], witness: Witness, records: Records | None) -> None:
        super().__init__()
        self._owner, self._file, self._witness, self._records = owner, file, witness, records
        self._rest, self._ready, self._at, self._ended = b"", b"", 0, False

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
        if self._ended:
            return False
        chunk = self._file.read(CHUNK)
        self._owner._hash.update(chunk)  # noqa: SLF001
        self._ended = not chunk
        lines = self._rest + chunk
        cut = lines.rfind(b"\n") + 1 if chunk else len(lines)
        self._rest = lines[cut:]
        if len(self._rest) > LONGEST_LINE:
            self._owner._endless = self._ended = True  # noqa: SLF001
            return False
        text = self._owner.decoded(lines[:cut], self._witness, self._records, last=self._ended)
        self._ready, self._at = text.encode("utf-8"), 0
        return True
