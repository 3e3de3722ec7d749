"""What `qca doctor` does with a host's facts: judge, show and mend."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from infra.compose_file.default_files import find_default_files
from infra.compose_file.dotenv import read_dotenv
from infra.compose_file.line_edits import format_diff
from infra.compose_file.model import ComposeFile
from infra.doctor.finding import Finding, Severity
from infra.doctor.fix import Proposal, apply, proposals
from infra.doctor.formats.text import render_json, render_text, visible
from infra.host.facts import ComposePlugin, HostFacts, Known
from qca.cli import color
from qca.core.errors import InputError


def read(paths: tuple[Path, ...], facts: HostFacts, *, ask: bool) -> ComposeFile:
    """Read files that Compose would merge, and have this host's Compose confirm the reading."""
    from infra.doctor.read_project import read_project

    compose = facts.compose.value if isinstance(facts.compose, Known) else None
    if not ask:
        why = "the host is a recorded one"
        return replace(read_project(paths, os.environ), not_confirmed_because=why)
    if not isinstance(compose, ComposePlugin):
        why = "`docker compose` is not there"
        return replace(read_project(paths, os.environ), not_confirmed_because=why)
    return read_project(paths, os.environ, compose)


def nearby() -> ComposeFile | None:
    """Read the folder's own compose file, if there is one that can be read."""
    paths = find_default_files(Path(), _variables())
    if not paths:
        return None
    if not all(path.resolve().is_relative_to(Path.cwd()) for path in paths):
        click.echo("Not examined: COMPOSE_FILE leads out of this folder; give it with -f", err=True)
        return None
    from infra.doctor.read_project import read_project

    try:
        return read_project(paths, os.environ)
    except InputError as error:
        click.echo(f"Not examined: {error.message}", err=True)
        return None


def _variables() -> dict[str, str]:
    try:
        return {**read_dotenv(Path(".env").read_text("utf-8")), **os.environ}
    except (OSError, UnicodeDecodeError):
        return dict(os.environ)


def rendered(format_: str, findings: Sequence[Finding], facts: HostFacts) -> str:
    """Return the report in one of the formats of `--format`."""
    match format_:
        case "json":
            return render_json(findings, facts)
        case "markdown":
            from infra.doctor.formats.markdown import render_markdown

            return render_markdown(findings, facts)
        case "github":
            from infra.doctor.formats.github import render_github

            return render_github(findings)
    return _text(findings)


def _text(findings: Sequence[Finding]) -> str:
    coloured = sys.stdout.isatty() and color.is_wanted()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 80
    return render_text(findings, width=max(40, width), color=coloured)


def fails(findings: Sequence[Finding], strict: bool) -> bool:
    """Say whether something was found that makes the exit status 1."""
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(finding.severity in bad for finding in findings)


def mend(
    findings: list[Finding], again: Callable[[], list[Finding]], yes: bool, dry_run: bool
) -> list[Finding]:
    """Apply what is safe, each after asking, and return what is found then."""
    if not proposals(findings):
        click.echo(
            "Nothing here is safe to mend by itself; the remedies below are yours.", err=True
        )
        return findings
    latest = findings

    def look() -> list[Finding]:
        nonlocal latest
        latest = again()
        return latest

    tried: set[object] = set()
    while todo := [one for one in proposals(findings) if one.finding.subject not in tried]:
        proposal = todo[0]
        tried.add(proposal.finding.subject)
        _announce(proposal)
        if dry_run or not (yes or _agreed()):
            continue
        outcome = apply(proposal, look, findings)
        _say(f"  {'helped' if outcome.helped else 'no help'}: {outcome.detail}")
        findings = latest if outcome.helped else again()  # lines may have moved
    return findings


def _agreed() -> bool:
    if sys.stdin.isatty():
        return click.confirm("Apply?", err=True)
    click.echo("  not applied: there is no terminal to ask on; --yes does not ask", err=True)
    return False


def _announce(proposal: Proposal) -> None:
    for earlier in proposal.milder:
        _say(f"{proposal.finding.id}, yours to type: {earlier.title}")
        for command in earlier.commands:
            _say(f"  {command}")
    _say(f"{proposal.finding.id}: {proposal.remedy.title}")
    for line in format_diff(proposal.remedy.edits).splitlines():
        _say(f"  {line}")
    for command in proposal.remedy.commands:
        _say(f"  {command}")
    if proposal.remedy.breaks:
        _say(f"  ({proposal.remedy.breaks})")


def _say(line: str) -> None:
    click.echo(visible(line), err=True)
