"""The story, told whole: every promise kept, one page that asks nobody for anything, and a second telling that loads nothing again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo import faults, serve
from demo.expected import FIGURES, figures
from demo.page import Bar, Said, Section, as_html
from demo.sides import noted
from schemas.home import ROOT

SIZES = {"desk": (1280, 900), "phone": (390, 844)}


@dataclass
class Told:
    home: Path
    code: int
    shown: str  # stdout: the story
    said: str  # with stderr: the progress, too

    @property
    def page(self) -> str:
        return (self.home / "demo" / "story.html").read_text("utf-8")


def tell(home: Path, *words: str) -> Told:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("hub")), "demo", "story", "--scale", "0.01", *words],
        env={**os.environ, "HUB_HOME": str(home), "HUB_LANGUAGE": "zh"}, cwd=ROOT, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    return Told(home, done.returncode, done.stdout, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    home = tmp_path_factory.mktemp("story")
    yield tell(home)
    serve.down(home, erase=True)


def visible(page: str, language: str) -> str:
    """The page's text as a reader of that language sees it."""
    other = {"zh": "en", "en": "zh"}[language]
    return re.sub(r"<[^>]+>", " ", re.sub(rf'<span lang="{other}">.*?</span>', "", page))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_everything_the_story_promises_comes_out(told):
    assert told.code == 0, told.said[-3000:]
    assert "✗" not in told.shown.rpartition("接下来输入什么")[2]
    assert str(told.home / "demo" / "story.html") in told.shown


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_page_has_all_figures_in_both_languages(told):
    for language, title in (("zh", "专职网格员"), ("en", "full-time grid staff")):
        text = visible(told.page, language)
        assert title in text
        for figure, value in FIGURES.items():
            assert f"{value:,}" in text, figure
    assert len(re.findall(r'<section id="s\d">', told.page)) == 8


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_page_asks_nobody_for_anything(told):
    assert not re.search(r'(?:src|href|action)\s*=\s*"(?!#)', told.page)
    assert not re.search(r"url\(|@import|https?://", told.page)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_faults_are_lifted_and_a_second_telling_loads_nothing_again(told):
    assert faults.active(told.home) == {}
    assert noted(told.home, "city")["ticks"] == 1
    again = tell(told.home)
    assert again.code == 0, again.said[-3000:]
    assert "不重读" in again.said
    assert f"{figures(1)['grid_staff_full_time']:,}" in visible(again.page, "zh")
    assert noted(told.home, "city")["ticks"] == 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_another_city_is_not_loaded_over_this_one(told):
    refused = tell(told.home, "--seed", "1")
    assert refused.code != 0
    assert "--anew" in refused.said
    assert noted(told.home, "city")["seed"] != 1


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", SIZES)
def test_the_page_can_be_looked_at(told, size, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        message = "no chromium on this machine: the page cannot be looked at"
        pytest.fail(message) if os.environ.get("HUB_REQUIRE_SERVICES") == "1" else pytest.skip(message)
    width, height = SIZES[size]
    picture = tmp_path / f"{size}.png"
    subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={width},{height}", f"--screenshot={picture}", (told.home / "demo" / "story.html").as_uri(),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    head = picture.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(head[16:20]), int.from_bytes(head[20:24])) == (width, height)
    assert picture.stat().st_size > 20_000  # an empty page has 5 kB


def page(*blocks) -> str:
    section = Section(Said("题", "title"))
    section.blocks += blocks
    return as_html(Said("页", "page"), Said("导语", "lead"), [section])


def test_what_comes_from_data_cannot_become_markup():
    section = Section(Said("题", "title"))
    section.say("<script>alert(1)</script>", "<b>x</b>")
    section.show([Said("<i>", "<i>")], [("<img src=x>",), (Said("<u>", "<u>"),)], marks=['"><script>'])
    made = as_html(Said("<h1>", "<h1>"), Said("a", "b"), [section])
    assert "<script>alert" not in made
    assert "<img" not in made
    assert '"><script>' not in made


def test_a_wide_table_becomes_cards_on_a_narrow_screen_and_a_small_one_does_not():
    section = Section(Said("题", "title"))
    section.show([Said(str(n), str(n)) for n in range(7)], [list(range(7))])
    assert 'class="cards"' in page(*section.blocks)
    small = Section(Said("题", "title"))
    small.show([Said("a", "a"), Said("b", "b")], [("x", Bar(0.5))])
    assert 'class="cards"' not in page(*small.blocks)
    assert "width:50.0%" in page(*small.blocks)
