"""The pictures of the terminal in docs/images."""

import re
import tomllib

import pytest

from benchmarks.figure import DATA, IMAGES, THEMES, draw_episode
from tests.support.pages import DOCS, ROOT
from tests.support.screens import SCREENS, draw_screens, show_screen

EPISODES = [IMAGES / f"episode-{name}.svg" for name in THEMES]
PAGES = [ROOT / "README.md", *DOCS.glob("*.md")]


def test_the_pictures_show_what_the_program_prints():
    """`nox -s pictures` updates them."""
    for file, drawn in draw_screens().items():
        assert file.read_text(encoding="utf-8") == drawn, file.name


def test_every_picture_on_a_page_exists_and_has_an_alternative_text():
    shown = {
        (page.parent / source).resolve()
        for page in PAGES
        for source in re.findall(r'(?:src|srcset)="([^":]+\.svg)"', page.read_text())
    }
    assert {*draw_screens(), *EPISODES} == shown
    for page in PAGES:
        assert all('alt="' in image for image in re.findall(r"<img [^>]*>", page.read_text()))


def test_the_picture_of_an_episode_shows_the_measured_figures():
    """`python -m benchmarks.figure` draws it; the test compares only its text, not matplotlib's
    paths."""
    data = tomllib.loads(DATA.read_text())
    for file in EPISODES:
        name = file.stem.removeprefix("episode-")
        drawn = draw_episode(data["rows"], data["title"], THEMES[name])
        assert _read_texts(file.read_text()) == _read_texts(drawn), f"run nox -s pictures: {name}"


def test_the_page_about_the_model_has_the_figures_of_the_picture():
    page = (DOCS / "model.md").read_text()
    for row in tomllib.loads(DATA.read_text())["rows"]:
        assert f"{row['seconds']:.2f} s" in page


def _read_texts(svg: str) -> list[str]:
    return re.findall(r"<text [^>]*>([^<]*)<", svg)


@pytest.mark.parametrize("name", SCREENS)
def test_words_are_not_broken_on_a_narrower_or_wider_terminal(name):
    wide = set(show_screen(name, 300).export_text().split())
    for width in (60, 80, 100):
        words = show_screen(name, width).export_text().split()
        assert {word for word in words if word.isalpha()} <= wide
