"""The ledger: opened once by many, mended after a crash, silent about people and secrets."""

import datetime as dt
import multiprocessing
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ledger.models import Base, Delivery, Receipt
from ledger.opening import MIGRATIONS, LedgerError, newest, open_ledger
from schemas.errors import SourceRefused
from tests import services


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request, tmp_path, monkeypatch):
    monkeypatch.delenv("HUB_LEDGER", raising=False)
    if request.param == "sqlite":
        yield tmp_path
        return
    with services.postgres() as service:
        monkeypatch.setenv("HUB_LEDGER", service.engine.url.render_as_string(hide_password=False))
        yield tmp_path


@pytest.fixture
def ledger(home):
    opened = open_ledger(home)
    yield opened
    opened.close()


def package(**more):
    return Delivery(**{
        "platform": "province", "resource": "306012/000001", "dataset": "a_b__c", "sequence": 1, "previous": 0, "kind": "full", "batch": "b1", "made_from": 3,
        "snapshot": 9, "definition": "d", "rows": 2, "inserted": 2, "updated": 0, "deleted": 0, "total": 2, "sha256": "0" * 64, **more,
    })  # fmt: skip


def test_a_new_ledger_is_at_the_newest_version_and_has_exactly_the_tables_of_the_models(ledger):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with ledger.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == newest()
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata) == []


def test_every_migration_goes_down_and_up_again(home):
    from alembic import command
    from alembic.config import Config

    opened = open_ledger(home)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with opened.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with opened.engine.connect() as connection:
        assert not sa.inspect(connection).has_table("runs")
    opened.close()
    again = open_ledger(home)
    assert again.start_run("sync", "a/b")
    again.close()


def test_a_ledger_from_a_newer_program_is_left_alone(home):
    opened = open_ledger(home)
    with opened.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    opened.close()
    with pytest.raises(LedgerError, match="9999"):
        open_ledger(home)


def _open(home, barrier):
    barrier.wait()
    open_ledger(Path(home)).start_run("sync", "a/b")


def test_many_processes_may_open_a_new_ledger_at_once(home):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    processes = [context.Process(target=_open, args=(str(home), barrier)) for _ in range(3)]
    [p.start() for p in processes]
    [p.join(60) for p in processes]
    assert [p.exitcode for p in processes] == [0, 0, 0]
    opened = open_ledger(home)
    assert len(opened.runs()) == 3
    opened.close()


def test_only_its_owner_reads_the_ledger_file(tmp_path, monkeypatch):
    monkeypatch.delenv("HUB_LEDGER", raising=False)
    open_ledger(tmp_path).close()
    assert stat.S_IMODE((tmp_path / "ledger.sqlite").stat().st_mode) == 0o600


def test_a_finished_run_says_whose_move_it_is(ledger):
    run = ledger.start_run("sync", "civil_affairs/elderly")
    ledger.finish_run(run, "failed", SourceRefused("口令过期", "the password has expired", next_zh="请民政局更新口令", next_en="renew it"))
    found = ledger.last_runs()["civil_affairs/elderly"]
    assert (found.status, found.message_zh, found.next_zh) == ("failed", "口令过期", "请民政局更新口令")
    assert found.whose_zh == SourceRefused.whose_zh
    assert found.ended_at >= found.started_at
    assert found.ended_at.tzinfo is dt.UTC


def test_an_error_that_is_not_ours_leaves_only_its_class(ledger):
    run = ledger.start_run("sync", "a/b")
    try:
        raise ValueError("could not convert '999999199001011239' with password hunter2")
    except ValueError as error:
        ledger.finish_run(run, "failed", error)
    found = ledger.run(run)
    text = " ".join(str(v) for v in vars(found).values())
    assert "ValueError" in found.message_zh
    assert "test_ledger.py" in found.message_zh
    assert "999999" not in text
    assert "hunter2" not in text


def test_the_newest_run_of_each_system_counts(ledger):
    for system, status in (("a/b", "failed"), ("c/d", "done"), ("a/b", "done")):
        ledger.finish_run(ledger.start_run("sync", system), status)
    ledger.start_run("publish")
    assert {s: r.status for s, r in ledger.last_runs().items()} == {"a/b": "done", "c/d": "done"}


def test_the_last_look_and_the_last_change_are_both_known(ledger):
    ledger.confirm("a_b__c", "r1", changed=True)
    ledger.confirm_all("r2", {"a_b__c": False, "a_b__d": True})
    assert {d: run for d, (_, run) in ledger.confirmed().items()} == {"a_b__c": "r2", "a_b__d": "r2"}


def test_a_stage_has_a_history_and_a_newest(ledger):
    ledger.set_stage("a/b", "testing", by="engineer")
    ledger.set_stage("a/b", "in_service", note="验收")
    assert ledger.stages()["a/b"].stage == "in_service"
    assert [s.stage for s in ledger.stage_history("a/b")] == ["testing", "in_service"]


def test_an_agreement_counts_until_it_ends(ledger):
    ledger.agree("a_b__c", note="2026 第3号")
    ledger.agree("a_b__d")
    ledger.agree("a_b__d", on_file=False)
    assert ledger.agreements() == {"a_b__c"}


def _dead_run(home, run):
    code = f"from pathlib import Path; from ledger.opening import open_ledger; open_ledger(Path({str(home)!r})).start_run('sync', 'a/b', run={run!r})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=MIGRATIONS.parents[1])


def test_a_run_left_open_is_done_if_the_lake_has_its_rows_and_killed_otherwise(home, ledger):
    _dead_run(home, "committed")
    _dead_run(home, "lost")
    living = ledger.start_run("sync", "c/d")
    assert ledger.mend({"committed"}) == {"committed": "done", "lost": "killed"}
    assert ledger.run(living).status == "open"
    assert ledger.mend({"committed"}) == {}


def test_a_process_number_given_again_does_not_keep_a_dead_run_open(ledger):
    run = ledger.start_run("sync", "a/b")
    with ledger.engine.begin() as connection:
        connection.execute(sa.text("UPDATE runs SET born = 'another boot:1'"))
    assert ledger.mend(set()) == {run: "killed"}


def test_a_run_of_another_machine_is_believed_for_a_day(ledger):
    run = ledger.start_run("sync", "a/b")
    with ledger.engine.begin() as connection:
        connection.execute(sa.text("UPDATE runs SET host = 'elsewhere'"))
    assert ledger.mend(set()) == {}
    with ledger.engine.begin() as connection:
        connection.execute(sa.text("UPDATE runs SET started_at = '2020-01-01 00:00:00'"))
    assert ledger.mend(set()) == {run: "killed"}


def test_a_package_number_is_given_once(ledger):
    ledger.prepare(package())
    with pytest.raises(IntegrityError):
        ledger.prepare(package(batch="b2"))


def test_a_delivery_goes_from_prepared_to_sent_to_taken_and_a_receipt_counts_once(ledger):
    one = ledger.prepare(package())
    ledger.sent(one.id)
    assert ledger.delivery(one.id).status == "sent"

    def receipt():
        return Receipt(
            delivery=one.id,
            number="7",
            received_at=dt.datetime.now(dt.UTC),
            status="taken",
            rows=2,
            total=2,
            sha256="",
            code="0",
            text="已入库",
        )

    assert ledger.answered(receipt())
    assert not ledger.answered(receipt())
    ledger.sent(one.id)
    assert ledger.delivery(one.id).status == "taken"
    assert [r.text for r in ledger.receipts(one.id)] == ["已入库"]


def test_a_refusal_is_kept_verbatim_with_its_next_step(ledger):
    one = ledger.prepare(package())
    said = Receipt(
        delivery=one.id, number="8", received_at=dt.datetime.now(dt.UTC), status="refused", code="E07", text="批次 b1：主键重复 ", sha256=""
    )
    ledger.answered(said, next_zh="核对主键", next_en="check the key")
    found = ledger.last_delivery("province", "306012/000001", status=("refused",))
    assert (found.reason, found.code, found.next_zh) == ("批次 b1：主键重复 ", "E07", "核对主键")
