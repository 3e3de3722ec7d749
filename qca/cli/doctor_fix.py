"""`qca doctor --fix`: announce each safe fix, ask, apply it, and report whether it helped."""

import sys
from collections.abc import Callable

import click

from infra.compose_file.line_edits import format_diff
from infra.doctor.finding import Finding
from infra.doctor.fix import Proposal, apply_remedy, list_proposals
from qca.cli.messages import say


def fix_findings(
    findings: list[Finding], examine_again: Callable[[], list[Finding]], yes: bool, dry_run: bool
) -> list[Finding]:
    """Apply the safe fixes, asking before each, and return the findings afterwards."""
    if not list_proposals(findings):
        click.echo(
            "Nothing can be fixed automatically; apply the remedies below yourself.", err=True
        )
        return findings
    tried: set[object] = set()
    while todo := [
        proposal for proposal in list_proposals(findings) if proposal.finding.subject not in tried
    ]:
        proposal = todo[0]
        tried.add(proposal.finding.subject)
        _announce(proposal)
        if not dry_run and (yes or _confirm()):
            findings = _fix_finding(proposal, examine_again, findings)
    return findings


def _fix_finding(
    proposal: Proposal, examine_again: Callable[[], list[Finding]], findings: list[Finding]
) -> list[Finding]:
    """Apply a fix, report whether it helped, and return the new findings: lines may have moved."""
    latest = findings

    def examine() -> list[Finding]:
        nonlocal latest
        latest = examine_again()
        return latest

    outcome = apply_remedy(proposal, examine, findings)
    say(f"  {'fixed' if outcome.helped else 'not fixed'}: {outcome.detail}")
    return latest if outcome.helped else examine_again()


def _confirm() -> bool:
    if sys.stdin.isatty():
        return click.confirm("Apply?", err=True)
    click.echo(
        "  not applied: cannot ask without a terminal; use --yes to apply without asking", err=True
    )
    return False


def _announce(proposal: Proposal) -> None:
    for remedy in proposal.manual_remedies:
        say(f"{proposal.finding.id} needs a manual fix: {remedy.title}")
        for command in remedy.commands:
            say(f"  {command}")
    say(f"{proposal.finding.id}: {proposal.remedy.title}")
    for line in format_diff(proposal.remedy.edits).splitlines():
        say(f"  {line}")
    for command in proposal.remedy.commands:
        say(f"  {command}")
    if proposal.remedy.breaks:
        say(f"  ({proposal.remedy.breaks})")
