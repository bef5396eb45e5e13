"""Secret keys of the hub's own making: `$HUB_HOME/keys/<name>`, 256 random bits as hex, readable by their owner only.

A key is made once. Losing it changes every pseudonym made with it, so it belongs in the backup, apart from the data.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from schemas.errors import HubError


def key(home: Path, name: str) -> str:
    """The key of that name, made at its first use; two processes asking at once get the same one."""
    if not re.fullmatch(r"[a-z][a-z0-9_.-]*", name):
        raise ValueError(f"not a key name: {name!r}")
    path = home / "keys" / name
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise HubError(
            f"密钥文件 {path} 可被其他用户读取",
            f"the key file {path} can be read by others",
            next_zh=f"执行 chmod 600 {path}；如可能已泄露，请更换密钥",
            next_en=f"run chmod 600 {path}; replace the key if it may have been read",
        )
    text = path.read_text("ascii").strip()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise HubError(
            f"密钥文件 {path} 内容不完整",
            f"the key file {path} is damaged",
            next_zh="从备份恢复该文件；不要直接删除，否则全部假名都会改变",
            next_en="restore it from the backup; deleting it would change every pseudonym",
        )
    return text


def _make(path: Path) -> None:
    """Write beside, then link: the name appears with its whole content, and the first one to link wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        Path(beside).unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
