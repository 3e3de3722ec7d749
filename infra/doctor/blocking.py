"""Which findings must stop `qca up`."""

from collections.abc import Iterable

from infra.doctor.check import Finding, Severity


def blocking(findings: Iterable[Finding]) -> list[Finding]:
    """Return the errors about the host and the plan.

    A check's severity already follows the planned runtime. Findings with a location are
    about files that somebody else wrote, which `qca up` does not use.
    """
    return [f for f in findings if f.severity is Severity.ERROR and f.location is None]
