"""The drop folders of the far sides: files as their systems export them, each with its control file where one is promised.

    tables as they stand now  ->  $HUB_HOME/demo/drop/<system code>/<file> and <file>.ok

A file appears whole: written beside, renamed, and only then its control file.
"""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from demo.sides import Side, folder, noted

KEPT_OF_SHRUNK = 0.4


def drop(home: Path, side: Side) -> Path:
    made = folder(home) / "drop" / side.code
    made.mkdir(parents=True, exist_ok=True)
    return made


def deliver(home: Path, side: Side, now: dict[str, pa.Table]) -> None:
    """Write every file of the system as its tables stand now, with the faults that are on."""
    faults = noted(home, "faults")
    tables = {name: _spoilt(side, name, table, faults) for name, table in now.items() if name in side.of("files")}
    place = drop(home, side)
    for name, content in side.module.files({**now, **tables}).items():
        suffix = _control(side, name)
        half = _on(faults, "half_written", side, _dataset(side, name)) and name == _last(side, name, place)
        if suffix:
            for control in _controls(place, name, suffix):
                control.unlink(missing_ok=True)
        _write(place / name, content[: len(content) * 2 // 3] if half else content)
        if suffix and not half:
            for control in _controls(place, name, suffix):
                control.write_bytes(b"")


def _write(file: Path, content: bytes) -> None:
    beside = file.with_name(f".{file.name}.part")
    beside.write_bytes(content)
    beside.replace(file)


def _controls(place: Path, name: str, suffix: str) -> list[Path]:
    """`DB_1.csv.ok` stands beside `DB_1.csv`."""
    return [place / f"{name}{suffix}"]


def _dataset(side: Side, file: str) -> str:
    for name, dataset in side.of("files").items():
        if dataset.reading.files and fnmatch(file, dataset.reading.files):
            return name
    raise ValueError(f"{side.path}: no dataset reads {file}")


def _control(side: Side, file: str) -> str | None:
    mark: str | None = side.system.datasets[_dataset(side, file)].reading.complete_when
    return mark


def _last(side: Side, file: str, place: Path) -> str:
    """The last part of the file's dataset: the one that is still being written when somebody looks too early."""
    pattern = str(side.system.datasets[_dataset(side, file)].reading.files)
    return max([p.name for p in place.glob(pattern)] + [file])


def _on(faults: dict[str, Any], fault: str, side: Side, dataset: str) -> dict[str, Any] | None:
    return next((e for e in faults.get(fault, []) if e["system"] == side.path and e.get("dataset") in (None, dataset)), None)


def _spoilt(side: Side, name: str, table: pa.Table, faults: dict[str, Any]) -> pa.Table:
    if _on(faults, "shrink", side, name):
        table = table.take(pa.array(np.arange(int(table.num_rows * KEPT_OF_SHRUNK))))
    if gone := _on(faults, "vanished_column", side, name):
        table = table.drop_columns([gone["column"]])
    if changed := _on(faults, "changed_type", side, name):
        place = table.schema.get_field_index(changed["column"])
        table = table.set_column(place, changed["column"], pa.repeat(pa.scalar("见附件"), table.num_rows))
    return table
