"""Which files of a folder are read: those that are finished, in whole batches, the newest where only the newest counts.

    folder, read:  ->  Seen(units, waiting, late, strange)

A part that has not come, or a file that is still being written, is late; it is never an absence.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.files import order
from connectors.files.words import BOOKS
from connectors.places import Outside, inside
from connectors.wording import Who
from schemas import patterns
from schemas.ceilings import above, ceilings
from schemas.errors import SourceChanged, SourceUnavailable
from schemas.reading import Read
from schemas.remarks import Remark
from schemas.said import Said

_SURE = 2_000_000_000  # ns: a file that changed less than this before it was looked at may change again under the same time
_DAY = 86_400
_WRAP = 6  # months: 1月 written after 12月 is of the year after


@dataclass(frozen=True)
class Unit:
    """A file that is finished, and the slice its rows belong to."""

    path: Path
    name: str
    slice: str
    size: int
    mtime: int
    ctime: int = 0
    inode: int = 0
    looked: int = 0  # when, in ns

    @property
    def book(self) -> bool:
        return self.path.suffix.lower() in BOOKS

    def known(self, digest: str, *, ends: bool) -> list[Any]:
        """What the cursor keeps of it; `ends`: its last line has its end."""
        return [self.size, self.mtime, digest, ends, self.ctime, self.inode, self.looked]

    def same(self, known: Sequence[Any] | None) -> bool:
        """Not opened when size, times and inode are those of a file that had been still for a while; else known by its digest."""
        if not known or known[0] != self.size:
            return False
        if len(known) > 6 and [self.mtime, self.ctime, self.inode] == [known[1], known[4], known[5]]:  # noqa: SIM102
            if known[6] - max(self.mtime, self.ctime) > _SURE:
                return True
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == str(known[2])


@dataclass(frozen=True)
class Seen:
    """What is in the folder for one dataset."""

    units: list[Unit]
    waiting: list[str]  # still being written, or without their control file
    late: dict[str, int]  # batches and how many parts they lack
    strange: dict[str, Said] = field(default_factory=dict)  # files that are not read, and why

    def remarks(self, vanished: Sequence[str]) -> Iterator[Remark]:
        """What did not come, or may not be read, for whoever reads the summary."""
        operator = Said("请系统运维单位检查导出与投递", "ask the operator to look at the export and the upload")
        if self.waiting:
            yield Remark(
                "late",
                Said(
                    f"文件是空的、没有写完或缺控制文件：{few(self.waiting)}",
                    f"empty, unfinished or without their control file: {few(self.waiting)}",
                ),
                operator,
            )
        if self.late:
            zh = "、".join(f"{b} 缺 {n} 个文件" for b, n in self.late.items())
            en = ", ".join(f"{b} lacks {n}" for b, n in self.late.items())
            yield Remark("late", Said(f"批次不完整，没有读取：{zh}", f"incomplete batches were not read: {en}"), operator)
        if vanished:
            yield Remark(
                "late",
                Said(f"上次读过的文件不在了，其数据保留：{few(vanished)}", f"files read before are gone, their rows stay: {few(vanished)}"),
                operator,
            )
        for name, why in self.strange.items():
            yield Remark("late", Said(f"文件 {name} {why.zh}，没有读取", f"{name} {why.en} and was not read"), operator)


def few(names: Sequence[str]) -> str:
    """The first of them, and how many there are when there are more."""
    return "、".join(names[:5]) + (f" …（{len(names)}）" if len(names) > 5 else "")


def ours(path: Path, folder: Path) -> bool:
    """A regular file of this folder, no link that leads out of it, nothing hidden or temporary."""
    if path.name.startswith((".", "~$")) or not path.is_file():
        return False
    try:
        inside(path, folder)
    except Outside:
        return False
    return path.stat().st_size <= ceilings().file_bytes


def look(who: Who, folder: Path, read: Read, *, patient: bool) -> Seen:
    """Every file of the pattern, finished or not. A patient look waits for a file that is about to be still for long enough."""
    if not folder.is_dir():
        raise SourceUnavailable(
            f"{who}: 投递文件夹 {folder.name} 不存在", f"{who}: the drop folder {folder.name} is not there",
            next_zh="请系统运维单位确认投递路径和挂载", next_en="ask the operator about the path and the mount",
        )  # fmt: skip
    marks = read.complete_when
    there = sorted(p for p in folder.glob(read.files) if not (marks and p.name.endswith(marks)))
    strange = {
        p.relative_to(folder).as_posix(): Said("是指向文件夹之外的链接，或大得不像一个文件", "is a link that leads out of the folder, or too large for a file")
        for p in there
        if (p.is_file() or p.is_symlink()) and not p.name.startswith((".", "~$")) and not ours(p, folder)
    }  # fmt: skip
    finished, waiting = [], []
    chosen, most = [p for p in there if ours(p, folder)], ceilings().files
    if len(chosen) > most:
        raise above("files", most, f"有 {len(chosen)} 个文件", f"there are {len(chosen)} files", str(who))
    for path in chosen:
        if _finished(path, read, patient=patient):
            finished.append(path)
        else:
            waiting.append(path.relative_to(folder).as_posix())
    return _batched(who, {p.relative_to(folder).as_posix(): p for p in finished}, waiting, strange, read)


def _finished(path: Path, read: Read, *, patient: bool) -> bool:
    """Its control file is there, or it has been still for long enough."""
    before = path.stat()
    if before.st_size == 0:
        return False
    if read.complete_when:
        return any(path.with_name(n + read.complete_when).exists() for n in (path.name, path.stem))
    still = time.time() - before.st_mtime
    wanted: float = read.settled.total_seconds()
    if still < wanted and patient and wanted <= 10:
        time.sleep(max(0.0, min(wanted, wanted - still)))
        after = path.stat()
        return (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    return still >= wanted


def _batched(who: Who, named: dict[str, Path], waiting: list[str], strange: dict[str, Said], read: Read) -> Seen:
    late: dict[str, int] = {}
    groups: dict[str, list[str]] = {}
    batches = patterns.found(read.batch, list(named)) if read.batch else [""] * len(named)
    for name, batch in zip(named, batches, strict=True):
        if batch is None:
            strange[name] = Said("的名称中没有登记的批次（read.batch）", "has no batch in its name as read.batch has it")
        else:
            groups.setdefault(batch, []).append(name)
    if read.batch and read.parts:
        late = {b: read.parts - len(names) for b, names in groups.items() if len(names) < read.parts}
        groups = {b: names for b, names in groups.items() if b not in late}
    if read.batch and read.whole == "all" and len(groups) > 1:  # each batch is a whole export; the newest counts
        newest = _newest(who, {b: [named[n] for n in names] for b, names in groups.items()})
        groups = {newest: groups[newest]}
    units = []
    for batch, names in groups.items():
        for name in names:
            now, stat = time.time_ns(), named[name].stat()
            slice_ = "" if read.whole == "all" else batch if read.whole == "per batch" else name
            units.append(Unit(named[name], name, slice_, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, now))
    return Seen(units, waiting, late, strange)


def _newest(who: Who, batches: Mapping[str, Sequence[Path]]) -> str:
    """The newest batch. Raises SourceChanged when the names have no order, or when their order is not the one they came in."""
    newest = order.newest(batches)
    if newest is None:
        raise _no_order(who, list(batches))
    written = {batch: max(p.stat().st_mtime for p in paths) for batch, paths in batches.items()}
    months = {batch: order.without_year(paths[0].name) for batch, paths in batches.items()}
    last = months[newest]
    for batch, month in months.items():
        if last and month and month <= last - _WRAP and written[batch] > written[newest] + _DAY:
            raise _no_order(who, [newest, batch])
    return newest


def oldest_first(who: Who, units: Sequence[Unit]) -> list[Unit]:
    """Files by the order of their slices. Raises SourceChanged when they have none."""
    slices = order.in_order({u.slice for u in units})
    if slices is None:
        raise _no_order(who, sorted({u.slice for u in units}))
    return sorted(units, key=lambda u: slices.index(u.slice))


def _no_order(who: Who, names: Sequence[str]) -> SourceChanged:
    return SourceChanged(
        f"{who}: 分不出哪一批最新：{few(names)}", f"{who}: which of these batches is the newest cannot be told: {few(names)}",
        next_zh="请系统运维单位统一文件名（年月日依次写全），或修改 read.batch 使各批只有数字不同",
        next_en="have the files named alike (year, month, day in that order), or edit read.batch so that only numbers differ",
    )  # fmt: skip


def nothing(who: Who, read: Read, seen: Seen) -> SourceUnavailable:
    """The error of a look that found no file to read."""
    if seen.late:
        lacking = "、".join(f"{b} 缺 {n} 个文件" for b, n in seen.late.items())
        lacking_en = ", ".join(f"{b} lacks {n}" for b, n in seen.late.items())
        return SourceUnavailable(
            f"{who}: 批次不完整（{lacking}），暂不读取，已有数据不变", f"{who}: the batch is incomplete ({lacking_en}); it is not read, nothing changes",
            next_zh="请系统运维单位补传缺少的文件", next_en="ask the operator for the missing files",
        )  # fmt: skip
    if seen.waiting:
        names = few(seen.waiting)
        return SourceUnavailable(
            f"{who}: 文件是空的、还没写完或缺控制文件：{names}", f"{who}: files are empty, unfinished or lack their control file: {names}",
            next_zh="枢纽稍后自动重试；长时间不完整请系统运维单位检查导出", next_en="it is tried again; if it lasts, ask the operator to look at the export",
        )  # fmt: skip
    if seen.strange:
        zh = "；".join(f"{n} {why.zh}" for n, why in list(seen.strange.items())[:5])
        en = "; ".join(f"{n} {why.en}" for n, why in list(seen.strange.items())[:5])
        return SourceUnavailable(
            f"{who}: 没有可读的文件：{zh}", f"{who}: no file can be read: {en}",
            next_zh="请系统运维单位检查投递的文件与文件名", next_en="ask the operator to look at the files and their names",
        )  # fmt: skip
    return SourceUnavailable(
        f"{who}: 没有符合 {read.files} 的文件，已有数据不变", f"{who}: no file matches {read.files}; nothing changes",
        next_zh="请系统运维单位确认是否已导出、文件名是否改变", next_en="ask the operator whether it was exported and under which name",
    )  # fmt: skip


def written_at(unit: Unit) -> str:
    return dt.datetime.fromtimestamp(unit.mtime / 1e9, dt.UTC).isoformat(timespec="seconds")
