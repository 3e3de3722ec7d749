"""The report as a block for a bug report and as annotations; the schema; the pre-commit hook."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Location, Severity, Verdict
from infra.doctor.formats.github import render_github
from infra.doctor.formats.markdown import render_markdown
from infra.host.recording import load, record
from qca.cli import cli
from tests.doctor.formats.test_text import SCHEMA, SEEDS_STACK
from tests.support.hosts import compose_file, config, engine, host, no_engine, seeds_laptop

ROOT = Path(__file__).parents[3]
BAD = (
    "services:\n  cache:\n    image: dragonflydb/dragonfly\n"
    "    command: --maxmemory=2G --proactor_threads=16\n"
)
GOOD = BAD.replace("16", "8")


def _finding(message: str, severity: Severity = Severity.ERROR) -> Finding:
    verdict = Verdict(severity, message)
    return Finding(
        "QCA301", "dragonfly", severity, "A, title: 100%", message, verdict.evidence, (), "u",
        Location("a,b.yml", 7),
    )  # fmt: skip


def test_an_annotation_is_one_line_that_github_reads_back():
    line = render_github([_finding("50% of\nit :: is, fine")])

    assert line == (
        "::error file=a%2Cb.yml,line=7,title=QCA301 A%2C title%3A 100%25::"
        "50%25 of%0Ait :: is, fine\n"
    )


def test_annotations_of_every_severity_but_ok():
    findings = [_finding("x", severity) for severity in Severity]

    levels = [line.split()[0] for line in render_github(findings).splitlines()]

    assert sorted(levels) == ["::error", "::notice", "::notice", "::warning"]


def test_markdown_is_one_block_that_replays_the_host(tmp_path):
    facts = seeds_laptop()
    text = render_markdown(examine(facts, config(SEEDS_STACK)), facts)

    (recorded,) = re.findall(r"```json\n(.*?)```", text, re.S)
    (tmp_path / "host.json").write_text(recorded)
    assert load(tmp_path / "host.json") == facts
    assert "Not supported URL scheme http+docker" in " ".join(text.split())
    assert "qca doctor --facts host.json" in text


def test_markdown_names_nobody_and_cannot_be_left(tmp_path):
    home = str(Path.home())
    refused = no_engine("bad-host")
    address = "tcp://user:hunter2@machine.example:2375"
    facts = host(docker=replace(refused, host=address, detail=f"{home}/x ````` <b>"))

    text = render_markdown(examine(facts, config()), facts)

    assert "hunter2" not in text
    assert "machine.example" not in text
    assert f"{home}/x" not in text
    for fence in re.findall(r"^(`{3,})text$", text, re.M):
        assert len(fence) > 5


def test_the_published_schema_is_a_schema_and_holds(tmp_path):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    (tmp_path / "c.yml").write_text(BAD)
    (tmp_path / "h.json").write_text(record(host(docker=engine(cpus=16))))

    words = ["doctor", "--facts", str(tmp_path / "h.json"), "-f", str(tmp_path / "c.yml")]
    done = CliRunner().invoke(cli, [*words, "--format", "json"])

    document = json.loads(done.output)
    jsonschema.validate(document, SCHEMA)
    assert any(remedy["diff"] for f in document["findings"] for remedy in f["remedies"])


@pytest.fixture
def hook() -> dict[str, str]:
    (hook,) = YAML(typ="safe").load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return hook


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("compose.yaml", True),
        ("docker-compose.yml", True),
        ("deploy/docker-compose.prod.yml", True),
        ("compose.override.yaml", True),
        ("decompose.yml", False),
        ("compose.txt", False),
        ("compose/cpu.yaml", False),
    ],
)
def test_the_hook_takes_compose_files(hook, name, taken):
    assert bool(re.search(hook["files"], name)) is taken


@pytest.mark.parametrize(("text", "code"), [(BAD, 1), (GOOD, 0)])
def test_the_hook_lets_no_wrong_file_pass(hook, tmp_path, monkeypatch, text, code):
    """As pre-commit runs it: the entry, and the names of all files behind it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compose.yml").write_text(GOOD)
    (tmp_path / "docker-compose.yml").write_text(text)
    program, *words = shlex.split(hook["entry"])

    done = CliRunner().invoke(cli, [*words, "compose.yml", "docker-compose.yml"])

    assert program == "qca"
    assert done.exit_code == code, done.output
    assert "QCA101" not in done.output


def test_files_by_themselves_and_files_as_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yml").write_text(GOOD)
    (tmp_path / "b.yml").write_text("services: {cache: {command: --maxmemory=1M}}\n")
    (tmp_path / "h.json").write_text(record(host(docker=engine(cpus=16))))
    words = ["doctor", "--facts", "h.json", "--files-only", "--only", "QCA301"]

    assert CliRunner().invoke(cli, [*words, "a.yml", "b.yml"]).exit_code == 0
    assert CliRunner().invoke(cli, [*words, "-f", "a.yml", "-f", "b.yml"]).exit_code == 1


def test_files_only_without_a_file_is_a_usage_error():
    assert CliRunner().invoke(cli, ["doctor", "--files-only"]).exit_code == 2


def test_a_file_is_annotated_on_its_line(tmp_path):
    file = compose_file(tmp_path, BAD)

    text = render_github(examine(host(docker=engine(cpus=16)), config(), files=[file]))

    assert f"::error file={file.path},line=4,title=QCA301" in text
