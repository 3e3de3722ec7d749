"""What `qca doctor` does with a host's facts: judge them, and render the report."""

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from infra.compose_file.default_files import find_default_files
from infra.compose_file.dotenv import read_dotenv
from infra.compose_file.model import ComposeFile
from infra.compose_file.policy import Policy
from infra.doctor.check import Check
from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Severity
from infra.doctor.formats import render_report
from infra.host.facts import ComposePlugin, HostFacts, known_or_none
from qca.cli import color
from qca.cli.messages import say
from qca.core.config import Config
from qca.core.errors import InputError
from qca.core.masking import select_secrets
from qca.core.plain_files import read_plain
from qca.core.units import KIB
from qca.core.versions import parse_version

_DOTENV_LIMIT = 256 * KIB


@dataclass(frozen=True)
class Examination:
    """What is examined on a host: with which checks and configuration, and which files."""

    config: Config
    checks: tuple[Check, ...]
    projects: Sequence[tuple[Path, ...]]
    """Compose projects that the user gave: the files of each are merged."""
    files_only: bool
    is_recorded: bool
    """The host is another one, whose Compose cannot be asked."""
    profiles: tuple[str, ...] = ()
    """The Compose profiles that are active; where none is given, those of COMPOSE_PROFILES."""
    follow_outside: bool = False
    """Files out of a project's folder are read too, on this machine only."""

    def judge(self, facts: HostFacts) -> list[Finding]:
        """Read the files and return what the checks find."""
        files = [self._read_files(paths, facts) for paths in self.projects]
        nearby = None if self.is_recorded or self.files_only else _read_nearby_file()
        findings = examine(
            facts,
            self.config,
            files=files,
            nearby=nearby,
            checks=self.checks,
            secrets=_list_secrets(),
        )
        return [
            one for one in findings if one.location or one.is_check_failure or not self.files_only
        ]

    def _read_files(self, paths: tuple[Path, ...], facts: HostFacts) -> ComposeFile:
        """Read one project, and have this host's Compose confirm the reading."""
        from infra.doctor.read_project import read_project

        compose = known_or_none(facts.compose)
        plugin = compose if isinstance(compose, ComposePlugin) else None
        asked = None if self.is_recorded else plugin
        file = read_project(
            paths,
            os.environ,
            asked,
            profiles=self.profiles,
            policy=Policy.LOCAL if self.follow_outside else Policy.WITHIN_FOLDER,
            version=parse_version(plugin.version) or None if plugin else None,
        )
        if asked is not None:
            return file
        why = "the host is a recorded one" if self.is_recorded else "`docker compose` is not there"
        return replace(file, not_confirmed_because=why)


def _read_nearby_file() -> ComposeFile | None:
    """Read the folder's own Compose file, if there is one that can be read."""
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
        say(f"Not examined: {error.message}", secrets=_list_secrets())
        return None


def _list_secrets() -> frozenset[str]:
    """Return the secrets of the environment and of the folder's `.env`, which no output shows."""
    return select_secrets(_read_variables())


def _read_variables() -> dict[str, str]:
    try:
        text = read_plain(Path(".env"), limit=_DOTENV_LIMIT, follow=False).decode()
        return {**read_dotenv(text), **os.environ}
    except (OSError, UnicodeDecodeError):
        return dict(os.environ)


def render_findings(format_: str, findings: Sequence[Finding], facts: HostFacts) -> str:
    """Return the report in one of the formats of `--format`, as stdout can show it."""
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else 80
    return render_report(
        format_,
        findings,
        facts,
        width=max(40, width),
        color=is_terminal and color.is_wanted(),
    )


def has_failures(findings: Sequence[Finding], strict: bool) -> bool:
    """Whether something was found that makes the exit status 1."""
    failures = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(finding.severity in failures for finding in findings)
