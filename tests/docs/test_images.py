"""The pictures of the terminal in docs/images."""

import re

from tests.support.pages import DOCS
from tests.support.screens import draw_screens


def test_the_pictures_show_what_the_program_prints():
    """`nox -s pictures` draws them anew."""
    for file, drawn in draw_screens().items():
        assert file.read_text(encoding="utf-8") == drawn, file.name


def test_every_picture_of_a_page_is_there_and_has_words_for_who_cannot_see_it():
    shown = {
        source
        for page in DOCS.glob("*.md")
        for source in re.findall(r'(?:src|srcset)="(images/[^"]+)"', page.read_text())
    }
    assert {f"images/{file.name}" for file in draw_screens()} == shown
    for page in DOCS.glob("*.md"):
        assert all('alt="' in image for image in re.findall(r"<img [^>]*>", page.read_text()))
