"""An interrupted `qca up` removes everything, or one line names the rest and how to remove it."""

import os
import shutil
import signal
import time

import pytest

from tests.support.program import ENDLESS
from tests.support.stack import Stack
from tests.support.terminal import open_terminal
from tests.support.waiting import wait_for

UP = ("up", "--runtime", "compose", *ENDLESS)


def assert_gone_or_said(stack: Stack, said: str) -> None:
    """In either case, `qca down` then leaves only the run."""
    left = stack.list_leftovers()["containers"]
    assert not left or f"Some containers of the stack {stack.project} are left" in said
    assert not left or "`qca down first` removes them" in said
    stack.qca("down")
    assert not any(stack.list_leftovers().values())
    assert {path.name for path in stack.folder.iterdir()} <= {"qca.toml", "runs"}


@pytest.mark.parametrize("moment", ["Starting the store and the trainer", "episode "])
def test_two_ctrl_c_exit_with_130_and_name_the_rest(stack, moment):
    with stack.qca.start(*UP) as up:
        up.wait_for_stderr(moment)
        up.process.send_signal(signal.SIGINT)
        up.wait_for_stderr("Taking the stack down")
        up.process.send_signal(signal.SIGINT)
        done = up.end(seconds=30)
    assert done.returncode == 130
    assert_gone_or_said(stack, done.stderr)


def test_a_closed_terminal_stops_everything_with_a_checkpoint(stack):
    with open_terminal(stack.qca, *UP) as terminal:
        wait_for(lambda: "loss " in terminal.read())
        os.killpg(terminal.process.pid, signal.SIGHUP)  # which the kernel sends
        assert terminal.process.wait(90) == 0
    assert not any(stack.list_leftovers().values())
    assert stack.list_checkpoints()[-1] == stack.metrics()[-1]


def test_down_finds_a_stack_without_its_state_folder(stack):
    with stack.qca.start(*UP) as up:
        up.wait_for_stderr("episode ")
        up.process.kill()
        up.process.wait()
    shutil.rmtree(stack.folder / ".qca")
    assert f"Removed the {stack.project} stack" in stack.qca("down").stderr
    assert not any(stack.list_leftovers().values())
    assert "Nothing to do" in stack.qca("down").stderr


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("signals", [1, 2])
def test_interruptions_at_twenty_times_leave_nothing(stack, signals):
    for moment in range(20):
        with stack.qca.start(*UP) as up:
            time.sleep(0.5 * moment)
            for _ in range(signals):
                up.process.send_signal(signal.SIGINT)
                time.sleep(0.3)
                if up.process.poll() is not None:
                    break
            done = up.end()
        # While Python is starting, the signal ends Python itself.
        assert done.returncode in (130, -signal.SIGINT), (moment, done.stderr)
        assert_gone_or_said(stack, done.stderr)
