"""The navigation of the docs site has every page, and gathering the pages breaks no link.

`nox -s docs` builds the site in strict mode, including anchors and the reference.
"""

import re
import runpy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import DOCS, ROOT

PROJECT = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
GATHER = runpy.run_path(str(DOCS / "site" / "gather_pages.py"))["gather"]
FENCE = re.compile(r"^ *(`{3,}).*?^ *\1`*$", re.M | re.S)
LINK = re.compile(r"\]\(([^()\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "docs"
    GATHER(folder)
    return folder


def _list_entries(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        [value] = entry.values() if isinstance(entry, dict) else [entry]
        yield from [value] if isinstance(value, str) else _list_entries(value)


def _list_links(page: Path) -> Iterator[str]:
    for link in LINK.finditer(FENCE.sub("", page.read_text())):
        target = (link[1] or link[2]).partition("#")[0]
        if target and "://" not in target:
            yield target


def test_the_navigation_has_every_page_once(pages):
    entries = list(_list_entries(PROJECT["nav"]))
    gathered = {page.relative_to(pages).as_posix() for page in pages.rglob("*.md")}

    assert len(entries) == len(set(entries))
    # checks.md links to the pages of the checks, and contributing.md to that of the test bed.
    others = {page for page in gathered if page.startswith("checks/")} | {"testbed.md"}
    assert set(entries) == gathered - others


def test_the_sections_are_the_four_kinds_of_pages():
    titles = [title for entry in PROJECT["nav"] for title in entry]

    assert titles == ["Overview", "Tutorial", "How-to", "Reference", "Explanation"]


def test_every_link_stays_in_the_site_and_has_a_target(pages):
    for page in pages.rglob("*.md"):
        for target in _list_links(page):
            place = (page.parent / target).resolve()
            assert place.is_relative_to(pages.resolve()), (page, target)
            assert place.is_file(), (page, target)


def test_code_blocks_are_unchanged(pages):
    for page in [*DOCS.glob("*.md"), *(DOCS / "checks").glob("*.md")]:
        gathered = pages / page.relative_to(DOCS)
        blocks = [fence[0] for fence in FENCE.finditer(page.read_text())]
        assert [fence[0] for fence in FENCE.finditer(gathered.read_text())] == blocks


def test_nothing_is_fetched_from_another_host():
    assert PROJECT["theme"]["font"] is False
    assert not {"extra_css", "extra_javascript"} & set(PROJECT)
