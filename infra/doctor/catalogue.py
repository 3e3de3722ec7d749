"""Find a check by its ID, and write the page about all of them."""

import difflib
import sys
import textwrap

from infra.doctor.check import Check
from infra.doctor.checks import CHECKS

_BY_ID = {check.id: check for check in CHECKS}


class UnknownCheckError(LookupError):
    """No check has that ID; `near` lists those that look like it."""

    def __init__(self, given: str, near: tuple[str, ...]) -> None:
        super().__init__(given)
        self.given = given
        self.near = near


def find_check(given: str) -> Check:
    """Return the check of that ID, in any case.

    Raises:
        UnknownCheckError: with the IDs that come near.

    """
    wanted = given.strip().upper()
    if wanted in _BY_ID:
        return _BY_ID[wanted]
    digits = f"QCA{wanted}"
    if wanted.isdecimal() and digits in _BY_ID:
        return _BY_ID[digits]
    raise UnknownCheckError(
        given, tuple(difflib.get_close_matches(wanted, _BY_ID, n=5, cutoff=0.5))
    )


def list_sections(check: Check) -> tuple[tuple[str, str], ...]:
    """Return what there is to say about a check, as headed paragraphs."""
    return (
        ("What it looks at", check.looks_at[0].upper() + check.looks_at[1:]),
        ("Why it matters", check.why),
        ("How to fix it", check.fix),
        ("Source", check.url),
    )


def render_page() -> str:
    """Return docs/checks.md: every check in full."""
    head = (
        "# The checks of `qca doctor`\n\n"
        "<!-- Written by `python -m infra.doctor.catalogue`; change the checks, not this page. -->"
        "\n\n`qca explain ID` shows the same in the terminal. IDs never change their meaning.\n"
        "`--only ID` and `--ignore ID` choose among them.\n\n"
        "| ID | category | says |\n| --- | --- | --- |\n"
    )
    rows = "".join(
        f"| [{check.id}](#{check.id.lower()}) | {check.category} | {check.title} |\n"
        for check in CHECKS
    )
    return head + rows + "".join(_render_chapter(check) for check in CHECKS)


def _render_chapter(check: Check) -> str:
    parts = [f'\n## <a id="{check.id.lower()}"></a>{check.id}: {check.title}\n']
    for heading, text in list_sections(check):
        body = f"<{text}>" if heading == "Source" else _wrap(text)
        parts.append(f"\n### {heading}\n\n{body}\n")
    return "".join(parts)


def _wrap(text: str) -> str:
    return "\n\n".join(
        textwrap.fill(part, 96, break_long_words=False, break_on_hyphens=False)
        for part in text.split("\n")
    )


if __name__ == "__main__":
    sys.stdout.write(render_page())
