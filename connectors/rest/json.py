"""JSON as it came: numbers keep their own words, what is nested stays JSON.

bytes  ->  plain values  ->  the text that is landed
"""

from __future__ import annotations

import json
import re
from typing import Any


class Number(str):
    """A JSON number in its own words."""

    __slots__ = ()


class Unclear(ValueError):
    """JSON that may be read in two ways, or is too much: why, in two languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


MOST_VALUES = 1_500_000  # of one answer; each costs about a hundred bytes of memory, and a large page has 500,000


def loads(content: str) -> Any:
    """Raises Unclear, JSONDecodeError or RecursionError."""
    if content.count(",") + content.count("[") + content.count("{") > MOST_VALUES:
        raise Unclear(f"有 {MOST_VALUES} 个以上的值", f"holds more than {MOST_VALUES} values")
    return json.loads(content, parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):  # every reader takes another of the two
        twice = next(name for name in made if sum(name == n for n, _ in pairs) > 1)[:40]
        raise Unclear(f"里同一个对象有两个 {twice}", f"has {twice} twice in one object")
    return made


def decoded(content: bytes, charset: str | None) -> str:
    """JSON is UTF-8 (RFC 8259); another charset counts only where the bytes are not plainly UTF-8, whatever a server claims of them."""
    declared = (charset or "utf-8").lower().replace("gb2312", "gb18030")
    if declared not in ("utf-8", "utf8"):
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return content.decode(declared).removeprefix("\ufeff")
        if not _THREE.search(content):  # two bytes a character may as well be a code page's
            return content.decode(declared).removeprefix("\ufeff")
        return text.removeprefix("\ufeff")
    return content.decode(declared).removeprefix("\ufeff")


_THREE = re.compile(rb"[\xe3-\xe9\xef][\x80-\xbf]{2}")  # a Chinese character or sign in UTF-8


def held(body: Any, path: str) -> Any:
    """What the answer holds at `data.list`. Raises KeyError with the keys there are when it is not there."""
    here = body
    for step in path.split(".") if path else ():
        if here is None:
            return None
        if not isinstance(here, dict) or step not in here:
            raise KeyError(path, sorted(here) if isinstance(here, dict) else [])
        here = here[step]
    return here


def text(value: Any) -> str | None:
    """A JSON value as the text that is landed: numbers and strings as they came, the rest as JSON."""
    if value is None or isinstance(value, str):
        return value
    return _json(value)


def _json(value: Any) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(k)}: {_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
