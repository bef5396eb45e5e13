"""What goes wrong with a database is told as what it is: form, account, rights, name, cipher, locks, or nobody there."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pymysql
import pytest
import sqlalchemy as sa

from connectors.database.failures import translated
from connectors.wording import Who
from schemas.errors import HubError, SourceChanged, SourceRefused, SourceUnavailable
from tests import services
from tests.connectors.database_sides import File, read, system

WHO = Who("department/far", "t")
BY_KEY = {"key": ["id"], "whole": "all"}


@pytest.fixture(scope="module")
def postgres():
    with services.postgres() as service:
        yield service


@pytest.fixture(scope="module")
def mariadb():
    with services.mariadb() as service:
        yield service


def failed(far, of, path=None, **words) -> HubError:
    with pytest.raises(HubError) as caught:
        read(far, of, path=path, **words)
    assert caught.value.next_zh
    assert caught.value.next_en
    return caught.value


@pytest.mark.parametrize("path", ["fast", "plain"])
def test_a_view_whose_table_is_gone_is_a_change_and_never_unreachable(mariadb, tmp_path, path):
    for far in (mariadb, File(tmp_path / "t.sqlite")):  # PostgreSQL does not let a table under a view go
        far.run("DROP VIEW IF EXISTS v", "DROP TABLE IF EXISTS t", "CREATE TABLE t (id int, name varchar(9))")
        far.run("CREATE VIEW v AS SELECT id, name FROM t", "DROP TABLE t")
        error = failed(far, system({**BY_KEY, "table": "v"}), path)
        assert isinstance(error, SourceChanged), error


@pytest.mark.parametrize(
    "error",
    [
        duckdb.BinderException("Binder Error: Referenced column not found"),
        duckdb.CatalogException("Catalog Error"),
        duckdb.ParserException("Parser Error"),
        duckdb.ConversionException("Conversion Error: 张三"),
        duckdb.InvalidInputException("Invalid Input Error"),
        duckdb.OutOfRangeException("Out of Range Error"),
        sa.exc.ProgrammingError("SELECT", {}, Exception("…")),
        sa.exc.DataError("SELECT", {}, Exception("…")),
        sa.exc.ProgrammingError("SELECT", {}, pymysql.err.ProgrammingError(1146, "Table 'x.t' doesn't exist")),
        sa.exc.OperationalError("SELECT", {}, pymysql.err.OperationalError(1054, "Unknown column '张三'")),
        pa.ArrowInvalid("张三"),
    ],
)
def test_a_fault_of_form_is_never_called_unreachable_and_shows_no_data(error):
    said = translated(error, WHO, "h:1/d")
    assert isinstance(said, SourceChanged), said
    assert "department/far/t" in said.zh
    assert "张三" not in said.zh + said.en


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (1045, SourceRefused, "口令"),
        (1049, SourceRefused, "库名"),
        (1142, SourceRefused, "权限"),
        (2026, SourceRefused, "证书"),
        (1114, SourceUnavailable, "已满"),
        (1205, SourceUnavailable, "锁住"),
        (1040, SourceUnavailable, "连接数"),
        (1969, SourceUnavailable, "时限"),
        (2006, SourceUnavailable, "连不上"),
    ],
)
def test_each_cause_has_words_of_its_own(code, kind, words):
    said = translated(sa.exc.OperationalError("SELECT", {}, pymysql.err.OperationalError(code, "…")), WHO, "h:1/d")
    assert isinstance(said, kind)
    assert words in said.zh
    assert said.next_zh


def test_a_mistake_of_our_own_is_not_blamed_on_the_far_side():
    with pytest.raises(KeyError):
        raise translated(KeyError("x"), WHO, "h:1/d")


@pytest.mark.parametrize("path", ["fast", "plain"])
def test_a_database_that_is_not_there_is_told_by_its_name(postgres, mariadb, path):
    for service in (postgres, mariadb):
        error = failed(service, system(BY_KEY), path, database="hub_test_no_such_database")
        assert isinstance(error, SourceRefused)
        assert "库名" in error.zh


def test_a_table_without_rights_and_a_locked_one_are_told_apart(postgres):
    postgres.run("DROP TABLE IF EXISTS locked CASCADE", "CREATE TABLE locked (id int)", "INSERT INTO locked VALUES (1)")
    of = system({**BY_KEY, "table": "locked"}, limits={"timeout": "2 seconds", "patience": "2 seconds"})
    with postgres.engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE locked IN ACCESS EXCLUSIVE MODE")
        error = failed(postgres, of, "plain")
        assert isinstance(error, SourceUnavailable)
        assert "连不上" not in error.zh


@pytest.mark.parametrize("path", ["fast", "plain"])
def test_a_server_without_tls_is_said_to_offer_none(postgres, path):
    if postgres.run("SHOW ssl")[0][0] == "on":
        pytest.skip("this server offers TLS")
    error = failed(postgres, system(BY_KEY), path, ssl="require")
    assert isinstance(error, SourceRefused)
    assert "加密" in error.zh
