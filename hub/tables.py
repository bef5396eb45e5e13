"""Rows into a file that a spreadsheet opens as it is, readable by its owner only: CSV (UTF-8 with a mark) or Excel."""

from __future__ import annotations

import csv
import os
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from hub import screen
from schemas.errors import HubError

_FORMULA = re.compile(r"[\s\x00-\x20\ufffd]*(?:[=@＝＠]|[+\-＋－](?![\d.,%]*$))|[\t\r\n]")


def write_csv(file: Path, names: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write all rows; `-` is stdout. Returns how many. A text that a spreadsheet would run as a formula gets an apostrophe."""
    if str(file) == "-":
        return _write(csv.writer(sys.stdout), names, rows)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as out:
            return _write(csv.writer(out), names, rows)
    except OSError as error:
        raise HubError(f"无法写入 {file}（{error.strerror}）", f"cannot write {file} ({error.strerror})") from None


def _write(writer: csv.writer, names: Sequence[str], rows: Iterable[Sequence[object]]) -> int:  # type: ignore[valid-type]
    writer.writerow([_cell(n) for n in names])  # type: ignore[attr-defined]
    count = 0
    for row in rows:
        writer.writerow([_cell(v) for v in row])  # type: ignore[attr-defined]
        count += 1
    return count


def _cell(value: object) -> str:
    text = "" if value is None else value if isinstance(value, str) else screen.text(value)
    text = _UNSHOWN.sub("\ufffd", text)
    return f"'{text}" if isinstance(value, str) and _FORMULA.match(text) else text


Marked = tuple[Sequence[object], Collection[int]]  # the cells of a row, and the places of those that are wrong


def write_excel(file: Path, sheets: Iterable[tuple[str, Sequence[str], Iterable[Marked]]]) -> int:
    """Write sheets of (title, heads, rows); cells that are wrong are coloured. Returns how many rows. Every cell is text, none a formula."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font, PatternFill

    book = Workbook(write_only=True)
    wrong, bold, count, taken = PatternFill("solid", start_color="FFFFC7CE"), Font(bold=True), 0, set[str]()

    def cell(sheet: Any, value: object) -> Any:
        made = WriteOnlyCell(sheet, None)
        made.value = _UNSHOWN.sub("\ufffd", "" if value is None else value if isinstance(value, str) else screen.text(value))[:_MOST]
        made.data_type, made.number_format = "s", "@"
        return made

    for title, heads, rows in sheets:
        sheet = book.create_sheet(_sheet_name(title, taken))
        sheet.freeze_panes = "A2"
        first = [cell(sheet, h) for h in heads]
        for made in first:
            made.font = bold
        sheet.append(first)
        for values, bad in rows:
            line = [cell(sheet, v) for v in values]
            for place in bad:
                line[place].fill = wrong
            sheet.append(line)
            count += 1
    if not book.worksheets:
        book.create_sheet("Sheet1")
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as out:
            book.save(out)
    except OSError as error:
        raise HubError(f"无法写入 {file}（{error.strerror}）", f"cannot write {file} ({error.strerror})") from None
    return count


_UNSHOWN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # XML holds none of them
_MOST = 32_767  # characters of a cell
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\\/*?:\[\]]")


def _sheet_name(title: str, taken: set[str]) -> str:
    plain = _NOT_IN_NAMES.sub(" ", title).strip("' ")[:28] or "表"
    name = next(n for n in (plain, *(f"{plain} {i}" for i in range(2, 1000))) if n.lower() not in taken)
    taken.add(name.lower())
    return name
