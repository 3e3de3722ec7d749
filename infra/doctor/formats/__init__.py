"""Render a report in one of the output formats.

Each format is a module with one function, which takes findings and plain data and returns a string.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # FORMATS is read before the probes start; its import must be fast
    from infra.doctor.finding import Finding
    from infra.host.facts import HostFacts

# The values of `qca doctor --format`.
FORMATS = ("text", "json", "markdown", "github", "sarif")


def render_report(
    format_: str, findings: "Sequence[Finding]", facts: "HostFacts", *, width: int, color: bool
) -> str:
    """Return the report in one of FORMATS; `width` and `color` apply only to `text`.

    The format's module is imported only when it is used.
    """
    match format_:
        case "json":
            from infra.doctor.formats.json import render_json
            from infra.doctor.host_summary import summarize_host

            return render_json(findings, summarize_host(facts))
        case "markdown":
            return _render_markdown(findings, facts)
        case "github":
            from infra.doctor.formats.github import render_github

            return render_github(findings)
        case "sarif":
            return _render_sarif(findings)
        case "text":
            from infra.doctor.formats.text import render_text

            return render_text(findings, width=width, color=color)
        case _:
            raise ValueError(f"no such format: {format_}")


def _render_markdown(findings: "Sequence[Finding]", facts: "HostFacts") -> str:
    from infra.doctor.formats.markdown import render_markdown
    from infra.host.recording import make_scrubber, record
    from qca.core.distribution import read_version

    return render_markdown(
        findings,
        recorded_host=record(facts),
        anonymize=make_scrubber(facts).clean,
        version=read_version(),
    )


def _render_sarif(findings: "Sequence[Finding]") -> str:
    from pathlib import Path

    from infra.doctor.checks import CHECKS
    from infra.doctor.formats.sarif import render_sarif
    from qca.core.distribution import read_version

    return render_sarif(findings, checks=CHECKS, root=Path.cwd(), version=read_version())
