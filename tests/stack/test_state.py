"""The state folder: one `qca up` at a time, and nobody else's."""

import fcntl
import os

import pytest

from infra.stack import state as module
from infra.stack.state import StateDir, read_holder, state_lock, stop_holder
from qca.core.errors import LaunchError


def test_a_folder_is_held_by_one_and_freed_with_it(tmp_path):
    state = StateDir(tmp_path / ".qca")
    with state_lock(state):
        assert read_holder(state) == os.getpid()
        with pytest.raises(LaunchError, match=f"process {os.getpid()}"), state_lock(state):
            pass
    assert read_holder(state) is None
    assert not state.root.exists()


def test_another_users_up_is_not_ours_to_stop(tmp_path, monkeypatch):
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    state = StateDir(tmp_path)
    with state.lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("1\n")
        lock.flush()
        monkeypatch.setattr(module.os, "kill", refuse)
        with pytest.raises(LaunchError, match="another user's"):
            stop_holder(state)


def test_another_users_folder_is_not_ours_to_remove(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "compose.yaml"))

    monkeypatch.setattr(module.Path, "unlink", refuse)
    with pytest.raises(LaunchError, match=r"compose\.yaml: Permission denied"):
        StateDir(tmp_path).remove()
