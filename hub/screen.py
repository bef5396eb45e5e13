"""What people see: consoles, tables, errors, times. Results go to stdout; progress and errors go to stderr.

HubError  ->  what · whose move · next step
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from schemas import moments
from schemas.errors import HubError, RegistrationError
from schemas.home import english, say, zone

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDE = 200  # columns of a line that nobody looks at on a terminal
FAILED, USAGE = 1, 2


def out() -> Console:
    return _console(stderr=False)


def err() -> Console:
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    """A console on the stream as it is now; tests and pipes replace it."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else WIDE
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=False, emoji=False)


def table(*titles: str, right: Iterable[str] = (), title: str | None = None) -> Table:
    """An open table; the columns named in `right` hold numbers."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for name in titles:
        made.add_column(name, justify="right" if name in set(right) else "left", overflow="fold")
    return made


def cell(value: object, empty: str = "") -> Any:
    """A value as one cell: never read as markup."""
    from rich.text import Text

    return Text(text(value, empty))


def text(value: object, empty: str = "") -> str:
    """A value as people read it; control characters become visible so that a foreign row cannot drive the terminal."""
    match value:
        case None:
            return empty
        case bool():
            return say("是", "yes") if value else say("否", "no")
        case dt.datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case bytes():
            return value[:200].hex(" ")
        case list() | tuple() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in str(value))


def joined(key: str | None) -> str:
    """A key of several parts, as people write it."""
    return (key or "").replace("\x1f", "/")


NARROWEST = 8  # characters a column needs to be read in a table


def print_rows(names: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None, vertical: bool | None = None) -> None:
    """Rows as a table on stdout; one value a line where asked for, or where the columns would not fit side by side."""
    from rich.text import Text

    if vertical or (vertical is None and len(names) * NARROWEST > out().width):
        _print_vertical(names, rows)
        return
    made = table(title=title)
    for name in names:
        made.add_column(Text(text(name)), overflow="fold")
    for row in rows:
        made.add_row(*(cell(v) for v in row))
    out().print(made)


def _print_vertical(names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    heads = [" ".join(text(n).split("\n")) for n in names]
    for number, row in enumerate(rows, 1):
        out().print(cell(f"── {number} ──"), style="dim")
        for head, value in zip(heads, row, strict=True):
            out().print(cell(f"{head}：{text(value)}"), soft_wrap=True)


def print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def _plain(value: object) -> object:
    match value:
        case dt.datetime() | dt.date():
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case bytes():
            return value.hex()
    return str(value)


def when(value: dt.datetime | None) -> str:
    """A UTC time (with or without saying so) as the clock in the city shows it."""
    if value is None:
        return say("从未", "never")
    aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return f"{moments.local(aware, zone()):%m-%d %H:%M}"


def age(value: dt.timedelta | None) -> str:
    """How long, in its largest unit."""
    if value is None:
        return "—"
    seconds = max(0, int(value.total_seconds()))
    for size, zh, en in ((86400, "天", "d"), (3600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= (size * 2 if size == 86400 else size):  # 26 小时 says more than 1 天
            return f"{seconds // size}{say(' ' + zh, ' ' + en)}"
    return f"{seconds}{say(' 秒', ' s')}"


def number(value: int | None) -> str:
    return "—" if value is None else f"{value:,}"


def said(error: HubError) -> tuple[str, str, str]:
    """What, whose move, next step, in the reader's language."""
    if english():
        return error.en, error.whose_en, error.next_en
    return error.zh, error.whose_zh, error.next_zh


def show_error(error: HubError, *, about: str = "") -> None:
    """What happened, whose move it is, and the next step. `about` has been said already."""
    what, whose, following = said(error)
    what = what.removeprefix(about)
    console = err()
    console.print(cell(f"✗ {what}"), style="red", soft_wrap=True)
    console.print(cell(f"  {say('该谁处理：', 'whose move: ')}{whose}"), soft_wrap=True)
    if following:
        console.print(cell(f"  {say('下一步：', 'next: ')}{following}"), soft_wrap=True)
    if os.environ.get("HUB_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)


def show_errors(errors: Mapping[str, HubError]) -> None:
    """Several errors by what they befell; those that say the same are said once."""
    together: dict[str, list[str]] = {}
    for path, error in errors.items():
        together.setdefault("\n".join(said(error)).replace(f"{path}: ", ""), []).append(path)
    for paths in together.values():
        err().print(cell("、".join(paths)), style="bold", soft_wrap=True)
        show_error(errors[paths[0]], about=f"{paths[0]}: ")


def unforeseen(error: Exception) -> HubError:
    """A full disk, or a fault of ours. Its text may hold a person's data, so only the log gets it."""
    from schemas.home import home
    from warehouse import space

    if full := space.full(error, home()):
        return full
    log = logging.getLogger("lianshu")
    if log.handlers:
        log.error("unforeseen", exc_info=error)
    kind = type(error).__name__
    return HubError(
        f"程序出现未预料的错误（{kind}），数据未受影响",
        f"an unforeseen error in the program ({kind}); the data are as they were",
        next_zh="设 HUB_DEBUG=1 再运行一次可看到细节，请连同细节一起报告",
        next_en="run again with HUB_DEBUG=1 to see the details, and report them",
    )


def code_of(error: HubError) -> int:
    return USAGE if isinstance(error, RegistrationError) else FAILED


def note(zh: str, en: str) -> None:
    """A remark that is not part of the result."""
    err().print(cell(say(zh, en)), style="dim", soft_wrap=True)
