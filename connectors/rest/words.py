"""The words of a REST interface: where it is, who asks, how it says that all is well, how it hands out a long list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self
from urllib.parse import SplitResult, urlsplit
from zoneinfo import available_timezones

from pydantic import Field, model_validator

from schemas import moments
from schemas.documents import Closed, wrong
from schemas.forms import Texts
from schemas.kinds import Kind
from schemas.reading import Connection, Read

EPOCH = {"seconds": 1_000_000, "milliseconds": 1000}  # words for since.format, and their unit in microseconds
NUMBER = "number"  # a word for since.format: the marks are counted, not dated


class Ok(Closed):
    """The mark of success in an answer: interfaces that report errors with HTTP 200."""

    path: str
    values: Texts
    refused: Texts = ()  # values that say: credentials or permission


class Login(Closed):
    """How user and password are handed in for a token."""

    user: str = "username"
    password: str = "password"  # noqa: S105 - the name of a parameter
    form: bool = False  # as a form; JSON otherwise
    more: Mapping[str, str] = {}  # for example grant_type


class RestConnection(Connection):
    """The words of `connection:` for a REST interface."""

    connector: Literal["rest"] = "rest"
    url: str
    auth: Literal["none", "bearer", "token", "api_key", "basic"] = "none"
    header: str | None = None  # where the token or key goes; Authorization, or X-Api-Key
    token_url: str | None = None
    token_path: str | None = None  # where the answer holds the token
    login: Login = Login()
    ok: Ok | None = None
    message: str | None = None  # where an answer says what is wrong
    verify: bool = True

    def model_post_init(self, _: Any) -> None:
        for word, value in (("url", self.url), ("token_url", self.token_url)):
            parts = urlsplit(value or "http://absent.invalid")
            if parts.scheme not in ("http", "https") or not parts.hostname or not _port(parts):
                raise ValueError(
                    f"{word} 须是 http:// 或 https:// 开头的地址 | {word} must be an address that begins with http:// or https://"
                )
            if parts.username or parts.password or parts.query:
                raise ValueError(
                    f"{word} 中不能写账号、口令或参数；密钥放入密钥库，参数写 read.params | {word} holds no account, password or parameter: secrets go into the vault, parameters into read.params"
                )
        if self.auth == "token" and not self.token_url:
            raise ValueError("auth: token 须写明 token_url | auth: token needs token_url")


def _port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


class Paging(Closed):
    """How a REST interface hands out a long list."""

    kind: Literal["page", "offset", "cursor", "link", "none"] = "page"
    number: str = "page"  # name of the page (or offset, or cursor) parameter
    size: str = "size"  # name of the size parameter
    rows: int = Field(default=500, ge=1, le=100_000)
    start: int = 1
    total: str | None = None  # where the answer says how many there are
    next: str | None = None  # where the answer says the next cursor, or holds the next page's address


class Since(Closed):
    """The parameters a REST interface takes for a window of time."""

    lower: str
    upper: str | None = None
    format: str = "yyyy-mm-dd hh:mi:ss"  # as the interface takes it; also seconds, milliseconds, number
    zone: str | None = None  # of a format that tells none; the system's time zone otherwise, UTC where it ends in Z

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.zone and self.zone not in available_timezones():
            raise wrong("没有这个时区；例如 UTC、Asia/Shanghai", "no such time zone; for example UTC", "zone", found=self.zone)
        try:
            _ = self.pattern
        except ValueError:
            allowed = ", ".join((*EPOCH, NUMBER))
            raise wrong(
                f"不是时间格式；可写 yyyy-mm-dd hh:mi:ss 这样的格式，或 {allowed}",
                f"is no form of a time; write one such as yyyy-mm-dd hh:mi:ss, or {allowed}",
                "format", found=self.format,
            ) from None  # fmt: skip
        return self

    @property
    def pattern(self) -> str:
        """The form in percent words, or one of the words beside them."""
        return self.format if self.format in (*EPOCH, NUMBER) else moments.strftime(self.format)


class RestRead(Read):
    """The words of `read:` for a REST interface."""

    path: str  # below the connection's url
    rows: str = ""  # where the answer holds the list, for example data.list
    page: Paging = Paging(kind="none")
    since: Since | None = None
    params: dict[str, str] = Field(default_factory=dict)  # sent with every request

    @classmethod
    def usable(cls, said: Mapping[str, Any]) -> frozenset[str]:
        return super().usable(said) - {"null_cursor"}

    @classmethod
    def useless(cls, word: str, said: Mapping[str, Any]) -> tuple[str, str]:
        if word == "null_cursor":
            return "接口给出哪些行由接口决定，用不到 null_cursor", "an interface decides which rows it gives; null_cursor has no use"
        return super().useless(word, said)

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if self.page.kind == "cursor" and self.page.next is None:
            raise wrong("page.kind: cursor 须写明 page.next", "page.kind: cursor needs page.next", "page")
        if self.since and not self.cursor:
            raise wrong("since 须与 cursor（更新时间列）一起写", "since needs cursor, the column of the change time", "since")
        if self.since and self.since.format == NUMBER and (self.overlap or self.lag):
            raise wrong("since.format: number 不能与 overlap、lag 一起写", "since.format: number goes without overlap and lag", "since")
        if self.whole not in (None, "all"):
            raise wrong("rest 只能写 whole: all", "rest knows only whole: all", "whole")
        return self


KIND = Kind(RestConnection, RestRead)
