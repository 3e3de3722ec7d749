"""Examine a host: turn facts and configuration into findings."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from infra.compose_file.model import ComposeFile
from infra.compose_file.started import keep_started, split_dormant
from infra.doctor.check import Check
from infra.doctor.checks import CHECKS
from infra.doctor.finding import Finding, Severity
from infra.doctor.mask import find_public_words, find_secrets, mask_finding
from infra.doctor.runner import run_checks
from infra.doctor.subjects import FileSubject, HostSubject
from infra.host.facts import NO_ANSWERS, EngineAnswers, HostFacts
from infra.stack.plan import plan_stack
from qca.core.config import Config


def examine(
    facts: HostFacts,
    config: Config,
    *,
    files: Sequence[ComposeFile] = (),
    nearby: ComposeFile | None = None,
    checks: Iterable[Check] = CHECKS,
    secrets: Collection[str] = (),
    engine_answers: EngineAnswers = NO_ANSWERS,
) -> list[Finding]:
    """Return the findings about a host and the given Compose files, in the order of the checks.

    `nearby` is a Compose file in the current folder that the user did not name. It is checked too,
    but its findings are at most warnings. `engine_answers` are about `files`. All findings mask
    `secrets` and the secrets in the files.
    """
    plan = plan_stack(facts, config)
    needs_containers = plan.runtime.value == "compose" or bool(files)
    host = HostSubject(facts, plan, config, needs_containers)
    checks = tuple(checks)
    subjects = [FileSubject(file, facts, engine_answers) for file in files]
    findings = run_checks(checks, host, [_keep_started(subject) for subject in subjects])
    for subject in subjects:
        dormant = _find_dormant_faults(subject, checks)
        # A fault in a network that a started service also uses is already in `findings`.
        findings += [_note_dormant(fault, why) for fault, why in dormant if fault not in findings]
    if nearby is not None and nearby.path not in {file.path for file in files}:
        found = run_checks(checks, None, [_keep_started(FileSubject(nearby, facts))])
        findings += [_demote(finding) for finding in found]
    order = [check.id for check in checks]
    read = [*files, *([nearby] if nearby else [])]
    known = frozenset(secrets).union(*map(find_secrets, read))
    known = known.difference(*map(find_public_words, read))
    masked = (mask_finding(finding, known) for finding in findings)
    return sorted(masked, key=lambda finding: order.index(finding.id))


def _keep_started(subject: FileSubject) -> FileSubject:
    return replace(subject, file=keep_started(subject.file))


def _find_dormant_faults(
    subject: FileSubject, checks: Sequence[Check]
) -> Iterator[tuple[Finding, str]]:
    """Yield each fault of a service that a plain `up` does not start, and why it does not."""
    for reason, dormant in split_dormant(subject.file):
        for finding in run_checks(checks, None, [replace(subject, file=dormant)]):
            if finding.severity in (Severity.ERROR, Severity.WARNING):
                yield finding, reason


def _note_dormant(finding: Finding, reason: str) -> Finding:
    if finding.is_check_failure:
        return finding
    note = f"A plain `docker compose up` does not start the service: {reason}."
    message = f"{finding.message}\n{note}"
    remedies = tuple(replace(remedy, automatic=False) for remedy in finding.remedies)
    return replace(finding, severity=Severity.INFO, message=message, remedies=remedies)


def _demote(finding: Finding) -> Finding:
    """Return the finding as one about a nearby file: at most a warning, without automatic fixes."""
    if finding.is_check_failure:
        return finding
    error = finding.severity is Severity.ERROR
    return replace(
        finding,
        severity=Severity.WARNING if error else finding.severity,
        remedies=tuple(replace(remedy, automatic=False) for remedy in finding.remedies),
    )


def select(only: Collection[str], ignored: Collection[str]) -> tuple[Check, ...]:
    """Return the checks in `only`, or all checks if it is empty, except those in `ignored`."""
    return tuple(
        check for check in CHECKS if (not only or check.id in only) and check.id not in ignored
    )
