"""`-v` and `-q`, at any position, control the output on stderr apart from errors."""

import logging

import pytest
from click.testing import CliRunner

from infra.host.recording import record
from qca.cli import cli
from qca.cli.verbosity import is_quiet
from tests.support.hosts import host

COMPOSE = "services:\n  cache:\n    image: dragonflydb/dragonfly:v1.40.0\n"


@pytest.fixture
def host_folder(tmp_path, monkeypatch):
    """A folder with a recorded host and a Compose file, to work in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "host.json").write_text(record(host()))
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    return tmp_path


def _list_commands(group, words=()):
    yield words, group
    if hasattr(group, "list_commands"):
        context = group.make_context("qca", [], resilient_parsing=True)
        for name in group.list_commands(context):
            yield from _list_commands(group.get_command(context, name), (*words, name))


COMMANDS = dict(_list_commands(cli))


def test_every_command_has_both_options_once():
    again = dict(_list_commands(cli))  # a command that was already looked up
    assert ("runs", "rm") in again
    for command in again.values():
        names = [name for option in command.params for name in option.opts]
        assert [names.count(name) for name in ("-v", "--verbose", "-q", "--quiet")] == [1] * 4


@pytest.mark.parametrize(
    "words",
    [
        ("-v", "render", "compose", "--facts", "host.json"),
        ("render", "--verbose", "compose", "--facts", "host.json"),
        ("render", "compose", "--facts", "host.json", "-v"),
    ],
    ids=" ".join,
)
def test_verbose_names_each_file_that_is_read(host_folder, words):
    done = CliRunner().invoke(cli, words)

    assert done.exit_code == 0, done.output
    size = (host_folder / "host.json").stat().st_size
    assert f"debug: read host.json, {size} bytes\n" in done.stderr
    assert "debug" not in done.stdout


def test_given_twice_it_shows_each_line_once(host_folder):
    done = CliRunner().invoke(cli, ["-v", "render", "-v", "compose", "--facts", "host.json", "-v"])

    assert done.stderr.count("read host.json") == 1


def test_without_it_nothing_is_shown_and_loggers_are_unchanged(host_folder):
    CliRunner().invoke(cli, ["-v", "plan", "--facts", "host.json"])

    done = CliRunner().invoke(cli, ["render", "compose", "--facts", "host.json"])

    assert done.stderr == ""
    for name in ("qca", "infra"):
        assert logging.getLogger(name).handlers == []
        assert logging.getLogger(name).level == logging.NOTSET


def test_verbose_times_each_probe_and_each_program(qca, tmp_path):
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)

    done = qca("doctor", "-v", "--only", "QCA201", check=None, PATH=f"{tmp_path}:/usr/bin:/bin")

    lines = done.stderr.splitlines()
    assert all(line.startswith("debug: ") for line in lines)
    for name in ("docker", "compose", "gpu", "python"):
        assert any(line.startswith(f"debug: probe {name} ") for line in lines), name
    [ran] = [line for line in lines if " compose version` in " in line]  # a long path is left out
    assert ran.endswith(" s: exit code 3")


def test_verbose_shows_no_secrets_or_control_characters(qca, monkeypatch):
    name = "tok-4711x\x1b[31m.json"
    (qca.folder / name).write_text(record(host()))

    done = qca("plan", "-v", "--facts", name, API_TOKEN="tok-4711x")

    assert "debug: read ***\\x1b[31m.json" in done.stderr
    assert "tok-4711x" not in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("switch", ["-q", "--quiet"])
def test_quiet_omits_notes_and_keeps_errors(host_folder, switch):
    words = ["render", "compose", "--facts", "host.json", "-o"]

    loud = CliRunner().invoke(cli, [*words, "a.yaml"])
    quiet = CliRunner().invoke(cli, [*words, "b.yaml", switch])
    failed = CliRunner().invoke(cli, [*words[:-1], "--check", switch])

    assert loud.stderr == "Wrote a.yaml.\n"
    assert quiet.stderr == ""
    assert (host_folder / "b.yaml").read_text() == (host_folder / "a.yaml").read_text()
    assert failed.exit_code == 2
    assert "Error" in failed.stderr


def test_a_quiet_run_trains_without_output(qca):
    from tests.support.program import episodes, write_config

    write_config(qca.folder)

    done = qca("train", "-q")

    assert done.stderr == ""
    assert episodes(qca) == [1, 2, 3, 4, 5, 6]


def test_combining_both_is_a_usage_error():
    done = CliRunner().invoke(cli, ["-q", "plan", "-v"])

    assert done.exit_code == 2
    assert "-v and -q cannot be combined" in done.stderr


def test_outside_a_command_nothing_is_quiet():
    assert not is_quiet()
