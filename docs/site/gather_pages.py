"""Gather the pages of the docs site: `python docs/site/gather_pages.py FOLDER`.

The pages of docs/ are plain Markdown whose links work in a checkout. A site has its own root, so
the README becomes its front page, the other pages of the repository's root come with it, and a link
to any other file of the repository leads to a copy of that file. The reference is written here too.
"""

import posixpath
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Pages outside of docs/, and what they are called in the site.
_ROOT_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "SECURITY.md": "SECURITY.md",
    "CODE_OF_CONDUCT.md": "CODE_OF_CONDUCT.md",
    "tests/testbed/README.md": "testbed.md",
}
# The modules of each page of the reference.
_REFERENCE = {
    "qca": ("The package `qca`", ["qca"]),
    "compose_file": (
        "The library `infra.compose_file`",
        ["infra.compose_file.load", "infra.compose_file.model", "infra.compose_file.line_edits"],
    ),
    "doctor": (
        "Checks and findings: `infra.doctor`",
        ["infra.doctor.check", "infra.doctor.finding", "infra.doctor.subjects"],
    ),
}
# Files of other kinds: a page may link to them, and shows them as they are.
_FILES = "files"

_FENCE = re.compile(r"^ *(`{3,}).*?^ *\1`*$", re.M | re.S)
_LINK = re.compile(r"(?P<label>!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?P<address>[^()\s]+)\)")
_PICTURE = re.compile(r"(?P<attribute>\bsrc(?:set)?)=\"(?P<address>[^\"\s]+)\"")


def gather(target: Path) -> None:
    """Write every page and every file that one links to into an empty folder."""
    shutil.rmtree(target, ignore_errors=True)
    for source, page in _list_pages().items():
        _write(target / page, _Move(source, page, target).rewrite((ROOT / source).read_text()))
    shutil.copytree(ROOT / "docs" / "images", target / "images")
    for name, (title, modules) in _REFERENCE.items():
        directives = "".join(f"\n::: {module}\n" for module in modules)
        _write(target / "reference" / f"{name}.md", f"# {title}\n{directives}")
    notebook = _copy_file("docs/first-look.ipynb", target)
    _write(
        target / "notebook.md",
        "# A notebook\n\n"
        f"[first-look.ipynb]({notebook}) shows in Python how to train, watch and measure.\n",
    )


def _list_pages() -> dict[str, str]:
    """Return the place in the site of each page, by its path in the repository."""
    pages = {
        page.relative_to(ROOT).as_posix(): page.relative_to(ROOT / "docs").as_posix()
        for page in sorted((ROOT / "docs").rglob("*.md"))
    }
    return {**pages, **_ROOT_PAGES}


@dataclass(frozen=True)
class _Move:
    """One page's way from the repository into the site."""

    source: str
    page: str
    target: Path

    def rewrite(self, text: str) -> str:
        """Return the page with the addresses that the site has; blocks of code stay."""
        parts, end = [], 0
        for fence in _FENCE.finditer(text):
            parts += [self._rewrite_prose(text[end : fence.start()]), fence[0]]
            end = fence.end()
        return "".join([*parts, self._rewrite_prose(text[end:])])

    def _rewrite_prose(self, text: str) -> str:
        return _PICTURE.sub(self._rewrite_picture, _LINK.sub(self._rewrite_link, text))

    def _rewrite_link(self, link: re.Match[str]) -> str:
        address = self._find_address(link["address"])
        # A folder of the repository has no page.
        return link["label"][1:-1] if address is None else f"{link['label']}({address})"

    def _rewrite_picture(self, picture: re.Match[str]) -> str:
        return f'{picture["attribute"]}="{self._find_address(picture["address"])}"'

    def _find_address(self, address: str) -> str | None:
        path, hash_, anchor = address.partition("#")
        if not path or "://" in path:
            return address
        linked = posixpath.normpath(posixpath.join(posixpath.dirname(self.source), path))
        place = _place(linked, self.target)
        if place is None:
            return None
        return f"{posixpath.relpath(place, posixpath.dirname(self.page) or '.')}{hash_}{anchor}"


def _place(linked: str, target: Path) -> str | None:
    """Return where a file of the repository is in the site; None for a folder."""
    pages = _list_pages()
    if linked in pages:
        return pages[linked]
    if linked.startswith("docs/images/"):
        return linked.removeprefix("docs/")
    return None if (ROOT / linked).is_dir() else _copy_file(linked, target)


def _copy_file(name: str, target: Path) -> str:
    place = f"{_FILES}/{Path(name).name.lstrip('.')}"
    (target / _FILES).mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / name, target / place)
    return place


def _write(page: Path, text: str) -> None:
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text)


if __name__ == "__main__":
    gather(Path(sys.argv[1]))
