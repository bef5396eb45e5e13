"""What can be wrong before the first row: registrations, hosts, passwords. And where every other case of bad input is tested.

    case                              end to end (here unless a file is named)          the piece itself
    wrong YAML                        a_wrong_registration…                             hub/test_doors, hub/test_whole_path, orchestration/test_definitions
    unreachable host                  a_host_that_does_not_answer…                      connectors/test_database_limits, test_rest_client
    wrong password                    a_wrong_password…, an_interface_that…            connectors/test_database_limits, test_rest_client, demo/test_tick_faults
    missing table, vanished column    test_bad_shapes                                   connectors/test_database_reading, contract_suite
    type change, key changed          test_bad_shapes                                   warehouse/test_landing, connectors/test_database_types
    column newly mapped               test_bad_shapes (complete re-read)                warehouse/test_landing
    0-row full load                   test_bad_rows (blocked; a person lets it pass)    warehouse/test_landing, test_quality_check, hub/test_whole_path
    half-written, growing file        test_bad_files                                    demo/test_tick_faults
    batch short of a part             test_bad_files                                    connectors/test_database_reading (control table)
    ragged CSV                        test_bad_files                                    warehouse/test_landing
    duplicate and NULL keys           test_bad_rows                                     warehouse/test_landing
    good rows turned bad              test_bad_rows (up to the province)                warehouse/test_landing
    wrong check digit, 0000-00-00,
      value outside the code list     test_bad_rows                                     warehouse/test_conversions
    19-digit number in Excel          test_bad_files                                    -
    clock jump                        test_bad_times                                    connectors/test_database_reading, test_rest
    two syncs of one system           test_bad_times                                    hub/test_doors
    publish while snapshots expire    test_bad_times                                    docking/test_docking, warehouse/test_editions_export
    read-only systems/                test_bad_times                                    hub/test_doors

Each asserts the class of the error, that it names system and dataset, says in Chinese whose move it is and what comes
next; that every station and cursor stands as before; and that the mended far side is taken up by the next sync.
"""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchestration.routes import sync
from schemas.city import read_city
from schemas.errors import AccountRefused, RegistrationError, SourceChanged, SourceRefused, SourceUnavailable, SystemUnreachable
from tests import services
from tests.end_to_end.town import SYSTEM, TABLE, Sqlite, registration, row, says
from warehouse import samples


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title: 救助\nconector: database\n", ("assistance.yml:2", "conector", "是不是 connector")),
        ("title: [救助\n", ("assistance.yml", "YAML")),
        ("title: 救助\ntitle: 救助\n", ("assistance.yml:2", "键重复")),
        ("title: &a 救助\nreason: *a\n", ("assistance.yml", "reason", "别名")),
        ("- 救助\n", ("assistance.yml",)),
        ("title: 救助\nstage: alive\n", ("assistance.yml:2", "stage", "alive")),
        ("title: 救助\ncycle: daily\nlimits: {timeout: 5}\n", ("assistance.yml:3", "limits", "2 days")),
    ],
)
def test_a_wrong_registration_names_file_line_and_what_is_allowed_and_loses_nothing(town, far, text, words):
    far.put(row(1), row(2))
    town.sync()
    town.publish()
    before = town.standing()
    good = (town.systems / f"{SYSTEM}.yml").read_bytes()
    town.close()
    (town.systems / f"{SYSTEM}.yml").write_text(text, "utf-8")
    with pytest.raises(RegistrationError) as refused:
        read_city(town.systems, town.schemas)
    says(refused.value, RegistrationError, *words)
    assert "hub systems validate" in refused.value.next_zh
    broken = {}
    assert SYSTEM not in read_city(town.systems, town.schemas, broken=broken).systems
    assert set(broken) == {SYSTEM}
    (town.systems / f"{SYSTEM}.yml").write_bytes(good)
    assert town.standing() == before
    far.put(row(3))
    assert town.sync().accepted


def test_a_field_the_record_type_has_not_got_is_named_with_those_it_has(town, far):
    content = registration({"table": "T"})
    content["datasets"]["person"]["fields"]["colour"] = "YS"
    town.register(content)
    with pytest.raises(RegistrationError) as refused:
        town.city
    says(refused.value, RegistrationError, "assistance.yml", "colour", "income")


@pytest.mark.parametrize(
    ("how", "known"),
    [({"from": "CSRQ", "format": "yyyy/qq"}, "yyyymmdd"), ({"from": "CSRQ", "as": "day"}, "datetime")],
    ids=["format", "as"],
)
def test_a_word_nobody_knows_is_refused_with_those_there_are(town, far, how, known):
    far.put(row(1))
    town.sync()
    before = town.standing()
    content = registration({"table": "T"})
    content["datasets"]["person"]["fields"]["born"] = how
    town.register(content)
    [(zh, en)] = samples.check(town.city, town.city.system(SYSTEM))
    assert all(word in text for word in (f"{SYSTEM}/person", "born", known) for text in (zh, en))
    says(town.sync().error, RegistrationError, f"{SYSTEM}/person", "born", known)
    assert town.standing() == before


@pytest.mark.parametrize(
    "connection",
    [
        {"connector": "database", "dialect": "postgresql", "host": "127.0.0.1", "port": 1, "database": "d", "secret": "far"},
        {"connector": "database", "dialect": "mysql", "host": "127.0.0.1", "port": 1, "database": "d", "secret": "far"},
        {"connector": "database", "dialect": "sqlite", "file": "/nowhere/at/all.sqlite"},
    ],
    ids=lambda c: c["dialect"],
)
def test_a_host_that_does_not_answer_is_retried_and_loses_nothing(town, far, connection):
    far.put(row(1), row(2))
    town.sync()
    before = town.standing()
    town.connect(connection, far={"user": "reader", "password": "geheim-9131"})
    error = says(town.sync().error, SystemUnreachable, SYSTEM, str(connection.get("port", "all.sqlite")))
    assert error.transient
    assert "geheim-9131" not in f"{error} {error.en}"
    assert town.standing() == before
    town.connect({"connector": "database", "dialect": "sqlite", "file": str(far.file)})
    far.put(row(3))
    assert town.sync().accepted
    assert town.count() == 3


def test_a_connection_that_failed_is_not_tried_for_every_dataset(town, far):
    """A dead host would cost its time-out a dataset, and a wrong password tried over and over locks the account."""
    far.put(row(1))
    content = registration({"table": "T"})
    content["datasets"] |= {name: {"title": name, "raw": "测试", "read": {"table": "T", "key": ["NO"]}} for name in ("second", "third")}
    content["connections"] = {
        "main": {"connector": "database", **content["connection"]},
        "other": {"connector": "database", "dialect": "sqlite", "file": "y"},
    }
    del content["connection"], content["connector"]
    content["datasets"]["third"]["read"]["via"] = "other"
    town.register(content)
    town.connect_all(
        {
            "main": {"connector": "database", "dialect": "sqlite", "file": "/nowhere/at/all.sqlite"},
            "other": {"connector": "database", "dialect": "sqlite", "file": str(far.file)},
        }
    )
    told = []
    synced = town.synced(tell=lambda step, name, **_: told.append((step, name.rpartition("/")[2])))
    assert told[:4] == [("pull", "person"), ("failed", "person"), ("not tried", "second"), ("pull", "third")]
    assert {n: type(e) for n, e in synced.failed.items()} == {"person": SystemUnreachable, "second": SystemUnreachable}
    assert town.count("landing", f"{TABLE.rpartition('__')[0]}__third") == 1


def test_one_system_that_does_not_answer_stops_no_other(town, far):
    far.put(row(1))
    other = Sqlite(town, path="health/clinic")
    other.put(row(2))
    content = registration({"table": "T"})
    content["datasets"]["person"]["resource"]["code"] = "306002/1"
    town.register(content, "health/clinic")
    far.file.rename(far.file.with_suffix(".away"))
    says(town.sync().error, SystemUnreachable, SYSTEM)
    assert town.sync("health/clinic").accepted
    town.publish()
    assert town.rows("shared.person", "name") == [("张2",)]


def test_a_wrong_password_is_the_departments_move(town):
    """A real server that really checks: PostgreSQL here may trust everybody, MariaDB does not."""
    with services.mariadb() as service:
        user = f"r_{service.database[-8:]}"
        service.run(
            f"CREATE USER {user}@'%' IDENTIFIED BY 'right-4417'",
            f"GRANT SELECT ON {service.database}.* TO {user}@'%'",
            "CREATE TABLE T (NO int, SFZH varchar(18), XM varchar(20), XB char(1), CSRQ varchar(10), SR decimal(10,2))",
            f"INSERT INTO T VALUES (1, '{row(1)['SFZH']}', '张1', '1', '1980-01-01', 100)",
        )
        try:
            town.register(registration({"table": "T"}))
            town.connect({**service.connection, "secret": "far"}, far={"user": user, "password": "right-4417"})
            assert town.sync().accepted
            before = town.standing()
            service.run(f"ALTER USER {user}@'%' IDENTIFIED BY 'changed-5528'")
            error = says(town.sync().error, AccountRefused, SYSTEM)
            assert not error.transient
            assert "right-4417" not in f"{error} {error.en}"
            assert town.standing() == before
            town.connect({**service.connection, "secret": "far"}, far={"user": user, "password": "changed-5528"})
            service.run(f"INSERT INTO T VALUES (2, '{row(2)['SFZH']}', '张2', '1', '1980-01-01', 100)")
            assert town.sync().accepted
            assert town.count() == 2
        finally:
            town.close()
            service.run(f"DROP USER {user}@'%'")


@contextmanager
def interface(answer):
    """`answer(handler)` gives (status, body)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answer(self)
            said = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Answers:
    """An interface whose mood the test changes."""

    mood = "well"

    def __init__(self):
        self.rows = [row(1), row(2)]

    def __call__(self, handler):
        if "page=1" not in handler.path.split("?")[-1].split("&"):
            return 200, {"code": "0", "data": {"total": 2, "list": []}}
        match self.mood:
            case "401":
                return 401, {"code": 401, "msg": "token expired"}
            case "hidden":
                return 200, {"code": "5003", "msg": "签名已过期", "data": None}
            case "torn":
                return 200, json.dumps({"code": "0", "data": {"total": 2, "list": self.rows}}).encode()[:60]
            case "moved":
                return 200, {"code": "0", "data": {"total": 2, "items": self.rows}}
            case "short":
                return 200, {"code": "0", "data": {"total": 2, "list": self.rows[:1]}}
        token = handler.headers.get("Authorization", "")
        if token != "Bearer token-7731":
            return 401, {"code": 401}
        return 200, {"code": "0", "data": {"total": len(self.rows), "list": self.rows}}


@pytest.mark.parametrize(
    ("mood", "kind"),
    [
        ("401", SourceRefused),
        ("hidden", SourceRefused),
        ("torn", SourceUnavailable),
        ("moved", SourceChanged),
        ("short", SourceUnavailable),
    ],
)
def test_an_interface_that_says_something_else_loses_nothing(town, monkeypatch, mood, kind):
    """An expired token, an error inside a 200, half an answer, a list that has moved, fewer rows than promised."""
    monkeypatch.setattr("time.sleep", lambda _: None)  # the patience itself is tested with the client
    answers = Answers()
    with interface(answers) as url:
        town.register(registration({"path": "/people", "rows": "data.list", "page": {"total": "data.total"}}, "rest"))
        ok = {"path": "code", "values": ["0"], "refused": ["5003"]}
        town.connect(
            {"connector": "rest", "url": url, "auth": "bearer", "secret": "far", "ok": ok, "message": "msg"}, far={"token": "token-7731"}
        )
        assert town.sync().accepted
        before = town.standing()
        answers.mood = mood
        error = says(town.sync().error, kind, f"{SYSTEM}/person")
        assert "token-7731" not in f"{error} {error.en}"
        assert town.standing() == before
        answers.mood = "well"
        answers.rows.append(row(3))
        assert town.sync().accepted
        assert town.count() == 3
        town.close()


def test_a_failed_sync_is_in_the_ledger_with_whose_move_it_is(town, far):
    far.put(row(1))
    town.sync()
    far.file.rename(far.file.with_suffix(".away"))
    synced = sync(town.hub, town.hub.city.system(SYSTEM))
    assert set(synced.failed) == {"person"}
    newest = town.hub.ledger.runs(limit=1)[0]
    assert (newest.id, newest.status) == (synced.run, "failed")
    assert (newest.whose_zh, newest.next_zh) == (SourceUnavailable.whose_zh, synced.failed["person"].next_zh)
    assert town.hub.ledger.confirmed()[TABLE]
