"""`qca doctor`: what would stop the stack, why, and what mends it."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from infra.doctor.check import Finding, Severity
from infra.doctor.compose_yaml import default_files, read_compose_files
from infra.doctor.composefile import ComposeFile
from infra.doctor.edits import diff
from infra.doctor.examine import examine, select
from infra.doctor.fix import Proposal, apply, proposals
from infra.doctor.report import render_json, render_text
from infra.host.facts import ComposePlugin, HostFacts, Known
from qca.cli import colour
from qca.cli.explain import look_up
from qca.cli.hosts import PROBE_SECONDS
from qca.cli.options import facts_option
from qca.config import load_config
from qca.errors import InputError
from qca.files import write_atomically


def _checks(_: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> set[str]:
    return {look_up(one, parameter.opts[0]).id for one in given}


@click.command()
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Examine a compose file too; several are merged as Compose merges them.",
)
@click.argument("each", nargs=-1, metavar="[COMPOSE_FILE]...", type=click.Path(path_type=Path))
@click.option("--files-only", is_flag=True, help="Report on the files only, not on the host.")
@facts_option
@click.option(
    "--record",
    "record_file",
    type=click.Path(path_type=Path),
    help="Write this host's facts to a file, secrets and user names removed.",
)
@click.option("--only", multiple=True, callback=_checks, help="Run this check only (repeatable).")
@click.option("--ignore", multiple=True, callback=_checks, help="Leave this check out.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option("--fix", is_flag=True, help="Apply the remedies that are safe, asking first.")
@click.option("--yes", is_flag=True, help="With --fix: do not ask.")
@click.option("--dry-run", is_flag=True, help="With --fix: only print the commands.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1, max=600),
    default=PROBE_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Limit for the slowest probe.",
)
@click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Configuration file.  [default: qca.toml if it is there]",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "markdown", "github"]),
    default="text",
    show_default=True,
    help="Text for people, JSON for scripts, Markdown for a bug report, GitHub annotations.",
)
def doctor(
    files: tuple[Path, ...],
    each: tuple[Path, ...],
    files_only: bool,
    facts_file: Path | None,
    record_file: Path | None,
    only: set[str],
    ignore: set[str],
    strict: bool,
    fix: bool,
    yes: bool,
    dry_run: bool,
    timeout: float,
    config_file: Path | None,
    format_: str,
) -> None:
    """Examine this host: what would stop the stack, why, and what mends it.

    Each COMPOSE_FILE is judged by itself, several -f as one.

    Exits with 0 if nothing does, 1 if something does, 2 if the call or a file is wrong.
    """
    _refuse_contradictions(facts_file, record_file, fix, yes, dry_run)
    if files_only and not (files or each):
        raise click.UsageError("--files-only needs a compose file.")
    config = load_config(config_file)
    checks = select(only, ignore)

    def judge(facts: HostFacts) -> list[Finding]:
        read = [_read(group, facts, ask=not facts_file) for group in groups]
        nearby = None if facts_file or files_only else _nearby()
        findings = examine(facts, config, files=read, nearby=nearby, checks=checks)
        return [one for one in findings if one.location or not files_only]

    groups = ([files] if files else []) + [(path,) for path in each]

    facts = _facts(facts_file, timeout)
    if record_file:
        _record(facts, record_file)
    findings = judge(facts)
    if fix:
        findings = _mend(findings, lambda: judge(_facts(None, timeout)), yes, dry_run)
    click.echo(_rendered(format_, findings, facts), nl=False)
    if _fails(findings, strict):
        sys.exit(1)


def _refuse_contradictions(
    facts_file: Path | None, record_file: Path | None, fix: bool, yes: bool, dry_run: bool
) -> None:
    if facts_file and (fix or record_file):
        other = "--fix" if fix else "--record"
        raise click.UsageError(f"--facts judges another host; {other} is about this one.")
    if (yes or dry_run) and not fix:
        raise click.UsageError(f"{'--yes' if yes else '--dry-run'} goes with --fix.")


def _facts(facts_file: Path | None, timeout: float) -> HostFacts:
    if facts_file is not None:
        from infra.host.record import load

        return load(facts_file)
    from infra.host.collect import collect

    return collect(timeout=timeout, work_dir=Path.cwd())


def _read(paths: tuple[Path, ...], facts: HostFacts, *, ask: bool) -> ComposeFile:
    """Read files that Compose would merge, and have this host's Compose confirm the reading."""
    file = read_compose_files(paths, os.environ)
    compose = facts.compose.value if isinstance(facts.compose, Known) else None
    if not ask:
        return replace(file, not_asked="the host is a recorded one")
    if not isinstance(compose, ComposePlugin):
        return replace(file, not_asked="`docker compose` is not there")
    from infra.doctor.compose_config import confirm

    return confirm(file, paths, compose, os.environ)


def _record(facts: HostFacts, file: Path) -> None:
    from infra.host.record import record

    write_atomically(file, record(facts))
    click.echo(f"Wrote this host's facts to {file}; replay: qca doctor --facts {file}", err=True)


def _nearby() -> ComposeFile | None:
    """Read the folder's own compose file, if there is one that can be read."""
    paths = default_files(Path())
    try:
        return read_compose_files(paths, os.environ) if paths else None
    except InputError as error:
        click.echo(f"Not examined: {error.message}", err=True)
        return None


def _rendered(format_: str, findings: Sequence[Finding], facts: HostFacts) -> str:
    match format_:
        case "json":
            return render_json(findings, facts)
        case "markdown":
            from infra.doctor.markdown import render_markdown

            return render_markdown(findings, facts)
        case "github":
            from infra.doctor.github import render_github

            return render_github(findings)
    return _text(findings)


def _text(findings: Sequence[Finding]) -> str:
    coloured = sys.stdout.isatty() and colour.is_wanted()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 80
    return render_text(findings, width=max(40, width), color=coloured)


def _fails(findings: Sequence[Finding], strict: bool) -> bool:
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(finding.severity in bad for finding in findings)


def _mend(
    findings: list[Finding], again: Callable[[], list[Finding]], yes: bool, dry_run: bool
) -> list[Finding]:
    proposed = proposals(findings)
    if not proposed:
        click.echo(
            "Nothing here is safe to mend by itself; the remedies below are yours.", err=True
        )
        return findings
    for proposal in proposed:
        _announce(proposal)
        if dry_run or not (yes or _agreed()):
            continue
        outcome = apply(proposal, again)
        click.echo(f"  {'helped' if outcome.helped else 'no help'}: {outcome.detail}", err=True)
    return findings if dry_run else again()


def _agreed() -> bool:
    if sys.stdin.isatty():
        return click.confirm("Apply?", err=True)
    click.echo("  not applied: there is no terminal to ask on; --yes does not ask", err=True)
    return False


def _announce(proposal: Proposal) -> None:
    for earlier in proposal.milder:
        click.echo(f"{proposal.finding.id}, yours to type: {earlier.title}", err=True)
        for command in earlier.commands:
            click.echo(f"  {command}", err=True)
    click.echo(f"{proposal.finding.id}: {proposal.remedy.title}", err=True)
    for line in diff(proposal.remedy.edits).splitlines():
        click.echo(f"  {line}", err=True)
    for command in proposal.remedy.commands:
        click.echo(f"  {command}", err=True)
    if proposal.remedy.breaks:
        click.echo(f"  ({proposal.remedy.breaks})", err=True)
