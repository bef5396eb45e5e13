"""A far side or a mapping that changes its shape: a vanished table or column, another type, another key, a new column."""

import pytest

from orchestration.routes import build
from schemas.errors import RegistrationError, SourceChanged
from tests import services
from tests.end_to_end.town import FIELDS, SYSTEM, TABLE, registration, row, says
from tests.orchestration.small_city import put


def test_a_missing_table_is_named_with_those_that_are_there(town, far):
    far.put(row(1), row(2))
    town.sync()
    before = town.standing()
    far.run("ALTER TABLE T RENAME TO T_2026")
    says(town.sync().error, SourceChanged, f"{SYSTEM}/person", "T_2026")
    assert town.standing() == before
    far.run("ALTER TABLE T_2026 RENAME TO T")
    far.put(row(3))
    assert town.sync().accepted
    assert town.count() == 3


@pytest.mark.parametrize("column", ["XM", "NO"])
def test_a_vanished_column_is_named_and_changes_nothing(town, far, column):
    far.put(row(1), row(2))
    town.sync()
    before = town.standing()
    far.run(f"ALTER TABLE T RENAME COLUMN {column} TO GONE")
    says(town.sync().error, SourceChanged, f"{SYSTEM}/person", column, "GONE")
    assert town.standing() == before
    far.run(f"ALTER TABLE T RENAME COLUMN GONE TO {column}")
    far.put(row(3))
    assert town.sync().accepted
    assert town.count() == 3


@pytest.fixture
def postgres(town):
    with services.postgres() as service:
        town.connect({**service.connection, "secret": "far"}, far=service.secret)
        service.run(
            'CREATE TABLE t ("NO" integer, "SFZH" text, "XM" text, "XB" text, "CSRQ" date, "SR" numeric(10, 2), "GX" timestamp)',
            *(insert(n) for n in range(1, 6)),
        )
        town.register(registration({"table": "t", "cursor": "GX", "overlap": "1 hours"}))
        yield service
        town.close()


def insert(n: int, at: str = "2026-01-01 00:00:00") -> str:
    r = row(n)
    return f"INSERT INTO t VALUES ({n}, '{r['SFZH']}', '{r['XM']}', '{r['XB']}', '{r['CSRQ']}', {r['SR']}, '{at}')"


def test_a_type_that_changes_at_the_far_side_loses_no_value(town, postgres):
    town.sync()
    before = town.rows(f"standard.{TABLE}", "* EXCLUDE (_number)")
    assert len(before) == 5
    postgres.run(
        'ALTER TABLE t ALTER COLUMN "SR" TYPE text USING "SR"::text || \' 元\'',
        insert(6, "2026-01-01 00:10:00").replace("100.00", "'200.50'"),
    )
    outcome = town.sync()
    assert outcome.error is None
    assert town.count("landing") == 6
    kinds = town.hub.lake.columns("landing", TABLE)
    assert (kinds["SR"], kinds["CSRQ"]) == ("VARCHAR", "DATE")
    assert town.rows(f"standard.{TABLE}", "* EXCLUDE (_number)", "_key <> '6'") == before
    assert town.rows(f"standard.{TABLE}", "income::VARCHAR", "_key = '6'") == [("200.50",)]
    postgres.run('ALTER TABLE t ALTER COLUMN "NO" TYPE bigint')
    town.sync()
    assert town.rows(f"standard.{TABLE}", "* EXCLUDE (_number)", "_key <> '6'") == before


def test_a_type_that_changes_into_nonsense_keeps_what_was_accepted(town, postgres):
    town.sync()
    postgres.run("ALTER TABLE t ALTER COLUMN \"CSRQ\" TYPE text USING '不详'", "UPDATE t SET \"GX\" = '2026-01-01 00:30:00'")
    assert town.sync().error is None
    assert town.count() == 5  # the date decides nothing: it is left empty, with a finding
    assert {(f, r) for _, s, f, r, _ in town.held() if s == "standard"} == {("born", "not_date")}


def test_another_key_reads_everything_anew_and_loses_no_row(town, far):
    far.put(*(row(n) for n in range(1, 6)))
    town.sync()
    town.publish()
    shared = town.rows("shared.person", "* EXCLUDE (_sources)")
    content = registration({"table": "T"})
    content["datasets"]["person"]["read"]["key"] = ["SFZH"]
    town.register(content)
    town.sync()
    assert town.count("landing") == town.count() == 5
    assert {k for (k,) in town.rows(f"standard.{TABLE}", "_key")} == {row(n)["SFZH"] for n in range(1, 6)}
    town.publish()
    assert town.rows("shared.person", "* EXCLUDE (_sources)") == shared


def test_a_key_that_is_none_is_told_row_by_row_and_nothing_accepted_is_lost(town, far):
    """The registration is given a key that many rows share: all of those are held, and yesterday's rows stay."""
    far.put(*(row(n) for n in range(1, 81)))
    town.sync()
    town.publish()
    shared = town.rows("shared.person", "* EXCLUDE (_sources)")
    content = registration({"table": "T"})
    content["datasets"]["person"]["read"]["key"] = ["XB"]
    town.register(content)
    outcome = town.sync()
    assert not outcome.accepted
    town.publish()
    assert town.rows("shared.person", "* EXCLUDE (_sources)") == shared
    town.register(registration({"table": "T"}))
    assert town.sync().accepted
    assert (town.count(), town.held()) == (80, [])


def test_a_column_newly_mapped_is_read_for_old_rows_too(town, postgres):
    """The old rows lie far behind the cursor: only a complete read can bring their new column."""
    postgres.run("ALTER TABLE t ADD COLUMN \"DH\" text DEFAULT '19900001234'")
    town.sync()
    number, cursor = town.rows("hub.cursors", "max(number), arg_max(value, number)")[0]
    record = town.record
    record["fields"]["phone"] = {"title": "电话", "type": "phone", "mask": "phone", "share": "masked"}
    content = registration({"table": "t", "cursor": "GX", "overlap": "1 hours"}, fields={**FIELDS, "phone": "DH"})
    put(town.schemas / "records/person.yml", record)
    town.register(content)
    postgres.run(insert(6, "2026-02-01 00:00:00").replace("'2026-02-01 00:00:00')", "'2026-02-01 00:00:00', '19900000006')"))
    outcome = town.sync()
    assert outcome.landed.complete
    assert (outcome.landed.inserted, outcome.landed.updated) == (1, 5)
    assert town.rows(f"standard.{TABLE}", "count(*), count(phone)") == [(6, 6)]
    assert town.rows("hub.cursors", "max(number), arg_max(value, number)")[0] != (number, cursor)
    postgres.run(insert(7, "2026-02-02 00:00:00").replace("'2026-02-02 00:00:00')", "'2026-02-02 00:00:00', NULL)"))
    assert not town.sync().landed.complete  # and from then on only what is new
    assert town.rows(f"standard.{TABLE}", "count(*), count(phone)") == [(7, 6)]


def test_a_mapping_changed_while_the_far_side_is_away_is_made_from_what_is_landed(town, far):
    far.put(*(row(n, XM=row(n)["SFZH"]) for n in range(1, 6)))
    town.sync()
    town.publish()
    far.file.rename(far.file.with_suffix(".away"))
    content = registration({"table": "T"}, codes={"sex": {"1": "2", "2": "1"}})  # somebody had them the wrong way round
    content["datasets"]["person"]["sample"][0]["expect"]["sex"] = "2"
    town.register(content)
    landed = town.rows(f"landing.{TABLE}")
    published = town.publish()
    assert published.tables["person"].updated == 5
    assert town.rows("shared.person", "DISTINCT sex") == [("2",)]
    assert town.rows(f"landing.{TABLE}") == landed
    assert not town.publish().tables


def test_a_field_that_points_at_no_landed_column_builds_nothing(town, far):
    far.put(row(1), row(2))
    town.sync()
    town.publish()
    before = town.rows(f"standard.{TABLE}")
    fields = {**FIELDS, "income": "SRR"}  # written before the column came
    sample = [{"given": {"NO": "1", "SFZH": row(1)["SFZH"], "SRR": "1"}, "expect": {"income": 1}}]
    town.register(registration({"table": "T"}, fields=fields, sample=sample))
    outcome = build(town.hub, town.city.system(SYSTEM)).outcomes["person"]
    says(outcome.error, RegistrationError, f"{SYSTEM}/person", "income ← SRR", "SRR 是不是 SR")
    assert town.rows(f"standard.{TABLE}") == before
    assert not town.publish().tables
    assert town.rows(f"standard.{TABLE}") == before
    far.run("ALTER TABLE T RENAME COLUMN SR TO SRR")
    assert town.sync().accepted
    assert town.rows(f"standard.{TABLE}", "count(income)") == [(2,)]


def test_a_registration_whose_own_samples_fail_is_not_built(town, far):
    far.put(row(1), row(2))
    town.sync()
    before = town.rows(f"standard.{TABLE}")
    town.register(registration({"table": "T"}, codes={"sex": {"1": "2", "2": "1"}}))
    says(town.sync().error, RegistrationError, f"{SYSTEM}/person", "样例没有通过", "sex 应为 1，实际为 2")
    assert town.rows(f"standard.{TABLE}") == before
    town.register(registration({"table": "T"}))
    assert town.sync().accepted


def test_a_number_that_gets_a_fraction_at_the_far_side_is_the_same_text(town, postgres):
    sample = [{"given": {"NO": "1", "SFZH": row(1)["SFZH"]}, "expect": {"name": "1"}}]
    town.register(
        registration({"table": "t", "cursor": "GX", "overlap": "1 hours"}, fields={**FIELDS, "name": "NO"}, sample=sample, ignore=["XM"])
    )
    town.sync()
    before = town.rows(f"standard.{TABLE}", "_key, id_number, name")
    postgres.run('ALTER TABLE t ALTER COLUMN "NO" TYPE numeric(12, 2)', "UPDATE t SET \"GX\" = '2026-01-02'")
    assert town.sync().accepted
    assert town.rows(f"standard.{TABLE}", "_key, id_number, name") == before
    assert {r[2] for r in before} == {"1", "2", "3", "4", "5"}
