"""Whatever happens on the way, the province's copy equals ours in the end: resends, lost receipts, damage, kills."""

import multiprocessing
import signal

import pytest
import sqlalchemy as sa
import yaml

from demo.province import prepare
from docking import package, packing
from docking.deliver import PackageDamaged
from docking.reconcile import reconcile
from docking.resources import leaving
from schemas.errors import DeliveryRefused, RegistrationError, SourceRefused, SourceUnavailable
from tests.docking import killed
from tests.docking.shared_city import ALLOWANCE, CODE, PENSION, city, row
from warehouse import keys, made
from warehouse.sql import columns


def test_sending_again_changes_nothing(way):
    way.share(**{ALLOWANCE: [row(n) for n in range(10)], PENSION: []})
    delivery = way.make()
    for _ in range(3):
        assert way.deliver(delivery).status == "sent"
    with way.province.engine.connect() as connection:
        assert connection.execute(sa.text('SELECT count(*) FROM "exchange_306012_000001"')).scalar() == 10
    way.province.process()
    way.deliver(delivery)  # before its receipt is read
    assert [r.status for r in way.collect()] == ["taken"]
    assert way.deliver(delivery).status == "taken"
    assert way.province.process() == []
    assert way.collect() == []
    way.equal()


def test_nothing_new_is_made_while_a_package_is_unanswered(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    small.province.fault("delay", times=2)
    assert small.send().status == "sent"
    small.share(**{ALLOWANCE: [row(1), row(2)]})
    assert ALLOWANCE not in small.pending()
    assert small.make() is None
    small.province.process()
    assert small.collect() == []
    small.province.process()
    assert [r.status for r in small.collect()] == ["taken"]
    assert small.send().inserted == 1
    small.equal()


def test_a_lost_receipt_is_made_good_by_the_batchs_own_status(way):
    way.share(**{ALLOWANCE: [row(1)], PENSION: []})
    way.province.fault("lose receipt")
    assert way.send().status == "taken"
    assert "未收到回执" in way.ledger.deliveries()[0].reason
    way.share(**{ALLOWANCE: [row(1), row(2)]})
    assert way.send().kind == "changes"
    way.equal()


def test_a_platform_that_died_half_way_goes_on_with_what_it_has(way):
    way.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    way.province.fault("half")
    sent = way.send()
    assert sent.status == "sent"
    way.deliver(sent)
    with way.province.engine.connect() as connection:  # it has begun: it is left alone
        assert connection.execute(sa.text("SELECT count(*) FROM \"exchange_306012_000001\" WHERE row_status = '1'")).scalar() == 4
    way.province.process()
    assert [r.status for r in way.collect()] == ["taken"]
    way.equal()


def test_rows_lost_on_the_way_are_sent_again(way):
    way.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    delivery = way.make()
    way.deliver(delivery)
    with way.province.engine.begin() as connection:
        connection.execute(
            sa.text('DELETE FROM "exchange_306012_000001" WHERE row_key = (SELECT min(row_key) FROM "exchange_306012_000001")')
        )
    way.deliver(delivery)
    way.province.process(), way.collect()
    way.equal()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ('UPDATE "exchange_306012_000001" SET members = members + 1', "E04"),
        ("UPDATE \"exchange_306012_000001\" SET remark = 'x' WHERE remark IS NULL", "E04"),
        ("UPDATE \"exchange_306012_000001\" SET row_key = 'same'", "E05"),
        ("UPDATE \"exchange_306012_000001\" SET op_type = 'X'", "E09"),
        ('DELETE FROM "exchange_306012_000001" WHERE members = 3', "E03"),
        ('ALTER TABLE "exchange_306012_000001" ADD COLUMN extra TEXT', "E01"),
        ("DELETE FROM exchange_catalogue", "E01"),
        ("UPDATE exchange_batch SET sequence = 0", "E02"),
        ("UPDATE exchange_batch SET total = 99", "E08"),
    ],
)  # fmt: skip
def test_the_province_believes_nothing(way, spoil, code):
    way.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    way.deliver(way.make())
    with way.province.engine.begin() as connection:
        connection.execute(sa.text(spoil))
    assert [a.code for a in way.province.process()] == [code]
    way.collect()
    assert way.ledger.deliveries()[0].status == "refused"
    assert way.theirs() == []


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ('DELETE FROM "taken_306012_000001"', "E06"),
        ("UPDATE platform_resource SET seen = 7", "E02"),
        ("UPDATE platform_resource SET taken = 7", "E07"),
    ],
)  # fmt: skip
def test_the_province_refuses_changes_that_do_not_fit_its_copy(small, spoil, code):
    small.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    small.send()
    with small.province.engine.begin() as connection:
        connection.execute(sa.text(spoil))
    small.share(**{ALLOWANCE: [row(n) for n in range(1, 9)]})
    assert small.send().code == code


def test_reconciliation_says_equal_different_or_not_checked(way):
    way.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: [row(50)]})
    way.send()

    def said():
        return {s.resource: s.verdict for s in reconcile(way.out)}

    assert said() == {CODE: "equal", "306009/000007": "nothing taken"}
    with way.ledger.engine.begin() as connection:
        connection.execute(sa.text("UPDATE receipts SET sha256 = 'other'"))
    assert said()[CODE] == "different"
    way.province.fault("lose receipt")
    way.share(**{ALLOWANCE: [row(n) for n in range(8)]})
    way.send()
    assert said()[CODE] == "not checked"


def test_a_damaged_package_does_not_leave_and_is_made_again(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    delivery = small.make()
    folder = small.home / "packages" / "province" / "306012_000001" / "000001"
    (folder / "rows.parquet").write_bytes((folder / "rows.parquet").read_bytes()[:-7])
    with pytest.raises(PackageDamaged):
        small.deliver(delivery)
    import shutil

    shutil.rmtree(folder)
    assert small.send().status == "taken"
    small.equal()


def test_another_hub_with_the_same_numbers_is_noticed(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    delivery = small.make()
    small.deliver(delivery)
    with small.province.engine.begin() as connection:
        connection.execute(sa.text("UPDATE exchange_batch SET sha256 = 'other'"))
    with pytest.raises(DeliveryRefused):
        small.deliver(delivery)


def test_a_platform_that_is_away_keeps_the_package(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    delivery = small.make()
    entry = {"main": {"dialect": "postgresql", "host": "127.0.0.1", "port": 1, "database": "x", "secret": "p"}}
    (small.home / "connections.yml").write_text(yaml.safe_dump({"province/platform": entry}))
    with pytest.raises(SourceRefused):
        small.deliver(delivery)
    (small.home / "secrets.yml").write_text(yaml.safe_dump({"p": {"user": "u", "password": "hunter2"}}))
    (small.home / "secrets.yml").chmod(0o644)
    with pytest.raises(RegistrationError, match="chmod 600"):
        small.deliver(delivery)
    (small.home / "secrets.yml").chmod(0o600)
    with pytest.raises(SourceUnavailable) as caught:
        small.deliver(delivery)
    assert "hunter2" not in str(caught.value)
    assert small.ledger.delivery(delivery.id).status == "prepared"


def test_a_platform_that_moves_keeps_its_copy_and_a_new_one_is_made_good_by_a_full_package(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    small.send()
    (small.home / "connections.yml").write_text(yaml.safe_dump({"a/b": {"main": {}}, "province/platform": {"main": {"dialect": "lost"}}}))
    prepare(small.home).close()
    assert set(yaml.safe_load((small.home / "connections.yml").read_text())) == {"a/b", "province/platform"}
    assert (small.home / "connections.yml").stat().st_mode & 0o777 == 0o600
    assert small.equal() == 1
    small.province.close()
    small.city = city(profile={"refusals": {"E02": {"next_zh": "自动全量报送", "full": True}}})
    small.province = prepare(small.home, f"sqlite:///{small.home}/other.sqlite")
    small.share(**{ALLOWANCE: [row(1), row(2)]})
    assert small.send().code == "E02"
    assert small.send().status == "taken"
    assert small.equal() == 2


STEPS = ["package._write", "book.Ledger.prepare", "package._remember", "sending._announce", "book.Ledger.sent", "receipts._keep"]


@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_is_caught_up_by_the_next_run(small, monkeypatch, step):
    from docking import receipts
    from docking.platforms.front_end import sending
    from ledger import book

    small.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    small.send()
    small.share(**{ALLOWANCE: [row(n, members=77) for n in range(3, 12)]})
    module, name = step.split(".", 1)
    where = {"package": package, "sending": sending, "receipts": receipts, "book": book}[module]
    for part in name.split(".")[:-1]:
        where = getattr(where, part)

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(where, name.split(".")[-1], die)
        small.send()
    if step == "receipts._keep":
        small.collect()
    else:
        assert ALLOWANCE in small.pending()
        small.send()
    assert [(d.sequence, d.status) for d in small.ledger.deliveries(resource=CODE)] == [(2, "taken"), (1, "taken")]
    assert small.equal() == 9
    assert small.make() is None


MOMENTS = (
    "docking/packing.py contents return", "docking/packing.py _rows return", "docking/packing.py _manifest call",
    "docking/packing.py write return", "ledger/book.py prepare return", "docking/package.py _remember return",
    "front_end/sending.py _clear return", "front_end/sending.py _insert return", "front_end/sending.py _announce return",
    "ledger/book.py sent call", "ledger/book.py sent return", "front_end/__init__.py answers return",
    "ledger/book.py _close call", "ledger/book.py answered return",
)  # fmt: skip


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(small):
    fresh = multiprocessing.get_context("forkserver")
    fresh.set_forkserver_preload(["tests.docking.killed"])
    small.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    for round_, moment in enumerate(MOMENTS):
        small.share(**{ALLOWANCE: [row(n, members=round_) for n in range(round_, round_ + 9)]})
        child = fresh.Process(target=killed.send, args=(str(small.home), moment))
        child.start()
        child.join(120)
        assert child.exitcode == -signal.SIGKILL, moment
        small.province.process(), small.collect()
        small.send()
        assert small.equal() == 9, moment
    numbers = [d.sequence for d in small.ledger.deliveries(resource=CODE)]
    assert numbers == list(range(len(numbers), 0, -1))
    assert {d.status for d in small.ledger.deliveries(resource=CODE)} == {"taken"}
    assert small.ledger.last_delivery("province", CODE).sequence == len(MOMENTS)


def test_old_package_files_are_removed_and_the_ledger_keeps_what_they_were(small):
    for n in range(1, 7):
        small.share(**{ALLOWANCE: [row(i) for i in range(n)], PENSION: []})
        small.send()
    kept = sorted(p.name for p in (small.home / "packages" / "province" / "306012_000001").iterdir() if p.is_dir())
    assert kept == ["000003", "000004", "000005", "000006"]
    assert len(small.ledger.deliveries(resource=CODE)) == 6


def test_a_package_is_noted_in_the_lake_with_its_run(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    small.make()
    seen = made.newest(small.lake, "package")[f"province/{ALLOWANCE}"]
    assert (seen.run, seen.rows) == ("run", 1)
    assert "run" in small.lake.committed()


def test_both_sides_hash_by_themselves_and_agree(small):
    small.share(
        **{
            ALLOWANCE: [
                row(n, remark=text) for n, text in enumerate(["", " ", "\\", "\\N", "a\x1fb", "𠮷", "a\nb", "a,b", '"', None, "é"])
            ],
            PENSION: [],
        }
    )
    assert small.send().status == "taken"
    small.equal()
    resource = leaving(small.city)[ALLOWANCE]
    with small.lake.reading() as con:
        ours = packing.copy_of(con, resource, keys.key(small.home, "platform"), packing.newest_version(con))
    receipt = small.ledger.receipts(small.ledger.deliveries()[0].id)[0]
    assert ours == (receipt.total, receipt.sha256)
    assert columns(["a"]) == '"a"'
