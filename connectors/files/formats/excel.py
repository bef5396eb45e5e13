"""A workbook kept by hand becomes rows of text; it is opened and parsed once.

    xlsx · xlsm · xls · xlsb · ods · what a web system calls .xls (HTML, tab text)  ->  sheets  ->  tables  ->  batches

Hidden rows and columns are read, they are only out of sight; a hidden sheet is not read, and named when it was meant.
"""

from __future__ import annotations

import csv
import fnmatch
import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum, load_workbook

from connectors.files.formats import workbook_errors
from connectors.files.formats.refused import Refused
from connectors.files.formats.workbook_cells import Unkept, errors, lost, text, texts
from connectors.files.formats.workbook_html import html_grids
from connectors.files.formats.workbook_limits import Kind, Marked, kind_of, locked, measured
from connectors.files.formats.workbook_table import Grid, SheetTable, table
from schemas.pull import REJECTS, Batch
from schemas.reading import Read

_OWNER = ("请系统主管部门确认工作表是否改名，再修改 read.sheet", "ask the owner whether the sheet was renamed, then edit read.sheet")


class Workbook:
    """One open file. `digest` and `without` are right from the start; `errors` once the batches have been taken."""

    def __init__(self, path: Path, read: Read) -> None:
        self.read = read
        with path.open("rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.errors = 0
        self.unkept = 0
        self.without: dict[str, Refused] = {}  # sheets of several that have no such table
        self.tables = self._tables(_grids(path, read))

    def _tables(self, grids: Iterator[Grid]) -> list[SheetTable]:
        found = []
        for grid in grids:
            try:
                found.append(table(grid, self.read))
            except Refused as why:
                self.without[grid.name] = why
        if not found:
            raise next(iter(self.without.values()))
        return found

    def header(self) -> list[str]:
        """The columns of all its sheets, each once."""
        return list(dict.fromkeys(n for t in self.tables for n in t.names))

    def require(self, columns: Sequence[str]) -> None:
        """Sheets of several that lack a registered column are set aside with their name; one alone is the caller's to refuse."""
        lacking = {t.sheet: [c for c in columns if c not in t.names] for t in self.tables}
        if len(self.tables) == 1 or not any(lacking.values()) or all(lacking.values()):
            return
        for sheet, gone in lacking.items():
            if gone:
                self.without[sheet] = Refused(
                    f"工作表 {sheet} 缺少列 {'、'.join(gone)}", f"the sheet {sheet} lacks the columns {', '.join(gone)}"
                )
        self.tables = [t for t in self.tables if not lacking[t.sheet]]

    def batches(self, columns: Sequence[str], slice_: str, *, by_sheet: bool = False) -> Iterator[Batch]:
        """The named columns as text, a batch a sheet; what has lost digits, or an error where a column decides, is a reject."""
        for one in self.tables:
            yield self._batch(one, columns, f"{slice_}#{one.sheet}" if by_sheet else slice_)

    def _batch(self, one: SheetTable, columns: Sequence[str], slice_: str) -> Batch:
        deciding = {*self.read.key, *self.read.only, *self.read.deleted}
        arrays, rejected = [], dict[int, str]()
        for name in columns:
            cells: Sequence[Any] = one.column(name) if name in one.names else ("",) * len(one.lines)
            if name in self.read.fill_down:
                cells = _filled_down(cells)
            rejected |= dict.fromkeys(lost(cells), "lost_digits")
            for n in errors(cells):
                bare = isinstance(cells[n], Unkept)
                self.unkept, self.errors = self.unkept + bare, self.errors + (not bare)
                if name in deciding:
                    rejected[n] = "formula_without_value" if bare else "error_cell"
            arrays.append(texts(cells))
        rows = pa.RecordBatch.from_arrays(arrays, schema=pa.schema([(c, pa.string()) for c in columns]))
        if not rejected:
            return Batch(rows, slice_)
        kept = pa.array([n not in rejected for n in range(len(one.lines))])
        refused = [
            {"position": one.lines[n], "reason": why, "raw": "\t".join(text(c[n]) or "" for c in one.columns).encode()}
            for n, why in sorted(rejected.items())
        ]
        return Batch(rows.filter(kept), slice_, pa.RecordBatch.from_pylist(refused, schema=REJECTS))


def _filled_down(cells: Sequence[Any]) -> list[Any]:
    """A blank takes what stands above it, whether its cells are merged or only left out."""
    made, last = [], ""
    for value in cells:
        last = last if value == "" else value
        made.append(last)
    return made


def _grids(path: Path, read: Read) -> Iterator[Grid]:
    kind = kind_of(path)
    if kind == "html":
        yield from html_grids(path, read)
    elif kind == "text":
        yield _text_grid(path)
    else:
        yield from _sheets(path, kind, measured(path, kind), read)


def _sheets(path: Path, kind: Kind, marked: Marked, read: Read) -> Iterator[Grid]:
    try:
        with load_workbook(str(path)) as book:
            parts = workbook_errors.parts(path) if kind == "xlsx" and marked.parts else {}
            for name in wanted(book, read.sheet):
                sheet = book.get_sheet_by_name(name)
                rows = sheet.to_python(skip_empty_area=False)
                marks = workbook_errors.in_part(path, parts[name]) if parts.get(name) in marked.parts else {}
                if kind != "xlsx" and rows:
                    marks = workbook_errors.in_other_formats(path, name)
                yield Grid(name, _marked(rows, marks), sheet.merged_cell_ranges or ())
    except PasswordError:
        raise locked() from None
    except CalamineError as error:
        raise Refused(
            f"工作簿损坏（{type(error).__name__}）",
            f"the workbook is broken ({type(error).__name__})",
            "请提供方重新导出",
            "ask for a new export",
        ) from None


def wanted(book: CalamineWorkbook, asked: int | str | None) -> list[str]:
    """The visible sheets that are read: the first, the one at a place, the named one, those of a pattern, each."""
    visible = [s.name for s in book.sheets_metadata if s.visible == SheetVisibleEnum.Visible]
    hidden = [s.name for s in book.sheets_metadata if s.visible != SheetVisibleEnum.Visible]
    if isinstance(asked, int):
        found = visible[asked - 1 : asked]
    elif asked is None or asked == "each":
        found = visible[:1] if asked is None else visible
    else:
        found = [s for s in visible if s == asked] or [s for s in visible if fnmatch.fnmatchcase(s, asked)]
    if not found:
        out_of_sight = f"（隐藏的：{'、'.join(hidden)}）" if hidden else ""
        raise Refused(
            f"没有可见的工作表 {asked or ''}；现有工作表：{'、'.join(visible) or '无'}{out_of_sight}",
            f"there is no visible sheet {asked or ''}; sheets now: {', '.join(visible) or 'none'}" + (f" (hidden: {', '.join(hidden)})" if hidden else ""),
            *_OWNER,
        )  # fmt: skip
    return found


def _marked(rows: list[list[Any]], marks: workbook_errors.Marks) -> list[list[Any]]:
    """The cells with their errors, which may lie outside what the reader took for filled."""
    for (line, column), shown in marks.items():
        while len(rows) <= line:
            rows.append([])
        cells = rows[line]
        cells.extend("" for _ in range(column + 1 - len(cells)))
        cells[column] = shown
    return rows


def _text_grid(path: Path) -> Grid:
    """Text that a web system calls .xls: tabs between the cells."""
    raw = path.read_bytes()
    names = ("utf-16",) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030")
    for name in names:
        try:
            told = raw.decode(name)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise Refused("是文本，但编码无法识别", "a text in an unknown encoding")
    if "\t" not in told:
        raise Refused(
            "是文本，不是工作簿，也没有制表符分列",
            "a text, no workbook, and without tabs between cells",
            "请提供方另存为 .xlsx，或以 .csv 投递",
            "have it saved as .xlsx, or sent as .csv",
        )
    try:
        return Grid(path.stem, list(csv.reader(io.StringIO(told, newline=""), delimiter="\t", strict=True)))
    except csv.Error as error:
        raise Refused(f"制表符文本不合规（{error}）", f"malformed tab text ({error})") from None
