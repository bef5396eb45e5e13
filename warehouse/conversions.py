"""The closed vocabulary of `as:`. Each word turns a text column into a value, or into NULL where it cannot.

    clean(x) -> text ready to convert        convert(x) -> SQL expression over the cleaned text

Everything is an SQL expression over whole columns. Whether a NULL holds the row is decided in normalise: a text that
was there and has no value afterwards has failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schemas import moments
from schemas.moments import Form
from warehouse.check_digits import id_check, id_number_ok, uscc_ok
from warehouse.sql import listed, literal

BLANKS = " \t\r\n\u3000\u00a0\ufeff\u200b"
_WIDE = "".join(chr(c) for c in range(0xFF01, 0xFF5F))
_NARROW = "".join(chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F))


@dataclass(frozen=True)
class Asked:
    """What a field's mapping says beyond the word."""

    formats: tuple[str, ...] = ()
    codes: dict[str, str] | None = None  # source value -> standard code
    listed: frozenset[str] = frozenset()  # the codes that exist
    zone: str = "UTC"  # of the system's wall clocks


@dataclass(frozen=True)
class Word:
    convert: Callable[[str, Asked], str]
    clean: Callable[[str], str]
    reason: str  # what quarantine calls a failure
    formats: tuple[str, ...] = ()  # the words `format:` may have
    forms: bool = False  # `format:` may also be any form of a date, in the words of schemas.moments

    def refuses(self, said: str) -> bool:
        """Whether `format:` may not be this."""
        if said in self.formats:
            return False
        if not self.forms:
            return True
        try:
            moments.form(said)
        except ValueError:
            return True
        return False


def text_of(column: str) -> str:
    """Any column as trimmed text; blank is NULL. Trimming only what needs it is three times faster (0.06 s a million)."""
    text = f"CAST({column} AS VARCHAR)"
    blank = "[\\s\\x{3000}\\x{a0}\\x{feff}\\x{200b}]"
    return f"nullif(CASE WHEN regexp_matches({text}, '^{blank}|{blank}$') THEN trim({text}, {literal(BLANKS)}) ELSE {text} END, '')"


def _narrow(x: str) -> str:
    """Full-width letters, digits and punctuation as half-width; text of one byte a character has none (2.7 s a million saved)."""
    return f"CASE WHEN strlen({x}) = length({x}) THEN {x} ELSE translate({x}, {literal(_WIDE)}, {literal(_NARROW)}) END"


def _squeezed(x: str) -> str:
    return f"regexp_replace({_narrow(x)}, '[\\s\\x{{3000}}]', '', 'g')"


def _upper(x: str) -> str:
    return f"upper({_squeezed(x)})"


def _same(x: str) -> str:
    return x


def _text(x: str, _: Asked) -> str:
    return x


_WHOLE = "(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)"  # thousands separators only where they can stand


def _integer(x: str, _: Asked) -> str:
    plain = f"split_part(replace({x}, ',', ''), '.', 1)"
    return f"CASE WHEN regexp_full_match({x}, '[+-]?{_WHOLE}(?:\\.0+)?') THEN TRY_CAST({plain} AS BIGINT) END"


def _decimal(x: str, asked: Asked) -> str:
    """Two places; a third that is not zero is refused rather than rounded. With `decimal_comma` the comma is the point."""
    if "decimal_comma" in asked.formats:
        whole, places = "(?:[0-9]+|[0-9]{1,3}(?:[.][0-9]{3})+)", ",[0-9]{1,2}0*"
        plain = f"replace(regexp_replace({x}, '[.¥￥元]', '', 'g'), ',', '.')"
    else:
        whole, places = _WHOLE, "\\.[0-9]{1,2}0*"
        plain = f"regexp_replace({x}, '[,¥￥元]', '', 'g')"
    shape = f"(?:[+-]?[¥￥]?|[¥￥][+-]){whole}(?:{places})?元?"
    return f"CASE WHEN regexp_full_match({x}, '{shape}') THEN TRY_CAST({plain} AS DECIMAL(18, 2)) END"


def _read(x: str, asked: Asked, forms: tuple[Form, ...]) -> str:
    """The wall clock of the system's zone that a text says, in one of the forms that are named, or of these; else NULL.

    A text is of a form wholly or not at all.
    """
    wanted = tuple(moments.form(f) for f in asked.formats) or forms
    whens = " ".join(f"WHEN regexp_full_match({x}, '{f.shape}') THEN {f.made_sql(x, asked.zone)}" for f in wanted)
    return f"CASE {whens} END"


def _date(x: str, asked: Asked) -> str:
    """A moment that becomes a day becomes the day it is in the system's own zone."""
    return f"CAST({_read(x, asked, (*moments.DAYS, *moments.CLOCKS))} AS DATE)"


def _datetime(x: str, asked: Asked) -> str:
    """Local time of the system's zone; an instant, where a zone or an epoch is written, is brought to it by the zone's rules."""
    return f"CAST({_read(x, asked, (*moments.CLOCKS, *moments.DAYS))} AS TIMESTAMP)"


def _boolean(x: str, _: Asked) -> str:
    low = f"lower({x})"
    return (
        f"CASE WHEN {low} IN ('1', 'y', 'yes', 't', 'true', '是', '有') THEN true"
        f" WHEN {low} IN ('0', 'n', 'no', 'f', 'false', '否', '无') THEN false END"
    )


def _code(x: str, asked: Asked) -> str:
    """A value that no table lists has no code; it is never guessed."""
    if asked.codes:
        return f"CASE {x} {' '.join(f'WHEN {literal(k)} THEN {literal(v)}' for k, v in asked.codes.items())} END"
    return f"CASE WHEN {x} IN {listed(sorted(asked.listed))} THEN {x} END" if asked.listed else "CAST(NULL AS VARCHAR)"


def _id_number(x: str, _: Asked) -> str:
    """18 characters. Fifteen digits of the first generation are brought to eighteen (sequence 996-999: born in the 1800s)."""
    long17 = f"substr({x}, 1, 6) || CASE WHEN substr({x}, 13, 3) >= '996' THEN '18' ELSE '19' END || substr({x}, 7, 9)"
    whole = f"({long17} || {id_check(f'({long17})')})"
    return (
        f"CASE WHEN {id_number_ok(x)} THEN {x}"
        f" WHEN regexp_full_match({x}, '[1-9][0-9]{{14}}') THEN CASE WHEN {id_number_ok(whole)} THEN {whole} END END"
    )


def _uscc(x: str, _: Asked) -> str:
    return f"CASE WHEN {uscc_ok(x)} THEN {x} END"


def _phone_clean(x: str) -> str:
    return f"regexp_replace(regexp_replace({_squeezed(x)}, '^(\\+|00)86-?', ''), '[()]', '', 'g')"


def _phone(x: str, _: Asked) -> str:
    """A mobile of 11 digits, a dialled 0 before it left out, or a landline with area code as 0394-1234567[-ext].

    Area codes are 010, 02x and 03xx to 09xx; 013 and its like are the beginning of a mobile number that was dialled.
    """
    digits = f"replace({x}, '-', '')"
    return (
        f"CASE WHEN regexp_full_match({digits}, '0?1[3-9][0-9]{{9}}') THEN right({digits}, 11)"
        f" WHEN regexp_full_match({x}, '(?:010|02[0-9]|0[3-9][0-9]{{2}})-?[0-9]{{7,8}}(-[0-9]{{1,6}})?') THEN"
        f" regexp_replace({x}, '^(010|02[0-9]|0[3-9][0-9]{{2}})-?', '\\1-') END"
    )


FORMS = ("yyyy-mm-dd", "yyyymmdd", "yyyy/m/d", "yyyy.mm.dd", "yyyy年m月d日", "yyyymm", "yyyy-mm", "yyyy.mm", "yyyy-mm-dd hh:mi:ss", "yyyymmddhhmiss", "epoch_s", "epoch_ms", "excel_serial")  # fmt: skip

WORDS: dict[str, Word] = {
    "text": Word(_text, _same, "not_text"),
    "integer": Word(_integer, _squeezed, "not_integer"),
    "decimal": Word(_decimal, _squeezed, "not_decimal", ("decimal_comma",)),
    "date": Word(_date, _narrow, "not_date", FORMS, forms=True),
    "datetime": Word(_datetime, _narrow, "not_datetime", FORMS, forms=True),
    "boolean": Word(_boolean, _squeezed, "not_boolean"),
    "code": Word(_code, _same, "unmapped_code"),
    "id_number": Word(_id_number, _upper, "bad_id_number"),
    "uscc": Word(_uscc, _upper, "bad_uscc"),
    "phone": Word(_phone, _phone_clean, "bad_phone"),
}
