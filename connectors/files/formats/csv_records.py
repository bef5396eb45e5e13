"""Records of a CSV text, told apart by its own rules: what is not of the form is set aside, and nothing of it is made to fit.

    text, in pieces  ->  whole records  +  (line, reason, text) of every line that begins no record

A value is quoted whole or not at all: nothing stands before an opening or after a closing quote, and a quote that is opened
is closed. When a record fails, its first line is set aside and reading goes on at the next, so that a quote somebody forgot
takes one row with it and not the twenty that follow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LONGEST = 1 << 20  # characters of one record, line breaks in quotes included


@dataclass
class Records:
    """The rules of one file, and what is open of it."""

    delimiter: str
    quote: str
    escape: str | None = None
    line: int = 0  # lines taken so far
    faults: list[tuple[int, str, str]] = field(default_factory=list)  # line, reason, text
    _open: str = ""
    _amiss: bool = False  # the line before was set aside

    def __post_init__(self) -> None:
        d, q = re.escape(self.delimiter), re.escape(self.quote)
        e = re.escape(self.escape) if self.escape and self.escape != self.quote else ""
        quoted = f"{q}(?:[^{q}{e}]++|{e}.|{q}{q})*+{q}" if e else f"{q}(?:[^{q}]++|{q}{q})*+{q}"
        plain = f"(?!{q})(?:[^{d}\r\n{e}]++|{e}.)*+" if e else f"(?!{q})[^{d}\r\n]*+"
        value = f"(?:{quoted}|{plain})"
        record = f"{value}(?:{d}{value})*+"
        inside = f"{q}(?:[^{q}{e}]++|{e}.|{q}{q})*+{e}?" if e else f"{q}(?:[^{q}]++|{q}{q})*+"
        self._whole = re.compile(f"(?:{record}\r?\n)*+", re.DOTALL)
        sound = f"(?:{quoted}|[^{d}{q}\r\n]*+)"
        self._sound = re.compile(f"{sound}(?:{d}{sound})*+(?:\r?\n|$)", re.DOTALL)
        self._last = re.compile(f"{record}\r?", re.DOTALL)
        self._begun = re.compile(f"(?:{value}{d})*+{inside}", re.DOTALL)

    def take(self, text: str, *, last: bool = False) -> str:
        """The whole records of what has come so far; `last` closes the text."""
        text, self._open = self._open + text, ""
        good, at = [], 0
        while at < len(text):
            if self._amiss and not self._sound.match(text, at) and self._whole.match(text, at).end() > at:  # type: ignore[union-attr]
                at = self._set_aside(text, at)  # a stray quote right below may close what was broken off above
                continue
            self._amiss = False
            end = self._whole.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing at least
            good.append(text[at:end])
            self.line += text.count("\n", at, end)
            at = end
            if at >= len(text):
                break
            if not last and len(text) - at < LONGEST and self._begun.fullmatch(text, at):
                self._open = text[at:]
                break
            if last and self._last.fullmatch(text, at):
                good.append(text[at:] + "\n")
                break
            at = self._set_aside(text, at)
        return "".join(good)

    def _set_aside(self, text: str, at: int) -> int:
        """Leave out the line that begins at `at`; returns where the next one begins."""
        self._amiss = True
        end = text.find("\n", at) + 1 or len(text)
        self.line += 1
        reason = "open_quote" if self._begun.fullmatch(text, at) else "bad_quote"
        self.faults.append((self.line, reason, text[at:end].rstrip("\r\n")))
        return end
