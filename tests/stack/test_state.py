"""The state folder, which only `qca up` may have created."""

import json
import os

import pytest

from infra.stack import state as module
from infra.stack.launch_record import read_launch
from infra.stack.state import StateFolder
from infra.stack.state_lock import state_lock
from qca.core.errors import LaunchError


def test_another_users_folder_is_not_removed(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "compose.yaml"))

    monkeypatch.setattr(module.Path, "unlink", refuse)
    with pytest.raises(LaunchError, match=r"compose\.yaml: Permission denied"):
        StateFolder(tmp_path).remove()


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
def test_planted_files_are_refused_and_not_changed(tmp_path, monkeypatch, plant):
    monkeypatch.chdir(tmp_path)
    for name in ("compose.yaml", ".env", "victim", "logs/app.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("precious")
    state = StateFolder(module.STATE_FOLDER)
    plant(state.root)
    before = read_tree(tmp_path)
    for use in (state.remove, lambda: read_launch(state), lambda: state_lock(state).__enter__()):
        with pytest.raises(LaunchError, match=r"\.qca"):
            use()
    assert read_tree(tmp_path) == before


def test_a_folder_in_which_nothing_was_launched_keeps_its_files(tmp_path):
    state = StateFolder(tmp_path / ".qca")
    state.root.mkdir()
    state.compose_file.write_text("not by qca")
    with state_lock(state):
        pass
    state.remove()
    assert [path.name for path in state.root.iterdir()] == ["compose.yaml"]


LAUNCH = {"runtime": "compose", "project": "qca", "run": "first", "runs": "runs"}

FORGED = {
    "another run's": ({"run": "second"}, "it belongs to the run second"),
    "a project that is an option": ({"project": "--all"}, "project: "),
    "a runtime that is a program": ({"runtime": "sh"}, "runtime: "),
    "a negative size": ({"context_bytes": -1}, "context_bytes: "),
    "more than the machine counts": ({"episodes": 2**63}, "episodes: "),
}


@pytest.mark.parametrize(("values", "message"), FORGED.values(), ids=FORGED)
def test_a_record_that_qca_up_cannot_have_written_is_refused(tmp_path, values, message):
    state = StateFolder(tmp_path / "first")
    state.root.mkdir()
    state.launch_file.write_text(json.dumps(LAUNCH | values))
    with pytest.raises(LaunchError, match=message):
        read_launch(state)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Invalid JSON"),
        ("[" * 60_000, "Invalid JSON"),
        (" " * 70_000, "larger than 64 KiB"),
        ('{"run": "first"}', "runtime: "),
    ],
    ids=["empty", "nested deep", "large", "incomplete"],
)
def test_a_damaged_record_is_refused_with_a_message(tmp_path, text, message):
    state = StateFolder(tmp_path / "first")
    state.root.mkdir()
    state.launch_file.write_text(text)
    with pytest.raises(LaunchError, match=message):
        read_launch(state)
