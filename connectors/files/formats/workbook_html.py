"""A page that a web system calls .xls: its tables become sheets named 表1, 表2, …

<table>  ->  cells as text, merged cells with their ranges
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from connectors.files.formats.refused import Refused
from connectors.files.formats.workbook_table import Grid
from schemas.reading import Read

_MOST = 5_000_000  # cells of a page
_SPAN = 1000


def html_grids(path: Path, read: Read) -> Iterator[Grid]:
    """The first table, the one at a place, or each."""
    page = path.read_bytes()
    parser = etree.HTMLParser(no_network=True, huge_tree=False, encoding=_encoding(page))
    tree = etree.fromstring(page, parser)
    tables = [t for t in tree.iter("table") if t.find(".//tr") is not None] if tree is not None else []
    place = read.sheet if isinstance(read.sheet, int) else 1
    chosen = list(enumerate(tables, 1)) if read.sheet == "each" else list(enumerate(tables, 1))[place - 1 : place]
    if not chosen:
        raise Refused(
            f"是网页，第 {place} 个表格不存在（共 {len(tables)} 个）", f"a web page; it has {len(tables)} tables, no number {place}",
            "请提供方另存为 .xlsx 后重新投递", "save it as .xlsx and send it again",
        )  # fmt: skip
    for number, one in chosen:
        yield _grid(f"表{number}", one)


def _encoding(page: bytes) -> str | None:
    """What the bytes can be, before what the page says of itself: exports often say one and write the other."""
    if page[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        page.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _grid(name: str, one: etree._Element) -> Grid:
    rows: list[list[str]] = []
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = []
    taken: set[tuple[int, int]] = set()
    lines = [tr for tr in one.iter("tr") if next(tr.iterancestors("table")) is one]
    for line, tr in enumerate(lines):
        cells: list[str] = []
        for cell in tr.iterchildren("td", "th"):
            while (line, len(cells)) in taken:
                cells.append("")
            down, right = _span(cell, "rowspan"), _span(cell, "colspan")
            at = len(cells)
            if down > 1 or right > 1:
                merged.append(((line, at), (line + down - 1, at + right - 1)))
                taken.update((line + d, at + r) for d in range(1, down) for r in range(right))
            cells.extend([" ".join("".join(map(str, cell.itertext())).split()), *[""] * (right - 1)])
            if sum(map(len, rows[-1:])) * len(rows) > _MOST or len(taken) > _MOST or len(cells) > 16_384:
                raise Refused("网页中的表格过大，未读取", "the table of the page is too large; not read")
        rows.append(cells)
    width = max(map(len, rows), default=0)
    return Grid(name, [[*r, *[""] * (width - len(r))] for r in rows], merged)


def _span(cell: etree._Element, name: str) -> int:
    said = (cell.get(name) or "1").strip()
    return min(int(said), _SPAN) if said.isdecimal() and int(said) > 0 else 1
