r"""The upper platform, simulated: it takes what stands in its front-end database, or refuses the whole batch and says why.

    exchange_batch, exchange_<resource>  ->  taken_<resource>, exchange_receipt, batch_status and row_status

It believes nothing it is told: sequence, base, counts, columns, keys and hashes are checked against the rows it reads and
the copy it holds. `fault()` makes it misbehave. Written from the interface's description alone; it shares no code with
the side that delivers.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
import yaml

OWN = ("batch", "op_type", "op_time", "row_key", "row_hash", "row_status")
NEW, TAKEN, REFUSED = "0", "1", "3"
REASONS = {
    "E01": "目录不符：{detail}",
    "E02": "序号不连续：应为 {expected}，收到 {found}",
    "E03": "行数不符：批次声明 {expected} 行，实收 {found} 行",
    "E04": "摘要不符：按实收数据计算的 SHA-256 与批次声明不一致",
    "E05": "主键重复：{found} 个 row_key 出现多次",
    "E06": "变更与平台副本不符：{detail}",
    "E07": "基准不符：增量依据的序号为 {found}，平台最后入库的序号为 {expected}",
    "E08": "总数不符：入库后应有 {expected} 行，实有 {found} 行",
    "E09": "操作类型不合法：{found} 行不是 I、U、D",
}
_OWN_TABLES = (
    """CREATE TABLE IF NOT EXISTS exchange_receipt (
        number {serial}, batch VARCHAR(120) NOT NULL, status VARCHAR(1) NOT NULL, code VARCHAR(40) NOT NULL, text TEXT NOT NULL,
        row_count BIGINT, total BIGINT, sha256 VARCHAR(64), received_at TIMESTAMP NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS platform_resource (
        resource VARCHAR(80) PRIMARY KEY, seen INTEGER NOT NULL, taken INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS platform_fault (
        number {serial}, kind VARCHAR(20) NOT NULL, resource VARCHAR(80), times INTEGER NOT NULL, code VARCHAR(40), text TEXT)""",
)
Fault = Literal["refuse", "lose receipt", "delay", "half"]


class BatchRefused(Exception):
    """A whole batch is refused."""

    def __init__(self, code: str, **facts: Any) -> None:
        self.code = code
        self.text = REASONS[code].format(**facts)
        super().__init__(self.text)


@dataclass(frozen=True)
class Handled:
    batch: str
    status: str
    code: str
    text: str


class Province:
    """The platform at a database URL (PostgreSQL or SQLite)."""

    def __init__(self, url: str) -> None:
        made = sa.make_url(url)
        if made.get_backend_name() == "sqlite":
            self.engine = sa.create_engine(made, connect_args={"timeout": 60})
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        else:
            self.engine = sa.create_engine(made.set(drivername="postgresql+psycopg"))
        self.sqlite = self.engine.dialect.name == "sqlite"
        self._own_tables()

    def close(self) -> None:
        self.engine.dispose()

    def _own_tables(self) -> None:
        serial = "INTEGER PRIMARY KEY" if self.sqlite else "SERIAL PRIMARY KEY"
        with self.engine.begin() as connection:
            for statement in _OWN_TABLES:
                connection.execute(sa.text(statement.format(serial=serial)))

    # misbehaving

    def fault(
        self, kind: Fault, *, resource: str | None = None, times: int = 1, code: str = "E99", text: str = "平台临时维护，批次退回"
    ) -> None:
        """The next `times` batches (of that resource) meet this fault."""
        with self.engine.begin() as connection:
            connection.execute(
                sa.text("INSERT INTO platform_fault (kind, resource, times, code, text) VALUES (:kind, :resource, :times, :code, :text)"),
                {"kind": kind, "resource": resource, "times": times, "code": code, "text": text},
            )

    def _faulty(self, connection: sa.Connection, kind: Fault, resource: str) -> Any:
        """The fault this batch meets, used up once; None mostly."""
        found = connection.execute(
            sa.text(
                "SELECT number, code, text FROM platform_fault WHERE kind = :kind AND times > 0 AND (resource IS NULL OR resource = :resource)"
                " ORDER BY number LIMIT 1"
            ),
            {"kind": kind, "resource": resource},
        ).one_or_none()
        if found:
            connection.execute(sa.text("UPDATE platform_fault SET times = times - 1 WHERE number = :number"), {"number": found.number})
        return found

    # working

    def process(self) -> list[Handled]:
        """Take or refuse every batch that is waiting, in order of resource and sequence."""
        if not sa.inspect(self.engine).has_table("exchange_batch"):
            return []
        with self.engine.connect() as connection:
            waiting = connection.execute(
                sa.text("SELECT batch FROM exchange_batch WHERE batch_status = '0' ORDER BY resource, sequence")
            ).scalars().all()  # fmt: skip
        answers = [self._one(batch) for batch in waiting]
        return [a for a in answers if a]

    def _one(self, name: str) -> Handled | None:
        with self.engine.begin() as connection:
            lock = "" if self.sqlite else " FOR UPDATE"
            batch = connection.execute(sa.text(f"SELECT * FROM exchange_batch WHERE batch = :b{lock}"), {"b": name}).one_or_none()
            if batch is None or batch.batch_status != NEW or self._faulty(connection, "delay", batch.resource):
                return None
            if self._faulty(connection, "half", batch.resource):
                self._begin_only(connection, batch)
                return None
            answer = self._judged(connection, batch)
            if not self._faulty(connection, "lose receipt", batch.resource):
                self._write_receipt(connection, batch, answer)
            return answer

    def _begin_only(self, connection: sa.Connection, batch: Any) -> None:
        """Mark half of the rows as taken and die before anything else is done."""
        rows = _exchange(batch.resource)
        connection.execute(
            sa.text(
                f"UPDATE \"{rows}\" SET row_status = '1' WHERE batch = :b AND row_key IN"
                f' (SELECT row_key FROM "{rows}" WHERE batch = :b ORDER BY row_key LIMIT :n)'
            ),
            {"b": batch.batch, "n": max(1, batch.row_count // 2)},
        )

    def _judged(self, connection: sa.Connection, batch: Any) -> Handled:
        if told := self._faulty(connection, "refuse", batch.resource):
            return self._mark(connection, batch, Handled(batch.batch, REFUSED, told.code, told.text))
        point = connection.begin_nested()
        try:
            self._check(connection, batch)
            self._take(connection, batch)
        except BatchRefused as refused:
            point.rollback()
            return self._mark(connection, batch, Handled(batch.batch, REFUSED, refused.code, refused.text))
        point.commit()
        return self._mark(connection, batch, Handled(batch.batch, TAKEN, "0", f"已入库 {batch.row_count} 行"))

    def _mark(self, connection: sa.Connection, batch: Any, answer: Handled) -> Handled:
        """Row status and batch status go back to the sender; a refused number stays used."""
        with_rows = sa.inspect(connection).has_table(_exchange(batch.resource))
        if with_rows:
            connection.execute(
                sa.text(f'UPDATE "{_exchange(batch.resource)}" SET row_status = :s WHERE batch = :b'),
                {"s": answer.status, "b": batch.batch},
            )
        refused = answer.status == REFUSED
        connection.execute(
            sa.text("UPDATE exchange_batch SET batch_status = :s, err_code = :c, err_msg = :t WHERE batch = :b"),
            {"s": answer.status, "c": answer.code if refused else None, "t": answer.text if refused else None, "b": batch.batch},
        )
        seen, taken = self._sequence(connection, batch.resource)
        self._remember(connection, batch.resource, max(seen, batch.sequence), taken if refused else batch.sequence)
        return answer

    def _sequence(self, connection: sa.Connection, resource: str) -> tuple[int, int]:
        row = connection.execute(sa.text("SELECT seen, taken FROM platform_resource WHERE resource = :r"), {"r": resource}).one_or_none()
        return (row.seen, row.taken) if row else (0, 0)

    def _remember(self, connection: sa.Connection, resource: str, seen: int, taken: int) -> None:
        connection.execute(sa.text("DELETE FROM platform_resource WHERE resource = :r"), {"r": resource})
        connection.execute(
            sa.text("INSERT INTO platform_resource (resource, seen, taken) VALUES (:r, :s, :t)"), {"r": resource, "s": seen, "t": taken}
        )

    def _check(self, connection: sa.Connection, batch: Any) -> None:
        seen, taken = self._sequence(connection, batch.resource)
        full = batch.kind == "full"
        if batch.sequence <= seen or (batch.kind == "changes" and batch.sequence != seen + 1):
            raise BatchRefused("E02", expected=seen + 1, found=batch.sequence)
        if batch.kind == "notice":
            return self._check_notice(connection, batch)
        if not full and batch.previous != taken:
            raise BatchRefused("E07", expected=taken, found=batch.previous)
        self._check_columns(connection, batch)
        rows = f'"{_exchange(batch.resource)}" WHERE batch = :b'
        count, keys, odd = connection.execute(
            sa.text(f"SELECT count(*), count(DISTINCT row_key), count(CASE WHEN op_type NOT IN ('I', 'U', 'D') THEN 1 END) FROM {rows}"),
            {"b": batch.batch},
        ).one()
        if count != batch.row_count or count != batch.inserted + batch.updated + batch.deleted:
            raise BatchRefused("E03", expected=batch.row_count, found=count)
        if odd:
            raise BatchRefused("E09", found=odd)
        if keys != count:
            raise BatchRefused("E05", found=count - keys)
        hashed = self._row_hash(connection, _exchange(batch.resource), json.loads(batch.columns))
        if self._digest(connection, f"op_type || {hashed}", rows, {"b": batch.batch}) != batch.sha256:
            raise BatchRefused("E04")
        if not full:
            self._check_changes(connection, batch)
        return None

    def _check_notice(self, connection: sa.Connection, batch: Any) -> None:
        """A notice takes a resource back: it has no rows, and its catalogue entry says so."""
        found = connection.execute(sa.text("SELECT entry FROM exchange_catalogue WHERE resource = :r"), {"r": batch.resource}).scalar()
        if found is None or json.loads(found).get("目录状态") != "已撤销" or batch.row_count or batch.total:
            raise BatchRefused("E01", detail="撤销通知与目录状态不符")

    def _check_columns(self, connection: sa.Connection, batch: Any) -> None:
        """The table has exactly the items of the catalogue entry beside its own columns."""
        found = connection.execute(sa.text("SELECT entry FROM exchange_catalogue WHERE resource = :r"), {"r": batch.resource}).scalar()
        if found is None:
            raise BatchRefused("E01", detail=f"资源 {batch.resource} 没有目录")
        entry = json.loads(found)
        items = [item["字段"] for item in entry["信息项信息"]]
        if entry["信息资源代码"] != batch.resource or not entry["信息资源名称"]:
            raise BatchRefused("E01", detail="信息资源代码或名称与批次不符")
        have = [c["name"] for c in sa.inspect(connection).get_columns(_exchange(batch.resource))]
        if json.loads(batch.columns) != items or set(have) != {*OWN, *items}:
            raise BatchRefused("E01", detail="数据列与目录信息项不一致")

    def _check_changes(self, connection: sa.Connection, batch: Any) -> None:
        """An I is new here, a U or D is known here."""
        if not sa.inspect(connection).has_table(_taken(batch.resource)):
            raise BatchRefused("E07", expected=0, found=batch.previous)
        known = f'EXISTS (SELECT 1 FROM "{_taken(batch.resource)}" t WHERE t.row_key = e.row_key)'
        twice, lost = connection.execute(
            sa.text(
                f"SELECT count(CASE WHEN op_type = 'I' AND {known} THEN 1 END), count(CASE WHEN op_type <> 'I' AND NOT {known} THEN 1 END)"
                f' FROM "{_exchange(batch.resource)}" e WHERE batch = :b'
            ),
            {"b": batch.batch},
        ).one()
        if twice or lost:
            raise BatchRefused("E06", detail=f"{twice} 行新增已存在，{lost} 行修改或删除不存在")

    def _take(self, connection: sa.Connection, batch: Any) -> None:
        """Bring the platform's own copy to where the batch says it is."""
        taken, exchange = _taken(batch.resource), _exchange(batch.resource)
        if batch.kind == "notice":
            connection.execute(sa.text(f'DROP TABLE IF EXISTS "{taken}"'))
            return
        columns = ["row_key", "row_hash", *json.loads(batch.columns)]
        names = ", ".join(f'"{c}"' for c in columns)
        hashed = ", ".join([self._row_hash(connection, exchange, columns[2:]) if c == "row_hash" else f'"{c}"' for c in columns])
        if batch.kind == "full":
            self._create(connection, taken, exchange, columns)
        else:
            connection.execute(
                sa.text(f'DELETE FROM "{taken}" WHERE row_key IN (SELECT row_key FROM "{exchange}" WHERE batch = :b AND op_type <> \'I\')'),
                {"b": batch.batch},
            )
        connection.execute(
            sa.text(f'INSERT INTO "{taken}" ({names}) SELECT {hashed} FROM "{exchange}" WHERE batch = :b AND op_type <> \'D\''),
            {"b": batch.batch},
        )
        total = connection.execute(sa.text(f'SELECT count(*) FROM "{taken}"')).scalar()
        if total != batch.total:
            raise BatchRefused("E08", expected=batch.total, found=total)

    def _create(self, connection: sa.Connection, taken: str, exchange: str, columns: list[str]) -> None:
        kinds = {c["name"]: c["type"].compile(self.engine.dialect) for c in sa.inspect(connection).get_columns(exchange)}
        connection.execute(sa.text(f'DROP TABLE IF EXISTS "{taken}"'))
        made = ", ".join(f'"{c}" {kinds[c]}{" PRIMARY KEY" if c == "row_key" else ""}' for c in columns)
        connection.execute(sa.text(f'CREATE TABLE "{taken}" ({made})'))

    def _write_receipt(self, connection: sa.Connection, batch: Any, answer: Handled) -> None:
        taken = answer.status == TAKEN and batch.kind != "notice"
        table = f'"{_taken(batch.resource)}"'
        connection.execute(
            sa.text(
                "INSERT INTO exchange_receipt (batch, status, code, text, row_count, total, sha256, received_at)"
                " VALUES (:batch, :status, :code, :text, :rows, :total, :sha256, :at)"
            ),
            {
                "batch": batch.batch,
                "status": answer.status,
                "code": answer.code,
                "text": answer.text,
                "rows": batch.row_count if taken else None,
                "total": connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar()
                if taken
                else (0 if answer.status == TAKEN else None),
                "sha256": self._digest(connection, "row_hash", table, {}) if taken else None,
                "at": dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(sep=" ")
                if self.sqlite
                else dt.datetime.now(dt.UTC).replace(tzinfo=None),
            },
        )

    # hashing: row_key and the fields in their order, joined by U+001F; NULL is \N, a backslash is doubled, U+001F is \u

    def _row_hash(self, connection: sa.Connection, table: str, columns: list[str]) -> str:
        kinds = {c["name"]: c["type"] for c in sa.inspect(connection).get_columns(table)}
        unit = "char(31)" if self.sqlite else "chr(31)"
        joined = f" || {unit} || ".join(["row_key", *(self._text(f'"{c}"', kinds[c], unit) for c in columns)])
        return f"sha256_hex({joined})" if self.sqlite else f"encode(sha256(convert_to({joined}, 'UTF8')), 'hex')"

    @staticmethod
    def _text(column: str, kind: Any, unit: str) -> str:
        if isinstance(kind, sa.Boolean):
            plain = f"CASE WHEN {column} THEN '1' WHEN NOT {column} THEN '0' END"
        elif isinstance(kind, sa.DateTime):
            plain = f"to_char({column}, 'YYYY-MM-DD HH24:MI:SS.US')"
        elif isinstance(kind, sa.String):
            plain = rf"replace(replace({column}, '\', '\\'), {unit}, '\u')"
        else:
            plain = f"CAST({column} AS TEXT)"
        return rf"coalesce({plain}, '\N')"

    def _digest(self, connection: sa.Connection, expression: str, rows: str, bound: dict[str, Any]) -> str:
        """SHA-256 over the sorted values of a text expression."""
        order = "h" if self.sqlite else 'h COLLATE "C"'
        query = sa.text(f"SELECT h FROM (SELECT {expression} AS h FROM {rows}) r ORDER BY {order}")
        found = connection.execute(query, bound, execution_options={"stream_results": True})
        total = hashlib.sha256()
        for part in found.scalars().partitions(20_000):
            total.update("".join(part).encode())
        return total.hexdigest()

    def held(self, resource: str) -> tuple[int, str]:
        """How many rows the platform's copy of a resource has as it stands, and their hash."""
        with self.engine.connect() as connection:
            if not sa.inspect(connection).has_table(_taken(resource)):
                return 0, ""
            table = f'"{_taken(resource)}"'
            return int(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()), self._digest(
                connection, "row_hash", table, {}
            )

    def copy(self, resource: str) -> list[dict[str, Any]]:
        """The platform's copy of one resource, without its own columns, by row_key."""
        with self.engine.connect() as connection:
            if not sa.inspect(connection).has_table(_taken(resource)):
                return []
            found = connection.execute(sa.text(f'SELECT * FROM "{_taken(resource)}" ORDER BY row_key'))
            return [{k: v for k, v in row._mapping.items() if k != "row_hash"} for row in found]  # noqa: SLF001


def _exchange(resource: str) -> str:
    return "exchange_" + resource.replace("/", "_")


def _taken(resource: str) -> str:
    return "taken_" + resource.replace("/", "_")


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None
    connection.create_function("sha256_hex", 1, lambda text: hashlib.sha256(text.encode()).hexdigest(), deterministic=True)


# the demo's own platform


def prepare(home: Path, url: str | None = None) -> Province:
    """Bring the platform up and write its address into connections.yml; without a URL it is a SQLite file.

    A platform new to this HUB_HOME is emptied first; one it knows keeps what it has taken, also at a new host or port.
    """
    note = home / "demo" / "province.json"
    known = sa.make_url(json.loads(note.read_text("utf-8"))["url"]) if note.exists() else None
    file = sa.URL.create("sqlite", database=str(home / "demo" / "province.sqlite"))
    address = sa.make_url(url) if url else known or file
    note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    province = Province(address.render_as_string(hide_password=False))
    if known is None or (known.get_backend_name(), known.database) != (address.get_backend_name(), address.database):
        _empty(province)
    _enter(home, address)
    _private(note, json.dumps({"url": address.render_as_string(hide_password=False)}))
    return province


def process(home: Path) -> list[Handled]:
    """Let the platform work through what is waiting."""
    province = Province(json.loads((home / "demo" / "province.json").read_text("utf-8"))["url"])
    try:
        return province.process()
    finally:
        province.close()


def _empty(province: Province) -> None:
    with province.engine.begin() as connection:
        for name in sa.inspect(connection).get_table_names():
            if name.startswith(("exchange_", "taken_", "platform_")):
                connection.execute(sa.text(f'DROP TABLE "{name}"'))
    province._own_tables()  # noqa: SLF001


def _enter(home: Path, address: sa.URL) -> None:
    """Add the platform to connections.yml and secrets.yml; what others wrote there stays."""
    if address.get_backend_name() == "sqlite":
        entry: dict[str, Any] = {"connector": "database", "dialect": "sqlite", "file": address.database}
    else:
        entry = {
            "connector": "database", "dialect": "postgresql", "host": address.host, "port": address.port,
            "database": address.database, "secret": "province_platform",
        }  # fmt: skip
        options = address.query.get("options")
        if isinstance(options, str) and options.startswith("-csearch_path="):
            entry["schema"] = options.removeprefix("-csearch_path=")
        _merge(home / "secrets.yml", "province_platform", {"user": address.username, "password": address.password or ""})
    _merge(home / "connections.yml", "province/platform", {"main": entry})


def _merge(path: Path, name: str, value: dict[str, Any]) -> None:
    have = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
    _private(path, yaml.safe_dump({**(have or {}), name: value}, allow_unicode=True, sort_keys=True))


def _private(path: Path, text: str) -> None:
    """Write beside, then rename; only its owner may read it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)
