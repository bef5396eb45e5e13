"""What changed at a far side is told where people look: by the sync itself, in its status, on the quality page."""

import pytest
from typer.testing import CliRunner

from answers.standing import standings
from hub.cli import app
from tests.end_to_end.town import SYSTEM, registration, row


@pytest.mark.parametrize("raw", [False, True], ids=["mapped", "raw"])
def test_a_column_that_came_and_one_that_is_gone_are_told(town, far, monkeypatch, raw):
    content = registration({"table": "T"})
    dataset = content["datasets"]["person"]
    if raw:
        content["datasets"]["person"] = {"title": dataset["title"], "raw": "先归集", "read": dataset["read"]}
    town.register(content)
    far.put(*(row(n) for n in range(1, 30)))
    assert not [r for r in town.sync().remarks if r.kind == "columns"]
    far.run("ALTER TABLE T ADD COLUMN 新列 TEXT", "UPDATE T SET 新列 = 'x', XM = XM || '改'")
    told = [r.said.zh for r in town.sync().remarks if r.kind == "columns"]
    assert [("新列" in said) for said in told] == [True], told
    [one] = [s for s in standings(town.city, {}, town.hub.lake, town.hub.ledger) if s.path == SYSTEM]
    assert any("新列" in r.said.zh for d in one.datasets for r in d.remarks)
    town.close()
    for name, place in (("HUB_HOME", town.home), ("HUB_SYSTEMS", town.systems), ("HUB_SCHEMAS", town.schemas)):
        monkeypatch.setenv(name, str(place))
    for command in (["status", SYSTEM], ["quality"]):
        assert "新列" in CliRunner().invoke(app, command, env={"COLUMNS": "240"}).output, command
