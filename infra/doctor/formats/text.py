"""Findings as text for people: a line for each, then the details of those that need attention."""

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from infra.compose_file.line_edits import format_diff
from infra.doctor.finding import Finding, Location, Remedy, Severity
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
# The worst comes last, right above the prompt.
_DETAILS_ORDER = (Severity.INFO, Severity.SKIPPED, Severity.WARNING, Severity.ERROR)


def render_text(findings: Sequence[Finding], *, width: int = 80, color: bool = False) -> str:
    """Return the report for people, folded to `width` columns."""
    out = io.StringIO()
    console = _open_console(out, width, color)
    for category, group in groupby(findings, key=lambda finding: finding.category):
        console.print(_style(category, "bold"))
        console.print(_build_table(group))
    for severity in _DETAILS_ORDER:
        for finding in findings:
            if finding.severity is severity and _has_details(finding):
                _print_details(console, finding)
    console.print()
    console.print(_format_counts(findings))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def render_details(findings: Sequence[Finding], *, width: int = 80) -> str:
    """Return what the report says about each finding below its list, the line itself included."""
    out = io.StringIO()
    console = _open_console(out, width, color=False)
    for finding in findings:
        _print_details(console, finding)
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines()) + "\n"


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


def _style(text: str, style: str = "") -> Text:
    return Text(escape_invisible(text), style=style)


def _build_table(findings: Iterable[Finding]) -> Table:
    """Return one line for each finding."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(width=_SEVERITY_WIDTH - 1)
    for finding in findings:
        is_ok = finding.severity is Severity.OK
        text = finding.message if is_ok else finding.headline
        if finding.location and not is_ok:
            text += f" ({_format_location(finding.location)})"
        severity = Text(finding.severity.value, style=_SEVERITY_STYLES[finding.severity])
        table.add_row("", severity, Text(finding.id, style="dim"), _style(text))
    return table


def _has_details(finding: Finding) -> bool:
    """Whether there is more to say than its line in the table does."""
    return finding.message != finding.headline or bool(finding.remedies)


def _print_details(console: Console, finding: Finding) -> None:
    console.print()
    console.print(_format_heading(finding))
    if finding.location:  # never folded, so that a terminal can open it
        location = f"  {_format_location(finding.location)}"
        console.print(_style(location, "underline"), soft_wrap=True)
    paragraphs = finding.message.split("\n")
    for paragraph in paragraphs if finding.severity in _FAULTS else paragraphs[1:]:
        console.print(_indent(_style(paragraph)))
    for remedy in finding.remedies:
        _print_remedy(console, remedy)
    if finding.severity in _FAULTS:
        console.print(_indent(Text(f"more: qca explain {finding.id}", style="dim")))


def _format_location(location: Location) -> str:
    """Return the place on one line, whatever the file's name."""
    return escape_invisible(location.file).replace("\n", "\\n") + f":{location.line}"


def _format_heading(finding: Finding) -> Text:
    severity = finding.severity.value.ljust(_SEVERITY_WIDTH)
    heading = Text(severity, style=_SEVERITY_STYLES[finding.severity])
    heading.append(f"{finding.id} ", style="dim")
    return heading.append(escape_invisible(finding.headline), style="bold")


def _print_remedy(console: Console, remedy: Remedy) -> None:
    console.print(_indent(_style(f"- {remedy.title}" + (":" if remedy.commands else ""))))
    for line in format_diff(remedy.edits).splitlines():
        console.print(_style(f"      {line}", _DIFF_STYLES.get(line[0], "")), soft_wrap=True)
    for command in remedy.commands:  # never folded, so that it can be copied
        console.print(_style(f"      {command}", "cyan"), soft_wrap=True)
    if remedy.breaks:
        console.print(_indent(_style(f"({remedy.breaks})", "dim"), columns=4))


def _indent(text: Text, columns: int = 2) -> Padding:
    return Padding(text, (0, 0, 0, columns))


def _format_counts(findings: Sequence[Finding]) -> Text:
    counts = Counter(finding.severity for finding in findings)
    parts = [f"{counts[severity]} {severity}" for severity in _SEVERITY_STYLES if counts[severity]]
    worst = next((one for one in reversed(_DETAILS_ORDER) if counts[one]), Severity.OK)
    return Text(", ".join(parts), style=_SEVERITY_STYLES[worst])
