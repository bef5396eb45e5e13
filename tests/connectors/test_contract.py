"""Every connector kind keeps the contract, and the suite notices a connector that does not."""

from __future__ import annotations

import pyarrow as pa
import pytest

from connectors.opening import open_system
from schemas.errors import SourceError, SourceRefused
from schemas.registration import System
from tests.connectors.contract_suite import CLAIMS
from tests.connectors.far_sides import KINDS, PASSWORD, ROWS, far_side


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps(kind, claim, home):
    with far_side(kind, home) as far:
        CLAIMS[claim](far, open_system)


class Broken:
    """The real connector with one fault."""

    def __init__(self, system: System) -> None:
        self.real = open_system(system)

    def __getattr__(self, name):
        return getattr(self.real, name)

    def pull(self, dataset, since):
        pull = self.real.pull(dataset, since)
        pull.batches = self.spoilt(pull, pull.batches)
        return pull

    def spoilt(self, pull, batches):
        yield from batches


class LosesTheLastRow(Broken):
    def spoilt(self, pull, batches):
        for batch in batches:
            yield type(batch)(batch.rows.slice(0, batch.rows.num_rows - 1), batch.slice)


class MovesTheCursorToTheBound(Broken):
    def spoilt(self, pull, batches):
        yield from batches
        pull.cursor = {**pull.cursor, "value": "2026-12-31 23:59:59"}


class CallsAShortReadWhole(Broken):
    def spoilt(self, pull, batches):
        try:
            yield from batches
        except SourceError:
            pull.whole = frozenset({""})


class ShowsThePassword(Broken):
    def pull(self, dataset, since):
        try:
            return self.real.pull(dataset, since)
        except SourceRefused:
            raise RuntimeError(f"login failed with {PASSWORD}") from None


class CallsAnIncrementWhole(Broken):
    def spoilt(self, pull, batches):
        yield from batches
        pull.whole = frozenset({""})


class StartsBehindTheCursor(Broken):
    """An open lower bound: the row with the cursor's own value is taken for known."""

    def pull(self, dataset, since):
        self.after = since and since["value"]
        return super().pull(dataset, since)

    def spoilt(self, pull, batches):
        for batch in batches:
            keep = [not self.after or str(v)[:19] > self.after[:19] for v in batch.rows.column("updated").to_pylist()]
            yield type(batch)(batch.rows.filter(pa.array(keep, pa.bool_())), batch.slice)


class PullsWhatNobodyMapped(Broken):
    def spoilt(self, pull, batches):
        yield from batches
        pull.remarks.clear()


FAULTS = {
    LosesTheLastRow: "a_full_read_brings_every_row_once",
    MovesTheCursorToTheBound: "the_next_cursor_is_json_and_a_value_that_was_seen",
    CallsAShortReadWhole: "a_short_read_is_an_error_and_never_whole",
    ShowsThePassword: "a_wrong_password_is_refused_and_never_shown",
    CallsAnIncrementWhole: "nothing_is_lost_at_the_cursors_edge",
    StartsBehindTheCursor: "nothing_is_lost_at_the_cursors_edge",
    PullsWhatNobodyMapped: "a_new_column_is_reported_and_not_pulled",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_the_suite_notices_a_connector_that(fault, home):
    with far_side("rest", home) as far, pytest.raises((AssertionError, KeyError)):
        CLAIMS[FAULTS[fault]](far, fault)


def test_the_suite_has_no_quarrel_with_a_wrapper_without_a_fault(home):
    with far_side("rest", home) as far:
        for claim in CLAIMS.values():
            claim(far, Broken)
            far.rows = {r["id"]: dict(r) for r in ROWS}
