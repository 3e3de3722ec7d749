"""Run every command of docs/doctor.md, in order."""

import re
import shlex

import pytest
from click.testing import CliRunner

from infra.doctor.checks import CHECKS
from qca.cli import cli
from tests.support.pages import list_commands, read_page

COMMANDS = list_commands("doctor")
FILES = {
    "docker-compose.yml": "services:\n  cache:\n    image: dragonflydb/dragonfly:v1.40.0\n"
    "    command: --maxmemory=2G --proactor_threads=16\n    mem_limit: 3g\n",
    "more.yml": "services:\n  cache:\n    image: dragonflydb/dragonfly:v1.40.0\n"
    "    command: --maxmemory=2G --proactor_threads=8\n",
}


def test_there_is_a_command_for_each_task():
    assert len(COMMANDS) > 12


def test_every_command_runs(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    for line in COMMANDS:
        program, *words = shlex.split(line)
        assert program == "qca"

        done = CliRunner().invoke(cli, words)

        assert done.exit_code in (0, 1), (line, done.output)
        assert not done.exception or isinstance(done.exception, SystemExit), (line, done.exception)
    assert "--proactor_threads=8" in (tmp_path / "docker-compose.yml").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*FILES, "host.json"])


def test_the_checks_that_it_names_exist():
    assert set(re.findall(r"QCA\d{3}", read_page("doctor"))) <= {check.id for check in CHECKS}
