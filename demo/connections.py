"""Tell the hub where the far sides are: its own connections.yml and secrets.yml, entries of others left as they are.

sides, server, port  ->  $HUB_HOME/connections.yml, $HUB_HOME/secrets.yml (both 0600)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from demo import postgres
from demo.serve_files import drop
from demo.sides import Side, folder, noted


class _Plain(yaml.SafeDumper):
    """The hub reads no anchors and aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def write(home: Path, played: dict[str, Side], server: postgres.Server | None, port: int) -> None:
    keys = noted(home, "keys")
    connections = _read(home / "connections.yml")
    secrets = _read(home / "secrets.yml")
    for side in played.values():
        connections[side.path] = {name: _entry(home, side, name, server, port) for name in side.system.connections}
        for connection in side.system.connections.values():
            if connection.secret:
                secrets[connection.secret] = keys[side.code]
    _write(home / "connections.yml", connections)
    _write(home / "secrets.yml", secrets)


def _entry(home: Path, side: Side, name: str, server: postgres.Server | None, port: int) -> dict[str, Any]:
    """The registration's entry with the places of the demo in it."""
    connection = side.system.connections[name]
    entry: dict[str, Any] = {"connector": connection.connector, **connection.options}
    if connection.secret:
        entry["secret"] = connection.secret
    if connection.connector == "rest":
        base = f"http://127.0.0.1:{port}/{side.code}"
        entry["url"] = base
        if "token_url" in entry:
            above = urlsplit(str(connection.options["url"])).path
            entry["token_url"] = base + urlsplit(str(entry["token_url"])).path.removeprefix(above)
    elif connection.connector == "files":
        entry["folder"] = str(drop(home, side))
    else:
        entry = {k: v for k, v in entry.items() if k not in ("host", "port", "database", "file")} | _database(home, side, server)
    return entry


def _database(home: Path, side: Side, server: postgres.Server | None) -> dict[str, Any]:
    if server and side.database:
        host, port = server.address
        return {"dialect": "postgresql", "host": host, "port": port, "database": postgres.name_of(home, side.code)}
    file = folder(home) / "front_end" / f"{side.code}.sqlite"
    return {"dialect": "sqlite", "file": str(file)}


def _read(file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(file.read_text("utf-8")) or {}) if file.exists() else {}


def _write(file: Path, content: dict[str, Any]) -> None:
    """Nobody else may read it, not even while it is written."""
    half = file.with_suffix(".half")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write("# Written by hub demo up; entries of other systems are left alone.\n")
        yaml.dump(content, out, Dumper=_Plain, allow_unicode=True, sort_keys=True)
    half.replace(file)
