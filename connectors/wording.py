"""How a connector says what went wrong: whose system, what was found, the next step, in two languages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import RegistrationError, SourceChanged, SourceUnavailable
from schemas.registration import Dataset, System
from schemas.remarks import Remark
from schemas.said import Said


@dataclass(frozen=True, slots=True)
class Who:
    """The system, and the dataset when one is read."""

    system: str
    dataset: str = ""

    def __str__(self) -> str:
        return f"{self.system}/{self.dataset}" if self.dataset else self.system

    @classmethod
    def of(cls, system: System, dataset: Dataset) -> Who:
        names = [n for n, d in system.datasets.items() if d is dataset] or [n for n, d in system.datasets.items() if d == dataset]
        return cls(system.path, names[0] if names else dataset.title)


def gone(who: Who, missing: Iterable[str], now: Iterable[str], place_zh: str, place_en: str) -> SourceChanged:
    """A column the registration names is not there any more."""
    lost, have = list(missing), list(now)
    return SourceChanged(
        f"{who}: {place_zh} 缺少登记的列 {'、'.join(lost)}；现有列：{'、'.join(have)}",
        f"{who}: {place_en} lacks the registered columns {', '.join(lost)}; columns now: {', '.join(have)}",
        next_zh=f"请系统主管部门确认变更，再修改 systems/{who.system}.yml 的 fields 或 ignore",
        next_en=f"ask the owner about the change, then edit fields or ignore in systems/{who.system}.yml",
    )


def silent(who: Who, seconds: float, what_zh: str, what_en: str, kind: type[SourceUnavailable] = SourceUnavailable) -> SourceUnavailable:
    """Nothing came in time."""
    return kind(
        f"{who}: {what_zh}，{seconds:g} 秒内没有应答",
        f"{who}: {what_en} gave no answer within {seconds:g} s",
        next_zh="枢纽会自动重试；经常发生时请系统运维单位检查负载，或调大 limits.timeout",
        next_en="the hub tries again; if it happens often, have the operator look at the load, or raise limits.timeout",
    )


def senseless(who: Who, zh: str, en: str) -> RegistrationError:
    """The registration asks for something that cannot be done here."""
    return RegistrationError(
        f"{who}: {zh}", f"{who}: {en}", next_zh=f"修改 systems/{who.system}.yml", next_en=f"edit systems/{who.system}.yml"
    )


def unmapped(columns: Iterable[str]) -> Remark:
    """Columns the far side has and a mapping knows nothing of; they are not read."""
    said = list(columns)
    return Remark(
        "columns",
        Said(f"对方有登记没有提到的列：{'、'.join(said)}", f"columns the registration does not mention: {', '.join(said)}"),
        Said("需要的写入 fields，不需要的写入 ignore", "write those that are needed under fields, the others under ignore"),
    )
