"""What every connector kind must keep, as claims over a far side and a way of opening it.

    CLAIMS: name -> claim(far, opened);  opened(system) is the connector under test

A claim raises AssertionError when it is not kept. `test_contract` runs them on every kind, and on broken connectors.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from contextlib import closing
from typing import Any

from connectors.contract import Connector, Pull
from schemas.errors import AccountRefused, HubError, SourceChanged, SourceError, SourceRefused, SourceUnavailable, SystemUnreachable
from schemas.registration import System
from tests.connectors.far_sides import PASSWORD, ROWS, Far

Opened = Callable[[System], Connector]
Claim = Callable[[Far, Opened], None]


def taken(pull: Pull) -> list[dict[str, Any]]:
    """Every row, to the end of the stream."""
    rows: list[dict[str, Any]] = []
    for batch in pull.batches:
        assert pull.cursor is None, "the cursor stands before the end"
        assert not pull.whole, "a slice is called whole before the end"
        if batch.rows is not None:
            assert batch.rows.schema == pull.schema
            rows += batch.rows.to_pylist()
    return rows


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return sorted((r["id"] for r in rows), key=int)


def read(far: Far, opened: Opened, since: Any = None, system: System | None = None) -> tuple[list[dict[str, Any]], Pull]:
    system = system or far.system()
    with closing(opened(system)) as connector:
        pull = connector.pull(system.datasets["person"], since)
        return taken(pull), pull


def refused(far: Far, opened: Opened, kind: type[HubError], system: System) -> HubError:
    """The error of a pull, which is of that kind, in both languages, and shows no secret anywhere."""
    try:
        read(far, opened, system=system)
    except Exception as error:  # what is raised is the point
        shown = "".join(traceback.format_exception(error)) + repr(error) + str(getattr(error, "en", ""))
        assert PASSWORD not in shown, "the password is in the error"
        assert isinstance(error, kind), f"{type(error).__name__} instead of {kind.__name__}: {error}"
        assert error.zh
        assert error.en
        assert error.next_zh, "no next step"
        assert system.path in error.zh
        assert "person" in error.zh or isinstance(error, SystemUnreachable | AccountRefused), "the dataset is not named"
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def a_full_read_brings_every_row_once(far: Far, opened: Opened) -> None:
    rows, pull = read(far, opened)
    assert ids(rows) == ids(ROWS)
    assert {r["name"] for r in rows} == {r["name"] for r in ROWS}
    assert pull.whole == {""}


def the_next_cursor_is_json_and_a_value_that_was_seen(far: Far, opened: Opened) -> None:
    _, pull = read(far, opened)
    assert json.loads(json.dumps(pull.cursor)) == pull.cursor
    if far.incremental:
        assert pull.cursor is not None
        assert pull.cursor["value"][:19] == max(r["updated"] for r in ROWS)


def nothing_is_lost_at_the_cursors_edge(far: Far, opened: Opened) -> None:
    """A row that comes later with the very value the cursor stands on."""
    _, first = read(far, opened)
    far.put(
        {"id": "900", "name": "同一秒", "updated": ROWS[-1]["updated"]}, {"id": "901", "name": "晚到", "updated": "2026-03-01 08:04:05"}
    )
    rows, second = read(far, opened, first.cursor)
    assert {"900", "901"} <= {r["id"] for r in rows}
    if far.incremental:
        assert len(rows) < len(ROWS), "an incremental read reads everything"
        assert not second.whole, "an incremental read is called whole"


def a_cursor_never_moves_back(far: Far, opened: Opened) -> None:
    """The far side's clock jumps back: new rows have smaller values."""
    if not far.incremental:
        return
    _, first = read(far, opened)
    far.remove(*(r["id"] for r in ROWS[-20:]))
    _, second = read(far, opened, first.cursor)
    assert first.cursor
    assert second.cursor
    assert second.cursor["value"] >= first.cursor["value"]


def a_probe_tells_whether_anything_changed(far: Far, opened: Opened) -> None:
    _, pull = read(far, opened)
    system = far.system()
    with closing(opened(system)) as connector:
        dataset = system.datasets["person"]
        assert connector.probe(dataset, pull.cursor) in ("unchanged", "cannot tell")
        far.put({"id": "902", "name": "新", "updated": "2026-03-01 09:00:00"})
        assert connector.probe(dataset, pull.cursor) in ("changed", "cannot tell")


def a_short_read_is_an_error_and_never_whole(far: Far, opened: Opened) -> None:
    system = far.system()
    with far.breaking() as strike, closing(opened(system)) as connector:
        pull = None
        try:
            pull = connector.pull(system.datasets["person"], None)
            rows = []
            for n, batch in enumerate(pull.batches):
                rows += batch.rows.to_pylist() if batch.rows else []
                if not n:
                    strike()
        except SourceError:
            assert not pull or not pull.whole
            return
        assert len(rows) == len(ROWS) or not pull.whole, "a read that fell short is called whole"
        assert len(rows) == len(ROWS), "a read that fell short ends as if all were well"


def a_vanished_column_is_named_with_those_that_are_there(far: Far, opened: Opened) -> None:
    far.rename("name", "full_name")
    error = refused(far, opened, SourceChanged, far.system())
    assert "name" in error.zh
    assert "full_name" in error.zh
    assert "full_name" in error.en


def a_new_column_is_reported_and_not_pulled(far: Far, opened: Opened) -> None:
    far.add("phone")
    rows, pull = read(far, opened)
    assert [(r.kind, "phone" in r.said.zh) for r in pull.remarks] == [("columns", True)]
    assert "phone" not in rows[0]


def an_unreachable_far_side_is_unavailable(far: Far, opened: Opened) -> None:
    refused(far, opened, SourceUnavailable, far.system(far.unreachable()))


def a_wrong_password_is_refused_and_never_shown(far: Far, opened: Opened) -> None:
    if far.knows_passwords:
        refused(far, opened, SourceRefused, far.system(secret=far.wrong_secret()))


def a_diagnosis_never_raises(far: Far, opened: Opened) -> None:
    with closing(opened(far.system())) as connector:
        assert all(f.ok is not False for f in connector.check())
    with closing(opened(far.system(far.unreachable()))) as connector:
        found = connector.check()
    assert any(f.ok is False and f.next_zh and f.next_en for f in found)


def acknowledging_may_be_repeated(far: Far, opened: Opened) -> None:
    system = far.system()
    with closing(opened(system)) as connector:
        pull = connector.pull(system.datasets["person"], None)
        taken(pull)
        connector.acknowledge(system.datasets["person"], pull.notes)
        connector.acknowledge(system.datasets["person"], pull.notes)


CLAIMS: dict[str, Claim] = {
    claim.__name__: claim
    for claim in (
        a_full_read_brings_every_row_once,
        the_next_cursor_is_json_and_a_value_that_was_seen,
        nothing_is_lost_at_the_cursors_edge,
        a_cursor_never_moves_back,
        a_probe_tells_whether_anything_changed,
        a_short_read_is_an_error_and_never_whole,
        a_vanished_column_is_named_with_those_that_are_there,
        a_new_column_is_reported_and_not_pulled,
        an_unreachable_far_side_is_unavailable,
        a_wrong_password_is_refused_and_never_shown,
        a_diagnosis_never_raises,
        acknowledging_may_be_repeated,
    )
}
