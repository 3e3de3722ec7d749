"""Files are locked and unlocked, and locks of other processes are detected."""

import fcntl
from pathlib import Path

import pytest

from qca.core.file_lock import is_locked, lock_exclusively


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "lock").touch()
    return tmp_path / "lock"


def test_a_file_is_locked_until_it_is_closed(path: Path) -> None:
    with path.open() as file:
        before = is_locked(path)
        lock_exclusively(file)
        during = is_locked(path)

    assert (before, during, is_locked(path)) == (False, True, False)


def test_a_locked_file_is_refused(path: Path) -> None:
    with path.open() as first, path.open() as second:
        lock_exclusively(first)
        with pytest.raises(BlockingIOError):
            lock_exclusively(second)


def test_a_refused_process_does_not_lock_the_file(path: Path) -> None:
    with path.open() as first, path.open() as second:
        lock_exclusively(first)
        with pytest.raises(BlockingIOError):
            lock_exclusively(second)
        first.close()
        assert not is_locked(path)


def test_checking_a_lock_does_not_block_others(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with path.open() as asking, path.open() as file:
        fcntl.flock(asking, fcntl.LOCK_SH)
        monkeypatch.setattr("time.sleep", lambda _: asking.close())
        lock_exclusively(file)
        assert is_locked(path)


def test_a_shared_lock_that_stays_is_a_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with path.open() as first, path.open() as second:
        fcntl.flock(first, fcntl.LOCK_SH)
        with pytest.raises(BlockingIOError):
            lock_exclusively(second)


def test_a_missing_file_is_not_locked(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "none")
