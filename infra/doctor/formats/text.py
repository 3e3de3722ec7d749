"""Render findings for a terminal: a list, then the details of each problem, worst last."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from infra.compose_file.line_edits import format_diff
from infra.doctor.finding import Finding, Location, Remedy, Severity
from qca.core.units import format_count
from qca.core.visible import escape_invisible

# Parameters of the terminal control sequence SGR (ECMA-48).
_BOLD, _DIM, _UNDERLINE, _CYAN = "1", "2", "4", "36"
_SEVERITY_STYLES = {
    Severity.OK: "32",  # green
    Severity.INFO: _CYAN,
    Severity.SKIPPED: "35",  # magenta
    Severity.WARNING: "33",  # yellow
    Severity.ERROR: "1;31",  # bold red
}
_DIFF_STYLES = {"-": "31", "+": "32"}
_SEVERITY_WIDTH = 8

_FAULTS = (Severity.WARNING, Severity.ERROR)
# The worst findings come last, right above the prompt.
_DETAILS_ORDER = (Severity.INFO, Severity.SKIPPED, Severity.WARNING, Severity.ERROR)


class _Page(NamedTuple):
    """The width at which lines are wrapped, and whether to color them."""

    width: int
    color: bool = False

    def paint(self, text: str, style: str) -> str:
        """Return the text in a style; each line gets its own control sequences."""
        if not (self.color and style):
            return text
        return "\n".join(f"\x1b[{style}m{line}\x1b[0m" if line else "" for line in text.split("\n"))


def render_text(findings: Sequence[Finding], *, width: int = 80, color: bool = False) -> str:
    """Return the report as text, wrapped at `width` columns.

    The list shows one line per finding; findings with details have a block below the list.
    """
    page = _Page(width, color)
    details = [
        line
        for severity in _DETAILS_ORDER
        for finding in findings
        if finding.severity is severity and _has_details(finding)
        for line in _format_details(page, finding)
    ]
    return _join([*_format_list(page, findings), *details, "", _format_counts(page, findings)])


def render_details(findings: Sequence[Finding], *, width: int = 80) -> str:
    """Return a block with the details of each finding."""
    page = _Page(width)
    return _join([line for finding in findings for line in _format_details(page, finding)])


def _join(lines: Sequence[str]) -> str:
    text = "\n".join(lines).strip("\n")
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _has_details(finding: Finding) -> bool:
    """Return whether the finding needs a block in addition to its first line."""
    if finding.severity is Severity.OK:
        return False
    is_fault = finding.severity in _FAULTS
    return is_fault or "\n" in finding.message or bool(finding.remedies)


def _format_list(page: _Page, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the findings that have no details, below the name of their category."""
    for category, group in groupby(findings, key=lambda finding: finding.category):
        listed = [finding for finding in group if not _has_details(finding)]
        if listed:
            yield page.paint(category, _BOLD)
        for finding in listed:
            text = finding.message
            if finding.location and finding.severity is not Severity.OK:
                text += f" ({_format_location(finding.location)})"
            yield from _format_heading(page, finding, text, indent=2)


def _format_details(page: _Page, finding: Finding) -> Iterator[str]:
    summary, *paragraphs = finding.message.split("\n")
    yield ""
    yield from _format_heading(page, finding, summary, style=_BOLD)
    if finding.location:  # not wrapped, so that a terminal can open the file
        yield "  " + page.paint(_format_location(finding.location), _UNDERLINE)
    for paragraph in paragraphs:
        yield from _wrap_paragraph(page, paragraph)
    for remedy in finding.remedies:
        yield from _format_remedy(page, remedy)
    if finding.severity in _FAULTS:
        yield from _wrap_paragraph(page, f"more: qca explain {finding.id}", style=_DIM)


def _format_heading(
    page: _Page, finding: Finding, text: str, *, style: str = "", indent: int = 0
) -> Iterator[str]:
    severity = finding.severity.value.ljust(_SEVERITY_WIDTH)
    column = indent + _SEVERITY_WIDTH + len(finding.id) + 1
    first, *rest = _wrap(text, page.width - column)
    yield (
        " " * indent
        + page.paint(severity, _SEVERITY_STYLES[finding.severity])
        + page.paint(f"{finding.id} ", _DIM)
        + page.paint(first, style)
    )
    for line in rest:
        yield " " * column + page.paint(line, style)


def _format_location(location: Location) -> str:
    """Return the file and the line; line breaks in the file's name are escaped."""
    return escape_invisible(location.file).replace("\n", "\\n") + f":{location.line}"


def _format_remedy(page: _Page, remedy: Remedy) -> Iterator[str]:
    yield from _wrap_paragraph(
        page, f"- {remedy.title}" + (":" if remedy.commands else ""), hanging=2
    )
    for line in format_diff(remedy.edits).splitlines():
        style = _DIFF_STYLES.get(line[0], "")
        yield page.paint(f"      {escape_invisible(line)}", style)
    for command in remedy.commands:  # not wrapped, so that it can be copied
        yield page.paint(f"      {escape_invisible(command)}", _CYAN)
    if remedy.breaks:
        yield from _wrap_paragraph(page, f"({remedy.breaks})", indent=4, style=_DIM)


def _wrap_paragraph(
    page: _Page, text: str, *, indent: int = 2, hanging: int = 0, style: str = ""
) -> Iterator[str]:
    for number, line in enumerate(_wrap(text, page.width - indent - hanging)):
        yield " " * (indent + (hanging if number else 0)) + page.paint(line, style)


def _wrap(text: str, width: int) -> list[str]:
    """Wrap the text between words only, so that URLs and paths stay intact."""
    lines = textwrap.wrap(
        escape_invisible(text), max(width, 1), break_long_words=False, break_on_hyphens=False
    )
    return lines or [""]


def _format_counts(page: _Page, findings: Sequence[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    parts = [
        _format_count(counts[severity], severity)
        for severity in _SEVERITY_STYLES
        if counts[severity]
    ]
    worst = next(
        (severity for severity in reversed(_DETAILS_ORDER) if counts[severity]), Severity.OK
    )
    return page.paint(", ".join(parts), _SEVERITY_STYLES[worst])


def _format_count(number: int, severity: Severity) -> str:
    if severity in (Severity.WARNING, Severity.ERROR):
        return format_count(number, severity)
    return f"{number} {severity}"
