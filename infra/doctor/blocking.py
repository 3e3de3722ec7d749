"""Select the findings that stop `qca up`, and those that it only shows."""

from collections.abc import Iterable

from infra.doctor.finding import Finding, Severity


def select_blocking(findings: Iterable[Finding]) -> list[Finding]:
    """Return the errors about the host and the plan.

    The severity already takes the planned runtime into account. Findings with a location are about
    Compose files that `qca up` does not use. A check that itself failed says nothing about the
    host, and a defect in qca must not prevent training.
    """
    return [
        finding
        for finding in findings
        if finding.severity is Severity.ERROR
        and finding.location is None
        and not finding.is_check_failure
    ]


def select_check_failures(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings of checks that themselves failed; `qca up` shows them and continues."""
    return [finding for finding in findings if finding.is_check_failure]
