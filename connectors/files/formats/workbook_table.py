"""The table on a sheet: where it begins and ends, its columns each under a name of its own, its rows by column.

    cells of a sheet  ->  names · columns of cells · the line of every row

A title above is not a header, a totals row is not a row, and what is not there is said with what is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connectors.files.formats.refused import Refused
from schemas.reading import Read

Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]
_OWNER = (
    "请系统主管部门确认表格是否改变，再修改 read 的 header、section 或 header_from",
    "ask the owner whether the form changed, then edit header, section or header_from",
)


@dataclass(frozen=True)
class Grid:
    """All cells of one sheet, from its first line and column on."""

    name: str
    rows: list[list[Any]]
    merged: Merged = ()


@dataclass(frozen=True)
class SheetTable:
    """One table: columns[n] holds the cells under names[n]."""

    sheet: str
    names: list[str]
    columns: list[tuple[Any, ...]]
    lines: list[int]  # of the rows in the sheet, from 1

    def column(self, name: str) -> tuple[Any, ...]:
        return self.columns[self.names.index(name)] if self.columns else ()


def table(grid: Grid, read: Read) -> SheetTable:
    """Raises Refused when the sheet has no such table."""
    if not any(map(_filled, grid.rows)):
        raise Refused(f"工作表 {grid.name} 是空的", f"the sheet {grid.name} is empty", *_OWNER)
    above = _above(grid, read)
    header = [above + n for n in read.header]
    names = _names(grid, header, read)
    lines = [n for n in range(max(header) + 1, len(grid.rows) + 1) if _filled(grid.rows[n - 1])]
    lines = _ended(grid, lines, max(header), read)
    rows = [grid.rows[n - 1] for n in lines]
    width = max(len(names), max(map(len, rows), default=0))
    columns = list(zip(*(r if len(r) == width else [*r, *[""] * (width - len(r))] for r in rows), strict=True))
    for place in range(len(names), width):
        names.append("")
        del place
    kept = [n for n, name in enumerate(names) if name or (columns and any(v != "" for v in columns[n]))]
    _no_title(grid, header, [names[n] for n in kept])
    return SheetTable(grid.name, distinct([names[n] for n in kept], kept), [columns[n] for n in kept] if columns else [], lines)


def distinct(names: Sequence[str], places: Sequence[int]) -> list[str]:
    """Each name once: the second of one name gets its number, a column without a name its place in the sheet (#3)."""
    taken = set(names)
    made: list[str] = []
    for name, place in zip(names, places, strict=True):
        one, number = name or f"#{place + 1}", 1
        while one in made or (one != name and one in taken):
            number += 1
            one = f"{name or f'#{place + 1}'}#{number}"
        made.append(one)
    return made


def _above(grid: Grid, read: Read) -> int:
    """How many lines stand above the first header line."""
    start = 0
    if read.section:
        start = _line_of(grid, read.section, 0, "标题", "title")
        while start < len(grid.rows) and not _filled(grid.rows[start]):
            start += 1
    if read.header_from:
        start = _line_of(grid, read.header_from, start, "表头", "header") - 1
    return start


def _line_of(grid: Grid, words: str, after: int, zh: str, en: str) -> int:
    for number, row in enumerate(grid.rows[after:], after + 1):
        if _first(row).startswith(words.replace(" ", "")):
            return number
    seen = [t for row in grid.rows[after:] if (t := _first(row))][:5]
    raise Refused(
        f"工作表 {grid.name} 中没有以“{words}”开头的{zh}行；前几行是：{'、'.join(seen)}",
        f"the sheet {grid.name} has no {en} line that starts with {words!r}; it begins: {', '.join(seen)}", *_OWNER,
    )  # fmt: skip


def _names(grid: Grid, header: list[int], read: Read) -> list[str]:
    """The header lines joined, a merged group's title over each of its columns, no title twice in a row."""
    if max(header) > len(grid.rows):
        raise Refused(
            f"工作表 {grid.name} 只有 {len(grid.rows)} 行，没有第 {max(header)} 行表头",
            f"the sheet {grid.name} ends at line {len(grid.rows)}; there is no header line {max(header)}",
            *_OWNER,
        )
    rows = {n: list(grid.rows[n - 1]) for n in header}
    for (top, left), (bottom, right) in grid.merged:
        title = grid.rows[top][left] if top < len(grid.rows) and left < len(grid.rows[top]) else ""
        for number, cells in rows.items():
            if top + 1 <= number <= bottom + 1:
                cells[left : right + 1] = [title] * (min(right, len(cells) - 1) - left + 1)
    names = []
    for column in range(max(map(len, rows.values()))):
        parts: list[str] = []
        for cells in rows.values():
            title = " ".join(str(cells[column]).split()) if column < len(cells) else ""
            if title and title not in parts[-1:]:
                parts.append(title)
        names.append(read.join.join(parts))
    if not any(names):
        filled = next((n for n, row in enumerate(grid.rows, 1) if _filled(row)), 0)
        raise Refused(
            f"工作表 {grid.name} 的表头行（第 {header[0]} 行）是空行；第一行有内容的是第 {filled} 行",
            f"the header line {header[0]} of the sheet {grid.name} is blank; the first line with anything is {filled}", *_OWNER,
        )  # fmt: skip
    return names


def _no_title(grid: Grid, header: list[int], names: list[str]) -> None:
    """A line of one title over a table of several columns is not its header."""
    if len(names) < 2 or len({n for n in names if n}) > 1:
        return
    below = next((n for n in range(max(header) + 1, len(grid.rows) + 1) if len({str(v) for v in grid.rows[n - 1] if v != ""}) > 1), None)
    if below:
        raise Refused(
            f"工作表 {grid.name} 第 {header[0]} 行只有一个标题，不是表头；表头像是第 {below} 行",
            f"line {header[0]} of the sheet {grid.name} is one title, not a header; line {below} looks like it",
            f"登记 header: {below}，或 header_from", f"write header: {below}, or header_from",
        )  # fmt: skip


def _ended(grid: Grid, lines: list[int], header: int, read: Read) -> list[int]:
    """Up to the totals row, and of a section up to its first blank line."""
    for place, number in enumerate(lines):
        if read.section and number != header + 1 + place:
            return lines[:place]
        if read.until and _first(grid.rows[number - 1]).startswith(read.until):
            return lines[:place]
    return lines


def _filled(row: Sequence[Any]) -> bool:
    return any(v != "" and (type(v) is not str or not v.isspace()) for v in row)


def _first(row: Sequence[Any]) -> str:
    return next((t for v in row if (t := "".join(str(v).split()))), "")
