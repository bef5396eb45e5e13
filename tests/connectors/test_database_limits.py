"""What a far side can bear, and what we bear of it: connections, pace, memory, silence, secrets."""

from __future__ import annotations

import os
import resource
import signal
import socket
import threading
import time
import traceback
from contextlib import closing

import pytest

from schemas.errors import SourceRefused, SourceUnavailable, SystemUnreachable
from tests import services
from tests.connectors.database_sides import opened, read, system

PASSWORD = "Rather-Secret-77"
BY_KEY = {"key": ["id"], "whole": "all"}


@pytest.fixture(scope="module")
def postgres():
    with services.postgres() as service:
        service.run(
            "CREATE TABLE t AS SELECT i AS id, md5(i::text) AS name, i::numeric(12,2) AS amount, now() AS at FROM generate_series(1, 400000) i"
        )
        yield service


def counted(postgres):
    return postgres.run("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lianshu' AND datname = current_database()")[0][0]


@pytest.mark.parametrize("path", ["fast", "plain"])
def test_one_connection_is_all_it_takes(postgres, path):
    of = system(BY_KEY)
    most = 0
    with closing(opened(postgres, of, path)) as connector:
        for _ in connector.pull(of.datasets["t"], None).batches:
            most = max(most, counted(postgres))
    assert most == 1
    time.sleep(0.2)
    assert counted(postgres) == 0


def test_a_pull_that_is_left_in_the_middle_lets_go(postgres):
    of = system(BY_KEY)
    with closing(opened(postgres, of, "fast")) as connector:
        pull = connector.pull(of.datasets["t"], None)
        next(pull.batches)
        assert (pull.cursor, pull.whole) == (None, frozenset())
        pull.batches.close()
    for _ in range(30):
        if not counted(postgres):
            return
        time.sleep(0.1)
    assert counted(postgres) == 0


@pytest.mark.parametrize("path", ["fast", "plain"])
def test_a_far_side_that_dies_in_the_middle_is_an_error_and_nothing_is_whole(postgres, path):
    of = system(BY_KEY)
    with closing(opened(postgres, of, path)) as connector:
        pull = connector.pull(of.datasets["t"], None)
        next(pull.batches)
        postgres.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lianshu' AND datname = current_database()"
        )
        with pytest.raises(SourceUnavailable) as caught:
            for _ in pull.batches:
                pass
    assert (pull.cursor, pull.whole) == (None, frozenset())
    assert "department/far/t" in caught.value.zh


@pytest.mark.parametrize("path", ["fast", "plain"])
def test_a_mariadb_that_ends_the_connection_in_the_middle_is_an_error_too(path):
    with services.mariadb() as service:
        # far more than is read ahead before the connection is killed
        service.run("CREATE TABLE t AS SELECT seq AS id, repeat('x', 150) AS name FROM seq_1_to_1200000")
        of = system(BY_KEY)
        with closing(opened(service, of, path)) as connector:
            pull = connector.pull(of.datasets["t"], None)
            next(pull.batches)
            others = f"SELECT id FROM information_schema.processlist WHERE db = '{service.database}' AND id <> connection_id()"
            for (connection,) in service.run(others):
                service.run(f"KILL {connection}")
            with pytest.raises(SourceUnavailable):
                for _ in pull.batches:
                    pass
        assert (pull.cursor, pull.whole) == (None, frozenset())


def test_rows_deleted_while_they_are_read_do_not_tear_the_picture(postgres):
    """One snapshot: what was there at the beginning comes, all of it."""
    postgres.run("DROP TABLE IF EXISTS moving", "CREATE TABLE moving AS SELECT i AS id FROM generate_series(1, 300000) i")
    of = system({**BY_KEY, "table": "moving"})
    for path in ("fast", "plain"):
        with closing(opened(postgres, of, path)) as connector:
            pull = connector.pull(of.datasets["t"], None)
            postgres.run("DELETE FROM moving WHERE id % 2 = 0", "INSERT INTO moving SELECT generate_series(1, 300000, 2) + 1")
            assert sum(b.rows.num_rows for b in pull.batches) == 300_000


@pytest.mark.parametrize("path", ["fast", "plain"])
def test_the_pace_is_kept(postgres, path):
    of = system({**BY_KEY, "only": {"id": [str(n) for n in range(1, 3001)]}}, limits={"rows_per_second": 2000})
    start = time.monotonic()
    rows, _ = read(postgres, of, path=path)
    assert rows.num_rows == 3000
    assert time.monotonic() - start >= 1.4


def test_a_slow_far_side_is_never_read_in_one_go(postgres):
    from connectors.database.session import Session

    of = system(BY_KEY, limits={"rows_per_second": 5000})
    connector = opened(postgres, of)
    with closing(connector):
        assert isinstance(connector.reader(1_000_000), Session)


def test_memory_does_not_grow_with_the_table(postgres):
    of = system(BY_KEY)
    assert read_all(postgres, of, "plain") == read_all(postgres, of, "fast") == 400_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    postgres.run("CREATE TABLE large AS SELECT * FROM t, generate_series(1, 4)")
    assert read_all(postgres, system({**BY_KEY, "table": "large"}), "fast") == 1_600_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB; the table is more than that


def read_all(postgres, of, path):
    with closing(opened(postgres, of, path)) as connector:
        return sum(b.rows.num_rows for b in connector.pull(of.datasets["t"], None).batches)


@pytest.mark.parametrize("dialect", ["postgresql", "mysql"])
def test_a_host_that_takes_the_call_and_says_nothing_is_given_up(postgres, dialect):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        of = system(BY_KEY, limits={"timeout": "6 seconds"})
        start = time.monotonic()
        with pytest.raises(SystemUnreachable, match="department/far"):  # so that its other datasets need not wait as well
            read(postgres, of, dialect=dialect, host="127.0.0.1", port=silent.getsockname()[1])
        assert time.monotonic() - start < 5


@pytest.mark.parametrize("path", ["fast", "plain"])
def test_a_server_that_falls_silent_in_the_middle_is_given_up(postgres, path):
    """Its process is stopped, as if the machine hung; the socket stays open."""
    if postgres.run("SELECT inet_server_addr()::text")[0][0] not in ("127.0.0.1/32", "::1/128") or os.geteuid() != 0:
        pytest.skip("only the owner of the server's processes can stop them")
    of = system(BY_KEY, limits={"timeout": "2 seconds"})
    with closing(opened(postgres, of, path)) as connector:
        pull = connector.pull(of.datasets["t"], None)
        pid = postgres.run(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'lianshu' AND datname = current_database() ORDER BY backend_start DESC"
        )[0][0]
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(SourceUnavailable):
                for _ in pull.batches:
                    pass
        finally:
            os.kill(pid, signal.SIGCONT)
    assert not pull.whole


def password_server(words: bytes) -> socket.socket:
    """Answers every call with one PostgreSQL error, then hangs up."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                call, _ = server.accept()
            except OSError:
                return
            with call:
                call.recv(8)  # asks for TLS first
                call.sendall(b"N")
                call.recv(4096)
                call.sendall(b"E" + (len(words) + 4).to_bytes(4, "big") + words)

    threading.Thread(target=answer, daemon=True).start()
    return server


@pytest.mark.parametrize("path", ["fast", "plain"])
def test_a_server_that_repeats_the_password_in_its_error_does_not_get_it_shown(postgres, path):
    said = b"SFATAL\0C28P01\0Mpassword authentication failed for " + PASSWORD.encode() + b"\0\0"
    with password_server(said) as server:
        postgres_like = type("Far", (), {"connection": postgres.connection, "secret": {"user": "a", "password": PASSWORD}})
        with pytest.raises(SourceRefused) as caught:
            read(postgres_like, system(BY_KEY), path=path, host="127.0.0.1", port=server.getsockname()[1])
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caught.value.en + caught.value.next_zh
    assert PASSWORD not in shown


def test_a_database_that_does_not_exist_is_refused(postgres):
    with pytest.raises(SourceRefused):
        read(postgres, system(BY_KEY), database="hub_test_no_such_database")


def test_a_table_that_may_not_be_read_is_named(postgres):
    from schemas.errors import SourceChanged

    postgres.run("DROP ROLE IF EXISTS hub_test_blind", "CREATE ROLE hub_test_blind LOGIN")
    far = type("Far", (), {"connection": postgres.connection, "secret": {"user": "hub_test_blind"}})
    try:
        with pytest.raises((SourceChanged, SourceRefused), match="t"):
            read(far, system(BY_KEY))
    finally:
        postgres.run("DROP ROLE hub_test_blind")
