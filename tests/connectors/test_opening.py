"""Finding a kind, replacing how a system is reached, and keeping secrets to ourselves."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from connectors.opening import open_system, validate
from schemas.documents import read as read_file
from schemas.errors import HubError, RegistrationError, SourceRefused, SourceUnavailable
from schemas.kinds import kinds
from schemas.registration import System
from schemas.secrets import Secret


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_HOME", str(tmp_path))
    return tmp_path


def system(connection, read=None):
    own = {"path": "/t"} if connection["connector"] == "rest" else {"table": "t"}
    what = {"title": "表", "raw": "test", "read": {**own, "key": ["id"], **(read or {})}}
    return System.model_validate({"path": "department/far", "title": "远端", "connections": {"main": connection}, "datasets": {"t": what}})


def write(home, name, text, mode=0o600):
    (home / name).write_text(text, "utf-8")
    (home / name).chmod(mode)


SQLITE = {"connector": "database", "dialect": "sqlite", "file": "a.sqlite"}


def test_kinds_are_found_by_their_file_names():
    assert {"database", "files", "rest"} <= set(kinds())
    assert not {"patience", "wording", "opening", "secrets", "contract"} & set(kinds())


def told(tmp_path, text: str) -> tuple[list[str], list[str]]:
    """What is said of a registration, line by line, in both languages."""
    path = tmp_path / "far.yml"
    path.write_text(text, "utf-8")
    with pytest.raises(RegistrationError) as caught:
        read_file(path, System, path="department/far")
    return caught.value.zh.splitlines()[1:], caught.value.en.splitlines()[1:]


def written(connection: str, read: str, more: str = "") -> str:
    return f"title: 远端\nconnector: {connection}\n{more}datasets:\n  t:\n    title: 表\n    raw: test\n    read: {read}\n"


@pytest.mark.parametrize(
    ("connection", "read", "line", "named"),
    [
        ("fax", "{table: t}", 2, "fax"),
        (
            "database\nconnection: {dialect: sqlite, file: a, pasword: x}",
            "{table: t}",
            3,
            "unknown word 'pasword'; allowed here: connector, database",
        ),
        ("database\nconnection:\n  file: a\n  dialect: oracel", "{table: t}", 5, "dialect"),
        ("database\nconnection: {dialect: sqlite, file: a}", "{table: t, sheet: x}", 8, "allowed here: append"),
        ("database\nconnection: {dialect: sqlite, file: a}", "{tabel: t}", 8, "did you mean table"),
        ("database\nconnection: {dialect: sqlite, file: a}", "{table: t, whole: per file}", 8, "whole"),
        ("database\nconnection: {dialect: sqlite, file: a}", "{table: t, lag: 5 minutes}", 8, "lag"),
        ("files\nconnection: {folder: a}", "{table: t}", 8, "unknown word 'table'"),
        ("files\nconnection: {folder: a}", "{files: '*.csv', sheet: x}", 8, ".csv files have no use for it"),
        ("files\nconnection: {folder: a}", "{files: '*.csv', until: 合计}", 8, ".csv files have no use for it"),
        ("files\nconnection: {folder: a}", "{files: '*.xlsx', delimiter: ';'}", 8, ".xlsx files have no use for it"),
        ("files\nconnection: {folder: a}", "{files: '*.csv', encoding: klingon}", 8, "gb18030"),
        ("files\nconnection: {folder: a}", "{files: '*.csv', delimiter: '||'}", 8, "one sign"),
        ("files\nconnection: {folder: a}", "{files: '../*.csv'}", 8, "must not lead out"),
        ("files\nconnection: {folder: a}", "{files: '/etc/*'}", 8, "must not lead out"),
        ("files\nconnection: {folder: '..'}", "{files: '*.yml'}", 3, "HUB_HOME/far"),
        ("files\nconnection: {folder: /etc}", "{files: '*.yml'}", 3, "HUB_HOME/far"),
        ("rest\nconnection: {url: 'http://a.invalid'}", "{path: /a, page: {numbr: p}}", 8, "did you mean number"),
    ],
)
def test_every_wrong_word_of_a_kind_is_told_with_its_line_and_what_is_allowed(tmp_path, connection, read, line, named):
    zh, en = told(tmp_path, written(connection, read))
    assert len(zh) == len(en)
    assert any(f"far.yml:{line}:" in e and named in e for e in en), en
    assert all(f"far.yml:{line}:" in z for z in zh)


def test_a_wrong_connection_repeats_no_value(tmp_path):
    zh, en = told(tmp_path, written("rest\nconnection: {url: 'http://u:Rather-Secret-77@a.invalid', auth: Rather-Secret-77}", "{path: /a}"))
    assert not any("Rather-Secret-77" in line for line in (*zh, *en))


def reading(text: str):
    return System.model_validate({"path": "department/far", **yaml.safe_load(text)})


def test_what_a_system_says_of_reading_holds_for_its_datasets_and_their_own_word_counts():
    more = """connection: {folder: a}
reading: {encoding: gb18030, key: [ID], whole: all}
"""
    of = reading(
        written("files", "{files: '*.csv'}", more)
        + "  own: {title: 表, raw: test, read: {files: '*.csv', encoding: utf-8, whole: null}}\n"
        + "  book: {title: 表, raw: test, read: {files: '*.xlsx'}}\n"
    )
    shared, own, book = (of.datasets[n].reading for n in ("t", "own", "book"))
    assert (shared.encoding, shared.key, shared.whole) == ("gb18030", ("ID",), "all")
    assert (own.encoding, own.key, own.whole) == ("utf-8", ("ID",), None)
    assert (book.encoding, book.key) == (None, ("ID",))


@pytest.mark.parametrize(("word", "line"), [("sheet: x", 4), ("encodng: gb18030", 4), ("encoding: klingon", 4)])
def test_a_shared_word_that_no_dataset_can_have_is_told_at_its_own_line(tmp_path, word, line):
    _, en = told(tmp_path, written("files", "{files: '*.csv'}", f"connection: {{folder: a}}\nreading: {{{word}}}\n"))
    assert all(f"far.yml:{line}: reading." in e for e in en), en


def test_a_good_registration_has_nothing_to_be_said_about():
    assert validate(system(SQLITE, {"cursor": "at", "lag": "5 minutes"})) == []


@pytest.mark.parametrize("folder", ["..", "a/../..", "/etc", "../far/../.."])
def test_a_registration_may_not_name_a_place_outside(folder):
    with pytest.raises(ValidationError):
        files_in(folder)


def files_in(folder: str) -> System:
    what = {"title": "表", "raw": "test", "read": {"files": "*"}}
    return System.model_validate(
        {
            "path": "department/far",
            "title": "远端",
            "connections": {"main": {"connector": "files", "folder": folder}},
            "datasets": {"t": what},
        }
    )


@pytest.mark.parametrize("leads", ["..", "../lake", "/etc"])
def test_a_link_may_not_lead_out_either_and_validate_says_so_as_sync_does(home, leads):
    (home / "far").mkdir()
    (home / "far" / "drop").symlink_to(leads)
    assert "folder" in validate(files_in("drop"))[0][1]
    with pytest.raises(RegistrationError, match="folder"):
        open_system(files_in("drop"))


def test_a_link_in_the_folder_to_what_the_hub_wrote_is_no_file_of_the_far_side(home):
    (home / "far" / "drop").mkdir(parents=True)
    write(home, "secrets.yml", "a: b")
    (home / "far" / "drop" / "x.csv").symlink_to(home / "secrets.yml")
    of = files_in("drop")
    with pytest.raises(SourceUnavailable):
        open_system(of).pull(of.datasets["t"], None)


@pytest.mark.parametrize("named", [".", "lake"])
def test_not_even_an_administrator_sends_the_hub_to_its_own_files(home, named):
    write(home, "connections.yml", f"department/far: {{main: {{connector: files, folder: {home / named}}}}}")
    assert validate(files_in("drop"))
    with pytest.raises(RegistrationError, match="folder"):
        open_system(files_in("drop"))


def test_a_wrong_word_in_connections_yml_is_told_with_that_files_line_and_no_value(home):
    write(home, "connections.yml", "department/far:\n  main:\n    connector: files\n    folder: /a\n    pasword: Rather-Secret-77\n")
    with pytest.raises(RegistrationError) as caught:
        open_system(files_in("drop"))
    assert "connections.yml:5: department/far.main.pasword" in caught.value.en
    assert "Rather-Secret-77" not in caught.value.en + caught.value.zh


def test_connections_yml_replaces_an_entry_whole(home, tmp_path):
    write(home, "connections.yml", f"department/far: {{main: {{connector: database, dialect: sqlite, file: {tmp_path}/far/b.sqlite}}}}")
    opened = open_system(system({"connector": "rest", "url": "https://nowhere.invalid"}))
    assert opened.options.file == f"{tmp_path}/far/b.sqlite"
    with pytest.raises(RegistrationError, match="other"):
        open_system(system(SQLITE), "other")


@pytest.mark.parametrize("name", ["connections.yml", "secrets.yml"])
def test_a_file_that_others_can_read_is_refused(home, name):
    write(home, name, "{}", mode=0o644)
    with pytest.raises(HubError, match="chmod 600"):
        open_system(system({**SQLITE, "secret": "x"}))


def test_a_missing_secret_is_refused_with_its_name_and_the_next_step(home):
    write(home, "secrets.yml", "other: {password: Rather-Secret-77}")
    with pytest.raises(SourceRefused, match="mine") as caught:
        open_system(system({**SQLITE, "secret": "mine"}))
    assert "Rather-Secret-77" not in str(caught.value) + caught.value.en


def test_a_secret_is_never_shown():
    secret = Secret(user="u", password="Rather-Secret-77", token="Token-77", api_key="Key-77")
    shown = f"{secret} {secret!r} {[secret]}"
    assert not any(v in shown for v in ("Rather-Secret-77", "Token-77", "Key-77"))
    assert "Rather-Secret-77" not in secret.scrub("failed: password=Rather-Secret-77")
