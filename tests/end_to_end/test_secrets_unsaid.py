"""No form of a secret stands anywhere but in the secret store, whatever the far side does with it."""

from __future__ import annotations

import base64
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest
from typer.testing import CliRunner

from schemas.secrets import Secret
from tests import services
from tests.connectors.paper_interface import interface

USER = "枢纽reader"
PASSWORD = 'p/ä+ %7"&<x>\\q-9'


def forms(value: str) -> set[bytes]:
    """As it is, as an address has it, as a header has it."""
    pair = f"{USER}:{value}".encode()
    texts = {value, quote(value), quote(value, safe=""), quote_plus(value), value.encode().hex()}
    return {t.encode() for t in texts} | {base64.b64encode(pair), base64.b64encode(value.encode()), base64.urlsafe_b64encode(pair)}


def sought(home, output: str, value: str) -> None:
    """Nothing below the home but the store itself, and nothing that was printed, holds the value."""
    places = {p: p.read_bytes() for p in home.rglob("*") if p.is_file() and p.name != "secrets.yml"}
    for form in forms(value):
        assert form not in output.encode(), "in the output"
        assert [p for p, content in places.items() if form in content] == []


@pytest.fixture
def hub(tmp_path, monkeypatch):
    home, systems = tmp_path / "home", tmp_path / "systems"
    (home / "far").mkdir(parents=True)
    home.chmod(0o700)
    (systems / "bureau").mkdir(parents=True)
    (systems / "_city.yml").write_text("title: 城\ndivision: '999999'\n", "utf-8")
    (systems / "bureau/_department.yml").write_text("title: 局\n", "utf-8")
    for name, value in {"HUB_HOME": home, "HUB_SYSTEMS": systems, "HUB_LANGUAGE": "en", "COLUMNS": "400"}.items():
        monkeypatch.setenv(name, str(value))
    store = home / "secrets.yml"
    store.touch(mode=0o600)

    def run(connection: str, read: str, secret: dict[str, str], *words: str) -> str:
        import yaml

        from hub.cli import app

        store.write_text(yaml.safe_dump({"far": secret}, allow_unicode=True), "utf-8")
        (systems / "bureau/s.yml").write_text(
            f"title: 试\n{connection}\nlimits: {{timeout: 3 seconds, patience: 5 seconds}}\n"
            f"datasets:\n  t: {{title: 表, raw: 原样, read: {{{read}}}}}\n",
            "utf-8",
        )
        return "".join(
            CliRunner().invoke(app, list(one.split())).output for one in words or ("sync bureau/s", "check bureau/s", "status bureau/s")
        )

    run.home = home
    return run


TROUBLES = ("401", "200", "500", "redirect", "key", "page")
QUICK = [("basic", "401"), ("api_key", "redirect")]  # the rest of the square is among the slow tests


@pytest.mark.parametrize(
    ("auth", "trouble"),
    [("bearer", t) for t in TROUBLES]
    + QUICK
    + [pytest.param(auth, t, marks=pytest.mark.slow) for auth in ("basic", "api_key") for t in TROUBLES if (auth, t) not in QUICK],
)
def test_an_interface_that_repeats_our_secret_does_not_get_it_written_down(hub, auth, trouble):
    value = "tök+en/9 %x" if auth == "basic" else "tok+en/9_%41x"
    with interface() as far:

        def answer(path, query, headers, body):
            heard = f"{headers.get('Authorization', '')} {headers.get('X-Api-Key', '')} {quote(value)} {value}"
            match trouble:
                case "401":
                    return 401, {}, {"message": f"bad token {heard}"}
                case "200":
                    return 200, {}, {"code": 7, "message": f"密钥 {heard}"}
                case "500":
                    return 500, {}, {"message": heard}
                case "redirect":
                    return 302, {"Location": f"http://127.0.0.1:1/{quote(value)}?k={quote(value)}"}, {}
                case "key":
                    return 200, {}, {"code": 0, value: {heard: 1}}
            return 200, {}, {"code": 0, "data": {"list": [{"no": 1, heard: 2}]}}

        far.answer = answer
        connection = f"connector: rest\nconnection: {{url: '{far.url}', auth: {auth}, secret: far, ok: {{path: code, values: ['0']}}}}"
        secret = {"bearer": {"token": value}, "api_key": {"api_key": value}, "basic": {"user": USER, "password": value}}[auth]
        output = hub(connection, "path: /rows, rows: data.list, key: [id], page: {kind: none}", secret)
    assert far.asked, output
    assert "✗" in output
    sought(hub.home, output, value)


@pytest.mark.parametrize("trouble", ["wrong password", "host down", "no such table", "tls"])
@pytest.mark.parametrize("product", ["postgresql", "mysql"])
def test_a_database_that_fails_does_not_get_the_password_written_down(hub, product, trouble):
    with services.postgres() if product == "postgresql" else services.mariadb() as service:
        place = {k: v for k, v in service.connection.items() if k != "connector"}
        secret = {"user": USER, "password": PASSWORD}
        if trouble == "host down":
            place["port"] = 1
        if trouble == "tls":
            place["ssl"] = "verify-full"
        if trouble == "no such table":
            secret = {**service.secret, "password": PASSWORD if product == "postgresql" else service.secret["password"]}
        words = ", ".join(f"{k}: {v}" for k, v in place.items())
        output = hub(f"connector: database\nconnection: {{{words}, secret: far}}", "table: nowhere, key: [id]", secret)
    assert "✗" in output
    sought(hub.home, output, PASSWORD)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["401", "another answer"])
def test_dagster_keeps_no_secret_of_a_run_that_failed(hub, trouble):
    """Its event log, its captured output and its run storage lie below the home, too."""
    value = "tok+en/9_%41x"
    with interface() as far:
        far.answer = lambda *asked: (401, {}, {"message": value}) if trouble == "401" else (200, {}, {"code": 0, value: [value]})
        connection = f"connector: rest\nconnection: {{url: '{far.url}', auth: bearer, secret: far, ok: {{path: code, values: ['0']}}}}"
        output = hub(connection, "path: /rows, rows: data.list, key: [id], page: {kind: none}", {"token": value}, "systems validate")
        command = [sys.executable, "-m", "orchestration.instance", "run", "dagster", "job", "execute", "-m", "orchestration.definitions"]
        ran = subprocess.run([*command, "-j", "sync_bureau_s"], capture_output=True, text=True, check=False, timeout=200)
    assert far.asked, ran.stderr
    assert ran.returncode != 0
    assert "RUN_FAILURE" in ran.stderr + ran.stdout
    assert [p for p in (hub.home / "dagster").rglob("*.db") if p.stat().st_size]
    sought(hub.home, output + ran.stdout + ran.stderr, value)


def test_every_form_is_left_out_of_a_text():
    secret = Secret(user=USER, password=PASSWORD)
    for form in forms(PASSWORD):
        assert form.decode() not in secret.scrub(f"before {form.decode()} after")
