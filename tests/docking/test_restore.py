"""A home restored from an older copy of itself finds out, heals, and books nothing that never left."""

import multiprocessing
import shutil
import signal

import pytest

from docking.receipts import Collected
from ledger.opening import open_ledger
from schemas.errors import DeliveryRefused
from tests.docking import killed
from tests.docking.shared_city import ALLOWANCE, CODE, PENSION, row
from warehouse.lake import Lake

KEPT = ("lake", "ledger.sqlite", "packages", "keys")  # what a backup holds; the province is elsewhere


def copy_of(way, to):
    """A cold copy of the home."""
    way.lake.close(), way.ledger.close()
    for name in KEPT:
        place = way.home / name
        (shutil.copytree if place.is_dir() else shutil.copy)(place, to / name)
    way.lake, way.ledger = Lake(way.home), open_ledger(way.home)


def restore(way, copied):
    way.lake.close(), way.ledger.close()
    for name in (*KEPT, "ledger.sqlite-wal", "ledger.sqlite-shm"):
        place = way.home / name
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    for name in KEPT:
        place = copied / name
        (shutil.copytree if place.is_dir() else shutil.copy)(place, way.home / name)
    way.lake, way.ledger = Lake(way.home), open_ledger(way.home)


@pytest.fixture
def restored(small, tmp_path_factory):
    """The copy knows package 1; the province has taken 2 and 3 of the home that is lost."""
    copied = tmp_path_factory.mktemp("copy")
    small.share(**{ALLOWANCE: [row(n) for n in range(10)], PENSION: []})
    small.send()
    copy_of(small, copied)
    for n in (12, 13):
        small.share(**{ALLOWANCE: [row(i) for i in range(n)]})
        small.send()
    restore(small, copied)
    small.share(**{ALLOWANCE: [row(n) for n in range(1, 11)]})  # one deleted, one new since the copy
    return small


def test_the_first_delivery_after_a_restore_is_a_full_one_under_a_number_neither_side_has_given(restored):
    before = restored.ledger.epoch("province")
    assert restored.look() == [CODE]
    healed = restored.send()
    assert (healed.kind, healed.sequence, healed.previous, healed.status) == ("full", 4, 0, "taken")
    assert "恢复自旧备份" in healed.because_zh
    assert restored.ledger.epoch("province") in healed.batch
    assert restored.ledger.epoch("province") != before
    assert restored.equal() == 10
    assert restored.look() == []
    restored.share(**{ALLOWANCE: [row(n) for n in range(2, 11)]})
    following = restored.send()
    assert (following.kind, following.sequence, following.deleted, following.status) == ("changes", 5, 1, "taken")
    assert restored.equal() == 9


def test_nothing_waiting_is_never_said_before_the_platform_was_asked(restored):
    restored.share(**{ALLOWANCE: [row(n) for n in range(10)]})  # exactly what the copy had delivered
    assert restored.make() is None
    assert ALLOWANCE not in restored.pending()
    restored.look()
    assert ALLOWANCE in restored.pending()
    assert restored.send().status == "taken"
    assert restored.equal() == 10


def test_the_platforms_receipt_for_another_package_of_that_number_books_nothing(restored):
    """Without asking first, as `hub receipts` may be the first command after the restore."""
    ours = restored.make()
    assert ours.sequence == 2
    with restored.ledger.engine.begin() as connection:  # both homes had the same epoch when the copy was made
        assert connection.exec_driver_sql("SELECT count(*) FROM epochs").scalar() == 1
    with pytest.raises(DeliveryRefused):
        restored.deliver(ours)
    found = restored.gather()
    assert found.receipts == []
    assert [s.digest != ours.sha256 for s in found.strays] == [True]
    assert restored.ledger.delivery(ours.id).status == "prepared"
    assert restored.gather() == Collected()  # said once, kept
    assert len(restored.ledger.strays()) == 1
    restored.look()
    assert restored.ledger.delivery(ours.id).code == "RECALLED"
    assert restored.send().sequence == 4
    assert restored.equal() == 10


def test_a_ledger_that_already_booked_a_strange_receipt_is_healed_too(restored):
    ours = restored.make()
    with restored.ledger.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE deliveries SET status = 'taken', sequence = 3 WHERE id = {ours.id}")
    assert restored.look() == [CODE]
    assert restored.send().sequence == 4
    assert restored.equal() == 10


def test_a_package_that_never_left_is_never_taken(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    ours = small.make()
    with small.province.engine.begin() as connection:  # a receipt for our very name, and no batch it could answer
        connection.exec_driver_sql(
            "INSERT INTO exchange_receipt (batch, status, code, text, row_count, total, sha256, received_at)"
            f" VALUES ('{ours.batch}', '1', '0', 'x', 1, 1, 'y', '2026-11-27 10:00:00')"
        )
    with small.exchange() as exchange:
        from docking.platforms.front_end.tables import tables

        tables.create_all(exchange.engine, checkfirst=True)
    assert small.gather().receipts == []
    assert small.ledger.delivery(ours.id).status == "prepared"


MOMENTS = (
    "docking/parted.py look call", "ledger/book.py epoch return", "ledger/book.py part call", "ledger/book.py part return",
    "docking/packing.py write return", "ledger/book.py prepare return", "front_end/sending.py put return", "ledger/book.py sent call",
    "front_end/__init__.py answers return", "ledger/book.py answered return",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_any_moment_of_healing_ends_as_if_undisturbed(restored, moment):
    fresh = multiprocessing.get_context("forkserver")
    fresh.set_forkserver_preload(["tests.docking.killed"])
    child = fresh.Process(target=killed.heal, args=(str(restored.home), moment))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL, moment
    restored.province.process(), restored.collect(), restored.look()
    restored.send()
    assert restored.equal() == 10
    assert ALLOWANCE not in restored.pending()
    assert restored.look() == []
    assert restored.ledger.last_delivery("province", CODE, status=("taken",)).kind == "full"
