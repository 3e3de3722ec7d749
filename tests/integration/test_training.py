"""Watch a run in containers, disturb it from outside, and stop it."""

import json
import re
import signal
from pathlib import Path

import pytest

from tests.support.program import Program
from tests.support.stack import Stack, Training
from tests.support.terminal import open_terminal
from tests.support.waiting import wait_for

SERVICES = ["store", "trainer"]


@pytest.fixture
def stack(training: Training) -> Stack:
    """A stack with a run in progress."""
    training.up()
    return training.stack


# -- what a person can ask ------------------------------------------------------------------------


def test_every_episode_arrives_in_the_store_once_and_in_order(stack):
    seen = len(stack.read_stream())
    stored = wait_for(lambda: (found := stack.read_stream())[seen + 10 :] and found)
    assert [record["episode"] for record in stored] == list(range(1, len(stored) + 1))
    assert {"loss", "steps_per_second", "memory_bytes"} <= stored[-1].keys()


def test_status_shows_both_services_and_the_progress(stack):
    def status():
        found = json.loads(stack.qca("status", "--format", "json").stdout)
        healths = [service["health"] for service in found["services"]]
        return found if healths == ["healthy", "healthy"] else None

    found = wait_for(status)
    assert found["schema_version"] == 1
    assert found["project"] == stack.project
    assert [service["name"] for service in found["services"]] == SERVICES
    assert found["last_episode"]["episode"] >= 1
    assert found["episodes"] == 1_000_000
    assert found["eta_seconds"] > 60
    assert 2**20 < found["memory"]["used_bytes"] < found["memory"]["budget_bytes"]
    text = stack.qca("status").stdout
    assert "running" in text
    assert "loss" in text


def test_logs_are_those_of_the_requested_service(stack):
    lines = stack.qca("logs", "trainer", "-n", "2").stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("trainer-1") and "episode " in line for line in lines)
    assert "stands in for Dragonfly" in stack.qca("logs", "store").stdout


def test_logs_follow_until_ctrl_c(stack):
    with stack.qca.start("logs", "-f", "--tail", "1", "trainer") as logs:
        wait_for(lambda: logs.stdout.read_text().count("| episode ") > 20)
        assert logs.end(signal.SIGINT).returncode == 130


def test_watching_redraws_until_ctrl_c(stack):
    with open_terminal(stack.qca, "status", "--watch") as terminal:
        wait_for(lambda: len(set(re.findall(r"([\d,]+) of 1,000,000", terminal.read()))) >= 2)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(30) == 130
        assert "Traceback" not in terminal.read()


def test_progress_goes_to_stderr_as_plain_lines(training):
    up = training.up()
    up.wait_for_stderr("loss ")
    assert up.stdout.read_text() == ""
    assert "\x1b" not in up.read_stderr()


# -- others ---------------------------------------------------------------------------------------


def test_a_second_up_in_the_folder_is_refused_and_changes_nothing(training, stack):
    up = training.up()
    done = stack.up(check=1)
    assert f"process {up.process.pid}" in done.stderr
    assert up.process.poll() is None
    assert stack.inspect("trainer")["State"]["Running"]


def test_another_folder_cannot_take_over_the_project(stack, tmp_path):
    other = Program(tmp_path, stack.qca.variables)
    (tmp_path / "qca.toml").write_text((stack.folder / "qca.toml").read_text())
    done = other("up", "--runtime", "compose", check=1)
    assert str(stack.folder) in done.stderr
    assert "--project" in done.stderr
    assert not (tmp_path / ".qca").exists()
    assert stack.inspect("trainer")["State"]["Running"]


# -- its ends -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)], ids=["ctrl-c", "sigterm"]
)
def test_a_signal_stops_everything_with_a_checkpoint_and_the_next_up_resumes(
    training, number, status
):
    up, stack = training.up(), training.stack
    assert up.end(number).returncode == status
    assert not any(stack.list_leftovers().values())
    assert not (stack.folder / ".qca").exists()
    saved = stack.list_checkpoints()[-1]
    assert saved == stack.metrics()[-1]
    assert f"episode {saved + 1}/" in training.up().read_stderr()


def test_down_first_stops_a_running_up_and_its_watchers(training):
    up, stack = training.up(), training.stack
    with open_terminal(stack.qca, "status", "--watch") as terminal:
        wait_for(lambda: "of 1,000,000" in terminal.read())
        done = stack.qca("down")
        assert "stopped" in done.stderr
        assert up.end().returncode == 0
        assert terminal.process.wait(30) == 0, terminal.read()
    assert not any(stack.list_leftovers().values())


def test_a_killed_up_leaves_a_stack_that_down_removes(training):
    up, stack = training.up(), training.stack
    up.process.kill()
    up.process.wait()
    assert "running" in stack.qca("status").stdout
    stack.qca("down", "--volumes")
    assert not any(stack.list_leftovers().values())
    assert not Path(stack.folder / ".qca").exists()
