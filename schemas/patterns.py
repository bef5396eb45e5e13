"""Regular expressions that a registration or a record type writes: RE2's, so that no text takes longer than its length.

"^((a+)+)$" hangs a backtracking engine for ever on thirty letters. RE2 has no back-references and no looking around.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from schemas.documents import wrong

LONGEST = 1_000  # characters; RE2 itself bounds what a pattern may unfold to


def _sound(text: str) -> str:
    problem = f"{len(text)} > {LONGEST}" if len(text) > LONGEST else _problem(text)
    if problem:
        raise wrong(
            f"正则表达式不能用（RE2 语法，没有反向引用和环视）：{problem}",
            f"the regular expression cannot be used (RE2's syntax, without back-references and looking around): {problem}",
            found=text,
        )
    return text


Pattern = Annotated[str, AfterValidator(_sound)]


@functools.cache
def _problem(text: str) -> str:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.nulls(1, pa.string()), text)  # pa.array would load pandas
    except pa.ArrowInvalid as error:
        return str(error).removeprefix("Invalid regular expression: ")
    return ""


def found(pattern: str, texts: Sequence[str]) -> list[str | None]:
    """Of every text the first place that fits: its first group, or all of it where the pattern has none; None where nothing fits."""
    import pyarrow as pa
    import pyarrow.compute as pc

    asked = pa.array([t.encode("utf-8", "replace").decode() for t in texts], pa.string())  # a file name may hold bytes that are no text
    fits = pc.match_substring_regex(asked, pattern)
    try:
        part = pc.replace_substring_regex(asked, f"(?s)^.*?(?:{pattern}).*$", r"\1")
    except pa.ArrowInvalid:  # it has no group
        part = pc.replace_substring_regex(asked, f"(?s)^.*?({pattern}).*$", r"\1")
    told: list[str | None] = pc.if_else(fits, part, None).to_pylist()
    return told
