"""The golden report in each format; `data/README.md` explains how to regenerate it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.compose_file.line_edits import Edit
from infra.doctor.check import Check
from infra.doctor.finding import Category, Finding, Location, Remedy, Severity, Verdict, ok
from infra.doctor.formats import FORMATS
from infra.doctor.formats.github import render_github
from infra.doctor.formats.json import render_json
from infra.doctor.formats.markdown import render_markdown
from infra.doctor.formats.sarif import render_sarif
from infra.doctor.formats.text import render_text
from infra.doctor.host_summary import HostSummary

DATA = Path(__file__).parent / "data"
ROOT = Path("/repository")
LINE = '    command: ["--maxmemory=2G", "--proactor_threads=16"]'
EDIT = Edit("deploy/compose.yaml", 4, LINE, (LINE.replace("16", "8"),))


def _make_check(id_: str, category: Category) -> Check:
    return Check(
        id=id_,
        category=category,
        title=f"The title of {id_}",
        needs=(),
        looks_at="one thing.",
        why="It matters.\nVery much.",
        fix="Change it.",
        url="https://example.org/rule",
        judge_host=lambda _: ok("fine"),
    )


CHECKS = {
    check.id: check
    for check in (
        _make_check("QCA101", "docker"),
        _make_check("QCA202", "compose"),
        _make_check("QCA301", "dragonfly"),
        _make_check("QCA401", "gpu"),
        _make_check("QCA703", "file"),
    )
}


def _find(
    id_: str, severity: Severity, message: str, *remedies: Remedy, location: Location | None = None
) -> Finding:
    evidence = {"service": "cache"} if location else {}
    return CHECKS[id_].report(Verdict(severity, message, evidence, remedies, location))


FINDINGS = [
    _find("QCA101", Severity.OK, "Docker Engine 28.5.2 answers."),
    _find("QCA202", Severity.INFO, "Compose V1 is installed too.\nNothing here uses it."),
    _find(
        "QCA301",
        Severity.ERROR,
        "Service cache: 2 GiB is too small for 16 threads.\nDragonfly needs 4 GiB.",
        Remedy(
            "Write 8 threads", commands=("sed -i 4s/16/8/ file",), automatic=True, edits=(EDIT,)
        ),
        Remedy("Or give it more memory", breaks="other containers get less"),
        location=Location("deploy/compose.yaml", 4, (33, 54)),
    ),
    _find("QCA401", Severity.SKIPPED, "Cannot check. gpu: NVML hung"),
    _find(
        "QCA703",
        Severity.WARNING,
        "Service cache: 100% of the host's memory.",
        location=Location("deploy/compose.yaml", 5),
    ),
]
HOST = HostSummary(
    system="Debian GNU/Linux 13 (trixie)",
    kernel="6.12.0",
    cpus=8,
    memory_bytes=2**34,
    docker="28.5.2",
    gpus=None,
    python="3.13.1",
)

RENDERERS: dict[str, Callable[[], str]] = {
    "text": lambda: render_text(FINDINGS),
    "json": lambda: render_json(FINDINGS, HOST),
    "markdown": lambda: render_markdown(
        FINDINGS, recorded_host='{"a": 1}\n', anonymize=str.upper, version="1.2.3"
    ),
    "github": lambda: render_github(FINDINGS),
    "sarif": lambda: render_sarif(FINDINGS, checks=[*CHECKS.values()], root=ROOT, version="1.2.3"),
}


def test_every_format_has_a_golden_file():
    assert set(RENDERERS) == set(FORMATS)


@pytest.mark.parametrize("format_", FORMATS)
def test_the_report_equals_the_golden_file(format_: str):
    assert RENDERERS[format_]() == (DATA / f"report.{format_}").read_text()


if __name__ == "__main__":
    for name, render in RENDERERS.items():
        (DATA / f"report.{name}").write_text(render())
