"""What a check found, as a sentence: which field, how many rows, what was promised. Never a value of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warehouse.quality import Result


def said(result: Result) -> tuple[str, str]:
    """The finding in Chinese and in English."""
    meta = result.expectation.get("meta", {})
    field = str(meta.get("field") or result.expectation["kwargs"].get("column", ""))
    title = f"{meta['title']}（{field}）" if meta.get("title") else field
    about_zh, about_en = (f"{title}：", f"{field}: ") if field else ("", "")
    if result.verdict == "not checked":
        return f"{about_zh}未能检查（{result.reason}）", f"{about_en}could not be checked ({result.reason})"
    zh, en = _rows(result, meta) if result.observed is not None else _values(result, meta)
    return about_zh + zh, about_en + en


def _rows(result: Result, meta: dict[str, Any]) -> tuple[str, str]:
    rows, last, share = result.observed or 0, meta.get("last_rows"), meta.get("max")
    if last is None or share is None:
        low, high = (result.expectation["kwargs"].get(side) for side in ("min_value", "max_value"))
        span_zh = f"至少 {low}" if high is None else f"至多 {high}" if low is None else f" {low} 至 {high}"
        span_en = f"at least {low}" if high is None else f"at most {high}" if low is None else f"{low} to {high}"
        return f"{rows} 行，要求{span_zh} 行", f"{rows} rows, promised {span_en}"
    change = 100 * abs(rows - last) / last if last else 0.0
    way_zh, way_en = ("减少", "fewer") if rows < last else ("增加", "more")
    limit_zh, limit_en = ("减少", "shrink") if meta["rule"] == "shrink" else ("增加", "grow")
    when_zh, when_en = (
        (f"{meta['days']} 天内曾接受", f"accepted within {meta['days']} days") if "days" in meta else ("上次接受", "last accepted")
    )
    return (
        f"{rows} 行，{when_zh} {last} 行，{way_zh} {change:.1f}%，最多允许{limit_zh} {100 * share:g}%",
        f"{rows} rows, {change:.1f}% {way_en} than the {last} {when_en}; it may {limit_en} by {100 * share:g}%",
    )


def _values(result: Result, meta: dict[str, Any]) -> tuple[str, str]:
    zh, en = _WRONG.get(str(meta.get("rule")), ("不符合要求", "are not as promised"))
    kwargs = result.expectation["kwargs"]
    if meta.get("rule") == "range":
        low, high = kwargs.get("min_value"), kwargs.get("max_value")
        zh, en = f"{zh}（{_bound(low)}～{_bound(high)}）", f"{en} ({_bound(low)} to {_bound(high)})"
    bad, judged = result.unexpected_count, result.judged
    share = 100 * bad / judged if judged else 0.0
    allowed = 100 * (1 - float(kwargs.get("mostly", 1)))
    limit_zh, limit_en = (f"，最多允许 {allowed:g}%", f"; {allowed:g}% may be") if allowed else ("", "")
    return f"{judged} 行中 {bad} 行（{share:.2f}%）{zh}{limit_zh}", f"{bad} of {judged} rows ({share:.2f}%) {en}{limit_en}"


def _bound(value: object) -> str:
    return "" if value is None else str(int(value) if isinstance(value, float) and value.is_integer() else value)


_WRONG = {
    "required": ("为空", "are empty"),
    "filled": ("为空", "are empty"),
    "unique": ("重复", "repeat"),
    "pattern": ("格式不符", "do not have the promised shape"),
    "check_digit": ("校验位不符", "have a wrong check digit"),
    "range": ("超出范围", "are out of range"),
    "in": ("不在取值范围内", "are not among the listed values"),
    "codes": ("不在代码表中", "are not in the code list"),
    "changed": ("与上次验收的不同", "differ from what was accepted last"),
    "emptied": ("上次有值，这次为空", "had a value when last accepted and are empty now"),
    "held": ("未通过，多半是登记的映射有误", "are rejected; probably the mapping"),
}
