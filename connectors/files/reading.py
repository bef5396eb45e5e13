"""Files that others put into a folder: CSV and Excel, whole exports, batches of several parts, control files.

    <folder>/<pattern>  ->  text columns, one slice a file, a batch or the whole export

A file is read only when it is finished: its control file is there, or it has not changed for a while. A part that has
not come, or a file that is still being written, is late; it is never an absence.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.contract import Answer, Batch, Column, Cursor, Finding, Found, Pull
from connectors.files import order
from connectors.files.formats.csv import CsvFile, NoHeader, ends_whole
from connectors.files.formats.excel import Workbook
from connectors.files.formats.refused import Refused
from connectors.files.words import BOOKS, FilesRead
from connectors.places import Outside, inside
from connectors.wording import Who, gone
from schemas.errors import SourceChanged, SourceError, SourceUnavailable
from schemas.reading import Read
from schemas.registration import Dataset, System
from schemas.remarks import Remark
from schemas.said import Said

_LARGEST = 20 << 30
_MOST = 10_000  # files of one dataset
_KEPT = 16 << 20  # bytes of workbooks kept parsed between their header and their rows


@dataclass(frozen=True)
class Unit:
    """A file that is finished, and the slice its rows belong to."""

    path: Path
    name: str
    slice: str
    size: int
    mtime: int


@dataclass(frozen=True)
class Seen:
    """What is in the folder for one dataset."""

    units: list[Unit]
    waiting: list[str]  # still being written, or without their control file
    late: dict[str, int]  # batches and how many parts they lack


class Files:
    """An open drop folder."""

    def __init__(self, folder: Path, system: System) -> None:
        self.folder, self.system = folder, system
        self._books: dict[tuple[Unit, str], Workbook] = {}

    def close(self) -> None:
        """Nothing is held open."""
        self._books.clear()

    def acknowledge(self, dataset: Dataset, notes: Mapping[str, Any]) -> None:
        """Files stay where they are; the cursor knows them by their digest."""

    def keys(self, dataset: Dataset) -> pa.RecordBatchReader | None:
        """None: a folder cannot tell its keys without being read whole."""
        del dataset
        return None

    # looking

    def check(self) -> list[Finding]:
        there = self.folder.is_dir()
        found = [
            Finding(
                "folder", there,
                f"投递文件夹 {self.folder.name} {'可以读取' if there else '不存在'}", f"the drop folder {self.folder.name} {'is there' if there else 'is not there'}",
                "" if there else "请系统运维单位确认投递路径，或建立该文件夹", "" if there else "ask the operator for the path, or make the folder",
            )
        ]  # fmt: skip
        for name, dataset in self.system.datasets.items():
            if there and dataset.read and dataset.read.files:
                found.append(self._checked(name, dataset))
        return found

    def _checked(self, name: str, dataset: Dataset) -> Finding:
        try:
            seen = self._seen(dataset, patient=False)
            for unit in seen.units[:1]:
                self._columns(dataset, unit)
        except SourceError as error:
            return Finding(name, False, error.zh, error.en, error.next_zh, error.next_en)
        waiting = len(seen.waiting) + len(seen.late)
        return Finding(
            name, True if seen.units else None,
            f"{name}：{len(seen.units)} 个文件就绪，{waiting} 个未完成", f"{name}: {len(seen.units)} files ready, {waiting} unfinished",
        )  # fmt: skip

    def discover(self) -> list[Found]:
        """Every readable file with its columns, all text."""
        found = []
        for path in sorted(p for p in self.folder.glob("*") if self._ours(p))[:_MOST]:
            read = FilesRead(files=path.name, encoding=self._guess(path))
            with contextlib.suppress(SourceError, NoHeader, Refused):
                stat = path.stat()
                names = self._header(Unit(path, path.name, "", stat.st_size, stat.st_mtime_ns), read)
                found.append(Found(path.name, tuple(Column(n, "text") for n in names if n)))
        return found

    @staticmethod
    def _guess(path: Path) -> str:
        with path.open("rb") as file:
            head = file.read(1 << 16)
        try:
            head[: head.rfind(b"\n") + 1].decode("utf-8")
        except UnicodeDecodeError:
            return "gb18030"
        return "utf-8"

    def probe(self, dataset: Dataset, since: Cursor | None) -> Answer:
        if since is None:
            return "cannot tell"
        seen = self._seen(dataset, patient=False)
        known = since.get("files", {})
        fresh = [u for u in seen.units if not _same(u, known.get(u.name))]
        vanished = (
            dataset.reading.whole in (None, "all") and set(known) - {u.name for u in seen.units} and not seen.waiting and not seen.late
        )
        return "changed" if fresh or vanished or not seen.units else "unchanged"

    # reading

    def pull(self, dataset: Dataset, since: Cursor | None, asked: Mapping[str, Any] | None = None) -> Pull:
        del asked
        who, read = Who.of(self.system, dataset), dataset.reading
        seen = self._seen(dataset, patient=True)
        if not seen.units:
            raise self._nothing(who, read, seen)
        self._books.clear()
        known = (since or {}).get("files", {})
        one_snapshot = read.whole == "all"
        units = [u for u in seen.units if one_snapshot or not _same(u, known.get(u.name))]
        if read.whole == "per batch":  # a batch is replaced as a whole
            again = {u.slice for u in units}
            units = [u for u in seen.units if u.slice in again]
        remarks: list[Remark] = []
        if cut := self._cut_off(units, known):
            units, remarks = self._without(who, read, units, cut)
        sample = (units or seen.units)[0]
        columns = self._columns(dataset, sample)
        if not dataset.columns:  # of a raw dataset: all that any of its files has
            columns = list(dict.fromkeys(c for u in (units or seen.units) for c in self._columns(dataset, u)))
        notes: dict[str, Any] = {k: v for k, v in (("waiting", seen.waiting), ("late", seen.late)) if v}
        if spare := self._unmapped(dataset, sample, columns):
            notes["unmapped"] = spare
        pull = Pull(pa.schema([(c, pa.string()) for c in columns]), iter(()), notes=notes, remarks=remarks)
        pull.batches = self._batches(who, dataset, units, columns, pull, {} if one_snapshot else known)
        return pull

    @staticmethod
    def _cut_off(units: Sequence[Unit], known: Mapping[str, Any]) -> list[Unit]:
        """Text files that end inside a line although others of this dataset do not: an upload that was cut off."""
        texts = [u for u in units if u.path.suffix.lower() not in BOOKS]
        ends = {u: ends_whole(u.path) for u in texts}
        habit = any(ends.values()) or any(len(k) > 3 and k[3] for k in known.values())
        return [u for u in texts if habit and not ends[u]]

    @staticmethod
    def _without(who: Who, read: Read, units: list[Unit], cut: list[Unit]) -> tuple[list[Unit], list[Remark]]:
        """The files that are read all the same, and what is said of the others: a batch that lacks a part is not read."""
        left_out = {u.slice for u in cut} if read.whole == "per batch" else set()
        kept = [u for u in units if u not in cut and u.slice not in left_out]
        names = "、".join(u.name for u in cut)
        said = Said(
            f"文件 {names} 在行中间结束，像是没有传完，没有读取，已有数据不变",
            f"{names} ends inside a line as if cut off; it was not read and nothing changes",
        )
        following = Said("请系统运维单位重新导出并完整投递该文件", "ask the operator to export it again and hand it in whole")
        if read.whole == "all" or not kept:
            raise SourceUnavailable(f"{who}: {said.zh}", f"{who}: {said.en}", next_zh=following.zh, next_en=following.en)
        return kept, [Remark("late", said, following)]

    def _batches(
        self, who: Who, dataset: Dataset, units: list[Unit], columns: Sequence[str], pull: Pull, known: dict[str, Any]
    ) -> Iterator[Batch]:
        read = dataset.reading
        files = dict(known)
        whole: set[str] = {""} if read.whole == "all" else set()
        started = time.monotonic()
        for unit in units:
            self._columns(dataset, unit)
            short = False
            try:
                if unit.path.suffix.lower() in BOOKS:
                    book = self._book(unit, read)
                    book.require(dataset.columns)
                    by_sheet = read.whole == "per file" and isinstance(read.sheet, str) and (read.sheet == "each" or "*" in read.sheet)
                    yield from book.batches(columns, unit.slice, by_sheet=by_sheet)
                    slices, said, short = (
                        {f"{unit.slice}#{t.sheet}" if by_sheet else unit.slice for t in book.tables},
                        book.digest,
                        bool(book.without),
                    )
                    _told(pull, unit, book)
                else:
                    file = CsvFile(unit.path, read)
                    yield from file.batches(columns, unit.slice)
                    slices, said = {unit.slice}, file.digest
                    if file.private_use:
                        pull.notes["private_use"] = pull.notes.get("private_use", 0) + file.private_use
            except Refused as why:
                raise _refused(who, unit, why) from None
            except (OSError, pa.ArrowInvalid) as error:
                raise _broken(who, unit, error) from None
            self._unmoved(who, unit)
            if short:  # read again until every sheet has its table; nothing missing in it is deleted meanwhile
                files.pop(unit.name, None)
                whole -= {""}
                slices = slices - {unit.slice}
            else:
                text = unit.path.suffix.lower() not in BOOKS
                files[unit.name] = [unit.size, unit.mtime, said, *([True] if text and ends_whole(unit.path) else [])]
            whole |= slices if read.whole in ("per file", "per batch") or read.append else set()
            if time.monotonic() - started > self.system.limits.patience.total_seconds():
                raise SourceUnavailable(
                    f"{who}: 读取超过 {self.system.limits.patience}", f"{who}: reading took longer than {self.system.limits.patience}"
                )
        pull.cursor = {"files": files}
        pull.whole = frozenset(whole)

    def _book(self, unit: Unit, read: Read) -> Workbook:
        """The workbook, opened once a pull while small ones are kept."""
        key = (unit, read.model_dump_json())
        if key not in self._books:
            if sum(u.size for u, _ in self._books) + unit.size > _KEPT:
                self._books.clear()
            self._books[key] = Workbook(unit.path, read)
        return self._books[key]

    @staticmethod
    def _unmoved(who: Who, unit: Unit) -> None:
        now = unit.path.stat()
        if (now.st_size, now.st_mtime_ns) != (unit.size, unit.mtime):
            raise SourceUnavailable(
                f"{who}: 文件 {unit.name} 在读取时被改动", f"{who}: the file {unit.name} changed while it was read",
                next_zh="枢纽会自动重读；请对方写完后再放入，或约定控制文件（complete_when）", next_en="it is read again; agree on a control file (complete_when)",
            )  # fmt: skip

    # what is there

    def _ours(self, path: Path) -> bool:
        """A regular file of this folder, no link that leads out of it, nothing hidden or temporary."""
        if path.name.startswith((".", "~$")) or not path.is_file():
            return False
        try:
            inside(path, self.folder)
        except Outside:
            return False
        return path.stat().st_size < _LARGEST

    def _seen(self, dataset: Dataset, *, patient: bool) -> Seen:
        who, read = Who.of(self.system, dataset), dataset.reading
        pattern = read.files or ""
        if not self.folder.is_dir():
            raise SourceUnavailable(
                f"{who}: 投递文件夹 {self.folder.name} 不存在", f"{who}: the drop folder {self.folder.name} is not there",
                next_zh="请系统运维单位确认投递路径和挂载", next_en="ask the operator about the path and the mount",
            )  # fmt: skip
        marks = read.complete_when
        paths = sorted(p for p in self.folder.glob(pattern) if self._ours(p) and not (marks and p.name.endswith(marks)))
        finished, waiting = [], []
        for path in paths[:_MOST]:
            if self._finished(path, read, patient=patient):
                finished.append(path)
            else:
                waiting.append(path.relative_to(self.folder).as_posix())
        return self._batched(finished, waiting, read)

    def _finished(self, path: Path, read: Read, *, patient: bool) -> bool:
        """Its control file is there, or it has been still for long enough; a pull waits for that moment itself."""
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

    def _batched(self, finished: list[Path], waiting: list[str], read: Read) -> Seen:
        named = {p.relative_to(self.folder).as_posix(): p for p in finished}
        late: dict[str, int] = {}
        groups: dict[str, list[str]] = {}
        for name in named:
            match = re.search(read.batch, name) if read.batch else None
            groups.setdefault((match[1] if match.groups() else match[0]) if match else "", []).append(name)
        if read.batch and read.parts:
            late = {b: read.parts - len(names) for b, names in groups.items() if len(names) < read.parts}
            groups = {b: names for b, names in groups.items() if b not in late}
        if read.batch and read.whole == "all" and groups:  # each batch is a whole export; the newest counts
            groups = {newest: groups[newest] for newest in (self._newest(groups),)}
        units = []
        for batch, names in groups.items():
            for name in names:
                stat = named[name].stat()
                slice_ = "" if read.whole == "all" else batch if read.whole == "per batch" else name
                units.append(Unit(named[name], name, slice_, stat.st_size, stat.st_mtime_ns))
        return Seen(units, waiting, late)

    def _newest(self, groups: Mapping[str, list[str]]) -> str:
        found = order.newest(groups) if len(groups) > 1 else next(iter(groups))
        if found is None:
            names = "、".join(sorted(groups)[:5])
            raise SourceChanged(
                f"{self.system.path}: 分不出哪一批最新：{names}", f"{self.system.path}: which of these batches is the newest cannot be told: {names}",
                next_zh="请系统运维单位统一文件名，或修改 read.batch 使各批只有数字不同", next_en="have the files named alike, or edit read.batch so that only numbers differ",
            )  # fmt: skip
        return found

    @staticmethod
    def _nothing(who: Who, read: Read, seen: Seen) -> SourceUnavailable:
        if seen.late:
            lacking = "、".join(f"{b} 缺 {n} 个文件" for b, n in seen.late.items())
            lacking_en = ", ".join(f"{b} lacks {n}" for b, n in seen.late.items())
            return SourceUnavailable(
                f"{who}: 批次不完整（{lacking}），暂不读取，已有数据不变", f"{who}: the batch is incomplete ({lacking_en}); it is not read, nothing changes",
                next_zh="请系统运维单位补传缺少的文件", next_en="ask the operator for the missing files",
            )  # fmt: skip
        if seen.waiting:
            names = "、".join(seen.waiting[:5])
            return SourceUnavailable(
                f"{who}: 文件还没写完或缺控制文件：{names}", f"{who}: files are unfinished or lack their control file: {names}",
                next_zh="枢纽稍后自动重试；长时间不完整请系统运维单位检查导出", next_en="it is tried again; if it lasts, ask the operator to look at the export",
            )  # fmt: skip
        return SourceUnavailable(
            f"{who}: 没有符合 {read.files} 的文件，已有数据不变", f"{who}: no file matches {read.files}; nothing changes",
            next_zh="请系统运维单位确认是否已导出、文件名是否改变", next_en="ask the operator whether it was exported and under which name",
        )  # fmt: skip

    # columns

    def _header(self, unit: Unit, read: Read) -> list[str]:
        if unit.path.suffix.lower() in BOOKS:
            return self._book(unit, read).header()
        return CsvFile(unit.path, read).header()

    def _names(self, dataset: Dataset, unit: Unit) -> list[str]:
        who = Who.of(self.system, dataset)
        try:
            return self._header(unit, dataset.reading)
        except NoHeader:
            raise SourceUnavailable(
                f"{who}: 文件 {unit.name} 没有完整的表头，可能只写了一半", f"{who}: {unit.name} has no whole header; it may be half written",
                next_zh="枢纽稍后自动重试；仍不完整请系统运维单位重新导出", next_en="it is tried again; if it stays so, ask for a new export",
            ) from None  # fmt: skip
        except Refused as why:
            raise _refused(who, unit, why) from None
        except OSError as error:
            raise _broken(who, unit, error) from None

    def _columns(self, dataset: Dataset, unit: Unit) -> list[str]:
        """The columns to read, all of them there. Raises SourceChanged naming those that are gone."""
        names = self._names(dataset, unit)
        wanted = list(dataset.columns) or [n for n in names if n and n not in dataset.ignore]
        if missing := [c for c in (*wanted, *dataset.reading.fill_down) if c not in names]:
            raise gone(Who.of(self.system, dataset), missing, filter(None, names), f"文件 {unit.name}", f"the file {unit.name}")
        return wanted

    def _unmapped(self, dataset: Dataset, unit: Unit, columns: Sequence[str]) -> list[str]:
        return [n for n in self._names(dataset, unit) if n and n not in columns and n not in dataset.ignore]


def _same(unit: Unit, known: Sequence[Any] | None) -> bool:
    """Known by size and time; a file that was only copied anew is known by its digest."""
    if not known or known[0] != unit.size:
        return False
    if known[1] == unit.mtime:
        return True
    with unit.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == str(known[2])


def _refused(who: Who, unit: Unit, why: Refused) -> SourceChanged:
    return SourceChanged(
        f"{who}: 文件 {unit.name}：{why.zh}", f"{who}: the file {unit.name}: {why.en}", next_zh=why.next_zh, next_en=why.next_en
    )


def _broken(who: Who, unit: Unit, error: Exception) -> SourceError:
    kind = type(error).__name__
    written = dt.datetime.fromtimestamp(unit.mtime / 1e9, dt.UTC).isoformat(timespec="seconds")
    return SourceChanged(
        f"{who}: 文件 {unit.name}（{unit.size} 字节，{written}）无法读取（{kind}）", f"{who}: the file {unit.name} ({unit.size} bytes, {written}) cannot be read ({kind})",
        next_zh="请系统运维单位重新导出该文件", next_en="ask the operator to export it again",
    )  # fmt: skip


def _told(pull: Pull, unit: Unit, book: Workbook) -> None:
    """What a workbook held besides its rows, for whoever reads the summary."""
    for name, count in (("error_cells", book.errors), ("formulas_without_value", book.unkept)):
        if count:
            pull.notes[name] = pull.notes.get(name, 0) + count
    if book.without:
        pull.notes.setdefault("sheets", []).extend(f"{unit.name}：{why.zh}" for why in book.without.values())
