"""`qca explain`: print one check's page."""

from fnmatch import fnmatch
from textwrap import indent

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from infra.doctor.catalogue import UnknownCheckError, find_check, list_sections
from infra.doctor.check import Check
from infra.doctor.checks import CHECKS
from infra.doctor.examples import Example, list_example_parts, list_examples

# Longer lines are hard to read, even on a wide terminal.
_WIDEST = 88


@click.command()
@click.argument("check_id", metavar="ID")
def explain(check_id: str) -> None:
    """Explain one check: what it examines, why it matters, and how to fix it.

    ID is a check's name such as QCA301, in upper or lower case. docs/checks.md lists them all.
    """
    _show(look_up(check_id, "'ID'"))


def look_up(check_id: str, option: str) -> Check:
    """Return the check, or raise a usage error that suggests similar IDs."""
    try:
        return find_check(check_id)
    except UnknownCheckError as error:
        near = ", ".join(error.near)
        hint = f"Did you mean {near}?" if near else "docs/checks.md lists all checks."
        message = f"there is no check {error.given!r}. {hint}"
        raise click.BadParameter(message, param_hint=option) from None


def look_up_all(pattern: str, option: str) -> list[Check]:
    """Return the checks that match a pattern such as `QCA8*`, or the one with that ID."""
    if "*" not in pattern:
        return [look_up(pattern, option)]
    found = [check for check in CHECKS if fnmatch(check.id, pattern.strip().upper())]
    if not found:
        raise click.BadParameter(f"no check matches {pattern!r}.", param_hint=option)
    return found


def _show(check: Check) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = min(console.width, _WIDEST)
    console.print(Text(f"{check.id}: {check.title}", style="bold"))
    console.print(Text(f"category {check.category}", style="dim"))
    for heading, text in list_sections(check):
        _show_heading(console, heading)
        for paragraph in text.split("\n"):
            console.print(_indent(Text(paragraph)))
    for heading, example in list_examples(check.id):
        _show_heading(console, heading)
        _show_example(console, example)
    _show_heading(console, "Source")
    console.print(_indent(Text(check.url)), soft_wrap=True)


def _show_heading(console: Console, heading: str) -> None:
    console.print()
    console.print(Text(heading, style="bold"))


def _show_example(console: Console, example: Example) -> None:
    console.print(_indent(Text(example.when)))
    for caption, _, text in list_example_parts(example):
        console.print()
        console.print(_indent(Text(caption)))
        if text:
            console.print(Text(indent(text.rstrip(), " " * 6), style="cyan"), soft_wrap=True)


def _indent(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2))
