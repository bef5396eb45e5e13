"""What was given is taken back when it may be held no longer, whatever took the right away."""

import json
import multiprocessing
import shutil
import signal

import pytest
import sqlalchemy as sa

from docking import withdrawal
from docking.reconcile import reconcile
from schemas.registration import Sharing
from tests.docking import killed
from tests.docking.shared_city import ALLOWANCE, CODE, PENSION, city, record, row, system

OTHER = "306009/000007"
PATHS = {"civil_affairs/assistance": CODE, "human_resources/pension": OTHER}


def changed(**resource):
    """The city with the first system's resource changed."""
    return [system("civil_affairs/assistance", CODE, **resource), system("human_resources/pension", OTHER)]


def at_stage(stage):
    first, second = changed()
    return [first.model_copy(update={"stage": stage, "reason": "系统整合"}), second]


def without(what):
    first, second = changed()
    dataset = first.datasets["person"].model_copy(update=what)
    return [first.model_copy(update={"datasets": {"person": dataset}}), second]


LOSSES = {
    "share none": lambda: changed(share="none", basis="某法第一条", condition=""),
    "agreement": lambda: without({"agreement": "required"}),
    "suspended": lambda: at_stage("suspended"),
    "retired": lambda: at_stage("retired"),
    "back to trial": lambda: at_stage("trial"),
    "no resource": lambda: without({"resource": None}),
    "another code": lambda: without({"resource": Sharing.model_validate({"code": "306012/000009", "share": "unconditional"})}),
    "no dataset": lambda: [changed()[0].model_copy(update={"datasets": {}}), changed()[1]],
}


@pytest.fixture
def given(way):
    way.share(**{ALLOWANCE: [row(n) for n in range(12)], PENSION: [row(50)]})
    way.send(), way.send(PENSION)
    assert len(way.theirs()) == 12
    return way


@pytest.mark.parametrize("loss", LOSSES)
def test_a_resource_that_may_leave_no_longer_is_taken_back(given, loss):
    given.city = city(systems=LOSSES[loss]())
    (owed,) = withdrawal.owed(given.city, given.ledger, "province")
    assert (owed.resource, owed.rows, owed.waits) == (CODE, 12, False)
    assert owed.because.zh
    assert {s.resource: s.verdict for s in reconcile(given.out)}[CODE] == "should not"
    (back,) = given.withdraw()
    assert (back.kind, back.status, back.total, back.sequence) == ("withdrawal", "taken", 0, 2)
    assert given.theirs() == []
    assert len(given.theirs(OTHER)) == 1
    assert withdrawal.owed(given.city, given.ledger, "province") == []
    assert given.withdraw() == []
    assert {s.resource: s.verdict for s in reconcile(given.out)}[CODE] == "withdrawn"
    with given.province.engine.connect() as connection:
        entry = connection.execute(sa.text("SELECT entry FROM exchange_catalogue WHERE resource = :r"), {"r": CODE}).scalar()
    assert json.loads(entry)["目录状态"] == "已撤销"


def test_a_withdrawal_names_every_row_that_was_given_and_nothing_of_it(given):
    given.city = city(systems=LOSSES["share none"]())
    (back,) = given.withdraw()
    assert (back.previous, back.deleted, back.rows) == (1, 12, 12)
    with given.province.engine.connect() as connection:
        rows = connection.execute(sa.text('SELECT * FROM "exchange_306012_000001"')).mappings().all()
    assert {r["op_type"] for r in rows} == {"D"}
    assert all(r[c] is None for r in rows for c in ("name", "born", "amount", "remark"))


def test_what_may_leave_again_is_sent_anew(given):
    given.city = city(systems=LOSSES["suspended"]())
    given.withdraw()
    assert ALLOWANCE not in given.pending()
    given.city = city()
    again = given.send()
    assert (again.kind, again.status, again.sequence) == ("full", "taken", 3)
    assert given.equal() == 12


def test_an_agreement_that_ends_is_a_withdrawal_and_one_that_comes_back_a_full_package(small):
    small.city = city(systems=LOSSES["agreement"]())
    small.ledger.agree(ALLOWANCE, note="1号")
    small.share(**{ALLOWANCE: [row(1), row(2)], PENSION: []})
    assert small.send().status == "taken"
    small.ledger.agree(ALLOWANCE, on_file=False, note="2号")
    assert [d.status for d in small.withdraw()] == ["taken"]
    assert small.theirs() == []
    small.ledger.agree(ALLOWANCE, note="3号")
    assert small.send().kind == "full"
    small.equal()


def test_a_platform_that_takes_no_deletions_gets_a_notice(given):
    given.city = city(systems=LOSSES["share none"](), profile={"withdrawal": "notice"})
    (back,) = given.withdraw()
    assert (back.kind, back.status, back.rows) == ("notice", "taken", 0)
    assert given.theirs() == []


def test_rows_that_can_be_listed_no_longer_are_replaced_by_nothing(given):
    with given.lake.maintaining() as con:
        con.execute(f"CALL ducklake_expire_snapshots('lake', versions => [{given.ledger.last_delivery('province', CODE).snapshot}])")
    given.city = city(systems=LOSSES["retired"]())
    (back,) = given.withdraw()
    assert (back.previous, back.rows, back.status) == (0, 0, "taken")
    assert given.theirs() == []


def test_masks_grown_stricter_since_do_not_hinder_a_withdrawal(given):
    given.city = city(record(remark={"title": "说明"}), systems=LOSSES["share none"]())
    assert [d.status for d in given.withdraw()] == ["taken"]
    assert given.theirs() == []


def test_a_column_that_may_leave_no_longer_is_gone_from_the_copy(given):
    given.city = city(record(remark={"title": "说明"}))
    assert given.send().kind == "full"
    assert "remark" not in given.theirs()[0]


def test_a_registration_that_is_gone_or_broken_withdraws_nothing_by_itself(given):
    given.city = city(systems=[system("human_resources/pension", OTHER)])
    (owed,) = withdrawal.owed(given.city, given.ledger, "province")
    assert owed.asks
    assert given.withdraw() == []
    assert len(given.theirs()) == 12
    assert [d.status for d in given.withdraw(named=frozenset({CODE}))] == ["taken"]
    assert given.theirs() == []


def test_a_package_that_has_not_left_is_recalled_and_nothing_else_is_sent(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    small.make()
    small.city = city(systems=LOSSES["share none"]())
    assert small.withdraw() == []
    assert small.ledger.last_delivery("province", CODE).code == "RECALLED"
    assert withdrawal.owed(small.city, small.ledger, "province") == []


def test_a_refused_withdrawal_stays_owed_and_goes_again_when_asked(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    small.send()
    small.city = city(systems=LOSSES["share none"]())
    small.province.fault("refuse")
    assert [d.status for d in small.withdraw()] == ["refused"]
    (owed,) = withdrawal.owed(small.city, small.ledger, "province")
    assert owed.refused
    assert small.withdraw() == []
    assert [d.status for d in small.withdraw(again=True)] == ["taken"]
    assert small.theirs() == []


def test_a_difference_found_by_reconciling_leads_to_a_full_package(given):
    with given.ledger.engine.begin() as connection:
        connection.execute(sa.text("UPDATE receipts SET sha256 = 'other' WHERE delivery = 1"))
    assert given.pending() == []
    assert {s.resource: s.verdict for s in reconcile(given.out)}[CODE] == "different"
    assert given.pending() == [ALLOWANCE]
    healed = given.send()
    assert (healed.kind, healed.status) == ("full", "taken")
    assert "对账不一致" in healed.because_zh
    assert {s.resource: s.verdict for s in reconcile(given.out)}[CODE] == "equal"
    assert given.pending() == []


MOMENTS = (
    "docking/packing.py deletions return", "docking/packing.py write return", "ledger/book.py prepare return",
    "docking/package.py remember return", "front_end/sending.py put return", "ledger/book.py sent call", "ledger/book.py sent return",
    "front_end/__init__.py answers return", "ledger/book.py _close call", "ledger/book.py answered return",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_any_moment_of_a_withdrawal_ends_as_if_undisturbed(small, moment):
    small.share(**{ALLOWANCE: [row(n) for n in range(9)], PENSION: []})
    small.send()
    fresh = multiprocessing.get_context("forkserver")
    fresh.set_forkserver_preload(["tests.docking.killed"])
    child = fresh.Process(target=killed.withdraw, args=(str(small.home), moment))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL, moment
    small.city = city(systems=LOSSES["share none"]())
    small.province.process(), small.collect()
    small.withdraw()
    assert small.theirs() == []
    assert withdrawal.owed(small.city, small.ledger, "province") == []
    assert [(d.sequence, d.kind, d.status) for d in small.ledger.deliveries(resource=CODE)] == [
        (2, "withdrawal", "taken"),
        (1, "full", "taken"),
    ]


def test_lost_files_of_a_withdrawal_are_made_again(small):
    small.share(**{ALLOWANCE: [row(1)], PENSION: []})
    small.send()
    small.city = city(systems=LOSSES["share none"]())
    (one,) = withdrawal.due(small.out)
    made = withdrawal.make(small.out, one, "run")
    shutil.rmtree(small.out.folder(CODE) / f"{made.sequence:06d}")
    assert [d.status for d in small.withdraw()] == ["taken"]
    assert small.theirs() == []


def test_two_platforms_have_their_own_numbers_keys_and_copies(small):
    from demo.province import Province
    from docking.way import Way
    from schemas.city import City, Settings

    settings = Settings(title="某市", division="999999", platforms={"province": {}, "prefecture": {"only": [CODE]}})
    first = city()
    small.city = City(settings, first.departments, first.systems, first.records, first.codes, first.derived)
    small.share(**{ALLOWANCE: [row(n) for n in range(5)], PENSION: [row(50)]})
    other = Way(small.home, small.city, small.lake, small.ledger, "prefecture")
    assert set(other.leaving()) == {ALLOWANCE}
    assert other.key != small.out.key
    far = Province(f"sqlite:///{small.home}/prefecture.sqlite")
    import yaml

    known = yaml.safe_load((small.home / "connections.yml").read_text())
    known["prefecture/platform"] = {"main": {"dialect": "sqlite", "file": str(small.home / "prefecture.sqlite")}}
    (small.home / "connections.yml").write_text(yaml.safe_dump(known))
    from docking.deliver import deliver
    from docking.package import make
    from docking.platforms import open_exchange
    from docking.receipts import collect

    small.send()
    exchange = open_exchange(small.home, small.city, "prefecture")
    sent = deliver(other, exchange, make(other, ALLOWANCE, "run"))
    assert sent.sequence == 1
    far.process()
    assert [r.status for r in collect(other, exchange).receipts] == ["taken"]
    exchange.close()
    theirs, ours = {r["row_key"] for r in far.copy(CODE)}, {r["row_key"] for r in small.province.copy(CODE)}
    assert len(theirs) == len(ours) == 5
    assert not theirs & ours
    far.close()
