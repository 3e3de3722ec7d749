"""Only one `qca up` at a time uses a state folder, and only that one is signaled to stop."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra.stack import state_lock as module
from infra.stack.state import StateFolder
from infra.stack.state_lock import find_holder, is_held, state_lock, stop_holder
from qca.core.errors import LaunchError


@pytest.fixture
def state(tmp_path) -> StateFolder:
    return StateFolder(tmp_path)


@pytest.fixture
def signals(monkeypatch) -> list[int]:
    """Return the list of signaled processes; no signal is really sent."""
    sent: list[int] = []
    monkeypatch.setattr(module.os, "kill", lambda pid, _: sent.append(pid))
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.0)
    return sent


@contextmanager
def hold_lock(state: StateFolder, text: object) -> Iterator[None]:
    with state.lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{text}\n")
        lock.flush()
        yield


def test_a_folder_is_locked_until_its_holder_exits(tmp_path):
    state = StateFolder(tmp_path / ".qca")
    with state_lock(state):
        assert is_held(state)
        assert find_holder(state) == os.getpid()
        with pytest.raises(LaunchError, match=f"process {os.getpid()}"), state_lock(state):
            pass
    assert not is_held(state)
    assert find_holder(state) is None
    assert not state.root.exists()


def test_finding_the_holder_does_not_block_a_start(state, monkeypatch):
    state.lock_file.touch()
    with state.lock_file.open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        monkeypatch.setattr("time.sleep", lambda _: asking.close())
        with state_lock(state):
            assert is_held(state)


HOLD = "import fcntl, time; fcntl.flock(0, fcntl.LOCK_EX); print(flush=True); time.sleep(60)"


def test_the_holder_is_told_to_stop(state):
    state.lock_file.touch()
    with state.lock_file.open() as lock:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD], stdin=lock, stdout=subprocess.PIPE, text=True
        )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        state.lock_file.write_text(f"{holder.pid}\n")
        assert stop_holder(state)
    assert holder.returncode == -signal.SIGTERM


def test_another_users_up_is_not_stopped(state, monkeypatch):
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(module.os, "kill", refuse)
    with hold_lock(state, os.getpid()), pytest.raises(LaunchError, match="belongs to another user"):
        stop_holder(state)


NOT_THE_HOLDER = {
    "a process that has not opened it": os.getppid,
    "no process": lambda: 2**22 - 1,
    "all processes": lambda: -1,
    "its own group": lambda: -os.getpid(),
    "too large": lambda: 2**22,
    "absurd": lambda: 2**80,
    "no number": lambda: "x" * 1000,
    "nothing": str,
}


@pytest.mark.parametrize("name", NOT_THE_HOLDER.values(), ids=NOT_THE_HOLDER)
def test_a_process_without_the_lock_is_never_signaled(state, signals, name):
    with hold_lock(state, name()):
        assert find_holder(state) is None
        with pytest.raises(LaunchError, match="cannot determine which process holds"):
            stop_holder(state)
    assert signals == []


def test_a_process_that_only_reads_the_lock_file_is_never_signaled(state, signals):
    state.lock_file.touch()
    with (
        state.lock_file.open() as opened,
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=opened) as reader,
        hold_lock(state, reader.pid),
        pytest.raises(LaunchError, match="cannot determine"),
    ):
        stop_holder(state)
    assert signals == []


def test_an_unlocked_lock_file_has_no_holder(state, signals):
    state.lock_file.write_text(f"{os.getpid()}\n")
    assert not stop_holder(state)
    assert signals == []
