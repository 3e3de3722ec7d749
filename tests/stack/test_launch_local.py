"""The output of a local launch's trainer, and the ways it can exit."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from infra.stack.decision import Decision
from infra.stack.launch_local import build_local_command, run_trainer
from infra.stack.plan import plan_stack
from infra.stack.state import StateFolder
from qca.core.config import Config
from qca.core.errors import LaunchError
from tests.support.hosts import host

Launch = Callable[[str], list[str]]


@pytest.fixture
def launch(tmp_path) -> Launch:
    """Return a function that runs a program instead of the trainer."""

    def run(program: str) -> list[str]:
        command = [sys.executable, "-c", f"import os, sys\n{program}"]
        return list(run_trainer(command, StateFolder(tmp_path)))

    return run


def test_the_trainer_uses_both_gpus_resumes_and_reports_to_the_store():
    plan = plan_stack(host(), Config())
    both = replace(plan, trainer=replace(plan.trainer, gpus=Decision(2, "both")))

    command = build_local_command(both, Path("runs"), "unix://store")

    assert command[:5] == [sys.executable, "-P", "-m", "qca", "train"]
    assert command[-5:] == [
        *("--resume", "--runs=runs", "--progress=json", "--store=unix://store", "--processes=2")
    ]


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
