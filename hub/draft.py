"""A first registration of what a system was found to have: every table as it comes, to be mapped by a person later.

discover()  ->  `datasets:` of the registration's own file; what a person wrote there stays, letter for letter
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.documents import load, read, rewrite
from schemas.errors import RegistrationError
from schemas.registration import System

if TYPE_CHECKING:
    from connectors.contract import Found

REASON = "尚未标准化，原样保存 not mapped yet"
LONGEST = 40
_WAYS = {"database": "table", "rest": "path", "files": "files"}


def name_of(name: str, taken: Iterable[str]) -> str:
    """A dataset name made of the far side's own: InvoiceLine is invoice_line, 婚姻登记 is table_1."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition(".")[2])
    words = re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")
    words = re.sub(r"_+", "_", words)[:LONGEST].strip("_")
    if not re.match(r"[a-z]", words) or _special(words):
        words = f"table_{words}".strip("_")
    used, wanted, n = set(taken), words, 1
    while wanted in used or wanted == "table":
        n, wanted = n + 1, f"{words[: LONGEST - 4]}_{n}"
    return wanted


def datasets(system: System, found: Mapping[str, Iterable[Found]]) -> dict[str, str]:
    """{dataset name: its YAML, indented by two} of everything that is not registered yet."""
    made: dict[str, str] = {}
    for way, there in found.items():
        word = _WAYS.get(system.connections[way].connector if way in system.connections else "database", "table")
        known = {(d.read.via, getattr(d.read, word, None)) for d in system.datasets.values() if d.read}
        for one in there:
            if (way, one.name) in known:
                continue
            name = name_of(one.name, [*system.datasets, *made])
            made[name] = _entry(name, one, word, way)
    return made


def _entry(name: str, found: Found, word: str, way: str) -> str:
    import json

    def text(value: str) -> str:
        return value if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) and not _special(value) else json.dumps(value, ensure_ascii=False)

    reading = [f"{word}: {text(found.name)}"]
    if found.key:
        reading.append(f"key: [{', '.join(map(text, found.key))}]")
    reading += [f"{said}: {text(value) if isinstance(value, str) else value}" for said, value in found.reading.items()]
    if way != "main":
        reading.append(f"via: {way}")
    columns = "、".join(re.sub(r"\s+", " ", c.name) for c in found.columns)
    hints = "".join(f"    # {re.sub(r'[^ -~一-鿿（）；：，、]', ' ', str(h))}\n" for h in found.hints)
    return f"  {name}:\n    # {columns[:400]}\n{hints}    title: {text(found.name)}\n    raw: {text(REASON)}\n    read: {{{', '.join(reading)}}}\n"


def _special(value: str) -> bool:
    return value.lower() in ("yes", "no", "on", "off", "true", "false", "null", "y", "n")


def add(path: Path, system: System, found: Mapping[str, Iterable[Found]]) -> list[str]:
    """Write what is new into the file, all or nothing; returns the names. Raises RegistrationError when it cannot be written."""
    made = datasets(system, found)
    if not made:
        return []
    before = path.read_text("utf-8")
    after = _inserted(path, before, "".join(made.values()))
    try:
        rewrite(path, after, lambda draft: read(draft, System, path=system.path))  # it must still be a registration
    except OSError as error:
        raise _read_only(path, error) from None
    return list(made)


def _read_only(path: Path, error: OSError) -> RegistrationError:
    return RegistrationError(
        f"无法写入 {path}（{error.strerror}）",
        f"cannot write {path} ({error.strerror})",
        next_zh="去掉 --write，把输出交给能修改登记文件的人",
        next_en="leave out --write and hand the output to whoever may edit the registrations",
    )


def _inserted(path: Path, before: str, entries: str) -> str:
    """The entries right below `datasets:`, which is made at the end where there is none."""
    content, lines = load(path)
    if "datasets" not in content:
        return before.rstrip("\n") + "\n\ndatasets:\n" + entries
    at = lines[("datasets",)]
    rows = before.splitlines(keepends=True)
    if not content["datasets"]:
        rows[at - 1] = "datasets:\n"
    elif not re.fullmatch(r"datasets:\s*(#.*)?", rows[at - 1].rstrip("\n")):
        raise RegistrationError(
            f"{path}:{at}: datasets 写在一行内，无法补充", f"{path}:{at}: datasets stands on one line; nothing can be added",
            next_zh="改成每个数据集一段后再运行", next_en="write one block a dataset, then run again",
        )  # fmt: skip
    return "".join(rows[:at]) + entries + "".join(rows[at:])
