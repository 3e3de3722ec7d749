"""Findings as text for people and as JSON for scripts. Nothing here is printed."""

import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from infra.compose_file.line_edits import format_diff
from infra.doctor.finding import Finding, Remedy, Severity
from infra.host.facts import Engine, GpuDriver, HostFacts, Known

SCHEMA_VERSION = 1

_SIGNS = {
    Severity.OK: ("ok", "green"),
    Severity.INFO: ("info", "cyan"),
    Severity.SKIPPED: ("skipped", "magenta"),
    Severity.WARNING: ("warning", "yellow"),
    Severity.ERROR: ("error", "bold red"),
}
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SIGN_WIDTH = 8
_DIFF = {"-": "red", "+": "green"}

# The worst comes last, where the eye rests when the prompt is back.
_FAULTS = (Severity.WARNING, Severity.ERROR)
_ORDER = (Severity.INFO, Severity.SKIPPED, Severity.WARNING, Severity.ERROR)


def render_json(findings: Sequence[Finding], facts: HostFacts) -> str:
    """Return the report as one JSON document."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "host": host_summary(facts),
        "summary": summary(findings),
        "findings": [_finding(finding) for finding in findings],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def summary(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings there are of each severity."""
    counts = {severity.value: 0 for severity in Severity}
    for finding in findings:
        counts[finding.severity.value] += 1
    return counts


def host_summary(facts: HostFacts) -> dict[str, Any]:
    """Return the facts in a few words each; null where a fact is unknown."""
    return {
        "system": facts.system.value.distribution if isinstance(facts.system, Known) else None,
        "kernel": facts.system.value.release if isinstance(facts.system, Known) else None,
        "cpus": facts.cpu.value.usable if isinstance(facts.cpu, Known) else None,
        "memory_bytes": facts.memory.value.usable if isinstance(facts.memory, Known) else None,
        "docker": _docker(facts),
        "gpus": _gpus(facts),
        "python": facts.python.value.version if isinstance(facts.python, Known) else None,
    }


def _docker(facts: HostFacts) -> str | None:
    if not isinstance(facts.docker, Known):
        return None
    docker = facts.docker.value
    return docker.version if isinstance(docker, Engine) else docker.state


def _gpus(facts: HostFacts) -> list[str] | None:
    if not isinstance(facts.gpu, Known):
        return None
    gpu = facts.gpu.value
    return [one.name for one in gpu.gpus] if isinstance(gpu, GpuDriver) else []


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "category": finding.category,
        "severity": finding.severity.value,
        "title": finding.title,
        "message": finding.message,
        "evidence": dict(finding.evidence),
        "remedies": [_remedy(remedy) for remedy in finding.remedies],
        "url": finding.url,
        "location": asdict(finding.location) if finding.location else None,
    }


def _remedy(remedy: Remedy) -> dict[str, Any]:
    return {
        "title": remedy.title,
        "commands": list(remedy.commands),
        "automatic": remedy.automatic,
        "breaks": remedy.breaks,
        "diff": format_diff(remedy.edits),
    }


def render_text(findings: Sequence[Finding], *, width: int = 80, color: bool = False) -> str:
    """Return the report for people: one line for each check, then what is not well."""
    out = io.StringIO()
    console = Console(
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
    for category, group in groupby(findings, key=lambda finding: finding.category):
        console.print(_text(category, style="bold"))
        console.print(_lines(group))
    for severity in _ORDER:
        for finding in findings:
            if finding.severity is severity:
                _print_block(console, finding)
    console.print()
    console.print(_closing(findings))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _text(text: str, style: str = "") -> Text:
    return Text(visible(text), style=style)


def visible(text: str) -> str:
    """Write control characters as such: a terminal would obey those of a file or a program."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _lines(findings: Iterable[Finding]) -> Table:
    """One line for each finding; what is not well is told in full further down."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(width=_SIGN_WIDTH - 1)
    for finding in findings:
        sign, style = _SIGNS[finding.severity]
        good = finding.severity is Severity.OK
        text = finding.message if good else finding.headline
        if finding.location and not good:
            text += f" ({finding.location.file}:{finding.location.line})"
        table.add_row("", Text(sign, style=style), Text(finding.id, style="dim"), _text(text))
    return table


def _print_block(console: Console, finding: Finding) -> None:
    if finding.message == finding.headline and not finding.remedies:
        return  # its line above says it all
    console.print()
    console.print(_signed(finding).append(visible(finding.headline), style="bold"))
    if finding.location:  # never folded, so that a terminal can open it
        place = f"  {finding.location.file}:{finding.location.line}"
        console.print(_text(place, style="underline"), soft_wrap=True)
    paragraphs = finding.message.split("\n")
    for paragraph in paragraphs if finding.severity in _FAULTS else paragraphs[1:]:
        console.print(Padding(_text(paragraph), (0, 0, 0, 2)))
    for remedy in finding.remedies:
        _print_remedy(console, remedy)
    if finding.severity in _FAULTS:
        console.print(Padding(Text(f"more: qca explain {finding.id}", style="dim"), (0, 0, 0, 2)))


def _print_remedy(console: Console, remedy: Remedy) -> None:
    console.print(
        Padding(_text(f"- {remedy.title}" + (":" if remedy.commands else "")), (0, 0, 0, 2))
    )
    for line in format_diff(remedy.edits).splitlines():
        console.print(_text(f"      {line}", style=_DIFF.get(line[0], "")), soft_wrap=True)
    for command in remedy.commands:  # never folded: it is there to be copied
        console.print(_text(f"      {command}", style="cyan"), soft_wrap=True)
    if remedy.breaks:
        console.print(Padding(_text(f"({remedy.breaks})", style="dim"), (0, 0, 0, 4)))


def _signed(finding: Finding) -> Text:
    sign, style = _SIGNS[finding.severity]
    return Text(sign.ljust(_SIGN_WIDTH), style=style).append(f"{finding.id} ", style="dim")


def _closing(findings: Sequence[Finding]) -> Text:
    counts = summary(findings)
    parts = [f"{counts[s.value]} {_SIGNS[s][0]}" for s in _SIGNS if counts[s.value]]
    worst = next((s for s in reversed(_ORDER) if counts[s.value]), Severity.OK)
    return Text(", ".join(parts), style=_SIGNS[worst][1])
