"""One text for one key value, whatever type the far side gives its column today.

    1, 1.00, 1.0, '1   '  ->  1          2026-03-02 00:00:00  ->  2026-03-02          true  ->  1

numbers     digits without a fraction when there is none; no zeros after the last digit of a fraction
moments     a day when the clock stands at midnight, otherwise `yyyy-mm-dd hh:mi:ss` with as much of a fraction as there is;
            one with a zone in UTC, with Z
booleans    1 and 0
bytes       as text where they are UTF-8, otherwise hexadecimal
text        as it is, without the blanks that a CHAR column adds; `007` is no number
            where the column once was a number, text that is one is written as one

The parts of a key of several columns are joined by U+001F; one that is NULL makes the whole NULL. RULE changes when a
text would come out otherwise: what is landed under an older one is keyed again, in place, before it is compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.sql import SEPARATOR, literal, quoted

RULE = "2"
JOINT = "\x1f"
_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
_ZEROS, _KEPT = r"(\.[0-9]*?)0+$", r"\1"  # of a fraction
_POINT = r"\.$"
_WHOLE = 2.0**53  # from here on a double does not hold every integer


def key(parts: Sequence[pa.Array], numbers: Sequence[bool] = ()) -> pa.Array:
    """The key of every row; `numbers` says which parts were landed as numbers, though they may come as text now."""
    texts = [_text(p, number=bool(numbers) and numbers[n]) for n, p in enumerate(parts)]
    return texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, JOINT, null_handling="emit_null")


def _text(part: pa.Array, *, number: bool) -> pa.Array:
    kind = part.type
    if pa.types.is_integer(kind):
        return part.cast(pa.string())
    if pa.types.is_boolean(kind):
        return part.cast(pa.int8()).cast(pa.string())
    if pa.types.is_decimal(kind):
        return _without_zeros(part.cast(pa.string()))
    if pa.types.is_floating(kind):
        exact = pc.and_(pc.equal(part, pc.trunc(part)), pc.less(pc.abs(part), _WHOLE))
        whole = pc.if_else(exact, part, None).cast(pa.int64()).cast(pa.string())
        return pc.coalesce(whole, part.cast(pa.string()))
    if pa.types.is_timestamp(kind):
        return _moment(part)
    if pa.types.is_binary(kind):
        return _bytes(part)
    trimmed = pc.utf8_rtrim(part.cast(pa.string()), " ")
    if not number:
        return trimmed
    return pc.if_else(pc.match_substring_regex(trimmed, _NUMBER), _without_zeros(trimmed), trimmed)


def _without_zeros(text: pa.Array) -> pa.Array:
    """Zeros at the end of a fraction, and a point left alone, go."""
    return pc.replace_substring_regex(pc.replace_substring_regex(text, _ZEROS, _KEPT), _POINT, "")


def _moment(part: pa.Array) -> pa.Array:
    """`Z` only where the value is an instant."""
    zoned = part.type.tz is not None
    text = part.cast(pa.timestamp("us", part.type.tz), safe=False).cast(pa.timestamp("us")).cast(pa.string())
    short = pc.replace_substring_regex(_without_zeros(text), r" 00:00:00$", "")
    return pc.binary_join_element_wise(short, "Z", "") if zoned else short


def _bytes(part: pa.Array) -> pa.Array:
    try:
        return part.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if b is None else b.hex() for b in part.to_pylist()], pa.string())


def sql(columns: Sequence[str], types: Sequence[str], of: str = "") -> str:
    """The same text of landed columns, as SQL."""
    return f" || {SEPARATOR} || ".join(f"({text(of + quoted(c), t)})" for c, t in zip(columns, types, strict=True))


def said(value: str, kind: str) -> str:
    """A value that a registration names, as the text a column of that type has for it."""
    if kind == "BOOLEAN":
        return {"true": "1", "t": "1", "yes": "1", "false": "0", "f": "0", "no": "0"}.get(value.strip().lower(), value.strip())
    text = value.rstrip(" ")
    is_number = kind.startswith("DECIMAL") or kind in ("DOUBLE", "FLOAT") or "INT" in kind
    return re.sub(r"\.$", "", re.sub(_ZEROS, _KEPT, text)) if is_number and re.fullmatch(_NUMBER, text) else text


def text(column: str, kind: str) -> str:
    """One landed column as that text, in SQL."""
    plain = f"CAST({column} AS VARCHAR)"
    if kind.startswith("DECIMAL"):
        return _sql_without_zeros(plain)
    if kind in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN {column} = trunc({column}) AND abs({column}) < {_WHOLE} THEN CAST(CAST({column} AS BIGINT) AS VARCHAR) ELSE {plain} END"
    if kind == "BOOLEAN":
        return f"CAST(CAST({column} AS INTEGER) AS VARCHAR)"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return _sql_moment(f"CAST({column} AT TIME ZONE 'UTC' AS VARCHAR)") + " || 'Z'"
    if kind.startswith("TIMESTAMP"):
        return _sql_moment(plain)
    if kind == "BLOB":
        return f"coalesce(TRY(decode({column})), lower(hex({column})))"
    return f"rtrim({plain}, ' ')"


def cast(column: str, was: str, wanted: str) -> str:
    """A landed or incoming value in the type its column has from now on; a number that becomes text is the one text of its value."""
    fraction = was.startswith("DECIMAL") or was in ("DOUBLE", "FLOAT")
    return text(column, was) if wanted == "VARCHAR" and fraction else f"CAST({column} AS {wanted})"


def _sql_moment(text: str) -> str:
    return f"regexp_replace({_sql_without_zeros(text)}, ' 00:00:00$', '')"


def _sql_without_zeros(text: str) -> str:
    shorter = f"regexp_replace({text}, {literal(_ZEROS)}, {literal(_KEPT)})"
    return f"regexp_replace({shorter}, {literal(_POINT)}, '')"
