"""Read one YAML file into a closed pydantic model; what is wrong is said with file, line, path, found and allowed."""

from __future__ import annotations

import difflib
import os
import tempfile
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from schemas.errors import RegistrationError

LARGEST = 1 << 20  # a registration of 60 datasets has 90 kB

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml reads a city's 112 files in a fifth of the time

Path_ = tuple[str | int, ...]


class Closed(BaseModel):
    """A model that refuses words it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    short_forms: ClassVar[tuple[str, ...]] = ()  # words that are read though they are no fields

    @classmethod
    def written(cls, where: Path_) -> tuple[Path_, ...]:
        """Where else in the file what belongs to that path may stand: a short form, a default for several."""
        del where
        return ()


Model = TypeVar("Model", bound=Closed)


def read(path: Path, model: type[Model], /, **more: object) -> Model:
    """The file as a model; `more` adds what the file's place says. Raises RegistrationError naming every mistake."""
    content, lines = load(path)
    if not isinstance(content, dict):
        raise refused(path, [f"{path.name}: 整个文件应是“键: 值”结构"], [f"{path.name}: expected a mapping"])
    try:
        return model.model_validate({**content, **more})
    except ValidationError as error:
        said = told(path, model, lines, error)
        raise refused(path, [zh for zh, _ in said], [en for _, en in said]) from None


def rewrite(path: Path, text: str, sound: Callable[[Path], object]) -> None:
    """Replace the file, whole or not at all, with the rights it had, once its new text is `sound`. Raises OSError, and what `sound` raises."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".draft")
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        sound(draft)
        draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def told(path: Path, model: type[Closed], lines: dict[Path_, int], error: ValidationError, below: Path_ = ()) -> list[tuple[str, str]]:
    """Every mistake once, in two languages, with its file and line; `below` is where in the file the model stands."""
    return list(dict.fromkeys(_one(path, model, lines, problem, below) for problem in error.errors()))


def wrong(zh: str, en: str, *where: str, found: object = None) -> ValidationError:
    """A mistake that a validator tells in two languages, at the word `where` below its own place."""
    problem = PydanticCustomError("told", "{zh}", {"zh": zh, "en": en})
    return ValidationError.from_exception_data("registration", [InitErrorDetails(type=problem, loc=where, input=found)])


def unknown(word: str, allowed: list[str], why: tuple[str, str] = ("", "")) -> ValidationError:
    """A word that stands where it is not understood."""
    return ValidationError.from_exception_data("registration", [_unknown((word,), allowed, why)])


def _unknown(where: Path_, allowed: list[str], why: tuple[str, str] = ("", "")) -> InitErrorDetails:
    problem = PydanticCustomError("unknown_word", "{zh}", {"zh": why[0], "en": why[1], "allowed": allowed})
    return InitErrorDetails(type=problem, loc=where, input=None)


def validated(model: type[Model], value: object, *, quiet: bool = False, administrator: bool = False) -> Model:
    """The value as a model that only the value itself names; with `quiet` no error repeats what was found.

    Inside a validator of another model, pydantic puts these mistakes at their place in the whole.
    """
    try:
        return model.model_validate(value, context={"administrator": administrator})
    except ValidationError as error:
        raise ValidationError.from_exception_data(model.__name__, [_again(model, p, quiet=quiet) for p in error.errors()]) from None


def _again(model: type[Closed], problem: Any, *, quiet: bool) -> InitErrorDetails:
    if problem["type"] == "extra_forbidden":
        return _unknown(problem["loc"], _allowed(model, problem["loc"][:-1]))
    said = problem.get("ctx", {})
    message = dict(zip(("zh", "en"), (said["zh"], said["en"]) if "zh" in said else _message(problem), strict=True))
    kind = problem["type"] if problem["type"] in ("missing", "unknown_word") else "told"
    again = "missing" if kind == "missing" else PydanticCustomError(kind, "{zh}", {**said, **message} if "zh" in said else message)
    return InitErrorDetails(type=again, loc=problem["loc"], input=None if quiet else problem.get("input"))


_IN_CHINESE = {
    "string_type": "应是文字，数字和日期请加引号",
    "int_type": "应是整数",
    "int_parsing": "应是整数",
    "int_from_float": "应是整数",
    "float_type": "应是数字",
    "float_parsing": "应是数字",
    "bool_type": "应是 true 或 false",
    "bool_parsing": "应是 true 或 false",
    "literal_error": "只能是 {expected}",
    "list_type": "应是列表，如 [甲, 乙]",
    "tuple_type": "应是列表，如 [甲, 乙]",
    "dict_type": "应是“键: 值”结构",
    "model_type": "应是“键: 值”结构",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "应不小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "应不大于 {le}",
    "string_pattern_mismatch": "写法不符合 {pattern}",
    "date_from_datetime_parsing": "应是日期，如 2026-03-02",
    "date_type": "应是日期，如 2026-03-02",
}


def _message(problem: Any) -> tuple[str, str]:
    """A validator's own words are `Chinese | English`; pydantic's are English."""
    zh, apart, en = str(problem["msg"]).removeprefix("Value error, ").partition(" | ")
    if apart:
        return zh, en
    known = _IN_CHINESE.get(problem["type"])
    return (known.format(**{k: str(v).replace(" or ", "、") for k, v in problem.get("ctx", {}).items()}) if known else zh), zh


def refused(path: Path, zh: list[str], en: list[str]) -> RegistrationError:
    return RegistrationError(
        "登记有误：\n  " + "\n  ".join(zh),
        "registration refused:\n  " + "\n  ".join(en),
        next_zh=f"修改 {path} 后运行 hub systems validate",
        next_en=f"edit {path}, then run hub systems validate",
    )


def load(path: Path) -> tuple[Any, dict[Path_, int]]:
    """Plain values and the line of every path. No tags, anchors, aliases or repeated keys."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise refused(path, [f"{path}: 无法读取（{error.strerror}）"], [f"{path}: cannot be read ({error.strerror})"]) from None
    if len(text) > LARGEST:
        raise refused(path, [f"{path}: 文件超过 1 MB"], [f"{path}: larger than 1 MB"])
    try:
        node = yaml.compose(text.decode("utf-8"), Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise refused(path, [f"{path}{line}: 不是合法的 YAML（{problem}）"], [f"{path}{line}: not valid YAML ({problem})"]) from None
    lines: dict[Path_, int] = {}
    return _plain(node, (), lines, path, set()), lines


def _plain(node: yaml.Node | None, where: Path_, lines: dict[Path_, int], path: Path, seen: set[int]) -> Any:
    if node is None:
        return None
    lines[where] = node.start_mark.line + 1
    if id(node) in seen:
        raise _at(path, lines[where], where, "不允许使用别名（&、*）", "anchors and aliases are not allowed")
    seen.add(id(node))
    if not isinstance(node, yaml.ScalarNode) and node.tag not in _SHAPES:
        raise _at(path, lines[where], where, f"不允许使用标签 {node.tag}", f"the tag {node.tag} is not allowed")
    if isinstance(node, yaml.MappingNode):
        made: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
                raise _at(path, line, where, "键必须是一个词", "a key must be one word")
            if key_node.tag != "tag:yaml.org,2002:str":
                raise _at(path, line, (*where, key_node.value), f"键 {key_node.value} 请加引号", f"put the key {key_node.value} in quotes")
            if key_node.value in made:
                raise _at(path, line, (*where, key_node.value), "键重复", "the key is given twice")
            made[key_node.value] = _plain(value_node, (*where, key_node.value), lines, path, seen)
            lines[(*where, key_node.value)] = line
        return made
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*where, n), lines, path, seen) for n, child in enumerate(node.value)]
    try:
        return _SCALARS.construct_object(node)
    except (yaml.YAMLError, ValueError):  # a tag of its own, or a date that does not exist
        shown = f"{node.tag.removeprefix('tag:yaml.org,2002:')} {node.value}"[:60]
        raise _at(
            path, lines[where], where, f"不能读作一个值（{shown}）；文字请加引号", f"is no plain value ({shown}); put text in quotes"
        ) from None


_SHAPES = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _Scalars(yaml.SafeLoader):
    """Builds single values only."""


_SCALARS = _Scalars("")


def _at(path: Path, line: int, where: Path_, zh: str, en: str) -> RegistrationError:
    place = f"{path}:{line}: {'.'.join(map(str, where))}"
    return refused(path, [f"{place}: {zh}"], [f"{place}: {en}"])


def _one(path: Path, model: type[Closed], lines: dict[Path_, int], problem: Any, below: Path_) -> tuple[str, str]:
    where: Path_ = (*below, *problem["loc"])
    if where not in lines:
        where = next((w for w in model.written(where) if w in lines or w[:-1] in lines), where)
    known = where
    while known and known not in lines:
        known = known[:-1]
    place = f"{path}:{lines.get(known, 1)}: {'.'.join(map(str, where)) or '(文件)'}"
    said = problem.get("ctx", {})
    if problem["type"] in ("extra_forbidden", "unknown_word"):
        allowed = said["allowed"] if "allowed" in said else _allowed(model, problem["loc"][:-1])
        near = difflib.get_close_matches(str(where[-1]), allowed, 1)
        zh, en = (f"{said['zh']}；", f"{said['en']}; ") if said.get("zh") else ("", "")
        zh = f"{place}: 不认识的词 {where[-1]!r}；{zh}这里可以用 {'、'.join(allowed)}" + (f"；是不是 {near[0]}？" if near else "")
        en = f"{place}: unknown word {where[-1]!r}; {en}allowed here: {', '.join(allowed)}" + (f"; did you mean {near[0]}?" if near else "")
        return zh, en
    if problem["type"] == "missing":
        return f"{place}: 缺少 {where[-1]}", f"{place}: {where[-1]} is missing"
    found = problem.get("input")
    plain = isinstance(found, str | int | float | bool)
    zh, en = (said["zh"], said["en"]) if "zh" in said else _message(problem)
    return f"{place}: {zh}" + (f"，实际为 {found!r}" if plain else ""), f"{place}: {en}" + (f", found {found!r}" if plain else "")


def _allowed(model: type[BaseModel], where: Path_) -> list[str]:
    """The words the model knows at that path, aliases as they are written."""
    current: Any = model
    for step in where:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = next((f for n, f in current.model_fields.items() if step in (n, f.alias)), None)
            current = _inner(field.annotation if field else None)
        else:
            continue
    if isinstance(current, type) and issubclass(current, BaseModel):
        words = [f.alias or n for n, f in current.model_fields.items() if not (f.exclude or n in {"path", "file"})]
        return sorted([*words, *(current.short_forms if issubclass(current, Closed) else ())])
    return []


def _inner(annotation: Any) -> Any:
    """The model inside `dict[str, X]`, `list[X]`, `X | None`, or the annotation itself."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _inner(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        inner = [_inner(a) for a in typing.get_args(annotation)]
        return next((a for a in inner if isinstance(a, type) and issubclass(a, BaseModel)), None)
    if origin in (dict, list, tuple):
        args = [a for a in typing.get_args(annotation) if a is not Ellipsis]
        return _inner(args[-1])
    return annotation
