"""Check characters as SQL over whole columns: GB 11643 (citizens), GB 32100 (legal persons).

The characters are weighed as one list. Seventeen separate divisions cost five times as much inside CASE or AND, where
DuckDB computes a repeated expression again each time.
"""

from __future__ import annotations

from collections.abc import Iterable

from warehouse.sql import literal

_ID_SHAPE = "[1-9][0-9]{16}[0-9X]"
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # ISO 7064 MOD 11-2
_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
# 登记管理部门 and 机构类别 as the standard lists them, six digits of the division, the body's code (GB 11714), the check character
_USCC_KINDS = "1[1239]|2[19]|3[123459]|4[19]|5[1239]|6[129]|7[129]|8[19]|9[123]|A[19]|N[1239]|Y1"
_USCC_SHAPE = f"({_USCC_KINDS})[0-9]{{6}}[0-9A-HJ-NPQRTUWXY]{{10}}"
_USCC_WEIGHTS = tuple(pow(3, n, 31) for n in range(17))


def id_check(first17: str) -> str:
    """The check character of 17 digits. Where the text has another shape it raises: ask for the shape first, in a CASE."""
    digits = f"CAST(string_split({first17}, '') AS FLOAT[])"
    return f"substr('10X98765432', {_weighed(digits, _ID_WEIGHTS)} % 11 + 1, 1)"


def id_number_ok(x: str) -> str:
    """Shape, a birth date that exists and is past, check character; false for NULL. The region code is not judged here."""
    born = f"try_strptime(substr({x}, 7, 8), '%Y%m%d')"
    sound = f"{born} BETWEEN DATE '1850-01-01' AND current_date AND substr({x}, 18, 1) = {id_check(f'substr({x}, 1, 17)')}"
    return f"coalesce(CASE WHEN regexp_full_match({x}, '{_ID_SHAPE}') THEN {sound} END, false)"


def uscc_ok(x: str) -> str:
    """The first two characters of the standard's table, a division of digits, the last character right; false for NULL (GB 32100-2015)."""
    values = f"CAST(list_transform(string_split(substr({x}, 1, 17), ''), c -> strpos({literal(_USCC)}, c) - 1) AS FLOAT[])"
    check = f"substr({literal(_USCC)}, (31 - {_weighed(values, _USCC_WEIGHTS)} % 31) % 31 + 1, 1)"
    return f"coalesce(CASE WHEN regexp_full_match({x}, '{_USCC_SHAPE}') THEN substr({x}, 18, 1) = {check} END, false)"


def _weighed(values: str, weights: Iterable[int]) -> str:
    """The weighed sum; FLOAT holds whole numbers up to 2^24 exactly, and this one stays below 16,000."""
    return f"CAST(list_dot_product({values}, CAST([{', '.join(map(str, weights))}] AS FLOAT[])) AS INTEGER)"
