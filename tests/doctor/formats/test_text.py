"""The report: for people at 80 columns, for scripts as one document of a fixed shape."""

import json
from pathlib import Path

import jsonschema
import pytest

from infra.doctor.examine import examine, select
from infra.doctor.finding import Severity
from infra.doctor.formats.text import render_json, render_text, summary
from tests.support.hosts import compose_file, config, host, seeds_laptop

DATA = Path(__file__).parents[3] / "infra" / "data"
GOLDEN = Path(__file__).parent / "data" / "seeds_laptop.txt"
SEEDS_STACK = {"runtime": "compose", "maxmemory": "2GiB", "proactor_threads": 16}

SCHEMA = json.loads((DATA / "doctor-schema.json").read_text())


def test_json_has_the_agreed_shape(tmp_path):
    file = compose_file(tmp_path, "services:\n  a:\n    image: dragonflydb/dragonfly\n")
    facts = seeds_laptop()
    findings = examine(facts, config(SEEDS_STACK), files=[file])

    document = json.loads(render_json(findings, facts))

    jsonschema.validate(document, SCHEMA)
    assert sum(document["summary"].values()) == len(document["findings"]) == len(findings)
    assert any(finding["location"] for finding in document["findings"])
    assert any(finding["remedies"] for finding in document["findings"])


def test_json_of_a_host_where_little_can_be_seen():
    facts = host(docker="hung", gpu="hung", system="hung", python="hung")

    document = json.loads(render_json(examine(facts, config()), facts))

    jsonschema.validate(document, SCHEMA)
    assert document["host"]["docker"] is None
    assert document["summary"]["skipped"] >= 4


def test_text_of_the_seeds_evening_is_as_agreed():
    """Golden; after a wanted change, look at the difference and write the file anew."""
    without_the_memory_model = select((), {"QCA301", "QCA302", "QCA402"})
    text = render_text(
        examine(seeds_laptop(), config(SEEDS_STACK), checks=without_the_memory_model)
    )

    # The one path that depends on where qca is installed.
    lines = [
        line if "compose-v1-constraints" not in line else "      PIP" for line in text.splitlines()
    ]
    assert lines == GOLDEN.read_text().splitlines()


def test_the_seeds_evening_gets_the_three_findings_with_the_numbers():
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
def test_only_commands_run_over_the_edge(width):
    text = render_text(examine(seeds_laptop(), config(SEEDS_STACK)), width=width)

    for line in text.splitlines():
        assert len(line) <= width or line.startswith("      ") or "https://" in line


def test_plain_text_has_no_escapes_and_coloured_text_has():
    findings = examine(seeds_laptop(), config())

    assert "\x1b" not in render_text(findings)
    assert "\x1b[" in render_text(findings, color=True)


def test_the_worst_comes_last_and_then_the_count():
    lines = render_text(examine(seeds_laptop(), config(SEEDS_STACK))).splitlines()

    blocks = [line.split()[0] for line in lines if line.startswith(("info ", "warning ", "error "))]
    assert blocks == sorted(blocks, key=["info", "warning", "error"].index)
    assert lines[-1].startswith(f"{summary(examine(seeds_laptop(), config(SEEDS_STACK)))['ok']} ok")


def test_what_comes_from_outside_is_printed_as_it_is():
    odd = host(docker="[bold]not markup[/bold] :smile:")

    assert "[bold]not markup[/bold] :smile:" in render_text(examine(odd, config()), width=200)


@pytest.mark.parametrize("color", [True, False])
def test_what_comes_from_outside_gives_a_terminal_no_orders(tmp_path, color):
    odd = host(docker="\x1b]0;title\x07 \x9b31m")
    text = 'services: {a: {image: dragonfly, command: ["--maxmemory=\\e[31m2", "--dir=x"]}}\n'

    findings = examine(odd, config(), files=[compose_file(tmp_path, text)])

    shown = render_text(findings, width=200, color=color)
    assert "\\x1b]0;title\\x07 \\x9b31m" in shown
    assert "'\\x1b[31m2'" in shown
    assert "\x1b[31m2" not in shown
