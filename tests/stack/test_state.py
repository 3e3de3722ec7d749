"""The state folder: one `qca up` at a time, and nobody else's."""

import fcntl
import os

import pytest

from infra.stack import state as module
from infra.stack.state import StateDir, read_holder, read_launch, state_lock, stop_holder
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


@pytest.mark.parametrize(
    "number", [-1, -os.getpid(), 2**22, 2**80], ids=["all", "own group", "too large", "absurd"]
)
def test_what_is_no_process_id_is_never_signalled(tmp_path, monkeypatch, number):
    sent: list[int] = []
    monkeypatch.setattr(module.os, "kill", lambda pid, _: sent.append(pid))
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.0)
    state = StateDir(tmp_path)
    with state.lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{number}\n")
        lock.flush()
        assert not stop_holder(state)
    assert sent == []


def test_another_users_folder_is_not_ours_to_remove(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "compose.yaml"))

    monkeypatch.setattr(module.Path, "unlink", refuse)
    with pytest.raises(LaunchError, match=r"compose\.yaml: Permission denied"):
        StateDir(tmp_path).remove()


def read_tree(folder):
    return {
        path.relative_to(folder): path.is_file() and path.read_text() for path in folder.rglob("*")
    }


PLANTED = {
    "the folder is a link": lambda root: root.symlink_to("."),
    "the lock is a link": lambda root: (root.mkdir(), (root / "lock").symlink_to("../victim")),
    "a log is a link": lambda root: (
        (root / "logs").mkdir(parents=True),
        (root / "logs/trainer.log").symlink_to("../../victim"),
    ),
    "the logs are a link": lambda root: (root.mkdir(), (root / "logs").symlink_to("../logs")),
    "the launch is a pipe": lambda root: (root.mkdir(), os.mkfifo(root / "launch.json")),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_what_was_planted_is_refused_and_nothing_touched(tmp_path, monkeypatch, plant):
    monkeypatch.chdir(tmp_path)
    for name in ("compose.yaml", ".env", "victim", "logs/app.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("precious")
    state = StateDir(module.STATE_DIR)
    plant(state.root)
    before = read_tree(tmp_path)
    for use in (state.remove, lambda: read_launch(state), lambda: state_lock(state).__enter__()):
        with pytest.raises(LaunchError, match=r"\.qca"):
            use()
    assert read_tree(tmp_path) == before


def test_a_folder_in_which_nothing_was_launched_keeps_its_files(tmp_path):
    state = StateDir(tmp_path / ".qca")
    state.root.mkdir()
    state.compose_file.write_text("not by qca")
    with state_lock(state):
        pass
    state.remove()
    assert [path.name for path in state.root.iterdir()] == ["compose.yaml"]
