"""Files that others put into a folder: CSV and Excel, whole exports, batches of several parts, control files.

    <folder>/<pattern>  ->  text columns, one slice a file, a batch or the whole export

One file that is not of the form does not stop the others: they are read, and it is named as what failed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.contract import Batch, Cursor, Finding, Found, Probed, Pull
from connectors.files.choosing import Seen, Unit, look, nothing, oldest_first, ours, written_at
from connectors.files.finding import found
from connectors.files.formats.csv import CsvFile, NoHeader, ends_whole
from connectors.files.formats.excel import Workbook
from connectors.files.formats.refused import Refused
from connectors.wording import Who, gone, unmapped
from schemas.ceilings import ceilings
from schemas.errors import SourceChanged, SourceError, SourceUnavailable
from schemas.reading import Read
from schemas.registration import Dataset, System
from schemas.remarks import Remark
from schemas.said import Said

_KEPT = 16 << 20  # bytes of workbooks kept parsed between their header and their rows


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

    def check(self) -> list[Finding]:
        there = self.folder.is_dir()
        said = [
            Finding(
                "folder", there,
                f"投递文件夹 {self.folder.name} {'可以读取' if there else '不存在'}", f"the drop folder {self.folder.name} {'is there' if there else 'is not there'}",
                "" if there else "请系统运维单位确认投递路径，或建立该文件夹", "" if there else "ask the operator for the path, or make the folder",
            )
        ]  # fmt: skip
        for name, dataset in self.system.datasets.items():
            if there and dataset.read and dataset.read.files:
                said.append(self._checked(name, dataset))
        return said

    def _checked(self, name: str, dataset: Dataset) -> Finding:
        try:
            seen = self._look(dataset, patient=False)
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
        """Every pattern of readable files with its columns, all text, and how it is read."""
        return found(sorted(p for p in self.folder.glob("*") if ours(p, self.folder))[: ceilings().files])

    def probe(self, dataset: Dataset, since: Cursor | None) -> Probed:
        if since is None:
            return "cannot tell"
        seen = self._look(dataset, patient=False)
        known = since.get("files", {})
        fresh = [u for u in seen.units if not u.same(known.get(u.name))]
        gone_now = set(known) - {u.name for u in seen.units} if not seen.waiting and not seen.late else ()
        return "changed" if fresh or gone_now or not seen.units else "unchanged"

    def _look(self, dataset: Dataset, *, patient: bool) -> Seen:
        return look(Who.of(self.system, dataset), self.folder, dataset.reading, patient=patient)

    # reading

    def pull(self, dataset: Dataset, since: Cursor | None) -> Pull:
        who, read = Who.of(self.system, dataset), dataset.reading
        seen = self._look(dataset, patient=True)
        if not seen.units:
            raise nothing(who, read, seen)
        self._books.clear()
        known = (since or {}).get("files", {})
        units = self._due(who, read, seen, known)
        failed = self._failing(who, dataset, units, known)
        if failed and (read.whole == "all" or len(failed) == len(units)):
            raise next(iter(failed.values()))
        left_out = {u.slice for u in failed} if read.whole == "per batch" else set()
        units = [u for u in units if u not in failed and u.slice not in left_out]
        columns = list(dataset.columns) or list(dict.fromkeys(c for u in (units or seen.units) for c in self._columns(dataset, u)))
        spare = [c for u in (units or seen.units) for c in self._unmapped(dataset, u, columns)] if dataset.raw is None else []
        there = {*(u.name for u in seen.units), *seen.waiting, *seen.strange}
        vanished = [n for n in known if n not in there and not seen.late]
        remarks = list(seen.remarks(vanished if read.whole in ("per file", "per batch") else ()))
        if spare:
            remarks.append(unmapped(dict.fromkeys(spare)))
        pull = Pull(pa.schema([(c, pa.string()) for c in columns]), iter(()), remarks=remarks, failures=tuple(failed.values()))
        pull.order = tuple(dict.fromkeys(u.slice for u in units))
        kept = {} if read.whole == "all" else {n: k for n, k in known.items() if n not in vanished}
        pull.batches = self._batches(who, dataset, units, columns, pull, kept)
        return pull

    @staticmethod
    def _due(who: Who, read: Read, seen: Seen, known: Mapping[str, Any]) -> list[Unit]:
        """The files to read now: all of one snapshot, those of a batch together, and where the newest counts all from the first new one."""
        if read.whole == "all":
            return seen.units
        units = [u for u in seen.units if not u.same(known.get(u.name))]
        if read.whole == "per batch":
            again = {u.slice for u in units}
            units = [u for u in seen.units if u.slice in again]
        if read.duplicates == "newest" and units and read.whole:
            inorder = oldest_first(who, seen.units)
            units = inorder[min(inorder.index(u) for u in units) :]
        return units

    def _failing(self, who: Who, dataset: Dataset, units: Sequence[Unit], known: Mapping[str, Any]) -> dict[Unit, SourceError]:
        """Files that are not of the form, and text files that end inside a line although others of this dataset do not."""
        failed: dict[Unit, SourceError] = {}
        for unit in units:
            try:
                self._columns(dataset, unit)
            except SourceError as error:
                failed[unit] = error
        ends = {u: ends_whole(u.path) for u in units if not u.book}
        habit = any(ends.values()) or any(len(k) > 3 and k[3] for k in known.values())
        return failed | {u: _cut_off(who, u) for u, whole in ends.items() if habit and not whole and not dataset.reading.complete_when}

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
                if unit.book:
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
                    pull.remarks += _not_read(unit, file)
                    if file.private_use:
                        pull.remarks.append(_private(unit, file.private_use))
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
                files[unit.name] = unit.known(said, ends=not unit.book and ends_whole(unit.path))
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

    # columns

    def _header(self, unit: Unit, read: Read) -> list[str]:
        if unit.book:
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


def _refused(who: Who, unit: Unit, why: Refused) -> SourceChanged:
    return SourceChanged(
        f"{who}: 文件 {unit.name}：{why.zh}", f"{who}: the file {unit.name}: {why.en}", next_zh=why.next_zh, next_en=why.next_en
    )


def _broken(who: Who, unit: Unit, error: Exception) -> SourceError:
    kind = type(error).__name__
    written = written_at(unit)
    return SourceChanged(
        f"{who}: 文件 {unit.name}（{unit.size} 字节，{written}）无法读取（{kind}）", f"{who}: the file {unit.name} ({unit.size} bytes, {written}) cannot be read ({kind})",
        next_zh="请系统运维单位重新导出该文件", next_en="ask the operator to export it again",
    )  # fmt: skip


def _cut_off(who: Who, unit: Unit) -> SourceUnavailable:
    return SourceUnavailable(
        f"{who}: 文件 {unit.name} 在行中间结束，像是没有传完，没有读取，已有数据不变",
        f"{who}: {unit.name} ends inside a line as if cut off; it was not read and nothing changes",
        next_zh="请系统运维单位重新导出并完整投递该文件；导出程序从不写末行换行的，请约定控制文件（complete_when）",
        next_en="ask the operator to export it again and hand it in whole; if the last line never has an end, agree on a control file (complete_when)",
    )


def _not_read(unit: Unit, file: CsvFile) -> list[Remark]:
    """The lines of a file that were set aside, how many and from where on; nothing of it counts as deleted."""
    if not file.set_aside:
        return []
    lines, first = len(file.set_aside), min(file.set_aside)
    return [
        Remark(
            "rows",
            Said(
                f"文件 {unit.name} 有 {lines} 行不合格式（最早在第 {first} 行），没有读入；该文件中缺少的行不算删除",
                f"{unit.name} has {lines} malformed lines (the first is line {first}), which were not read; rows missing in it are not deleted",
            ),
            Said("请提供方更正后重新导出；明细见 hub quarantine", "have them mended and exported again; hub quarantine shows each"),
        )
    ]


def _private(unit: Unit, characters: int) -> Remark:
    return Remark(
        "values",
        Said(
            f"文件 {unit.name} 有 {characters} 个造字区字符（多为生僻字），原样保存，别处可能显示不出",
            f"{unit.name} has {characters} characters of the private use area (rare ones, mostly); they are kept and may not show elsewhere",
        ),
        Said("请提供方改用 GB 18030 编码的正式汉字", "have the sender use the characters GB 18030 has for them"),
    )


_CELLS = (
    ("errors", "错误值（如 #N/A）", "spreadsheet errors such as #N/A"),
    ("unkept", "公式没有保存结果", "formulas whose value was not kept"),
)


def _told(pull: Pull, unit: Unit, book: Workbook) -> None:
    """What a workbook held besides its rows, for whoever reads the summary."""
    for name, zh, en in _CELLS:
        if count := getattr(book, name):
            said = Said(f"文件 {unit.name} 有 {count} 个单元格是{zh}", f"{unit.name}: {count} cells are {en}")
            pull.remarks.append(Remark("values", said, Said("请提供方改好后重新导出", "have them mended and exported again")))
    for why in book.without.values():
        pull.remarks.append(Remark("late", Said(f"文件 {unit.name}：{why.zh}", f"{unit.name}: {why.en}"), Said(why.next_zh, why.next_en)))
