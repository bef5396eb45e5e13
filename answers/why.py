"""The way back: from a figure or a shared row to the source rows it was made of, and why every other row was left out.

    received -> identical copies -> landed -> rejected (by reason) -> accepted -> duplicates -> stale copies -> figure

Every step is a set of rows that can be opened, and the counts add up exactly, because each is counted from sets and
none is inferred from the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import duckdb

from schemas.city import City
from schemas.errors import QueryRefused
from schemas.names import landed_of
from schemas.records import Figure
from warehouse import normalise
from warehouse.identity import key_of
from warehouse.lake import Lake, table
from warehouse.sql import key_text, literal, quoted


@dataclass(frozen=True)
class Step:
    """One rung of the sum: rows that come in (+) or drop out (-), and SQL that lists them (source, key, …)."""

    word: str
    count: int  # signed
    zh: str
    en: str
    rows_sql: str


@dataclass
class Explanation:
    """A figure and its ladder. The steps' counts add up to `value` when `adds_up`."""

    name: str
    title: str
    value: int
    steps: list[Step]
    con: duckdb.DuckDBPyConnection = field(repr=False)

    @property
    def adds_up(self) -> bool:
        return sum(s.count for s in self.steps) == self.value

    def rows(self, step: Step, limit: int = 1000) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The rows of one step."""
        found = self.con.execute(f"SELECT * FROM ({step.rows_sql}) LIMIT {int(limit)}")
        return [c[0] for c in found.description], found.fetchall()


def figures(city: City) -> dict[str, tuple[str, Figure]]:
    """Every figure that can be explained, with the derived table that holds it."""
    return {name: (d.name, f) for d, _ in city.derived.values() for name, f in d.figures.items()}


def figure(lake: Lake, city: City, name: str) -> Explanation:
    """The ladder of one figure. Raises QueryRefused naming the figures there are."""
    known = figures(city)
    if name not in known:
        raise QueryRefused(
            f"没有名为 {name} 的指标；有：{'、'.join(known)}",
            f"there is no figure {name}; there are: {', '.join(known)}",
            next_zh="用 hub why 加其中一个名字",
            next_en="use hub why with one of them",
        )
    derived, how = known[name]
    con = lake.cursor()
    _gather(lake, city, how, con)
    value = con.execute(f"SELECT value FROM {table('shared', derived)} WHERE figure = ?", [name]).fetchone()
    return Explanation(name, how.title, int(value[0]) if value else 0, _steps(con), con)


def _gather(lake: Lake, city: City, how: Figure, con: duckdb.DuckDBPyConnection) -> None:
    """Three temp tables: what is landed, accepted and shared under the figure's condition."""
    record = city.records[how.record]
    identity = key_of(record)
    landed, accepted = [], []
    for system, name, dataset in city.contributors(how.record):
        code = system.table(name)
        columns = lake.columns("landing", code)
        if not columns or not lake.has("standard", code):
            continue
        candidate = normalise.select(city, dataset, columns, table("landing", code), zone=system.timezone)
        landed.append(
            f'SELECT {literal(code)} AS "source", c._key AS "key", l._copies AS copies FROM ({candidate}\n) c'
            f" JOIN (SELECT _key, _copies FROM {table('landing', code)}) l USING (_key) WHERE {how.where}"
        )
        have = lake.columns("standard", code)
        empty = "".join(f", NULL AS {quoted(f)}" for f in record.fields if f not in have)
        accepted.append(
            f'SELECT {literal(code)} AS "source", _key AS "key", {identity} AS _id FROM (SELECT *{empty} FROM {table("standard", code)})'
            f" WHERE {how.where}"
        )
    nothing = 'SELECT NULL::VARCHAR AS "source", NULL::VARCHAR AS "key"'
    con.execute(f"CREATE OR REPLACE TEMP TABLE w_landed AS {' UNION ALL '.join(landed) or nothing + ', 0 AS copies LIMIT 0'}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE w_accepted AS {' UNION ALL '.join(accepted) or nothing + ', NULL::VARCHAR AS _id LIMIT 0'}")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE w_shared AS
        SELECT _id, _source, coalesce({how.where}, false) AS counted, _sources FROM {table("shared", how.record)}""")
    con.execute("""
        CREATE OR REPLACE TEMP TABLE w_origin AS
        SELECT _id, counted, _sources[1]."source" AS decider, s."source" AS "source", s."key" AS "key",
            s = _sources[1] AS decides
        FROM (SELECT *, unnest(_sources) AS s FROM w_shared)""")
    held = [
        f'SELECT {literal(c)} AS "source", _key AS "key", field, reason, value FROM {table("quarantine", c)} WHERE station = \'standard\' AND holds'
        for c in _tables(lake, city, how.record)
    ]
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE w_held AS {' UNION ALL '.join(held)}"
        if held
        else f"CREATE OR REPLACE TEMP TABLE w_held AS {nothing}, '' AS field, '' AS reason, '' AS value LIMIT 0"
    )


def _tables(lake: Lake, city: City, record: str) -> list[str]:
    return [s.table(n) for s, n, _ in city.contributors(record) if lake.has("quarantine", s.table(n))]


_ROWS = '"source", "key"'
_LOST = f"SELECT {_ROWS} FROM w_landed ANTI JOIN w_accepted USING ({_ROWS})"


def _steps(con: duckdb.DuckDBPyConnection) -> list[Step]:
    steps = [_received(con)]
    steps += _each(
        con, "copies", "-", 'SELECT "source", "key", copies - 1 AS n FROM w_landed WHERE copies > 1', "完全相同的重复行（{source}）", "identical copies ({source})",
        by='"source"', count="sum(n)",
    )  # fmt: skip
    first_reason = 'SELECT "source", "key", min(field || \': \' || reason) AS reason FROM w_held GROUP BY ALL'
    steps += _each(
        con, "rejected", "-", f"SELECT * FROM ({_LOST}) JOIN ({first_reason}) USING ({_ROWS})", "未通过（{source}，{reason}）", "rejected ({source}, {reason})",
        by='"source", reason',
    )  # fmt: skip
    steps += _each(
        con, "waiting", "-", f"SELECT * FROM ({_LOST}) ANTI JOIN w_held USING ({_ROWS})",
        "尚未验收：该数据集仍用上一次的数据（{source}）", "not accepted yet: the dataset stands on its last rows ({source})", by='"source"',
    )  # fmt: skip
    steps += _each(
        con, "stands", "+", f"SELECT {_ROWS} FROM w_accepted ANTI JOIN w_landed USING ({_ROWS})",
        "新版本未通过，沿用上一次验收的版本（{source}）", "the last accepted version stands in for a newer one ({source})", by='"source"',
    )  # fmt: skip
    accepted = f"w_accepted LEFT JOIN w_origin USING ({_ROWS})"
    steps += _each(
        con, "unpublished", "-", f"SELECT w_accepted.* FROM w_accepted ANTI JOIN w_origin USING ({_ROWS})",
        "已验收、尚未发布（{source}）", "accepted, not published yet ({source})", by='"source"',
    )  # fmt: skip
    steps += _each(
        con, "duplicates", "-", f'SELECT w_accepted.*, decider FROM {accepted} WHERE NOT decides AND decider = w_accepted."source"',
        "同一系统内同一对象的重复登记（{source}）", "the same thing registered twice in one system ({source})", by='"source"',
    )  # fmt: skip
    steps += _each(
        con, "stale", "-", f'SELECT w_accepted.*, decider FROM {accepted} WHERE NOT decides AND decider <> w_accepted."source"',
        "其他系统中的旧副本（{source}，以 {decider} 为准）", "a stale copy in another system ({source}; {decider} decides)", by='"source", decider',
    )  # fmt: skip
    steps += _each(
        con, "overruled", "-", f"SELECT w_accepted.* FROM {accepted} WHERE decides AND NOT counted",
        "合并后不再符合条件（{source}）", "no longer meets the condition once merged ({source})", by='"source"',
    )  # fmt: skip
    steps += _each(
        con, "completed", "+", f"SELECT w_origin.* FROM w_origin ANTI JOIN w_accepted USING ({_ROWS}) WHERE decides AND counted",
        "合并其他来源后符合条件（{source}）", "meets the condition thanks to another source ({source})", by='"source"',
    )  # fmt: skip
    return steps


def _received(con: duckdb.DuckDBPyConnection) -> Step:
    row = con.execute("SELECT coalesce(sum(copies), 0)::BIGINT FROM w_landed").fetchone()
    return Step("received", int(row[0]) if row else 0, "收到的行（全部来源）", "rows received, all sources", "SELECT * FROM w_landed")


def _each(
    con: duckdb.DuckDBPyConnection, word: str, sign: str, sql: str, zh: str, en: str, *, by: str, count: str = "count(*)"
) -> list[Step]:
    """One step a group, those without rows left out."""
    names = [n.strip().strip('"') for n in by.split(",")]
    steps = []
    for *group, n in con.execute(f"SELECT {by}, {count}::BIGINT FROM ({sql}) GROUP BY ALL ORDER BY ALL").fetchall():
        said = dict(zip(names, group, strict=True))
        where = " AND ".join(f"{quoted(k)} = {literal(v)}" for k, v in said.items())
        signed = int(n) if sign == "+" else -int(n)
        steps.append(Step(word, signed, zh.format(**said), en.format(**said), f"SELECT * FROM ({sql}) WHERE {where}"))
    return steps


@dataclass(frozen=True)
class Station:
    """One row at one station: columns and values as they are there."""

    station: str  # landing, quarantine, standard, shared
    table: str
    key: str
    values: dict[str, Any]


def row(lake: Lake, city: City, record: str, identity: str) -> list[Station]:
    """One shared row back to its source rows, at every station. Key parts are joined by '/' or U+001F."""
    con = lake.cursor()
    asked = identity if "\x1f" in identity else identity.replace("/", "\x1f")
    known = lake.has("shared", record)
    found = fetched(con, f"SELECT * FROM {table('shared', record)} WHERE _id IN (?, ?)", [asked, identity]) if known else []
    stations = [Station("shared", record, asked, r) for r in found]
    pairs = [(s["source"], s["key"]) for r in found for s in r["_sources"]]
    for source_table, key in pairs or _unshared(lake, city, record, identity):
        stations += source(lake, source_table, key)
    return stations


def source(lake: Lake, name: str, key: str) -> list[Station]:
    """One source row at landing, quarantine and standard, by its dataset table and key."""
    con = lake.cursor()
    stations = []
    for station in ("standard", "quarantine", "landing"):
        if lake.has(station, name):
            stations += [
                Station(station, name, key, r) for r in fetched(con, f"SELECT * FROM {table(station, name)} WHERE _key = ?", [key])
            ]
    return stations


def _unshared(lake: Lake, city: City, record: str, identity: str) -> list[tuple[str, str]]:
    """Source rows that carry this identity but are not shared: accepted and unpublished, or held in quarantine."""
    con = lake.cursor()
    fields = city.records[record].identity
    pairs: list[tuple[str, str]] = []
    for system, name, dataset in city.contributors(record):
        code = system.table(name)
        columns = lake.columns("landing", code)
        sources = [s for f in fields if f in dataset.fields and (s := dataset.fields[f].source)]
        there = [c for s in sources if (c := landed_of(s, columns))]
        if there and len(there) == len(sources):
            text = key_text(map(quoted, there))
            rows = con.execute(f"SELECT _key FROM {table('landing', code)} WHERE {text} = ? OR _key = ?", [identity, identity])
            pairs += [(code, r[0]) for r in rows.fetchall()]
    return pairs


def fetched(con: duckdb.DuckDBPyConnection, sql: str, values: list[str]) -> list[dict[str, Any]]:
    """Rows by the names of their columns."""
    found = con.execute(sql, values)
    names = [c[0] for c in found.description]
    return [dict(zip(names, r, strict=True)) for r in found.fetchall()]
