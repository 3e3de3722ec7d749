"""Every program that is run and every file that is read is logged."""

import logging
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.files import read_text
from infra.stack.docker_client import run_docker
from infra.stack.process import run_streaming
from qca.core.diagnostics import format_command, log_command, log_time
from qca.core.errors import LaunchError
from qca.core.plain_files import read_plain


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, logger="qca.core.diagnostics")
    return caplog


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["docker", "compose", "version"], "docker compose version"),
        ([Path("/a b/docker"), "ps"], "'/a b/docker' ps"),
        (["python", "-c", "import sys\nprint(1)"], "python -c ..."),
        (["sh", "-c", "x" * 80], "sh -c ..."),
        (["sh", "-c", "x" * 79], f"sh -c {'x' * 79}"),
    ],
)
def test_a_command_is_logged_as_a_user_would_type_it(words, text):
    assert format_command(words) == text


def test_a_program_is_logged_with_its_time_and_exit_code(records):
    with log_command(["docker", "ps"]) as run:
        run.exit_code = 3

    [line] = records.messages
    assert line.startswith("ran `docker ps` in 0.0")
    assert line.endswith(" s: exit code 3")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (LaunchError("it hangs"), "it hangs"),
        (ValueError(), "ValueError"),
        (KeyboardInterrupt(), "not finished"),
    ],
)
def test_a_program_that_did_not_finish_is_logged_with_the_reason(records, error, outcome):
    with pytest.raises(type(error)), log_command(["docker", "ps"]):
        raise error

    assert records.messages[0].endswith(f" s: {outcome}")


@pytest.mark.parametrize("outcome", ["answered", "failed"])
def test_a_time_is_logged_with_the_outcome(records, outcome):
    with suppress(ProbeError), log_time("probe gpu"):
        if outcome == "failed":
            raise ProbeError("it hangs")

    [line] = records.messages
    assert line.startswith(f"probe gpu {outcome} after 0.0")


def _probe(words):
    with Deadline(10) as deadline:
        deadline.run(words)


def _stream(words):
    run_streaming(words, tick=lambda _: None, hint="")


@pytest.mark.parametrize("run", [_probe, _stream], ids=["probe", "stream"])
@pytest.mark.parametrize("code", [0, 3])
def test_every_way_to_run_a_program_logs_it(records, run, code):
    words = [sys.executable, "-c", f"raise SystemExit({code})"]
    try:
        run(words)
    except LaunchError:
        assert code != 0

    [line] = records.messages
    assert line.startswith(f"ran `{format_command(words)}` in ")
    assert line.endswith(f"exit code {code}")


def test_a_program_that_does_not_answer_is_logged_with_the_limit(records):
    with pytest.raises(ProbeError), Deadline(0.2) as deadline:
        deadline.run(["sleep", "10"])

    assert records.messages[0].endswith("did not answer within 0.2 s")


def test_docker_is_logged_too(records, monkeypatch, tmp_path):
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert run_docker("manifest", "inspect", "x") is None

    [line] = records.messages
    assert line.startswith("ran `docker manifest inspect x` in ")
    assert line.endswith("exit code 2")


def test_both_ways_to_read_a_file_log_it(records, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("é\n")

    read_plain(file, limit=10)
    read_text(file)

    assert records.messages == [f"read {file}, 3 bytes"] * 2


def test_a_search_of_all_processes_is_not_logged(records):
    read_text(Path("/proc/1/comm"))
    read_text(Path("/proc/uptime"))

    assert [line.split(",")[0] for line in records.messages] == ["read /proc/uptime"]
