"""Render findings as a SARIF 2.1.0 log for code scanning services.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; for the subset that GitHub
supports, see
https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from infra.doctor.check import Check
from infra.doctor.finding import Finding, Location, Remedy, Severity
from infra.doctor.formats.message import format_message
from infra.doctor.formats.sarif_locations import encode_artifact, encode_location, encode_region
from infra.doctor.formats.sarif_replacement import find_replacement
from qca.core.visible import escape_invisible

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

# Only the kind "fail" has a level (3.27.10); "open" means undetermined (3.27.9).
_KINDS = {Severity.SKIPPED: "open"}
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}

# GitHub identifies an alert by this fingerprint only.
_FINGERPRINT = "primaryLocationLineHash"


def render_sarif(
    findings: Sequence[Finding], *, checks: Sequence[Check], root: Path, version: str
) -> str:
    """Return a log of one run: each check is a rule, each finding that is not ok is a result.

    Paths of files below `root` are relative to it.
    """
    failed = any(finding.is_check_failure for finding in findings)
    run = {
        "tool": {"driver": _encode_driver(checks, version)},
        "invocations": [{"executionSuccessful": not failed}],
        "columnKind": "unicodeCodePoints",
        "results": list(_encode_results(findings, checks, root)),
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2) + "\n"


def _encode_driver(checks: Iterable[Check], version: str) -> dict[str, Any]:
    rules = [_encode_rule(check) for check in checks]
    return {"name": "qca doctor", "version": version, "rules": rules}


def _encode_rule(check: Check) -> dict[str, Any]:
    sections = {"What it looks at": check.looks_at, "Why": check.why, "How to fix it": check.fix}
    markdown = "\n\n".join(f"**{head}**: {text}" for head, text in sections.items())
    return {
        "id": check.id,
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.why},
        "help": {"text": markdown.replace("**", ""), "markdown": markdown},
        "helpUri": check.url,
        "properties": {"tags": [check.category]},
    }


def _encode_results(
    findings: Iterable[Finding], checks: Sequence[Check], root: Path
) -> Iterator[dict[str, Any]]:
    rules = {check.id: index for index, check in enumerate(checks)}
    seen: Counter[str] = Counter()
    for finding in findings:
        if finding.severity is Severity.OK:
            continue
        fingerprint = _compute_fingerprint(finding, root)
        seen[fingerprint] += 1
        result = _encode_result(finding, root)
        result["partialFingerprints"] = {_FINGERPRINT: f"{fingerprint}:{seen[fingerprint]}"}
        if finding.id in rules:
            result["ruleIndex"] = rules[finding.id]
        yield result


def _encode_result(finding: Finding, root: Path) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.id,
        "kind": _KINDS.get(finding.severity, "fail"),
        "level": _LEVELS.get(finding.severity, "none"),
        "message": {"text": escape_invisible(format_message(finding))},
    }
    if finding.location:
        result["locations"] = [encode_location(finding.location, root)]
    fixes = [fix for remedy in finding.remedies if (fix := _encode_fix(remedy, root))]
    return {**result, "fixes": fixes} if fixes else result


def _compute_fingerprint(finding: Finding, root: Path) -> str:
    """Return an ID of the finding that does not depend on its line number or wording."""
    check, file, service, flag = finding.subject
    uri = encode_artifact(file, root)["uri"] if file else ""
    return hashlib.sha256("\0".join((check, uri, service, flag)).encode()).hexdigest()[:16]


def _encode_fix(remedy: Remedy, root: Path) -> dict[str, Any] | None:
    """Return the edits of a remedy; None if there are none, or if one would show a secret."""
    replacements = [find_replacement(edit) for edit in remedy.edits]
    changes = [
        {
            "artifactLocation": encode_artifact(edit.file, root),
            "replacements": [
                {
                    "deletedRegion": encode_region(
                        Location(edit.file, edit.line, replacement.columns)
                    ),
                    "insertedContent": {"text": replacement.text},
                }
            ],
        }
        for edit, replacement in zip(remedy.edits, replacements, strict=True)
        if replacement is not None
    ]
    if not changes or None in replacements:
        return None
    return {"description": {"text": escape_invisible(remedy.title)}, "artifactChanges": changes}
