"""How a personal value looks to those who may not see it: one word of `mask:` as one SQL expression over a whole column.

    name        李某某 → 李**        欧阳某某 → 欧阳**     某某·某某某 → 某*·某**
    id_number   first 1 and last 2 characters
    phone       first 3 and last 4 of a mobile; area code and last 2 of a landline
    address     down to the town or street; without one, down to the county if a province leads; otherwise nothing
    bank_card   last 4
    birth_date  the year, as text
    text        nothing

What does not have the expected shape is hidden whole, so a short or odd value never shows more than a good one.
Masking a masked value changes nothing. NULL stays NULL. Characters are code points: 𠮷 counts as one.

A pseudonym is HMAC-SHA256 under a key of the audience: the same person in two tables still joins, and two audiences
with two keys cannot put their tables together.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from schemas.records import Mask
from warehouse.sql import listed, literal

HIDDEN = "***"

_COMPOUND = re.findall(
    "..",
    "欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台皇甫宗政濮阳公冶太叔申屠公孙慕容仲孙钟离长孙"
    "宇文司徒鲜于司空闾丘亓官司寇子车颛孙端木巫马公西漆雕乐正壤驷公良拓跋夹谷宰父谷梁百里东郭南门呼延归海羊舌"
    "微生梁丘左丘东门西门第五令狐轩辕淳于单于纳兰叶赫完颜爱新耶律贺兰",
)
_DOTS = "·•・‧∙⋅．"  # as they are met between the parts of a name

# Parts of an address. What belongs to a road, a village, a building or a housing estate never counts as part of a place's name.
_PLACE = r"[^\s\p{N}A-Za-z路街道巷弄号栋楼单元室组村\*,，、()（）-]"
_PROVINCE = (
    "(?:北京|天津|上海|重庆)市|(?:河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|台湾)省"
    "|内蒙古自治区|广西壮族自治区|西藏自治区|宁夏回族自治区|新疆维吾尔自治区"
)
_CITY = rf"(?:{_PLACE}{{1,9}}?(?:市|自治州|地区|盟))"
_TOWN = rf"^((?:{_PROVINCE})?{_CITY}?{_PLACE}{{1,14}}?(?:街道办事处|街道|镇|乡|苏木))(?:[^市县]|$)"
_COUNTY = rf"^((?:{_PROVINCE}){_CITY}?(?:{_PLACE}{{1,9}}?(?:县|旗|区|市))?)"
_PREFECTURE = rf"^((?:{_PROVINCE}){_CITY}?)"
_ESTATE = "小区|社区|家园|花园[^街]|新村|公寓|大厦|广场|市场"

_MOBILE = r"^(1\d{2})[\d*]{4}(\d{4})$"
_LANDLINE = r"^(0[12]\d|0[3-9]\d{2})-?[\d*]{5,6}(\d{2})(?:-[\d*]{1,6})?$"
_YEAR = r"^([12]\d{3})(?:$|[-/.年].*|\d{4}$)"


def mask_sql(mask: Mask, expr: str) -> str:
    """The masked form of a column as VARCHAR, whatever its type; `expr` should be a column name, it is repeated."""
    x = f"CAST({expr} AS VARCHAR)"
    return f"CASE WHEN {x} IS NOT NULL THEN {_MASKS[mask](x)} END"


def pseudonym_sql(expr: str, key: str) -> str:
    """A stable stand-in for an identifier: the first 32 hex digits of HMAC-SHA256 under `key` (hex). NULL stays NULL."""
    inner, outer = _pads(key)
    value = f"encode(CAST({expr} AS VARCHAR))"
    return f"left(sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || {value}))), 32)"


def _pads(key: str) -> tuple[str, str]:
    """RFC 2104: the key, filled to the 64 bytes of a block, with both pads applied; keys longer than a block are not used here."""
    raw = bytes.fromhex(key)
    if not 16 <= len(raw) <= 64:
        raise ValueError("a pseudonym key has 16 to 64 bytes")
    block = raw.ljust(64, b"\0")
    return bytes(b ^ 0x36 for b in block).hex(), bytes(b ^ 0x5C for b in block).hex()


def _edges(x: str, first: int, last: int, shortest: int) -> str:
    """The first and last characters, the rest as stars; shorter values are hidden whole."""
    stars = f"repeat('*', length({x}) - {first + last})"
    return f"CASE WHEN length({x}) >= {shortest} THEN left({x}, {first}) || {stars} || right({x}, {last}) ELSE '{HIDDEN}' END"


def _name(x: str) -> str:
    part = "CASE WHEN length(p) > 1 THEN left(p, 1) || repeat('*', length(p) - 1) ELSE repeat('*', length(p)) END"
    parts = f"regexp_split_to_array({x}, '[{_DOTS}]')"
    compound = f"length({x}) > 2 AND left({x}, 2) IN {listed(_COMPOUND)}"
    return (
        f"CASE WHEN {compound} AND NOT regexp_matches({x}, '[{_DOTS}]') THEN left({x}, 2) || repeat('*', length({x}) - 2)"
        f" ELSE array_to_string(list_transform({parts}, lambda p: {part}), '·') END"
    )


def _id_number(x: str) -> str:
    return _edges(x, 1, 2, 8)


def _bank_card(x: str) -> str:
    return _edges(x, 0, 4, 12)


def _phone(x: str) -> str:
    return (
        f"CASE WHEN regexp_matches({x}, '{_MOBILE}') THEN regexp_replace({x}, '{_MOBILE}', '\\1****\\2')"
        f" WHEN regexp_matches({x}, '{_LANDLINE}') THEN regexp_replace({x}, '{_LANDLINE}', '\\1-*****\\2')"
        f" ELSE '{HIDDEN}' END"
    )


def _address(x: str) -> str:
    """The most precise level that no housing estate has slipped into."""
    levels = [f"regexp_extract({x}, {literal(shape)}, 1)" for shape in (_TOWN, _COUNTY, _PREFECTURE)]
    whens = " ".join(f"WHEN {level} <> '' AND NOT regexp_matches({level}, '{_ESTATE}') THEN {level}" for level in levels)
    return f"CASE {whens} ELSE '' END || '{HIDDEN}'"


def _birth_date(x: str) -> str:
    year = f"regexp_extract({x}, '{_YEAR}', 1)"
    return f"CASE WHEN {year} <> '' THEN {year} ELSE '{HIDDEN}' END"


def _text(_: str) -> str:
    return f"'{HIDDEN}'"


_MASKS: dict[Mask, Callable[[str], str]] = {
    "name": _name,
    "id_number": _id_number,
    "phone": _phone,
    "address": _address,
    "bank_card": _bank_card,
    "birth_date": _birth_date,
    "text": _text,
}
