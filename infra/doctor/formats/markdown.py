"""One block to paste into a bug report: what was found, and the facts that replay it."""

import re
from collections.abc import Sequence
from importlib import metadata

from infra.doctor.finding import Finding
from infra.doctor.formats.text import render_text
from infra.host.facts import HostFacts
from infra.host.recording import record, scrubber_of

_FILE = "host.json"


def render_markdown(findings: Sequence[Finding], facts: HostFacts) -> str:
    """Return the report and the recorded facts, without secrets and names of persons."""
    text = scrubber_of(facts).clean(render_text(findings))
    files = sorted({finding.location.file for finding in findings if finding.location})
    beside = " (the compose files are not in it)" if files else ""
    return (
        f"### qca doctor {metadata.version('qca')}\n\n"
        f"{_fenced(text, 'text')}\n"
        f"<details><summary>The host, to be saved as {_FILE}{beside}</summary>\n\n"
        f"{_fenced(record(facts), 'json')}\n</details>\n\n"
        f"Replay: `qca doctor --facts {_FILE}`\n"
    )


def _fenced(text: str, language: str) -> str:
    """Fence a text with more backticks than it has in a row."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}{fence}\n"
