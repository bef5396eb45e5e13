"""A worksheet kept by hand becomes rows of text: header rows joined, merged cells filled, the totals row left out."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from python_calamine import CalamineWorkbook, SheetVisibleEnum, load_workbook

from schemas.pull import REJECTS, Batch
from schemas.reading import Read

LARGEST = 64 << 20  # of the file
UNPACKED = 512 << 20
ENTRIES = 5000
_EXACT = 2**53  # a double holds no larger integer exactly


class Bomb(Exception):
    """The workbook would unpack into far more than a workbook holds."""


def safe(path: Path) -> None:
    """Raises Bomb when the file is too large, packed or unpacked."""
    if path.stat().st_size > LARGEST:
        raise Bomb(f"{path.stat().st_size >> 20} MB")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            entries = packed.infolist()
        if len(entries) > ENTRIES or sum(e.file_size for e in entries) > UNPACKED:
            raise Bomb(f"{len(entries)} entries, {sum(e.file_size for e in entries) >> 20} MB unpacked")


def open_book(path: Path) -> CalamineWorkbook:
    safe(path)
    return load_workbook(str(path))


def sheets(book: CalamineWorkbook, wanted: str | None) -> list[str]:
    """The visible sheets that are read: each, the named one, or the first."""
    visible = [s.name for s in book.sheets_metadata if s.visible == SheetVisibleEnum.Visible]
    if wanted == "each":
        return visible
    return [s for s in visible if s == wanted] if wanted else visible[:1]


def header(book: CalamineWorkbook, sheet: str, read: Read) -> list[str]:
    return _names(_grid(book, sheet), _merged(book, sheet), read)


def batches(book: CalamineWorkbook, sheet: str, read: Read, columns: Sequence[str], slice_: str) -> Iterator[Batch]:
    """The named columns of one sheet as text, in one batch. A number that has lost digits rejects its row."""
    grid = _grid(book, sheet)
    names = _names(grid, _merged(book, sheet), read)
    body = _body(grid[max(read.header) :], read.until)
    places = {c: names.index(c) for c in {*columns, *read.fill_down}}
    kept: dict[str, list[str | None]] = {c: [] for c in columns}
    rejects: list[dict[str, Any]] = []
    last: dict[str, Any] = {}
    for number, row in body:
        for name in read.fill_down:  # a cell merged downwards stands in its first row only
            value = row[places[name]] if places[name] < len(row) else ""
            last[name] = value if value != "" else last.get(name, "")
        values = {c: last[c] if c in read.fill_down else (row[places[c]] if places[c] < len(row) else "") for c in columns}
        if any(_lost(v) for v in values.values()):
            raw = "\t".join(_text(v) or "" for v in row).encode("utf-8")
            rejects.append({"position": number + max(read.header), "reason": "lost_digits", "raw": raw})
            continue
        for c, v in values.items():
            kept[c].append(_text(v))
    schema = pa.schema([(c, pa.string()) for c in columns])
    yield Batch(
        pa.RecordBatch.from_pydict(kept, schema=schema), slice_, pa.RecordBatch.from_pylist(rejects, schema=REJECTS) if rejects else None
    )


def _grid(book: CalamineWorkbook, sheet: str) -> list[list[Any]]:
    return book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)  # type: ignore[no-any-return]


def _merged(book: CalamineWorkbook, sheet: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    return list(book.get_sheet_by_name(sheet).merged_cell_ranges or [])


def _names(grid: list[list[Any]], merged: list[tuple[tuple[int, int], tuple[int, int]]], read: Read) -> list[str]:
    """Column names: the header rows joined, a merged group's title over each of its columns, no title twice in a row."""
    rows = {n - 1: list(grid[n - 1]) if n <= len(grid) else [] for n in read.header}
    for (top, left), (bottom, right) in merged:
        for number, cells in rows.items():
            if top <= number <= bottom and top < len(grid):
                title = grid[top][left] if left < len(grid[top]) else ""
                for c in range(left, min(right, len(cells) - 1) + 1):
                    cells[c] = title
    width = max(map(len, rows.values()), default=0)
    names = []
    for c in range(width):
        parts: list[str] = []
        for cells in rows.values():
            title = str(cells[c]).strip() if c < len(cells) else ""
            if title and title not in parts[-1:]:
                parts.append(title)
        names.append(read.join.join(parts))
    return names


def _body(rows: list[list[Any]], until: str | None) -> list[tuple[int, list[Any]]]:
    """Rows with anything in them, up to the totals row, with their number below the header."""
    body = []
    for number, row in enumerate(rows, 1):
        first = next((str(v).strip() for v in row if str(v).strip()), "")
        if until and first.replace(" ", "").startswith(until):
            break
        if first:
            body.append((number, row))
    return body


def _lost(value: Any) -> bool:
    """Excel keeps numbers as doubles: an identifier of 16 or more digits typed as a number has lost its last ones."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _EXACT


def _text(value: Any) -> str | None:
    match value:
        case "" | None:
            return None
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case dt.datetime():
            return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
        case dt.date() | dt.time():
            return value.isoformat()
    return str(value)
