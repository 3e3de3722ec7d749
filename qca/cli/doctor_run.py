"""What `qca doctor` does with a host's facts: read files, apply fixes, render the report."""

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
from infra.doctor.fix import Proposal, apply_remedy, list_proposals
from infra.doctor.formats.text import escape_control_characters, render_text
from infra.host.facts import ComposePlugin, HostFacts, known_or_none
from qca.cli import color
from qca.core.errors import InputError


def read_files(paths: tuple[Path, ...], facts: HostFacts, *, ask: bool) -> ComposeFile:
    """Read files that Compose would merge, and have this host's Compose confirm the reading."""
    from infra.doctor.read_project import read_project

    compose = known_or_none(facts.compose)
    if not ask:
        why = "the host is a recorded one"
        return replace(read_project(paths, os.environ), not_confirmed_because=why)
    if not isinstance(compose, ComposePlugin):
        why = "`docker compose` is not there"
        return replace(read_project(paths, os.environ), not_confirmed_because=why)
    return read_project(paths, os.environ, compose)


def read_nearby_file() -> ComposeFile | None:
    """Read the folder's own compose file, if there is one that can be read."""
    paths = find_default_files(Path(), _read_variables())
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


def _read_variables() -> dict[str, str]:
    try:
        return {**read_dotenv(Path(".env").read_text("utf-8")), **os.environ}
    except (OSError, UnicodeDecodeError):
        return dict(os.environ)


def render_report(format_: str, findings: Sequence[Finding], facts: HostFacts) -> str:
    """Return the report in one of the formats of `--format`."""
    match format_:
        case "json":
            from infra.doctor.formats.json import render_json
            from infra.doctor.host_summary import summarize_host

            return render_json(findings, summarize_host(facts))
        case "markdown":
            return _render_markdown(findings, facts)
        case "github":
            from infra.doctor.formats.github import render_github

            return render_github(findings)
    return _render_text(findings)


def _render_markdown(findings: Sequence[Finding], facts: HostFacts) -> str:
    from importlib import metadata

    from infra.doctor.formats.markdown import render_markdown
    from infra.host.recording import record, scrubber_of

    return render_markdown(
        findings,
        recorded_host=record(facts),
        anonymize=scrubber_of(facts).clean,
        version=metadata.version("qca"),
    )


def _render_text(findings: Sequence[Finding]) -> str:
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else 80
    return render_text(findings, width=max(40, width), color=is_terminal and color.is_wanted())


def has_failures(findings: Sequence[Finding], strict: bool) -> bool:
    """Whether something was found that makes the exit status 1."""
    failures = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(finding.severity in failures for finding in findings)


def fix_findings(
    findings: list[Finding], examine_again: Callable[[], list[Finding]], yes: bool, dry_run: bool
) -> list[Finding]:
    """Apply the safe remedies, asking before each, and return what is found afterwards."""
    if not list_proposals(findings):
        click.echo(
            "Nothing can be fixed automatically; apply the remedies below yourself.", err=True
        )
        return findings
    tried: set[object] = set()
    while todo := [one for one in list_proposals(findings) if one.finding.subject not in tried]:
        proposal = todo[0]
        tried.add(proposal.finding.subject)
        _announce(proposal)
        if not dry_run and (yes or _confirm()):
            findings = _fix_finding(proposal, examine_again, findings)
    return findings


def _fix_finding(
    proposal: Proposal, examine_again: Callable[[], list[Finding]], findings: list[Finding]
) -> list[Finding]:
    """Apply a remedy and return what is found then; lines may have moved."""
    latest = findings

    def examine() -> list[Finding]:
        nonlocal latest
        latest = examine_again()
        return latest

    outcome = apply_remedy(proposal, examine, findings)
    _echo(f"  {'fixed' if outcome.helped else 'not fixed'}: {outcome.detail}")
    return latest if outcome.helped else examine_again()


def _confirm() -> bool:
    if sys.stdin.isatty():
        return click.confirm("Apply?", err=True)
    click.echo("  not applied: no terminal to ask on; use --yes to apply without asking", err=True)
    return False


def _announce(proposal: Proposal) -> None:
    for remedy in proposal.manual_remedies:
        _echo(f"{proposal.finding.id}, to do by hand: {remedy.title}")
        for command in remedy.commands:
            _echo(f"  {command}")
    _echo(f"{proposal.finding.id}: {proposal.remedy.title}")
    for line in format_diff(proposal.remedy.edits).splitlines():
        _echo(f"  {line}")
    for command in proposal.remedy.commands:
        _echo(f"  {command}")
    if proposal.remedy.breaks:
        _echo(f"  ({proposal.remedy.breaks})")


def _echo(line: str) -> None:
    click.echo(escape_control_characters(line), err=True)
