"""The text report: 80 columns wide, with or without color."""

from pathlib import Path

import pytest

from infra.doctor.examine import examine, select
from infra.doctor.finding import Severity
from infra.doctor.formats.text import render_text
from tests.support.hosts import SEEDS_STACK, compose_file, config, host, seeds_laptop

GOLDEN = Path(__file__).parent / "data" / "seeds_laptop.txt"


def test_text_for_the_seeds_laptop_equals_the_golden_file():
    """Compare with the golden file; after an intended change, review the diff and regenerate it."""
    without_the_memory_model = select((), {"QCA301", "QCA302", "QCA402"})
    text = render_text(
        examine(seeds_laptop(), config(SEEDS_STACK), checks=without_the_memory_model)
    )

    # This path depends on the location of qca's installation.
    lines = [
        line if "compose-v1-constraints" not in line else "      PIP" for line in text.splitlines()
    ]
    assert lines == GOLDEN.read_text().splitlines()


def test_the_seeds_laptop_gets_the_three_findings_with_numbers():
    findings = {f.id: f for f in examine(seeds_laptop(), config(SEEDS_STACK))}

    assert "Not supported URL scheme http+docker" in findings["QCA203"].message
    assert "There are 16 threads, so 4.00GiB are required" in findings["QCA301"].message
    for check, severity in {
        "QCA202": Severity.WARNING,
        "QCA203": Severity.ERROR,
        "QCA301": Severity.ERROR,
    }.items():
        assert findings[check].severity is severity


@pytest.mark.parametrize("width", [40, 80, 132])
def test_only_commands_exceed_the_width(width):
    text = render_text(examine(seeds_laptop(), config(SEEDS_STACK)), width=width)

    for line in text.splitlines():
        assert len(line) <= width or line.startswith("      ") or "https://" in line


def test_plain_text_has_no_escapes_and_colored_text_has():
    findings = examine(seeds_laptop(), config())

    assert "\x1b" not in render_text(findings)
    assert "\x1b[" in render_text(findings, color=True)


def test_the_worst_finding_is_last_before_the_counts():
    findings = examine(seeds_laptop(), config(SEEDS_STACK))
    lines = render_text(findings).splitlines()

    blocks = [line.split()[0] for line in lines if line.startswith(("info ", "warning ", "error "))]
    assert blocks == sorted(blocks, key=["info", "warning", "error"].index)
    count = sum(finding.severity is Severity.OK for finding in findings)
    assert lines[-1].startswith(f"{count} ok, ")


def test_foreign_text_is_printed_unchanged():
    odd = host(docker="[bold]not markup[/bold] :smile:")

    assert "[bold]not markup[/bold] :smile:" in render_text(examine(odd, config()), width=200)


@pytest.mark.parametrize("color", [True, False])
def test_foreign_text_cannot_control_the_terminal(tmp_path, color):
    odd = host(docker="\x1b]0;title\x07 \x9b31m")
    text = 'services: {a: {image: dragonfly, command: ["--maxmemory=\\e[31m2", "--dir=x"]}}\n'

    findings = examine(odd, config(), files=[compose_file(tmp_path, text)])

    shown = render_text(findings, width=200, color=color)
    assert "\\x1b]0;title\\x07 \\x9b31m" in shown
    assert "'\\x1b[31m2'" in shown
    assert "\x1b[31m2" not in shown
