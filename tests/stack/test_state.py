"""The state folder and the project's name: one `qca up` at a time."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.stack import state as module
from infra.stack.state import StateDir, claimed, held, holder, stop_holder
from qca.errors import LaunchError

CLAIM = "import sys; from infra.stack.state import claimed\nwith claimed(sys.argv[1]): input()"


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_a_name_is_launched_by_one_at_a_time_and_the_other_is_named(tmp_path):
    with claimed("qca"):
        done = subprocess.run(
            [sys.executable, "-c", CLAIM, "qca"], cwd=tmp_path, capture_output=True, text=True
        )
    who = f"process {os.getpid()} in {Path.cwd()}"
    assert f"another `qca up` ({who}) launches the project 'qca'" in done.stderr


def test_another_name_is_free_and_so_is_one_whose_holder_has_ended():
    with claimed("qca"), claimed("other"):
        pass
    with claimed("qca"):
        pass


def test_a_lock_through_somebody_elses_link_is_not_taken(tmp_path):
    (tmp_path / f"qca-{os.getuid()}-qca.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(LaunchError, match="lock"), claimed("qca"):
        pass
    assert not (tmp_path / "victim").exists()


def test_a_folder_is_held_by_one_and_freed_with_it(tmp_path):
    state = StateDir(tmp_path / ".qca")
    with held(state):
        assert holder(state) == os.getpid()
        with pytest.raises(LaunchError, match=f"process {os.getpid()}"), held(state):
            pass
    assert holder(state) is None
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
