import random

import duckdb
import pytest

from schemas.records import Record
from warehouse import golden

RECORD = Record.model_validate({
    "name": "person", "title": "人员", "identity": ["town", "no"], "newest": "since",
    "fields": {n: {"title": n, **({"type": "integer"} if n in ("no", "since", "income") else {})} for n in ("town", "no", "name", "phone", "income", "since")},
})  # fmt: skip
FIELDS = list(RECORD.fields)


def merged(rows: list[dict], orders: dict[str, tuple[str, ...]]) -> dict:
    """The same by hand; `rows` of one identity with their rank and key."""
    rows = sorted(rows, key=lambda r: (r["rank"], -r["since"] if r["since"] is not None else 10**9, r["_key"]))
    first, given = {}, []
    for f in FIELDS:
        turn = sorted(rows, key=lambda r, f=f: orders[f].index(r["source"])) if f in orders else rows
        giver = next((r for r in turn if r.get(f) is not None), None)
        first[f] = giver[f] if giver else None
        if giver and giver is not rows[0]:
            given.append((f, rows.index(giver) + 1))
    sources = [{"source": r["source"], "key": r["_key"]} for r in rows]
    return {**first, "_source": rows[0]["source"], "_sources": sources, "_from": given or None}


@pytest.mark.parametrize("seed", range(8))
def test_every_field_comes_from_the_first_that_has_it(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "AT_ONCE", 7)
    rng = random.Random(seed)
    con = duckdb.connect()
    con.execute("CREATE SCHEMA standard")
    sources, everything = {}, {}
    for rank in range(rng.randint(1, 4)):
        name = f"s{rank}"
        have = {"town", "no", "since", *rng.sample(["name", "phone", "income"], rng.randint(0, 3))}
        columns = [f for f in FIELDS if f in have]
        sources[name] = have
        kinds = {c: "BIGINT" if c in ("no", "since", "income") else "VARCHAR" for c in columns}
        con.execute(f"CREATE TABLE standard.{name} (_key VARCHAR, {', '.join(f'{c} {k}' for c, k in kinds.items())})")
        for n in range(rng.randint(0, 40)):
            identity = ("t", n) if rng.random() < 0.6 else ("t", rng.randint(0, 12))
            row = {"town": identity[0], "no": identity[1], "since": rng.choice([None, rng.randint(1, 5)])}
            row |= {c: rng.choice([None, rng.randint(1, 9) if c == "income" else f"{name}{n}"]) for c in columns if c not in row}
            con.execute(
                f"INSERT INTO standard.{name} VALUES ({', '.join('?' * (len(columns) + 1))})", [f"k{n}", *(row[c] for c in columns)]
            )
            everything.setdefault(identity, []).append({**row, "_key": f"k{n}", "rank": rank, "source": name})
    found = {}
    orders = {f: tuple(rng.sample(list(sources), len(sources))) for f in ("name", "income") if rng.random() < 0.6}
    statements = golden.statements(con, RECORD, sources, orders)
    for statement in statements:
        for row in con.execute(statement).to_arrow_table().to_pylist():
            identity = row.pop("_id")
            assert identity not in found, "an identity comes twice"
            found[identity] = row
    assert found == {f"{town}\x1f{no}": merged(rows, orders) for (town, no), rows in everything.items()}
    assert seed or len(statements) > 1


def test_one_source_without_repetitions_needs_no_join() -> None:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA standard; CREATE TABLE standard.a AS SELECT 'k' AS _key, 't' AS town, 1 AS no, 2 AS since")
    [statement] = golden.statements(con, RECORD, {"a": {"town", "no", "since"}})
    assert "JOIN" not in statement.replace("ANTI JOIN", "")
    assert con.execute(statement).fetchall() == [("t\x1f1", "t", 1, None, None, None, 2, "a", [{"source": "a", "key": "k"}], None)]
