"""Render findings as annotations of a GitHub workflow, which GitHub shows at the affected lines.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from collections.abc import Iterable

from infra.doctor.finding import Finding, Severity
from infra.doctor.formats.message import format_message
from qca.core.visible import escape_invisible

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
    Severity.SKIPPED: "notice",
}


def render_github(findings: Iterable[Finding]) -> str:
    """Return a line with a workflow command for each finding that is not ok."""
    return "".join(_format_command(finding) for finding in findings if finding.severity in _LEVELS)


def _format_command(finding: Finding) -> str:
    location = finding.location
    properties = {"file": location.file, "line": str(location.line)} if location else {}
    properties["title"] = f"{finding.id} {_choose_title(finding)}"
    pairs = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items())
    return f"::{_LEVELS[finding.severity]} {pairs}::{_escape_data(format_message(finding))}\n"


def _choose_title(finding: Finding) -> str:
    """Return the check's title, which describes a fault; for other findings, return the summary."""
    is_fault = finding.severity in (Severity.WARNING, Severity.ERROR)
    return finding.title if is_fault and not finding.is_check_failure else finding.summary


def _escape_data(text: str) -> str:
    """Escape text as GitHub's toolkit does."""
    return escape_invisible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
