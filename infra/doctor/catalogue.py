"""Find checks by their IDs, and write the pages about them."""

import difflib
import re
import sys
import textwrap
from pathlib import Path

from infra.doctor.accuracy import describe_accuracy
from infra.doctor.check import Check
from infra.doctor.checks import CHECKS
from infra.doctor.examples import Example, list_example_parts, list_examples

_NOTE = (
    "<!-- Written by `python -m infra.doctor.catalogue docs`; change the checks and their\n"
    "examples, not this page. -->"
)

_MOST_NEAR = 5
# difflib's ratio of two numbers of three digits that have two in common, in order.
_ONE_DIGIT = 2 / 3
_LETTERS_LIKE_DIGITS = str.maketrans("OIL", "011")
_BY_ID = {check.id: check for check in CHECKS}
_IDS_BY_DIGITS = {id_[3:]: id_ for id_ in _BY_ID}


class UnknownCheckError(LookupError):
    """No check has the given ID; `near` lists similar IDs."""

    def __init__(self, given: str, near: tuple[str, ...]) -> None:
        super().__init__(given)
        self.given = given
        self.near = near


def find_check(given: str) -> Check:
    """Return the check with the given ID, in upper or lower case, with or without `QCA`.

    Raises:
        UnknownCheckError: no check has this ID.

    """
    wanted = given.strip().upper()
    if wanted in _BY_ID:
        return _BY_ID[wanted]
    digits = f"QCA{wanted}"
    if wanted.isdecimal() and digits in _BY_ID:
        return _BY_ID[digits]
    raise UnknownCheckError(given, _list_near(wanted))


def _list_near(wanted: str) -> tuple[str, ...]:
    """Return the IDs that differ in one digit or in the order of the digits, this category first.

    `QCA` is left out of the comparison, since all IDs share it.
    """
    digits = re.sub(r"\D", "", wanted.translate(_LETTERS_LIKE_DIGITS))
    if digits in _IDS_BY_DIGITS:
        return (_IDS_BY_DIGITS[digits],)
    swapped = [id_ for id_ in _BY_ID if sorted(id_[3:]) == sorted(digits)]
    similar = difflib.get_close_matches(digits, _IDS_BY_DIGITS, n=_MOST_NEAR, cutoff=_ONE_DIGIT)
    near = dict.fromkeys([*swapped, *(_IDS_BY_DIGITS[match] for match in similar)])
    return tuple(sorted(near, key=lambda id_: id_[3] != digits[0]))[:_MOST_NEAR]


def list_sections(check: Check) -> tuple[tuple[str, str], ...]:
    """Return the sections of a check's description, each as its heading and its text."""
    return (
        ("What it looks at", check.looks_at[0].upper() + check.looks_at[1:]),
        ("Why it matters", check.why),
        ("How to fix it", check.fix),
        ("How often it is wrong", describe_accuracy(check.id)),
    )


def _render_index() -> str:
    """Return the text of docs/checks.md: the list of all checks, each with a link to its page."""
    rows = "".join(
        f"| [{check.id}](checks/{check.id}.md) | {check.category} | {check.title} |\n"
        for check in CHECKS
    )
    return (
        f"# The checks of `qca doctor`\n\n{_NOTE}\n\n"
        "Each check has a page with an example that it reports, one that passes, and the number\n"
        "of its known wrong verdicts; `qca explain ID` shows the page in the terminal.\n"
        "IDs never change their meaning. `--only ID` and `--ignore ID` select checks.\n\n"
        f"| ID | category | reports |\n| --- | --- | --- |\n{rows}"
    )


def render_page(check: Check) -> str:
    """Return the text of docs/checks/ID.md: one check in full."""
    parts = [
        f"# {check.id}: {check.title}\n",
        f"{_NOTE}\n",
        f"Category: {check.category}. [All checks](../checks.md)\n",
        *(f"## {heading}\n\n{_wrap(text)}\n" for heading, text in list_sections(check)),
        *(_render_example(heading, example) for heading, example in list_examples(check.id)),
        f"## Source\n\n<{check.url}>\n",
    ]
    return "\n".join(parts)


def _render_example(heading: str, example: Example) -> str:
    parts = [f"## {heading}\n\n{example.when}\n"]
    for caption, language, text in list_example_parts(example):
        parts.append(f"{caption}\n" + (f"\n```{language}\n{text}```\n" if text else ""))
    return "\n".join(parts)


def _wrap(text: str) -> str:
    return "\n\n".join(
        textwrap.fill(part, 96, break_long_words=False, break_on_hyphens=False)
        for part in text.split("\n")
    )


def write_pages(docs: Path) -> None:
    """Write the list and the page of each check into the folder `docs`; remove all other pages."""
    pages = docs / "checks"
    pages.mkdir(exist_ok=True)
    for path in pages.glob("*.md"):
        path.unlink()
    (docs / "checks.md").write_text(_render_index(), encoding="utf-8")
    for check in CHECKS:
        (pages / f"{check.id}.md").write_text(render_page(check), encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
