"""The words of `connection:` for a REST interface: where it is, who asks, how it says that all is well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from schemas.documents import Closed
from schemas.registration import Texts


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


class Options(Closed):
    """The words of `connection:` for a REST interface."""

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
                raise ValueError(f"{word} 须是 http:// 或 https:// 开头的地址")
            if parts.username or parts.password or parts.query:
                raise ValueError(f"{word} 中不能写账号、口令或参数；密钥放入密钥库，参数写 read.params")
        if self.auth == "token" and not self.token_url:
            raise ValueError("auth: token 须写明 token_url")


def _port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False
