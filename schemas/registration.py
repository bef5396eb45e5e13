"""Departments, systems and datasets as they are registered: closed models over `systems/<department>/<system>.yml`.

A registration says how a system is reached, what is read and what each column means. It holds no code, no
template and no secret. The words by which a system is reached and read are those of its connector kind (`schemas.kinds`).
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, SerializeAsAny, StringConstraints, field_validator, model_validator

from schemas.ceilings import ceilings
from schemas.documents import Closed, Path_, wrong
from schemas.forms import Duration, Name, Texts
from schemas.kinds import Unread, all_used, connection_of, read_of, towards_its_kind
from schemas.promises import Expect
from schemas.reading import Connection, Read

SystemPath = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*/[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
ResourceCode = Annotated[str, StringConstraints(pattern=r"^[123]\d{5}\d*/[0-9A-Za-z]+$")]  # 目录编制指南（试行）: 分类码/顺序码

Stage = Literal["surveyed", "asked", "answered", "testing", "trial", "in_service", "suspended", "retired"]
STAGES: dict[str, str] = {
    "surveyed": "已摸底",
    "asked": "已发函",
    "answered": "已回函",
    "testing": "联调",
    "trial": "试运行",
    "in_service": "正式",
    "suspended": "暂停",
    "retired": "退役",
}
RUNNING = ("testing", "trial", "in_service")  # stages in which the far side is read
Cycle = Literal["realtime", "daily", "weekly", "monthly", "quarterly", "half_yearly", "yearly", "other"]
PROMISED: dict[str, dt.timedelta] = {  # 更新周期: the age a dataset may have, with a margin for the run itself
    "realtime": dt.timedelta(hours=1),
    "daily": dt.timedelta(hours=26),
    "weekly": dt.timedelta(days=8),
    "monthly": dt.timedelta(days=33),
    "quarterly": dt.timedelta(days=95),
    "half_yearly": dt.timedelta(days=187),
    "yearly": dt.timedelta(days=370),
    "other": dt.timedelta(days=370),
}


class Department(Closed):
    """`systems/<department>/_department.yml`; the folder's name is the code."""

    name: Name = Field(exclude=True)
    title: str
    title_en: str = ""
    inventory: str = ""  # its code in the city's own inventory, for example MZJ
    kind: Literal["party", "government", "public_institution", "vertical"] = "government"
    uscc: str | None = None  # 统一社会信用代码, for the catalogue


class Source(Closed):
    """Where the layout was learnt: one written from an old document is trusted less than one confirmed today."""

    document: str  # title and version, or "as found" where there was none
    confirmed_by: str = ""  # the section or vendor that said it is so; an office, not a person
    confirmed_on: dt.date | None = None


class Owner(Closed):
    contact: str = ""
    phone: str = ""
    vendor: str = ""


_DAY = 24 * 60  # minutes
_WINDOW = r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"


class Limits(Closed):
    """What the far side can bear."""

    rows_per_second: int | None = Field(default=None, ge=1)
    requests_per_second: float | None = Field(default=None, gt=0)
    timeout: Duration = dt.timedelta(seconds=60)  # for one answer
    patience: Duration = dt.timedelta(hours=2)  # for a whole pull
    window: str | None = Field(default=None, pattern=_WINDOW)  # when it may be read, for example 22:00-06:00, in the system's time zone

    @model_validator(mode="after")
    def _below_the_ceilings(self) -> Self:
        most = ceilings()
        for word in ("timeout", "patience"):
            asked, may = getattr(self, word), getattr(most, word)
            if asked > may:
                raise wrong(
                    f"最多 {may}；确需更长的，由枢纽运维人员在 ceilings.yml 中调高",
                    f"at most {may}; whoever runs the hub may raise it in ceilings.yml",
                    word, found=str(asked),
                )  # fmt: skip
        return self

    @property
    def connecting(self) -> int:
        """Seconds for making a connection: fewer than for an answer, so that a dead host is told from a slow table."""
        return max(2, min(int(self.timeout.total_seconds()) // 2, 30))

    @property
    def span(self) -> tuple[int, int] | None:
        """The window as (minute of the day when it opens, minutes it lasts)."""
        if self.window is None:
            return None
        opens, closes = (int(clock[:2]) * 60 + int(clock[3:]) for clock in self.window.split("-"))
        return opens, (closes - opens) % _DAY or _DAY

    def left(self, clock: dt.time) -> dt.timedelta | None:
        """How long it may still be read at that local time of the day: None without a window, nothing outside it."""
        if self.span is None:
            return None
        opens, lasts = self.span
        now = dt.timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)
        since = (now - dt.timedelta(minutes=opens)) % dt.timedelta(days=1)
        return max(dt.timedelta(minutes=lasts) - since, dt.timedelta(0))


class Sharing(Closed):
    """政务信息资源: the dataset's entry in the catalogue and its 共享类型 (条例 art. 14, 15)."""

    code: ResourceCode
    share: Literal["unconditional", "conditional", "none"]
    condition: str = ""  # conditional: scope and purpose
    basis: str = ""  # none: the law or State Council decision that forbids it
    level: int = Field(default=2, ge=1, le=4)

    @model_validator(mode="after")
    def _reasons(self) -> Sharing:
        if self.share == "conditional" and not self.condition:
            raise ValueError("有条件共享须写明 condition（共享范围和用途） | conditional sharing needs condition: for whom and what for")
        if self.share == "none" and not self.basis:
            raise ValueError(
                "不予共享须写明 basis（法律、行政法规或国务院决定依据） | share: none needs basis: the law or decision that forbids it"
            )
        return self


class FieldMap(Closed):
    """Where a field of the record type comes from."""

    source: str | None = Field(default=None, alias="from")
    conversion: Name | None = Field(default=None, alias="as")  # a word of warehouse/conversions.py; the field's own type by default
    format: Texts = ()  # the forms that are tried, in order; only these
    value: str | None = None  # a constant
    part: Literal["slice"] | None = None  # the slice the row came in

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"from": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> FieldMap:
        if sum(x is not None for x in (self.source, self.value, self.part)) != 1:
            raise ValueError("须且只须写明 from、value、part 之一 | exactly one of from, value and part is needed")
        return self


class Sample(Closed):
    """One source row with invented values, and what must become of it."""

    given: dict[str, str | int | float | None]
    expect: dict[Name, Any] | None = None
    rejected: str | None = None  # the field that must hold it back

    @model_validator(mode="after")
    def _one(self) -> Sample:
        if (self.expect is None) == (self.rejected is None):
            raise ValueError(
                "样例须写明 expect（结果）或 rejected（被哪个字段拒绝）之一 | a sample needs either expect (the result) or rejected (the field that holds it back)"
            )
        return self


class Dataset(Closed):
    title: str
    inventory: str = ""  # its code in the city's own inventory
    record: Name | None = None  # the record type its rows become
    raw: str | None = None  # the reason it stays as it came
    resource: Sharing | None = None
    agreement: Literal["required"] | None = (
        None  # it enters nothing shared and leaves for no platform before an agreement is in the ledger (hub agree)
    )
    read: Annotated[SerializeAsAny[Read] | None, BeforeValidator(read_of)] = None
    fields: dict[Name, FieldMap] = Field(default_factory=dict)
    codes: dict[Name, dict[str, str]] = Field(default_factory=dict)  # field: {their value: ours}; the unlisted is never guessed
    ignore: tuple[str, ...] = ()  # columns that are known and left out
    expect: Expect = Field(default_factory=Expect)
    sample: tuple[Sample, ...] = ()

    @model_validator(mode="after")
    def _sense(self) -> Dataset:
        if self.record and self.raw:
            raise ValueError("record 与 raw 只能写一个 | either record or raw, not both")
        if self.raw is not None and (self.fields or self.codes):
            raise ValueError("raw 数据集不做标准化，请去掉 fields 和 codes | a raw dataset is not normalised: leave out fields and codes")
        if unknown := sorted(set(self.codes) - set(self.fields)):
            raise ValueError(f"codes 中的 {'、'.join(unknown)} 不在 fields 中 | {', '.join(unknown)} in codes: no such entry in fields")
        if unknown := sorted(set(self.expect.filled) - set(self.fields)):
            raise ValueError(
                f"expect.filled 中的 {'、'.join(unknown)} 不在 fields 中 | {', '.join(unknown)} in expect.filled: no such entry in fields"
            )
        return self

    @property
    def reading(self) -> Read:
        """How it is read; only a system that is not running yet may lack it."""
        if self.read is None:
            raise ValueError(f"{self.title}: read is missing")
        return self.read

    @property
    def columns(self) -> tuple[str, ...]:
        """The source columns that are pulled, in the order they are named; empty means: all but `ignore`."""
        named = [f.source for f in self.fields.values() if f.source] if self.record else []
        read = self.read
        if read and self.record:
            named += read.columns
        return tuple(dict.fromkeys(named))


class System(Closed):
    """One registered system. `path` is where the file lies; `code` names its tables for ever."""

    short_forms: ClassVar[tuple[str, ...]] = ("connection", "connector")
    path: SystemPath = Field(exclude=True)
    title: str
    title_en: str = ""
    inventory: str = ""  # its code in the city's own inventory, for example MZJ-01
    stage: Stage = "in_service"
    reason: str = ""  # why it is suspended or retired
    host: Literal["local", "city", "province", "nation"] = "local"
    protocol: str = ""  # as surveyed, in the department's words
    security_level: int | None = Field(default=None, ge=1, le=5)
    owner: Owner = Field(default_factory=Owner)
    source: Source | None = None
    cycle: Cycle = "daily"
    schedule: str | None = None
    timezone: str = "Asia/Shanghai"
    limits: Limits = Field(default_factory=Limits)
    connections: dict[Name, Annotated[SerializeAsAny[Connection], BeforeValidator(connection_of)]] = Field(default_factory=dict)
    reading: dict[str, Any] = Field(
        default_factory=dict
    )  # words of `read:` for all its datasets that have a use for them; a dataset's own word counts
    formerly: tuple[SystemPath, ...] = ()  # paths it had before it moved; its tables keep the first one's name
    datasets: dict[Name, Dataset] = Field(default_factory=dict)

    @classmethod
    def written(cls, where: Path_) -> tuple[Path_, ...]:
        match where:
            case ("connections", "main", "connector" as word):
                return ((word,),)
            case ("connections", "main", *rest):
                return (("connection", *rest),)
            case ("datasets", _, "read", *rest):
                return (("reading", *rest),)
        return ()

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """`connector:` and `connection:` are short for one connection named main; each `read:` goes to the kind of its connection."""
        if not isinstance(value, dict):
            return value
        made = dict(value)
        if "connector" in made:
            if "connections" in made:
                raise ValueError("connector 与 connections 只能写一种 | either connector or connections, not both")
            words = made.pop("connection", None) or {}
            if not isinstance(words, dict):
                raise wrong("connection 应是“键: 值”结构", "connection must be a mapping", "connection")
            made["connections"] = {"main": {"connector": made.pop("connector"), **words}}
        if isinstance(datasets := made.get("datasets"), dict):
            shared = made.get("reading") if isinstance(made.get("reading"), dict) else {}
            made["datasets"] = {n: towards_its_kind(d, made.get("connections"), shared or {}) for n, d in datasets.items()}
            all_used(
                shared or {}, [d["read"] for d in made["datasets"].values() if isinstance(d, dict) and isinstance(d.get("read"), Unread)]
            )
        return made

    @field_validator("schedule")
    @classmethod
    def _schedule(cls, value: str | None) -> str | None:
        if value is not None:
            cron(value)
        return value

    @model_validator(mode="after")
    def _sense(self) -> System:
        if self.stage in ("suspended", "retired") and not self.reason:
            raise ValueError("暂停或退役须写明 reason | a suspended or retired system needs reason")
        minute, hour = cron(self.schedule).split()[:2] if self.schedule else ("*", "*")
        if hour.isdigit() and self.limits.left(dt.time(int(hour), int(minute))) == dt.timedelta(0):
            raise ValueError(
                f"schedule 的时刻 {self.schedule} 不在 limits.window {self.limits.window} 之内，永远不会读取 | schedule {self.schedule} lies outside limits.window {self.limits.window}: it would never be read"
            )
        if self.stage in RUNNING:
            if not self.connections:
                raise ValueError(
                    "联调及以后须写明 connector 或 connections | from the stage testing on, connector or connections is needed"
                )
            for name, dataset in self.datasets.items():
                if not dataset.read:
                    raise ValueError(f"datasets.{name}: 联调及以后须写明 read | datasets.{name}: from the stage testing on, read is needed")
                if dataset.read.via not in self.connections:
                    raise ValueError(
                        f"datasets.{name}.read.via: 没有名为 {dataset.read.via} 的 connection | datasets.{name}.read.via: there is no connection {dataset.read.via}"
                    )
                if not dataset.record and dataset.raw is None:
                    raise ValueError(
                        f"datasets.{name}: 须写明 record，或写 raw 并说明原因 | datasets.{name}: record is needed, or raw with the reason"
                    )
                if dataset.record and not (dataset.fields and dataset.sample):
                    raise ValueError(
                        f"datasets.{name}: 须写明 fields 和至少一个 sample | datasets.{name}: fields and at least one sample are needed"
                    )
        return self

    @property
    def department(self) -> str:
        return self.path.split("/")[0]

    @property
    def name(self) -> str:
        return self.path.split("/")[1]

    @property
    def code(self) -> str:
        """Table prefix, asset name, lock name: the first path this system ever had."""
        return (self.formerly[0] if self.formerly else self.path).replace("/", "_")

    @property
    def running(self) -> bool:
        return self.stage in RUNNING

    def table(self, dataset: str) -> str:
        return f"{self.code}__{dataset}"

    def __hash__(self) -> int:
        return hash(self.path)


_DAYS = {"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 0}


def cron(schedule: str) -> str:
    """`daily 02:30` as five cron fields."""
    words = schedule.split()
    time = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", words[-1]) if words else None
    clock = f"{int(time[2])} {int(time[1])}" if time else "0 2"
    match words[:-1] if time else words:
        case ["hourly"]:
            return "0 * * * *"
        case ["every", n, "minutes" | "minute"] if n.isdigit() and 1 <= int(n) <= 59:
            return f"*/{int(n)} * * * *"
        case ["daily"]:
            return f"{clock} * * *"
        case ["weekly"]:
            return f"{clock} * * 1"
        case ["weekly", day] if day in _DAYS:
            return f"{clock} * * {_DAYS[day]}"
        case ["monthly"]:
            return f"{clock} 1 * *"
        case ["monthly", day] if day.isdigit() and 1 <= int(day) <= 28:
            return f"{clock} {int(day)} * *"
    raise ValueError(
        "schedule 可写 hourly、every 5 minutes、daily 02:30、weekly mon 03:00、monthly 5 04:00 | schedule is hourly, every 5 minutes, daily 02:30, weekly mon 03:00 or monthly 5 04:00"
    )
