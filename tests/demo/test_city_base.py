"""The invented city is the same city every time, holds nobody real, and says the same at every scale."""

from __future__ import annotations

import io
import re

import duckdb
import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from demo.changes import moment
from demo.city import InventedCity
from demo.expected import DISPUTES_TWICE, FIGURES, PLANTED
from demo.numbers import broken, id_numbers, usccs
from schemas.city import read_city
from tests.demo.city_lake import SYSTEMS, as_read, module, said
from warehouse import normalise
from warehouse.sql import literal, quoted

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def check_character(number: str) -> str:
    return "10X98765432"[sum(int(d) * w for d, w in zip(number[:17], WEIGHTS, strict=True)) % 11]


@pytest.fixture(scope="module")
def city():
    return InventedCity.make(scale=0.01)


@pytest.fixture(scope="module")
def tables(city):
    return said(city)


@pytest.fixture(scope="module")
def where():
    return read_city()


def test_one_seed_gives_one_city(tables):
    again = said(InventedCity.make(scale=0.01))
    for path, of in tables.items():
        for name, table in of.items():
            assert table.equals(again[path][name]), f"{path}/{name}"


def test_another_seed_gives_other_people(city):
    other = InventedCity.make(seed=1, scale=0.01)
    assert not other.residents["id_number"].equals(city.residents["id_number"])


def test_streams_do_not_disturb_each_other(city):
    first = city.rng("a").integers(0, 1 << 40, 5)
    city.rng("b").integers(0, 9, 1000)
    assert (city.rng("a").integers(0, 1 << 40, 5) == first).all()
    assert (city.rng("b").integers(0, 1 << 40, 5) != first).any()


def test_towns_and_villages_are_the_real_ones(city):
    assert city.towns.num_rows == 21
    assert city.villages.num_rows == 501
    assert city.towns["name"].to_pylist()[0] == "花园街道"


def test_every_identity_number_is_valid_and_nobodys(city):
    for number, sex, born in zip(*(city.residents[c].to_pylist() for c in ("id_number", "sex", "birth_date")), strict=True):
        assert number.startswith("999999")
        assert number[17] == check_character(number)
        assert number[6:14] == f"{born:%Y%m%d}"
        assert int(number[16]) % 2 == (sex == "1")


def test_no_two_people_share_a_number_or_a_phone(city):
    people = pa.concat_tables([city.residents, city.workers.slice(city.residents.num_rows // 4)])
    for column in ("id_number", "phone"):
        assert pc.count_distinct(people[column]).as_py() == people.num_rows
    assert all(re.fullmatch(r"1990[01]\d{6}", p) for p in city.residents["phone"].to_pylist())


def test_published_specimens_agree_with_our_check_characters():
    assert check_character("11010519491231002X") == "X"
    ours = id_numbers(np.array(["1949-12-31"], dtype="datetime64[D]"), np.array([2]))[0].as_py()
    assert ours[17] == check_character(ours)
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    for code in usccs(np.arange(60_000_000, 60_000_200)).to_pylist():
        total = sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17]))
        assert alphabet[(31 - total % 31) % 31] == code[17]


def test_a_broken_number_fails_its_check():
    good = id_numbers(np.array(["1980-01-01"] * 300, dtype="datetime64[D]"), np.arange(300))
    bad = broken(good, np.arange(300)).to_pylist()
    assert all(b[17] != check_character(b) for b in bad)


def test_some_names_are_beyond_gb2312_and_some_have_a_dot():
    names = InventedCity.make(scale=0.05).residents["name"].to_pylist()
    assert any("𠮷" in n for n in names)
    assert any("·" in n for n in names)


def test_the_dead_are_no_workers_and_died_after_their_birth(city):
    dead = city.residents.take(city.deaths["resident"])
    assert city.deaths.num_rows > 100
    assert pc.all(pc.less(dead["birth_date"], city.deaths["death_date"])).as_py()
    assert pc.all(pc.less_equal(city.deaths["death_date"], city.deaths["cancel_date"])).as_py()
    assert not set(dead["id_number"].to_pylist()) & set(city.workers["id_number"].to_pylist())


@pytest.mark.parametrize("path", SYSTEMS)
def test_every_source_column_is_mapped_or_ignored_by_name(where, tables, path):
    for name, dataset in where.system(path).datasets.items():
        table = tables[path][name]
        if dataset.record:
            assert set(table.column_names) - {"sheet"} == set(dataset.columns) | set(dataset.ignore), f"{path}/{name}"
        else:
            assert set(dataset.reading.key) <= set(table.column_names), f"{path}/{name}"


@pytest.mark.parametrize("path", SYSTEMS)
def test_the_samples_become_what_they_say(where, path):
    for name, dataset in where.system(path).datasets.items():
        for sample in dataset.sample:
            row = {"_key": "1", **dict.fromkeys(dataset.columns), **sample.given}
            source = pa.table({k: pa.array([None if v is None else str(v)], pa.string()) for k, v in row.items()})
            con = duckdb.connect()
            con.register("given", source)
            made = (
                con.execute(normalise.select(where, dataset, dict.fromkeys(row, "VARCHAR"), "given", zone="Asia/Shanghai"))
                .to_arrow_table()
                .to_pylist()[0]
            )
            held = {f["field"] for f in made["_failed"] if where.records[dataset.record].holds(f["field"])}
            if sample.rejected:
                assert sample.rejected in held, f"{path}/{name}"
            else:
                assert not held, f"{path}/{name}"
                assert {k: made[k] for k in sample.expect} == sample.expect, f"{path}/{name}"


def counted(where, tables) -> dict[str, int]:
    """The figures by a query of our own: newest row of a key, convertible, one an identity by authority."""
    con = duckdb.connect()
    found = {}
    for name, figure in where.derived["city_figures"][0].figures.items():
        record = where.records[figure.record]
        parts = []
        for rank, (system, dataset_name, dataset) in enumerate(where.contributors(figure.record)):
            view = f"v_{system.code}_{dataset_name}"
            con.register(
                f"{view}_sent", as_read(dataset, tables[system.path][dataset_name], system.connections[dataset.reading.via].connector)
            )
            key = " || ':' || ".join(quoted(k) for k in dataset.reading.key)
            changes = dataset.reading.marks
            newest = f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {quoted(changes.at)} DESC) = 1" if changes else ""
            con.execute(f"CREATE OR REPLACE TABLE {view} AS SELECT *, {key} AS _key FROM {view}_sent {newest}")
            types = dict(con.execute(f"SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = {literal(view)}").fetchall())
            source = f"(SELECT * FROM {view} WHERE {quoted(changes.kind)} <> 'D')" if changes else view
            holding = ", ".join(literal(f) for f in record.fields if record.holds(f))
            parts.append(
                f"SELECT {rank} AS _rank, * FROM ({normalise.select(where, dataset, types, source, zone='Asia/Shanghai')})"
                f" WHERE len(list_filter(_failed, x -> x.field IN ({holding}))) = 0"
            )
        identity = ", ".join(record.identity)
        union = " UNION ALL BY NAME ".join(parts)
        best = f"SELECT * FROM ({union}) QUALIFY row_number() OVER (PARTITION BY {identity} ORDER BY _rank, _key) = 1"
        found[name] = con.execute(f"SELECT count(*) FROM ({best}) WHERE {figure.where}").fetchone()[0]
    return found


@pytest.mark.parametrize("scale", [0.01, 0.03])
def test_the_figures_do_not_depend_on_the_scale(where, scale):
    assert counted(where, said(InventedCity.make(scale=scale))) == FIGURES


@pytest.mark.slow
def test_the_figures_and_the_double_disputes_are_the_same_for_the_whole_city(where):
    tables = said(InventedCity.make(scale=1))
    assert counted(where, tables) == FIGURES
    assert twice(tables) == DISPUTES_TWICE


def test_no_dispute_matches_a_ticket_by_chance(tables):
    assert twice(tables) == DISPUTES_TWICE


def twice(tables) -> int:
    """Disputes whose party called about the same town within 15 days, from the source tables."""
    con = duckdb.connect()
    con.register("dispute", tables["political_legal/mediation"]["dispute"])
    con.register("party", tables["political_legal/mediation"]["dispute_party"])
    con.register("ticket", tables["approvals/hotline"]["ticket"])
    return con.execute("""
        SELECT count(DISTINCT d.event_no) FROM dispute d JOIN party p USING (event_no)
        JOIN ticket t ON t.caller_phone = p.phone AND t.region_code = d.region_code
        WHERE t.appeal_type IN ('投诉', '求助', '举报')
            AND abs(date_diff('day', CAST(d.happen_date AS DATE), CAST(left(t.call_time, 10) AS DATE))) <= 15""").fetchone()[0]


def test_the_export_is_gb18030_with_padded_codes(tables):
    files = module("party_organisation/members").files(tables["party_organisation/members"])
    text = files["DZZ.csv"].decode("gb18030")
    lines = text.split("\r\n")
    assert lines[0].replace('"', "").startswith("ZZDM,ZZMC,SJZZDM")
    assert len(lines) == tables["party_organisation/members"]["organisation"].num_rows + 2
    assert re.match(r'"?99\d+ +"?,', lines[1])


def test_the_ledger_is_a_workbook_as_people_keep_it(tables):
    ledger = tables["social_work/new_groups"]["council_ledger"]
    content = module("social_work/new_groups").files(tables["social_work/new_groups"])["小哥议事会台账.xlsx"]
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == [f"{m}月" for m in range(1, 12)]
    typed = 0
    for sheet in book:
        assert {"A1:L1", "A2:E2", "F2:H2", "I2:L2"} <= {str(r) for r in sheet.merged_cells.ranges}
        first_column = [c.value for c in sheet["A"]]
        totals = first_column.index("合计")
        typed += totals - 3
        assert first_column[totals + 1] == "填表人："
    assert typed == ledger.num_rows
    plan = PLANTED["social_work/new_groups/council_ledger"]
    counted = sum(FIGURES[f] for f in ("council_issues", "council_actions", "council_disputes"))
    assert typed == counted + plan["other"] + plan["unknown_code"] + plan["retyped"] + plan["carried_over"]


def test_a_tick_inserts_updates_deletes_and_brings_a_late_row(city, tables):
    before = tables["political_legal/grid"]["grid_staff"]
    after = module("political_legal/grid").tick(city, tables["political_legal/grid"], 1)["grid_staff"].slice(before.num_rows)
    assert pc.value_counts(after["op_flag"]).to_pylist() == [
        {"values": "I", "counts": 3},
        {"values": "U", "counts": 4},
        {"values": "D", "counts": 2},
    ]
    newest = pc.max(before["op_time"]).as_py()
    assert newest == moment(city, 0)
    late = after.filter(pc.less(after["op_time"], pa.scalar(newest, pa.timestamp("us"))))
    assert late.num_rows == 1
    assert (newest - late["op_time"][0].as_py()).total_seconds() < 1800  # inside the overlap of the registration


def test_ticks_are_the_same_every_time(city, tables):
    for path in SYSTEMS:
        first, second = (module(path).tick(city, tables[path], 1) for _ in range(2))
        assert all(first[n].equals(second[n]) for n in first), path


def test_the_planted_counts_stand_in_the_tables(tables):
    tickets, staff = tables["approvals/hotline"]["ticket"], tables["political_legal/grid"]["grid_staff"]
    plan = PLANTED["political_legal/grid/grid_staff"]
    assert pc.sum(pc.starts_with(staff["staff_id"], "WGZ")).as_py() >= plan["second_grid"]
    assert pc.sum(pc.equal(staff["op_flag"], "D")).as_py() == plan["deleted"]
    rows = staff.num_rows - staff.group_by(["staff_id", "op_time"]).aggregate([]).num_rows
    assert rows == plan["identical"]
    assert tickets.num_rows - pc.count_distinct(tickets["ticket_no"]).as_py() == (
        PLANTED["approvals/hotline/ticket"]["reissued"] + PLANTED["approvals/hotline/ticket"]["identical"]
    )
    assert PLANTED["approvals/hotline/ticket"]["twice"] == DISPUTES_TWICE
