"""The output of a local launch's trainer, and the ways it can exit."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.host.recording import load
from infra.stack import launch_local
from infra.stack.plan import plan_stack
from infra.stack.state import StateFolder
from qca.core.config import Config, StackConfig, TrainConfig
from qca.core.errors import LaunchError

HOSTS = Path(__file__).parents[1] / "hosts"
Launch = Callable[[str], list[str]]


@pytest.fixture
def launch(tmp_path, monkeypatch) -> Launch:
    """Return a function that runs a program instead of the trainer."""
    facts = load(HOSTS / "gpu-no-permission.json")
    plan = plan_stack(facts, Config(StackConfig(runtime="local"), TrainConfig()))

    def run(program: str) -> list[str]:
        command = [sys.executable, "-c", f"import os, sys\n{program}"]
        monkeypatch.setattr(launch_local, "_build_trainer_command", lambda *_: command)
        state = StateFolder(tmp_path)
        return list(launch_local.run_trainer(plan, state, runs=tmp_path, store_url="unix://store"))

    return run


def test_undecodable_bytes_are_replaced(launch):
    assert launch(r"sys.stdout.buffer.write(b'\xff by a library\n')") == ["\ufffd by a library"]


@pytest.mark.parametrize(
    ("program", "end"),
    [
        ("sys.exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), 9)", "signal SIGKILL"),
        ("os.kill(os.getpid(), 40)", "signal 40"),
    ],
)
def test_the_exit_of_the_trainer_is_described(launch, program, end):
    with pytest.raises(LaunchError, match=rf"the trainer failed with {end}\."):
        launch(program)
