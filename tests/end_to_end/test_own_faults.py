"""What goes wrong in the hub itself, on one dataset or one record type, leaves the others done and yesterday's rows standing."""

import copy
import shutil

import duckdb
import pytest

from schemas.errors import Unforeseen
from tests.end_to_end.town import SYSTEM, TABLE, Sqlite, registration, row, says
from warehouse import landing, normalise, shared


def breaks(monkeypatch, module, name, place, wanted):
    """Calls whose argument at that place is `wanted` run out of memory; the text of such an error may hold a value."""
    whole = getattr(module, name)

    def broken(*given, **asked):
        if given[place] == wanted:
            raise duckdb.OutOfMemoryException("failed to pin block of 张三 99999919800101001X")
        return whole(*given, **asked)

    monkeypatch.setattr(module, name, broken)


@pytest.fixture
def two(town, far):
    """Two datasets of one record type in one system, accepted once."""
    content = registration({"table": "T"})
    other = {
        **copy.deepcopy(content["datasets"]["person"]),
        "resource": {"code": "306001/2", "share": "conditional", "condition": "履职需要"},
    }
    content["datasets"]["other"] = other
    town.register(content)
    far.put(row(1))
    town.sync()
    far.put(row(2))
    return town


def test_a_dataset_that_cannot_be_converted_stops_no_other(two, monkeypatch):
    with monkeypatch.context() as patched:
        breaks(patched, normalise, "build", 3, "person")
        synced = two.synced()
    error = says(synced.failed["person"], Unforeseen, f"{SYSTEM}/person", "OutOfMemoryException")
    assert "99999919800101001X" not in f"{error} {error.en}"
    assert synced.outcomes["other"].accepted
    assert (two.count(), two.count(table=TABLE.replace("person", "other"))) == (1, 2)
    assert two.sync().accepted
    assert two.count() == 2


@pytest.mark.parametrize(("module", "name"), [(landing, "_apply"), (normalise, "accept")])
@pytest.mark.parametrize("first", [True, False], ids=["first load", "increment"])
def test_a_dataset_that_cannot_be_committed_stops_no_other(two, far, monkeypatch, module, name, first):
    """What is prepared is committed together; a fault in one of them is that one's alone, and nothing of it stays half done."""
    other = TABLE.replace("person", "other")
    if first:
        two.close()
        shutil.rmtree(two.home / "lake")
        (two.home / "ledger.sqlite").unlink()
    whole = getattr(module, name)

    def broken(*given, **asked):
        done = whole(*given, **asked)  # its rows are written, and taken back
        if any(getattr(g, "table", "") == TABLE for g in given):
            raise duckdb.OutOfMemoryException("failed to pin block of 张三 99999919800101001X")
        return done

    with monkeypatch.context() as patched:
        patched.setattr(module, name, broken)
        synced = two.synced()
    assert set(synced.failed) == {"person"}
    says(synced.failed["person"], Unforeseen, f"{SYSTEM}/person", "OutOfMemoryException")
    assert synced.outcomes["other"].accepted
    assert two.count(table=other) == 2
    assert first or two.count() == 1
    assert two.sync().accepted
    assert (two.count(), two.count("landing"), two.count(table=other)) == (2, 2, 2)


def test_a_record_type_that_cannot_be_shared_stops_no_other(town, far, monkeypatch):
    Sqlite(town, path="health/clinic").put(row(9))
    (town.schemas / "records/patient.yml").write_text(
        (town.schemas / "records/person.yml").read_text("utf-8").replace("人员", "病人"), "utf-8"
    )
    content = registration({"table": "T"}, record="patient")
    content["datasets"]["person"]["resource"]["code"] = "306002/1"
    town.register(content, "health/clinic")
    far.put(row(1))
    town.sync(), town.sync("health/clinic")
    with monkeypatch.context() as patched:
        breaks(patched, shared, "prepare_record", 2, "person")
        published = town.publish()
    says(published.failed["person"], Unforeseen, "shared.person")
    assert published.edition, "the others are shown to analysts"
    assert town.count("shared", "patient") == 1
    assert town.hub.ledger.runs(limit=1)[0].status == "failed"
    assert not town.publish().failed
    assert town.count("shared", "person") == 1
    assert town.publish().tables == {}
