"""Which process a run belongs to, and whether it still lives. A process number alone may be given again."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def host() -> str:
    return socket.gethostname()


def born(pid: int) -> str:
    """When that process started, as its kernel counts; empty where the kernel does not say or there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else f"{boot}:{fields[19]}"


def lives(pid: int, was_born: str) -> bool:
    """Whether the process with that number is still the one that was born then."""
    if was_born or Path("/proc/self/stat").exists():
        return bool(was_born) and born(pid) == was_born
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
