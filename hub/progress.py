"""What is happening, while it happens: a live line on a terminal, plain lines everywhere else.

routes tell(step, name, **facts)  ->  stderr
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from hub import screen
from schemas.errors import HubError
from schemas.home import say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Told(AbstractContextManager["Told"]):
    """Give `tell` to a route. `total` datasets, so that people see how far it is."""

    def __init__(self, total: int | None = None) -> None:
        self.console = screen.err()
        self.total = total
        self.started = time.monotonic()
        self.bar: Progress | None = None
        self.task: TaskID | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(bar_width=24)]
            if self.total is not None:
                columns.append(MofNCompleteColumn())
            self.bar = Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True)
            self.task = self.bar.add_task("", total=self.total)
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar:
            self.bar.stop()

    def tell(self, step: str, name: str, **facts: Any) -> None:
        """A route's step; unknown steps are shown by their own word."""
        if step in _BEGINS:
            self._now(f"{say(*_BEGINS[step])} {name}")
        else:
            self.line(self._done(step, name, facts))

    def dataset_done(self, count: int = 1) -> None:
        if self.bar and self.task is not None:
            self.bar.advance(self.task, count)

    def line(self, text: str) -> None:
        """A line that stays."""
        if text:
            seconds = time.monotonic() - self.started
            self.console.print(screen.cell(f"[{seconds:6.1f}s] {text}"))

    def _now(self, text: str) -> None:
        if self.bar and self.task is not None:
            self.bar.update(self.task, description=text)
        else:
            self.line(text)

    def _done(self, step: str, name: str, facts: dict[str, Any]) -> str:
        match step:
            case "staged":
                return _staged(name, facts.get("changes"))
            case "checked":
                return _checked(name, facts.get("verdict"), facts.get("candidate"))
            case "failed" | "not acknowledged":
                error = facts.get("error")
                what = screen.said(error)[0].splitlines()[0] if isinstance(error, HubError) else str(error)
                return f"✗ {name} {say('失败', 'failed') if step == 'failed' else say('未能回写', 'not acknowledged')}：{what}"
            case "not tried":
                return f"✗ {name} {say('没有再试：同一连接刚刚不通或被拒绝', 'not tried: the same connection has just failed')}"
            case "shared" | "refused":
                return _shared(step, name, facts.get("prepared"))
        return "" if step == "receipt" else f"{step} {name}"  # receipts are listed at the end, word for word


_BEGINS = {
    "pull": ("读取", "reading"),
    "build": ("转换与检查", "converting and checking"),
    "share": ("汇成共享库", "sharing"),
    "derive": ("计算", "deriving"),
    "edition": ("导出分析版", "exporting the edition"),
    "send": ("报送", "delivering"),
}


def _staged(name: str, changes: Any) -> str:
    if changes is None:
        return f"= {name} {say('无变化', 'unchanged')}"
    parts = [
        f"{say('收到', 'received')} {screen.number(changes.received)}",
        f"+{changes.inserted:,} ~{changes.updated:,} -{changes.deleted:,}",
    ]
    for count, zh, en in (
        (changes.copies, "重复", "copies"),
        (changes.held, "留置", "held"),
        (changes.rejected, "不可读", "unreadable"),
        (changes.absent, "缺失但保留", "absent but kept"),
    ):
        if count:
            parts.append(f"{say(zh, en)} {count:,}")
    return f"✓ {name} {'，'.join(parts)}"


def _checked(name: str, verdict: Any, candidate: Any) -> str:
    held = f"，{say('未通过', 'rejected')} {candidate.held:,}" if candidate and candidate.held else ""
    if verdict is None or not verdict.failed:
        return f"✓ {name} {say('检查通过', 'checks pass')}{held}"
    mark = "✗" if verdict.blocking else "!"
    first = say(*verdict.failed[0].said())
    return f"{mark} {name} {say('检查', 'checks')}：{first}{f' (+{len(verdict.failed) - 1})' if len(verdict.failed) > 1 else ''}{held}"


def _shared(step: str, name: str, prepared: Any) -> str:
    change = f"+{prepared.inserted:,} ~{prepared.updated:,} -{prepared.deleted:,}" if prepared is not None else ""
    if step == "refused":
        return f"✗ {name} {say('将减少过多，保持原样', 'would shrink too much; it stays as it is')} {change}"
    return f"✓ {name} {change}"
