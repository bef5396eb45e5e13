"""Bring the far sides up, and down again.

    seed, scale  ->  databases, interfaces, drop folders; $HUB_HOME/connections.yml and secrets.yml

A city that stands for the same seed and scale is left as it is, ticks and all; only what has died is started again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pyarrow as pa
from pyarrow import feather

from demo import postgres
from demo.city import SEED, InventedCity
from demo.connections import write
from demo.serve_files import deliver
from demo.sides import Side, folder, keep, note, noted, sides
from demo.stores import Postgres, Sqlite
from schemas.home import ROOT, say

NO_PART = (
    "commands",
    "faults",
    "page",
    "province",
    "postgres",
    "connections",
    "serve_http",
    "__init__",
)  # do not shape the tables


@dataclass(frozen=True)
class Running:
    """The city that is up."""

    home: Path
    seed: int
    scale: float
    ticks: int
    port: int
    database: str | None  # host:port of the PostgreSQL; None where SQLite stands in
    made: bool  # whether the tables were made just now
    rows: dict[str, int] = field(default_factory=dict)  # table -> rows, as they were made

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Tell = Callable[[str], None]


def up(home: Path, scale: float = 0.01, seed: int = SEED, tell: Tell | None = None, *, anew: bool = False) -> Running:
    """Every far side of that city, reachable. Raises nothing where a PostgreSQL is missing: SQLite stands in, and it is said."""
    home = home.resolve()
    tell = tell or (lambda _: None)
    state = noted(home, "city")
    wanted = {"seed": seed, "scale": scale, "programme": _fingerprint()}
    server = _server(state)
    same = stands(home, scale, seed)
    if anew or not same:
        down(home)
        shutil.rmtree(folder(home), ignore_errors=True)
        server = postgres.find(home)
        tell(_where(server))
        state = _make(home, wanted, server, tell)
    port = _http(home)
    write(home, sides(home), server, port)
    address = "{}:{}".format(*server.address) if server else None
    return Running(home, seed, scale, state["ticks"], port, address, anew or not same, state["rows"])


def stands(home: Path, scale: float, seed: int) -> bool:
    """Whether that very city has been made and its server, if it has one, answers; `up` leaves it as it is then."""
    state = noted(home.resolve(), "city")
    wanted = {"seed": seed, "scale": scale, "programme": _fingerprint()}
    return {k: state.get(k) for k in wanted} == wanted and (not state.get("server") or _server(state) is not None)


def down(home: Path, *, erase: bool = False) -> None:
    """End what `up` started; with `erase` the databases and files too. A PostgreSQL that was there before stays."""
    home = home.resolve()
    _stop_http(home)
    server = _server(noted(home, "city"), start=erase)
    if server and erase:
        for side in sides(home).values():
            if side.database:
                postgres.drop(server, postgres.name_of(home, side.code))
    if server:
        postgres.stop(server, erase=erase)
    if erase:
        shutil.rmtree(folder(home), ignore_errors=True)


def current(home: Path, side: Side) -> dict[str, pa.Table]:
    """The system's tables as they stand."""
    place = folder(home) / "tables"
    return {name: feather.read_table(place / f"{side.code}__{name}.arrow") for name in side.system.datasets}


def remember(home: Path, side: Side, name: str, table: pa.Table) -> None:
    place = folder(home) / "tables"
    place.mkdir(exist_ok=True)
    feather.write_feather(table, str(place / f"{side.code}__{name}.half"), compression="lz4")
    (place / f"{side.code}__{name}.half").replace(place / f"{side.code}__{name}.arrow")


def store(home: Path, side: Side, session: Any = None) -> Postgres | Sqlite:
    """Where the system's own tables stand: its database, or the file behind its interface."""
    if session is not None:
        return Postgres(session, postgres.name_of(home, side.code))
    below = "rest" if "rest" in side.kinds else "front_end"
    return Sqlite(folder(home) / below / f"{side.code}.sqlite")


def outlet(side: Side, name: str) -> str:
    """The table's name at the far side; behind an interface it has the dataset's own."""
    return getattr(side.system.datasets[name].reading, "table", None) or name


def server_of(home: Path) -> postgres.Server | None:
    """The PostgreSQL of the city that is up."""
    return _server(noted(home.resolve(), "city"))


def _fingerprint() -> str:
    """Of the programme that makes the city: another programme, another city. An edited registration changes nothing here."""
    seen = hashlib.sha256()
    here = Path(__file__).parent
    for file in sorted([*here.glob("*.py"), *(here / "systems").glob("*.py"), *(here / "facts").iterdir()]):
        if file.stem not in NO_PART and not file.stem.startswith("story"):
            seen.update(file.name.encode() + file.read_bytes())
    return seen.hexdigest()[:16]


def _server(state: dict[str, Any], *, start: bool = True) -> postgres.Server | None:
    """The server of that state where it answers."""
    if not state.get("server"):
        return None
    server = postgres.Server(**state["server"])
    if start:
        return server if postgres.restarted(server) else None
    return server


def _where(server: postgres.Server | None) -> str:
    if server is None:
        return say(
            "没有可用的 PostgreSQL，前置库改用 SQLite 文件（HUB_DEMO_POSTGRES 可指定一个）",
            "no PostgreSQL to be had: SQLite files stand in for the front-end databases (HUB_DEMO_POSTGRES names one)",
        )
    host, port = server.address
    return say(f"前置库使用 PostgreSQL {host}:{port}", f"front-end databases on PostgreSQL {host}:{port}")


def _make(home: Path, wanted: dict[str, Any], server: postgres.Server | None, tell: Tell) -> dict[str, Any]:
    """The whole city, its tables loaded while the next system's are made."""
    keep(home)
    city = InventedCity.make(wanted["seed"], wanted["scale"])
    rows: dict[str, int] = {}
    keys: dict[str, dict[str, str]] = {}
    with ThreadPoolExecutor(1) as loader:
        waiting: list[Future[None]] = []
        for side in sides(home).values():
            tables = side.module.tables(city)
            keys[side.code] = _keys(home, side, server)
            waiting.append(loader.submit(_load, home, side, tables, server))
            rows |= {f"{side.code}__{name}": table.num_rows for name, table in tables.items()}
            tell(f"{side.system.inventory}  {side.system.title}  {sum(t.num_rows for t in tables.values()):,}")
            if len(waiting) > 2:
                waiting.pop(0).result()
        for loaded in waiting:
            loaded.result()
    note(home, "keys", keys)
    (folder(home) / "keys.json").chmod(0o600)
    state = {**wanted, "ticks": 0, "server": server.noted() if server else None, "rows": rows}
    note(home, "city", state)
    return state


def _keys(home: Path, side: Side, server: postgres.Server | None) -> dict[str, str]:
    """What opens that system: its database's role, or a name and keys of its interface."""
    if side.database and server:
        name = postgres.name_of(home, side.code)
        return {"user": name, "password": postgres.make(server, name)}
    return {"user": "lianshu", "password": secrets.token_urlsafe(12), "api_key": secrets.token_hex(16), "token": secrets.token_hex(16)}


def _load(home: Path, side: Side, tables: dict[str, pa.Table], server: postgres.Server | None) -> None:
    for name, table in tables.items():
        remember(home, side, name, table)
    if side.database and server:
        with server.session(postgres.name_of(home, side.code)) as session:
            _load_into(store(home, side, session), side, tables)
    elif side.kinds - {"files"}:
        _load_into(store(home, side), side, tables)
    if side.of("files"):
        deliver(home, side, tables)


def _load_into(target: Postgres | Sqlite, side: Side, tables: dict[str, pa.Table]) -> None:
    for name, dataset in side.of("postgresql", "sqlite", "rest").items():
        target.load(outlet(side, name), tables[name], dataset)


def alive(home: Path) -> int | None:
    """The port of the interfaces where they answer."""
    port = noted(home, "http").get("port")
    if not port:
        return None
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=3) as answer:
            return int(port) if answer.read().decode() == str(home.resolve()) else None
    except OSError:
        return None


def _http(home: Path) -> int:
    """The interfaces' process, started if it does not answer; it outlives this one."""
    port = alive(home)
    if port:
        return port
    _stop_http(home)
    with (folder(home) / "http.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "demo.serve_http", str(home)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=ROOT,
        )  # fmt: skip
        child.returncode = 0  # nobody waits for it
    for _ in range(200):
        port = alive(home)
        if port:
            return port
        time.sleep(0.1)
    raise RuntimeError(
        say(f"接口服务没有启动，见 {folder(home) / 'http.log'}", f"the interfaces did not start, see {folder(home) / 'http.log'}")
    )


def _stop_http(home: Path) -> None:
    """End the interfaces' process, and only that one."""
    pid = noted(home, "http").get("pid")
    if not pid or not _ours(int(pid), home):
        return
    os.kill(int(pid), signal.SIGTERM)
    for _ in range(50):
        if not _ours(int(pid), home):
            return
        time.sleep(0.1)


def _ours(pid: int, home: Path) -> bool:
    """Whether that process still is the server of this HUB_HOME; numbers are given again."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return Path("/proc").is_dir() is False and _exists(pid)
    return b"demo.serve_http" in words and str(home).encode() in words


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
