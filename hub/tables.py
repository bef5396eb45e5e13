"""Rows into a CSV file that a spreadsheet opens as it is: UTF-8 with a mark, readable by its owner only."""

from __future__ import annotations

import csv
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from hub import screen
from schemas.errors import HubError

_FORMULA = re.compile(r"[=+\-@\t\r](?![\d.,%]*$)")


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
    writer.writerow(names)  # type: ignore[attr-defined]
    count = 0
    for row in rows:
        writer.writerow([_cell(v) for v in row])  # type: ignore[attr-defined]
        count += 1
    return count


def _cell(value: object) -> str:
    text = "" if value is None else value if isinstance(value, str) else screen.text(value)
    return f"'{text}" if isinstance(value, str) and _FORMULA.match(text) else text
