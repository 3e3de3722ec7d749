"""A run folder or a state folder of another user is reported and not changed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import Program, short_folder, write_config
from tests.support.resident_floor import cache_resident_floor

SOMEBODY = 54321

TRAIN = ("train", "--profile=cpu", "--device=cpu", "--recompute=step", "--resume")


@pytest.fixture
def program() -> Iterator[Program]:
    """The program as an ordinary user, in a folder of that user."""
    if os.geteuid() != 0:
        pytest.skip("only root can make somebody else's files")
    # Allows reading the interpreter and the checkout, perhaps in root's home, but no writing.
    read = [f"--{which}-caps=-all,+dac_read_search" for which in ("inh", "ambient")]
    become = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups", *read]
    with short_folder() as folder:
        write_config(folder)
        cache_resident_floor(folder / ".cache")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, SOMEBODY, SOMEBODY)
        yield Program(folder, {"HOME": str(folder)}, become)


def roots(folder: Path) -> Path:
    """A folder of root, with a file in it."""
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("")
    return folder


def files(folder: Path) -> dict[Path, tuple[int, float]]:
    return {path: (path.stat().st_size, path.stat().st_mtime) for path in folder.rglob("*")}


@pytest.mark.parametrize("command", [TRAIN, ("up", "--runtime", "local")], ids=["train", "up"])
def test_a_run_folder_of_another_user_is_reported_and_not_changed(program, command):
    run = roots(program.folder / "runs" / "first")
    before = files(run)
    done = program(*command, check=1)
    assert "runs/first" in done.stderr
    assert "Permission denied" in done.stderr
    assert "elsewhere" in done.stderr  # the hint
    assert files(run) == before


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_state_folder_of_another_user_is_reported_and_not_changed(program, command):
    state = program.folder / ".qca"
    state.mkdir()
    (state / "lock").write_text("")
    (state / "compose.yaml").write_text("")
    done = program(command, check=1)
    assert ".qca: belongs to user 0" in done.stderr
    assert {path.name for path in state.iterdir()} == {"lock", "compose.yaml"}
