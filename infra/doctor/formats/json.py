"""Render findings as one JSON document; its schema is `infra/data/doctor-schema.json`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from infra.compose_file.line_edits import format_diff
from infra.doctor.finding import Finding, Location, Remedy, Severity
from infra.doctor.host_summary import HostSummary
from qca.core.json_object import format_object

SCHEMA_VERSION = 1


def render_json(findings: Sequence[Finding], host: HostSummary) -> str:
    """Return the report as one JSON document."""
    counts = Counter(finding.severity for finding in findings)
    document = {
        "schema_version": SCHEMA_VERSION,
        "host": asdict(host),
        "summary": {severity.value: counts[severity] for severity in Severity},
        "findings": [_encode_finding(finding) for finding in findings],
    }
    return format_object(document)


def _encode_finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "category": finding.category,
        "severity": finding.severity.value,
        "title": finding.title,
        "message": finding.message,
        "evidence": dict(finding.evidence),
        "remedies": [_encode_remedy(remedy) for remedy in finding.remedies],
        "url": finding.url,
        "location": _encode_location(finding.location) if finding.location else None,
    }


def _encode_location(location: Location) -> dict[str, Any]:
    return {"file": location.file, "line": location.line}


def _encode_remedy(remedy: Remedy) -> dict[str, Any]:
    return {
        "title": remedy.title,
        "commands": list(remedy.commands),
        "automatic": remedy.automatic,
        "breaks": remedy.breaks,
        "diff": format_diff(remedy.edits),
    }
