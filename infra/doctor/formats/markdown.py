"""Render a block for a bug report: the findings, and the recorded host that reproduces them."""

import re
from collections.abc import Callable, Sequence

from infra.doctor.finding import Finding
from infra.doctor.formats.text import render_text

_FILE = "host.json"


def render_markdown(
    findings: Sequence[Finding],
    *,
    recorded_host: str,
    anonymize: Callable[[str], str],
    version: str,
) -> str:
    """Return the report and the recorded host, both free of secrets and personal names.

    `recorded_host` is already anonymous; `anonymize` is applied to the report.
    """
    report = anonymize(render_text(findings))
    has_files = any(finding.location for finding in findings)
    missing = " (without the Compose files)" if has_files else ""
    return (
        f"### qca doctor {version}\n\n"
        f"{_fence(report, 'text')}\n"
        f"<details><summary>The host, to be saved as {_FILE}{missing}</summary>\n\n"
        f"{_fence(recorded_host, 'json')}\n</details>\n\n"
        f"Replay: `qca doctor --facts {_FILE}`\n"
    )


def _fence(text: str, language: str) -> str:
    """Return the text between fences that are longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}{fence}\n"
