"""Secrets by name: `$HUB_HOME/secrets.yml`, which only its owner may read. No secret is ever part of a text."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from schemas.documents import load
from schemas.errors import HubError, RegistrationError, SourceRefused


class Secret:
    """Credentials of one far side. Its repr shows nothing."""

    __slots__ = ("api_key", "password", "token", "user")

    def __init__(self, user: str | None = None, password: str | None = None, token: str | None = None, api_key: str | None = None) -> None:
        self.user, self.password, self.token, self.api_key = user, password, token, api_key

    def __repr__(self) -> str:
        return "Secret(…)"

    def get(self, name: str) -> str | None:
        """user, password, token or api_key."""
        value: str | None = getattr(self, name)
        return value

    def scrub(self, text: str, *more: str | None) -> str:
        """The text without any of the values, in whatever form a far side or a driver repeats them; `more` are others like them."""
        for form in sorted(self._forms(more), key=len, reverse=True):
            text = text.replace(form, "…")
        return text

    def _forms(self, more: Sequence[str | None]) -> set[str]:
        """As it is, in an address, in JSON, as hexadecimal, and as base64 alone or behind the user's name."""
        forms: set[str] = set()
        for value in (self.password, self.token, self.api_key, *more):
            if not value:
                continue
            forms |= {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], html.escape(value), repr(value)[1:-1]}
            for safe in ("", "/", "/:@!$&'()*+,;="):
                forms |= {quote(value, safe=safe), re.sub("%..", lambda found: found[0].lower(), quote(value, safe=safe))}
            forms.add(quote_plus(value))
            for whole in (value, f"{self.user}:{value}", f"{self.user or ''}:{value}"):
                raw = whole.encode()
                for made in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
                    forms |= {made.decode(), made.decode().rstrip("="), quote(made.decode(), safe="")}
                forms |= {raw.hex(), raw.hex().upper()}
        return forms

    @contextmanager
    def unsaid(self, *more: str | None) -> Iterator[None]:
        """Errors that leave the block say nothing of the secret."""
        try:
            yield
        except HubError as error:
            texts = (error.zh, error.en, error.next_zh, error.next_en)
            zh, en, next_zh, next_en = (self.scrub(text, *more) for text in texts)
            if (zh, en, next_zh, next_en) == texts:
                raise
            raise type(error)(zh, en, next_zh=next_zh, next_en=next_en) from None


def private(path: Path) -> dict[str, Any]:
    """A file of the hub's own that nobody else may read; empty when it is not there."""
    if not path.exists():
        return {}
    if path.stat().st_mode & 0o077:
        raise RegistrationError(
            f"{path} 可被其他用户读取",
            f"{path} can be read by others",
            next_zh=f"执行 chmod 600 {path}",
            next_en=f"run chmod 600 {path}",
        )
    content, _ = load(path)
    return content or {}


def secret(home: Path, name: str | None, whose: str) -> Secret:
    """The secret of that name, for the system `whose`. Raises SourceRefused when it is not there."""
    if name is None:
        return Secret()
    found = private(home / "secrets.yml").get(name)
    if not isinstance(found, dict):
        raise SourceRefused(
            f"{whose}: 没有名为 {name} 的凭据",
            f"{whose}: there is no secret named {name}",
            next_zh=f"向系统主管部门索取账号后，在 {home / 'secrets.yml'} 中写入 {name}（文件权限 600）",
            next_en=f"ask the owner for an account, then write {name} into {home / 'secrets.yml'} (mode 600)",
        )
    return Secret(**{k: str(v) for k, v in found.items() if k in Secret.__slots__ and v is not None})
