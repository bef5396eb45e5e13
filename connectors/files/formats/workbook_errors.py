"""Error cells and formulas without a kept value, which the reader shows as empty: (line, column) -> what stands there.

An xlsx is looked at a second time only where its parts hold one; other formats are asked for their errors alone.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

import fastexcel

from connectors.files.formats.workbook_cells import UNKEPT, ErrorCell

Marks = dict[tuple[int, int], ErrorCell]

_SHOWN = {
    "Div0": "#DIV/0!", "NA": "#N/A", "Name": "#NAME?", "Null": "#NULL!", "Num": "#NUM!", "Ref": "#REF!", "Value": "#VALUE!",
    "GettingData": "#GETTING_DATA",
}  # fmt: skip
_SAID = re.compile(r"Error\((\w+)\)")
_REFERENCE = re.compile(r"([A-Za-z]+)(\d+)$")


def in_part(path: Path, part: str) -> Marks:
    """Of one sheet of an xlsx."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = reader.start, reader.end, reader.text
    parser.buffer_text = True
    with zipfile.ZipFile(path) as packed, packed.open(part) as file:
        parser.ParseFile(file)
    return reader.found


def parts(path: Path) -> dict[str, str]:
    """Sheet names and the parts of an xlsx that hold them."""
    with zipfile.ZipFile(path) as packed:
        book = next((n for n in packed.namelist() if re.fullmatch(r"xl/workbook\w*\.xml", n)), "xl/workbook.xml")
        links = _attributes(packed.read(f"xl/_rels/{posixpath.basename(book)}.rels"), "Relationship")
        targets = {link.get("Id"): link.get("Target", "") for link in links}
        named = _attributes(packed.read(book), "sheet")
    found = {}
    for sheet in named:
        link = next((v for k, v in sheet.items() if k.rsplit(" ", 1)[-1] == "id"), None)
        target = targets.get(link, "")
        found[sheet.get("name", "")] = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
    return found


def in_other_formats(path: Path, sheet: str) -> Marks:
    """Of one sheet of an xls, xlsb or ods; a formula without a kept value is not told there."""
    _, errors = fastexcel.read_excel(str(path)).load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_arrow_with_errors()
    found: Marks = {}
    for error in errors.errors if errors else ():
        said = _SAID.search(error.detail)
        if said:
            found[error.position] = ErrorCell(_SHOWN.get(said[1], "#ERROR!"))
    return found


def _attributes(document: bytes, tag: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rsplit(" ", 1)[-1] == tag:
            found.append(attributes)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.Parse(document, True)
    return found


@dataclass
class _Reader:
    """Walks the cells of a sheet; a place that is not written follows the one before."""

    found: Marks = field(default_factory=dict)
    row: int = -1
    column: int = -1
    kind: str = ""
    formula: bool = False
    value: str | None = None
    inside: bool = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rsplit(" ", 1)[-1]:
            case "row":
                self.row, self.column = int(attributes.get("r", self.row + 2)) - 1, -1
            case "c":
                self.kind, self.formula, self.value = attributes.get("t", ""), False, None
                self.column += 1
                if at := _REFERENCE.match(attributes.get("r", "")):
                    self.row, self.column = int(at[2]) - 1, _place(at[1]) - 1
            case "f":
                self.formula = True
            case "v" | "is":
                self.value, self.inside = "", True

    def text(self, data: str) -> None:
        if self.inside and self.value is not None:
            self.value += data

    def end(self, name: str) -> Any:
        match name.rsplit(" ", 1)[-1]:
            case "v" | "is":
                self.inside = False
            case "c" if self.kind == "e":
                self.found[self.row, self.column] = ErrorCell(self.value or "#ERROR!")
            case "c" if self.formula and not self.value and not (self.kind == "str" and self.value is not None):
                self.found[self.row, self.column] = UNKEPT


def _place(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number
