"""Only one `qca up` at a time can launch a project's name."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.stack import project_lock as module
from infra.stack.project_lock import project_lock
from qca.core.errors import LaunchError

HOLD_PROJECT = """\
import sys; from infra.stack.project_lock import project_lock
with project_lock(sys.argv[1]): input()"""


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_only_one_up_launches_a_name_and_the_other_is_named(tmp_path):
    with project_lock("qca"):
        done = subprocess.run(
            [sys.executable, "-c", HOLD_PROJECT, "qca"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
    who = f"process {os.getpid()} in {Path.cwd()}"
    assert f"another `qca up` ({who}) is launching the project 'qca'" in done.stderr


def test_other_names_and_released_names_are_free():
    with project_lock("qca"), project_lock("other"):
        pass
    with project_lock("qca"):
        pass


def test_a_lock_leaves_nothing_behind(tmp_path):
    with project_lock("qca"):
        assert [path.name for path in tmp_path.iterdir()] == [f"qca-{os.getuid()}-qca.lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_was_just_removed_is_not_locked(tmp_path, monkeypatch):
    """Otherwise two would hold the lock: one on the removed file, one on its successor."""
    path, really = tmp_path / f"qca-{os.getuid()}-qca.lock", fcntl.flock
    removals = iter([path.unlink])

    def remove_then_lock(lock: object, operation: int) -> None:
        next(removals, lambda: None)()
        really(lock, operation)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "flock", remove_then_lock)
    with project_lock("qca"):
        assert path.read_text().startswith("process ")


def test_a_lock_through_another_users_link_is_not_locked(tmp_path):
    (tmp_path / f"qca-{os.getuid()}-qca.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(LaunchError, match="lock"), project_lock("qca"):
        pass
    assert not (tmp_path / "victim").exists()
