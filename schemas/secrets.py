"""Secrets by name: `$HUB_HOME/secrets.yml`, which only its owner may read. No secret is ever part of a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.documents import load
from schemas.errors import RegistrationError, SourceRefused


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

    def scrub(self, text: str) -> str:
        """The text without any of the values, for messages that come from a driver."""
        for value in (self.password, self.token, self.api_key):
            if value:
                text = text.replace(value, "…")
        return text


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
