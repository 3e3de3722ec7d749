"""The lock of a run folder, which one trainer holds at a time."""

import fcntl
from pathlib import Path

import pytest

from qca.core.errors import LaunchError
from qca.runs.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def test_one_trainer_holds_the_lock_and_the_next_is_refused(folder: RunFolder) -> None:
    with folder.hold():
        assert folder.is_held()
        with pytest.raises(LaunchError, match="another trainer"), folder.hold():
            pass
    assert not folder.is_held()


def test_checking_the_lock_does_not_block_a_trainer(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with folder.hold():
        folder.config.touch()
    with (folder.path / "lock").open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        monkeypatch.setattr("time.sleep", lambda _: asking.close())
        with folder.hold():
            assert folder.is_held()
