"""What a text file really is, told by its bytes: another format, another encoding, another kind of line end.

    the first bytes, and every line that was decoded  ->  nothing, or Refused naming what it is

The declared encoding is held against the whole file: three Chinese characters are as good a witness as three million.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.files.formats.refused import Refused

_MAGIC = (
    (b"PK\x03\x04", "zip 压缩包或 .xlsx 工作簿", "a zip archive or an .xlsx workbook"),
    (b"\x1f\x8b", "gzip 压缩文件", "gzip"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "旧版 Office 文件（.xls、.doc）或加密的工作簿",
        "an old Office file (.xls, .doc) or a locked workbook",
    ),
    (b"%PDF", "PDF", "PDF"),
    (b"7z\xbc\xaf\x27\x1c", "7z 压缩包", "a 7z archive"),
    (b"Rar!", "rar 压缩包", "a rar archive"),
    (b"PAR1", "Parquet", "Parquet"),
)
_MARKUP = re.compile(rb"\s*<(?:\?xml|!doctype|html|table|[a-z][\w:.-]*[\s>/])", re.IGNORECASE)
_JSON = re.compile(rb'\s*(?:\{\s*"|\[\s*[\[{"])')
_THREE = re.compile(rb"[\xe3-\xe9\xef][\x80-\xbf]{2}")
_TWO = re.compile(rb"[\xc2-\xdf][\x80-\xbf]")
_CJK = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}){2}")
_LEVEL_1 = 0xC6  # the last lead byte of Big5's everyday characters
_FEW = 3
_ENOUGH = 20  # double-byte characters before their share says anything
_OTHER = ("请提供方导出为 CSV，或按其真实格式登记", "ask for CSV, or register it as what it is")
_CODING = ("请系统主管部门确认编码是否改变，再修改 read.encoding", "ask the owner about the encoding, then edit read.encoding")


def is_text(head: bytes) -> None:
    """Raises Refused when the file is no CSV at all."""
    for magic, zh, en in _MAGIC:
        if head.startswith(magic):
            raise Refused(f"不是 CSV，是 {zh}", f"not CSV but {en}", *_OTHER)
    body = head.removeprefix(b"\xef\xbb\xbf")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or _wide(head):
        raise Refused("编码与登记不符，看起来是 UTF-16", "the encoding is not as registered; it looks like UTF-16", *_CODING)
    if _MARKUP.match(body):
        raise Refused("不是 CSV，是 XML 或网页（HTML）", "not CSV but XML or a web page (HTML)", *_OTHER)
    if _JSON.match(body):
        raise Refused("不是 CSV，是 JSON", "not CSV but JSON", *_OTHER)
    if b"\0" in head:
        raise Refused("不是 CSV，含有空字节（二进制文件）", "not CSV: it holds NUL bytes (a binary file)", *_OTHER)
    if b"\n" not in head and b"\r" in head.rstrip(b"\r"):
        raise Refused(
            "行尾只有回车（CR），不是换行",
            "its lines end with CR alone",
            "请提供方按 CRLF 或 LF 换行导出",
            "ask for line ends of CRLF or LF",
        )


def _wide(head: bytes) -> bool:
    """UTF-16 without a mark: every second byte of its ASCII is NUL."""
    some = head[:2000]
    return len(some) >= 8 and max(some[0::2].count(0), some[1::2].count(0)) > len(some) // 5


def refused_as(looks: str, declared: str) -> Refused:
    """`looks` is the name of an encoding, or empty when none that is known fits."""
    return Refused(
        f"编码与登记的 {declared} 不符，看起来是 {looks or '别的编码'}",
        f"the encoding is not {declared} as registered; it looks like {looks or 'another one'}",
        *_CODING,
    )


def utf8_lines(lines: bytes) -> Iterator[int]:
    """Where lines begin that are UTF-8 in a text of GB18030, as when two exports were put into one file."""
    until = -1
    for found in _CJK.finditer(lines):
        if found.start() < until:
            continue
        start, until = lines.rfind(b"\n", 0, found.start()) + 1, lines.find(b"\n", found.end()) + 1 or len(lines)
        line = lines[start:until]
        if reads(line, "utf-8") and everyday(line.decode("utf-8")) > everyday(line.decode("gb18030", "ignore")):
            yield start


def everyday(text: str) -> int:
    """How many characters of everyday Chinese a text has."""
    return len("".join(c for c in text if c > "\x7f").encode("gb2312", "ignore")) // 2


@dataclass
class Witness:
    """What every decoded piece of a file says about its encoding; asked at the end."""

    name: str  # the codec
    declared: str
    could_be_utf8: bool = True
    three: int = 0
    two: int = 0
    good: bool = False  # a line with characters beyond ASCII was read
    bad: int = 0  # lines that could not be
    could_be_gb: bool = True
    double: int = 0  # double-byte characters, and those of them that everyday Chinese uses
    everyday: int = 0
    big5: bool = True
    few: bytes = b""  # the first of them, for a file that has hardly any

    def saw(self, lines: bytes, *, bad: int, good: bool) -> None:
        """A piece of the file as it came, how many of its lines were no characters, and whether others beyond ASCII were."""
        self.bad += bad
        self.good |= good
        if lines.isascii():
            return
        if self.name == "gb18030":
            self._as_gb(lines)
        elif self.name == "utf-8" and self.bad and self.could_be_gb:
            self.could_be_gb = reads(lines, "gb18030")

    def _as_gb(self, lines: bytes) -> None:
        if self.could_be_utf8:
            self.could_be_utf8 = reads(lines, "utf-8")
            self.three += len(_THREE.findall(lines))
            self.two += len(_TWO.findall(lines))
        if self.double < 100_000:
            wide = [c for c in lines.decode("gb18030", "ignore") if c > "\x7f"]
            self.double += len(wide)
            self.everyday += everyday("".join(wide))
            self.few += lines[: 4096 - len(self.few)]
            self.big5 = self.big5 and reads(lines, "big5")

    def verdict(self) -> None:
        """Raises Refused when the whole file speaks against its encoding."""
        if self.name == "gb18030":
            if self.could_be_utf8 and self.three and self.two <= self.three:
                raise refused_as("UTF-8", self.declared)
            if self.big5 and self.double >= _ENOUGH and self.everyday < self.double * 0.6:
                raise refused_as("Big5", self.declared)
            if self.big5 and _FEW <= self.double < _ENOUGH and self.everyday < self.double * 0.5 and _everyday_big5(self.few):
                raise refused_as("Big5", self.declared)
        if self.bad and (not self.good or (self.name == "utf-8" and self.could_be_gb and self.bad > 3)):
            looks = "GB18030（GBK）" if self.name == "utf-8" and self.could_be_gb else ""
            raise refused_as(looks, self.declared)


def _everyday_big5(lines: bytes) -> bool:
    """Whether all its characters are everyday ones of Big5."""
    wide = [c for c in lines.decode("big5", "ignore") if c > "\x7f"]
    return bool(wide) and all(c.encode("big5")[0] <= _LEVEL_1 for c in wide)


def reads(lines: bytes, name: str) -> bool:
    """Whether bytes are text of that encoding."""
    try:
        lines.decode(name)
    except UnicodeDecodeError:
        return False
    return True
