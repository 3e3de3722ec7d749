"""Run the checks of `qca doctor` on a host's facts, and render the report."""

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from infra.compose_file.default_files import find_default_files
from infra.compose_file.model import ComposeFile
from infra.compose_file.references import Policy
from infra.compose_file.syntax.dotenv import read_dotenv
from infra.doctor.check import Check
from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Severity
from infra.doctor.formats import render_report
from infra.host.facts import (
    NO_ANSWERS,
    ComposePlugin,
    EngineAnswers,
    HostFacts,
    known_or_none,
)
from qca.cli import color
from qca.cli.messages import say
from qca.core.config import Config
from qca.core.errors import InputError
from qca.core.frozen import frozen_dataclass
from qca.core.masking import select_secrets
from qca.core.plain_files import read_plain
from qca.core.units import KIB
from qca.core.versions import parse_version

_DOTENV_LIMIT = 256 * KIB


@frozen_dataclass
class Examination:
    """The checks, configuration and files of one run of `qca doctor`."""

    config: Config
    checks: tuple[Check, ...]
    projects: Sequence[tuple[Path, ...]]
    """Compose projects given by the user; the files of each are merged."""
    files_only: bool
    is_recorded: bool
    """Whether the facts come from a recorded host, whose Compose cannot be run."""
    profiles: tuple[str, ...] = ()
    """The active Compose profiles; if empty, COMPOSE_PROFILES decides."""
    follow_outside: bool = False
    """Whether to read files outside a project's folder too; false for another machine's files."""

    def judge(self, facts: HostFacts) -> list[Finding]:
        """Read the files and return the findings of the checks."""
        compose = known_or_none(facts.compose)
        plugin = compose if isinstance(compose, ComposePlugin) else None
        files = [self._read_files(paths, plugin) for paths in self.projects]
        nearby = None if self.is_recorded or self.files_only else _read_nearby_file()
        findings = examine(
            facts,
            self.config,
            files=files,
            nearby=nearby,
            checks=self.checks,
            secrets=_list_secrets(),
            engine_answers=self._ask_engine(files, plugin),
        )
        return [
            finding
            for finding in findings
            if finding.location or finding.is_check_failure or not self.files_only
        ]

    def _ask_engine(
        self, files: Sequence[ComposeFile], plugin: ComposePlugin | None
    ) -> EngineAnswers:
        if plugin is None or self.is_recorded or not files:
            return NO_ANSWERS
        from infra.doctor.engine_questions import ask_engine

        return ask_engine(files, plugin.docker_client, os.environ)

    def _read_files(self, paths: tuple[Path, ...], plugin: ComposePlugin | None) -> ComposeFile:
        """Read one project, and compare the result with this host's Compose."""
        from infra.doctor.examined_files import read_examined_files

        asked = None if self.is_recorded else plugin
        file = read_examined_files(
            paths,
            os.environ,
            asked,
            profiles=self.profiles,
            policy=Policy.LOCAL if self.follow_outside else Policy.WITHIN_FOLDER,
            version=parse_version(plugin.version) or None if plugin else None,
        )
        if asked is not None:
            return file
        why = "the facts are recorded" if self.is_recorded else "`docker compose` is missing"
        return replace(file, not_confirmed_because=why)


def _read_nearby_file() -> ComposeFile | None:
    """Return the Compose file of the current folder; None if there is none.

    Also return None, after a message, if the file is outside the folder or unreadable.
    """
    paths = find_default_files(Path(), _read_variables())
    if not paths:
        return None
    if not all(path.resolve().is_relative_to(Path.cwd()) for path in paths):
        click.echo("Not examined: COMPOSE_FILE is outside this folder; pass it with -f", err=True)
        return None
    from infra.doctor.examined_files import read_examined_files

    try:
        return read_examined_files(paths, os.environ)
    except InputError as error:
        say(f"Not examined: {error.message}", secrets=_list_secrets())
        return None


def _list_secrets() -> frozenset[str]:
    """Return the secrets of the environment and of the folder's `.env`, to mask in output."""
    return select_secrets(_read_variables())


def _read_variables() -> dict[str, str]:
    try:
        text = read_plain(Path(".env"), limit=_DOTENV_LIMIT, follow=False).decode()
        return {**read_dotenv(text), **os.environ}
    except (OSError, UnicodeDecodeError):
        return dict(os.environ)


def render_findings(format_: str, findings: Sequence[Finding], facts: HostFacts) -> str:
    """Return the report in the given `--format`, using only characters that stdout can encode."""
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
    """Return whether a finding makes the exit code 1."""
    failures = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(finding.severity in failures for finding in findings)
