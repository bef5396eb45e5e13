"""The encodings a text file may be in, by the names people give them."""

from __future__ import annotations

_CODECS = {
    "utf-8": ("utf-8", "utf8", "utf-8-sig"),
    "gb18030": ("gb18030", "gbk", "gb2312", "cp936", "936"),  # all read as their superset
    "big5": ("big5", "cp950"),
    "ascii": ("ascii", "us-ascii"),
    "latin-1": ("latin-1", "iso-8859-1"),
    "cp1252": ("cp1252", "windows-1252"),
}
_NAMED = {name: codec for codec, names in _CODECS.items() for name in names}
ENCODINGS = tuple(_NAMED)


def codec(declared: str | None) -> str:
    """The name under which Python reads it. Raises LookupError for one that is not read."""
    return _NAMED[(declared or "utf-8").lower().replace("_", "-")]
