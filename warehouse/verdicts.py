"""What a suite found of one dataset's rows, in Great Expectations' result schema.

"Could not be checked" is a state of its own: never a pass, never a failure of the data.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from warehouse.expectations import Expectation

_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class Result:
    """What one expectation found."""

    expectation: Expectation
    verdict: Literal[True, False, "not checked"]
    element_count: int = 0
    missing_count: int = 0
    unexpected_count: int = 0
    observed: int | None = None  # the row count, where that is what was asked
    samples: tuple[dict[str, Any], ...] = ()  # a few unexpected rows: their key, where there is one, and the value
    reason: str = ""  # why it was not checked

    @property
    def severity(self) -> str:
        return str(self.expectation.get("meta", {}).get("severity", "warn"))

    @property
    def judged(self) -> int:
        return self.element_count - self.missing_count

    def said(self) -> tuple[str, str]:
        """For a person, Chinese and English; counts only, no values of rows."""
        return _said(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Result:
        """What `as_json` wrote."""
        detail, raised = kept["result"], kept["exception_info"]["raised_exception"]
        observed = detail.get("observed_value")
        return cls(
            kept["expectation_config"],
            "not checked" if raised else bool(kept["success"]),
            observed if observed is not None else detail.get("element_count", 0),
            detail.get("missing_count", 0),
            detail.get("unexpected_count", 0),
            observed,
            tuple(detail.get("partial_unexpected_index_list", ())),
            kept["exception_info"]["exception_message"] or "",
        )

    def as_json(self) -> dict[str, Any]:
        unchecked = self.verdict == "not checked"
        return {
            "success": self.verdict is True,
            "expectation_config": self.expectation,
            "result": {} if unchecked else self._detail(),
            "meta": {},
            "exception_info": {
                "raised_exception": unchecked,
                "exception_message": self.reason if unchecked else None,
                "exception_traceback": self.reason if unchecked else None,
            },
        }

    def _detail(self) -> dict[str, Any]:
        if self.observed is not None:
            return {"observed_value": self.observed}
        column = self.expectation["kwargs"]["column"]
        return {
            "element_count": self.element_count,
            "missing_count": self.missing_count,
            "missing_percent": _percent(self.missing_count, self.element_count),
            "unexpected_count": self.unexpected_count,
            "unexpected_percent": _percent(self.unexpected_count, self.judged),
            "unexpected_percent_total": _percent(self.unexpected_count, self.element_count),
            "unexpected_percent_nonmissing": _percent(self.unexpected_count, self.judged),
            "partial_unexpected_list": [s[column] for s in self.samples],
            "partial_unexpected_index_list": list(self.samples),
        }


def _percent(part: int, whole: int) -> float | None:
    return part / whole * 100 if whole else None


@dataclass(frozen=True)
class Verdict:
    """What a suite found."""

    suite: str
    results: list[Result]
    counted_at: dt.datetime = _NEVER  # when every row was last read for it, UTC

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Verdict:
        """What hub.findings keeps, for whoever shows it."""
        said = kept["meta"].get("counted_at")
        return cls(kept["suite_name"], [Result.from_json(r) for r in kept["results"]], dt.datetime.fromisoformat(said) if said else _NEVER)

    def beside(self, more: Iterable[Result]) -> Verdict:
        """With what else was found of the same rows."""
        return replace(self, results=[*self.results, *more])

    @property
    def passed(self) -> bool:
        return all(r.verdict is True for r in self.results)

    @property
    def blocking(self) -> bool:
        return any(r.verdict is False and r.severity == "block" for r in self.results)

    @property
    def failed(self) -> list[Result]:
        return [r for r in self.results if r.verdict is False]

    @property
    def unchecked(self) -> list[Result]:
        return [r for r in self.results if r.verdict == "not checked"]

    def as_json(self, run: str = "", at: dt.datetime | None = None) -> dict[str, Any]:
        """In the shape of Great Expectations' ExpectationSuiteValidationResult."""
        good = sum(r.verdict is True for r in self.results)
        total = len(self.results)
        return {
            "success": self.passed,
            "results": [r.as_json() for r in self.results],
            "suite_name": self.suite,
            "suite_parameters": {},
            "statistics": {
                "evaluated_expectations": total,
                "successful_expectations": good,
                "unsuccessful_expectations": total - good,
                "success_percent": _percent(good, total),
            },
            "meta": {
                "run_id": {"run_name": run, "run_time": (at or dt.datetime.now(dt.UTC)).isoformat()},
                "unchecked_expectations": len(self.unchecked),
                "blocking": self.blocking,
                "counted_at": self.counted_at.isoformat(),
            },
        }


def _said(result: Result) -> tuple[str, str]:
    """Which field, how many rows, what was promised."""
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
