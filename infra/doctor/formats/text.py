"""Render findings for a terminal: a list, then the details of each problem, worst last."""

import io
import textwrap
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from infra.compose_file.line_edits import format_diff
from infra.doctor.finding import Finding, Location, Remedy, Severity
from qca.core.units import format_count
from qca.core.visible import escape_invisible

_SEVERITY_STYLES = {
    Severity.OK: "green",
    Severity.INFO: "cyan",
    Severity.SKIPPED: "magenta",
    Severity.WARNING: "yellow",
    Severity.ERROR: "bold red",
}
_DIFF_STYLES = {"-": "red", "+": "green"}
_SEVERITY_WIDTH = 8

_FAULTS = (Severity.WARNING, Severity.ERROR)
# The worst findings come last, right above the prompt.
_DETAILS_ORDER = (Severity.INFO, Severity.SKIPPED, Severity.WARNING, Severity.ERROR)


def render_text(findings: Sequence[Finding], *, width: int = 80, color: bool = False) -> str:
    """Return the report as text, wrapped at `width` columns.

    The list shows one line per finding; findings with details have a block below the list.
    """
    out = io.StringIO()
    console = _open_console(out, width, color)
    for category, group in groupby(findings, key=lambda finding: finding.category):
        listed = [finding for finding in group if not _has_details(finding)]
        if listed:
            console.print(Text(category, style="bold"))
        for finding in listed:
            _print_line(console, finding)
    for severity in _DETAILS_ORDER:
        for finding in findings:
            if finding.severity is severity and _has_details(finding):
                _print_details(console, finding)
    console.print()
    console.print(_format_counts(findings))
    return _strip_lines(out)


def render_details(findings: Sequence[Finding], *, width: int = 80) -> str:
    """Return a block with the details of each finding."""
    out = io.StringIO()
    console = _open_console(out, width, color=False)
    for finding in findings:
        _print_details(console, finding)
    return _strip_lines(out)


def _strip_lines(out: io.StringIO) -> str:
    return "\n".join(line.rstrip() for line in out.getvalue().strip("\n").splitlines()) + "\n"


def _has_details(finding: Finding) -> bool:
    """Return whether the finding needs a block in addition to its first line."""
    if finding.severity is Severity.OK:
        return False
    is_fault = finding.severity in _FAULTS
    return is_fault or "\n" in finding.message or bool(finding.remedies)


def _print_line(console: Console, finding: Finding) -> None:
    text = finding.message
    if finding.location and finding.severity is not Severity.OK:
        text += f" ({_format_location(finding.location)})"
    console.print("  ", end="")
    _print_heading(console, finding, text, indent=2)


def _print_details(console: Console, finding: Finding) -> None:
    summary, *paragraphs = finding.message.split("\n")
    console.print()
    _print_heading(console, finding, summary, style="bold")
    if finding.location:  # not wrapped, so that a terminal can open it
        location = Text(_format_location(finding.location), style="underline")
        console.print(Text("  ").append(location), soft_wrap=True)
    for paragraph in paragraphs:
        _print_wrapped(console, paragraph)
    for remedy in finding.remedies:
        _print_remedy(console, remedy)
    if finding.severity in _FAULTS:
        _print_wrapped(console, f"more: qca explain {finding.id}", style="dim")


def _print_heading(
    console: Console, finding: Finding, text: str, *, style: str = "", indent: int = 0
) -> None:
    severity = finding.severity.value.ljust(_SEVERITY_WIDTH)
    console.print(Text(severity, style=_SEVERITY_STYLES[finding.severity]), end="")
    console.print(Text(f"{finding.id} ", style="dim"), end="")
    column = indent + _SEVERITY_WIDTH + len(finding.id) + 1
    first, *rest = _wrap(text, console.width - column)
    console.print(Text(first, style=style), soft_wrap=True)
    for line in rest:
        console.print(Text(" " * column).append(line, style=style), soft_wrap=True)


def _format_location(location: Location) -> str:
    """Return the file and the line; line breaks in the file's name are escaped."""
    return escape_invisible(location.file).replace("\n", "\\n") + f":{location.line}"


def _print_remedy(console: Console, remedy: Remedy) -> None:
    _print_wrapped(console, f"- {remedy.title}" + (":" if remedy.commands else ""), hanging=2)
    for line in format_diff(remedy.edits).splitlines():
        style = _DIFF_STYLES.get(line[0], "")
        console.print(Text(f"      {escape_invisible(line)}", style=style), soft_wrap=True)
    for command in remedy.commands:  # not wrapped, so that it can be copied
        console.print(Text(f"      {escape_invisible(command)}", style="cyan"), soft_wrap=True)
    if remedy.breaks:
        _print_wrapped(console, f"({remedy.breaks})", indent=4, style="dim")


def _print_wrapped(
    console: Console, text: str, *, indent: int = 2, hanging: int = 0, style: str = ""
) -> None:
    for number, line in enumerate(_wrap(text, console.width - indent - hanging)):
        margin = " " * (indent + (hanging if number else 0))
        console.print(Text(margin).append(line, style=style), soft_wrap=True)


def _wrap(text: str, width: int) -> list[str]:
    """Wrap the text between words only, so that URLs and paths stay intact."""
    lines = textwrap.wrap(
        escape_invisible(text), max(width, 1), break_long_words=False, break_on_hyphens=False
    )
    return lines or [""]


def _open_console(out: io.StringIO, width: int, color: bool) -> Console:
    return Console(
        file=out,
        width=width,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
    )


def _format_counts(findings: Sequence[Finding]) -> Text:
    counts = Counter(finding.severity for finding in findings)
    parts = [_format_count(counts[one], one) for one in _SEVERITY_STYLES if counts[one]]
    worst = next((one for one in reversed(_DETAILS_ORDER) if counts[one]), Severity.OK)
    return Text(", ".join(parts), style=_SEVERITY_STYLES[worst])


def _format_count(number: int, severity: Severity) -> str:
    if severity in (Severity.WARNING, Severity.ERROR):
        return format_count(number, severity)
    return f"{number} {severity}"
