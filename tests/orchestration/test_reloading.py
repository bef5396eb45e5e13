"""A registration that is added while Dagster runs appears in it by itself; what was synced by hand shows in its view."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import dagster as dg
import pytest

from orchestration import reloading
from orchestration.definitions import definitions_of
from schemas.city import files_seen
from tests.orchestration.fake_steps import FakeSteps, system
from tests.warehouse import far_side

ROOT = Path(__file__).resolve().parents[2]
PENSION = system("civil_affairs/assistance", ("person",))
CITY = far_side.city(PENSION)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["dagster", "dev", "-w", "workspace.yaml", "-p", "3005"], (3005, "")),
        (["dagster", "dev"], (3000, "")),
        (["dagster-webserver", "--port=3006", "--path-prefix", "/engineers/"], (3006, "/engineers")),
        (["dagster-daemon", "run"], None),
        (["dagster", "definitions", "validate"], None),
    ],
)
def test_the_web_servers_address_is_read_from_its_command(words, found):
    assert reloading.address(words) == found


def test_what_is_seen_of_the_files_changes_with_any_of_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_SYSTEMS", str(tmp_path))
    (tmp_path / "a").mkdir()
    seen = [files_seen()]
    for text in ("title: x", "title: xy"):
        (tmp_path / "a" / "b.yml").write_text(text, "utf-8")
        seen.append(files_seen())
    (tmp_path / "a" / "b.yml").unlink()
    seen.append(files_seen())
    assert len(set(seen)) == 3
    assert seen[0] == seen[-1]


def test_what_was_synced_by_hand_is_told_once_and_what_dagster_knows_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_HOME", str(tmp_path))
    definitions = definitions_of(CITY)
    sensor = definitions.resolve_sensor_def("tell_what_others_did")
    with dg.DagsterInstance.ephemeral() as instance:
        assert isinstance(sensor(dg.build_sensor_context(instance=instance)), dg.SkipReason)
        steps = FakeSteps(tmp_path, CITY)
        steps.sync(PENSION, ["person"])
        steps.close()
        told = sensor(dg.build_sensor_context(instance=instance))
        assert {e.asset_key.path[0] for e in told.asset_events} == {"landing", "standard"}
        assert isinstance(sensor(dg.build_sensor_context(instance=instance, cursor=told.cursor)), dg.SkipReason)
        for event in told.asset_events:
            instance.report_runless_asset_event(event)
        assert not sensor(dg.build_sensor_context(instance=instance)).asset_events


@pytest.mark.slow
def test_a_system_that_is_added_appears_within_a_minute(tmp_path):
    systems = tmp_path / "systems"
    (systems / "civil_affairs").mkdir(parents=True)
    (systems / "_city.yml").write_text('title: 某市\ndivision: "999999"\n', "utf-8")
    (systems / "civil_affairs" / "_department.yml").write_text("title: 民政局\n", "utf-8")
    first = "title: 名册\nconnector: database\nconnection: {dialect: sqlite, file: a.sqlite}\ndatasets:\n  t:\n    title: 表\n    raw: 原样\n    read: {table: T}\n"
    (systems / "civil_affairs" / "first.yml").write_text(first, "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "HUB_HOME": str(tmp_path / "home"), "HUB_SYSTEMS": str(systems), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "orchestration.instance", "run", "dagster", "dev", "-w", str(ROOT / "workspace.yaml")]
    server = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port)],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert "sync_civil_affairs_first" in _until(port, "sync_civil_affairs_first", 120)
        (systems / "civil_affairs" / "second.yml").write_text(first.replace("名册", "新册"), "utf-8")
        assert "sync_civil_affairs_second" in _until(port, "sync_civil_affairs_second", 60)
    finally:
        os.killpg(server.pid, 15)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:  # what is tested is not how soon it goes
            os.killpg(server.pid, 9)
            server.wait(30)
        shutil.rmtree(tmp_path / "home", ignore_errors=True)


def _until(port: int, name: str, seconds: float) -> list[str]:
    """The jobs Dagster knows, once `name` is among them or the time is up."""
    query = json.dumps({"query": "{ repositoriesOrError { ... on RepositoryConnection { nodes { jobs { name } } } } }"}).encode()
    jobs: list[str] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until and name not in jobs:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", query, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                nodes = json.load(answer)["data"]["repositoriesOrError"].get("nodes", [])
        except OSError:
            nodes = []
        jobs = [j["name"] for n in nodes for j in n["jobs"]]
        time.sleep(1)
    return jobs
