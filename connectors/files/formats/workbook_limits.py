"""What a workbook may cost before it is opened, and what it really is, told by its bytes.

    path  ->  xlsx · xls · xlsb · ods · html · text · a refusal that says what it is

A workbook of a few kilobytes can ask for hundreds of gigabytes: parts that unpack without end, one cell in the
last column of the last line, one long text that a million cells point at. Each is measured here, in pieces.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["xlsx", "xls", "xlsb", "ods", "html", "text"]

LARGEST = 64 << 20  # of the file
UNPACKED = 512 << 20
ENTRIES = 5000
RATIO = 200  # a sheet unpacks to 5-40 times its size
CELLS = 40_000_000  # in the rectangle that holds every filled cell
TEXT = 512 << 20  # of all cells that point at shared texts
_PIECE = 1 << 20
_CARRY = 4096

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BIFF = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")  # before Excel 5: a bare stream
_MARKUP = re.compile(rb"<\s*(?:!doctype html|html|table|head|meta|body|style|div)\b", re.IGNORECASE)
_ERROR = re.compile(rb"\bt=[\"']e[\"']")
_UNKEPT = re.compile(
    rb"</(?:\w+:)?f>\s*<(?:/|(?:\w+:)?v\s*/>|(?:\w+:)?v>\s*</)|<(?:\w+:)?f\b[^>]*/>\s*<(?:/|(?:\w+:)?v\s*/>|(?:\w+:)?v>\s*</)"
)
_COLUMN = re.compile(rb"\br=[\"']([A-Za-z]+)\d")
_LINE = re.compile(rb"\br=[\"'][A-Za-z]*(\d+)[\"']")
_SHARED = re.compile(rb"\bt=[\"']s[\"']")
_REPEATED = re.compile(rb"number-(columns|rows)-repeated=[\"'](\d+)[\"']")


class Refused(Exception):
    """The file is not a workbook that is read here; the words say what it is, in two languages, and what to do."""

    def __init__(
        self, zh: str, en: str, next_zh: str = "请提供方另存为 .xlsx 后重新投递", next_en: str = "save it as .xlsx and send it again"
    ) -> None:
        super().__init__(zh)
        self.zh, self.en, self.next_zh, self.next_en = zh, en, next_zh, next_en


@dataclass
class Marked:
    """Which parts of an xlsx hold error cells or formulas without a kept value."""

    parts: set[str] = field(default_factory=set)


def kind_of(path: Path) -> Kind:
    """By content, whatever the name says."""
    if path.stat().st_size > LARGEST:
        raise _bomb(f"{path.stat().st_size >> 20} MB")
    with path.open("rb") as file:
        head = file.read(_PIECE)
    if head.startswith(b"PK"):
        return _packed(path)
    if head.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():
            raise locked()
        return "xls"
    if head.startswith(_BIFF):
        return "xls"
    text = _readable(head)
    if _MARKUP.search(text.encode("utf-8", "replace")[:65536]):
        return "html"
    if text.lstrip("\ufeff \r\n\t").startswith("<?xml"):
        raise Refused("是 XML 文件，不是工作簿", "an XML file, not a workbook")
    if head.startswith(b"%PDF"):
        raise Refused("是 PDF 文件，不是工作簿", "a PDF, not a workbook", "请提供方提供原始表格", "ask for the table itself")
    if text and "\0" not in text:
        return "text"
    raise Refused("内容不是已知的表格格式", "not of a known format of tables")


def locked() -> Refused:
    return Refused(
        "工作簿设有打开密码，无法读取",
        "the workbook is locked with a password",
        "请提供方去掉密码后重新投递",
        "have the password removed and the file sent again",
    )


def measured(path: Path, kind: Kind) -> Marked:
    """Raises Refused for what would unpack, spread or repeat into far more than a workbook holds."""
    if kind not in ("xlsx", "xlsb", "ods"):
        return Marked()
    marked = Marked()
    try:
        with zipfile.ZipFile(path) as packed:
            entries = packed.infolist()
            total = sum(e.file_size for e in entries)
            if len(entries) > ENTRIES or total > UNPACKED:
                raise _bomb(f"{len(entries)} 个条目、解压 {total >> 20} MB", f"{len(entries)} entries, {total >> 20} MB unpacked")
            for entry in entries:
                if entry.file_size > _PIECE and entry.file_size > RATIO * max(entry.compress_size, 1):
                    raise _bomb(
                        f"{entry.filename} 由 {entry.compress_size >> 10} KB 解压到 {entry.file_size >> 20} MB",
                        f"{entry.filename} unpacks from {entry.compress_size >> 10} KB to {entry.file_size >> 20} MB",
                    )
            longest = _longest(packed) if kind == "xlsx" else 0
            for entry in entries:
                if entry.filename.endswith((".xml", ".rels")):
                    _part(packed, entry.filename, kind, marked, longest)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise Refused(
            f"压缩结构损坏（{type(error).__name__}）",
            f"its packing is broken ({type(error).__name__})",
            "请提供方重新导出",
            "ask for a new export",
        ) from None
    return marked


def _packed(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as packed:
            names = set(packed.namelist())
            if "mimetype" in names and b"opendocument.spreadsheet" in packed.open("mimetype").read(100):
                if b"manifest:encryption-data" in packed.open("META-INF/manifest.xml").read(_PIECE):
                    raise locked()
                return "ods"
    except (zipfile.BadZipFile, KeyError, NotImplementedError) as error:
        raise Refused(
            f"压缩结构损坏（{type(error).__name__}）",
            f"its packing is broken ({type(error).__name__})",
            "请提供方重新导出",
            "ask for a new export",
        ) from None
    if any(n.startswith("xl/") and n.endswith(".bin") and "workbook" in n for n in names):
        return "xlsb"
    if any(n.startswith("xl/") for n in names):
        return "xlsx"
    raise Refused(
        "是压缩包，里面没有工作簿",
        "an archive without a workbook in it",
        "请登记 unpack 或请提供方直接投递工作簿",
        "have the workbook itself sent",
    )


def _readable(head: bytes) -> str:
    for name in ("utf-16",) if head[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030"):
        for end in range(4):  # a character cut at the end of the piece
            try:
                return head[: len(head) - end].decode(name)
            except UnicodeDecodeError:
                continue
    return ""


def _pieces(packed: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """A part in pieces that end behind a tag, so that no tag is cut."""
    with packed.open(name) as part:
        rest = b""
        while piece := part.read(_PIECE):
            piece = rest + piece
            cut = piece.rfind(b"</row>") + 6 if b"</row>" in piece else len(piece) - _CARRY
            cut = cut if cut > 0 else len(piece)
            yield piece[:cut]
            rest = piece[cut:]
            if len(rest) > 8 * _PIECE:  # one line of a sheet is never that long
                yield rest
                rest = b""
        yield rest


def _part(packed: zipfile.ZipFile, name: str, kind: Kind, marked: Marked, longest: int) -> None:
    sheet = "/worksheets/" in name and not name.endswith(".rels")
    columns: set[bytes] = set()
    lines = shared = 0
    repeated = {b"columns": 1, b"rows": 1}
    for piece in _pieces(packed, name):
        if b"<!DOCTYPE" in piece or b"<!ENTITY" in piece:
            raise Refused(
                f"{name} 含有文档类型声明，可能是攻击文件",
                f"{name} declares a document type, as attacks do",
                "请核实文件来源",
                "find out where the file comes from",
            )
        if kind == "ods" and name == "content.xml":
            for what, number in _REPEATED.findall(piece):
                repeated[what] = max(repeated[what], 1 if _blank(piece) else int(number))
        if not sheet:
            continue
        if name not in marked.parts and (_ERROR.search(piece) or _UNKEPT.search(piece)):
            marked.parts.add(name)
        columns.update(_COLUMN.findall(piece))
        lines = max(lines, max(map(int, _LINE.findall(piece)), default=0))
        shared += len(_SHARED.findall(piece)) if longest > 1000 else 0
    width = max(map(_place, columns), default=1)
    if width > 16_384 or lines > 1_048_576 or width * lines > CELLS:
        raise _bomb(f"{name} 占 {lines} 行 {width} 列", f"{name} spreads over {lines} lines and {width} columns")
    if longest * shared > TEXT and (size := _told(packed, name)) > TEXT:
        raise _bomb(f"{name} 的文字共 {size >> 20} MB", f"the texts of {name} make {size >> 20} MB")


def _blank(piece: bytes) -> bool:
    """An OpenDocument sheet always ends in repeated empty lines; only repeated cells with something in them cost."""
    return not re.search(rb"<table:table-cell[^>]*number-columns-repeated=[\"']\d{4,}[\"'][^>]*[^/]>", piece) and not re.search(
        rb"<table:table-row[^>]*number-rows-repeated=[\"']\d{5,}[\"'][^>]*>\s*<table:table-cell[^>]*[^/]>", piece
    )


def _longest(packed: zipfile.ZipFile) -> int:
    return max((len(s) for s in _strings(packed)), default=0)


def _strings(packed: zipfile.ZipFile) -> Iterator[bytes]:
    """The shared texts one by one, with their tags."""
    name = next((n for n in packed.namelist() if n.lower() == "xl/sharedstrings.xml"), None)
    if name is None:
        return
    with packed.open(name) as part:
        rest = b""
        while piece := part.read(_PIECE):
            *whole, rest = (rest + piece).split(b"</si>")
            yield from whole
            if len(rest) > 16 * _PIECE:
                raise _bomb(f"{name} 中一段文字超过 16 MB", f"one text of {name} is longer than 16 MB")
        yield rest


def _told(packed: zipfile.ZipFile, name: str) -> int:
    sizes = [len(s) for s in _strings(packed)]
    total = 0
    for piece in _pieces(packed, name):
        for number in re.findall(rb"\bt=[\"']s[\"'][^>]*>\s*<(?:\w+:)?v>(\d+)<", piece):
            total += sizes[int(number)] if int(number) < len(sizes) else 0
        if total > TEXT:
            break
    return total


def _place(letters: bytes) -> int:
    number = 0
    for letter in letters[:8].upper():
        number = number * 26 + letter - 64
    return number


def _bomb(zh: str, en: str = "") -> Refused:
    return Refused(
        f"解开后远超一个工作簿应有的大小（{zh}），未读取",
        f"it would unpack into far more than a workbook holds ({en or zh}); not read",
        "请核实文件来源，或请提供方分成几个文件",
        "find out where it comes from, or have it split",
    )
