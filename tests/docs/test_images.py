"""The pictures of the terminal in docs/images."""

import re

import pytest

from tests.support.pages import DOCS, ROOT
from tests.support.screens import SCREENS, draw_screens, show_screen

PAGES = [ROOT / "README.md", *DOCS.glob("*.md")]


def test_the_pictures_show_what_the_program_prints():
    """`nox -s pictures` draws them anew."""
    for file, drawn in draw_screens().items():
        assert file.read_text(encoding="utf-8") == drawn, file.name


def test_every_picture_of_a_page_is_there_and_has_words_for_who_cannot_see_it():
    shown = {
        (page.parent / source).resolve()
        for page in PAGES
        for source in re.findall(r'(?:src|srcset)="([^":]+\.svg)"', page.read_text())
    }
    assert set(draw_screens()) == shown
    for page in PAGES:
        assert all('alt="' in image for image in re.findall(r"<img [^>]*>", page.read_text()))


@pytest.mark.parametrize("name", SCREENS)
def test_no_word_is_broken_on_a_narrower_or_wider_terminal(name):
    wide = set(show_screen(name, 300).export_text().split())
    for width in (60, 80, 100):
        words = show_screen(name, width).export_text().split()
        assert {word for word in words if word.isalpha()} <= wide
