"""The one layout of a registration: the order of its words, what stands on one line, samples one value a line.

text of a file  ->  the same content and comments, laid out        laying it out again changes nothing
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark, YAMLError
from ruamel.yaml.tokens import CommentToken

from schemas.registration import Dataset, FieldMap, System

WIDTH = 140  # of a line that holds a whole mapping
_OPEN = frozenset({"datasets", "fields", "codes", "expect", "sample", "given"})  # words whose content has a line each
_QUOTED = re.compile(r'(?<![^\s\[{,:])(?:"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\')')
_QUOTE = re.compile(r"(?<![^\s\[{,:])[\"']")  # one that was opened and not closed


def laid_out(text: str) -> str:
    """Of a text that schemas.documents.load takes. Raises ValueError, in two languages, for what cannot be laid out without losing something."""
    try:
        tree = _yaml().load(text)
    except YAMLError:
        raise ValueError("不是可读的 YAML，先运行 hub systems validate | not readable as YAML; run hub systems validate first") from None
    if not isinstance(tree, CommentedMap):
        raise ValueError("整个文件应是“键: 值”结构 | the whole file must be a mapping")  # noqa: TRY004 - of a text
    _ordered(tree, _words_of(System))
    for dataset in _maps(tree.get("datasets")):
        _ordered(dataset, _words_of(Dataset))
        for field in _maps(dataset.get("fields")):
            _ordered(field, _words_of(FieldMap))
    _styled(tree, 0, 0)
    told = io.StringIO()
    _yaml().dump(tree, told)
    made = _spaced(told.getvalue())
    if yaml.safe_load(made) != yaml.safe_load(text):
        raise ValueError(
            "有不能重排的写法（如多行文本），请手工排版 | something in it cannot be laid out, such as a text of several lines; lay this file out by hand"
        )
    if _comments(made) != _comments(text):
        raise ValueError("有注释写在会被移动的位置，请手工排版 | a comment stands where it would be moved; lay this file out by hand")
    return made


def _yaml() -> YAML:
    one = YAML()
    one.preserve_quotes = True
    one.width = 1 << 20
    one.indent(mapping=2, sequence=4, offset=2)
    one.representer.add_representer(type(None), lambda made, _: made.represent_scalar("tag:yaml.org,2002:null", "null"))
    return one


def _words_of(model: type[System | Dataset | FieldMap]) -> list[str]:
    words = [field.alias or name for name, field in model.model_fields.items()]
    at = words.index("connections") if "connections" in words else len(words)
    return [*words[:at], *model.short_forms[::-1], *words[at:]]


def _maps(node: Any) -> Iterator[CommentedMap]:
    if isinstance(node, CommentedMap):
        yield from (v for v in node.values() if isinstance(v, CommentedMap))


def _ordered(node: CommentedMap, words: list[str]) -> None:
    """The words in the model's order; where a comment stands on lines of its own between them, they stay as they are."""
    if any("\n" in token.value.strip("\n ") or token.value.startswith("\n#") for token in _tokens(node)):
        return
    place = {word: n for n, word in enumerate(words)}
    for word in sorted(node, key=lambda w: place.get(w, len(place))):
        node.move_to_end(word)


def _tokens(node: Any) -> Iterator[Any]:
    for entry in node.ca.items.values():
        for token in entry or ():
            yield from (t for t in (token if isinstance(token, list) else [token]) if t is not None)


def _styled(node: Any, indent: int, column: int, word: str = "") -> None:
    """Block or flow for a mapping or list: on one line when it fits, holds no comment, and its word is not one with a line each.

    `indent` is where its own words would stand, `column` where it would begin on the line of the word that holds it.
    """
    if not isinstance(node, CommentedMap | CommentedSeq):
        return
    values = list(node.values()) if isinstance(node, CommentedMap) else list(node)
    nested = word == "dataset" and any(isinstance(v, CommentedMap) for v in values)
    if word and word not in _OPEN and not nested and not any(True for _ in _tokens(node)) and column + _length(node) <= WIDTH:
        node.fa.set_flow_style()
        return
    node.fa.set_block_style()
    if isinstance(node, CommentedSeq):
        for place, value in enumerate(values):
            opened = _flows(value)
            _styled(value, indent + 4, indent + 4, "given" if word == "sample" else word)
            _behind(node, place, value, opened=opened)
        return
    sample = word == "given" and "given" in node
    dataset = word == "datasets"
    for key, value in node.items():
        name, opened = str(key), _flows(value)
        _styled(value, indent + 2, indent + len(name) + 2, "given" if sample else "dataset" if dataset else name)
        _behind(node, key, value, opened=opened)


def _flows(node: Any) -> bool:
    return isinstance(node, CommentedMap | CommentedSeq) and bool(node.fa.flow_style())


def _behind(parent: Any, place: Any, value: Any, *, opened: bool) -> None:
    """Comments on the lines after a value that stood on one line come behind its last line, now that it has several."""
    entry = parent.ca.items.get(place)
    at = 0 if isinstance(parent, CommentedSeq) else 2
    if not opened or _flows(value) or not value or not entry or entry[at] is None:
        return
    beside, _, after = entry[at].value.partition("\n")
    moves = beside if isinstance(parent, CommentedSeq) else ""  # beside a word it can stay where it is
    if "#" not in moves + after:
        return
    stays = beside.removeprefix(moves)
    if stays.strip():
        entry[at].value = f"{stays}\n"
    else:
        entry[at] = None
    while isinstance(value, CommentedMap | CommentedSeq) and value and not _flows(value):
        last, parent = (len(value) - 1 if isinstance(value, CommentedSeq) else list(value)[-1]), value
        value = value[last]
    token = CommentToken(f"{moves}\n{after}", CommentMark(0), None)
    parent.ca.items[last] = [token, None, None, None] if isinstance(parent, CommentedSeq) else [None, None, token, None]


def _length(node: Any) -> int:
    told = io.StringIO()
    _yaml().dump(_bare(node), told)
    return len(told.getvalue().strip())


def _bare(node: Any) -> Any:
    """The same without comments, in flow style."""
    made: Any
    if isinstance(node, CommentedMap):
        made = CommentedMap((k, _bare(v)) for k, v in node.items())
    elif isinstance(node, CommentedSeq):
        made = CommentedSeq([_bare(v) for v in node])
    else:
        return node
    made.fa.set_flow_style()
    return made


def _spaced(text: str) -> str:
    """A blank line around every dataset that takes more than one line, and nowhere else; a comment stays with what follows it."""
    lines = [_closer(line) for line in text.splitlines() if line.strip()]
    top = next((n for n, line in enumerate(lines) if line.startswith("datasets:")), len(lines))
    ends = next((n for n in range(top + 1, len(lines)) if re.match(r"[^\s#]", lines[n])), len(lines))
    begins = [n for n in range(top + 1, ends) if re.match(r"  [^\s#-]", lines[n])]
    firsts = [_with_comments(lines, n, top + 1) for n in begins]
    long = [end - begin > 1 for begin, end in zip(begins, [*firsts, ends][1:], strict=True)]
    apart = {first for n, first in enumerate(firsts) if n and (long[n] or long[n - 1])}
    if any(long):
        apart.add(_with_comments(lines, top, 0))
    return "".join(f"\n{line}\n" if n and n in apart else f"{line}\n" for n, line in enumerate(lines))


def _closer(line: str) -> str:
    """A comment behind a value one blank after it."""
    at = _comment(line)
    return f"{line[:at].rstrip()} {line[at:].rstrip()}" if at is not None and line[:at].strip() else line


def _with_comments(lines: list[str], at: int, least: int) -> int:
    """Where the comments begin that stand right above a line, at its own indent."""
    first = at
    while first > least and lines[first - 1].lstrip().startswith("#") and _indent(lines[first - 1]) == _indent(lines[at]):
        first -= 1
    return first


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _comments(text: str) -> list[tuple[str, str]]:
    """Every comment, and of those on lines of their own, below the head of the file, the word that follows."""
    found: list[tuple[str, str]] = []
    next_word = ""
    lines = text.splitlines()
    head = next((n for n, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    for n, line in reversed(list(enumerate(lines))):
        at = _comment(line)
        alone = at is not None and not line[:at].strip()
        if at is not None:
            found.append((line[at:].strip(), next_word if alone and n > head else ""))
        if line.strip() and not alone:
            next_word = line.strip(" -{").partition(":")[0]
    return sorted(found)


def _comment(line: str) -> int | None:
    """Where the comment of a line begins: at a # after a blank, outside quotes."""
    places = (found.end() - 1 for found in re.finditer(r"(?:^|\s)#", line))
    return next((at for at in places if not _QUOTE.search(_QUOTED.sub("", line[:at]))), None)
