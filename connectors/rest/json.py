"""JSON as it came: numbers keep their own words, what is nested stays JSON.

bytes  ->  plain values  ->  the text that is landed
"""

from __future__ import annotations

import json
from typing import Any


class Number(str):
    """A JSON number in its own words."""

    __slots__ = ()


def loads(content: str) -> Any:
    return json.loads(content, parse_float=Number, parse_int=Number, parse_constant=Number)


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
