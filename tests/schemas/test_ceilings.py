"""A registration cannot hold the hub for days or fill its disk; only whoever runs the hub raises a ceiling."""

from __future__ import annotations

import pytest

from schemas.ceilings import Ceilings, ceilings
from schemas.errors import RegistrationError, SourceChanged
from schemas.registration import Limits
from tests.connectors.test_files import drop, pulled
from tests.warehouse.far_side import land, pull_of, row, system
from warehouse.lake import Lake


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir(mode=0o700)
    return tmp_path / "home"


def written(home, text):
    (home / "ceilings.yml").write_text(text, "utf-8")


@pytest.mark.parametrize("limits", [{"timeout": "2 days"}, {"patience": "52 weeks"}])
def test_a_registration_asks_for_no_more_than_the_ceiling(home, limits):
    with pytest.raises(ValueError, match=r"ceilings\.yml"):
        Limits.model_validate(limits)
    written(home, "timeout: 3 days\npatience: 53 weeks\n")
    assert Limits.model_validate(limits)


def test_a_word_nobody_knows_in_the_ceilings_is_refused(home):
    written(home, "row: 5\n")
    with pytest.raises(RegistrationError, match=r"ceilings\.yml"):
        ceilings()


def test_more_files_than_the_ceiling_are_refused_and_none_is_left_out_in_silence(home, tmp_path):
    for n in range(4):
        drop(tmp_path, f"{n}.csv", f"id,name\n{n},a\n".encode())
    written(home, "files: 3\n")
    with pytest.raises(SourceChanged, match="4 个文件") as refused:
        pulled(tmp_path, {"key": ["id"], "whole": "per file"})
    assert "ceilings.yml" in refused.value.next_zh


def test_more_rows_than_the_ceiling_are_not_landed(home, tmp_path):
    written(home, "rows: 2\n")
    lake = Lake(tmp_path / "lake")
    with pytest.raises(SourceChanged, match="行以上"):
        land(lake, system(), pull_of([row(1), row(2), row(3)]))
    assert not lake.columns("landing", "civil_affairs_assistance__person")
    lake.close()


def test_the_defaults_are_above_what_a_city_needs():
    assert Ceilings().rows > 100_000_000
