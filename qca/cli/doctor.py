"""`qca doctor`: report what would keep the stack from starting, why, and how to fix it."""

import os
import re
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.doctor.formats import FORMATS
from qca.cli.doctor_options import DoctorOptions
from qca.cli.host_facts import PROBE_SECONDS
from qca.cli.messages import note
from qca.cli.options import NumberRange, config_option, facts_option
from qca.core.atomic_files import write_atomically
from qca.core.plain_files import read_plain
from qca.core.units import KIB

if TYPE_CHECKING:
    from infra.doctor.check import Check
    from infra.doctor.finding import Finding
    from infra.host.facts import HostFacts
    from qca.cli.doctor_report import Examination

# A project that builds an image has one of these in its Compose file: the key, a key that refers to
# another file, or an escaped key. A null byte indicates an encoding in which the words differ.
_BUILD_WORDS = re.compile(rb"build|include|extends|COMPOSE_FILE|\\|\0")
_SEARCHED_BYTES = 256 * KIB


def _read_ids(_: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> set[str]:
    if not given:
        return set()
    from qca.cli.explain import look_up_all

    return {check.id for pattern in given for check in look_up_all(pattern, parameter.opts[0])}


@click.command()
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Also check this Compose file; several are merged as Compose merges them.",
)
@click.argument("each", nargs=-1, metavar="[COMPOSE_FILE]...", type=click.Path(path_type=Path))
@click.option(
    "--files-only",
    is_flag=True,
    help="Check the files and what they need of the host, not qca's own stack.",
)
@click.option(
    "--compose-profile",
    "profiles",
    multiple=True,
    metavar="PROFILE",
    help="Activate this Compose profile when checking the files (repeatable; * for all). Default: "
    "COMPOSE_PROFILES.",
)
@click.option(
    "--follow-outside",
    is_flag=True,
    help="Also read files outside the project folder if the checked files refer to them; read "
    "nothing from the network.",
)
@facts_option
@click.option(
    "--record",
    "record_file",
    type=click.Path(path_type=Path),
    help="Write this host's facts to a file, without secrets or user names.",
)
@click.option("--only", multiple=True, callback=_read_ids, help="Run only this check (repeatable).")
@click.option(
    "--ignore",
    multiple=True,
    callback=_read_ids,
    help="Skip this check, or all that match a pattern such as QCA8*.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.option("--fix", is_flag=True, help="Apply the safe fixes, asking before each.")
@click.option(
    "--deep",
    is_flag=True,
    help="In containers, test the GPU, the store, the volumes, a name lookup, and reading and "
    "writing in this folder; ask first.",
)
@click.option("--yes", is_flag=True, help="Do not ask (with --fix or --deep).")
@click.option("--dry-run", is_flag=True, help="Only print the commands (with --fix).")
@click.option(
    "--timeout",
    type=NumberRange(min=0.1, max=600),
    default=PROBE_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Time limit for the slowest probe.",
)
@config_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Text for people, JSON for scripts, Markdown for bug reports, GitHub annotations, SARIF "
    "for code scanning.",
)
def doctor(**given: Any) -> None:
    """Report what would keep the stack from starting here, why, and how to fix it.

    Each COMPOSE_FILE is checked separately; several -f files are merged into one project.

    The exit code is 0 if the stack can start, 1 if something would stop it, and 2 if the
    arguments or a file are invalid.
    """
    options = DoctorOptions(**given)
    options.refuse_contradictions()
    with _start_probing(options.facts_file, options.timeout, _asks_buildx(options)) as get_facts:
        # Loading the checks takes about as long as probing the host, so do both at once.
        examination = _prepare_examination(options)
        facts = get_facts()
    _refuse_idle_checks(examination.checks, facts, options)
    findings = examination.judge(facts)
    if options.fix:
        findings = _fix(examination, findings, options)
    if options.deep:
        facts = _probe_deeply(examination, facts, options)
        findings = examination.judge(facts)
    if options.record_file:
        _write_record(facts, options.record_file)
    _report(findings, facts, options)


def _prepare_examination(options: DoctorOptions) -> "Examination":
    from qca.cli.doctor_report import Examination
    from qca.core.config_loader import load_config

    return Examination(
        config=load_config(options.config_file),
        checks=_select_checks(options.only, options.ignore),
        projects=options.projects,
        files_only=options.files_only,
        is_recorded=options.facts_file is not None,
        profiles=options.profiles,
        follow_outside=options.follow_outside,
    )


def _select_checks(only: set[str], ignore: set[str]) -> "tuple[Check, ...]":
    from infra.doctor.examine import select

    if checks := select(only, ignore):
        return checks
    raise click.UsageError("--only and --ignore exclude every check.")


def _refuse_idle_checks(
    checks: "Sequence[Check]", facts: "HostFacts", options: DoctorOptions
) -> None:
    """Raise UsageError if all of the checks need facts that only --deep determines."""
    if not options.deep and all(check.is_idle(facts) for check in checks):
        raise click.UsageError(f"{checks[0].id} needs --deep.")


def _asks_buildx(options: DoctorOptions) -> bool:
    return bool(options.record_file) or _may_build(options.projects)


def _may_build(projects: Sequence[Sequence[Path]]) -> bool:
    """Return whether buildx may have to build images for these projects or for this folder's.

    This only searches the files for words, which takes less time than asking buildx. The projects
    are read in full while buildx answers.
    """
    from infra.compose_file.default_files import find_default_files

    nearby = (*find_default_files(Path(), os.environ), Path(".env"))
    paths = [path for group in (*projects, nearby) for path in group if path.exists()]
    try:
        return any(_BUILD_WORDS.search(read_plain(path, limit=_SEARCHED_BYTES)) for path in paths)
    except OSError:
        return True


@contextmanager
def _start_probing(
    facts_file: Path | None, timeout: float, asks_buildx: bool = True
) -> Generator["Callable[[], HostFacts]"]:
    """Probe this host, or read a recorded one; yield a function that returns the facts."""
    if facts_file is not None:
        from infra.host.recording import load

        yield lambda: load(facts_file)
        return
    from infra.host.collect import start_collecting

    with start_collecting(
        timeout=timeout, work_dir=Path.cwd(), asks_buildx=asks_buildx
    ) as wait_for_facts:
        yield wait_for_facts


def _probe_again(timeout: float) -> "HostFacts":
    with _start_probing(None, timeout) as wait_for_facts:
        return wait_for_facts()


def _fix(
    examination: "Examination", findings: "list[Finding]", options: DoctorOptions
) -> "list[Finding]":
    from qca.cli.doctor_fix import fix_findings

    def examine_again() -> "list[Finding]":
        return examination.judge(_probe_again(options.timeout))

    return fix_findings(findings, examine_again, options.yes, options.dry_run)


def _probe_deeply(
    examination: "Examination", facts: "HostFacts", options: DoctorOptions
) -> "HostFacts":
    """Return the facts with those of --deep; a fix may have changed the others."""
    from qca.cli.doctor_deep import add_live_facts

    current = _probe_again(options.timeout) if options.fix else facts
    config, checks = examination.config, examination.checks
    return add_live_facts(current, config, checks, yes=options.yes, timeout=options.timeout)


def _write_record(facts: "HostFacts", file: Path) -> None:
    from infra.host.recording import record

    write_atomically(file, record(facts))
    note(f"Wrote this host's facts to {file}; replay: qca doctor --facts {file}")


def _report(findings: "list[Finding]", facts: "HostFacts", options: DoctorOptions) -> None:
    from qca.cli.doctor_report import has_failures, render_findings

    click.echo(render_findings(options.format_, findings, facts), nl=False)
    if has_failures(findings, options.strict):
        sys.exit(1)
