"""Render the reports of `qca doctor` as the command line does, and load their published schema."""

import json
from pathlib import Path

from infra.doctor.finding import Finding
from infra.doctor.formats.json import render_json
from infra.doctor.formats.markdown import render_markdown
from infra.doctor.host_summary import summarize_host
from infra.host.facts import HostFacts
from infra.host.recording import make_scrubber, record

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "infra" / "data" / "doctor-schema.json").read_text()
)


def write_json(findings: list[Finding], facts: HostFacts) -> str:
    return render_json(findings, summarize_host(facts))


def write_markdown(findings: list[Finding], facts: HostFacts) -> str:
    return render_markdown(
        findings, recorded_host=record(facts), anonymize=make_scrubber(facts).clean, version="1.2.3"
    )
