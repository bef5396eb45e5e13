"""Finding a kind, replacing how a system is reached, and keeping secrets to ourselves."""

from __future__ import annotations

import pytest

from connectors.opening import kinds, open_system, validate
from schemas.errors import HubError, RegistrationError, SourceRefused
from schemas.registration import System
from schemas.secrets import Secret


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_HOME", str(tmp_path))
    return tmp_path


def system(connection, read=None):
    what = {"title": "表", "raw": "test", "read": {"table": "t", "key": ["id"], **(read or {})}}
    return System.model_validate({"path": "department/far", "title": "远端", "connections": {"main": connection}, "datasets": {"t": what}})


def write(home, name, text, mode=0o600):
    (home / name).write_text(text, "utf-8")
    (home / name).chmod(mode)


SQLITE = {"connector": "database", "dialect": "sqlite", "file": "a.sqlite"}


def test_kinds_are_found_by_their_file_names():
    assert {"database", "files", "rest"} <= set(kinds())
    assert not {"patience", "wording", "opening", "secrets", "contract"} & set(kinds())


@pytest.mark.parametrize(
    ("connection", "read", "named"),
    [
        ({"connector": "fax"}, {}, "fax"),
        ({**SQLITE, "pasword": "x"}, {}, "pasword"),
        ({**SQLITE, "dialect": "oracel"}, {}, "dialect"),
        (SQLITE, {"sheet": "x"}, "sheet"),
        (SQLITE, {"whole": "per file"}, "whole"),
        (SQLITE, {"lag": "5 minutes"}, "lag"),
        ({"connector": "files", "folder": "a"}, {}, "table"),
    ],
)
def test_what_a_kind_does_not_understand_is_said_in_both_languages(connection, read, named):
    said = validate(system(connection, read))
    assert said
    assert all(zh and en for zh, en in said)
    assert any(named in zh and named in en for zh, en in said)


def test_a_good_registration_has_nothing_to_be_said_about():
    assert validate(system(SQLITE, {"cursor": "at", "lag": "5 minutes"})) == []


@pytest.mark.parametrize("file", ["/etc/passwd", "../../outside.sqlite"])
def test_a_registration_may_not_lead_out_of_the_hubs_folder(file):
    with pytest.raises(RegistrationError):
        open_system(system({**SQLITE, "file": file}))


def test_connections_yml_replaces_an_entry_whole(home, tmp_path):
    write(home, "connections.yml", f"department/far: {{main: {{connector: database, dialect: sqlite, file: {tmp_path}/b.sqlite}}}}")
    opened = open_system(system({"connector": "rest", "url": "https://nowhere.invalid"}))
    assert opened.options.file == f"{tmp_path}/b.sqlite"
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
