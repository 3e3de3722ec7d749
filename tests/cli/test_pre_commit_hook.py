"""The published pre-commit hook, and how it calls `qca doctor` with files."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from infra.host.recording import record
from qca.cli import cli
from tests.support.hosts import engine, host

HOOKS = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
BAD = (
    "services:\n  cache:\n    image: dragonflydb/dragonfly\n"
    "    command: --maxmemory=2G --proactor_threads=16\n"
)
GOOD = BAD.replace("16", "8")


@pytest.fixture
def hook() -> dict[str, str]:
    (hook,) = YAML(typ="safe").load(HOOKS.read_text())
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
def test_the_hook_accepts_compose_files(hook, name, taken):
    assert bool(re.search(hook["files"], name)) is taken


@pytest.mark.parametrize(("text", "code"), [(BAD, 1), (GOOD, 0)])
def test_the_hook_rejects_a_wrong_file(hook, tmp_path, monkeypatch, text, code):
    """Run the hook as pre-commit does: the entry, followed by the names of all files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compose.yml").write_text(GOOD)
    (tmp_path / "docker-compose.yml").write_text(text)
    program, *words = shlex.split(hook["entry"])

    done = CliRunner().invoke(cli, [*words, "compose.yml", "docker-compose.yml"])

    assert program == "qca"
    assert done.exit_code == code, done.output
    assert "QCA101" not in done.output


def test_files_are_checked_separately_or_merged(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yml").write_text(GOOD)
    (tmp_path / "b.yml").write_text("services: {cache: {command: --maxmemory=1M}}\n")
    (tmp_path / "h.json").write_text(record(host(docker=engine(cpus=16))))
    words = ["doctor", "--facts", "h.json", "--files-only", "--only", "QCA301"]

    assert CliRunner().invoke(cli, [*words, "a.yml", "b.yml"]).exit_code == 0
    assert CliRunner().invoke(cli, [*words, "-f", "a.yml", "-f", "b.yml"]).exit_code == 1


def test_files_only_without_a_file_is_a_usage_error():
    assert CliRunner().invoke(cli, ["doctor", "--files-only"]).exit_code == 2
