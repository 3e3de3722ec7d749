"""Findings as annotations of a GitHub workflow: shown beside the line that they are about.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from collections.abc import Iterable

from infra.doctor.finding import Finding, Severity

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
    Severity.SKIPPED: "notice",
}


def render_github(findings: Iterable[Finding]) -> str:
    """Return one workflow command a line for everything that is not ok."""
    return "".join(_command(finding) for finding in findings if finding.severity in _LEVELS)


def _command(finding: Finding) -> str:
    place = finding.location
    properties = {"file": place.file, "line": str(place.line)} if place else {}
    properties["title"] = f"{finding.id} {finding.headline}"
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{_LEVELS[finding.severity]} {listed}::{_data(_words(finding))}\n"


def _words(finding: Finding) -> str:
    remedies = (remedy.title for remedy in finding.remedies)
    return "\n".join([finding.message, *(f"- {title}" for title in remedies)])


def _data(text: str) -> str:
    """Escape as GitHub's own toolkit does."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
