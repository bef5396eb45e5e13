"""Every error a person may meet, and whose move it is.

    HubError
    ├── RegistrationError    we edit the YAML
    │   └── NotRegistered        we type another name
    ├── SourceError
    │   ├── SourceUnavailable    retried for you; the far side does not answer now
    │   │   └── SystemUnreachable    nothing of the system does: its other datasets are not tried
    │   ├── SourceRefused        credentials or permission; the department or its vendor must act
    │   │   └── AccountRefused       our account as a whole: its other datasets are not tried
    │   └── SourceChanged        it answered, but not in the shape its registration describes
    ├── DiskFull             whoever runs the hub's machine makes room
    ├── Unforeseen           a fault of ours; the hub's engineers look at the log
    ├── NotNow               outside the hours in which the far side may be read
    ├── Moved                another run was there first; nothing is lost, the next run takes it up
    ├── QueryRefused         the analyst asked for something an edition does not give
    └── DeliveryRefused      the platform's own reason, verbatim

Messages are Chinese first, with an English twin. They name the system, what was expected, what was found
and the next step; they never hold a secret or a person's data.
"""

from __future__ import annotations

from typing import ClassVar


class HubError(Exception):
    """Something a person has to know. `whose` says who moves next."""

    whose_zh: ClassVar[str] = "枢纽工程师"
    whose_en: ClassVar[str] = "hub engineers"
    transient: ClassVar[bool] = False

    def __init__(self, zh: str, en: str, *, next_zh: str = "", next_en: str = "") -> None:
        super().__init__(zh)
        self.zh = zh
        self.en = en
        self.next_zh = next_zh
        self.next_en = next_en

    def __str__(self) -> str:
        return f"{self.zh}（下一步：{self.next_zh}）" if self.next_zh else self.zh

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self), self.zh, self.en, self.next_zh, self.next_en)


def _again(kind: type[HubError], zh: str, en: str, next_zh: str, next_en: str) -> HubError:
    return kind(zh, en, next_zh=next_zh, next_en=next_en)


class RegistrationError(HubError):
    """The YAML says something that cannot be. Whoever wrote it edits it."""

    whose_zh = "登记人（修改登记文件）"
    whose_en = "whoever edits the registration"


class NotRegistered(RegistrationError):
    """A name that stands for nothing, as it was typed."""

    whose_zh = "输入的人（核对名称）"
    whose_en = "whoever typed it"


class SourceError(HubError):
    """Anything that went wrong at the far side."""


class SourceUnavailable(SourceError):
    """The far side does not answer. Retried for you."""

    whose_zh = "枢纽自动重试；持续不通请联系系统运维单位"
    whose_en = "retried by the hub; if it lasts, the system's operator"
    transient = True


class SourceRefused(SourceError):
    """The far side answered and said no: credentials, permission, quota."""

    whose_zh = "系统主管部门（账号或权限）"
    whose_en = "the owning department (credentials or permission)"


class SystemUnreachable(SourceUnavailable):
    """No connection was made, so every other dataset behind the same connection would wait as long and fail as well."""


class AccountRefused(SourceRefused):
    """Our account was turned away. Trying it again for every dataset would lock it."""


class SourceChanged(SourceError):
    """The far side answered, but not in the shape its registration describes."""

    whose_zh = "系统主管部门说明变更，登记人随后修改登记"
    whose_en = "the system's owner explains, then the registration is edited"


class DiskFull(HubError):
    """The hub's own disk has no room."""

    whose_zh = "枢纽运维人员（磁盘空间）"
    whose_en = "whoever runs the hub's machine (disk space)"


class Unforeseen(HubError):
    """A fault of the program. What it was stands in the log only: its text may hold a person's data."""


class NotNow(HubError):
    """The far side may be read at other hours only."""

    whose_zh = "无需处理，到允许的时段再读"
    whose_en = "nobody; it is read when it may be"


class Moved(HubError):
    """The ground has moved under a prepared change; nothing was written."""

    whose_zh = "无需处理，下次运行自动继续"
    whose_en = "nobody; the next run takes it up"
    transient = True


class QueryRefused(HubError):
    """An edition does not answer this question."""

    whose_zh = "提问人"
    whose_en = "whoever asked"


class DeliveryRefused(HubError):
    """The upper platform refused a batch; its reason is kept verbatim."""

    whose_zh = "按退回原因处理后重新报送"
    whose_en = "mend what the platform names, then deliver again"
