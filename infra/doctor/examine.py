"""One examination: facts and configuration in, findings out."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from infra.compose_file.model import ComposeFile
from infra.doctor.check import Check, Finding, Severity, Subject, run_checks
from infra.doctor.checks import CHECKS
from infra.host.facts import HostFacts
from infra.stack.plan import plan_stack
from qca.core.config import Config


def examine(
    facts: HostFacts,
    config: Config,
    *,
    files: Sequence[ComposeFile] = (),
    nearby: ComposeFile | None = None,
    checks: Iterable[Check] = CHECKS,
) -> list[Finding]:
    """Return the findings about a host, and about the compose files that were given.

    `nearby` is a compose file that lies in the folder and that nobody asked about: it is
    judged too, but nothing in it can fail the examination.
    """
    subject = Subject(facts, plan_stack(facts, config), config, tuple(files))
    checks = tuple(checks)
    findings = run_checks(checks, subject)
    if nearby is not None and nearby.path not in {file.path for file in files}:
        findings += _in_passing(checks, replace(subject, files=(nearby,)))
    return sorted(findings, key=lambda finding: _place(checks, finding))


def _in_passing(checks: Sequence[Check], subject: Subject) -> list[Finding]:
    """Judge a file that `qca up` does not use: an error in it is at most a warning.

    `--fix` leaves it alone.
    """
    return [
        replace(
            finding,
            severity=Severity.WARNING if finding.severity is Severity.ERROR else finding.severity,
            remedies=tuple(replace(remedy, automatic=False) for remedy in finding.remedies),
        )
        for finding in run_checks(checks, subject)
        if finding.location is not None
    ]


def _place(checks: Sequence[Check], finding: Finding) -> int:
    return next(i for i, check in enumerate(checks) if check.id == finding.id)


def select(only: Collection[str], ignored: Collection[str]) -> tuple[Check, ...]:
    """Return the checks that remain of the catalogue."""
    return tuple(
        check for check in CHECKS if (not only or check.id in only) and check.id not in ignored
    )
